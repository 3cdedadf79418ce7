package topology

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Edge is an undirected edge; A < B in every list this package returns.
type Edge struct{ A, B int }

func newEdge(a, b int) Edge { return Edge{min(a, b), max(a, b)} }

func compareEdges(e, f Edge) int { return cmp.Or(cmp.Compare(e.A, f.A), cmp.Compare(e.B, f.B)) }

// Graph is an undirected simple graph whose nodes are positive integers of 32 bits, in practice 1…n
// with holes where nodes were removed. The zero value is a graph without nodes. Every list it
// returns is sorted, so that two equal graphs print and hash alike.
//
// What [Generate] makes takes 4 bytes for each end of an edge and 12 for each node, because a
// simulation may have a million; the first change costs a copy, and 24 bytes more for each node.
type Graph struct {
	nodes []int // sorted

	// Until it is changed, the peers of the i-th node are ends[first[i]:first[i+1]], sorted. Other
	// graphs, and callers of Adjacency, share these two, and the nodes: nothing is written to them.
	first, ends []int32

	peers [][]int32 // by place, sorted; nil until the graph is changed
}

// New returns a graph of nodes 1…n without edges.
func New(n int) *Graph { return &Graph{nodes: upTo(n), peers: make([][]int32, n)} }

// NewNodes returns a graph of the given nodes without edges; repeated nodes count once.
func NewNodes(nodes []int) *Graph {
	g := New(0)
	for _, v := range nodes {
		g.AddNode(v)
	}
	return g
}

// upTo lists the nodes 1…n.
func upTo(n int) []int {
	nodes := make([]int, n)
	for i := range nodes {
		nodes[i] = i + 1
	}
	return nodes
}

// place returns where v stands in the list of nodes, or would stand, and whether it does.
func (g *Graph) place(v int) (int, bool) {
	if i := v - 1; i >= 0 && i < len(g.nodes) && g.nodes[i] == v {
		return i, true // as it is when no node was ever removed
	}
	return slices.BinarySearch(g.nodes, v)
}

// at returns the peers of the node at a place; they are the graph's.
func (g *Graph) at(i int) []int32 {
	if g.peers != nil {
		return g.peers[i]
	}
	return g.ends[g.first[i]:g.first[i+1]]
}

// of returns the peers of v, which are the graph's; none if it has no such node.
func (g *Graph) of(v int) []int32 {
	if i, ok := g.place(v); ok {
		return g.at(i)
	}
	return nil
}

// open gives the graph lists of its own before it is changed.
func (g *Graph) open() {
	if g.peers != nil {
		return
	}
	ends := slices.Clone(g.ends)
	g.nodes, g.peers = slices.Clone(g.nodes), make([][]int32, len(g.nodes))
	for i := range g.peers {
		from, to := g.first[i], g.first[i+1]
		g.peers[i] = ends[from:to:to] // which must not grow into the next one
	}
	g.first, g.ends = nil, nil
}

// AddNode adds a node without edges; adding one that is there changes nothing. It panics on a number
// of more than 32 bits, which is a mistake of the caller.
func (g *Graph) AddNode(v int) {
	at, ok := g.place(v)
	if ok {
		return
	}
	if v > math.MaxInt32 || v < math.MinInt32 {
		panic(fmt.Sprintf("topology: no node can have the number %d", v))
	}
	g.open()
	g.nodes = slices.Insert(g.nodes, at, v)
	g.peers = slices.Insert(g.peers, at, nil)
}

// RemoveNode removes a node and its edges; removing one that is not there changes nothing.
func (g *Graph) RemoveNode(v int) {
	at, ok := g.place(v)
	if !ok {
		return
	}
	g.open()
	for _, p := range g.peers[at] {
		g.unlist(int(p), v)
	}
	g.nodes = slices.Delete(g.nodes, at, at+1)
	g.peers = slices.Delete(g.peers, at, at+1)
}

// AddEdge joins a and b and reports whether that was news. It panics on a loop or an unknown
// node: both are mistakes of the caller, never of a user.
func (g *Graph) AddEdge(a, b int) bool {
	if a == b || !g.HasNode(a) || !g.HasNode(b) {
		panic(fmt.Sprintf("topology: no edge can join %d and %d", a, b))
	}
	if g.HasEdge(a, b) {
		return false
	}
	g.open()
	g.list(a, b)
	g.list(b, a)
	return true
}

// RemoveEdge cuts the edge between a and b and reports whether there was one.
func (g *Graph) RemoveEdge(a, b int) bool {
	if !g.HasEdge(a, b) {
		return false
	}
	g.open()
	g.unlist(a, b)
	g.unlist(b, a)
	return true
}

// list puts p, which is not there, among the peers of v.
func (g *Graph) list(v, p int) {
	i, _ := g.place(v)
	at, _ := slices.BinarySearch(g.peers[i], int32(p))
	g.peers[i] = slices.Insert(g.peers[i], at, int32(p))
}

// unlist takes p, which is there, off the peers of v.
func (g *Graph) unlist(v, p int) {
	i, _ := g.place(v)
	at, _ := slices.BinarySearch(g.peers[i], int32(p))
	g.peers[i] = slices.Delete(g.peers[i], at, at+1)
}

// HasNode reports whether v is a node.
func (g *Graph) HasNode(v int) bool { _, ok := g.place(v); return ok }

// HasEdge reports whether a and b are neighbours.
func (g *Graph) HasEdge(a, b int) bool {
	_, ok := slices.BinarySearchFunc(g.of(a), b, func(p int32, b int) int { return cmp.Compare(int(p), b) })
	return ok
}

// Nodes returns the nodes in ascending order. The slice is the caller's.
func (g *Graph) Nodes() []int { return slices.Clone(g.nodes) }

// Len is the number of nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Peers returns v's neighbours in ascending order. The slice is the caller's.
func (g *Graph) Peers(v int) []int {
	list := g.of(v)
	if len(list) == 0 {
		return nil
	}
	peers := make([]int, len(list))
	for i, p := range list {
		peers[i] = int(p)
	}
	return peers
}

// Degree is the number of v's neighbours.
func (g *Graph) Degree(v int) int { return len(g.of(v)) }

// Adjacency returns all lists of peers as one: those of the i-th node, counted from 0, are
// peers[first[i]:first[i+1]], in ascending order. In a graph that [Generate] made that is node i+1.
// Both may be shared and must not be changed; what happens to the graph does not change them either.
// They cost nothing until the graph is changed, and a copy from then on.
func (g *Graph) Adjacency() (first, peers []int32) {
	switch {
	case g.first != nil:
		return g.first, g.ends
	case len(g.nodes) == 0:
		return []int32{0}, nil
	}
	first, peers = make([]int32, 1, len(g.nodes)+1), make([]int32, 0, 2*g.NumEdges())
	for _, list := range g.peers {
		peers = append(peers, list...)
		first = append(first, int32(len(peers)))
	}
	return first, peers
}

// Edges returns every edge once, sorted by A, then B.
func (g *Graph) Edges() []Edge {
	edges := make([]Edge, 0, g.NumEdges())
	for i, a := range g.nodes {
		for _, b := range g.at(i) {
			if a < int(b) {
				edges = append(edges, Edge{a, int(b)})
			}
		}
	}
	return edges
}

// NumEdges is the number of undirected edges.
func (g *Graph) NumEdges() int {
	ends := len(g.ends)
	for _, list := range g.peers {
		ends += len(list)
	}
	return ends / 2
}

// Clone returns an independent copy.
func (g *Graph) Clone() *Graph {
	c := &Graph{nodes: g.nodes}
	if g.peers != nil {
		c.nodes = slices.Clone(g.nodes)
	}
	c.first, c.ends = g.Adjacency()
	return c
}
