package topology

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// The kinds without chance. Each yields its edges as pairs of places; node v is at place v-1.

func buildCircular(n, _ int, _ rand.Source) *Graph {
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := range int32(n) {
			if next := (v + 1) % int32(n); next != v && !yield(v, next) {
				return
			}
		}
	})
}

func buildLine(n, _ int, _ rand.Source) *Graph {
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := range int32(n - 1) {
			if !yield(v, v+1) {
				return
			}
		}
	})
}

func buildStar(n, _ int, _ rand.Source) *Graph {
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := int32(1); v < int32(n); v++ {
			if !yield(0, v) {
				return
			}
		}
	})
}

func refuseTree(_, branching int) string {
	if branching < 1 {
		return fmt.Sprintf("a node needs room for at least 1 child, not %d", branching)
	}
	return ""
}

func buildTree(n, branching int, _ rand.Source) *Graph {
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := 1; v < n; v++ {
			if !yield(int32((v-1)/branching), int32(v)) {
				return
			}
		}
	})
}

// buildComplete makes a graph of parts of one node each.
func buildComplete(n, _ int, src rand.Source) *Graph { return buildTuran(n, n, src) }

func refuseTuran(n, parts int) string {
	switch {
	case parts < 1:
		return fmt.Sprintf("there is at least 1 part, not %d", parts)
	case parts > n:
		return fmt.Sprintf("%d parts need at least %d nodes, because none may be empty", parts, parts)
	case parts == 1 && n > 1:
		return fmt.Sprintf("%d nodes in 1 part have no peers, because peers are in different parts", n)
	}
	return ""
}

// buildTuran numbers the parts through; where they cannot be equal, the last ones have one node more.
func buildTuran(n, parts int, _ rand.Source) *Graph {
	size, small := n/parts, parts-n%parts
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		next := 0 // the first place of the part behind that of a
		for a, part := 0, 0; a < n; a++ {
			if a == next {
				if next += size; part >= small {
					next++
				}
				part++
			}
			for b := next; b < n; b++ {
				if !yield(int32(a), int32(b)) {
					return
				}
			}
		}
	})
}

// GridColumns is the number of columns of a grid of n nodes: the side of the smallest square that
// holds them. Rows are filled one after the other, so that only the last may be short.
func GridColumns(n int) int {
	side := 0
	for side*side < n {
		side++
	}
	return side
}

func buildGrid(n, _ int, _ rand.Source) *Graph {
	columns := GridColumns(n)
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := range n {
			if (v+1)%columns != 0 && v+1 < n && !yield(int32(v), int32(v+1)) {
				return
			}
			if v+columns < n && !yield(int32(v), int32(v+columns)) {
				return
			}
		}
	})
}

// minTorusSide is 3 because on a side of 2 the way round is the way back: one edge, not two.
const minTorusSide = 3

// TorusColumns is the number of columns of a torus of n nodes: of all ways to write n as rows ×
// columns with at least 3 of each, the one nearest to a square, with no fewer columns than rows. It
// reports false if there is none.
func TorusColumns(n int) (columns int, ok bool) {
	for rows := minTorusSide; rows*rows <= n; rows++ {
		if n%rows == 0 {
			columns = n / rows
		}
	}
	return columns, columns > 0
}

func refuseTorus(n, _ int) string {
	if _, ok := TorusColumns(n); !ok {
		return fmt.Sprintf("%d is not rows × columns with at least %d of each", n, minTorusSide)
	}
	return ""
}

func buildTorus(n, _ int, _ rand.Source) *Graph {
	columns, _ := TorusColumns(n)
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := range n {
			row, column := v/columns, v%columns
			if !yield(int32(v), int32(row*columns+(column+1)%columns)) || !yield(int32(v), int32((v+columns)%n)) {
				return
			}
		}
	})
}

func refuseHypercube(n, _ int) string {
	if bits.OnesCount(uint(n)) != 1 {
		return fmt.Sprintf("%d is not a power of two", n)
	}
	return ""
}

func buildHypercube(n, _ int, _ rand.Source) *Graph {
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for v := range n {
			for bit := 1; bit < n; bit <<= 1 {
				if v&bit == 0 && !yield(int32(v), int32(v+bit)) {
					return
				}
			}
		}
	})
}
