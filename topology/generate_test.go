package topology_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// byChance lists the kinds whose graph depends on the seed.
var byChance = map[string]bool{"random": true, "powerlaw": true, "smallworld": true}

// TestGenerateLaws checks, over all kinds and many seeds, what every graph has in common.
func TestGenerateLaws(t *testing.T) {
	for _, k := range topology.Kinds() {
		for seed := range uint64(25) {
			nodes := 5 + int(seed)
			switch {
			case k.Name == "hypercube":
				nodes = 1 << (seed % 8)
			case k.Name == "torus":
				nodes = 3 * (3 + int(seed))
			case k.Name == "random" && nodes%2 == 1:
				nodes++
			}
			r := topology.Request{Kind: k.Name, Nodes: nodes, Seed: seed}
			g, err := topology.Generate(r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			wellFormed(t, g)
			if g.Len() != nodes || !topology.Connected(g) {
				t.Errorf("%+v: %d nodes, connected: %v", r, g.Len(), topology.Connected(g))
			}
			again, err := topology.Generate(r)
			if err != nil || !cmp.Equal(g.Edges(), again.Edges()) {
				t.Errorf("%+v: the second time it is another graph (%v)", r, err)
			}
			r.Seed++
			other, err := topology.Generate(r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			// Below 20 nodes two seeds may hit upon the same graph.
			if same := cmp.Equal(g.Edges(), other.Edges()); nodes >= 20 && same == byChance[k.Name] {
				t.Errorf("%+v: same graph as with the seed before: %v", r, same)
			}
			r.Param, r.Seed = k.Param.Default, seed
			if explicit, err := topology.Generate(r); err != nil || !cmp.Equal(g.Edges(), explicit.Edges()) {
				t.Errorf("%+v: not the graph of the default (%v)", r, err)
			}
		}
	}
}

// TestSeedIsAPromise pins one graph of each kind made by chance: a seed that somebody wrote down must
// bring back the same network with the next release.
func TestSeedIsAPromise(t *testing.T) {
	want := map[string]string{
		"random":     "1-2 1-4 1-8 2-3 2-7 3-5 3-8 4-6 4-7 5-6 5-7 6-8",
		"powerlaw":   "1-4 2-4 2-5 2-6 2-7 2-8 3-4 3-5 3-6 3-7 4-5 4-8 5-6 6-7 7-8",
		"smallworld": "1-2 1-3 1-7 1-8 2-3 2-4 2-8 3-4 3-5 4-5 4-6 5-6 5-7 6-7 6-8 7-8",
	}
	for kind := range byChance {
		g, err := topology.Generate(topology.Request{Kind: kind, Nodes: 8, Seed: 42})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, e := range g.Edges() {
			list = append(list, fmt.Sprintf("%d-%d", e.A, e.B))
		}
		if got := strings.Join(list, " "); got != want[kind] {
			t.Errorf("%s: %s, want %s", kind, got, want[kind])
		}
	}
}

func TestRandomDegreeExact(t *testing.T) {
	for n := 2; n <= 18; n++ {
		for k := 1; k < n; k++ {
			if n*k%2 == 1 || k == 1 && n > 2 {
				continue
			}
			for seed := range uint64(10) {
				g, err := topology.Generate(topology.Request{Kind: "random", Nodes: n, Param: k, Seed: seed})
				if err != nil {
					t.Fatalf("n=%d k=%d: %v", n, k, err)
				}
				wellFormed(t, g)
				if degree, ok := topology.Regular(g); !ok || degree != k || !topology.Connected(g) {
					t.Fatalf("n=%d k=%d seed %d: degree %d (same for all: %v), connected: %v", n, k, seed, degree, ok, topology.Connected(g))
				}
			}
		}
	}
}

func TestImpossibleSentences(t *testing.T) {
	tests := []struct {
		kind         string
		nodes, param int
		want         string
	}{
		{"random", 5, 3, "random: 5 nodes cannot all have 3 peers, because 5 × 3 is odd; try 4 or 6 nodes, or degree 2 or 4"},
		{"random", 4, 6, "random: 4 nodes cannot all have 6 peers, because a node has only 3 others; try 7 nodes, or degree 3"},
		{"random", 2, 0, "random: 2 nodes cannot all have 3 peers, because a node has only 1 other; try 4 nodes, or degree 1"},
		{"random", 6, 1, "random: 6 nodes with 1 peer each fall apart into pairs; try 2 nodes, or degree 2"},
		{"random", 6, -1, "random: a node needs at least 1 peer, not -1; try degree 2"},
		{"random", 1, 0, "random: 1 node has nobody to be a peer of; try 4 nodes, or circular"},
		{"random", 0, 0, "random: a network has at least 1 node, not 0; try 4 nodes"},
		{"random", math.MinInt, math.MinInt, "random: a network has at least 1 node, not -9223372036854775808"},
		{"random", math.MaxInt, 3, "random: 9223372036854775807 nodes are too many, because each is a process and one machine is given at most 5000; try 5000 nodes"},
		{"random", 8, math.MaxInt, "random: 8 nodes cannot all have 9223372036854775807 peers, because a node has only 7 others; try degree 7"},
		{"random", 8, math.MinInt, "random: a node needs at least 1 peer, not -9223372036854775808; try degree 2"},
		{"star", math.MinInt, 0, "star: a network has at least 1 node, not -9223372036854775808; try 1 node"},
		{"powerlaw", 3, 0, "powerlaw: it needs at least 4 nodes, not 3, because each newcomer is joined to 3 others; try 4 nodes, or complete"},
		{"turan", 3, 0, "turan: 4 parts need at least 4 nodes, because none may be empty; try 4 nodes, or parts 3"},
		{"turan", 8, 1, "turan: 8 nodes in 1 part have no peers, because peers are in different parts; try 1 node, or parts 2"},
		{"turan", 8, -2, "turan: there is at least 1 part, not -2; try parts 2"},
		{"torus", 7, 0, "torus: 7 is not rows × columns with at least 3 of each; try 9 nodes, or grid"},
		{"torus", 13, 0, "torus: 13 is not rows × columns with at least 3 of each; try 12 or 15 nodes, or grid"},
		{"torus", 7, 5, "torus: 7 is not rows × columns with at least 3 of each; try 9 nodes, or grid"},
		{"tree", 7, -1, "tree: a node needs room for at least 1 child, not -1; try branching 1"},
		{"smallworld", 4, 0, "smallworld: it needs at least 5 nodes, not 4, because each has its 4 nearest as peers; try 5 nodes, or complete"},
		{"hypercube", 12, 0, "hypercube: 12 is not a power of two; try 8 or 16 nodes"},
		{"hypercube", 4500, 0, "hypercube: 4500 is not a power of two; try 4096 nodes"},
		{"circular", 4, 5, "circular: it takes no number, but was given 5; try circular alone"},
		{"circular", 5001, 0, "circular: 5001 nodes are too many, because each is a process and one machine is given at most 5000; try 5000 nodes"},
	}
	for _, tt := range tests {
		_, err := topology.Generate(topology.Request{Kind: tt.kind, Nodes: tt.nodes, Param: tt.param})
		if impossible := new(topology.ImpossibleError); !errors.As(err, &impossible) {
			t.Errorf("%s %d %d: %v", tt.kind, tt.nodes, tt.param, err)
		} else if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("%s %d %d (-want +got):\n%s", tt.kind, tt.nodes, tt.param, diff)
		}
	}
}

// TestSuggestionsWork asks for everything small and takes every error at its word.
func TestSuggestionsWork(t *testing.T) {
	sizes := []int{math.MinInt, -1, topology.MaxNodes + 1, math.MaxInt}
	for n := range 14 {
		sizes = append(sizes, n)
	}
	params := []int{math.MinInt, -2, -1, math.MaxInt}
	for p := range 16 {
		params = append(params, p)
	}
	works := map[topology.Request]bool{} // what has been tried
	for _, k := range topology.Kinds() {
		for _, n := range sizes {
			for _, p := range params {
				if n > topology.MaxNodes && p != 0 {
					continue // each costs a graph of 5,000 nodes
				}
				_, err := topology.Generate(topology.Request{Kind: k.Name, Nodes: n, Param: p})
				if err == nil {
					continue
				}
				impossible := new(topology.ImpossibleError)
				if !errors.As(err, &impossible) {
					t.Fatalf("%s %d %d: %v", k.Name, n, p, err)
				}
				if strings.ContainsAny(err.Error(), "\n") || strings.Contains(impossible.Reason, ";") || len(impossible.Try) > 5 {
					t.Errorf("not one sentence: %q", err)
				}
				if n > 0 && n <= topology.MaxNodes && len(impossible.Try) == 0 {
					t.Errorf("no way out of %q", err)
				}
				for _, r := range impossible.Try {
					if works[r] || r.Nodes > 1000 && (r.Kind == "complete" || r.Kind == "turan") {
						continue // the latter have ten million edges
					}
					if _, err := topology.Generate(r); err != nil {
						t.Errorf("%s %d %d suggests %+v: %v", k.Name, n, p, r, err)
					}
					works[r] = true
				}
			}
		}
	}
}

// TestSuggestionsAreNearest looks for something nearer than what is suggested for random.
func TestSuggestionsAreNearest(t *testing.T) {
	possible := func(n, k int) bool {
		_, err := topology.Generate(topology.Request{Kind: "random", Nodes: n, Param: k})
		return err == nil
	}
	for n := 1; n <= 9; n++ {
		for k := 1; k <= 11; k++ {
			_, err := topology.Generate(topology.Request{Kind: "random", Nodes: n, Param: k})
			impossible := new(topology.ImpossibleError)
			if !errors.As(err, &impossible) {
				continue
			}
			for _, r := range impossible.Try {
				if r.Kind != "random" {
					continue
				}
				for between := min(n, r.Nodes) + 1; between < max(n, r.Nodes); between++ {
					if possible(between, k) {
						t.Errorf("%v; but %d nodes are nearer", err, between)
					}
				}
				for between := min(k, r.Param) + 1; between < max(k, r.Param); between++ {
					if possible(n, between) {
						t.Errorf("%v; but degree %d is nearer", err, between)
					}
				}
			}
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := topology.Generate(topology.Request{Kind: "ring\x1b[2J", Nodes: 5})
	if !errors.Is(err, topology.ErrUnknownKind) {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), "circular") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error %q", err)
	}
}

func TestParseParam(t *testing.T) {
	random, _ := topology.Find("random")
	circular, _ := topology.Find("circular")
	tests := []struct {
		kind  topology.Kind
		text  string
		nodes int
		want  int
		err   string
	}{
		{random, "4", 16, 4, ""},
		{random, "-4", 16, -4, ""}, // Generate turns it down
		{random, "0", 16, 0, "random: a node needs at least 1 peer, not 0; try degree 2"},
		{random, "three", 16, 0, `random: DEGREE must be a whole number, not "three"; try degree 3`},
		{random, "three", 5, 0, `random: DEGREE must be a whole number, not "three"`},
		{random, "99999999999999999999", 16, 0, `random: DEGREE must be a whole number, not "99999999999999999999"; try degree 3`},
		{circular, "5", 16, 5, ""}, // here, too
		{circular, "0", 16, 0, "circular: it takes no number, but was given 0; try circular alone"},
		{circular, "big", 16, 0, `circular: it takes no argument, but was given "big"; try circular alone`},
	}
	for _, tt := range tests {
		got, err := tt.kind.ParseParam(tt.text, tt.nodes)
		if tt.err == "" {
			if err != nil || got != tt.want {
				t.Errorf("%s %q: %d, %v", tt.kind.Name, tt.text, got, err)
			}
			continue
		}
		impossible := new(topology.ImpossibleError)
		if !errors.As(err, &impossible) || err.Error() != tt.err {
			t.Errorf("%s %q: %v, want %s", tt.kind.Name, tt.text, err, tt.err)
		}
	}
	// A typed 0 must never pass, or it would mean the default.
	for _, k := range topology.Kinds() {
		for _, n := range []int{-1, 0, 1, 2, 16, topology.MaxNodes + 1} {
			if _, err := k.ParseParam("0", n); err == nil {
				t.Errorf("%s 0 passes with %d nodes", k.Name, n)
			}
		}
	}
}

func FuzzGenerate(f *testing.F) {
	for i := range topology.Kinds() {
		f.Add(uint8(i), 16, 0, uint64(42))
	}
	f.Add(uint8(0), 5, 3, uint64(1))
	f.Add(uint8(0), math.MaxInt, math.MaxInt, uint64(1))
	f.Add(uint8(3), math.MinInt, math.MinInt, uint64(1))
	f.Fuzz(func(t *testing.T, kind uint8, nodes, param int, seed uint64) {
		if nodes > 200 && nodes <= topology.MaxNodes {
			nodes %= 200 // a graph of 5,000 nodes takes too long to make many
		}
		kinds := topology.Kinds()
		r := topology.Request{Kind: kinds[int(kind)%len(kinds)].Name, Nodes: nodes, Param: param, Seed: seed}
		g, err := topology.Generate(r)
		if err != nil {
			impossible := new(topology.ImpossibleError)
			if !errors.As(err, &impossible) || err.Error() == "" {
				t.Fatalf("%+v: %v", r, err)
			}
			return
		}
		wellFormed(t, g)
		if g.Len() != nodes || !topology.Connected(g) {
			t.Fatalf("%+v: %d nodes, connected: %v", r, g.Len(), topology.Connected(g))
		}
	})
}

func BenchmarkRandom1000(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if _, err := topology.Generate(topology.Request{Kind: "random", Nodes: 1000, Param: 3, Seed: uint64(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRandom5000x50(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if _, err := topology.Generate(topology.Request{Kind: "random", Nodes: 5000, Param: 50, Seed: uint64(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiameter1000(b *testing.B) {
	g, err := topology.Generate(topology.Request{Kind: "random", Nodes: 1000, Param: 3, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := topology.Diameter(g); !ok {
			b.Fatal("not connected")
		}
	}
}

// newRand is a generator for tests.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
