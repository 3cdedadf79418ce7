package protocol_test

import (
	"math/rand/v2"
	"slices"

	"gossipctl/gossip"
)

// graph is who is whose peer, from both ends, sorted.
type graph map[gossip.NodeID][]gossip.NodeID

// scattered returns a connected graph of n nodes: a random tree and so many edges besides, as far as
// there is room for them.
func scattered(rng *rand.Rand, n, besides int) graph {
	g := make(graph)
	order := rng.Perm(n)
	g[1] = nil
	for i := 1; i < n; i++ {
		g.join(gossip.NodeID(order[i]+1), gossip.NodeID(order[rng.IntN(i)]+1))
	}
	for range min(besides, n*(n-1)/2-(n-1)) {
		g.widen(rng, 0)
	}
	return g
}

// widen adds an edge that was not there: at a node, or anywhere for 0.
func (g graph) widen(rng *rand.Rand, at gossip.NodeID) {
	for {
		a, b := at, gossip.NodeID(rng.IntN(len(g))+1)
		if a == 0 {
			a = gossip.NodeID(rng.IntN(len(g)) + 1)
		}
		if a != b && !slices.Contains(g[a], b) {
			g.join(a, b)
			return
		}
	}
}

// withoutLeaves returns a connected graph of n nodes, three or more, with two peers or more each.
func withoutLeaves(rng *rand.Rand, n, besides int) graph {
	g := scattered(rng, n, besides)
	for _, id := range g.nodes() {
		if len(g[id]) < 2 {
			g.widen(rng, id)
		}
	}
	return g
}

func (g graph) join(a, b gossip.NodeID) {
	for _, end := range [][2]gossip.NodeID{{a, b}, {b, a}} {
		if at, there := slices.BinarySearch(g[end[0]], end[1]); !there {
			g[end[0]] = slices.Insert(g[end[0]], at, end[1])
		}
	}
}

func (g graph) nodes() []gossip.NodeID {
	ids := make([]gossip.NodeID, 0, len(g))
	for id := range g {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// directed is the number of directed edges.
func (g graph) directed() int {
	n := 0
	for _, peers := range g {
		n += len(peers)
	}
	return n
}
