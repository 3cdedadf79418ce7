package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func dialRandomly(n, each int, seed uint64) (*dialled, *rand.Rand) {
	d, rng := &dialled{n: n, each: each}, rand.New(rand.NewPCG(seed, 10))
	d.draw(rng)
	return d, rng
}

// checkDials fails the test unless everybody dials as many different others as asked.
func checkDials(t *testing.T, d *dialled) {
	t.Helper()
	if len(d.to) != d.n*d.each {
		t.Fatalf("n=%d dials=%d: %d dials", d.n, d.each, len(d.to))
	}
	for v := range d.n {
		own := slices.Sorted(slices.Values(d.to[v*d.each : (v+1)*d.each]))
		if own[0] < 0 || int(own[d.each-1]) >= d.n || slices.Contains(own, int32(v)) || len(slices.Compact(own)) != d.each {
			t.Fatalf("n=%d dials=%d: %d dials %v", d.n, d.each, v, own)
		}
	}
}

func TestDialledLaws(t *testing.T) {
	for n := 2; n <= 24; n++ {
		for each := 1; each < n; each++ {
			for seed := range uint64(10) {
				d, rng := dialRandomly(n, each, seed)
				checkDials(t, d)
				d.join(rng)
				checkDials(t, d)
				g := pack(upTo(n), d.pairs)
				for v := 1; v <= n; v++ {
					if g.Degree(v) < each {
						t.Fatalf("n=%d dials=%d seed %d: node %d has %d peers", n, each, seed, v, g.Degree(v))
					}
				}
				if !Connected(g) || g.NumEdges() > n*each {
					t.Fatalf("n=%d dials=%d seed %d: connected: %v, %d edges", n, each, seed, Connected(g), g.NumEdges())
				}
			}
		}
	}
}

// TestDialledMean counts the links: n·d dials, less the pairs that dial each other, d²/(n-1)·n/2.
func TestDialledMean(t *testing.T) {
	const n, each, graphs = 500, 20, 20
	edges, most := 0, 0
	for seed := range uint64(graphs) {
		g, err := Generate(Request{Kind: "dialled", Nodes: n, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		edges += g.NumEdges()
		for v := 1; v <= n; v++ {
			most = max(most, g.Degree(v))
		}
	}
	// The pairs that dial each other are 200 a graph, with a standard deviation of about the root of that.
	if mean := float64(edges) / graphs; mean < n*each-215 || mean > n*each-185 {
		t.Errorf("%.0f links a graph, want 9800", mean)
	}
	// How often one is dialled is nearly Poisson: 20, and 40 or so for one of 10,000.
	if most < 50 || most > 70 {
		t.Errorf("the one with the most has %d peers", most)
	}
}

// TestDialsUniform counts whom the middle one of five dials: each choice of two or three of the others
// should be as likely as any.
func TestDialsUniform(t *testing.T) {
	for each, bound := range map[int]float64{1: 16.27, 2: 20.52, 3: 16.27} { // once in 1,000: 3 and 5 degrees of freedom
		counts := map[string]int{}
		for seed := range uint64(4000) {
			d, _ := dialRandomly(5, each, seed)
			counts[fmt.Sprint(slices.Sorted(slices.Values(d.to[2*each:3*each])))]++
		}
		if want := map[int]int{1: 4, 2: 6, 3: 4}[each]; len(counts) != want {
			t.Fatalf("%d dials: %d choices, want %d", each, len(counts), want)
		}
		if x := chiSquare(counts, alike(counts)); x > bound {
			t.Errorf("%d dials: chi-square %.1f exceeds %.2f: %v", each, x, bound, counts)
		}
	}
}

// TestDialledJoins sees to it that what is drawn does fall apart, and that joining redirects no more dials
// than it must.
func TestDialledJoins(t *testing.T) {
	apart := 0
	for seed := range uint64(200) {
		d, rng := dialRandomly(40, 1, seed)
		before := slices.Clone(d.to)
		parts := len(Components(pack(upTo(d.n), d.pairs)))
		d.join(rng)
		redirected := 0
		for i := range before {
			if before[i] != d.to[i] {
				redirected++
			}
		}
		if redirected != parts-1 {
			t.Errorf("seed %d: %d parts, and %d dials redirected", seed, parts, redirected)
		}
		if parts > 1 {
			apart++
		}
	}
	if apart < 50 || apart == 200 {
		t.Errorf("%d of 200 fall apart; the test should see both", apart)
	}
	// Two triangles and a ring of four, everybody dialling both neighbours: each has dials to spare.
	d := &dialled{n: 10, each: 2, to: []int32{1, 2, 0, 2, 0, 1, 4, 5, 3, 5, 3, 4, 7, 9, 6, 8, 7, 9, 6, 8}}
	d.join(rand.New(rand.NewPCG(1, 10)))
	checkDials(t, d)
	if g := pack(upTo(d.n), d.pairs); !Connected(g) {
		t.Errorf("three parts stay apart: %v", Components(g))
	}
}
