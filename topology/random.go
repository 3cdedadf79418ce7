package topology

import (
	"fmt"
	"math/rand/v2"
)

func refuseRandom(n, k int) string {
	switch {
	case k < 1:
		return fmt.Sprintf("a node needs at least 1 peer, not %d", k)
	case n == 1:
		return "1 node has nobody to be a peer of"
	case k >= n:
		return fmt.Sprintf("%s cannot all have %d peers, because a node has only %s", count(n, "node"), k, count(n-1, "other"))
	case k == 1 && n > 2:
		return fmt.Sprintf("%d nodes with 1 peer each fall apart into pairs", n)
	case n*k%2 == 1:
		return fmt.Sprintf("%d nodes cannot all have %d peers, because %d × %d is odd", n, k, n, k)
	}
	return ""
}

func buildRandom(n, k int, src rand.Source) *Graph {
	return regular(New(n).Nodes(), k, rand.New(src))
}

// maxPaired is the largest degree drawn by pairing. A pairing is free of loops and double edges
// about once in e^((k²-1)/4) times: 7 at degree 3, 43 at degree 4, but 403 at degree 5.
const maxPaired = 4

// maxPairings bounds the patience. All of them fail less than once in 10^9 graphs, also in the
// worst case, 4 peers of 8 others, where one pairing in 82 is good.
const maxPairings = 2000

// regular draws a connected graph in which every node has exactly k peers; refuseRandom must have
// let n and k through.
//
// How uniform it is: for k ≤ 4 and for k ≥ n-5 every such labelled graph is equally likely (the
// pairing model; whatever is not simple and connected is thrown away and drawn anew). In between
// the graph comes out of a long chain of random switches, whose limit is uniform; where all graphs
// can be listed, 8 nodes of degree 3, the tests cannot tell the two methods apart.
func regular(nodes []int, k int, rng *rand.Rand) *Graph {
	n := len(nodes)
	if 2*k >= n-1 {
		// What is left out is sparser, and two nodes of the result that are not joined have too
		// many peers not to share one: it is connected whatever is drawn.
		return drawRegular(n, n-1-k, rng, false).graph(nodes, true)
	}
	return drawRegular(n, k, rng, true).graph(nodes, false)
}

// drawRegular draws a k-regular graph with 2k < n, connected if asked (then k ≥ 2).
func drawRegular(n, k int, rng *rand.Rand, connected bool) *sketch {
	if k == 2 && connected {
		return drawRing(n, rng) // only rings are connected, and a pairing is seldom one ring
	}
	if k <= maxPaired {
		s := newSketch(n)
		for range maxPairings {
			if s.pair(k, rng) && (!connected || s.connected()) {
				return s
			}
		}
	}
	s := harary(n, k)
	s.mix(rng)
	if connected {
		s.join(rng)
	}
	return s
}

func drawRing(n int, rng *rand.Rand) *sketch {
	s, order := newSketch(n), rng.Perm(n)
	for i, v := range order {
		s.add(int32(v), int32(order[(i+1)%n]))
	}
	return s
}

// pair fills the sketch from a random pairing of k ends at each place. It reports false, as soon
// as it knows, if that makes a loop or a double edge.
func (s *sketch) pair(k int, rng *rand.Rand) bool {
	s.clear()
	ends := make([]int32, 0, s.n*k)
	for v := range int32(s.n) {
		for range k {
			ends = append(ends, v)
		}
	}
	for len(ends) > 0 {
		last := len(ends) - 1
		at := rng.IntN(last)
		if !s.add(ends[at], ends[last]) {
			return false
		}
		ends[at] = ends[last-1]
		ends = ends[:last-1]
	}
	return true
}

// harary makes Harary's graph: a ring in which everyone also has the next, and the next but one…
// up to k peers, with chords across for an odd k. Every place has k peers, except that one has k+1
// where n and k are odd. It is connected for 2 ≤ k < n.
func harary(n, k int) *sketch {
	s := newSketch(n)
	for v := range n {
		for step := 1; step <= k/2; step++ {
			s.add(int32(v), int32((v+step)%n))
		}
	}
	if k%2 == 1 {
		for v := range (n + 1) / 2 {
			s.add(int32(v), int32((v+n/2)%n))
		}
	}
	return s
}
