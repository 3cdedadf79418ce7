package topology_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// scattered draws a graph of nodes 1…n, some of them taken out again, with the given number of attempts
// at an edge; few edges leave many parts.
func scattered(seed uint64, n, attempts int) *topology.Graph {
	rng, g := newRand(seed), topology.New(n)
	for range attempts {
		if a, b := 1+rng.IntN(n), 1+rng.IntN(n); a != b {
			g.AddEdge(a, b)
		}
	}
	for range rng.IntN(n / 4) {
		g.RemoveNode(1 + rng.IntN(n))
	}
	return g
}

// slowDiameter is the slow way to the diameter: relax every edge until nothing changes.
func slowDiameter(g *topology.Graph) (hops int, ok bool) {
	for _, from := range g.Nodes() {
		far := map[int]int{from: 0}
		for changed := true; changed; {
			changed = false
			for _, e := range g.Edges() {
				for _, way := range [][2]int{{e.A, e.B}, {e.B, e.A}} {
					d, known := far[way[0]]
					if old, ok := far[way[1]]; known && (!ok || old > d+1) {
						far[way[1]] = d + 1
						changed = true
					}
				}
			}
		}
		if len(far) < g.Len() {
			return 0, false
		}
		for _, d := range far {
			hops = max(hops, d)
		}
	}
	return hops, true
}

func TestChecksSmall(t *testing.T) {
	two := edges(6, topology.Edge{A: 1, B: 4}, topology.Edge{A: 2, B: 3}, topology.Edge{A: 3, B: 6}, topology.Edge{A: 2, B: 6})
	if diff := cmp.Diff([][]int{{1, 4}, {2, 3, 6}, {5}}, topology.Components(two)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int]int{4: 0, 1: 1}, topology.Distances(two, 4)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]topology.Edge{{A: 1, B: 4}}, topology.Bridges(two)); diff != "" {
		t.Error(diff)
	}
	if _, ok := topology.Diameter(two); ok || topology.Connected(two) {
		t.Error("three parts pass for one")
	}
	if _, ok := topology.Regular(two); ok {
		t.Error("degrees 0, 1 and 2 pass for one")
	}
	if got := topology.Distances(two, 9); len(got) != 0 {
		t.Errorf("distances from a node that is not there: %v", got)
	}
}

// TestChecksOfNothing asks about graphs of no node and of one.
func TestChecksOfNothing(t *testing.T) {
	for n := range 2 {
		g := topology.New(n)
		if hops, ok := topology.Diameter(g); hops != 0 || !ok || !topology.Connected(g) {
			t.Errorf("%d nodes: diameter %d, %v", n, hops, ok)
		}
		if degree, ok := topology.Regular(g); degree != 0 || !ok {
			t.Errorf("%d nodes: degree %d, %v", n, degree, ok)
		}
		if len(topology.Components(g)) != n || len(topology.Bridges(g)) != 0 {
			t.Errorf("%d nodes: parts %v, bridges %v", n, topology.Components(g), topology.Bridges(g))
		}
	}
}

// TestChecksAgainstSlowOnes compares with the definitions, on sparse and dense, whole and scattered
// graphs.
func TestChecksAgainstSlowOnes(t *testing.T) {
	connected := 0
	for seed := range uint64(200) {
		g := scattered(seed, 8+int(seed%20), 4+int(seed/3))
		hops, ok := topology.Diameter(g)
		if wantHops, want := slowDiameter(g); hops != wantHops || ok != want || topology.Connected(g) != want {
			t.Fatalf("seed %d: diameter %d, %v, connected %v, want %d, %v", seed, hops, ok, topology.Connected(g), wantHops, want)
		}
		if ok {
			connected++
		}
		var cuts []topology.Edge
		parts := len(topology.Components(g))
		for _, e := range g.Edges() {
			without := g.Clone()
			without.RemoveEdge(e.A, e.B)
			if len(topology.Components(without)) > parts {
				cuts = append(cuts, e)
			}
		}
		if diff := cmp.Diff(cuts, topology.Bridges(g)); diff != "" {
			t.Fatalf("seed %d: bridges (-want +got):\n%s", seed, diff)
		}
		total := 0
		for _, part := range topology.Components(g) {
			total += len(part)
			if len(topology.Distances(g, part[0])) != len(part) {
				t.Fatalf("seed %d: part %v is not what %d reaches", seed, part, part[0])
			}
		}
		if total != g.Len() {
			t.Fatalf("seed %d: parts hold %d of %d nodes", seed, total, g.Len())
		}
	}
	if connected < 50 || connected > 150 {
		t.Errorf("%d of 200 graphs are connected; the test should see both", connected)
	}
}

// TestDiameterAcrossWords uses sizes at which the groups of 64 sources begin and end.
func TestDiameterAcrossWords(t *testing.T) {
	for _, n := range []int{63, 64, 65, 127, 128, 129, 200} {
		for kind, want := range map[string]int{"circular": n / 2, "line": n - 1, "star": 2, "complete": 1} {
			g, err := topology.Generate(topology.Request{Kind: kind, Nodes: n})
			if err != nil {
				t.Fatal(err)
			}
			if hops, ok := topology.Diameter(g); hops != want || !ok {
				t.Errorf("%s %d: %d, %v, want %d", kind, n, hops, ok, want)
			}
		}
		g, err := topology.Generate(topology.Request{Kind: "powerlaw", Nodes: n, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := slowDiameter(g)
		if hops, ok := topology.Diameter(g); hops != want || !ok {
			t.Errorf("powerlaw %d: %d, %v, want %d", n, hops, ok, want)
		}
	}
}
