package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"

	"github.com/google/go-cmp/cmp"
)

var start = time.Unix(1_700_000_000, 0)

func newFlood(t testing.TB, id gossip.NodeID, peers ...gossip.NodeID) *Node {
	return newNode(t, Config{ID: id}, peers...)
}

func newNode(t testing.TB, cfg Config, peers ...gossip.NodeID) *Node {
	t.Helper()
	p, err := protocol.New("flood", protocol.Environment{Self: cfg.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Run, cfg.Protocol = 1, p
	n := New(cfg)
	n.SetPeers(start, gossip.NewPeers(peers))
	return n
}

// envelope is a flood packet with one message on its way.
func envelope(body string, id gossip.ID, limit int, route ...gossip.NodeID) *gossip.Envelope {
	return &gossip.Envelope{
		From: route[len(route)-1],
		Packet: gossip.Packet{Kind: 1, Limit: limit, Hops: len(route),
			Messages: []gossip.Message{{ID: id, Body: []byte(body), Sent: start}}},
		Routes: []gossip.Route{route},
	}
}

func TestPublishFilesAndSends(t *testing.T) {
	n := newFlood(t, 8, 3, 11)
	m, fx, err := n.Publish(start, []byte("banana"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := (gossip.ID{Origin: 8, Run: 1, Seq: 1}); m.ID != want {
		t.Errorf("named %v", m.ID)
	}
	var to []gossip.NodeID
	for peer, e := range fx.Envelopes() {
		to = append(to, peer)
		if diff := cmp.Diff([]gossip.Route{{8}}, e.Routes); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]gossip.NodeID{3, 11}, to); diff != "" {
		t.Error(diff)
	}
	e, ok := n.Message(m.ID)
	if !ok || e.Sent != 2 || e.FromPeers() != 0 || !e.Received().Equal(start) || e.Read {
		t.Errorf("filed as %+v", e)
	}
}

func TestCopiesCarryTheirOwnRoute(t *testing.T) {
	n := newFlood(t, 3, 8, 11, 20)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	fx := n.Receive(start, envelope("banana", id, 2, 8))
	if len(fx.Sends) != 2 {
		t.Fatalf("first copy: %+v", fx.Sends)
	}
	for _, e := range fx.Envelopes() {
		if !cmp.Equal(e.Routes[0], gossip.Route{8, 3}) {
			t.Errorf("first copy travels on as %v", e.Routes[0])
		}
	}
	fx = n.Receive(start.Add(1), envelope("banana", id, 2, 8, 11))
	for _, e := range fx.Envelopes() {
		if !cmp.Equal(e.Routes[0], gossip.Route{8, 11, 3}) {
			t.Errorf("second copy travels on as %v", e.Routes[0])
		}
	}
	e, _ := n.Message(id)
	want := []Copy{{gossip.Route{8, 3}, start}, {gossip.Route{8, 11, 3}, start.Add(1)}}
	if diff := cmp.Diff(want, e.Copies); diff != "" {
		t.Error(diff)
	}
}

func TestReceiveKeepsNothingThatIsLent(t *testing.T) {
	n := newFlood(t, 3, 8, 11)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	e := envelope("banana", id, 1, 8)
	lentBody, lentRoute := e.Packet.Messages[0].Body, e.Routes[0]
	n.Receive(start, e)
	copy(lentBody, "XXXXXX")
	lentRoute[0] = 99
	got, _ := n.Message(id)
	if string(got.Message.Body) != "banana" || got.Copies[0].Route[0] != 8 {
		t.Errorf("kept %q along %v", got.Message.Body, got.Copies[0].Route)
	}
}

func TestForgedRoutesAreDroppedAndCounted(t *testing.T) {
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	for name, e := range map[string]*gossip.Envelope{
		"other origin": envelope("x", id, 1, 9, 11),
		"other sender": func() *gossip.Envelope { e := envelope("x", id, 1, 8, 11); e.From = 12; return e }(),
		"no route":     func() *gossip.Envelope { e := envelope("x", id, 1, 8); e.Routes[0] = nil; return e }(),
	} {
		n := newFlood(t, 3, 8, 11)
		if fx := n.Receive(start, e); len(fx.Sends) != 0 {
			t.Errorf("%s: relayed", name)
		}
		if c := n.Counters(); c.Dropped["bad_route"] != 1 || c.Delivered != 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestRefusedCopiesAreNotNoted(t *testing.T) {
	n := newFlood(t, 3, 8, 11)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	for range 3 {
		n.Receive(start, envelope("banana", id, 1, 8))
	}
	if e, _ := n.Message(id); e.Arrived != 1 || len(e.Copies) != 1 {
		t.Errorf("%d arrivals noted", e.Arrived)
	}
	if c := n.Counters(); c.Dropped["over_limit"] != 2 || c.Received != 3 {
		t.Errorf("%+v", c)
	}
}

func TestListingMarksExactlyWhatItLists(t *testing.T) {
	n := newFlood(t, 8, 3)
	for i := range 5 {
		n.Publish(start, fmt.Append(nil, i), 1)
	}
	numbers := func(page []Entry) (list []uint64) {
		for _, e := range page {
			list = append(list, e.Number)
		}
		return list
	}
	page, more := n.Messages(Query{Status: Unread, Limit: 2})
	if diff := cmp.Diff([]uint64{1, 2}, numbers(page)); diff != "" || !more {
		t.Error(diff, more)
	}
	if page, _ = n.Messages(Query{Status: Read}); len(page) != 2 {
		t.Errorf("%d read", len(page))
	}
	if page, _ = n.Messages(Query{Status: Unread, Peek: true}); len(page) != 3 {
		t.Errorf("%d unread", len(page))
	}
	if _, unread, _ := n.Size(); unread != 3 {
		t.Errorf("a peek or a look at what is read marked something: %d unread", unread)
	}
	page, more = n.Messages(Query{Status: All, After: 1, Until: 4})
	if diff := cmp.Diff([]uint64{2, 3, 4}, numbers(page)); diff != "" || more {
		t.Error(diff, more)
	}
	if _, unread, _ := n.Size(); unread != 1 {
		t.Errorf("%d unread, want the one above Until", unread)
	}
	page, more = n.Messages(Query{Status: All, Bytes: 100})
	if len(page) != 2 || !more {
		t.Errorf("a page of 100 bytes has %d entries of 73", len(page))
	}
}

func TestANewCopyDoesNotMakeAMessageUnread(t *testing.T) {
	n := newFlood(t, 3, 8, 11)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	n.Receive(start, envelope("banana", id, 1, 8))
	n.Messages(Query{Status: All})
	n.Receive(start, envelope("banana", id, 1, 8, 11))
	if _, unread, _ := n.Size(); unread != 0 {
		t.Error("unread again")
	}
}

func TestAFullInboxRefusesAndSaysSo(t *testing.T) {
	n := newNode(t, Config{ID: 3, Capacity: 2}, 8)
	for range 2 {
		if _, _, err := n.Publish(start, []byte("x"), 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := n.Publish(start, []byte("x"), 1); !errors.Is(err, ErrFull) {
		t.Errorf("published into a full inbox: %v", err)
	}
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	if fx := n.Receive(start, envelope("banana", id, 1, 8)); len(fx.Sends) > 0 {
		t.Error("relayed what it could not keep")
	}
	if c := n.Counters(); c.Dropped["inbox_full"] != 2 || c.Delivered != 2 {
		t.Errorf("%+v", c)
	}
	if _, _, err := newFlood(t, 1).Publish(start, make([]byte, gossip.MaxBody+1), 1); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	for _, limit := range []int{-1, gossip.MaxRelays + 1} {
		if _, _, err := newFlood(t, 1).Publish(start, nil, limit); !errors.Is(err, ErrLimit) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestDropOldestNeverDeliversAgain(t *testing.T) {
	n := newNode(t, Config{ID: 3, Capacity: 2, DropOldest: true}, 8, 11)
	for seq := range uint32(5) {
		n.Receive(start, envelope("x", gossip.ID{Origin: 8, Run: 1, Seq: seq + 1}, 1, 8))
	}
	messages, unread, last := n.Size()
	if messages != 2 || unread != 2 || last != 5 {
		t.Errorf("%d messages, %d unread, last %d", messages, unread, last)
	}
	old := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	n.Receive(start, envelope("x", old, 1, 8, 11))
	if _, there := n.Message(old); there {
		t.Error("an expired message was delivered again")
	}
	if c := n.Counters(); c.Expired != 3 || c.Dropped["expired"] != 1 || c.Delivered != 5 {
		t.Errorf("%+v", c)
	}
	full := newNode(t, Config{ID: 3, CapacityBytes: 10, DropOldest: true})
	for range 5 {
		full.Publish(start, []byte("1234"), 1)
	}
	if full.inbox.bytes > 10 {
		t.Errorf("%d bytes, the bound is 10", full.inbox.bytes)
	}
}

func TestNewestAndRoom(t *testing.T) {
	id := func(seq uint32) gossip.ID { return gossip.ID{Origin: 8, Run: 1, Seq: seq} }
	for _, c := range []struct {
		drop            bool
		messages, bytes int // room after two messages of 3 bytes
	}{{false, 1, 94}, {true, 3, 100}} {
		n := newNode(t, Config{ID: 3, Capacity: 3, CapacityBytes: 100, DropOldest: c.drop}, 8, 11)
		if !n.Newest().IsZero() {
			t.Errorf("an empty inbox has had a message at %v", n.Newest())
		}
		n.Receive(start, envelope("abc", id(1), 1, 8))
		n.Receive(start.Add(1), envelope("def", id(2), 1, 8))
		n.Receive(start.Add(2), envelope("def", id(2), 1, 8, 11)) // a further copy is nothing new
		if got, want := n.Newest(), start.Add(1); !got.Equal(want) {
			t.Errorf("newest came at %v, want %v", got, want)
		}
		if messages, bytes := n.Room(); messages != c.messages || bytes != c.bytes {
			t.Errorf("drop oldest %v: room for %d messages and %d bytes, want %d and %d", c.drop, messages, bytes, c.messages, c.bytes)
		}
	}
}

func TestCopiesAreBounded(t *testing.T) {
	n := newFlood(t, 3, 8)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	long := bytes.Repeat([]byte{8}, 500)
	route := make([]gossip.NodeID, len(long))
	for i := range route {
		route[i] = 8
	}
	for range 900 {
		n.Receive(start, envelope("x", id, 1000, route...))
	}
	e, _ := n.Message(id)
	if trail := len(n.inbox.find(id).trail); e.Arrived != 900 || trail > MaxTrail || len(e.Copies) == 900 {
		t.Errorf("%d arrived, %d kept with %d node numbers", e.Arrived, len(e.Copies), trail)
	}
}

func TestEvents(t *testing.T) {
	n := newNode(t, Config{ID: 3, Events: true}, 8, 11)
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	var got []string
	for range 2 {
		for _, e := range n.Receive(start, envelope("banana", id, 1, 8)).Events {
			if e.Node != 3 {
				t.Errorf("event of node %d", e.Node)
			}
			got = append(got, e.String())
		}
	}
	want := []string{
		"receive 8.1.1 from 8 hops 1", "deliver 8.1.1 hops 1", "send 8.1.1 to 11 hops 2",
		"receive 8.1.1 from 8 hops 1", "drop 8.1.1 from 8: over_limit",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_ = trace.Deliver
}

// late delivers what it received only when it is woken.
type late struct{ held []gossip.Message }

func (*late) Peers(time.Time, gossip.Peers, *gossip.Outbox) {}
func (*late) Publish(_ time.Time, m gossip.Message, _ int, o *gossip.Outbox) {
	o.Deliver(m)
	o.Deliver(m)
}
func (l *late) Receive(_ time.Time, _ gossip.NodeID, p gossip.Packet, o *gossip.Outbox) {
	l.held = append(l.held, p.Messages...)
	o.Alarm(start.Add(time.Second), 7)
}
func (l *late) Wake(_ time.Time, _ gossip.Timer, o *gossip.Outbox) {
	for _, m := range l.held {
		o.Deliver(m)
	}
}

func TestLateAndRepeatedDeliveries(t *testing.T) {
	n := New(Config{ID: 3, Run: 1, Protocol: &late{}})
	id := gossip.ID{Origin: 8, Run: 1, Seq: 1}
	fx := n.Receive(start, envelope("x", id, 1, 8, 11))
	if len(fx.Alarms) != 1 || fx.Alarms[0].Timer != 7 {
		t.Fatalf("alarms %v", fx.Alarms)
	}
	for range 2 {
		n.Wake(start.Add(time.Second), 7)
	}
	m, _, err := n.Publish(start, []byte("y"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []gossip.ID{id, m.ID} {
		if e, ok := n.Message(want); !ok || len(e.Copies) != 1 {
			t.Errorf("%v: %+v", want, e)
		}
	}
	if e, _ := n.Message(id); !slices.Equal(e.Copies[0].Route, gossip.Route{8, 11, 3}) {
		t.Errorf("the way it came is lost: %v", e.Copies[0].Route)
	}
	if c := n.Counters(); c.Delivered != 2 {
		t.Errorf("%d deliveries", c.Delivered)
	}
}

func TestHeldWaysAreBounded(t *testing.T) {
	n := New(Config{ID: 3, Run: 1, Protocol: &late{}})
	const messages = maxHeld + 10
	name := func(i int) gossip.ID { return gossip.ID{Origin: 8, Run: 1, Seq: uint32(i + 1)} }
	for i := range messages {
		n.Receive(start, envelope("x", name(i), 1, 8, 11))
	}
	n.Wake(start, 7)
	for i := range messages {
		want := gossip.Route{8, 11, 3}
		if i < messages-maxHeld {
			want = gossip.Route{8, 3} // only the ends are known
		}
		if e, ok := n.Message(name(i)); !ok || !slices.Equal(e.Copies[0].Route, want) {
			t.Fatalf("message %d: %v, want the way %v", i, e.Copies, want)
		}
	}
	if len(n.held.routes) != 0 || len(n.held.order) != 0 {
		t.Errorf("%d ways kept after delivery", len(n.held.routes))
	}
}

// carrier passes on all that it holds in one packet when it is woken.
type carrier struct{ late }

func (c *carrier) Wake(_ time.Time, _ gossip.Timer, o *gossip.Outbox) {
	o.Send(9, gossip.Packet{Kind: 1, Messages: append(o.Messages(0), c.held...)})
}

func TestLongWaysFitAnEnvelope(t *testing.T) {
	n := New(Config{ID: 3, Run: 1, Protocol: &carrier{}})
	way := make([]gossip.NodeID, 10_000) // through a ring of a thousand nodes, ten times
	for i := range way {
		way[i] = gossip.NodeID(1_000_000 + i)
	}
	const messages = 100
	for i := range messages {
		way[0] = 8
		n.Receive(start, envelope(strings.Repeat("x", 2000), gossip.ID{Origin: 8, Run: 1, Seq: uint32(i + 1)}, 1, way...))
	}
	fx := n.Wake(start, 1)
	for _, e := range fx.Envelopes() {
		wire, err := gossip.AppendEnvelope(nil, e)
		if err != nil || len(wire) > gossip.MaxEnvelope {
			t.Fatalf("%d bytes, %v", len(wire), err)
		}
		for i, route := range e.Routes {
			if route[0] != 8 || route[len(route)-1] != 3 || i == 0 && len(route) != len(way)+1 {
				t.Errorf("message %d: a route of %d from %d to %d", i, len(route), route[0], route[len(route)-1])
			}
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	wire, err := gossip.AppendEnvelope(nil, envelope(string(make([]byte, 256)), gossip.ID{Origin: 8, Run: 1, Seq: 1}, 1, 8, 2, 11))
	if err != nil {
		b.Fatal(err)
	}
	n := newNode(b, Config{ID: 3, Capacity: 1 << 30, CapacityBytes: 1 << 50}, 8, 11, 20)
	var batch gossip.Batch
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		if seq++; seq%100_000 == 0 {
			n = newNode(b, Config{ID: 3, Capacity: 1 << 30, CapacityBytes: 1 << 50}, 8, 11, 20)
		}
		for _, from := range []gossip.NodeID{8, 11, 20} {
			batch.Reset()
			if err := batch.Decode(wire); err != nil {
				b.Fatal(err)
			}
			e := &batch.Envelopes[0]
			e.From, e.Packet.Messages[0].ID.Seq = from, seq
			e.Routes[0][len(e.Routes[0])-1] = from
			n.Receive(start, e)
		}
	}
}

func TestForgedOwnNamesDoNotStandInTheWay(t *testing.T) {
	n := newFlood(t, 3, 8)
	for _, id := range []gossip.ID{{Origin: 3, Run: 1, Seq: 1}, {Origin: 3, Run: 2, Seq: 1}} {
		if fx := n.Receive(start, envelope("forged", id, 1, 3, 8)); len(fx.Sends) > 0 {
			t.Errorf("%v was relayed", id)
		}
	}
	m, _, err := n.Publish(start, []byte("real"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := n.Message(m.ID); !ok || string(e.Message.Body) != "real" {
		t.Errorf("the inbox has %q", e.Message.Body)
	}
	if c := n.Counters(); c.Dropped["forged"] != 2 {
		t.Errorf("%+v", c)
	}
	if n.Receive(start, envelope("real", m.ID, 1, 3, 8)); n.Counters().Dropped["forged"] != 2 {
		t.Error("a copy of its own message that comes back counts as forged")
	}
}

func TestForgedOriginsDoNotStandInTheWay(t *testing.T) {
	n := newNode(t, Config{ID: 3, Capacity: 1 << 20}, 8)
	for origin := gossip.NodeID(10); origin < gossip.MaxLives+20; origin++ {
		n.Receive(start, envelope("x", gossip.ID{Origin: origin, Run: 1, Seq: 1}, 1, origin, 8))
	}
	m, _, err := n.Publish(start, []byte("real"), 1)
	if _, ok := n.Message(m.ID); !ok || err != nil {
		t.Errorf("its own message is not in the inbox: %v", err)
	}
}

func TestEveryDropIsCounted(t *testing.T) {
	n := newFlood(t, 3, 8)
	n.Receive(start, &gossip.Envelope{From: 8, Packet: gossip.Packet{Kind: 77}})
	if c := n.Counters(); c.Dropped["malformed"] != 1 {
		t.Errorf("a refused packet without messages: %+v", c)
	}
	long := make([]gossip.NodeID, gossip.MaxHops)
	for i := range long {
		long[i] = 8
	}
	n.Receive(start, envelope("x", gossip.ID{Origin: 8, Run: 1, Seq: 1}, 1, long...))
	if c := n.Counters(); c.Dropped["bad_route"] != 1 {
		t.Errorf("a route that cannot be extended: %+v", c)
	}
}
