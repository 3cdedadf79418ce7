package draw

import (
	"fmt"
	"strings"
	"testing"
)

func TestSpreadShowsEveryNodeOnce(t *testing.T) {
	for _, s := range []Spread{
		flood(regular(16, 3), 8, 0), flood(regular(64, 3), 8, 17), flood(regular(200, 3), 8, 17),
		flood(regular(1000, 3), 8, 17), flood(ringGraph(1000), 1, 0), flood(starGraph(300, 1), 1, 9), {Root: 7},
	} {
		counts := count(t, svgOf(t, s.Scene()))
		reached := max(1, len(s.Nodes))
		if counts["node"] != reached+len(s.Missing) || counts["link"] != reached-1 || counts["data-state=missing"] != len(s.Missing) {
			t.Errorf("%d reached, %d missing: drawn %d nodes, %d links, %d missing", reached, len(s.Missing),
				counts["node"], counts["link"], counts["data-state=missing"])
		}
		if counts["data-state=sender"] != 1 {
			t.Errorf("%d senders", counts["data-state=sender"])
		}
	}
}

func TestSpreadGoesFromLeftToRight(t *testing.T) {
	s := flood(regular(16, 3), 8, 0)
	at := map[int]Point{}
	scene := s.Scene()
	for _, g := range record(scene).groups {
		at[g.Node] = body(t, g).At
	}
	columns := map[int]float64{}
	for _, v := range s.Nodes {
		if v.Parent != 0 && at[v.ID].X <= at[v.Parent].X {
			t.Errorf("node %d is not to the right of %d", v.ID, v.Parent)
		}
		if x, seen := columns[v.Hop]; seen && x != at[v.ID].X {
			t.Errorf("node %d is not in the column of hop %d", v.ID, v.Hop)
		}
		columns[v.Hop] = at[v.ID].X
	}
	text := svgOf(t, scene)
	for hop := 1; hop < len(columns); hop++ {
		if !strings.Contains(text, fmt.Sprintf(">hop %d</text>", hop)) {
			t.Errorf("hop %d has no heading", hop)
		}
	}
	for _, v := range s.Nodes[1:] {
		if !strings.Contains(text, ">"+duration(v.AfterMS)+"</text>") {
			t.Errorf("the time of node %d, %s, is missing", v.ID, duration(v.AfterMS))
		}
	}
}

func TestSpreadRingsAreHops(t *testing.T) {
	s := flood(regular(300, 3), 8, 0)
	at := map[int]Point{}
	for _, g := range record(s.Scene()).groups {
		at[g.Node] = body(t, g).At
	}
	ring := 0.0
	for _, v := range s.Nodes {
		if v.Hop == 1 {
			ring = distance(at[v.ID], at[8])
		}
	}
	for _, v := range s.Nodes {
		if got, want := distance(at[v.ID], at[8]), ring*float64(v.Hop); got < want-0.1 || got > want+0.1 {
			t.Errorf("node %d at hop %d is %.1f from the sender, want %.1f", v.ID, v.Hop, got, want)
		}
	}
}

// Evidence can be incomplete: a parent that was never heard of, or two nodes that name each other.
func TestSpreadWithoutTrueParents(t *testing.T) {
	s := Spread{Root: 1, Nodes: []SpreadNode{
		{ID: 2, Parent: 3, AfterMS: 2}, {ID: 3, Parent: 2, AfterMS: 1}, // a circle
		{ID: 4, Parent: 9, AfterMS: 3}, {ID: 5, Parent: 4, AfterMS: 4}, // a stranger
		{ID: 6, Parent: 6, AfterMS: 5}, {ID: 1, Parent: 5, AfterMS: 6}, // itself; the root's own parent
	}}
	g := s.grow()
	for i, v := range g.nodes {
		want := map[int]struct {
			depth int
			lost  bool
		}{1: {0, false}, 3: {1, true}, 2: {2, false}, 4: {1, true}, 5: {2, false}, 6: {1, true}}[v.ID]
		if g.depth[i] != want.depth || g.lost[i] != want.lost {
			t.Errorf("node %d: depth %d, lost %v, want %+v", v.ID, g.depth[i], g.lost[i], want)
		}
	}
	if counts := count(t, svgOf(t, s.Scene())); counts["node"] != 6 || counts["ghost"] != 3 {
		t.Errorf("%d nodes, %d ghost links, want 6 and 3", counts["node"], counts["ghost"])
	}
}

func TestSpreadWithoutTimesShowsNone(t *testing.T) {
	s := flood(regular(16, 3), 8, 0)
	for i := range s.Nodes {
		s.Nodes[i].AfterMS = 0
	}
	if text := svgOf(t, s.Scene()); strings.Contains(text, " ms") {
		t.Error("a time is shown that nobody measured")
	}
}

func TestDuration(t *testing.T) {
	for ms, want := range map[float64]string{0: "0.00 ms", 0.126: "0.13 ms", 1.84: "1.8 ms", 12.4: "12 ms", 999: "999 ms", 1500: "1.5 s", 75_000: "75 s"} {
		if got := duration(ms); got != want {
			t.Errorf("%v ms is %q, want %q", ms, got, want)
		}
	}
}
