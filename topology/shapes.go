package topology

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// The kinds without chance that gonum does not generate.

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
	g := New(n)
	small := parts - n%parts
	part := func(v int) int { // v counts from 0
		if size := n / parts; v < small*size {
			return v / size
		}
		return small + (v-small*(n/parts))/(n/parts+1)
	}
	for a := range n {
		for b := range a {
			if part(a) != part(b) {
				g.AddEdge(b+1, a+1)
			}
		}
	}
	return g
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
	g, columns := New(n), GridColumns(n)
	for v := 1; v <= n; v++ {
		if v%columns != 0 && v < n {
			g.AddEdge(v, v+1)
		}
		if v+columns <= n {
			g.AddEdge(v, v+columns)
		}
	}
	return g
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
	g := New(n)
	columns, _ := TorusColumns(n)
	for v := range n {
		row, column := v/columns, v%columns
		g.AddEdge(v+1, row*columns+(column+1)%columns+1)
		g.AddEdge(v+1, (v+columns)%n+1)
	}
	return g
}

func refuseHypercube(n, _ int) string {
	if bits.OnesCount(uint(n)) != 1 {
		return fmt.Sprintf("%d is not a power of two", n)
	}
	return ""
}

func buildHypercube(n, _ int, _ rand.Source) *Graph {
	g := New(n)
	for v := range n {
		for bit := 1; bit < n; bit <<= 1 {
			if v&bit == 0 {
				g.AddEdge(v+1, v+bit+1)
			}
		}
	}
	return g
}
