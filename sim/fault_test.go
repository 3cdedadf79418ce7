package sim

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// pairs is a world of whole nodes that all know each other and say what they are told, once.
func pairs(t *testing.T, n int, change func(*Config)) (*World, *[]trace.Event) {
	t.Helper()
	events := new([]trace.Event)
	cfg := Config{
		Nodes: n, Whole: true, Born: floods(t, 1),
		Peers:   func(id gossip.NodeID) gossip.Peers { return gossip.Everyone(n, id) },
		Plan:    &fault.Plan{Latency: fault.ConstantLatency(ms)},
		Observe: func(e trace.Event) { *events = append(*events, e) },
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg), events
}

func with(w *World, rules ...fault.Rule) *fault.Plan {
	p := *w.Plan()
	p.Rules = rules
	return &p
}

// told returns the events of some kinds as short lines.
func told(events []trace.Event, kinds ...trace.Kind) (lines []string) {
	for _, e := range events {
		if slices.Contains(kinds, e.Kind) {
			lines = append(lines, fmt.Sprintf("%v %d/%d %s %s%s %d", e.At.Sub(Begin), e.Node, e.Run, e.Kind, e.Name, e.Reason, e.Count))
		}
	}
	return lines
}

func has(w *World, id gossip.NodeID, number int) bool {
	_, _, is := w.Tracks()[number].Arrived(id)
	return is
}

// What one group says to a later one is cut; the other way everything arrives.
func TestOneWayPartition(t *testing.T) {
	w, _ := pairs(t, 4, nil)
	w.SetPlan(with(w, fault.Rule{Name: "p", Cut: true, OneWay: true, Groups: [][]gossip.NodeID{{1, 2}, {3, 4}}}))
	publish(t, w, 1)
	publish(t, w, 3)
	finish(t, w)
	for id := gossip.NodeID(1); id <= 4; id++ {
		if got, want := has(w, id, 0), id <= 2; got != want {
			t.Errorf("node %d has what the first group says: %v", id, got)
		}
		if !has(w, id, 1) {
			t.Errorf("node %d does not have what the second group says", id)
		}
	}
	if w.Count.Cut == 0 || w.Count.Lost != 0 {
		t.Errorf("%+v", w.Count)
	}
	w.SetPlan(nil)
	publish(t, w, 1)
	finish(t, w)
	if !has(w, 4, 2) {
		t.Error("healed, and still cut")
	}
}

// Rules end by themselves, and observers hear of faults that come and go.
func TestRulesEnd(t *testing.T) {
	w, events := pairs(t, 2, nil)
	end := func(d time.Duration) time.Time { return Begin.Add(d) }
	f1 := fault.Rule{Name: "f1", Loss: 1, Until: end(20 * ms)}
	f2 := fault.Rule{Name: "f2", Corrupt: 1, Until: end(40 * ms)}
	f3 := fault.Rule{Name: "f3", Duplicate: 0.5}
	w.SetPlan(with(w, f1, f2, f3))
	for _, at := range []time.Duration{10 * ms, 20 * ms, 40 * ms} {
		w.At(at, func() { publish(t, w, 1) })
	}
	w.At(50*ms, func() { w.SetPlan(with(w, f3)) })
	w.At(60*ms, func() { w.SetPlan(with(w, fault.Rule{Name: "f3", Duplicate: 1})) })
	finish(t, w)
	if has(w, 2, 0) || has(w, 2, 1) || !has(w, 2, 2) || w.Count.Lost != 1 || w.Count.Corrupt == 0 {
		t.Errorf("%v %v %v, %+v", has(w, 2, 0), has(w, 2, 1), has(w, 2, 2), w.Count)
	}
	want := []string{
		"0s 0/0 fault f1loss 100 % of all packets, until 2020-09-13T13:00:00.02Z 0",
		"0s 0/0 fault f2corrupt 100 % of all packets, until 2020-09-13T13:00:00.04Z 0",
		"0s 0/0 fault f3duplicate 50 % of all packets 0",
		"20ms 0/0 heal f1 0",
		"40ms 0/0 heal f2 0",
		"60ms 0/0 heal f3 0",
		"60ms 0/0 fault f3duplicate 100 % of all packets 0",
	}
	if got := told(*events, trace.Fault, trace.Heal); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A narrow link lets packets through one after the other, and its queue is bounded.
func TestBandwidth(t *testing.T) {
	for _, whole := range []bool{true, false} {
		w, _ := pairs(t, 2, func(cfg *Config) { cfg.Whole, cfg.QueueBytes, cfg.Plan = whole, 5000, nil })
		w.SetPlan(with(w, fault.Rule{Name: "b", Bandwidth: 10_000}))
		for range 10 {
			if _, err := w.Publish(1, make([]byte, 1000), 0); err != nil {
				t.Fatal(err)
			}
		}
		finish(t, w)
		arrived := 0
		for k := range w.Tracks() {
			after, _, is := w.Tracks()[k].Arrived(2)
			if !is {
				continue
			}
			arrived++
			// Each is some 1,020 bytes long, and the next waits for it.
			if want := time.Duration(arrived) * 102 * ms; after < want-2*ms*time.Duration(arrived) || after > want+ms*time.Duration(arrived) {
				t.Errorf("message %d after %v, should be %v", k, after, want)
			}
		}
		if arrived != 4 || w.Count.Overflow != 6 { // a fifth does not fit 5,000 bytes
			t.Errorf("whole %v: %d arrived, %+v", whole, arrived, w.Count)
		}
	}
}

// What waits before a narrow link goes on at the pace of a new plan, or at once when the link is narrow no
// more, and is gone when its sender ends.
func TestBandwidthChanges(t *testing.T) {
	for what, want := range map[string]struct {
		change func(w *World)
		last   time.Duration // when the last arrives; 0: it does not
	}{
		"wider":  {func(w *World) { w.SetPlan(with(w, fault.Rule{Name: "b", Bandwidth: 100_000})) }, 1551 * ms},
		"healed": {func(w *World) { w.SetPlan(with(w)) }, 1501 * ms},
		"other": {func(w *World) {
			w.SetPlan(with(w, w.Plan().Rules[0], fault.Rule{Name: "x", Nodes: []gossip.NodeID{7}, Cut: true}))
		}, 3023 * ms},
		"crashed": {func(w *World) { w.Crash(1) }, 0},
	} {
		w, _ := pairs(t, 2, nil)
		w.SetPlan(with(w, fault.Rule{Name: "b", Nodes: []gossip.NodeID{1}, Bandwidth: 3000}))
		for range 9 {
			if _, err := w.Publish(1, make([]byte, 1000-gossip.FrameHeader-11), 0); err != nil { // 1,000 bytes and a few
				t.Fatal(err)
			}
		}
		w.At(1500*ms, func() { want.change(w) }) // of the ninefold third of a second half have left
		finish(t, w)
		after, _, is := w.Tracks()[8].Arrived(2)
		if is != (want.last > 0) || is && (after < want.last-10*ms || after > want.last+10*ms) {
			t.Errorf("%s: the last arrives after %v, %v", what, after, is)
		}
		if w.UnderWay() != 0 || !w.Quiet() {
			t.Errorf("%s: %d are under way in the end", what, w.UnderWay())
		}
	}
}

func TestSizeIsThatOfTheFrame(t *testing.T) {
	messages := []gossip.Message{{ID: gossip.ID{Origin: 300, Run: 1, Seq: 70000}, Body: make([]byte, 200), Sent: Begin}, {ID: gossip.ID{Origin: 1, Run: 1, Seq: 1}, Sent: Begin}}
	for _, f := range []inFlight{
		{from: 1, kind: 2},
		{from: 1000, kind: 2, limit: 300, hops: 7, load: &payload{routes: []gossip.Route{}, ids: []gossip.ID{{Origin: 5, Run: 200, Seq: 3}}}},
		{from: 5, kind: 2, load: &payload{messages: messages, routes: []gossip.Route{{300, 4, 5}, {1, 5}}}},
	} {
		e := gossip.Envelope{From: f.from, Packet: f.packet()}
		if f.load != nil {
			e.Routes = f.load.routes
		}
		wire, err := gossip.AppendFrame(nil, &e)
		if err != nil || len(wire) != f.size() {
			t.Errorf("%d bytes, reckoned %d, %v", len(wire), f.size(), err)
		}
	}
}

// What is damaged arrives, is noticed and counted, and no node sees it.
func TestCorruptPacketsReachNobody(t *testing.T) {
	w, events := pairs(t, 2, nil)
	w.SetPlan(with(w, fault.Rule{Name: "c", Corrupt: 1}))
	publish(t, w, 1)
	finish(t, w)
	w.FinalRead()
	if has(w, 2, 0) || w.Count.Corrupt != 1 || w.Count.Received != 0 {
		t.Errorf("%+v", w.Count)
	}
	found := false
	for _, e := range *events {
		if e.Kind == trace.Receive {
			t.Errorf("node %d receives %v", e.Node, e)
		}
		found = found || e.Kind == trace.Heard && e.Node == 2 && e.Peer == 1 && e.Counts[trace.CountCorrupt] == 1 && e.Counts[trace.CountReceived] == 0
	}
	if !found {
		t.Errorf("%v", *events)
	}
}

// Later packets overtake those that are held back.
func TestReorder(t *testing.T) {
	w, _ := pairs(t, 2, nil)
	w.SetPlan(with(w, fault.Rule{Name: "r", Reorder: 0.3}))
	for k := range 100 {
		w.At(time.Duration(k)*10*ms, func() { publish(t, w, 1) })
	}
	finish(t, w)
	overtaken, last := 0, time.Duration(0)
	for k := range w.Tracks() {
		after, _, is := w.Tracks()[k].Arrived(2)
		at := after + w.Tracks()[k].Published
		if !is {
			t.Fatalf("message %d is lost", k)
		}
		if at < last {
			overtaken++
		}
		last = max(last, at)
	}
	if overtaken < 20 {
		t.Errorf("only %d messages came after a later one", overtaken)
	}
}

// A wrong clock is in what nodes write down, and nowhere else.
func TestClockOffsets(t *testing.T) {
	play := func(rules ...fault.Rule) (moments []time.Duration, entry node.Entry) {
		w, events := pairs(t, 3, nil)
		w.SetPlan(with(w, rules...))
		publish(t, w, 2)
		finish(t, w)
		for _, e := range *events {
			if e.Node > 0 {
				moments = append(moments, e.At.Sub(Begin))
			}
		}
		entry, _ = w.Node(1).Message(w.Tracks()[0].ID)
		return moments, entry
	}
	right, entry := play()
	wrong, other := play(fault.Rule{Name: "a", Nodes: []gossip.NodeID{2}, Clock: -time.Hour}, fault.Rule{Name: "b", Nodes: []gossip.NodeID{1}, Clock: time.Minute})
	if !slices.Equal(right, wrong) {
		t.Error("wrong clocks change when things happen")
	}
	if got := other.Message.Sent.Sub(entry.Message.Sent); got != -time.Hour {
		t.Errorf("sent %v later", got)
	}
	if got := other.Received().Sub(entry.Received()); got != time.Minute {
		t.Errorf("received %v later", got)
	}
}

// A node is born into the time that its clock shows.
func TestClockOffsetsOfLaterLives(t *testing.T) {
	w, _ := pairs(t, 1, nil)
	w.SetPlan(with(w, fault.Rule{Name: "a", Clock: time.Hour}))
	w.Crash(1)
	w.Start(1)
	publish(t, w, 1)
	w.SetPlan(nil)
	publish(t, w, 1)
	for k, want := range []time.Duration{time.Hour, 0} {
		if entry, _ := w.Node(1).Message(w.Tracks()[k].ID); entry.Message.Sent.Sub(Begin) != want || entry.Received().Sub(Begin) != want {
			t.Errorf("sent %v, received %v, want %v", entry.Message.Sent.Sub(Begin), entry.Received().Sub(Begin), want)
		}
	}
}

func TestPublishToWhomCannotTakeIt(t *testing.T) {
	w, _ := pairs(t, 2, nil)
	w.Pause(1)
	w.Crash(2)
	if _, err := w.Publish(1, nil, 0); !errors.Is(err, ErrPaused) {
		t.Error(err)
	}
	for _, id := range []gossip.NodeID{-1, 0, 2, 3} {
		if _, err := w.Publish(id, nil, 0); err == nil || errors.Is(err, ErrPaused) {
			t.Errorf("node %d: %v", id, err)
		}
	}
}
