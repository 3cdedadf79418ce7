package topology_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// apply adds edges to a copy of g. It fails the test if one is there already, or repeated.
func apply(t *testing.T, g *topology.Graph, add []topology.Edge) *topology.Graph {
	t.Helper()
	after := g.Clone()
	for _, e := range add {
		if e.A >= e.B || !after.AddEdge(e.A, e.B) {
			t.Fatalf("edge %v of %v cannot be added", e, add)
		}
	}
	if !slices.IsSortedFunc(add, func(e, f topology.Edge) int {
		if e.A != f.A {
			return e.A - f.A
		}
		return e.B - f.B
	}) {
		t.Fatalf("edges are not sorted: %v", add)
	}
	wellFormed(t, after)
	return after
}

// TestReconnectLaws removes nodes from networks of every kind, one after the other, until two are left.
func TestReconnectLaws(t *testing.T) {
	for _, k := range topology.Kinds() {
		for seed := range uint64(20) {
			r := topology.Request{Kind: k.Name, Nodes: 16, Seed: seed}
			if k.Name == "dialled" {
				r.Param = 2 // its default takes 21 nodes
			}
			g, err := topology.Generate(r)
			if err != nil {
				t.Fatal(err)
			}
			rng := newRand(seed)
			for g.Len() > 2 {
				gone := g.Nodes()[rng.IntN(g.Len())]
				orphans := g.Peers(gone)
				g.RemoveNode(gone)
				before := g.Clone()
				add := topology.Reconnect(g, orphans, rng)
				sameGraph(t, before, g)
				after := apply(t, g, add)
				if !topology.Connected(after) {
					t.Fatalf("%s seed %d: without %d, and with %v, the network is cut: %v", k.Name, seed, gone, add, topology.Components(after))
				}
				if len(add) > len(orphans) {
					t.Fatalf("%s seed %d: %d edges for %d orphans", k.Name, seed, len(add), len(orphans))
				}
				for _, v := range orphans {
					if after.Degree(v) == g.Degree(v) && g.Degree(v) < g.Len()-1 {
						t.Fatalf("%s seed %d: orphan %d gets no new peer", k.Name, seed, v)
					}
				}
				g = after
			}
		}
	}
}

func TestReconnect(t *testing.T) {
	tests := []struct {
		name    string
		g       *topology.Graph
		orphans []int
		want    []topology.Edge
	}{
		{"a line mends where it broke", edges(4, topology.Edge{A: 1, B: 2}, topology.Edge{A: 3, B: 4}), []int{3, 2}, []topology.Edge{{A: 2, B: 3}}},
		{"neighbours look elsewhere", edges(3, topology.Edge{A: 1, B: 2}, topology.Edge{A: 2, B: 3}), []int{1, 2}, []topology.Edge{{A: 1, B: 3}}},
		{"nobody is left to take", edges(2, topology.Edge{A: 1, B: 2}), []int{1, 2}, nil},
		{"the last one alone", topology.New(1), []int{1}, nil},
		{"no orphans", topology.New(2), nil, nil},
		{"strangers and repeats", topology.New(2), []int{9, 1, 2, 1, 0, -1}, []topology.Edge{{A: 1, B: 2}}},
		{"a part without orphans is none of its business", topology.New(3), []int{1, 3}, []topology.Edge{{A: 1, B: 3}}},
	}
	for _, tt := range tests {
		got := topology.Reconnect(tt.g, tt.orphans, newRand(1))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestReconnectSharesTheLoad leaves three pairs of orphans: a thread through one of each would give those
// two new peers and the others none.
func TestReconnectSharesTheLoad(t *testing.T) {
	g := edges(6, topology.Edge{A: 1, B: 2}, topology.Edge{A: 3, B: 4}, topology.Edge{A: 5, B: 6})
	for seed := range uint64(30) {
		add := topology.Reconnect(g, g.Nodes(), newRand(seed))
		after := apply(t, g, add)
		if degree, ok := topology.Regular(after); !ok || degree != 2 || !topology.Connected(after) {
			t.Errorf("seed %d: added %v", seed, add)
		}
	}
}

// TestReconnectStar takes the hub away: a thread through all the others is the least that helps.
func TestReconnectStar(t *testing.T) {
	g, err := topology.Generate(topology.Request{Kind: "star", Nodes: 30})
	if err != nil {
		t.Fatal(err)
	}
	orphans := g.Peers(1)
	g.RemoveNode(1)
	add := topology.Reconnect(g, orphans, newRand(4))
	if len(add) != 28 || !topology.Connected(apply(t, g, add)) {
		t.Errorf("added %v", add)
	}
	slices.Reverse(orphans)
	if diff := cmp.Diff(add, topology.Reconnect(g, orphans, newRand(4))); diff != "" {
		t.Errorf("the order of the orphans matters:\n%s", diff)
	}
	if cmp.Equal(add, topology.Reconnect(g, orphans, newRand(5))) {
		t.Error("the generator does not matter")
	}
}

func TestAttach(t *testing.T) {
	g := edges(5, topology.Edge{A: 1, B: 2}, topology.Edge{A: 2, B: 5})
	for node, others := range map[int]int{6: 5, 1: 3, 2: 2} { // how many are not its peers yet
		for degree := -1; degree <= 7; degree++ {
			before := g.Clone()
			add := topology.Attach(g, node, degree, newRand(uint64(degree+1)))
			sameGraph(t, before, g)
			if want := min(max(degree, 0), others); len(add) != want {
				t.Errorf("node %d of degree %d gets %v", node, degree, add)
			}
			joined := g.Clone()
			joined.AddNode(node)
			if after := apply(t, joined, add); after.Degree(node) != joined.Degree(node)+len(add) {
				t.Errorf("not all of %v are edges of %d", add, node)
			}
		}
	}
}

// TestAttachUniform lets a newcomer choose 2 of 6 often: 15 pairs, each as good as any other.
func TestAttachUniform(t *testing.T) {
	counts := map[[2]int]int{}
	rng := newRand(1)
	const draws = 15_000
	for range draws {
		add := topology.Attach(topology.New(6), 7, 2, rng)
		counts[[2]int{add[0].A, add[1].A}]++
	}
	x := 0.0
	for _, n := range counts {
		x += float64((n-draws/15)*(n-draws/15)) / (draws / 15)
	}
	if len(counts) != 15 || x > 36.12 { // 14 degrees of freedom, exceeded once in 1,000
		t.Errorf("%d pairs, chi-square %.1f: %v", len(counts), x, counts)
	}
}

// TestDiff leads from any graph to any other.
func TestDiff(t *testing.T) {
	for seed := range uint64(100) {
		from, to := scattered(seed, 15, 30), scattered(seed+1000, 15, 30)
		add, remove := topology.Diff(from, to)
		got := from.Clone()
		for _, e := range remove {
			if !got.RemoveEdge(e.A, e.B) {
				t.Fatalf("seed %d: edge %v to remove is not there", seed, e)
			}
		}
		for _, v := range from.Nodes() {
			if !to.HasNode(v) {
				got.RemoveNode(v)
			}
		}
		for _, v := range to.Nodes() {
			got.AddNode(v)
		}
		sameGraph(t, to, apply(t, got, add))
	}
	g := scattered(1, 15, 30)
	if add, remove := topology.Diff(g, g); len(add) != 0 || len(remove) != 0 {
		t.Errorf("a graph differs from itself: %v, %v", add, remove)
	}
}

// TestMendLaws lets nodes die, in several goes, and sees that those alive hang together again.
func TestMendLaws(t *testing.T) {
	for seed := range uint64(50) {
		rng := newRand(seed)
		g, err := topology.Generate(topology.Request{Kind: "random", Nodes: 16, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		live := g.Clone()
		for live.Len() > 3 {
			var dead []int
			for range 1 + rng.IntN(2) {
				gone := live.Nodes()[rng.IntN(live.Len())]
				live.RemoveNode(gone)
				dead = append(dead, gone)
			}
			told := dead
			if rng.IntN(3) == 0 {
				told = nil // of these deaths nobody has seen to anything
			}
			whole, before := g.Clone(), live.Clone()
			add := topology.Mend(g, live, append(slices.Clone(told), 99), rng)
			sameGraph(t, whole, g)
			sameGraph(t, before, live)
			for _, e := range add {
				if !live.HasNode(e.A) || !live.HasNode(e.B) {
					t.Fatalf("seed %d: %v is no edge between two that live", seed, e)
				}
				g.AddEdge(e.A, e.B)
			}
			if live = apply(t, live, add); !topology.Connected(live) {
				t.Fatalf("seed %d: without %v, and with %v, there are parts: %v", seed, dead, add, topology.Components(live))
			}
		}
	}
}
