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
