package limit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRandomRegular(t *testing.T) {
	for _, n := range []int{4, 6, 16, 64, 256, 1000} {
		for seed := range uint64(5) {
			g, err := RandomRegular(n, 3, seed)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.check(); err != nil {
				t.Errorf("%d nodes, seed %d: %v", n, seed, err)
			}
			for i, peers := range g {
				if len(peers) != 3 || peers[0] == peers[1] || peers[1] == peers[2] || peers[0] == peers[2] {
					t.Errorf("%d nodes, seed %d: node %d has the peers %v; want three different ones", n, seed, i+1, peers)
				}
			}
		}
	}
}

func TestRandomRegularFollowsItsSeed(t *testing.T) {
	draw := func(seed uint64) Graph {
		g, err := RandomRegular(64, 3, seed)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if d := cmp.Diff(draw(1), draw(1)); d != "" {
		t.Errorf("one seed, two graphs: %s", d)
	}
	if cmp.Equal(draw(1), draw(2)) {
		t.Error("two seeds, one graph")
	}
}

func TestRandomRegularRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct{ n, degree int }{{0, 3}, {1, 0}, {3, 3}, {5, 3}, {4, 0}, {4, 1}} {
		if g, err := RandomRegular(c.n, c.degree, 1); err == nil {
			t.Errorf("%d nodes with %d peers each: %v", c.n, c.degree, g)
		}
	}
}

func TestCheckFindsGraphsThatAreNone(t *testing.T) {
	for name, g := range map[string]Graph{
		"empty":        {},
		"loop":         {{1}},
		"one end":      {{2}, {}},
		"unknown peer": {{2}, {1, 3}},
		"two parts":    {{2}, {1}, {4}, {3}},
	} {
		if g.check() == nil {
			t.Errorf("%s: %v passed", name, g)
		}
	}
}
