package topology

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/graphs/gen"
	"gonum.org/v1/gonum/graph/iterator"
	"gonum.org/v1/gonum/graph/simple"
)

// The kinds that gonum generates. Its SmallWorldsBB is not among them: in v0.17 nearly all edges
// that should make the ring end at the same two nodes, and its graphs may fall apart.

// everyNode names the n nodes as gonum does, from 0.
func everyNode(n int) gen.IDRange { return gen.IDRange{First: 0, Last: int64(n - 1)} }

func buildCircular(n, _ int, _ rand.Source) *Graph {
	c := newCanvas(n)
	gen.Cycle(c, everyNode(n))
	return c.g
}

func buildLine(n, _ int, _ rand.Source) *Graph {
	c := newCanvas(n)
	gen.Path(c, everyNode(n))
	return c.g
}

func buildStar(n, _ int, _ rand.Source) *Graph {
	c := newCanvas(n)
	gen.Star(c, 0, gen.IDRange{First: 1, Last: int64(n - 1)})
	return c.g
}

func buildComplete(n, _ int, _ rand.Source) *Graph {
	c := newCanvas(n)
	gen.Complete(c, everyNode(n))
	return c.g
}

func refuseTree(_, branching int) string {
	if branching < 1 {
		return fmt.Sprintf("a node needs room for at least 1 child, not %d", branching)
	}
	return ""
}

func buildTree(n, branching int, _ rand.Source) *Graph {
	c := newCanvas(n)
	// gonum panics where the root alone would hold all others; more children than that there
	// cannot be.
	gen.Tree(c, min(branching, max(n-1, 1)), everyNode(n))
	return c.g
}

// The parameters of Holme and Kim's model. m = 3: a newcomer is given as many peers as a node
// of the kind random has by default. p = 0.5: half of its links but the first close a triangle,
// midway between none and as many as the model can.
const (
	powerlawLinks    = 3
	powerlawTriangle = 0.5
)

func refusePowerlaw(n, _ int) string {
	if n <= powerlawLinks {
		return fmt.Sprintf("it needs at least %d nodes, not %d, because each newcomer is joined to %d others", powerlawLinks+1, n, powerlawLinks)
	}
	return ""
}

func buildPowerlaw(n, _ int, src rand.Source) *Graph {
	c := newCanvas(0)
	// Every newcomer is joined to nodes that are there, and the first one to all of them, so the
	// graph is connected.
	if err := gen.TunableClusteringScaleFree(c, n, powerlawLinks, powerlawTriangle, src); err != nil {
		panic(fmt.Sprintf("topology: powerlaw with %d nodes: %v", n, err)) // refusePowerlaw was wrong
	}
	return c.g
}

// canvas lets gonum's generators draw into a Graph; gonum's node 0 is node 1. Everything it lists
// is in ascending order: on gonum's own graphs, which list in the order of a map, the power-law
// generator makes another graph each time, whatever the seed.
type canvas struct{ g *Graph }

func newCanvas(n int) canvas { return canvas{New(n)} }

var (
	_ graph.UndirectedBuilder = canvas{}
	_ gen.NodeIDGraphBuilder  = canvas{}
)

func (c canvas) Node(id int64) graph.Node {
	if !c.g.HasNode(int(id) + 1) {
		return nil
	}
	return simple.Node(id)
}

func (c canvas) NodeWithID(id int64) (graph.Node, bool) {
	return simple.Node(id), !c.g.HasNode(int(id) + 1)
}

func (c canvas) NewNode() graph.Node       { return simple.Node(c.g.Len()) }
func (c canvas) AddNode(n graph.Node)      { c.g.AddNode(int(n.ID()) + 1) }
func (c canvas) Nodes() graph.Nodes        { return ordered(c.g.nodes) }
func (c canvas) From(id int64) graph.Nodes { return ordered(c.g.peers[int(id)+1]) }

func (c canvas) HasEdgeBetween(x, y int64) bool { return c.g.HasEdge(int(x)+1, int(y)+1) }

func (c canvas) NewEdge(from, to graph.Node) graph.Edge { return simple.Edge{F: from, T: to} }

func (c canvas) SetEdge(e graph.Edge) { c.g.AddEdge(int(e.From().ID())+1, int(e.To().ID())+1) }

func (c canvas) Edge(u, v int64) graph.Edge { return c.EdgeBetween(u, v) }

func (c canvas) EdgeBetween(x, y int64) graph.Edge {
	if !c.HasEdgeBetween(x, y) {
		return nil
	}
	return simple.Edge{F: simple.Node(x), T: simple.Node(y)}
}

func ordered(list []int) graph.Nodes {
	nodes := make([]graph.Node, len(list))
	for i, v := range list {
		nodes[i] = simple.Node(v - 1)
	}
	return iterator.NewOrderedNodes(nodes)
}
