package netctl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/node/api"
)

func TestWhichFaultsCanBeSet(t *testing.T) {
	c := &controller{state: State{Spec: Spec{Network: "x"}, Nodes: []NodeState{{ID: 1}, {ID: 2, Removed: true}, {ID: 3}}}}
	c.state.Faults = []FaultState{{Rule: fault.Rule{Name: "slow", Loss: 1}}}
	for name, c1 := range map[string]struct {
		rule  fault.Rule
		lasts time.Duration
		code  api.Code
	}{
		"any":             {fault.Rule{Loss: 1}, 0, ""},
		"named":           {fault.Rule{Name: "slow-1", Loss: 1, Nodes: []gossip.NodeID{1, 3}}, time.Hour, ""},
		"does nothing":    {fault.Rule{}, 0, api.CodeUsage},
		"for ever":        {fault.Rule{Loss: 1}, MaxFor + 1, api.CodeUsage},
		"before now":      {fault.Rule{Loss: 1}, -1, api.CodeUsage},
		"says when":       {fault.Rule{Loss: 1, Until: time.Now()}, 0, api.CodeUsage},
		"a given name":    {fault.Rule{Loss: 1, Name: "f1"}, 0, api.CodeUsage},
		"capital letters": {fault.Rule{Loss: 1, Name: "Slow"}, 0, api.CodeUsage},
		"a taken name":    {fault.Rule{Loss: 1, Name: "slow"}, 0, api.CodeConflict},
		"nobody":          {fault.Rule{Loss: 1, Nodes: []gossip.NodeID{4}}, 0, api.CodeNotFound},
		"to itself":       {fault.Rule{Cut: true, Nodes: []gossip.NodeID{1}, Peers: []gossip.NodeID{1}}, 0, api.CodeUsage},
		"removed":         {fault.Rule{Loss: 1, Peers: []gossip.NodeID{2}}, 0, api.CodeNotFound},
		"nobody's group":  {fault.Rule{Cut: true, Groups: [][]gossip.NodeID{{1}, {4}}}, 0, api.CodeNotFound},
	} {
		err := c.checkFault(&c1.rule, c1.lasts)
		if (err == nil) != (c1.code == "") || err != nil && api.CodeOf(err) != c1.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for len(c.state.Faults) < MaxFaults {
		c.state.Faults = append(c.state.Faults, FaultState{})
	}
	if err := c.checkFault(&fault.Rule{Loss: 1}, 0); api.CodeOf(err) != api.CodeConflict || !strings.Contains(fmt.Sprint(err), "1000 faults are in force") {
		t.Errorf("one too many: %v", err)
	}
}

// Who did not answer is said of a fault only where the fault is about them.
func TestWhomAFaultConcerns(t *testing.T) {
	ids := func(ids ...gossip.NodeID) []gossip.NodeID { return ids }
	c := &controller{state: State{Nodes: []NodeState{
		{ID: 1, Peers: ids(2, 3)}, {ID: 2, Peers: ids(1)}, {ID: 3, Peers: ids(1)}, {ID: 4, Peers: ids(1), Removed: true},
	}}}
	for _, one := range []struct {
		rule  fault.Rule
		nodes []gossip.NodeID
		links int
	}{
		{fault.Rule{Cut: true}, ids(1, 2, 3), 4},
		{fault.Rule{Cut: true, Nodes: ids(2)}, ids(1, 2), 2},
		{fault.Rule{Cut: true, Nodes: ids(2), Direction: fault.Out}, ids(2), 1},
		{fault.Rule{Cut: true, Nodes: ids(2), Peers: ids(3)}, ids(), 0},
		{fault.Rule{Clock: time.Hour, Nodes: ids(2)}, ids(2), 0},
		{fault.Rule{Clock: time.Hour}, ids(1, 2, 3), 0},
		{fault.Rule{Cut: true, Groups: [][]gossip.NodeID{{1}, {2}}}, ids(1, 2, 3), 4},
	} {
		about, links := c.concerned(&one.rule)
		if got := slices.Sorted(maps.Keys(about)); !slices.Equal(got, one.nodes) || links != one.links {
			t.Errorf("%v: nodes %v and %d links, want %v and %d", one.rule, got, links, one.nodes, one.links)
		}
	}
}

func TestAStateWithImpossibleFaultsIsDamaged(t *testing.T) {
	self, err := proc.Self()
	if err != nil {
		t.Fatal(err)
	}
	whole := State{NetworkID: "x", Spec: Spec{Network: "x", BasePort: 7000}, Controller: self}
	if err := whole.Validate(); err != nil {
		t.Fatal(err)
	}
	whole.Faults = []FaultState{{Rule: fault.Rule{Name: "f1", Loss: 2}}}
	if err := whole.Validate(); err == nil {
		t.Error("a loss of two is taken")
	}
	whole.Faults = make([]FaultState, MaxFaults+1)
	if err := whole.Validate(); err == nil {
		t.Error("too many are taken")
	}
}
