package topology_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// degreeRange returns the least and the greatest degree of g, which has nodes.
func degreeRange(g *topology.Graph) topology.DegreeRange {
	r := topology.DegreeRange{Min: g.Len(), Max: 0}
	for _, v := range g.Nodes() {
		r.Min, r.Max = min(r.Min, g.Degree(v)), max(r.Max, g.Degree(v))
	}
	return r
}

// everyRange makes all graphs of n nodes and returns the degree ranges of the connected ones.
func everyRange(n int) map[topology.DegreeRange]bool {
	all, err := topology.Generate(topology.Request{Kind: "complete", Nodes: n})
	if err != nil {
		panic(err)
	}
	list, found := all.Edges(), map[topology.DegreeRange]bool{}
	for set := range 1 << len(list) {
		g := topology.New(n)
		for i, e := range list {
			if set>>i&1 == 1 {
				g.AddEdge(e.A, e.B)
			}
		}
		if r := degreeRange(g); !found[r] && topology.Connected(g) {
			found[r] = true
		}
	}
	return found
}

// TestRewireFindsAll asks for every range over a few nodes and holds the answers against all graphs there
// are: an answer must keep to the range, a refusal must be right, and a suggestion must work.
func TestRewireFindsAll(t *testing.T) {
	for n := 1; n <= 6; n++ {
		ranges := everyRange(n)
		for low := -2; low <= n+2; low++ {
			for high := -2; high <= n+2; high++ {
				possible := false
				for r := range ranges {
					possible = possible || r.Min >= low && r.Max <= high
				}
				g, err := topology.Rewire(topology.New(n), low, high, newRand(1))
				if (err == nil) != possible {
					t.Errorf("%d nodes, %d to %d: error %v, but possible: %v", n, low, high, err, possible)
				}
				if err == nil {
					if r := degreeRange(g); r.Min < low || r.Max > high || !topology.Connected(g) {
						t.Errorf("%d nodes, %d to %d: %v", n, low, high, g.Edges())
					}
					continue
				}
				impossible := new(topology.ImpossibleError)
				if !errors.As(err, &impossible) || len(impossible.TryDegrees) == 0 || len(impossible.TryDegrees) > 3 {
					t.Fatalf("%d nodes, %d to %d: %v", n, low, high, err)
				}
				for _, r := range impossible.TryDegrees {
					if _, again := topology.Rewire(topology.New(n), r.Min, r.Max, newRand(1)); again != nil {
						t.Errorf("%v; but with that: %v", err, again)
					}
				}
			}
		}
	}
}

func TestRewireLaws(t *testing.T) {
	old := scattered(3, 60, 100) // nodes with holes, edges that do not matter
	for seed := range uint64(8) {
		for _, want := range []topology.DegreeRange{{Min: 1, Max: 2}, {Min: 1, Max: 3}, {Min: 1, Max: 1000}, {Min: 0, Max: 5}, {Min: 2, Max: 2}, {Min: 2, Max: 3}, {Min: 3, Max: 4}, {Min: 3, Max: 8}, {Min: 4, Max: 4}, {Min: 20, Max: 30}, {Min: 40, Max: 1000}} {
			g, err := topology.Rewire(old, want.Min, want.Max, newRand(seed))
			if err != nil {
				t.Fatalf("%v: %v", want, err)
			}
			wellFormed(t, g)
			if diff := cmp.Diff(old.Nodes(), g.Nodes()); diff != "" {
				t.Fatalf("nodes (-want +got):\n%s", diff)
			}
			if r := degreeRange(g); r.Min < want.Min || r.Max > want.Max || !topology.Connected(g) {
				t.Errorf("seed %d: degrees %v, want %v; connected: %v", seed, r, want, topology.Connected(g))
			}
			again, err := topology.Rewire(old.Clone(), want.Min, want.Max, newRand(seed))
			if err != nil || !cmp.Equal(g.Edges(), again.Edges()) {
				t.Errorf("seed %d %v: the second time it is another graph (%v)", seed, want, err)
			}
			other, err := topology.Rewire(old, want.Min, want.Max, newRand(seed+1))
			if err != nil || cmp.Equal(g.Edges(), other.Edges()) {
				t.Errorf("seed %d %v: same graph as with the next seed (%v)", seed, want, err)
			}
		}
	}
	if old.NumEdges() == 0 {
		t.Error("Rewire emptied its argument")
	}
}

// TestRewireSeedIsAPromise pins what a seed makes of 200 nodes.
func TestRewireSeedIsAPromise(t *testing.T) {
	for r, want := range map[topology.DegreeRange]uint64{
		{Min: 1, Max: 4}:     0x1a7eb3f46fb4a401,
		{Min: 3, Max: 6}:     0x9210dda6c2e6cf98,
		{Min: 4, Max: 4}:     0x33c5fe79b49ac265,
		{Min: 6, Max: 6}:     0x4be7b25ea1877c45,
		{Min: 150, Max: 180}: 0xf3ffcf8516b2c706,
	} {
		g, err := topology.Rewire(topology.New(200), r.Min, r.Max, newRand(42))
		if err != nil {
			t.Fatal(err)
		}
		if got := hash(g); got != want {
			t.Errorf("%v: %#x, want %#x", r, got, want)
		}
	}
}

// TestRewireSpreadsDegrees wants the whole range used, about evenly, and by no node more than by another.
func TestRewireSpreadsDegrees(t *testing.T) {
	const n, draws = 100, 100
	counts, first := map[int]int{}, 0
	for seed := range uint64(draws) {
		g, err := topology.Rewire(topology.New(n), 3, 6, newRand(seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range g.Nodes() {
			counts[g.Degree(v)]++
		}
		first += g.Degree(1)
	}
	for degree := 3; degree <= 6; degree++ {
		if share := float64(counts[degree]) / (n * draws); share < 0.2 || share > 0.3 {
			t.Errorf("%.0f %% of the nodes have degree %d", 100*share, degree)
		}
	}
	// The mean is 4.5 with a standard error of 0.11.
	if mean := float64(first) / draws; mean < 4.1 || mean > 4.9 {
		t.Errorf("node 1 has %.2f peers in the mean", mean)
	}
}

// TestRewireFavoursNobody starts from a tree, whose first nodes have the most peers.
func TestRewireFavoursNobody(t *testing.T) {
	const n, draws = 50, 200
	first, all := 0, 0
	for seed := range uint64(draws) {
		g, err := topology.Rewire(topology.New(n), 1, 6, newRand(seed))
		if err != nil {
			t.Fatal(err)
		}
		first += g.Degree(1)
		all += 2 * g.NumEdges()
	}
	// A degree has a standard deviation of 1.5, the mean of 200 one of 0.11.
	own, mean := float64(first)/draws, float64(all)/(draws*n)
	if own < mean-0.4 || own > mean+0.4 {
		t.Errorf("node 1 has %.2f peers in the mean, all have %.2f", own, mean)
	}
}

func TestRewireSentences(t *testing.T) {
	tests := []struct {
		nodes, min, max int
		want            string
	}{
		{5, 3, 3, "rewire: 5 nodes cannot all have 3 peers, because 5 × 3 is odd; try 2 to 3 or 3 to 4 peers"},
		{5, 4, 2, "rewire: the least number of peers, 4, is more than the most, 2; try 2 to 4 peers"},
		{5, 5, 9, "rewire: no node can have 5 peers, because there is no more than 4 others; try 4 peers"},
		{9, 1, 1, "rewire: 9 nodes with 1 peer each fall apart into pairs; try 1 to 2 peers"},
		{9, 0, 0, "rewire: a node needs at least 1 peer; try 1 to 2 peers"},
		{9, -4, -3, "rewire: no node can have -3 peers; try 1 to 2 peers"},
		{2, 2, 2, "rewire: no node can have 2 peers, because there is no more than 1 other; try 1 peer"},
		{1, 1, 3, "rewire: 1 node has nobody to be a peer of; try 0 peers"},
		{0, 3, 2, "rewire: the least number of peers, 3, is more than the most, 2"},
	}
	for _, tt := range tests {
		if _, err := topology.Rewire(topology.New(tt.nodes), tt.min, tt.max, newRand(1)); err == nil || err.Error() != tt.want {
			t.Errorf("%d nodes, %d to %d: %v, want %s", tt.nodes, tt.min, tt.max, err, tt.want)
		}
	}
	g, err := topology.Rewire(topology.New(0), 2, 3, newRand(1))
	if err != nil || g.Len() != 0 {
		t.Errorf("no nodes: %v, %v", g, err)
	}
}
