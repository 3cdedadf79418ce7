package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"

	"github.com/google/go-cmp/cmp"
)

// ring is the overlay 1 – 2 – … – n – 1.
func ring(n int) func(gossip.NodeID) gossip.Peers {
	return func(id gossip.NodeID) gossip.Peers {
		peers := []gossip.NodeID{(id+gossip.NodeID(n)-2)%gossip.NodeID(n) + 1, id%gossip.NodeID(n) + 1}
		slices.Sort(peers)
		return gossip.NewPeers(slices.Compact(peers))
	}
}

func floods(t testing.TB, seed uint64) func(gossip.NodeID, uint32) gossip.Protocol {
	t.Helper()
	kind, err := protocol.Find("flood")
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(nil)
	if err != nil {
		t.Fatal(err)
	}
	born := kind.Make(values)
	return func(id gossip.NodeID, _ uint32) gossip.Protocol {
		return born(protocol.Environment{Self: id, Rand: protocol.Generator(seed, id)})
	}
}

func finish(t testing.TB, w *World) {
	t.Helper()
	for w.Step() {
	}
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, w *World, id gossip.NodeID) *Track {
	t.Helper()
	number, err := w.Publish(id, []byte("banana"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return &w.Tracks()[number]
}

func TestFloodOnARing(t *testing.T) {
	for _, whole := range []bool{false, true} {
		plan := &fault.Plan{Latency: fault.ConstantLatency(time.Millisecond)}
		w := New(Config{Nodes: 7, Peers: ring(7), Born: floods(t, 1), Plan: plan, Whole: whole, Resting: true})
		if !w.Quiet() || !w.Informed() {
			t.Error("a world where nothing happened is not at rest")
		}
		publish(t, w, 3)
		if w.Quiet() || w.Informed() {
			t.Error("a world with a message under way is at rest")
		}
		finish(t, w)
		m := &w.Tracks()[0]
		for id := gossip.NodeID(1); id <= 7; id++ {
			way := int(id-3+7) % 7
			want := min(way, 7-way)
			if after, hops, has := m.Arrived(id); !has || hops != want || after != time.Duration(want)*time.Millisecond {
				t.Errorf("whole %v: node %d after %v, %d hops, %v; want %d hops", whole, id, after, hops, has, want)
			}
		}
		if !w.Quiet() || !w.Informed() || w.Count.Packets != 14 || m.Copies != 14 || m.Received != 14 || w.Count.Delivered != 6 || w.Count.Control != 0 {
			t.Errorf("whole %v: %+v, %d copies", whole, w.Count, m.Copies)
		}
	}
}

// TestBareIsWhole compares protocols alone with protocols in nodes: the same packets at the same
// moments, and the same deliveries.
func TestBareIsWhole(t *testing.T) {
	for _, kind := range protocol.Table() {
		values, err := kind.Values(nil)
		if err != nil {
			t.Fatal(err)
		}
		born := kind.Make(values)
		for seed := range uint64(20) {
			play := func(whole bool) (Counters, []Track) {
				rng := rand.New(rand.NewPCG(seed, 2))
				n := 2 + rng.IntN(14)
				plan := &fault.Plan{Seed: seed, Latency: fault.ExponentialLatency(20 * time.Millisecond), Loss: 0.1, Duplicate: 0.1}
				w := New(Config{Nodes: n, Peers: ring(n), Plan: plan, Whole: whole,
					Born: func(id gossip.NodeID, _ uint32) gossip.Protocol {
						return born(protocol.Environment{Self: id, Rand: protocol.Generator(seed, id)})
					}})
				for k := range 5 {
					w.At(time.Duration(rng.IntN(3000))*time.Millisecond, func() { publish(t, w, gossip.NodeID(1+(k+int(seed))%n)) })
				}
				for w.Step() && w.Now() < 10*time.Second {
				}
				if err := w.Err(); err != nil {
					t.Fatalf("%s, seed %d: %v", kind.Name, seed, err)
				}
				return w.Count, w.Tracks()
			}
			bare, bareTracks := play(false)
			whole, wholeTracks := play(true)
			if diff := cmp.Diff(whole, bare); diff != "" {
				t.Fatalf("%s, seed %d (-whole +bare)\n%s", kind.Name, seed, diff)
			}
			if diff := cmp.Diff(wholeTracks, bareTracks, cmp.AllowUnexported(Track{})); diff != "" {
				t.Fatalf("%s, seed %d (-whole +bare)\n%s", kind.Name, seed, diff)
			}
		}
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	log := func(seed uint64) (lines []string) {
		plan := &fault.Plan{Seed: seed, Latency: fault.ExponentialLatency(time.Millisecond), Loss: 0.2}
		w := New(Config{Nodes: 16, Peers: ring(16), Born: floods(t, seed), Plan: plan, Whole: true,
			Observe: func(e trace.Event) { lines = append(lines, fmt.Sprint(e.At.Sub(Begin), e.Node, e)) }})
		publish(t, w, 5)
		finish(t, w)
		return lines
	}
	if !slices.Equal(log(1), log(1)) {
		t.Error("two runs of one seed differ")
	}
	if slices.Equal(log(1), log(2)) {
		t.Error("two seeds give the same")
	}
}

func TestLossIsCounted(t *testing.T) {
	w := New(Config{Nodes: 4, Peers: ring(4), Born: floods(t, 1), Plan: &fault.Plan{Loss: 1}})
	m := publish(t, w, 1)
	finish(t, w)
	if w.Count.Lost != 2 || w.Count.Packets != 2 || m.Received != 0 || w.Informed() {
		t.Errorf("%+v", w.Count)
	}
}

func TestCrashAndStart(t *testing.T) {
	plan := &fault.Plan{Latency: fault.ConstantLatency(time.Millisecond)}
	var runs []uint32
	flood := floods(t, 1)
	w := New(Config{Nodes: 4, Peers: ring(4), Plan: plan, Resting: true, Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
		if id == 2 {
			runs = append(runs, run)
		}
		return flood(id, run)
	}})
	w.Crash(2)
	w.Crash(2)
	if w.Live() != 3 || w.Alive(2) {
		t.Errorf("%d live, 2 alive: %v", w.Live(), w.Alive(2))
	}
	publish(t, w, 1)
	finish(t, w)
	if !w.Informed() || w.Count.Missed != 2 {
		t.Errorf("informed %v, %+v", w.Informed(), w.Count)
	}
	if _, err := w.Publish(2, nil, 0); err == nil {
		t.Error("a crashed node took a message")
	}
	w.Start(2)
	w.Start(2)
	if w.Informed() || w.Live() != 4 || !slices.Equal(runs, []uint32{1, 2}) {
		t.Errorf("informed %v, %d live, lives %v", w.Informed(), w.Live(), runs)
	}
	m := publish(t, w, 2)
	if m.ID != (gossip.ID{Origin: 2, Run: 2, Seq: 1}) {
		t.Errorf("a new life names its first message %v", m.ID)
	}
	finish(t, w)
	if !w.Quiet() {
		t.Error("not quiet in the end")
	}
}

// odd is a protocol made of functions.
type odd struct {
	publish func(m gossip.Message, out *gossip.Outbox)
	receive func(from gossip.NodeID, p gossip.Packet, out *gossip.Outbox)
	wake    func(now time.Time, t gossip.Timer, out *gossip.Outbox)
}

func (odd) Peers(time.Time, gossip.Peers, *gossip.Outbox) {}
func (o odd) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
	if o.publish != nil {
		o.publish(m, out)
	}
}
func (o odd) Receive(_ time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if o.receive != nil {
		o.receive(from, p, out)
	}
}
func (o odd) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if o.wake != nil {
		o.wake(now, t, out)
	}
}

func oddWorld(n int, o odd) *World {
	return New(Config{Nodes: n, Peers: ring(n), Born: func(gossip.NodeID, uint32) gossip.Protocol { return o }})
}

func TestBrokenProtocolsEndInASentence(t *testing.T) {
	for _, c := range []struct {
		name string
		odd  odd
	}{
		{"delivers twice", odd{publish: func(m gossip.Message, out *gossip.Outbox) { out.Deliver(m) }}},
		{"makes messages up", odd{publish: func(m gossip.Message, out *gossip.Outbox) {
			m.ID.Seq = 77
			out.Deliver(m)
		}}},
	} {
		w := oddWorld(3, c.odd)
		if _, err := w.Publish(1, nil, 0); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", c.name, err)
		}
		if w.Step() {
			t.Errorf("%s: the world goes on", c.name)
		}
	}
}

func TestPacketsToNobodyAreCounted(t *testing.T) {
	w := oddWorld(3, odd{publish: func(m gossip.Message, out *gossip.Outbox) {
		out.Send(0, gossip.Packet{Kind: 1})
		out.Send(9, gossip.Packet{Kind: 1})
		out.Send(-4, gossip.Packet{Kind: 1})
	}})
	publish(t, w, 1)
	finish(t, w)
	if w.Count.ToNobody != 3 {
		t.Errorf("%+v", w.Count)
	}
}

// TestAlarmsInThePast come at once, in order, and those of a former life never.
func TestAlarmsInThePast(t *testing.T) {
	var woken []gossip.Timer
	w := oddWorld(2, odd{
		publish: func(_ gossip.Message, out *gossip.Outbox) {
			out.Alarm(Begin.Add(-time.Hour), 1)
			out.Alarm(Begin.Add(time.Hour), 3)
			out.Alarm(Begin, 2)
		},
		wake: func(_ time.Time, timer gossip.Timer, _ *gossip.Outbox) { woken = append(woken, timer) },
	})
	publish(t, w, 1)
	for range 2 {
		w.Step()
	}
	if !slices.Equal(woken, []gossip.Timer{1, 2}) || w.Now() != 0 {
		t.Errorf("woken with %v at %v", woken, w.Now())
	}
	w.Crash(1)
	w.Start(1)
	finish(t, w)
	if len(woken) != 2 || w.Now() != time.Hour {
		t.Errorf("woken with %v at %v", woken, w.Now())
	}
}

// TestHopsOfCopies sends one message on at once and again later: the first has come by the copy at
// hand, the second by the first copy there was.
func TestHopsOfCopies(t *testing.T) {
	w := New(Config{Nodes: 5, Peers: ring(5), Born: floods(t, 1), Plan: &fault.Plan{Latency: fault.ConstantLatency(time.Millisecond)}})
	publish(t, w, 1)
	finish(t, w)
	for id, want := range map[gossip.NodeID]int{1: 0, 2: 1, 3: 2, 4: 2, 5: 1} {
		if _, hops, _ := w.Tracks()[0].Arrived(id); hops != want {
			t.Errorf("node %d: %d hops, want %d", id, hops, want)
		}
	}
}
