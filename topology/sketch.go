package topology

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// sketch is a graph in the making: places 0…n-1 instead of node numbers, its edges in one list so
// that one can be drawn by chance, and a bit for each pair of places (3 MB at MaxNodes) so that a
// question for an edge costs next to nothing.
type sketch struct {
	n     int
	width int // words a row
	edges []pair
	rows  []uint64
}

type pair struct{ a, b int32 }

func newSketch(n int) *sketch {
	width := (n + 63) / 64
	return &sketch{n: n, width: width, rows: make([]uint64, n*width)}
}

func (s *sketch) has(a, b int32) bool {
	return s.rows[int(a)*s.width+int(b>>6)]>>(b&63)&1 == 1
}

func (s *sketch) flip(a, b int32) {
	s.rows[int(a)*s.width+int(b>>6)] ^= 1 << (b & 63)
	s.rows[int(b)*s.width+int(a>>6)] ^= 1 << (a & 63)
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
	for _, e := range s.edges {
		s.flip(e.a, e.b)
	}
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
func (s *sketch) connected() bool {
	parts, left := newParts(s.n), s.n
	for _, e := range s.edges {
		if parts.unite(e.a, e.b) {
			left--
		}
	}
	return left <= 1
}

// graph turns the sketch, or with complement everything that it leaves out, into a graph of the
// given nodes, which are in ascending order.
func (s *sketch) graph(nodes []int, complement bool) *Graph {
	g := NewNodes(nodes)
	var peers []int
	for a, v := range nodes {
		peers = peers[:0]
		for i, word := range s.rows[a*s.width : (a+1)*s.width] {
			if complement {
				word = ^word
			}
			for ; word != 0; word &= word - 1 {
				if b := i*64 + bits.TrailingZeros64(word); b != a && b < s.n {
					peers = append(peers, nodes[b])
				}
			}
		}
		g.peers[v] = slices.Clone(peers)
	}
	return g
}

// parts is a union–find over places.
type parts []int32

func newParts(n int) parts {
	p := make(parts, n)
	for i := range p {
		p[i] = int32(i)
	}
	return p
}

func (p parts) of(v int32) int32 {
	for p[v] != v {
		p[v] = p[p[v]] // halving keeps the ways short
		v = p[v]
	}
	return v
}

// unite makes one part of two and reports whether they were two.
func (p parts) unite(a, b int32) bool {
	a, b = p.of(a), p.of(b)
	if a == b {
		return false
	}
	p[max(a, b)] = min(a, b)
	return true
}
