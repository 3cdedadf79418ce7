package cmd

import (
	"testing"

	"gossipctl/gossip"
	"gossipctl/node/api"

	"github.com/google/go-cmp/cmp"
)

// Nodes agree when everybody has the newest version of everything; else it is said who is behind in what.
func TestDifferences(t *testing.T) {
	value := func(owner gossip.NodeID, run, version uint32, text string) api.Value {
		return api.Value{Owner: owner, Run: run, Version: version, Key: "k", Value: []byte(text)}
	}
	gone := func(owner gossip.NodeID, run, version uint32) api.Value {
		v := value(owner, run, version, "")
		v.Deleted = true
		return v
	}
	type pictures = map[gossip.NodeID][]api.Value
	for name, c := range map[string]struct {
		have   pictures
		values int
		want   []differenceDoc
	}{
		"nobody knows anything": {pictures{1: nil, 2: nil}, 0, []differenceDoc{}},
		"all alike":             {pictures{1: {value(3, 1, 2, "x")}, 2: {value(3, 1, 2, "x")}}, 1, []differenceDoc{}},
		"older and missing": {pictures{1: {value(3, 1, 2, "x")}, 2: {value(3, 1, 1, "w")}, 4: nil}, 1, []differenceDoc{
			{Owner: 3, Key: "k", Run: 1, Version: 2, Behind: []behindDoc{{Node: 2, Run: 1, Version: 1}, {Node: 4}}}}},
		"two of one version": {pictures{1: {value(3, 1, 2, "x")}, 2: {value(3, 1, 2, "y")}}, 1, []differenceDoc{
			{Owner: 3, Key: "k", Run: 1, Version: 2, Behind: []behindDoc{{Node: 2, Run: 1, Version: 2, Other: true}}}}},
		"gone, and forgotten": {pictures{1: {gone(3, 1, 2)}, 2: nil}, 0, []differenceDoc{}},
		"gone, but not here": {pictures{1: {gone(3, 1, 2)}, 2: {value(3, 1, 1, "x")}}, 0, []differenceDoc{
			{Owner: 3, Key: "k", Run: 1, Version: 2, Deleted: true, Behind: []behindDoc{{Node: 2, Run: 1, Version: 1}}}}},
		"a new life counts more": {pictures{1: {value(3, 2, 1, "x")}, 2: {value(3, 1, 9, "x")}}, 1, []differenceDoc{
			{Owner: 3, Key: "k", Run: 2, Version: 1, Behind: []behindDoc{{Node: 2, Run: 1, Version: 9}}}}},
	} {
		got := differences(c.have)
		if diff := cmp.Diff(c.want, got.Differ); diff != "" || got.Values != c.values {
			t.Errorf("%s: %d values, %s", name, got.Values, diff)
		}
	}
	// What only a life that is over has set, nobody should have any more.
	late := value(3, 2, 1, "x")
	late.Key = "new"
	got := differences(pictures{1: {late}, 2: {value(3, 1, 9, "old"), late}})
	want := []differenceDoc{{Owner: 3, Key: "k", Run: 1, Version: 9, Deleted: true, Behind: []behindDoc{{Node: 2, Run: 1, Version: 9}}}}
	if diff := cmp.Diff(want, got.Differ); diff != "" || got.Values != 1 {
		t.Errorf("%d values, %s", got.Values, diff)
	}
	if text := behindText(differenceDoc{Run: 2, Version: 3, Behind: []behindDoc{{Node: 1}, {Node: 2}, {Node: 3, Run: 1, Version: 7}, {Node: 5, Run: 2, Version: 2}}}); text !=
		"is missing at nodes 1-2, node 5 has version 2 and node 3 has version 7 of life 1" {
		t.Error(text)
	}
}
