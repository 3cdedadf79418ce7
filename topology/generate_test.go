package topology_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/topology"
)

// byChance lists the kinds whose graph depends on the seed.
var byChance = map[string]bool{"random": true, "powerlaw": true, "smallworld": true, "dialled": true}

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
			case k.Name == "dialled":
				nodes += 20
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
		"dialled":    "1-2 1-7 2-3 2-8 3-5 3-6 3-7 3-8 4-5 4-7 5-6 5-7",
	}
	for kind := range byChance {
		r := topology.Request{Kind: kind, Nodes: 8, Seed: 42}
		if kind == "dialled" {
			r.Param = 2
		}
		g, err := topology.Generate(r)
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

// TestLargeSeedsToo pins, by a hash, what is too long to write out; so many nodes take other ways to the
// same laws. Nothing below MaxNodes may ever change, and nothing above without a word in the changelog.
func TestLargeSeedsToo(t *testing.T) {
	tests := []struct {
		kind         string
		nodes, param int
		want         uint64
	}{
		{"random", 1000, 2, 0x912fbebe4fc066d5},
		{"random", 5000, 3, 0x815846e7a3968e4c},
		{"random", 5000, 4, 0x40b1678a7fb8158d},
		{"random", 5000, 5, 0x5780b799d5be0030},
		{"random", 301, 20, 0x2aba95ce478bb985},
		{"random", 300, 297, 0xa694ed357d496de6},
		{"random", 300, 200, 0xdb734329b4b6edf5},
		{"powerlaw", 100, 0, 0x68fe7801cbb8f7aa},
		{"powerlaw", 5000, 0, 0xbdd91caba4c357ba},
		{"smallworld", 100, 0, 0x85936c372526026e},
		{"smallworld", 5000, 0, 0xebec3e8bdc939c0c},
		{"circular", 5000, 0, 0x27b8e7d7e30d49b1},
		{"turan", 501, 7, 0x7342afe9b13eb119},
		{"grid", 4999, 0, 0x195049f1e4f0345},
		{"torus", 5000, 0, 0x8d686a2051460c1d},
		{"star", 5000, 0, 0x18294b25f672e2dc},
		{"tree", 5000, 3, 0xf71d843834a6e8e5},
		{"complete", 500, 0, 0xb8cbd17b357ff09e},
		{"line", 5000, 0, 0x64bb425a42a26fad},
		{"hypercube", 4096, 0, 0x43d5ebdbbe97f165},
		{"dialled", 5000, 20, 0x9b64ce019638edf4},
		{"dialled", 5000, 1, 0x2681efc2d05c3072},
		{"random", 6000, 5, 0x1d7981b5c252c8c0},
		{"random", 20000, 2, 0x27085483483fc08d},
		{"random", 20000, 3, 0xfe0863c81a9ba58b},
		{"random", 20000, 5, 0xf4919961100f966f},
		{"powerlaw", 20000, 0, 0xa7fcd04325ef5ade},
		{"smallworld", 20000, 0, 0x1bb6a14798c23264},
		{"dialled", 20000, 3, 0x1d6861f07d2745b},
	}
	for _, tt := range tests {
		g, err := topology.Generate(topology.Request{Kind: tt.kind, Nodes: tt.nodes, Most: 20000, Param: tt.param, Seed: 42})
		if err != nil {
			t.Fatal(err)
		}
		if got := hash(g); got != tt.want {
			t.Errorf("%s %d %d: %#x, want %#x", tt.kind, tt.nodes, tt.param, got, tt.want)
		}
	}
}

// hash sums up the edges of a graph.
func hash(g *topology.Graph) uint64 {
	sum, text := fnv.New64a(), []byte(nil)
	for _, e := range g.Edges() {
		text = binary.LittleEndian.AppendUint64(text[:0], uint64(e.A))
		sum.Write(binary.LittleEndian.AppendUint64(text, uint64(e.B)))
	}
	return sum.Sum64()
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
		{"dialled", 16, 0, "dialled: 16 nodes cannot each dial 20 others, because a node has only 15 others; try 21 nodes, or dials 15"},
		{"dialled", 2, 2, "dialled: 2 nodes cannot each dial 2 others, because a node has only 1 other; try 3 nodes, or dials 1"},
		{"dialled", 8, -1, "dialled: a node dials at least 1 other, not -1; try dials 1"},
		{"dialled", 1, 0, "dialled: 1 node has nobody to dial; try 21 nodes, or circular"},
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

// TestBounds asks for more nodes and edges than there may be. Each answer comes before anything is made:
// some of these graphs would not fit into any machine.
func TestBounds(t *testing.T) {
	const million = 1_000_000
	tests := []struct {
		kind               string
		nodes, param, most int
		want               string
	}{
		{"circular", 5001, 0, 5000, "circular: 5001 nodes are too many, because here a network has at most 5000; try 5000 nodes"},
		{"circular", million + 1, 0, million, "circular: 1000001 nodes are too many, because here a network has at most 1000000; try 1000000 nodes"},
		{"hypercube", math.MaxInt, 0, million, "hypercube: 9223372036854775807 nodes are too many, because here a network has at most 1000000; try 524288 nodes"},
		{"random", 0, 0, million, "random: a network has at least 1 node, not 0; try 4 nodes"},
		{"random", 100_001, 3, million, "random: 100001 nodes cannot all have 3 peers, because 100001 × 3 is odd; try 100000 or 100002 nodes, or degree 2 or 4"},
		{"complete", 100_000, 0, million, "complete: 100000 nodes would have up to 4999950000 edges, which are too many, because a network has at most 50000000; try 10000 nodes"},
		{"turan", million, 0, million, "turan: 1000000 nodes would have up to 375000000000 edges, which are too many, because a network has at most 50000000; try 11547 nodes"},
		{"random", million, 101, million, "random: 1000000 nodes would have up to 50500000 edges, which are too many, because a network has at most 50000000; try 990098 nodes, or degree 100"},
		{"random", million, math.MaxInt, million, "random: 1000000 nodes cannot all have 9223372036854775807 peers, because a node has only 999999 others; try degree 100"},
		{"dialled", million, 60, million, "dialled: 1000000 nodes would have up to 60000000 edges, which are too many, because a network has at most 50000000; try 833333 nodes, or dials 50"},
		{"torus", 999_983, 0, million, "torus: 999983 is not rows × columns with at least 3 of each; try 999982 or 999984 nodes, or grid"},
		{"star", math.MaxInt, 0, math.MaxInt, "star: 9223372036854775807 nodes are too many, because here a network has at most 50000000; try 50000000 nodes"},
		{"complete", 4_000_000, 0, math.MaxInt, "complete: 4000000 nodes would have up to 7999998000000 edges, which are too many, because a network has at most 50000000; try 10000 nodes"},
		{"star", 3, 0, -1, "star: 3 nodes are too many, because here a network has at most -1"},
	}
	for _, tt := range tests {
		r := topology.Request{Kind: tt.kind, Nodes: tt.nodes, Param: tt.param, Most: tt.most}
		_, err := topology.Generate(r)
		impossible := new(topology.ImpossibleError)
		if !errors.As(err, &impossible) {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", r, diff)
		}
		for _, try := range impossible.Try {
			if try.Most != tt.most {
				t.Errorf("%+v: suggests %+v, which has another bound", r, try)
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
		f.Add(uint8(i), 16, 0, 0, uint64(42))
	}
	f.Add(uint8(0), 5, 3, 0, uint64(1))
	f.Add(uint8(0), math.MaxInt, math.MaxInt, 0, uint64(1))
	f.Add(uint8(3), math.MinInt, math.MinInt, 0, uint64(1))
	f.Add(uint8(8), 18_000, 0, 20_000, uint64(1))
	f.Fuzz(func(t *testing.T, kind uint8, nodes, param, most int, seed uint64) {
		most %= 20_000 // the way from so many to what is possible is short
		limit := most
		if most == 0 {
			limit = topology.MaxNodes
		}
		if nodes > 200 && nodes <= limit {
			nodes %= 200 // a graph of 5,000 nodes takes too long to make many
		}
		kinds := topology.Kinds()
		r := topology.Request{Kind: kinds[int(kind)%len(kinds)].Name, Nodes: nodes, Most: most, Param: param, Seed: seed}
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

// BenchmarkLarge makes what simulations ask for.
func BenchmarkLarge(b *testing.B) {
	for _, nodes := range []int{100_000, 1_000_000} {
		for _, k := range []topology.Request{
			{Kind: "random", Param: 3}, {Kind: "random", Param: 4}, {Kind: "random", Param: 5}, {Kind: "random", Param: 50},
			{Kind: "circular"}, {Kind: "powerlaw"}, {Kind: "grid"}, {Kind: "torus"}, {Kind: "star"}, {Kind: "tree"},
			{Kind: "smallworld"}, {Kind: "line"}, {Kind: "hypercube"}, {Kind: "dialled"},
		} {
			r := k
			r.Nodes, r.Most, r.Seed = nodes, nodes, 1
			if r.Kind == "hypercube" {
				r.Nodes = 1 << (bits.Len(uint(nodes)) - 1)
			}
			b.Run(fmt.Sprintf("%s%d/%d", r.Kind, r.Param, r.Nodes), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := topology.Generate(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
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
