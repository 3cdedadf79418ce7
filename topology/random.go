package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	return regular(upTo(n), k, rand.New(src))
}

// maxPaired is the largest degree drawn by pairing. A pairing is free of loops and double edges
// about once in e^((k²-1)/4) times: 7 at degree 3, 43 at degree 4, but 403 at degree 5.
const maxPaired = 4

// maxPairings bounds the patience. All of them fail less than once in 10^9 graphs, also in the
// worst case, 4 peers of 8 others, where one pairing in 82 is good.
const maxPairings = 2000

// regular draws a connected graph in which every node has exactly k peers; refuseRandom must have
// let n and k through. The nodes become the graph's.
//
// How uniform it is: for k ≤ 4 and for k ≥ n-5 every such labelled graph is equally likely (the
// pairing model; whatever is not simple and connected is thrown away and drawn anew). In between
// the graph comes out of a long chain of random switches, whose limit is uniform; where all graphs
// can be listed, 8 nodes of degree 3, the tests cannot tell the two methods apart. Beyond MaxNodes
// it is a pairing whose few flaws are mended, see deal.
func regular(nodes []int, k int, rng *rand.Rand) *Graph {
	n := len(nodes)
	if 2*k >= n-1 {
		// What is left out is sparser, and two nodes of the result that are not joined have too
		// many peers not to share one: it is connected whatever is drawn.
		return drawRegular(n, n-1-k, rng, false).complement(nodes)
	}
	return drawRegular(n, k, rng, true).graph(nodes)
}

// drawRegular draws a k-regular graph with 2k < n, connected if asked (then k ≥ 2).
func drawRegular(n, k int, rng *rand.Rand, connected bool) *sketch {
	if k == 2 && connected {
		return drawRing(n, rng) // only rings are connected, and a pairing is seldom one ring
	}
	if k <= maxPaired {
		s := newSketch(n, n*k/2)
		for range maxPairings {
			if s.pair(k, rng) && (!connected || s.connected()) {
				return s
			}
		}
	}
	if n > MaxNodes {
		// The chain is bounded, and so many edges take a longer one. Up to MaxNodes it stays: a
		// seed that somebody wrote down for a network must mean what it meant.
		if s := newSketch(n, n*k/2); s.deal(k, rng) {
			if connected && !s.connected() {
				s.join(rng)
			}
			return s
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
	s, order := newSketch(n, n), rng.Perm(n)
	for i, v := range order {
		s.add(int32(v), int32(order[(i+1)%n]))
	}
	return s
}

// allEnds lists k ends at each place.
func (s *sketch) allEnds(k int) []int32 {
	s.ends = slices.Grow(s.ends[:0], s.n*k)
	for v := range int32(s.n) {
		for range k {
			s.ends = append(s.ends, v)
		}
	}
	return s.ends
}

// pair fills the sketch from a random pairing of k ends at each place. It reports false, as soon
// as it knows, if that makes a loop or a double edge.
func (s *sketch) pair(k int, rng *rand.Rand) bool {
	s.clear()
	ends := s.allEnds(k)
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

// deal fills the empty sketch from a random pairing of k ends at each place, 2k < n, and mends it: a
// pair that would make a loop or a double edge is switched with a random edge. In a sparse graph about
// (k²-1)/4 pairs are like that, whatever n is, and so few switches favour hardly any graph: among 8
// places one can tell, among the more than 5,000 that this is for only where the graph is dense. It
// reports false if it cannot mend, which is less likely than that the machine fails.
func (s *sketch) deal(k int, rng *rand.Rand) bool {
	ends := s.allEnds(k)
	rng.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
	var flaws []pair
	for i := 0; i+1 < len(ends); i += 2 {
		if !s.add(ends[i], ends[i+1]) {
			flaws = append(flaws, pair{ends[i], ends[i+1]})
		}
	}
	s.ends = nil
	for _, e := range flaws {
		if !s.insert(e, rng) {
			return false
		}
	}
	return true
}

// insert gives each end of e, which may be a loop or an edge that is there, one peer more: it takes
// a random edge c–d away and joins the ends with c and d.
func (s *sketch) insert(e pair, rng *rand.Rand) bool {
	// With 2k < n every fourth edge or so fits in the densest graphs, nearly all do in others.
	const tries = 1000
	for range tries {
		i := rng.IntN(len(s.edges))
		f := s.edges[i]
		if rng.Uint64()&1 == 1 {
			f.a, f.b = f.b, f.a
		}
		if e.a == f.a || e.b == f.b || s.has(e.a, f.a) || s.has(e.b, f.b) {
			continue
		}
		s.replace(i, pair{e.a, f.a})
		s.add(e.b, f.b)
		return true
	}
	return false
}

// harary makes Harary's graph: a ring in which everyone also has the next, and the next but one…
// up to k peers, with chords across for an odd k. Every place has k peers, except that one has k+1
// where n and k are odd. It is connected for 2 ≤ k < n.
func harary(n, k int) *sketch {
	s := newSketch(n, (n*k+1)/2)
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
