package topology

import (
	"cmp"
	"fmt"
	"slices"
)

// Edge is an undirected edge; A < B in every list this package returns.
type Edge struct{ A, B int }

func newEdge(a, b int) Edge { return Edge{min(a, b), max(a, b)} }

func compareEdges(e, f Edge) int { return cmp.Or(cmp.Compare(e.A, f.A), cmp.Compare(e.B, f.B)) }

// Graph is an undirected simple graph whose nodes are positive integers, in practice 1…n with
// holes where nodes were removed. The zero value is not usable; see [New] and [NewNodes].
// Every list it returns is sorted, so that two equal graphs print and hash alike.
type Graph struct {
	nodes []int         // sorted
	peers map[int][]int // sorted; one entry a node
}

// New returns a graph of nodes 1…n without edges.
func New(n int) *Graph {
	nodes := make([]int, n)
	for i := range nodes {
		nodes[i] = i + 1
	}
	return NewNodes(nodes)
}

// NewNodes returns a graph of the given nodes without edges; repeated nodes count once.
func NewNodes(nodes []int) *Graph {
	g := &Graph{peers: make(map[int][]int, len(nodes))}
	for _, v := range nodes {
		g.AddNode(v)
	}
	return g
}

// AddNode adds a node without edges; adding one that is there changes nothing.
func (g *Graph) AddNode(v int) {
	if _, ok := g.peers[v]; ok {
		return
	}
	g.peers[v] = nil
	at, _ := slices.BinarySearch(g.nodes, v)
	g.nodes = slices.Insert(g.nodes, at, v)
}

// RemoveNode removes a node and its edges; removing one that is not there changes nothing.
func (g *Graph) RemoveNode(v int) {
	for _, p := range g.peers[v] {
		g.peers[p] = without(g.peers[p], v)
	}
	delete(g.peers, v)
	g.nodes = without(g.nodes, v)
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
	g.peers[a] = with(g.peers[a], b)
	g.peers[b] = with(g.peers[b], a)
	return true
}

// RemoveEdge cuts the edge between a and b and reports whether there was one.
func (g *Graph) RemoveEdge(a, b int) bool {
	if !g.HasEdge(a, b) {
		return false
	}
	g.peers[a] = without(g.peers[a], b)
	g.peers[b] = without(g.peers[b], a)
	return true
}

// HasNode reports whether v is a node.
func (g *Graph) HasNode(v int) bool { _, ok := g.peers[v]; return ok }

// HasEdge reports whether a and b are neighbours.
func (g *Graph) HasEdge(a, b int) bool {
	_, ok := slices.BinarySearch(g.peers[a], b)
	return ok
}

// Nodes returns the nodes in ascending order. The slice is the caller's.
func (g *Graph) Nodes() []int { return slices.Clone(g.nodes) }

// Len is the number of nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Peers returns v's neighbours in ascending order. The slice is the caller's.
func (g *Graph) Peers(v int) []int { return slices.Clone(g.peers[v]) }

// Degree is the number of v's neighbours.
func (g *Graph) Degree(v int) int { return len(g.peers[v]) }

// Edges returns every edge once, sorted by A, then B.
func (g *Graph) Edges() []Edge {
	edges := make([]Edge, 0, g.NumEdges())
	for _, a := range g.nodes {
		for _, b := range g.peers[a] {
			if a < b {
				edges = append(edges, Edge{a, b})
			}
		}
	}
	return edges
}

// NumEdges is the number of undirected edges.
func (g *Graph) NumEdges() int {
	ends := 0
	for _, v := range g.nodes {
		ends += len(g.peers[v])
	}
	return ends / 2
}

// Clone returns an independent copy.
func (g *Graph) Clone() *Graph {
	c := &Graph{nodes: slices.Clone(g.nodes), peers: make(map[int][]int, len(g.nodes))}
	for _, v := range g.nodes {
		c.peers[v] = slices.Clone(g.peers[v])
	}
	return c
}

func with(list []int, v int) []int {
	at, found := slices.BinarySearch(list, v)
	if found {
		return list
	}
	return slices.Insert(list, at, v)
}

func without(list []int, v int) []int {
	at, found := slices.BinarySearch(list, v)
	if !found {
		return list
	}
	return slices.Delete(list, at, at+1)
}
