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
			told, stacks := make(map[string]int), make(map[gossip.NodeID]gossip.Protocol)
			w := sim.New(sim.Config{
				Nodes: n, Whole: true,
				Peers: func(gossip.NodeID) gossip.Peers { return gossip.NewPeers([]gossip.NodeID{1}) },
				Plan:  &fault.Plan{Seed: 1, Latency: fault.UniformLatency(time.Millisecond, 5*time.Millisecond)},
				Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
					stacks[id] = maker.Make(1, id, run)
					return stacks[id]
				},
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
				found, _ := gossip.Find[gossip.Membership](stacks[id])
				if s, is := membership.StatsOf(found); !is || s.Here != n-1 || s.Health > 0 || s.Refuted+s.Refused+s.Slept > 0 {
					t.Errorf("%s, %s: node %d has %+v, %v", name, kind, id, s, is)
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

func TestSettingsTogether(t *testing.T) {
	swim, err := membership.Find("swim")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"period": "200ms", "timeout": "100ms"}, ""},
		{map[string]string{"period": "200ms"}, "timeout=500ms is more than half of period=200ms: others would have no time to try"},
		{map[string]string{"lifeguard": "perhaps"}, "lifeguard=perhaps: must be true or false"},
	} {
		_, err := swim.Values(c.set)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%v: %v, want %q", c.set, err, c.want)
		}
	}
}
