package fault

import (
	"strings"
	"testing"

	"gossipctl/gossip"
)

func TestRuleMatches(t *testing.T) {
	ids := func(list ...gossip.NodeID) []gossip.NodeID { return list }
	for _, c := range []struct {
		name string
		rule Rule
		yes  []Link
		no   []Link
	}{
		{"all", Rule{}, []Link{{1, 2}, {2, 1}}, nil},
		{"both", Rule{Nodes: ids(1, 3)}, []Link{{1, 2}, {2, 1}, {3, 1}}, []Link{{2, 4}}},
		{"out", Rule{Nodes: ids(1), Direction: Out}, []Link{{1, 2}}, []Link{{2, 1}}},
		{"in", Rule{Nodes: ids(1), Direction: In}, []Link{{2, 1}}, []Link{{1, 2}}},
		{"out to some", Rule{Nodes: ids(1), Peers: ids(2), Direction: Out}, []Link{{1, 2}}, []Link{{2, 1}, {1, 3}}},
		{"between", Rule{Nodes: ids(1), Peers: ids(2)}, []Link{{1, 2}, {2, 1}}, []Link{{1, 3}, {3, 2}}},
		{"groups", Rule{Groups: [][]gossip.NodeID{ids(1, 2), ids(3)}}, []Link{{1, 3}, {3, 2}, {1, 4}, {4, 3}}, []Link{{1, 2}, {4, 5}}},
		{"one-way", Rule{Groups: [][]gossip.NodeID{ids(1, 2), ids(3)}, OneWay: true}, []Link{{1, 3}, {1, 4}, {3, 4}}, []Link{{3, 2}, {4, 3}, {1, 2}}},
		{"clock", Rule{Clock: 1}, nil, []Link{{1, 2}}},
	} {
		for _, l := range c.yes {
			if !c.rule.Matches(l) {
				t.Errorf("%s: %v is not matched", c.name, l)
			}
		}
		for _, l := range c.no {
			if c.rule.Matches(l) {
				t.Errorf("%s: %v is matched", c.name, l)
			}
		}
	}
}

func TestWhatAFaultMayBeCalled(t *testing.T) {
	for name, ok := range map[string]bool{
		"lossy": true, "f": true, "f1x": true, "a-1": true, strings.Repeat("x", 32): true,
		"": false, "f1": false, "f123": false, "Lossy": false, "1a": false, "-a": false, "a b": false, "a\n": false, strings.Repeat("x", 33): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
