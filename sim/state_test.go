package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/trace"
	"gossipctl/values"
)

// The last read tells of every live node its values, those that are gone too, and how it sees the others; who has left
// is told to have left.
func TestFinalReadOfValuesAndMembers(t *testing.T) {
	maker, err := layers.New(layers.Spec{Protocol: "flood", Membership: "swim", Assembles: true})
	if err != nil {
		t.Fatal(err)
	}
	var events []trace.Event
	w := New(Config{
		Nodes: 3, Whole: true, Observe: func(e trace.Event) { events = append(events, e) },
		Peers: func(id gossip.NodeID) gossip.Peers {
			if id == 1 {
				return gossip.Peers{}
			}
			return gossip.NewPeers([]gossip.NodeID{1})
		},
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol { return maker.Make(1, id, run) },
	})
	runFor := func(d time.Duration) {
		for until := w.Now() + d; w.Next() <= until; {
			w.Step()
		}
	}
	runFor(10 * time.Second)
	for _, c := range []values.Change{{Key: "a", Value: []byte("banana")}, {Key: "b", Value: []byte("x")}, {Key: "b", Delete: true}} {
		if err := w.SetValue(2, c); err != nil {
			t.Fatal(err)
		}
	}
	runFor(10 * time.Second)
	if err := w.Leave(3); err != nil {
		t.Fatal(err)
	}
	runFor(time.Second)
	w.Stop(3)
	runFor(10 * time.Second)
	before := len(events)
	w.FinalRead()
	var got []string
	for _, e := range events[before:] {
		switch e.Kind {
		case trace.Value:
			if e.Count == 0 && (e.Digest != trace.Digest([]byte("banana")) || e.Size != 6) {
				t.Errorf("%+v", e)
			}
			got = append(got, fmt.Sprintf("%d value %v %s %d", e.Node, e.Message, e.Name, e.Count))
		case trace.View:
			got = append(got, fmt.Sprintf("%d view %d/%d %s %s", e.Node, e.Peer, e.PeerRun, e.Reason, e.Name))
		case trace.End:
			got = append(got, fmt.Sprintf("%d end %v", e.Node, e.Counts))
		}
	}
	var want []string
	for id := 1; id <= 2; id++ {
		want = append(want, fmt.Sprintf("%d value 2.1.v1 a 0", id), fmt.Sprintf("%d value 2.1.v3 b 1", id),
			fmt.Sprintf("%d view %d/1 alive neighbour", id, 3-id), fmt.Sprintf("%d view 3/1 left ", id), fmt.Sprintf("%d end map[values:2 views:2]", id))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
