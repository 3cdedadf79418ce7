package topology

import (
	"math/rand/v2"
	"slices"
)

// Reconnect says how to mend g after a node was removed from it: the edges to add, sorted, so that
// each orphan (a former neighbour of the removed node) has a new peer, and so that g is connected
// again if it was before the removal. It does not change g.
//
// Orphans get each other as peers where they can, so that the degrees stay as they were, and random
// others where they are neighbours already. There are never more edges than orphans. Only an orphan
// that has everybody as a peer gets no new one. Numbers that are no nodes of g are passed over.
func Reconnect(g *Graph, orphans []int, rng *rand.Rand) []Edge {
	m := mender{after: g.Clone(), rng: rng}
	for _, v := range orphans {
		if g.HasNode(v) && !slices.Contains(m.waiting, v) {
			m.waiting = append(m.waiting, v)
		}
	}
	slices.Sort(m.waiting) // the caller's order must not decide what a seed does
	rng.Shuffle(len(m.waiting), func(i, j int) {
		m.waiting[i], m.waiting[j] = m.waiting[j], m.waiting[i]
	})
	m.joinParts()
	m.pairUp()
	m.takeAnyone()
	slices.SortFunc(m.added, compareEdges)
	return m.added
}

// Mend says how to mend live, the nodes of g that are alive, after some of them have died: the edges to add so
// that whoever had one of the dead as a peer has a new one, and so that live is connected. Parts that earlier
// deaths have left are tied too, as far as they have somebody who had a dead peer. The dead keep their edges in
// g, for when they come back. It changes neither graph.
func Mend(g, live *Graph, dead []int, rng *rand.Rand) []Edge {
	after := live.Clone()
	var added []Edge
	join := func(orphans []int) {
		for _, e := range Reconnect(after, orphans, rng) {
			after.AddEdge(e.A, e.B)
			added = append(added, e)
		}
	}
	join(orphansOf(g, live, dead))
	parts := Components(after)
	if len(parts) < 2 {
		return added
	}
	all := slices.DeleteFunc(slices.Clone(g.Nodes()), live.HasNode)
	orphans := orphansOf(g, live, all)
	var ties []int // one of each part is enough to tie them
	for _, part := range parts {
		if i := slices.IndexFunc(part, func(v int) bool { return slices.Contains(orphans, v) }); i >= 0 {
			ties = append(ties, part[i])
		}
	}
	if len(ties) > 1 {
		join(ties)
	}
	return added
}

// orphansOf are the nodes of live that have one of the dead as a peer in g. Of the dead, those that are no
// nodes of g or are alive are passed over.
func orphansOf(g, live *Graph, dead []int) (list []int) {
	for _, d := range dead {
		if !g.HasNode(d) || live.HasNode(d) {
			continue // removed, or back again
		}
		for _, p := range g.Peers(d) {
			if live.HasNode(p) {
				list = append(list, p)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// mender collects the edges that mend a graph.
type mender struct {
	after   *Graph // the graph with all edges added so far
	waiting []int  // orphans without a new peer, in random order
	added   []Edge
	rng     *rand.Rand
}

func (m *mender) join(a, b int) {
	m.after.AddEdge(a, b)
	m.added = append(m.added, newEdge(a, b))
	m.waiting = slices.DeleteFunc(m.waiting, func(v int) bool { return v == a || v == b })
}

// joinParts strings the parts that have orphans on one thread. Each part is tied by two orphans of
// its own where it has two.
func (m *mender) joinParts() {
	parts := Components(m.after)
	part := make(map[int]int) // by node
	for i, nodes := range parts {
		for _, v := range nodes {
			part[v] = i
		}
	}
	ends := make([][]int, len(parts)) // by part: its orphans
	var order []int                   // parts, by their first orphan, which is a random order
	for _, v := range m.waiting {
		if len(ends[part[v]]) == 0 {
			order = append(order, part[v])
		}
		ends[part[v]] = append(ends[part[v]], v)
	}
	for i := 1; i < len(order); i++ {
		before := ends[order[i-1]]
		m.join(before[len(before)-1], ends[order[i]][0])
	}
}

// pairUp joins waiting orphans with one another.
func (m *mender) pairUp() {
	for i := 0; i < len(m.waiting); {
		v := m.waiting[i]
		mate := slices.IndexFunc(m.waiting[i+1:], func(w int) bool { return !m.after.HasEdge(v, w) })
		if mate < 0 {
			i++ // nobody for this one
			continue
		}
		m.join(v, m.waiting[i+1+mate]) // takes both off the list
	}
}

// takeAnyone joins each orphan that is left with a random node.
func (m *mender) takeAnyone() {
	for _, v := range slices.Clone(m.waiting) {
		if free := strangers(m.after, v); len(free) > 0 {
			m.join(v, free[m.rng.IntN(len(free))])
		}
	}
}

// Attach draws the peers of a node that joins g: the edges to that many random other nodes, sorted;
// fewer where there are not so many that are not its peers yet. It does not change g, and does not
// mind whether the node is in it already.
func Attach(g *Graph, node, degree int, rng *rand.Rand) []Edge {
	free := strangers(g, node)
	rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	free = free[:min(max(degree, 0), len(free))]
	slices.Sort(free)
	var edges []Edge
	for _, p := range free {
		edges = append(edges, newEdge(node, p))
	}
	slices.SortFunc(edges, compareEdges)
	return edges
}

// strangers lists the nodes, v excepted, that are not v's peers.
func strangers(g *Graph, v int) []int {
	return slices.DeleteFunc(g.Nodes(), func(w int) bool { return w == v || g.HasEdge(v, w) })
}

// Diff returns the edges that lead from one graph to another: those to add and those to remove, each
// sorted. The edges of a node that only old has are among those to remove.
func Diff(old, new *Graph) (add, remove []Edge) {
	in := func(g *Graph) func(Edge) bool {
		return func(e Edge) bool { return g.HasEdge(e.A, e.B) }
	}
	return slices.DeleteFunc(new.Edges(), in(old)), slices.DeleteFunc(old.Edges(), in(new))
}
