package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

// recaller notes what it is told of an earlier life, and when it first hears of peers.
type recaller struct {
	late
	recalled []gossip.ID
	peersAt  int
}

func (r *recaller) Recall(_ time.Time, m gossip.Message) { r.recalled = append(r.recalled, m.ID) }
func (r *recaller) Peers(time.Time, gossip.Peers, *gossip.Outbox) {
	r.peersAt = len(r.recalled)
}

func TestRestoreBringsBackWhatSnapshotTook(t *testing.T) {
	for _, dropOldest := range []bool{false, true} {
		cfg := Config{ID: 3, Capacity: 4, DropOldest: dropOldest}
		before := newNode(t, cfg, 8, 11)
		for i := range 4 {
			before.Publish(start.Add(time.Duration(i)), fmt.Append(nil, "own ", i), 1)
		}
		before.Messages(Query{Status: All, Limit: 3})
		if dropOldest { // three of the four make room
			for seq := range uint32(3) {
				before.Receive(start.Add(time.Minute), envelope("theirs", gossip.ID{Origin: 8, Run: 1, Seq: seq + 1}, 1, 8, 11))
			}
		}
		want, _ := before.Messages(Query{Status: All, Peek: true})
		for i := range want {
			want[i].Sent = 0 // is not kept
		}

		p := &recaller{}
		after := New(Config{ID: 3, Run: 2, Protocol: p, Capacity: 4, DropOldest: dropOldest})
		saved, gone, names := before.Snapshot()
		after.RestoreGone(gone, names)
		after.Restore(start, saved)
		after.Restore(start, saved) // twice does no harm
		after.SetPeers(start, gossip.NewPeers([]gossip.NodeID{8, 11}))
		got, _ := after.Messages(Query{Status: All, Peek: true})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("drop oldest %v: %s", dropOldest, diff)
		}
		if c := after.Counters(); c.Delivered != 0 || c.Expired != 0 {
			t.Errorf("counted: %+v", c)
		}
		if len(p.recalled) != 4 || p.peersAt != 4 {
			t.Errorf("recalled %v, %d of them before the peers", p.recalled, p.peersAt)
		}
		again, goneAgain, namesAgain := after.Snapshot()
		if diff := cmp.Diff(saved, again); diff != "" || goneAgain != gone || !slices.Equal(namesAgain, names) {
			t.Errorf("a second life saves something else: %s", diff)
		}
		// What made room is not delivered again, and the next entry has the next number.
		after.Receive(start, envelope("own 0", gossip.ID{Origin: 3, Run: 1, Seq: 1}, 1, 3, 8))
		if n := after.Counters().Delivered; n != 0 {
			t.Errorf("drop oldest %v: %d delivered again", dropOldest, n)
		}
		_, _, last := before.Size()
		if _, _, is := after.Size(); is != last {
			t.Errorf("numbers go on behind %d, not %d", is, last)
		}
	}
}

func TestRestoreKeepsWhatWasAccepted(t *testing.T) {
	saved := make([]Saved, 5)
	for i := range saved {
		saved[i] = Saved{Message: gossip.Message{ID: gossip.ID{Origin: 8, Run: 1, Seq: uint32(i + 1)}, Sent: start}, Received: start}
	}
	for dropOldest, want := range map[bool]int{false: 5, true: 2} {
		n := New(Config{ID: 3, Run: 2, Protocol: &late{}, Capacity: 2, DropOldest: dropOldest})
		n.Restore(start, saved)
		if messages, unread, last := n.Size(); messages != want || unread != want || last != 5 {
			t.Errorf("drop oldest %v: %d messages, %d unread, last %d", dropOldest, messages, unread, last)
		}
	}
}

func TestFiledNamesWhatIsNew(t *testing.T) {
	n := newFlood(t, 3, 8, 11)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	if fx := n.Receive(start, envelope("x", id, 1, 8)); !slices.Equal(fx.Filed, []gossip.ID{id}) {
		t.Errorf("filed %v", fx.Filed)
	}
	if fx := n.Receive(start, envelope("x", id, 1, 8, 11)); len(fx.Filed) != 0 {
		t.Errorf("a second copy filed %v", fx.Filed)
	}
	if s, ok := n.Saved(id); !ok || !slices.Equal(s.Route, gossip.Route{8, 3}) || string(s.Message.Body) != "x" {
		t.Errorf("%+v, %v", s, ok)
	}
}
