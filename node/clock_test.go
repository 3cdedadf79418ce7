package node

import (
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// A wrong clock is in what a node writes down as the time of day, and nowhere else.
func TestClock(t *testing.T) {
	n := newNode(t, Config{ID: 3, Events: true}, 8, 11)
	n.SetClock(time.Hour)
	m, fx, err := n.Publish(start, []byte("banana"), 0)
	if err != nil || !m.Sent.Equal(start.Add(time.Hour)) {
		t.Errorf("sent %v, %v", m.Sent, err)
	}
	for _, e := range fx.Events {
		if !e.At.Equal(start) {
			t.Errorf("%v at %v", e, e.At)
		}
	}
	n.SetClock(-time.Minute)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	n.Receive(start, envelope("apple", id, 3, 8))
	n.Receive(start, envelope("apple", id, 3, 8, 11))
	e, _ := n.Message(id)
	if !e.Message.Sent.Equal(start) || len(e.Copies) != 2 {
		t.Errorf("%+v", e)
	}
	for _, c := range e.Copies {
		if want := start.Add(-time.Minute); !c.At.Equal(want) {
			t.Errorf("came at %v, want %v", c.At, want)
		}
	}
	if e, _ := n.Message(m.ID); !e.Received().Equal(start.Add(time.Hour)) {
		t.Errorf("its own came at %v", e.Received())
	}
}

// Every event names the life that tells it; those about a body have its sum and size.
func TestEventsSayWhichBody(t *testing.T) {
	n := newNode(t, Config{ID: 3, Events: true}, 8, 11)
	_, fx, err := n.Publish(start, []byte("banana"), 0)
	if err != nil {
		t.Fatal(err)
	}
	events := append([]trace.Event(nil), fx.Events...)
	events = append(events, n.Receive(start, envelope("apple", gossip.ID{Origin: 8, Run: 1, Seq: 1}, 3, 8)).Events...)
	bodies := []string{"banana", "apple"}
	seen := 0
	for _, e := range events {
		if e.Run != 1 || e.Node != 3 {
			t.Errorf("%+v", e)
		}
		switch e.Kind {
		case trace.Publish, trace.Deliver:
			body := bodies[map[gossip.NodeID]int{3: 0, 8: 1}[e.Message.Origin]]
			if e.Digest != trace.Digest([]byte(body)) || e.Size != len(body) {
				t.Errorf("%+v", e)
			}
			seen++
		default:
			if e.Digest != 0 || e.Size != 0 {
				t.Errorf("%+v", e)
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d events are about bodies", seen)
	}
}
