package topology

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/graphs/gen"
	"gonum.org/v1/gonum/graph/iterator"
	"gonum.org/v1/gonum/graph/simple"
)

// TestPowerlawIsGonums holds the generator against gonum's, which is slow but somebody else's.
func TestPowerlawIsGonums(t *testing.T) {
	for n := powerlawLinks + 1; n <= 400; n += 1 + n/8 {
		for seed := range uint64(8) {
			c := canvas{New(0)}
			if err := gen.TunableClusteringScaleFree(c, n, powerlawLinks, powerlawTriangle, rand.NewPCG(seed, 11)); err != nil {
				t.Fatal(err)
			}
			g := buildPowerlaw(n, 0, rand.NewPCG(seed, 11))
			if diff := cmp.Diff(c.g.Edges(), g.Edges()); diff != "" {
				t.Fatalf("n=%d seed %d (-gonum +ours):\n%s", n, seed, diff)
			}
		}
	}
}

// canvas lets gonum's generator draw into a Graph; gonum's node 0 is node 1. Everything it lists is in
// ascending order: on gonum's own graphs, which list in the order of a map, the generator makes another
// graph each time, whatever the seed.
type canvas struct{ g *Graph }

var _ graph.UndirectedBuilder = canvas{}

func (c canvas) Node(id int64) graph.Node  { return simple.Node(id) }
func (c canvas) NewNode() graph.Node       { return simple.Node(c.g.Len()) }
func (c canvas) AddNode(n graph.Node)      { c.g.AddNode(int(n.ID()) + 1) }
func (c canvas) Nodes() graph.Nodes        { return ordered(c.g.Nodes()) }
func (c canvas) From(id int64) graph.Nodes { return ordered(c.g.Peers(int(id) + 1)) }

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
