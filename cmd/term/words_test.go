package term

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlural(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Plural(1, "node"), "1 node"},
		{Plural(0, "node"), "0 nodes"},
		{Plural(10000, "node"), "10,000 nodes"},
		{Plural(1, "copy", "copies"), "1 copy"},
		{Plural(3, "copy", "copies"), "3 copies"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestLists(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{And([]int{}), ""},
		{And([]int{1}), "1"},
		{And([]int{1, 2}), "1 and 2"},
		{And([]int{1, 2, 3}), "1, 2 and 3"},
		{Or([]string{"table", "json", "name"}), "table, json or name"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestNodes(t *testing.T) {
	type nodeID int
	for _, c := range []struct {
		ids  []nodeID
		want string
	}{
		{nil, ""},
		{[]nodeID{7}, "7"},
		{[]nodeID{1, 2}, "1,2"},
		{[]nodeID{1, 2, 3}, "1-3"},
		{[]nodeID{12, 1, 3, 2, 8, 7, 6, 5, 4, 4}, "1-8,12"},
		{[]nodeID{1, 2, 4, 5, 6, 9, 10}, "1,2,4-6,9,10"},
	} {
		before := slices.Clone(c.ids)
		if got := Nodes(c.ids); got != c.want {
			t.Errorf("Nodes(%v) = %q, want %q", c.ids, got, c.want)
		}
		if diff := cmp.Diff(before, c.ids); diff != "" {
			t.Errorf("Nodes changed the set it was given: %s", diff)
		}
	}
}

// FuzzNodes reads the list back into the set.
func FuzzNodes(f *testing.F) {
	f.Add([]byte{1, 2, 3, 9, 9, 200})
	f.Fuzz(func(t *testing.T, set []byte) {
		var ids, back []int
		for _, b := range set {
			ids = append(ids, int(b))
		}
		text := Nodes(ids)
		for part := range strings.SplitSeq(text, ",") {
			if text == "" {
				break
			}
			first, last, run := strings.Cut(part, "-")
			from, err := strconv.Atoi(first)
			to := from
			if run {
				to, _ = strconv.Atoi(last)
			}
			if err != nil || run && to < from+2 {
				t.Fatalf("Nodes(%v) = %q holds %q", ids, text, part)
			}
			for id := from; id <= to; id++ {
				back = append(back, id)
			}
		}
		slices.Sort(ids)
		if diff := cmp.Diff(slices.Compact(ids), back); diff != "" {
			t.Errorf("%q read back differs: %s", text, diff)
		}
	})
}

func TestNear(t *testing.T) {
	names := []string{"base-port", "network", "num-nodes", "output", "plot", "protocol", "relays", "seed", "set", "timeout"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"num_nodes", []string{"num-nodes"}},
		{"Num-Nodes", []string{"num-nodes"}},
		{"nodez", nil},
		{"num-nodez", []string{"num-nodes"}},
		{"netwrok", []string{"network"}},
		{"proto", []string{"protocol"}},
		{"see", []string{"seed", "set"}},
		{"sed", []string{"seed", "set"}},
		{"", nil},
		{"zzzzzz", nil},
		{strings.Repeat("n", 65), nil},
	} {
		if diff := cmp.Diff(c.want, Near(c.word, names)); diff != "" {
			t.Errorf("Near(%q): -want +got\n%s", c.word, diff)
		}
	}
	if got := Near("a", []string{"a1", "a2", "a3", "a4"}); len(got) != 3 {
		t.Errorf("Near offers %v, want three", got)
	}
}
