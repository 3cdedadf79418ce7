package topology

import "slices"

// Components returns the parts of g that hang together: the nodes of each in ascending order, the
// parts by their first node. A connected graph has one, a graph without nodes none.
func Components(g *Graph) [][]int {
	var list [][]int
	seen := make(map[int]bool, g.Len())
	for _, v := range g.nodes {
		if seen[v] {
			continue
		}
		seen[v] = true
		part := []int{v}
		for at := 0; at < len(part); at++ {
			for _, p := range g.peers[part[at]] {
				if !seen[p] {
					seen[p] = true
					part = append(part, p)
				}
			}
		}
		slices.Sort(part)
		list = append(list, part)
	}
	return list
}

// Connected reports whether every node can reach every other. That holds for a graph of one node,
// and for one of none.
func Connected(g *Graph) bool {
	return g.Len() == 0 || len(Distances(g, g.nodes[0])) == g.Len()
}

// Distances returns how many hops every node that can be reached is away from the given one, itself
// (0) included. It is empty if g has no such node.
func Distances(g *Graph, from int) map[int]int {
	hops := make(map[int]int, g.Len())
	if !g.HasNode(from) {
		return hops
	}
	hops[from] = 0
	queue := []int{from}
	for at := 0; at < len(queue); at++ {
		v := queue[at]
		for _, p := range g.peers[v] {
			if _, ok := hops[p]; !ok {
				hops[p] = hops[v] + 1
				queue = append(queue, p)
			}
		}
	}
	return hops
}

// Bridges returns the edges whose loss would cut the graph, or cut it into one part more, sorted
// as in [Graph.Edges].
func Bridges(g *Graph) []Edge {
	w := bridgeWalk{g: g, entered: make(map[int]int, g.Len()), low: make(map[int]int, g.Len())}
	for _, v := range g.nodes {
		if w.entered[v] == 0 {
			w.visit(v, 0)
		}
	}
	slices.SortFunc(w.found, compareEdges)
	return w.found
}

// bridgeWalk is Tarjan's depth-first search: an edge to a child is a bridge if nothing at or below
// the child has an edge to anything entered before it. The depth is at most the number of nodes.
type bridgeWalk struct {
	g       *Graph
	clock   int
	entered map[int]int // when a node was entered, from 1
	low     map[int]int // the earliest entered node that it or a descendant is joined to
	found   []Edge
}

func (w *bridgeWalk) visit(v, parent int) {
	w.clock++
	w.entered[v], w.low[v] = w.clock, w.clock
	for _, p := range w.g.peers[v] {
		switch {
		case p == parent:
		case w.entered[p] != 0:
			w.low[v] = min(w.low[v], w.entered[p])
		default:
			w.visit(p, v)
			w.low[v] = min(w.low[v], w.low[p])
			if w.low[p] > w.entered[v] {
				w.found = append(w.found, newEdge(v, p))
			}
		}
	}
}

// Regular returns the degree that all nodes of g have in common, or false if they differ. A graph
// without nodes has degree 0.
func Regular(g *Graph) (degree int, ok bool) {
	if g.Len() == 0 {
		return 0, true
	}
	degree = g.Degree(g.nodes[0])
	for _, v := range g.nodes {
		if g.Degree(v) != degree {
			return 0, false
		}
	}
	return degree, true
}
