package limit

import (
	"fmt"
	"math/rand/v2"
)

// Graph lists the peers of node k, which are numbered from 1, at place k-1.
type Graph [][]int

// attempts bounds the search for a random graph. A drawing of 3-regular edges is simple about
// once in eight, and then connected nearly always.
const attempts = 10_000

// RandomRegular draws a connected graph of n nodes with degree peers each: the same graph for the
// same seed. It fails when there is none, or none was found.
func RandomRegular(n, degree int, seed uint64) (Graph, error) {
	if n < 2 || degree < 1 || degree >= n || n*degree%2 != 0 {
		return nil, fmt.Errorf("no graph of %d nodes has %d peers a node", n, degree)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range attempts {
		if g := pair(n, degree, random); g != nil && g.connected() {
			return g, nil
		}
	}
	return nil, fmt.Errorf("no connected graph of %d nodes with %d peers each found in %d drawings", n, degree, attempts)
}

// pair deals degree edge ends to each node and joins them two by two at random; nil when that
// makes a loop or a double edge. Starting over keeps all graphs equally likely.
func pair(n, degree int, random *rand.Rand) Graph {
	ends := make([]int, 0, n*degree)
	for v := 1; v <= n; v++ {
		for range degree {
			ends = append(ends, v)
		}
	}
	random.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
	g := make(Graph, n)
	for i := 0; i < len(ends); i += 2 {
		a, b := ends[i], ends[i+1]
		if a == b || g.joined(a, b) {
			return nil
		}
		g[a-1] = append(g[a-1], b)
		g[b-1] = append(g[b-1], a)
	}
	return g
}

func (g Graph) joined(a, b int) bool {
	for _, p := range g[a-1] {
		if p == b {
			return true
		}
	}
	return false
}

// connected reports whether every node can be reached from node 1.
func (g Graph) connected() bool {
	reached := make([]bool, len(g)+1)
	reached[1] = true
	queue := []int{1}
	for i := 0; i < len(queue); i++ {
		for _, p := range g[queue[i]-1] {
			if !reached[p] {
				reached[p] = true
				queue = append(queue, p)
			}
		}
	}
	return len(queue) == len(g)
}

// directedEdges is how many packets one flood takes when every directed edge carries it once.
func (g Graph) directedEdges() int {
	ends := 0
	for _, peers := range g {
		ends += len(peers)
	}
	return ends
}

// check reports a graph that is no graph: a peer that does not exist, or an edge with one end.
func (g Graph) check() error {
	for i, peers := range g {
		for _, p := range peers {
			if p < 1 || p > len(g) || p == i+1 || !g.joined(p, i+1) {
				return fmt.Errorf("node %d lists the peer %d, which does not list it back", i+1, p)
			}
		}
	}
	if len(g) == 0 || !g.connected() {
		return fmt.Errorf("the graph of %d nodes is not connected", len(g))
	}
	return nil
}
