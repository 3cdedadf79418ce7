package topology_test

import (
	"testing"

	"gossipctl/topology"
)

// TestLarge makes every kind with more nodes than bits are kept for, and looks at what can be known. The
// lists themselves are checked with small graphs, which come out of the same code.
func TestLarge(t *testing.T) {
	const free = -1 // not to be known
	tests := []struct {
		kind               string
		nodes, param       int
		edges, least, most int // degrees from least to most
	}{
		{"random", 20_000, 2, 20_000, 2, 2},
		{"random", 20_000, 3, 30_000, 3, 3},
		{"random", 20_000, 4, 40_000, 4, 4},
		{"random", 20_000, 5, 50_000, 5, 5},
		{"random", 20_001, 6, 60_003, 6, 6},
		{"random", 20_000, 40, 400_000, 40, 40},
		{"random", 6_000, 100, 300_000, 100, 100},
		{"circular", 100_000, 0, 100_000, 2, 2},
		{"powerlaw", 20_000, 0, 59_991, free, free},
		{"turan", 5_100, 2, 6_502_500, 2_550, 2_550},
		{"grid", 100_000, 0, 199_367, 2, 4},
		{"torus", 100_000, 0, 200_000, 4, 4},
		{"star", 100_000, 0, 99_999, 1, 99_999},
		{"tree", 100_000, 0, 99_999, 1, 3},
		{"smallworld", 100_000, 0, 200_000, 2, free},
		{"line", 100_000, 0, 99_999, 1, 2},
		{"hypercube", 1 << 16, 0, 8 << 16, 16, 16},
		{"dialled", 20_000, 0, free, free, free},
	}
	for _, tt := range tests {
		r := topology.Request{Kind: tt.kind, Nodes: tt.nodes, Most: 100_000, Param: tt.param, Seed: 7}
		g, err := topology.Generate(r)
		if err != nil {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		first, peers := g.Adjacency()
		least, most, ascending := len(peers), 0, true
		for i := range tt.nodes {
			list := peers[first[i]:first[i+1]]
			least, most = min(least, len(list)), max(most, len(list))
			for j, p := range list {
				ascending = ascending && (j == 0 || p > list[j-1]) && int(p) != i+1 && p >= 1 && int(p) <= tt.nodes
			}
		}
		if !ascending || !topology.Connected(g) || len(peers) != 2*g.NumEdges() {
			t.Errorf("%+v: ascending: %v, connected: %v, %d edges in %d ends", r, ascending, topology.Connected(g), g.NumEdges(), len(peers))
		}
		for _, fact := range []struct {
			name      string
			want, got int
		}{{"edges", tt.edges, g.NumEdges()}, {"least degree", tt.least, least}, {"most degree", tt.most, most}} {
			if fact.want != free && fact.want != fact.got {
				t.Errorf("%+v: %s %d, want %d", r, fact.name, fact.got, fact.want)
			}
		}
	}
}

// TestDeepBridges cuts a line, which is as deep as a search can get.
func TestDeepBridges(t *testing.T) {
	const n = 300_000
	g, err := topology.Generate(topology.Request{Kind: "line", Nodes: n, Most: n})
	if err != nil {
		t.Fatal(err)
	}
	if found := len(topology.Bridges(g)); found != n-1 {
		t.Errorf("%d bridges, want %d", found, n-1)
	}
	if far := topology.Distances(g, 1)[n]; far != n-1 {
		t.Errorf("the ends are %d hops apart", far)
	}
}
