package topology

import (
	"math/rand/v2"
	"slices"
)

// sketch is a graph in the making: places instead of node numbers, its edges in one list so that one
// can be drawn by chance, and a quick answer to the question for an edge.
type sketch struct {
	n     int
	edges []pair
	links
	ends []int32 // what pair used last time
}

// newSketch makes a sketch for about that many edges.
func newSketch(n, edges int) *sketch {
	return &sketch{n: n, edges: make([]pair, 0, edges), links: newLinks(n, edges)}
}

// add joins a and b unless they are one place or joined already, and reports whether it did.
func (s *sketch) add(a, b int32) bool {
	if a == b || s.has(a, b) {
		return false
	}
	s.flip(a, b)
	s.edges = append(s.edges, pair{a, b})
	return true
}

// clear takes all edges away.
func (s *sketch) clear() {
	s.forget(s.edges)
	s.edges = s.edges[:0]
}

// replace puts an edge in the place of the i-th.
func (s *sketch) replace(i int, e pair) {
	s.flip(s.edges[i].a, s.edges[i].b)
	s.flip(e.a, e.b)
	s.edges[i] = e
}

// mix deals the places anew and then runs a chain of random switches: two edges a–b and c–d become
// a–d and c–b wherever that makes no loop and no double edge. The degrees are dealt with the places,
// but do not change. The longer the chain, the nearer it comes to drawing every graph of these
// degrees alike.
func (s *sketch) mix(rng *rand.Rand) {
	// From the ring of 1,000 nodes and 6 peers, which is full of triangles, 3 switches an edge bring
	// their number down to what theory expects; 20 leave room for what nobody thought of counting.
	const switches = 20
	// The bound is reached at half a million edges and keeps the chain within a second or two.
	const maxSwitches = 10_000_000

	s.relabel(rng)
	for range min(switches*len(s.edges), maxSwitches) {
		i, j := rng.IntN(len(s.edges)), rng.IntN(len(s.edges))
		e, f := s.edges[i], s.edges[j]
		if rng.Uint64()&1 == 1 {
			f.a, f.b = f.b, f.a
		}
		if e.a == f.b || f.a == e.b || s.has(e.a, f.b) || s.has(f.a, e.b) {
			continue
		}
		s.replace(i, pair{e.a, f.b})
		s.replace(j, pair{f.a, e.b})
	}
}

// relabel gives every place the edges of a random other one.
func (s *sketch) relabel(rng *rand.Rand) {
	edges, order := slices.Clone(s.edges), rng.Perm(s.n)
	s.clear()
	for _, e := range edges {
		s.add(int32(order[e.a]), int32(order[e.b]))
	}
}

// join makes the sketch connected by switches, so that no degree changes. It needs every place to
// have an edge and at least n-1 edges in all, which is exactly when that can be done.
//
// Each part has a tree that holds it together; its other edges are spare. Switching a spare edge of
// one part with a tree edge of another ties both halves of that tree to the first part: the two are
// one, whose spare edges are all that were spare, less one. Parts that bring spare edges go first;
// by counting, those then suffice for the parts that are bare trees.
func (s *sketch) join(rng *rand.Rand) {
	rng.Shuffle(len(s.edges), func(i, j int) { s.edges[i], s.edges[j] = s.edges[j], s.edges[i] })
	parts := newParts(s.n)
	var spare, tree []int // edges
	for i, e := range s.edges {
		if parts.unite(e.a, e.b) {
			tree = append(tree, i)
		} else {
			spare = append(spare, i)
		}
	}
	spares := make([][]int, s.n) // by part, as named by its first place
	for _, i := range spare {
		part := parts.of(s.edges[i].a)
		spares[part] = append(spares[part], i)
	}
	cut := make([]int, s.n) // by part: the tree edge to switch
	for _, i := range tree {
		cut[parts.of(s.edges[i].a)] = i
	}
	var rich, bare []int32
	for v := range int32(s.n) {
		switch {
		case parts.of(v) != v:
		case len(spares[v]) > 0:
			rich = append(rich, v)
		default:
			bare = append(bare, v)
		}
	}
	order := append(rich, bare...)
	if len(order) <= 1 {
		return
	}
	pool := spares[order[0]]
	for _, part := range order[1:] {
		last := len(pool) - 1
		ours, theirs := pool[last], cut[part]
		pool = append(pool[:last], spares[part]...)
		e, f := s.edges[ours], s.edges[theirs]
		s.replace(ours, pair{e.a, f.b})
		s.replace(theirs, pair{f.a, e.b})
	}
}

// connected reports whether the sketch hangs together.
func (s *sketch) connected() bool { return connect(s.n, s.edges) }

// graph turns the sketch into a graph of the given nodes, which are in ascending order.
func (s *sketch) graph(nodes []int) *Graph { return pack(nodes, listed(s.edges)) }

// complement makes the graph of everything that the sketch leaves out.
func (s *sketch) complement(nodes []int) *Graph {
	return pack(nodes, func(yield func(a, b int32) bool) {
		for b := range int32(s.n) {
			for a := range b {
				if !s.has(a, b) && !yield(a, b) {
					return
				}
			}
		}
	})
}
