package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
	"gossipctl/values"

	"github.com/google/go-cmp/cmp"
)

// newSharing is a node that floods, with values.
func newSharing(t testing.TB, cfg Config, peers ...gossip.NodeID) *Node {
	t.Helper()
	p, err := protocol.New("flood", protocol.Environment{Self: cfg.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Run = 1
	cfg.Protocol = values.Around(p, values.Environment{Self: cfg.ID, Run: 1, Rand: values.Generator(1, cfg.ID)}, values.Rules{})
	n := New(cfg)
	n.SetPeers(start, gossip.NewPeers(peers))
	return n
}

// update is an envelope of flood's with a change of another node's map.
func update(t testing.TB, c values.Change, version uint32, route ...gossip.NodeID) *gossip.Envelope {
	t.Helper()
	owner := newSharing(t, Config{ID: route[0]})
	var m gossip.Message
	for range version {
		var err error
		if m, _, err = owner.SetValue(start, c); err != nil {
			t.Fatal(err)
		}
	}
	return envelope(string(m.Body), m.ID, 1, route...)
}

func sentTo(fx Effects) (to []gossip.NodeID, route gossip.Route) {
	for peer, e := range fx.Envelopes() {
		if e.Packet.Kind < gossip.KindRepair {
			to, route = append(to, peer), append(gossip.Route(nil), e.Routes[0]...)
		}
	}
	return to, route
}

func TestAValueIsNoMessage(t *testing.T) {
	n := newSharing(t, Config{ID: 3, Events: true, Capacity: 1}, 8, 11)
	if _, _, err := n.Publish(start, []byte("fills the inbox"), 1); err != nil {
		t.Fatal(err)
	}
	m, fx, err := n.SetValue(start, values.Change{Key: "k", Value: []byte("v")})
	if err != nil || m.ID != gossip.UpdateID(3, 1, 1) {
		t.Fatal(m.ID, err)
	}
	to, route := sentTo(fx)
	if diff := cmp.Diff([]gossip.NodeID{8, 11}, to); diff != "" || !cmp.Equal(route, gossip.Route{3}) {
		t.Error(diff, route)
	}
	var kinds []trace.Kind
	for _, e := range fx.Events {
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]trace.Kind{trace.Publish, trace.Apply, trace.Send, trace.Send}, kinds); diff != "" {
		t.Error(diff)
	}
	if e := fx.Events[1]; e.Name != "k" || e.Digest != trace.Digest([]byte("v")) || e.Size != 1 || e.Count != 0 {
		t.Errorf("%+v", e)
	}

	// One comes from elsewhere, though the inbox takes nothing any more, and goes on.
	fx = n.Receive(start, update(t, values.Change{Key: "k", Value: []byte("theirs")}, 1, 20, 8))
	if to, route = sentTo(fx); !cmp.Equal(to, []gossip.NodeID{11}) || !cmp.Equal(route, gossip.Route{20, 8, 3}) {
		t.Errorf("passed on to %v as %v", to, route)
	}
	if len(fx.Applied) != 1 || fx.Applied[0].ID != gossip.UpdateID(20, 1, 1) || len(fx.Filed) != 0 {
		t.Errorf("%+v", fx)
	}
	if messages, unread, last := n.Size(); messages != 1 || unread != 1 || last != 1 {
		t.Errorf("the inbox has %d messages", messages)
	}
	if c := n.Counters(); c.Published != 1 || c.Delivered != 1 || c.Received != 1 || c.Duplicates != 0 || c.Sent != 5 || len(c.Dropped) != 0 {
		t.Errorf("%+v", c)
	}
	if got := n.Values().Entries(0, "k", false); len(got) != 2 || string(got[1].Value) != "theirs" {
		t.Errorf("%+v", got)
	}
}

func TestUpdatesThatAreDropped(t *testing.T) {
	mine := update(t, values.Change{Key: "k"}, 2, 3, 8) // says that it is this node's
	for name, c := range map[string]struct {
		envelope *gossip.Envelope
		reason   string
	}{
		"no limit":          {update(t, values.Change{Key: "k"}, 1, 20, 11, 8), ""},
		"as far as it goes": {update(t, values.Change{Key: "k", TTL: 3}, 1, 20, 11, 8), ""},
		"too far":           {update(t, values.Change{Key: "k", TTL: 2}, 1, 20, 11, 8), dropTTL},
		"forged":            {mine, dropForged},
		"by another way":    {func() *gossip.Envelope { e := update(t, values.Change{Key: "k"}, 1, 20, 8); e.From = 11; return e }(), dropRoute},
		"not from its owner": {func() *gossip.Envelope {
			e := update(t, values.Change{Key: "k"}, 1, 20, 8)
			e.Routes[0][0] = 21
			return e
		}(), dropRoute},
	} {
		n := newSharing(t, Config{ID: 3}, 8, 11)
		if _, _, err := n.SetValue(start, values.Change{Key: "own"}); err != nil {
			t.Fatal(err)
		}
		fx := n.Receive(start, c.envelope)
		got := ""
		for reason := range n.Counters().Dropped {
			got += reason
		}
		if to, _ := sentTo(fx); got != c.reason || (c.reason == "") != (len(to) > 0) || (c.reason == "") != (len(fx.Applied) > 0) {
			t.Errorf("%s: dropped for %q, passed on to %v", name, got, to)
		}
	}
	bare := newFlood(t, 3, 8, 11)
	bare.Receive(start, update(t, values.Change{Key: "k"}, 1, 20, 8))
	if bare.Counters().Dropped[dropNoValues] != 1 {
		t.Errorf("%+v", bare.Counters())
	}
	if _, _, err := bare.SetValue(start, values.Change{Key: "k"}); !errors.Is(err, ErrNoValues) {
		t.Error(err)
	}
	full := newSharing(t, Config{ID: 3, Keep: func(int, int) string { return "disk_full" }}, 8)
	if _, fx, err := full.SetValue(start, values.Change{Key: "k"}); !errors.Is(err, ErrNotKept) || len(fx.Sends)+len(full.Values().Entries(0, "", true)) > 0 {
		t.Error("a value that cannot be kept is set", err)
	}
}

// A protocol that passes an update on later does so with the way that it took, as long as there are not too many others.
func TestTheWayOfAnUpdate(t *testing.T) {
	p := &late{}
	n := New(Config{ID: 3, Run: 1, Protocol: values.Around(p, values.Environment{Self: 3, Run: 1, Rand: values.Generator(1, 3)}, values.Rules{})})
	n.SetPeers(start, gossip.NewPeers([]gossip.NodeID{8}))
	e := update(t, values.Change{Key: "k", TTL: 9}, 1, 20, 11, 8)
	id := e.Packet.Messages[0].ID
	n.Receive(start, e)
	if route := n.route(id); !cmp.Equal(route, gossip.Route{20, 11, 8, 3}) {
		t.Errorf("it goes on as %v", route)
	}
	for seq := range uint32(maxHeld) {
		n.Receive(start, &gossip.Envelope{From: 8, Packet: gossip.Packet{Kind: 1, Messages: []gossip.Message{{ID: gossip.UpdateID(21, 1, seq+1), Body: []byte{0, 1, 'k'}}}},
			Routes: []gossip.Route{{21, 8}}})
	}
	if route := n.route(id); !cmp.Equal(route, gossip.Route{20, 3}) {
		t.Errorf("of an old one the way is %v", route)
	}
	if len(n.updates.order) > maxHeld || len(n.updates.routes) > maxHeld {
		t.Errorf("%d ways are kept", len(n.updates.order))
	}
}

// What a new life of an owner does not have vanishes, and is told.
func TestVanishedValuesAreTold(t *testing.T) {
	n := newSharing(t, Config{ID: 3, Events: true}, 8)
	n.Receive(start, update(t, values.Change{Key: "k", Value: []byte("v")}, 1, 20, 8))
	fx := n.Receive(start, &gossip.Envelope{From: 8, Packet: gossip.Packet{Kind: gossip.KindValues + 2, IDs: []gossip.ID{{Origin: 20, Run: 2, Seq: 1}, {Origin: 1, Run: 1, Seq: 1}}}})
	if len(fx.Events) != 1 {
		t.Fatalf("%+v", fx.Events)
	}
	e := fx.Events[0]
	if e.Kind != trace.Apply || e.Message != gossip.UpdateID(20, 1, 1) || e.Name != "k" || e.Count != 1 || e.Reason != vanished {
		t.Errorf("%+v", e)
	}
}

// The clock of a node tells when it has changed a value; being wrong changes nothing else.
func TestAValueIsAsOldAsItsOwnerSays(t *testing.T) {
	n := newSharing(t, Config{ID: 3}, 8)
	n.SetClock(-time.Hour)
	for k := range 3 {
		if _, _, err := n.SetValue(start, values.Change{Key: "k", Value: fmt.Append(nil, k)}); err != nil {
			t.Fatal(err)
		}
	}
	got := n.Values().Entries(3, "k", false)
	if len(got) != 1 || got[0].Version != 3 || !got[0].Updated.Equal(start.Add(-time.Hour)) || !got[0].Received.Equal(start) {
		t.Errorf("%+v", got)
	}
}
