package check

import (
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// A record of anybody's may name as many nodes and messages as it likes: beyond a bound nothing more is
// kept, and nothing is said to be violated.
func TestNodesTimesMessagesAreBounded(t *testing.T) {
	c := New(Conditions{Nodes: []gossip.NodeID{1}})
	c.most = 1000
	at := time.Unix(1, 0)
	for i := range 100 {
		id := gossip.ID{Origin: 1, Run: 1, Seq: uint32(i + 1)}
		for _, kind := range []trace.Kind{trace.Publish, trace.Accept, trace.Deliver} {
			c.Event(&trace.Event{At: at, Node: 1, Run: 1, Kind: kind, Message: id})
		}
		c.Event(&trace.Event{At: at, Node: gossip.NodeID(i + 2), Run: 1, Kind: trace.Deliver, Message: id})
	}
	if pairs := len(c.nodes) * len(c.messages); pairs > 1100 {
		t.Errorf("%d pairs are kept", pairs)
	}
	v := c.Verdict()
	if v.Valid != Unknown || len(v.Violations) > 0 || !strings.Contains(strings.Join(v.Unknown, " "), "more than can be judged") {
		t.Errorf("%+v", v)
	}
}

// So it is with values and members.
func TestValuesAndMembersAreBounded(t *testing.T) {
	c := New(Conditions{Nodes: []gossip.NodeID{1, 2}, Membership: Swim, DeadWithin: time.Second, AliveWithin: time.Second})
	c.shared.most = 1000
	for i := range 10_000 {
		at, v := time.Unix(int64(i), 0), gossip.UpdateID(1, 1, uint32(i+1))
		c.Event(&trace.Event{At: at, Node: 2, Run: 1, Kind: trace.Send, Message: v, Peer: 1})
		c.Event(&trace.Event{At: at, Node: 2, Run: 1, Kind: trace.Apply, Message: v, Name: v.String()})
		c.Event(&trace.Event{At: at, Node: 2, Run: 1, Kind: trace.Value, Message: v, Name: v.String()})
		for run := range uint32(3) {
			c.Event(&trace.Event{At: at, Node: 2, Run: 1, Kind: trace.Member, Peer: gossip.NodeID(i), PeerRun: run, Reason: "alive"})
		}
	}
	n := c.nodes[2]
	if kept := len(c.shared.updates) + len(c.shared.keys) + len(n.values.now) + len(n.values.rows) + len(n.members.seen); kept > 1100 {
		t.Errorf("%d are kept", kept)
	}
	if v := c.Verdict(); !strings.Contains(strings.Join(v.Unknown, " "), "more than can be judged") {
		t.Errorf("%q", v.Unknown)
	}
}
