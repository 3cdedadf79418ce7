package values_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/values"
)

// one is a single node, driven by hand.
type one struct {
	*values.Values
	t   testing.TB
	now time.Time
	out gossip.Outbox
}

func newOne(t testing.TB, id gossip.NodeID, run uint32) *one {
	o := &one{Values: values.Around(mute{}, values.Environment{Self: id, Run: run, Rand: values.Generator(1, id)}, values.Rules{}), t: t, now: start}
	o.Peers(o.now, gossip.NewPeers([]gossip.NodeID{1, 2, 3}), &o.out)
	return o
}

func (o *one) set(c values.Change) gossip.Message {
	o.t.Helper()
	m, err := o.Set(o.now, o.now, c)
	if err != nil {
		o.t.Fatal(err)
	}
	o.out.Reset()
	o.Publish(o.now, m, 0, &o.out)
	if len(o.out.Delivered) > 0 || len(o.out.Applied) != 1 || o.out.Applied[0].ID != m.ID {
		o.t.Fatalf("delivered %v, applied %+v", o.out.Delivered, o.out.Applied)
	}
	return m
}

// hear hands over a packet and returns what the node says.
func (o *one) hear(from gossip.NodeID, p gossip.Packet) *gossip.Outbox {
	o.out.Reset()
	o.Receive(o.now, from, p, &o.out)
	return &o.out
}

// deliver hands over updates as the protocol within does.
func (o *one) deliver(messages ...gossip.Message) {
	o.out.Reset()
	for _, m := range messages {
		o.out.Deliver(m)
	}
	o.Receive(o.now, 1, gossip.Packet{Kind: 1}, &o.out)
}

// reconcile lets two nodes talk until they have nothing more to say; a is the one that calls.
func reconcile(a, b *one, ida, idb gossip.NodeID) (packets int) {
	type sent struct {
		from, to gossip.NodeID
		packet   gossip.Packet
	}
	nodes := map[gossip.NodeID]*one{ida: a, idb: b}
	a.out = gossip.Outbox{}
	var wire []sent
	// A digest of nothing has the other tell everything, and the other's digest the rest.
	start := a.hear(idb, gossip.Packet{Kind: gossip.KindValues, IDs: []gossip.ID{{Origin: 77, Run: 1, Seq: 1}}})
	for _, s := range start.Sends {
		wire = append(wire, sent{ida, s.To, s.Packet})
	}
	for len(wire) > 0 {
		s := wire[0]
		wire = wire[1:]
		if packets++; packets > 2000 {
			a.t.Fatal("they never stop")
		}
		n := nodes[s.to]
		if n == nil {
			continue
		}
		n.out = gossip.Outbox{}
		n.Receive(n.now, s.from, s.packet, &n.out)
		if n.out.Refused != "" {
			a.t.Fatalf("node %d refuses %+v: %s", s.to, s.packet, n.out.Refused)
		}
		for _, answer := range n.out.Sends {
			wire = append(wire, sent{s.to, answer.To, answer.Packet})
		}
	}
	return packets
}

func text(entries []values.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%d.%s=%s ", e.Owner, e.Key, e.Value)
	}
	return b.String()
}

func TestSetRefuses(t *testing.T) {
	o := newOne(t, 1, 1)
	for name, c := range map[string]struct {
		change values.Change
		err    error
	}{
		"no key":          {values.Change{}, values.ErrKey},
		"a long key":      {values.Change{Key: strings.Repeat("k", values.MaxKey+1)}, values.ErrKey},
		"two lines":       {values.Change{Key: "a\nb"}, values.ErrKey},
		"no text":         {values.Change{Key: "\xff"}, values.ErrKey},
		"large":           {values.Change{Key: "k", Value: make([]byte, values.MaxValue+1)}, values.ErrValue},
		"deleted to x":    {values.Change{Key: "k", Value: []byte("x"), Delete: true}, values.ErrValue},
		"never there":     {values.Change{Key: "k", Delete: true}, values.ErrGone},
		"never written":   {values.Change{Key: "k", Delete: true, Register: true}, values.ErrGone},
		"far":             {values.Change{Key: "k", TTL: gossip.MaxHops + 1}, values.ErrValue},
		"before the node": {values.Change{Key: "k", TTL: -1}, values.ErrValue},
		"stamped":         {values.Change{Key: "k", Stamp: 1}, values.ErrValue},
		"late for ever":   {values.Change{Key: "k", Register: true, Stamp: values.MaxStamp + 1}, values.ErrValue},
	} {
		if _, err := o.Set(start, start, c.change); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m, err := o.Set(start, start, values.Change{Key: "k"}); err != nil || m.ID != gossip.UpdateID(1, 1, 1) {
		t.Errorf("%v, %v", m.ID, err)
	}
	if m, err := o.Set(start, start, values.Change{Key: "k", TTL: 3}); err != nil || m.ID != gossip.UpdateID(1, 1, 1) || values.TTL(m.Body) != 3 {
		t.Errorf("what was not published has taken a version: %v, %v", m.ID, err)
	}
}

// A full map takes nothing new but in place of what is gone.
func TestAFullMap(t *testing.T) {
	o, other := newOne(t, 1, 1), newOne(t, 2, 1)
	for k := range values.MaxKeys {
		o.set(values.Change{Key: fmt.Sprint(k)})
	}
	if _, err := o.Set(start, start, values.Change{Key: "one more"}); !errors.Is(err, values.ErrFull) {
		t.Fatal(err)
	}
	o.set(values.Change{Key: "7", Value: []byte("x")})
	reconcile(other, o, 2, 1)
	o.set(values.Change{Key: "8", Delete: true})
	o.set(values.Change{Key: "one more"}) // the mark makes room
	reconcile(other, o, 2, 1)
	if a, b := text(o.Entries(0, "", false)), text(other.Entries(0, "", false)); a != b || strings.Contains(b, ".8=") {
		t.Error("the other has something else")
	}
	if s := o.Stats(); s.Keys != values.MaxKeys {
		t.Errorf("%+v", s)
	}
	big := newOne(t, 3, 1)
	for k := range values.MaxBytes/(values.MaxValue+3) + 1 {
		m, err := big.Set(start, start, values.Change{Key: fmt.Sprintf("%03d", k), Value: make([]byte, values.MaxValue)})
		if k < values.MaxBytes/(values.MaxValue+3) {
			if err != nil {
				t.Fatal(k, err)
			}
			big.Publish(start, m, 0, &big.out)
		} else if !errors.Is(err, values.ErrFull) {
			t.Errorf("%d large values: %v", k+1, err)
		}
	}
}

// Updates come in any order, twice, and late; only versions count.
func TestUpdatesInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		rng := values.Generator(seed, 9)
		owner, other, third := newOne(t, 1, 1), newOne(t, 2, 1), newOne(t, 3, 1)
		var all []gossip.Message
		for k := range 30 {
			c := values.Change{Key: fmt.Sprint("k", rng.IntN(4)), Value: fmt.Append(nil, k)}
			if len(owner.Entries(1, c.Key, false)) > 0 && rng.IntN(3) == 0 {
				c.Delete, c.Value = true, nil
			}
			all = append(all, owner.set(c))
		}
		all = append(all, all[:10]...)
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		lost := rng.IntN(len(all))
		for i, m := range all {
			if i != lost {
				other.deliver(m)
			}
		}
		reconcile(third, other, 3, 2)
		if a, b := text(other.Entries(0, "", false)), text(third.Entries(0, "", false)); a != b {
			t.Fatalf("seed %d: owner gone, %s and %s", seed, a, b)
		}
		reconcile(other, owner, 2, 1)
		reconcile(third, other, 3, 2)
		want := text(owner.Entries(0, "", false))
		for _, n := range []*one{other, third} {
			if got := text(n.Entries(0, "", false)); got != want {
				t.Fatalf("seed %d: %s, want %s", seed, got, want)
			}
		}
		if other.Stats().Refused+third.Stats().Refused > 0 {
			t.Errorf("%+v", other.Stats())
		}
	}
}

// Whoever was away for longer than marks are kept is told the whole map, in as many parts as it takes, and has nothing
// of what was deleted meanwhile. What is there is there all the time.
func TestAwayForLongerThanMarksAreKept(t *testing.T) {
	for seed := range uint64(30) {
		rng := values.Generator(seed, 9)
		owner, away, late := newOne(t, 1, 1), newOne(t, 2, 1), newOne(t, 3, 1)
		size := []int{1, 500, 20_000}[seed%3]
		body := func(k int) []byte { return append(fmt.Append(nil, k, " "), make([]byte, size)...) }
		for k := range 60 {
			owner.set(values.Change{Key: fmt.Sprint("k", k), Value: body(k)})
		}
		reconcile(away, owner, 2, 1)
		var old []gossip.Message
		for k := range 60 {
			switch rng.IntN(3) {
			case 0:
				old = append(old, owner.set(values.Change{Key: fmt.Sprint("k", k), Delete: true}))
			case 1:
				old = append(old, owner.set(values.Change{Key: fmt.Sprint("k", k), Value: body(100 + k)}))
			}
		}
		reconcile(late, owner, 3, 1)
		owner.now = owner.now.Add(values.Keep + time.Hour)
		owner.Wake(owner.now, gossip.TimerValues|1, &owner.out)
		if n := len(owner.Entries(0, "", true)); n != len(owner.Entries(0, "", false)) {
			t.Fatalf("seed %d: %d marks are kept for ever", seed, n-len(owner.Entries(0, "", false)))
		}
		stay := map[string]bool{}
		for _, e := range owner.Entries(0, "", false) {
			stay[e.Key] = true
		}
		// In the middle of all, some of the news comes by the protocol.
		for _, m := range old {
			if rng.IntN(8) == 0 {
				away.deliver(m)
			}
		}
		reconcile(away, owner, 2, 1)
		want := text(owner.Entries(0, "", false))
		if got := text(away.Entries(0, "", false)); got != want {
			t.Fatalf("seed %d: it has\n%.300s\nand not\n%.300s", seed, got, want)
		}
		for _, a := range away.out.Applied {
			if a.Deleted && stay[a.Key] {
				t.Errorf("seed %d: %q was gone for a while", seed, a.Key)
			}
		}
		for _, m := range old { // and all of it once more
			away.deliver(m)
		}
		if got := text(away.Entries(0, "", false)); got != want {
			t.Fatalf("seed %d: old news have changed it to\n%.300s", seed, got)
		}
		// Who still has the marks, and who has not: they have the same.
		if packets := reconcile(away, late, 2, 3); text(late.Entries(0, "", false)) != want || packets > 4 {
			t.Errorf("seed %d: %d packets between those who have the same", seed, packets)
		}
	}
}

// Registers: the last write counts everywhere, however wrong the clocks are; ties go to the larger owner.
func TestRegisters(t *testing.T) {
	a, b := newOne(t, 1, 1), newOne(t, 2, 1)
	write := func(o *one, clock time.Time, value string) {
		t.Helper()
		m, err := o.Set(start, clock, values.Change{Key: "r", Value: []byte(value), Register: true})
		if err != nil {
			t.Fatal(err)
		}
		o.Publish(start, m, 0, &o.out)
	}
	agree := func(want string) {
		t.Helper()
		reconcile(a, b, 1, 2)
		for _, o := range []*one{a, b} {
			if got := text(o.Entries(0, "r", false)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
	write(a, start.Add(time.Hour), "ahead")
	agree("1.r=ahead ")
	write(b, start.Add(-time.Hour), "behind, and later") // it has seen the other
	agree("2.r=behind, and later ")
	write(a, time.Unix(-5, 0), "before all time")
	agree("1.r=before all time ")
	write(b, time.Unix(1<<40, 0), "after")
	agree("2.r=after ")
	write(a, start, "last")
	agree("1.r=last ")

	at := time.Unix(1<<41, 0)
	write(a, at, "at once") // neither knows of the other
	write(b, at, "at once")
	agree("2.r=at once ")

	m, err := a.Set(start, start, values.Change{Key: "r", Delete: true, Register: true})
	if err != nil {
		t.Fatal(err)
	}
	a.Publish(start, m, 0, &a.out)
	agree("")
	for _, o := range []*one{a, b} { // nor after any time: what the other has written is still in its map
		o.now = o.now.Add(10 * values.Keep)
		o.Wake(o.now, gossip.TimerValues|1, &o.out)
	}
	agree("")
	if n := len(a.Entries(0, "r", true)); n != 2 {
		t.Errorf("%d entries of both", n)
	}

	c := values.Change{Key: "own order", Value: []byte("x"), Register: true, Stamp: 5}
	a.set(c)
	reconcile(a, b, 1, 2)
	for stamp, refused := range map[uint64]bool{4: true, 5: true, 6: false} {
		c.Stamp = stamp
		if _, err := b.Set(start, start, c); errors.Is(err, values.ErrOld) != refused {
			t.Errorf("stamp %d: %v", stamp, err)
		}
	}
	c.Stamp = values.MaxStamp
	b.set(c)
	reconcile(a, b, 1, 2)
	c.Stamp = 0
	if _, err := a.Set(start, start, c); !errors.Is(err, values.ErrOld) {
		t.Errorf("after the last stamp: %v", err)
	}
}

// Nobody else makes versions of a node's map.
func TestForged(t *testing.T) {
	o := newOne(t, 1, 2)
	o.set(values.Change{Key: "k", Value: []byte("mine")})
	other := newOne(t, 1, 2) // says it is node 1
	other.set(values.Change{Key: "k", Value: []byte("a")})
	forged := other.set(values.Change{Key: "k", Value: []byte("b")})
	if !o.Forged(forged.ID) || o.Forged(gossip.UpdateID(1, 2, 1)) || o.Forged(gossip.UpdateID(1, 1, 9)) || !o.Forged(gossip.UpdateID(1, 3, 1)) {
		t.Error("what is forged")
	}
	o.deliver(forged)
	o.hear(2, gossip.Packet{Kind: gossip.KindValues + 1, IDs: []gossip.ID{{Origin: 1, Run: 2, Seq: 9}}})
	o.hear(2, gossip.Packet{Kind: gossip.KindValues + 2, IDs: []gossip.ID{{Origin: 1, Run: 3, Seq: 1}, {Origin: 1, Run: 1, Seq: 1}}})
	if s := o.Stats(); s.Forged != 3 || text(o.Entries(0, "", false)) != "1.k=mine " {
		t.Errorf("%+v, %s", s, text(o.Entries(0, "", false)))
	}
}

// A map that was restored without its last versions begins a new life, and takes its entries along.
func TestRestoredWithoutItsEnd(t *testing.T) {
	first, other := newOne(t, 1, 1), newOne(t, 2, 1)
	first.set(values.Change{Key: "a", Value: []byte("1")})
	first.set(values.Change{Key: "b", Value: []byte("2")})
	run, version, entries := first.Own()
	first.set(values.Change{Key: "b", Value: []byte("lost")})
	first.set(values.Change{Key: "c", Value: []byte("lost")})
	reconcile(other, first, 2, 1)

	second := newOne(t, 1, 2)
	second.Restore(run, version, entries)
	if second.Forged(gossip.UpdateID(1, 1, 4)) {
		t.Error("its own words are forged")
	}
	reconcile(second, other, 1, 2)
	reconcile(other, second, 2, 1)
	if got := text(other.Entries(0, "", false)); got != "1.a=1 1.b=2 " {
		t.Errorf("the other has %s", got)
	}
	if run, version, _ := second.Own(); run != 2 || version != 2 || second.Stats().Lives != 1 || second.Stats().Forged != 0 {
		t.Errorf("life %d, version %d, %+v", run, version, second.Stats())
	}

	third := newOne(t, 1, 3) // remembers nothing, and says so
	reconcile(third, other, 1, 2)
	reconcile(third, other, 1, 2)
	if got := text(other.Entries(0, "", true)); got != "" || other.Stats().Keys != 0 || other.Stats().Bytes != 0 {
		t.Errorf("the other has %s, %+v", got, other.Stats())
	}
}

// Of many that need something nobody waits for the one that needs most.
func TestNobodyStarves(t *testing.T) {
	from := newOne(t, 1, 1)
	for k := range values.MaxKeys {
		from.set(values.Change{Key: fmt.Sprint(k), Value: make([]byte, 100)})
	}
	for id := gossip.NodeID(10); id < 200; id++ {
		from.hear(2, told(t, id, 1))
	}
	to := newOne(t, 2, 1)
	out := from.hear(2, gossip.Packet{Kind: gossip.KindValues + 1})
	if len(out.Sends) != 1 {
		t.Fatalf("%d packets", len(out.Sends))
	}
	to.hear(1, out.Sends[0].Packet)
	if s := to.Stats(); s.Owners != 191 || s.Keys < 400 || s.Keys > 1000 {
		t.Errorf("after one packet: %+v", s)
	}
}

func TestOrderOfEntries(t *testing.T) {
	o := newOne(t, 5, 1)
	for _, id := range []gossip.NodeID{30, 10, 20} {
		o.hear(2, told(t, id, 1))
	}
	o.set(values.Change{Key: "k"})
	o.set(values.Change{Key: "a"})
	if got := text(o.Entries(0, "", false)); got != "5.a= 5.k= 10.k=v 20.k=v 30.k=v " {
		t.Error(got)
	}
	if got := text(o.Entries(10, "", false)); got != "10.k=v " {
		t.Error(got)
	}
	if got := text(o.Entries(0, "a", false)); got != "5.a= " {
		t.Error(got)
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte{0, 1, 'k', 'v'})
	f.Add([]byte{7, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 'k'})
	f.Add([]byte{4, 0x80, 0x80, 1, 1, 'k'})
	f.Fuzz(func(t *testing.T, body []byte) {
		if ttl := values.TTL(body); ttl < 0 || ttl > gossip.MaxHops {
			t.Fatalf("a ttl of %d", ttl)
		}
		e, err := values.ParseEntry(append([]byte{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}, body...))
		if err != nil {
			return
		}
		again, err := values.ParseEntry(values.AppendEntry(nil, &e))
		if err != nil || again.Key != e.Key || !bytes.Equal(again.Value, e.Value) || again.Stamp != e.Stamp || again.TTL != e.TTL ||
			again.Deleted != e.Deleted || again.Register != e.Register || !again.Received.Equal(e.Received) {
			t.Fatalf("%+v becomes %+v, %v", e, again, err)
		}
		if len(e.Key) > values.MaxKey || len(e.Value) > values.MaxValue {
			t.Fatal("beyond a bound")
		}
	})
}

// FuzzReceive hands a node whatever there is, and sees that it neither panics nor says more than it may, and that its own
// map stays its own.
func FuzzReceive(f *testing.F) {
	add := func(p gossip.Packet) {
		data, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: 2, Packet: p, Routes: make([]gossip.Route, len(p.Messages))})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	add(told(f, 9, 1))
	add(told(f, 1, 1))
	add(gossip.Packet{Kind: gossip.KindValues, IDs: []gossip.ID{{Origin: 1, Run: 1, Seq: 1}}, Limit: 1})
	add(gossip.Packet{Kind: gossip.KindValues + 1, IDs: []gossip.ID{{Origin: 1, Run: 1, Seq: 1}, {Origin: 9, Run: 1, Seq: 2}, {Origin: 9, Run: 1, Seq: 8}}, Limit: 1})
	add(gossip.Packet{Kind: gossip.KindValues + 1, Limit: 15})
	add(gossip.Packet{Kind: gossip.KindValues + 2, IDs: []gossip.ID{{Origin: 9, Run: 1, Seq: 1}, {Origin: math.MaxInt32 - 1, Run: 5, Seq: math.MaxInt32 - 1}}, Limit: 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b gossip.Batch
		if b.Decode(data) != nil {
			return
		}
		o := newOne(t, 1, 2)
		o.set(values.Change{Key: "k", Value: []byte("mine")})
		o.set(values.Change{Key: "k", Value: []byte("mine too")})
		o.hear(2, told(t, 9, 1))
		p := b.Envelopes[0].Packet
		for range 3 {
			out := o.hear(2, p)
			if len(out.Sends) > 5 || len(out.Alarms) > 3 || out.Refused != "" && out.Refused != gossip.Malformed {
				t.Fatalf("%d packets, %d alarms, %q for one", len(out.Sends), len(out.Alarms), out.Refused)
			}
			for i := range out.Sends {
				s := &out.Sends[i].Packet
				if _, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: 1, Packet: *s, Routes: make([]gossip.Route, len(s.Messages))}); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range p.Messages {
				o.deliver(m)
			}
			o.now = o.now.Add(time.Second)
			o.out.Reset()
			o.Wake(o.now, gossip.TimerValues|1, &o.out)
			o.Wake(o.now, gossip.TimerValues|2, &o.out)
		}
		if got := o.Entries(1, "", false); len(got) != 1 || string(got[0].Value) != "mine too" {
			t.Fatalf("its own map is %+v", got)
		}
		if s := o.Stats(); s.Keys > 3000 || s.Bytes < 0 {
			t.Fatalf("%+v", s)
		}
	})
}

// A stretch of versions that does not follow what is known is taken for what it is: what came before may still come.
func TestAStretchThatDoesNotFollow(t *testing.T) {
	owner, other := newOne(t, 1, 1), newOne(t, 2, 1)
	var all []gossip.Message
	for k := range 6 {
		all = append(all, owner.set(values.Change{Key: fmt.Sprint(k)}))
	}
	other.hear(1, gossip.Packet{Kind: gossip.KindValues + 2, Messages: all[4:], IDs: []gossip.ID{{Origin: 1, Run: 1, Seq: 5}, {Origin: 7, Run: 1, Seq: 7}}})
	if got := text(other.Entries(0, "", false)); got != "1.4= 1.5= " || other.Knows(all[3].ID) || !other.Knows(all[4].ID) {
		t.Errorf("it has %s", got)
	}
	other.deliver(all[1])
	reconcile(other, owner, 2, 1)
	if got := text(other.Entries(0, "", false)); got != text(owner.Entries(0, "", false)) {
		t.Errorf("in the end it has %s", got)
	}
	if string(other.Body(all[2].ID)) != string(all[2].Body) || other.Body(gossip.UpdateID(1, 1, 7)) != nil {
		t.Error("the bodies of updates")
	}
}

// An owner that was restored does not know any more which marks it has dropped: who was away is told all.
func TestRestoredAfterMarksWereDropped(t *testing.T) {
	first, away := newOne(t, 1, 1), newOne(t, 2, 1)
	first.set(values.Change{Key: "a"})
	first.set(values.Change{Key: "b"})
	reconcile(away, first, 2, 1)
	first.set(values.Change{Key: "a", Delete: true})
	first.set(values.Change{Key: "c"})
	first.now = first.now.Add(2 * values.Keep)
	first.Wake(first.now, gossip.TimerValues|1, &first.out)
	run, version, entries := first.Own()
	if len(entries) != 2 || version != 4 {
		t.Fatalf("version %d, %+v", version, entries)
	}
	second := newOne(t, 1, 2)
	second.Restore(run, version, entries)
	reconcile(away, second, 2, 1)
	if got := text(away.Entries(0, "", true)); got != "1.b= 1.c= " {
		t.Errorf("who was away has %s", got)
	}
}

// counting counts the bytes of what it is to spread.
type counting struct {
	mute
	updates, bytes int
}

func (c *counting) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	c.updates++
	c.bytes += len(m.Body)
}

// Large values that change all the time are left to reconciliation when protocols would have to remember too much.
func TestLargeValuesDoNotPileUp(t *testing.T) {
	for size, want := range map[int][2]int{ // how many of 4,000 are spread by the protocol, at least and at most
		100: {4000, 4000}, 1900: {4000, 4000}, values.MaxValue: {2100, 2400},
	} {
		inner := &counting{}
		v := values.Around(inner, values.Environment{Self: 1, Run: 1, Rand: values.Generator(1, 1)}, values.Rules{})
		var out gossip.Outbox
		v.Peers(start, gossip.NewPeers([]gossip.NodeID{2}), &out)
		body := make([]byte, size)
		for range 4000 {
			m, err := v.Set(start, start, values.Change{Key: "k", Value: body})
			if err != nil {
				t.Fatal(err)
			}
			out.Reset()
			if v.Publish(start, m, 0, &out); len(out.Applied) != 1 {
				t.Fatal("not applied")
			}
		}
		if inner.updates < want[0] || inner.updates > want[1] {
			t.Errorf("of %d bytes %d are spread", size, inner.updates)
		}
		if s := v.Stats(); s.Keys != 1 || s.Bytes != size+1 {
			t.Errorf("%+v", s)
		}
	}
}
