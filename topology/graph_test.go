package topology_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// edges builds a graph of nodes 1…n from pairs.
func edges(n int, pairs ...topology.Edge) *topology.Graph {
	g := topology.New(n)
	for _, e := range pairs {
		g.AddEdge(e.A, e.B)
	}
	return g
}

// sameGraph fails the test if the graphs differ in nodes or edges.
func sameGraph(t *testing.T, want, got *topology.Graph) {
	t.Helper()
	if diff := cmp.Diff(want.Nodes(), got.Nodes()); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Edges(), got.Edges()); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}

// wellFormed fails the test unless every list is sorted and free of repeats, no node is its own peer,
// and every peer is a node that knows it back.
func wellFormed(t *testing.T, g *topology.Graph) {
	t.Helper()
	ascending := func(list []int) bool {
		return slices.IsSorted(list) && len(slices.Compact(slices.Clone(list))) == len(list)
	}
	if !ascending(g.Nodes()) {
		t.Fatalf("nodes %v", g.Nodes())
	}
	ends := 0
	for _, v := range g.Nodes() {
		peers := g.Peers(v)
		if !ascending(peers) || len(peers) != g.Degree(v) {
			t.Fatalf("node %d has degree %d and peers %v", v, g.Degree(v), peers)
		}
		for _, p := range peers {
			if p == v || !g.HasNode(p) || !g.HasEdge(p, v) || !g.HasEdge(v, p) {
				t.Fatalf("node %d lists peer %d", v, p)
			}
		}
		ends += len(peers)
	}
	if n := len(g.Edges()); n != g.NumEdges() || 2*n != ends {
		t.Fatalf("%d edges listed, %d counted, %d ends", n, g.NumEdges(), ends)
	}
}

func TestGraphSmall(t *testing.T) {
	g := topology.NewNodes([]int{7, 2, 7, 5})
	if diff := cmp.Diff([]int{2, 5, 7}, g.Nodes()); diff != "" {
		t.Error(diff)
	}
	if !g.AddEdge(7, 2) || g.AddEdge(2, 7) {
		t.Error("an edge is news once, whichever way round")
	}
	g.AddEdge(5, 7)
	if diff := cmp.Diff([]topology.Edge{{A: 2, B: 7}, {A: 5, B: 7}}, g.Edges()); diff != "" {
		t.Error(diff)
	}
	if !g.RemoveEdge(7, 5) || g.RemoveEdge(5, 7) || g.RemoveEdge(1, 2) {
		t.Error("an edge can be cut once")
	}
	if g.HasNode(1) || g.HasEdge(1, 2) || g.Degree(1) != 0 || g.Peers(1) != nil {
		t.Error("node 1 is not in the graph")
	}
	wellFormed(t, g)
}

func TestAddEdgePanics(t *testing.T) {
	for _, e := range []topology.Edge{{A: 1, B: 1}, {A: 1, B: 4}, {A: 0, B: 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("AddEdge(%d, %d) did not panic", e.A, e.B)
				}
			}()
			topology.New(3).AddEdge(e.A, e.B)
		}()
	}
}

// TestListsAreCopies changes everything that a graph handed out.
func TestListsAreCopies(t *testing.T) {
	g := edges(3, topology.Edge{A: 1, B: 2}, topology.Edge{A: 2, B: 3})
	want := g.Clone()
	g.Nodes()[0], g.Peers(2)[0], g.Edges()[0].B = 9, 9, 9
	clone := g.Clone()
	clone.RemoveEdge(1, 2)
	clone.AddEdge(1, 3)
	clone.RemoveNode(2)
	clone.AddNode(8)
	sameGraph(t, want, g)
	wellFormed(t, clone)
}

// TestSharedLists changes graphs that share their lists, one after the other.
func TestSharedLists(t *testing.T) {
	g, err := topology.Generate(topology.Request{Kind: "random", Nodes: 12, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	first, peers := g.Adjacency()
	wantFirst, wantPeers := slices.Clone(first), slices.Clone(peers)
	want := topology.NewNodes(g.Nodes())
	for _, e := range g.Edges() {
		want.AddEdge(e.A, e.B)
	}
	changes := []func(g *topology.Graph){
		func(g *topology.Graph) { g.AddNode(20) },
		func(g *topology.Graph) { g.RemoveNode(1) },
		func(g *topology.Graph) { g.RemoveEdge(3, g.Peers(3)[0]) },
		func(g *topology.Graph) {
			for v := 3; v <= 12; v++ {
				g.AddEdge(2, v)
			}
		},
	}
	for i, change := range changes {
		clone := g.Clone()
		change(clone)
		wellFormed(t, clone)
		sameGraph(t, want, g)
		if clone.Len() == want.Len() && cmp.Equal(clone.Edges(), want.Edges()) {
			t.Errorf("change %d changed nothing", i)
		}
		twice := clone.Clone()
		sameGraph(t, clone, twice)
		for _, v := range twice.Nodes() {
			twice.RemoveNode(v)
		}
		wellFormed(t, clone)
	}
	for _, change := range changes {
		change(g)
		wellFormed(t, g)
	}
	if !slices.Equal(first, wantFirst) || !slices.Equal(peers, wantPeers) {
		t.Error("a list that was handed out changes with the graph")
	}
}

// TestAdjacency reads graphs of all ages, with holes and without, as the lists of peers that they are.
func TestAdjacency(t *testing.T) {
	graphs := map[string]*topology.Graph{
		"zero": new(topology.Graph), "no nodes": topology.New(0), "no edges": topology.New(3),
		"made by hand": edges(4, topology.Edge{A: 2, B: 4}, topology.Edge{A: 1, B: 2}),
		"with holes":   scattered(5, 40, 60),
		"cloned":       scattered(6, 40, 60).Clone(),
	}
	for _, k := range topology.Kinds() {
		g, err := topology.Generate(topology.Request{Kind: k.Name, Nodes: 64, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		graphs[k.Name] = g
		changed := g.Clone()
		changed.RemoveNode(7)
		graphs[k.Name+", changed"] = changed
	}
	for name, g := range graphs {
		first, peers := g.Adjacency()
		if len(first) != g.Len()+1 || first[0] != 0 || int(first[g.Len()]) != len(peers) || len(peers) != 2*g.NumEdges() {
			t.Fatalf("%s: %d nodes and %d edges as %v, %v", name, g.Len(), g.NumEdges(), first, peers)
		}
		for i, v := range g.Nodes() {
			var list []int
			for _, p := range peers[first[i]:first[i+1]] {
				list = append(list, int(p))
			}
			if !slices.Equal(list, g.Peers(v)) {
				t.Fatalf("%s: node %d has peers %v, listed as %v", name, v, g.Peers(v), list)
			}
		}
	}
}

// TestLargeNumbers keeps to 32 bits, the size of a gossip.NodeID.
func TestLargeNumbers(t *testing.T) {
	g := topology.NewNodes([]int{math.MaxInt32, 1})
	g.AddEdge(1, math.MaxInt32)
	wellFormed(t, g)
	if v := math.MaxInt32 + 2; g.HasNode(v) || g.HasEdge(1, v) || g.HasEdge(math.MaxInt32, 1+1<<32) || g.Degree(1<<32+1) != 0 {
		t.Error("numbers are cut to 32 bits")
	}
	defer func() {
		if recover() == nil {
			t.Error("AddNode took a number of 33 bits")
		}
	}()
	g.AddNode(1 << 32)
}

// TestGraphModel holds a graph against a plain set of edges through random changes.
func TestGraphModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		g, nodes, joined := topology.New(0), map[int]bool{}, map[topology.Edge]bool{}
		for range 300 {
			a, b := 1+rng.IntN(12), 1+rng.IntN(12)
			e := topology.Edge{A: min(a, b), B: max(a, b)}
			switch rng.IntN(5) {
			case 0:
				g.AddNode(a)
				nodes[a] = true
			case 1, 2:
				if a != b && nodes[a] && nodes[b] {
					if got := g.AddEdge(a, b); got == joined[e] {
						t.Fatalf("seed %d: AddEdge(%d, %d) = %v", seed, a, b, got)
					}
					joined[e] = true
				}
			case 3:
				if got := g.RemoveEdge(a, b); got != joined[e] {
					t.Fatalf("seed %d: RemoveEdge(%d, %d) = %v", seed, a, b, got)
				}
				delete(joined, e)
			case 4:
				if rng.IntN(4) == 0 {
					g.RemoveNode(a)
					delete(nodes, a)
					for e := range joined {
						if e.A == a || e.B == a {
							delete(joined, e)
						}
					}
				}
			}
			if g.Len() != len(nodes) || g.NumEdges() != len(joined) || g.HasEdge(a, b) != joined[e] {
				t.Fatalf("seed %d: %v, %v; want nodes %v, edges %v", seed, g.Nodes(), g.Edges(), nodes, joined)
			}
		}
		wellFormed(t, g)
		for _, e := range g.Edges() {
			if !joined[e] {
				t.Fatalf("seed %d: edge %v was never added", seed, e)
			}
		}
	}
}
