package membership_test

import (
	"fmt"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/membership"
	"gossipctl/node"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/trace"
)

// Whole nodes that know nothing but node 1 find each other, and then a message reaches all of them by the peers that
// membership has chosen, also of a node that was started anew.
func TestAssembledNetworkSpreads(t *testing.T) {
	for _, name := range []string{"", "swim"} {
		for _, kind := range []string{"flood", "push-pull", "plumtree"} {
			maker, err := layers.New(layers.Spec{Protocol: kind, Repair: protocol.RepairAntiEntropy, Membership: name, Assembles: true})
			if err != nil {
				t.Fatal(err)
			}
			const n = 64
			told := make(map[string]int)
			w := sim.New(sim.Config{
				Nodes: n, Whole: true,
				Peers: func(gossip.NodeID) gossip.Peers { return gossip.NewPeers([]gossip.NodeID{1}) },
				Plan:  &fault.Plan{Seed: 1, Latency: fault.UniformLatency(time.Millisecond, 5*time.Millisecond)},
				Born:  func(id gossip.NodeID, run uint32) gossip.Protocol { return maker.Make(1, id, run) },
				Observe: func(e trace.Event) {
					if e.Kind == trace.Member {
						told[fmt.Sprintf("%s of life %d", e.Reason, e.PeerRun)]++
					}
				},
			})
			run := func(until time.Duration) {
				for !w.Idle() && w.Next() <= until {
					w.Step()
				}
				if err := w.Err(); err != nil {
					t.Fatal(err)
				}
			}
			run(2 * time.Second)
			if told["alive of life 1"] != n*(n-1) {
				t.Fatalf("%s: %v", name, told)
			}
			if _, err := w.Publish(40, []byte("banana"), 0); err != nil {
				t.Fatal(err)
			}
			run(10 * time.Second)
			w.Crash(5)
			run(11 * time.Second)
			w.Start(5)
			run(20 * time.Second)
			for id := gossip.NodeID(1); id <= n; id++ {
				if page, _ := w.Node(id).Messages(node.Query{Status: node.All}); len(page) != 1 {
					t.Errorf("%s, %s: node %d has %d messages", name, kind, id, len(page))
				}
				if members, is := w.Node(id).Members(); !is || len(members) != n-1 {
					t.Errorf("%s, %s: node %d has %d members", name, kind, id, len(members))
				}
				if peers, is := w.Node(id).Neighbours(); !is || peers.Len() < 2 || peers.Len() > 4 {
					t.Errorf("%s, %s: node %d has %d neighbours", name, kind, id, peers.Len())
				}
			}
			if told["alive of life 2"] != n-1 {
				t.Errorf("%s, %s: %v", name, kind, told)
			}
			if refused := w.Count.Refused; refused > 0 {
				t.Errorf("%d packets were refused", refused)
			}
		}
	}
}

// What list-memberships prints has no gaps.
func TestTableIsComplete(t *testing.T) {
	for _, k := range append(membership.Table(), membership.Acquainted()) {
		if k.Name == "hyparview" {
			continue
		}
		if k.Summary == "" || k.Follows == "" || k.Make == nil {
			t.Errorf("%s: %+v", k.Name, k)
		}
		seen := make(map[string]bool)
		for _, s := range k.Settings {
			if seen[s.Name] || s.Why == "" || s.Unit == "" {
				t.Errorf("%s: %s is there twice, or without a reason or a unit", k.Name, s.Name)
			}
			seen[s.Name] = true
			if v, err := s.Parse(s.Text(s.Default)); err != nil || v != s.Default {
				t.Errorf("%s: %s=%v is read as %v: %v", k.Name, s.Name, s.Default, v, err)
			}
		}
	}
}

func TestDiffering(t *testing.T) {
	alive := func(ids ...gossip.NodeID) (view []gossip.Member) {
		for _, id := range ids {
			view = append(view, gossip.Member{Node: id, Run: 1})
		}
		return view
	}
	dead := gossip.Member{Node: 3, Run: 1, Standing: gossip.Dead}
	for what, c := range map[string]struct {
		views map[gossip.NodeID][]gossip.Member
		want  string
	}{
		"all agree":          {map[gossip.NodeID][]gossip.Member{1: alive(2, 3), 2: alive(1, 3), 3: alive(1, 2)}, "[]"},
		"all agree on death": {map[gossip.NodeID][]gossip.Member{1: append(alive(2), dead), 2: append(alive(1), dead)}, "[]"},
		"one sees it dead":   {map[gossip.NodeID][]gossip.Member{1: append(alive(2), dead), 2: alive(1, 3)}, "[3]"},
		"one never heard":    {map[gossip.NodeID][]gossip.Member{1: alive(2), 2: alive(1, 3), 3: alive(1, 2)}, "[3]"},
		"suspected is there": {map[gossip.NodeID][]gossip.Member{1: {{Node: 2, Run: 1, Standing: gossip.Suspect}}, 2: alive(1)}, "[]"},
	} {
		if got := fmt.Sprint(membership.Differing(c.views)); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}
