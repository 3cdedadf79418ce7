package topology

import "slices"

// Components returns the parts of g that hang together: the nodes of each in ascending order, the
// parts by their first node. A connected graph has one, a graph without nodes none.
func Components(g *Graph) [][]int {
	var list [][]int
	hops := unvisited(g)
	for i := range g.nodes {
		if hops[i] >= 0 {
			continue
		}
		reached := walk(g, i, hops)
		slices.Sort(reached)
		part := make([]int, len(reached))
		for j, at := range reached {
			part[j] = g.nodes[at]
		}
		list = append(list, part)
	}
	return list
}

// Connected reports whether every node can reach every other. That holds for a graph of one node,
// and for one of none.
func Connected(g *Graph) bool {
	return g.Len() == 0 || len(walk(g, 0, unvisited(g))) == g.Len()
}

// Distances returns how many hops every node that can be reached is away from the given one, itself
// (0) included. It is empty if g has no such node.
func Distances(g *Graph, from int) map[int]int {
	at, ok := g.place(from)
	if !ok {
		return map[int]int{}
	}
	hops := unvisited(g)
	reached := walk(g, at, hops)
	away := make(map[int]int, len(reached))
	for _, i := range reached {
		away[g.nodes[i]] = int(hops[i])
	}
	return away
}

// unvisited is what walk needs to begin with: -1 for every place.
func unvisited(g *Graph) []int32 {
	hops := make([]int32, g.Len())
	for i := range hops {
		hops[i] = -1
	}
	return hops
}

// walk goes breadth first from a place to all that can be reached and have no distance yet, gives
// them one, and returns them in that order.
func walk(g *Graph, from int, hops []int32) []int32 {
	hops[from] = 0
	queue := []int32{int32(from)}
	for at := 0; at < len(queue); at++ {
		i := queue[at]
		for _, p := range g.at(int(i)) {
			if j, _ := g.place(int(p)); hops[j] < 0 {
				hops[j] = hops[i] + 1
				queue = append(queue, int32(j))
			}
		}
	}
	return queue
}

// Bridges returns the edges whose loss would cut the graph, or cut it into one part more, sorted
// as in [Graph.Edges].
func Bridges(g *Graph) []Edge {
	w := bridgeWalk{g: g, entered: make([]int32, g.Len()), low: make([]int32, g.Len())}
	for i := range g.nodes {
		if w.entered[i] == 0 {
			w.visit(i)
		}
	}
	slices.SortFunc(w.found, compareEdges)
	return w.found
}

// bridgeWalk is Tarjan's depth-first search: an edge to a child is a bridge if nothing at or below
// the child has an edge to anything entered before it. It goes by places, and remembers its way
// itself: a line of a million nodes is too deep for calls.
type bridgeWalk struct {
	g       *Graph
	clock   int32
	entered []int32 // when a node was entered, from 1
	low     []int32 // the earliest entered node that it or a descendant is joined to
	way     []step  // from the root to where the search is
	found   []Edge
}

// step is a node on the way.
type step struct {
	at, parent int // places; -1 is the parent of the root
	next       int // which of its peers comes next
}

func (w *bridgeWalk) enter(at, parent int) {
	w.clock++
	w.entered[at], w.low[at] = w.clock, w.clock
	w.way = append(w.way, step{at: at, parent: parent})
}

func (w *bridgeWalk) visit(root int) {
	w.enter(root, -1)
	for len(w.way) > 0 {
		s := &w.way[len(w.way)-1]
		peers := w.g.at(s.at)
		if s.next == len(peers) {
			w.leave(*s)
			continue
		}
		p, _ := w.g.place(int(peers[s.next]))
		s.next++
		switch {
		case p == s.parent:
		case w.entered[p] != 0:
			w.low[s.at] = min(w.low[s.at], w.entered[p])
		default:
			w.enter(p, s.at)
		}
	}
}

// leave goes back from a node to its parent.
func (w *bridgeWalk) leave(s step) {
	w.way = w.way[:len(w.way)-1]
	if s.parent < 0 {
		return
	}
	w.low[s.parent] = min(w.low[s.parent], w.low[s.at])
	if w.low[s.at] > w.entered[s.parent] {
		w.found = append(w.found, newEdge(w.g.nodes[s.parent], w.g.nodes[s.at]))
	}
}

// Regular returns the degree that all nodes of g have in common, or false if they differ. A graph
// without nodes has degree 0.
func Regular(g *Graph) (degree int, ok bool) {
	if g.Len() == 0 {
		return 0, true
	}
	degree = len(g.at(0))
	for i := range g.nodes {
		if len(g.at(i)) != degree {
			return 0, false
		}
	}
	return degree, true
}
