package draw

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"gossipctl/topology"
)

func TestNodesStayApart(t *testing.T) {
	for _, n := range []int{16, 64} {
		for _, p := range gallery(n) {
			t.Run(name(p), func(t *testing.T) {
				groups := record(p.Scene()).groups
				if len(groups) != len(p.Nodes) {
					t.Fatalf("%d nodes drawn, want %d", len(groups), len(p.Nodes))
				}
				for i, a := range groups {
					for _, b := range groups[:i] {
						d, e := body(t, a), body(t, b)
						if gap := distance(d.At, e.At) - d.R - e.R; gap < 1 {
							t.Errorf("nodes %d and %d are %.1f apart", a.Node, b.Node, gap)
						}
					}
				}
			})
		}
	}
}

func TestEveryNumberIsShownWhileThereIsRoom(t *testing.T) {
	for _, n := range []int{16, 64} {
		for _, p := range gallery(n) {
			for _, g := range record(p.Scene()).groups {
				if text, ok := number(g); !ok || text.Size < numberLeast {
					t.Errorf("%s: node %d is not numbered, or too small: %v", name(p), g.Node, text)
				}
			}
		}
	}
	p := pictureOf(regular(200, 3), "random")
	for _, g := range record(p.Scene()).groups {
		if text, ok := number(g); !ok || text.Size < 8 {
			t.Errorf("of 200: node %d is not numbered, or too small: %v", g.Node, text)
		}
	}
}

func TestEverythingIsOnThePage(t *testing.T) {
	pictures := append(gallery(16), gallery(64)...)
	pictures = append(pictures, allStates(), pictureOf(regular(300, 3), "random"), pictureOf(ringGraph(1000), "circle"),
		pictureOf(gridGraph(32, 32, true), "torus"), pictureOf(treeGraph(1000, 2), "tree"),
		pictureOf(topology.New(0), ""), pictureOf(topology.New(1), ""), pictureOf(ringGraph(2), "circle"))
	for _, p := range pictures {
		onPage(t, name(p), p.Scene())
	}
	for _, s := range []Spread{flood(regular(16, 3), 8, 0), flood(regular(64, 3), 8, 17), flood(regular(1000, 3), 8, 17),
		flood(ringGraph(1000), 1, 0), flood(starGraph(500, 1), 1, 0), {Root: 5}, {Root: 1, Missing: []int{2, 3}}} {
		onPage(t, "spread", s.Scene())
	}
}

func onPage(t *testing.T, name string, s Scene) {
	t.Helper()
	r := record(s)
	inside := func(what string, at Point, room float64) {
		if !(at.X-room >= 0 && at.Y-room >= 0 && at.X+room <= s.Width && at.Y+room <= s.Height) {
			t.Errorf("%s: %s at %v ± %.1f is off the page of %.0f × %.0f", name, what, at, room, s.Width, s.Height)
		}
	}
	for _, d := range r.discs {
		inside("a disc", d.At, d.R)
	}
	for _, text := range r.texts {
		inside("a text", text.At, 0)
	}
	for _, l := range r.lines {
		for i := 0; i <= 8; i++ {
			inside("a line", along(l, float64(i)/8), l.Stroke.Width/2)
		}
	}
}

// along is the place on a line at 0…1.
func along(l Line, t float64) Point {
	if p := l.Points; len(p) == 2 {
		return Point{p[0].X + t*(p[1].X-p[0].X), p[0].Y + t*(p[1].Y-p[0].Y)}
	}
	return cubic(l.Points, t)
}

func TestLinksGoRoundNodes(t *testing.T) {
	p := pictureOf(gridGraph(4, 4, true), "torus")
	p.Columns = 4
	for _, p := range []Picture{p, pictureOf(ringGraph(12), "line")} {
		r := record(p.Scene())
		for _, l := range r.links() {
			for _, g := range r.groups {
				if g.Node == l.A || g.Node == l.B {
					continue
				}
				d := body(t, g)
				for i := 0; i <= 100; i++ {
					if gap := distance(along(l, float64(i)/100), d.At) - d.R; gap < 1 {
						t.Fatalf("%s: link %d-%d runs over node %d", name(p), l.A, l.B, g.Node)
					}
				}
			}
		}
	}
}

func TestCircleStartsAtTwelve(t *testing.T) {
	at := circle(pictureOf(ringGraph(16), "circle"))
	if at[0].Y >= at[8].Y || math.Abs(at[0].X) > 1e-9 || at[4].X <= 0 {
		t.Errorf("node 1 is at %v, 5 at %v, 9 at %v: not clockwise from the top", at[0], at[4], at[8])
	}
	for i := range at {
		if d := distance(at[i], at[(i+1)%16]); math.Abs(d-1) > 1e-9 {
			t.Errorf("nodes %d and its neighbour are %v apart, want 1", i+1, d)
		}
	}
}

func TestGridKeepsCellsOfMissingNodes(t *testing.T) {
	g := gridGraph(4, 4, false)
	g.RemoveNode(6)
	p := pictureOf(g, "grid")
	p.Columns = 4
	if got, want := grid(p)[5], (Point{2, 1}); got != want { // node 7
		t.Errorf("node 7 is at %v, want %v", got, want)
	}
	sparse := pictureOf(topology.NewNodes([]int{1, 100, 1000}), "grid")
	if got, want := grid(sparse)[2], (Point{0, 1}); got != want {
		t.Errorf("the third of three nodes is at %v, want %v", got, want)
	}
}

func TestStarFindsItsHub(t *testing.T) {
	at := star(pictureOf(starGraph(9, 5), "star"))
	if at[4] != (Point{}) {
		t.Errorf("the hub is at %v, want the middle", at[4])
	}
	for i, p := range at {
		if i != 4 && distance(p, Point{}) < 1 {
			t.Errorf("node %d is at %v, want it on the rim", i+1, p)
		}
	}
}

func TestTreeHangsFromTheFirstNode(t *testing.T) {
	p := pictureOf(treeGraph(15, 2), "tree")
	at := tree(p)
	for v := 2; v <= 15; v++ {
		if parent := v / 2; at[parent-1].Y >= at[v-1].Y {
			t.Errorf("node %d is not above its child %d", parent, v)
		}
	}
	for parent := 1; parent <= 7; parent++ {
		if middle := (at[2*parent-1].X + at[2*parent].X) / 2; math.Abs(middle-at[parent-1].X) > 1e-9 {
			t.Errorf("node %d is at %v, its children's middle at %v", parent, at[parent-1].X, middle)
		}
	}
	two := tree(pictureOf(topology.New(2), "tree"))
	if distance(two[0], two[1]) < 1 {
		t.Errorf("two trees stand in one place: %v", two)
	}
}

func TestFoldedLayoutsHaveRoomForAll(t *testing.T) {
	for dimensions := 3; dimensions <= 6; dimensions++ {
		f := fit(hypercube(pictureOf(hypercubeGraph(dimensions), "hypercube")), true)
		if gap := gaps(f.at)[0]; gap < 2*f.r {
			t.Errorf("%d dimensions: two nodes of radius %.1f are %.1f apart", dimensions, f.r, gap)
		}
	}
}

func TestFitSurvivesAnyPlaces(t *testing.T) {
	same := make([]Point, 64)
	huge := []Point{{1e300, 0}, {-1e300, 1}, {math.NaN(), math.Inf(1)}, {0, 0}}
	tiny := []Point{{1e-300, 0}, {0, 0}, {0, 2e-300}}
	for _, at := range [][]Point{same, huge, tiny, {{3, 3}}, nil} {
		for _, spread := range []bool{true, false} {
			f := fit(at, spread)
			for _, p := range append(slices.Clone(f.at), Point{f.w, f.h}, Point{f.r, f.r}) {
				if math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0) || p.X < 0 || p.Y < 0 || p.X > 5000 || p.Y > 5000 {
					t.Fatalf("%d places, spread %v: %v came out", len(at), spread, p)
				}
			}
		}
	}
	if f := fit(same, true); gaps(f.at)[0] < 2*f.r {
		t.Errorf("64 nodes in one place were not moved apart: %v", gaps(f.at)[0])
	}
}

func TestStressFollowsTheGraph(t *testing.T) {
	p := pictureOf(regular(64, 3), "random")
	at := p.Stress()
	if !slices.Equal(at, p.Stress()) {
		t.Error("equal pictures got different places")
	}
	near, far, n, m := 0.0, 0.0, 0, 0
	steps := distances(p.neighbours())
	for a := range at {
		for b := range a {
			switch d := distance(at[a], at[b]); steps[a*64+b] {
			case 1:
				near, n = near+d, n+1
			case 5, 6, 7, 8:
				far, m = far+d, m+1
			}
		}
	}
	if near/float64(n) > 0.5*far/float64(m) {
		t.Errorf("neighbours are %.2f apart on average, distant nodes %.2f", near/float64(n), far/float64(m))
	}
}

func TestStressSurvivesTwoParts(t *testing.T) {
	g := topology.New(20)
	for v := 1; v < 10; v++ {
		g.AddEdge(v, v+1)
		g.AddEdge(v+10, v+11)
	}
	f := fit(pictureOf(g, "").Stress(), true)
	if gap := gaps(f.at)[0]; gap < 2*f.r {
		t.Errorf("two nodes of radius %.1f are %.1f apart", f.r, gap)
	}
}

func TestCircleIsNumberedOutsideWhenItIsLarge(t *testing.T) {
	for n, every := range map[int]int{200: 1, 1000: 5} {
		shown := map[string]bool{}
		r := record(pictureOf(ringGraph(n), "circle").Scene())
		for _, text := range r.texts {
			if text.Size == rimSize {
				shown[text.Words] = true
			}
		}
		for v := every; v <= n; v += every {
			if !shown[strconv.Itoa(v)] {
				t.Errorf("of %d, node %d has no number", n, v)
			}
		}
	}
}
