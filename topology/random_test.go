package topology

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// chiSquare measures how far the counts are from what the weights promise.
func chiSquare[K comparable](counts map[K]int, weights map[K]float64) float64 {
	drawn, whole := 0, 0.0
	for _, n := range counts {
		drawn += n
	}
	for _, w := range weights {
		whole += w
	}
	sum := 0.0
	for k, w := range weights {
		expected := float64(drawn) * w / whole
		sum += (float64(counts[k]) - expected) * (float64(counts[k]) - expected) / expected
	}
	return sum
}

// alike is the weights of things that are equally likely.
func alike[K comparable](counts map[K]int) map[K]float64 {
	weights := make(map[K]float64)
	for k := range counts {
		weights[k] = 1
	}
	return weights
}

// TestRandomUniform draws graphs so small that all of them come up often. The bounds are what a uniform
// choice exceeds once in 1,000 times; the seeds are fixed.
func TestRandomUniform(t *testing.T) {
	tests := []struct {
		n, k, graphs int
		bound        float64
	}{
		{4, 2, 3, 13.82},   // rings of four
		{5, 2, 12, 31.26},  // rings of five
		{6, 3, 70, 111.06}, // 10 K3,3 and 60 prisms
		{6, 4, 15, 36.12},  // what is left out is three pairs
	}
	for _, tt := range tests {
		counts := map[string]int{}
		for seed := range 200 * tt.graphs {
			g, err := Generate(Request{Kind: "random", Nodes: tt.n, Param: tt.k, Seed: uint64(seed)})
			if err != nil {
				t.Fatal(err)
			}
			counts[fmt.Sprint(g.Edges())]++
		}
		if len(counts) != tt.graphs {
			t.Fatalf("n=%d k=%d: %d different graphs, want %d", tt.n, tt.k, len(counts), tt.graphs)
		}
		if x := chiSquare(counts, alike(counts)); x > tt.bound {
			t.Errorf("n=%d k=%d: chi-square %.1f exceeds %.2f", tt.n, tt.k, x, tt.bound)
		}
	}
}

// shape tells the five connected cubic graphs of 8 nodes apart.
type shape struct{ triangles, squares int }

func shapeOf(s *sketch) (is shape) {
	n := int32(s.n)
	for a := range n {
		for b := range a {
			shared := 0
			for c := range n {
				if s.has(a, c) && s.has(b, c) {
					shared++
				}
			}
			if s.has(a, b) {
				is.triangles += shared // each triangle at each of its edges
			}
			is.squares += shared * (shared - 1) / 2 // each square at each of its diagonals
		}
	}
	is.triangles /= 3
	is.squares /= 2
	return is
}

// cubicShapes counts the connected 3-regular graphs of 8 nodes by making all of them.
func cubicShapes() map[shape]float64 {
	s, degrees, found := newSketch(8, 12), make([]int, 8), map[shape]float64{}
	var fill func(a, b int32)
	fill = func(a, b int32) { // decides the pair a, b and all that follow
		switch {
		case a == 8:
			if s.connected() {
				found[shapeOf(s)]++
			}
			return
		case b == 8:
			if degrees[a] == 3 {
				fill(a+1, a+2)
			}
			return
		}
		fill(a, b+1)
		if degrees[a] < 3 && degrees[b] < 3 {
			s.add(a, b)
			degrees[a]++
			degrees[b]++
			fill(a, b+1)
			degrees[a]--
			degrees[b]--
			s.flip(a, b)
			s.edges = s.edges[:len(s.edges)-1]
		}
	}
	fill(0, 1)
	return found
}

// TestBothMethodsUniform holds the pairing and the chain of switches, which serves the degrees that
// pairing is too slow for, against the complete list of graphs of 8 nodes and degree 3.
func TestBothMethodsUniform(t *testing.T) {
	weights := cubicShapes()
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if len(weights) != 5 || total != 19320 {
		t.Fatalf("%d shapes of %v graphs, but the literature has 5 of 19320", len(weights), total)
	}
	methods := map[string]func(rng *rand.Rand) *sketch{
		"pairing": func(rng *rand.Rand) *sketch { return drawRegular(8, 3, rng, true) },
		"chain": func(rng *rand.Rand) *sketch {
			s := harary(8, 3)
			s.mix(rng)
			s.join(rng)
			return s
		},
	}
	for name, draw := range methods {
		counts := map[shape]int{}
		for seed := range uint64(8000) {
			counts[shapeOf(draw(rand.New(rand.NewPCG(seed, 2))))]++
		}
		for is, n := range counts {
			if weights[is] == 0 {
				t.Errorf("%s: %d graphs of shape %v, which no connected one has", name, n, is)
			}
		}
		if x := chiSquare(counts, weights); x > 18.47 { // four degrees of freedom, once in 1,000
			t.Errorf("%s: chi-square %.1f: %v, want as %v", name, x, counts, weights)
		}
	}
}

// TestPairingNeverGivesUp counts on pairing where it is hardest.
func TestPairingNeverGivesUp(t *testing.T) {
	for _, n := range []int{9, 10, 100} {
		for seed := range uint64(30) {
			s, rng, tries := newSketch(n, 0), rand.New(rand.NewPCG(seed, 3)), 1
			for !s.pair(maxPaired, rng) {
				tries++
			}
			if tries > maxPairings {
				t.Errorf("n=%d seed %d: %d pairings", n, seed, tries)
			}
		}
	}
}

// TestTriangles counts the triangles of graphs drawn by the chain, which starts from a ring that is full
// of them, and of those dealt and mended.
func TestTriangles(t *testing.T) {
	const n, k, graphs = 300, 6, 40
	for name, draw := range map[string]func(rng *rand.Rand) *sketch{
		"chain": func(rng *rand.Rand) *sketch { return drawRegular(n, k, rng, true) },
		"dealt": func(rng *rand.Rand) *sketch { return dealt(t, n, k, rng) },
	} {
		corners := 0 // three a triangle
		for seed := range uint64(graphs) {
			s := draw(rand.New(rand.NewPCG(seed, 4)))
			g := s.graph(upTo(n))
			for _, e := range g.Edges() {
				for _, p := range g.Peers(e.A) {
					if g.HasEdge(p, e.B) {
						corners++
					}
				}
			}
		}
		// Theory: (k-1)³/6 = 20.8 a graph, with a standard deviation of its root; the ring has 900.
		if mean := float64(corners) / 3 / graphs; mean < 18 || mean > 24 {
			t.Errorf("%s: %.1f triangles a graph, want 20.8", name, mean)
		}
	}
}

func dealt(t *testing.T, n, k int, rng *rand.Rand) *sketch {
	s := newSketch(n, n*k/2)
	if !s.deal(k, rng) {
		t.Fatalf("%d places with %d peers: not mended", n, k)
	}
	return s
}

// TestDeal makes dense graphs too, in which every fifth pair or so has to be mended.
func TestDeal(t *testing.T) {
	for _, size := range [][2]int{{12, 5}, {30, 7}, {100, 20}, {101, 50}, {300, 149}, {maxMatrix + 2, 6}} {
		n, k := size[0], size[1]
		for seed := range uint64(10) {
			s := dealt(t, n, k, rand.New(rand.NewPCG(seed, 9)))
			g := s.graph(upTo(n))
			if degree, ok := Regular(g); !ok || degree != k || len(s.edges) != n*k/2 {
				t.Errorf("n=%d k=%d seed %d: degree %d (same for all: %v), %d edges", n, k, seed, degree, ok, len(s.edges))
			}
		}
	}
	// Of 4 places with 3 peers each, a pairing that leaves two pairs of one place is beyond mending.
	refused := 0
	for seed := range uint64(200) {
		if s := newSketch(4, 6); !s.deal(3, rand.New(rand.NewPCG(seed, 9))) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("what cannot be mended is called mended")
	}
}

func TestHarary(t *testing.T) {
	for n := 3; n <= 15; n++ {
		for k := 2; k < n; k++ {
			g := harary(n, k).graph(upTo(n))
			more := 0
			for _, v := range g.Nodes() {
				switch g.Degree(v) {
				case k:
				case k + 1:
					more++
				default:
					t.Errorf("n=%d k=%d: node %d has degree %d", n, k, v, g.Degree(v))
				}
			}
			if more != n*k%2 || !Connected(g) {
				t.Errorf("n=%d k=%d: %d nodes with one peer more; connected: %v", n, k, more, Connected(g))
			}
		}
	}
}

// TestJoin joins rings, a dense part and as many pairs as there are spare edges for: n-1 edges in all,
// the fewest that can hold n nodes together.
func TestJoin(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		sizes := make([]int, 1+rng.IntN(4))
		n, pairs := 0, 1 // the first cyclic part is tied to nothing; each later one costs its spare edge
		for i := range sizes {
			sizes[i] = 3 + rng.IntN(4)
			n += sizes[i]
		}
		dense := rng.IntN(2) * (4 + rng.IntN(4))
		if dense > 0 {
			n += dense
			pairs += dense*(dense-1)/2 - dense // the edges it has beyond those of a ring
		}
		n += 2 * pairs
		s := newSketch(n, n)
		at := int32(0)
		for _, size := range sizes {
			for i := range int32(size) {
				s.add(at+i, at+(i+1)%int32(size))
			}
			at += int32(size)
		}
		for a := range int32(dense) {
			for b := range a {
				s.add(at+a, at+b)
			}
		}
		at += int32(dense)
		for range pairs {
			s.add(at, at+1)
			at += 2
		}
		before := degreesOf(s)
		if len(s.edges) != n-1 || s.connected() {
			t.Fatalf("seed %d: %d edges, %d nodes; the test is wrong", seed, len(s.edges), n)
		}
		s.join(rng)
		if after := degreesOf(s); !s.connected() || fmt.Sprint(before) != fmt.Sprint(after) {
			t.Fatalf("seed %d: connected: %v, degrees %v, before %v", seed, s.connected(), after, before)
		}
	}
}

func degreesOf(s *sketch) []int {
	g := s.graph(upTo(s.n)) // from the bits, so that they are checked with the list
	var list []int
	for _, v := range g.Nodes() {
		list = append(list, g.Degree(v))
	}
	if g.NumEdges() != len(s.edges) {
		return nil
	}
	return list
}

// TestSmallworldFallback draws the small world whose ring is left alone.
func TestSmallworldFallback(t *testing.T) {
	for seed := range uint64(50) {
		n := 5 + int(seed)
		g := pack(upTo(n), listed(drawSmallworld(n, 2, rand.New(rand.NewPCG(seed, 6)))))
		for v := 1; v <= n; v++ {
			if !g.HasEdge(v, v%n+1) {
				t.Fatalf("n=%d: the ring is cut at %d", n, v)
			}
		}
		if g.NumEdges() != 2*n {
			t.Fatalf("n=%d: %d edges", n, g.NumEdges())
		}
	}
}
