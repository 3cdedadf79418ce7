package topology_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

func TestKinds(t *testing.T) {
	want := []string{"random", "circular", "powerlaw", "turan", "grid", "torus", "star", "tree", "complete", "smallworld", "line", "hypercube", "dialled"}
	var got []string
	for _, k := range topology.Kinds() {
		got = append(got, k.Name)
		if found, ok := topology.Find(k.Name); !ok || found.Name != k.Name {
			t.Errorf("Find(%q) = %q, %v", k.Name, found.Name, ok)
		}
		if k.Summary == "" || strings.ContainsAny(k.Summary, "\n") || len([]rune(k.Summary)) > 90 {
			t.Errorf("%s: summary %q is not one line", k.Name, k.Summary)
		}
		if !slices.Contains([]string{"", "circle", "grid", "star", "tree"}, k.Layout) {
			t.Errorf("%s: layout %q", k.Name, k.Layout)
		}
		if has := k.Param.Name != ""; has != (k.Param.Default != 0) || has != (k.Param.Reason != "") {
			t.Errorf("%s: half a parameter: %+v", k.Name, k.Param)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if _, ok := topology.Find("ring"); ok {
		t.Error("found a kind that is not there")
	}
	topology.Kinds()[0].Name = "changed"
	if topology.Kinds()[0].Name != "random" {
		t.Error("the table can be changed from outside")
	}
}

// TestShapes names, for every kind, what can be known of the graph without looking at chance.
func TestShapes(t *testing.T) {
	const free = -1 // not to be known
	tests := []struct {
		kind                     string
		nodes, param             int
		edges, least, most, hops int // degrees from least to most
	}{
		{"random", 2, 1, 1, 1, 1, 1},
		{"random", 3, 2, 3, 2, 2, 1},
		{"random", 4, 0, 6, 3, 3, 1},
		{"random", 7, 2, 7, 2, 2, 3},
		{"random", 16, 0, 24, 3, 3, free},
		{"random", 16, 14, 112, 14, 14, 2},
		{"random", 16, 15, 120, 15, 15, 1},
		{"random", 1000, 3, 1500, 3, 3, free},
		{"random", 101, 50, 2525, 50, 50, 2},
		{"random", 5000, 3, 7500, 3, 3, free},
		{"random", 1000, 50, 25000, 50, 50, 3},
		{"circular", 1, 0, 0, 0, 0, 0},
		{"circular", 2, 0, 1, 1, 1, 1},
		{"circular", 3, 0, 3, 2, 2, 1},
		{"circular", 16, 0, 16, 2, 2, 8},
		{"circular", 1000, 0, 1000, 2, 2, 500},
		{"line", 1, 0, 0, 0, 0, 0},
		{"line", 2, 0, 1, 1, 1, 1},
		{"line", 16, 0, 15, 1, 2, 15},
		{"powerlaw", 4, 0, 3, 1, 3, 2},
		{"powerlaw", 5, 0, 6, free, 4, 2},
		{"powerlaw", 300, 0, 891, free, free, free},
		{"powerlaw", 2000, 0, 5991, free, free, free},
		{"turan", 1, 1, 0, 0, 0, 0},
		{"turan", 4, 0, 6, 3, 3, 1},
		{"turan", 8, 0, 24, 6, 6, 2},
		{"turan", 7, 3, 16, 4, 5, 2},
		{"turan", 16, 16, 120, 15, 15, 1},
		{"turan", 10, 2, 25, 5, 5, 2},
		{"grid", 1, 0, 0, 0, 0, 0},
		{"grid", 2, 0, 1, 1, 1, 1},
		{"grid", 3, 0, 2, 1, 2, 2},
		{"grid", 4, 0, 4, 2, 2, 2},
		{"grid", 7, 0, 8, 1, 3, 4}, // 3 + 3 + 1
		{"grid", 16, 0, 24, 2, 4, 6},
		{"grid", 25, 0, 40, 2, 4, 8},
		{"torus", 9, 0, 18, 4, 4, 2},
		{"torus", 16, 0, 32, 4, 4, 4},
		{"torus", 15, 0, 30, 4, 4, 3},
		{"torus", 24, 0, 48, 4, 4, 5}, // 4 × 6, not 3 × 8
		{"star", 1, 0, 0, 0, 0, 0},
		{"star", 2, 0, 1, 1, 1, 1},
		{"star", 16, 0, 15, 1, 15, 2},
		{"tree", 1, 0, 0, 0, 0, 0},
		{"tree", 2, 0, 1, 1, 1, 1},
		{"tree", 3, 0, 2, 1, 2, 2},
		{"tree", 15, 0, 14, 1, 3, 6},
		{"tree", 16, 0, 15, 1, 3, 7},
		{"tree", 5, 1, 4, 1, 2, 4},
		{"tree", 25, 4, 24, 1, 5, 5},
		{"tree", 5, 99, 4, 1, 4, 2},
		{"complete", 1, 0, 0, 0, 0, 0},
		{"complete", 2, 0, 1, 1, 1, 1},
		{"complete", 25, 0, 300, 24, 24, 1},
		{"smallworld", 5, 0, 10, 4, 4, 1},
		{"smallworld", 6, 0, 12, free, free, free},
		{"smallworld", 1000, 0, 2000, 2, free, free},
		{"hypercube", 1, 0, 0, 0, 0, 0},
		{"hypercube", 2, 0, 1, 1, 1, 1},
		{"hypercube", 16, 0, 32, 4, 4, 4},
		{"dialled", 2, 1, 1, 1, 1, 1},
		{"dialled", 3, 2, 3, 2, 2, 1},
		{"dialled", 8, 6, 28, 7, 7, 1}, // whom one leaves out does not leave out that one
		{"dialled", 21, 0, 210, 20, 20, 1},
		{"dialled", 1000, 0, free, free, free, 3},
	}
	for _, tt := range tests {
		r := topology.Request{Kind: tt.kind, Nodes: tt.nodes, Param: tt.param, Seed: 7}
		g, err := topology.Generate(r)
		if err != nil {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		wellFormed(t, g)
		if g.Len() != tt.nodes || !g.HasNode(1) || !g.HasNode(tt.nodes) || !topology.Connected(g) {
			t.Errorf("%+v: nodes %v, connected %v", r, g.Nodes(), topology.Connected(g))
		}
		least, most := g.Degree(1), g.Degree(1)
		for _, v := range g.Nodes() {
			least, most = min(least, g.Degree(v)), max(most, g.Degree(v))
		}
		hops, _ := topology.Diameter(g)
		for _, fact := range []struct {
			name      string
			want, got int
		}{{"edges", tt.edges, g.NumEdges()}, {"least degree", tt.least, least}, {"most degree", tt.most, most}, {"diameter", tt.hops, hops}} {
			if fact.want != free && fact.want != fact.got {
				t.Errorf("%+v: %s %d, want %d", r, fact.name, fact.got, fact.want)
			}
		}
	}
}

// TestNumbering pins which node is which where people rely on it.
func TestNumbering(t *testing.T) {
	tests := []struct {
		kind         string
		nodes, param int
		want         []topology.Edge
	}{
		{"circular", 4, 0, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 4}, {A: 2, B: 3}, {A: 3, B: 4}}},
		{"line", 3, 0, []topology.Edge{{A: 1, B: 2}, {A: 2, B: 3}}},
		{"star", 4, 0, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 3}, {A: 1, B: 4}}},
		{"tree", 6, 0, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 3}, {A: 2, B: 4}, {A: 2, B: 5}, {A: 3, B: 6}}},
		{"grid", 5, 0, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 4}, {A: 2, B: 3}, {A: 2, B: 5}, {A: 4, B: 5}}},
		{"turan", 5, 3, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 3}, {A: 1, B: 4}, {A: 1, B: 5}, {A: 2, B: 4}, {A: 2, B: 5}, {A: 3, B: 4}, {A: 3, B: 5}}},
		{"hypercube", 4, 0, []topology.Edge{{A: 1, B: 2}, {A: 1, B: 3}, {A: 2, B: 4}, {A: 3, B: 4}}},
	}
	for _, tt := range tests {
		g, err := topology.Generate(topology.Request{Kind: tt.kind, Nodes: tt.nodes, Param: tt.param})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, g.Edges()); diff != "" {
			t.Errorf("%s %d (-want +got):\n%s", tt.kind, tt.nodes, diff)
		}
	}
}

func TestTorusColumns(t *testing.T) {
	for n, want := range map[int]int{9: 3, 12: 4, 16: 4, 24: 6, 30: 6, 36: 6, 33: 11, 5000: 100} {
		if got, ok := topology.TorusColumns(n); !ok || got != want {
			t.Errorf("TorusColumns(%d) = %d, %v, want %d", n, got, ok, want)
		}
	}
	for _, n := range []int{-3, 0, 1, 4, 6, 7, 8, 10, 11, 14, 22, 4999} {
		if got, ok := topology.TorusColumns(n); ok {
			t.Errorf("TorusColumns(%d) = %d", n, got)
		}
	}
}

// TestSmallworldIsSmall compares it with the ring it is made from: far shorter paths, and the clusters
// are still there.
func TestSmallworldIsSmall(t *testing.T) {
	const n = 1000
	for seed := range uint64(5) {
		g, err := topology.Generate(topology.Request{Kind: "smallworld", Nodes: n, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		hops, _ := topology.Diameter(g)
		near := 0
		for v := 1; v <= n; v++ {
			if g.HasEdge(v, v%n+1) {
				near++
			}
		}
		// The ring is 250 hops wide. Of its edges a tenth is moved: 900 ± 10 stay.
		if hops > 40 || near < 850 || near > 950 {
			t.Errorf("seed %d: %d hops wide, %d of %d ring edges left", seed, hops, near, n)
		}
	}
}

// TestPowerlawHasHubs looks at the degrees for what the kind is named after.
func TestPowerlawHasHubs(t *testing.T) {
	for seed := range uint64(5) {
		g, err := topology.Generate(topology.Request{Kind: "powerlaw", Nodes: 1000, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		most, small := 0, 0
		for _, v := range g.Nodes() {
			most = max(most, g.Degree(v))
			if g.Degree(v) <= 4 {
				small++
			}
		}
		// The mean degree is 6: a random network would have neither.
		if most < 40 || small < 500 {
			t.Errorf("seed %d: the largest hub has %d peers, and %d of 1000 nodes have 4 or fewer", seed, most, small)
		}
	}
}
