package topology

import (
	"fmt"
	"math/rand/v2"
)

// Rewire draws a new connected graph over the nodes of g in which every node has at least min and at
// most max peers; only g's nodes matter, not its edges. It fails with an [*ImpossibleError]. A min
// below 1 means 1, since a node without peers would be cut off, and a max beyond the number of other
// nodes means all of them.
//
// With min = max the graph is as uniform as that of the kind random. Otherwise each node draws its
// degree evenly from the range, gets about that many peers (a little fewer where the draws do not
// fit together, more where 1 is too few to keep the graph together), and the result is mixed by
// random switches.
func Rewire(g *Graph, min, max int, rng *rand.Rand) (*Graph, error) {
	if why := refuseDegrees(g.Len(), min, max); why != "" {
		return nil, impossibleDegrees(g.Len(), min, max, why)
	}
	nodes := g.Nodes()
	if len(nodes) < 2 {
		return pack(nodes, listed(nil)), nil
	}
	d := clampDegrees(len(nodes), min, max)
	if d.Min == d.Max {
		return regular(nodes, d.Min, rng), nil
	}
	s := drawBase(len(nodes), d, rng)
	s.thicken(d, rng)
	s.mix(rng)
	s.join(rng)
	return s.graph(nodes), nil
}

// clampDegrees cuts the range down to what n ≥ 2 nodes that hang together can have.
func clampDegrees(n, low, high int) DegreeRange {
	return DegreeRange{Min: max(low, 1), Max: min(high, n-1)}
}

// refuseDegrees says why no connected graph of n nodes keeps to the range; "" if one does.
func refuseDegrees(n, low, high int) string {
	switch {
	case low > high:
		return fmt.Sprintf("the least number of peers, %d, is more than the most, %d", low, high)
	case n == 0:
		return ""
	case n == 1 && low > 0:
		return "1 node has nobody to be a peer of"
	case low >= n:
		return fmt.Sprintf("no node can have %d peers, because there is no more than %s", low, count(n-1, "other"))
	case high < 0:
		return fmt.Sprintf("no node can have %d peers", high)
	case n == 1:
		return ""
	case high < 1:
		return "a node needs at least 1 peer"
	case n > 2 && high == 1:
		return fmt.Sprintf("%d nodes with 1 peer each fall apart into pairs", n)
	}
	if d := clampDegrees(n, low, high); d.Min == d.Max && n*d.Min%2 == 1 {
		return fmt.Sprintf("%d nodes cannot all have %d peers, because %d × %d is odd", n, d.Min, n, d.Min)
	}
	return ""
}

// impossibleDegrees builds the error with the ranges that are the fewest steps away.
func impossibleDegrees(n, low, high int, why string) error {
	e := &ImpossibleError{Asked: Request{Kind: "rewire", Nodes: n}, Reason: why}
	if n == 0 {
		return e
	}
	if low > high {
		low, high = high, low // most likely what was meant
	}
	least := min(1, n-1)
	low, high = min(max(low, least), n-1), min(max(high, least), n-1)
	for steps := 0; steps <= 2*n && len(e.TryDegrees) == 0; steps++ {
		for a := max(low-steps, least); a <= min(low+steps, n-1); a++ {
			rest := steps - max(a-low, low-a)
			for _, b := range []int{high - rest, high + rest} {
				d := DegreeRange{a, b}
				known := len(e.TryDegrees) > 0 && e.TryDegrees[len(e.TryDegrees)-1] == d
				if b < n && !known && refuseDegrees(n, a, b) == "" {
					e.TryDegrees = append(e.TryDegrees, d)
				}
			}
		}
	}
	return e
}

// drawBase makes a connected sketch whose degrees are at the lower end of the range, which holds two
// numbers or more.
func drawBase(n int, d DegreeRange, rng *rand.Rand) *sketch {
	if d.Min >= 2 {
		return harary(n, d.Min)
	}
	// A random tree: everyone is joined to somebody before it who has room.
	s := newSketch(n, n)
	degrees := make([]int, n)
	room := []int32{0}
	for v := int32(1); v < int32(n); v++ {
		at := rng.IntN(len(room))
		p := room[at]
		s.add(v, p)
		degrees[v]++
		degrees[p]++
		if degrees[p] == d.Max {
			room[at] = room[len(room)-1]
			room = room[:len(room)-1]
		}
		if degrees[v] < d.Max {
			room = append(room, v)
		}
	}
	return s
}

// thickenRounds is how often ends that did not fit one another are dealt anew. Each round leaves a
// small part of them over unless the range allows nearly complete graphs.
const thickenRounds = 20

// thicken adds random edges until about every place has a degree drawn from the range; it never
// exceeds what it drew.
func (s *sketch) thicken(d DegreeRange, rng *rand.Rand) {
	degrees := make([]int, s.n)
	for _, e := range s.edges {
		degrees[e.a]++
		degrees[e.b]++
	}
	var ends []int32
	for v := range int32(s.n) {
		for lacking := d.Min + rng.IntN(d.Max-d.Min+1) - degrees[v]; lacking > 0; lacking-- {
			ends = append(ends, v)
		}
	}
	for range thickenRounds {
		rng.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
		left := ends[:0]
		for i := 0; i+1 < len(ends); i += 2 {
			if a, b := ends[i], ends[i+1]; !s.add(a, b) {
				left = append(left, a, b)
			}
		}
		ends = left
	}
}
