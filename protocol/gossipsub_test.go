package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// The packets of gossipsub, as its transcripts number them.
const (
	subMessages gossip.Kind = 1 + iota
	subIHave
	subIWant
	subGraft
	subPrune
	subIDontWant
)

// subNode is one gossipsub whose wires are this test.
type subNode struct {
	gossip.Protocol
	t      *testing.T
	now    time.Time
	out    gossip.Outbox
	alarms []gossip.Alarm
}

// newSubNode makes node 1 with the peers 2 to n.
func newSubNode(t *testing.T, n int, set map[string]string) *subNode {
	t.Helper()
	settings := map[string]string{"phase": "aligned"}
	for name, value := range set {
		settings[name] = value
	}
	p, err := protocol.New("gossipsub", protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, settings)
	if err != nil {
		t.Fatal(err)
	}
	s := &subNode{Protocol: p, t: t, now: start}
	s.step(func() { p.Peers(s.now, gossip.Everyone(n, 1), &s.out) })
	return s
}

// step does one thing to the node and returns what it sends.
func (s *subNode) step(do func()) []gossip.Send {
	s.out.Detach()
	s.out.Sends = nil // what was sent is looked at later
	do()
	s.alarms = append(s.alarms, s.out.Alarms...)
	return s.out.Sends
}

func (s *subNode) receive(from gossip.NodeID, p gossip.Packet) []gossip.Send {
	if p.Hops = 1; len(p.Messages) == 0 {
		p.Hops = 0
	}
	return s.step(func() { s.Receive(s.now, from, p, &s.out) })
}

// wake hands back the alarm that is due first.
func (s *subNode) wake() []gossip.Send {
	s.t.Helper()
	slices.SortStableFunc(s.alarms, func(a, b gossip.Alarm) int { return a.At.Compare(b.At) })
	a := s.alarms[0]
	s.alarms = s.alarms[1:]
	s.now = a.At
	return s.step(func() { s.Wake(a.At, a.Timer, &s.out) })
}

// texts are messages of a node that is nobody's peer.
func texts(first, n, size int) []gossip.Message {
	list := make([]gossip.Message, n)
	for i := range list {
		list[i] = gossip.Message{ID: gossip.ID{Origin: 2000, Run: 1, Seq: uint32(first + i)}, Body: make([]byte, size), Sent: start}
	}
	return list
}

func idsOf(messages []gossip.Message) []gossip.ID {
	ids := make([]gossip.ID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

// told returns who is sent packets of a kind, each once.
func told(t *testing.T, sends []gossip.Send, kind gossip.Kind) []gossip.NodeID {
	t.Helper()
	var to []gossip.NodeID
	for _, send := range sends {
		if send.Packet.Kind != kind {
			continue
		}
		if slices.Contains(to, send.To) {
			t.Errorf("%d is sent kind %d twice", send.To, kind)
		}
		to = append(to, send.To)
	}
	return to
}

// nobody is no peer. What it brings goes to the whole mesh.
const nobody = 1000

func TestGossipsubKeepsItsMesh(t *testing.T) {
	for _, c := range []struct {
		version               string
		pruned, before, after int
	}{
		{"1.0", 0, 26, 6},   // takes in whoever asks, and cuts that down to d
		{"1.1", 14, 12, 12}, // fills up to d-high
		{"1.2", 14, 12, 12},
	} {
		t.Run(c.version, func(t *testing.T) {
			s := newSubNode(t, 100, map[string]string{"version": c.version})
			seq := 0
			mesh := func() []gossip.NodeID {
				seq++
				return told(t, s.receive(nobody, gossip.Packet{Kind: subMessages, Messages: texts(seq, 1, 1)}), subMessages)
			}
			grafted := told(t, s.wake(), subGraft)
			if got := mesh(); len(grafted) != 6 || !slices.Equal(got, grafted) {
				t.Fatalf("the first heartbeat grafts %v, the mesh is %v; want d = 6", grafted, got)
			}
			asked, pruned := 0, 0
			for from := gossip.NodeID(2); asked < 20; from++ {
				if slices.Contains(grafted, from) {
					continue
				}
				asked++
				pruned += len(told(t, s.receive(from, gossip.Packet{Kind: subGraft}), subPrune))
			}
			before := mesh()
			cut := told(t, s.wake(), subPrune)
			after := mesh()
			if pruned != c.pruned || len(before) != c.before || len(after) != c.after || len(cut) != c.before-c.after {
				t.Errorf("of twenty who ask %d are turned away; %d mesh peers, and after a heartbeat %d with %d pruned; want %+v",
					pruned, len(before), len(after), len(cut), c)
			}
			for _, peer := range after[3:] {
				s.receive(peer, gossip.Packet{Kind: subPrune})
			}
			again := told(t, s.wake(), subGraft)
			if now := mesh(); len(again) != 3 || len(now) != 6 {
				t.Errorf("with three mesh peers left, %d are grafted, and there are %d", len(again), len(now))
			}
			for _, peer := range again {
				if c.version != "1.0" && slices.Contains(after, peer) {
					t.Errorf("%d is grafted as soon as it has pruned", peer)
				}
			}
		})
	}
}

func TestGossipsubTellsNamesOutsideTheMesh(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want int
	}{
		{map[string]string{"version": "1.0"}, 6},
		{map[string]string{"version": "1.1"}, 23}, // a quarter of 99 − 6
		{map[string]string{"version": "1.1", "gossip-factor": "0.05"}, 6},
		{map[string]string{"version": "1.1", "gossip-factor": "1"}, 93},
		{map[string]string{"version": "1.0", "d-lazy": "0"}, 0},
	} {
		s := newSubNode(t, 100, c.set)
		mesh := told(t, s.wake(), subGraft)
		s.wake() // nobody is new in the mesh any more
		s.receive(mesh[0], gossip.Packet{Kind: subMessages, Messages: texts(1, 1, 1)})
		for beat := range 5 {
			sends := s.wake()
			names := told(t, sends, subIHave)
			want := c.want
			if beat >= 3 {
				want = 0
			}
			if len(names) != want || s.Protocol.(gossip.Restless).Infective() != (beat < 2) {
				t.Errorf("%v, heartbeat %d: %d peers are told, want %d", c.set, beat+1, len(names), want)
			}
			for _, peer := range names {
				if slices.Contains(mesh, peer) {
					t.Errorf("%v: mesh peer %d is told a name", c.set, peer)
				}
			}
		}
	}
}

// TestGossipsubTellsAsManyNamesAsOneMayHear has more messages than a peer may be told of. Each is told of
// others, so that together they hear of nearly all.
func TestGossipsubTellsAsManyNamesAsOneMayHear(t *testing.T) {
	s := newSubNode(t, 100, map[string]string{"max-ihave-length": "50", "d-lazy": "30", "version": "1.0"})
	s.wake()
	s.wake()
	for i := range 4 {
		s.receive(2, gossip.Packet{Kind: subMessages, Messages: texts(1+100*i, 100, 1)})
	}
	heard := make(map[gossip.ID]bool)
	for _, send := range s.wake() {
		if send.Packet.Kind != subIHave {
			continue
		}
		once := make(map[gossip.ID]bool)
		for _, id := range send.Packet.IDs {
			heard[id], once[id] = true, true
		}
		if len(send.Packet.IDs) != 50 || len(once) != 50 {
			t.Errorf("%d is told %d names, %d of them different", send.To, len(send.Packet.IDs), len(once))
		}
	}
	if len(heard) < 380 {
		t.Errorf("30 peers with 50 names each hear of %d of 400 messages", len(heard))
	}
}

// TestGossipsubAnswersInFull asks for more than one packet holds.
func TestGossipsubAnswersInFull(t *testing.T) {
	for _, c := range []struct{ messages, size, packets int }{
		{600, 10, 3},     // by their number
		{20, 60_000, 5},  // by their bytes
		{1, 65_536, 1},   // one always fits
		{256, 1_000, 1},  // just as many
		{257, 1_000, 2},  // one more
		{513, 10, 3},     // one more than two packets hold
		{100, 10_000, 4}, // 26 each
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", c.messages, c.size), func(t *testing.T) {
			s := newSubNode(t, 3, nil)
			s.wake()
			messages := texts(1, c.messages, c.size)
			for i := range messages {
				s.receive(2, gossip.Packet{Kind: subMessages, Messages: messages[i : i+1]})
			}
			sends := slices.Clone(s.receive(3, gossip.Packet{Kind: subIWant, IDs: idsOf(messages)}))
			if len(sends) != 1 {
				t.Fatalf("%d packets at once", len(sends))
			}
			now := s.now
			for len(s.alarms) > 1 { // the other one is the heartbeat
				sends = append(sends, s.wake()...)
			}
			var got []gossip.ID
			for _, send := range sends {
				bytes := 0
				for _, m := range send.Packet.Messages {
					got, bytes = append(got, m.ID), bytes+len(m.Body)
				}
				if send.To != 3 || send.Packet.Kind != subMessages || bytes > gossip.MaxEnvelope/2 {
					t.Errorf("a packet of kind %d with %d bytes for %d", send.Packet.Kind, bytes, send.To)
				}
			}
			if !slices.Equal(got, idsOf(messages)) || len(sends) != c.packets || !s.now.Equal(now) {
				t.Errorf("%d messages in %d packets, %v later; want %d in %d", len(got), len(sends), s.now.Sub(now), c.messages, c.packets)
			}
			// What waits to be answered is bounded, and what is too much is said.
			for range 40 {
				s.receive(3, gossip.Packet{Kind: subIWant, IDs: idsOf(messages)})
			}
			if s.out.Refused == "" {
				t.Error("it may be asked the same for ever")
			}
		})
	}
}

// TestIDontWantIsForgotten looks for how long a peer is not sent what it does not want.
func TestIDontWantIsForgotten(t *testing.T) {
	for beats := range 6 {
		s := newSubNode(t, 8, map[string]string{"version": "1.2", "max-idontwant": "2"})
		mesh := told(t, s.wake(), subGraft)
		m := texts(1, 1, 10)
		s.receive(mesh[0], gossip.Packet{Kind: subIDontWant, IDs: idsOf(m)})
		for range beats {
			s.wake()
		}
		to := told(t, s.receive(nobody, gossip.Packet{Kind: subMessages, Messages: m}), subMessages)
		if slices.Contains(to, mesh[0]) != (beats >= 3) {
			t.Errorf("%d heartbeats after IDONTWANT, the message goes to %v; %d had said it", beats, to, mesh[0])
		}
	}
}

// TestIDontWantOfWhatWasPassedOn says nothing new, and is not held against a peer.
func TestIDontWantOfWhatWasPassedOn(t *testing.T) {
	s := newSubNode(t, 8, map[string]string{"version": "1.2", "max-idontwant": "2", "idontwant-threshold": "100", "validate": "10ms"})
	mesh := told(t, s.wake(), subGraft)
	for _, size := range []int{10, 1000} { // passed on after a while, both
		m := texts(size, 1, size)
		s.receive(nobody, gossip.Packet{Kind: subMessages, Messages: m})
		s.wake()
		for range 5 {
			if s.receive(mesh[0], gossip.Packet{Kind: subIDontWant, IDs: idsOf(m)}); s.out.Refused != "" {
				t.Fatalf("%q", s.out.Refused)
			}
		}
	}
	for i, want := range []gossip.Refusal{"", "", "too_much"} {
		s.out.Refused = ""
		if s.receive(mesh[0], gossip.Packet{Kind: subIDontWant, IDs: idsOf(texts(5000+i, 1, 1))}); s.out.Refused != want {
			t.Errorf("name %d that is not known yet: %q, want %q", i+1, s.out.Refused, want)
		}
	}
}

// subWorld lets 100 nodes dial 20 others each, and 5 of them publish 10 messages, as in the example of
// vyzo's gerbil-simsub, and returns the copies sent for each delivery. But here each packet has a latency
// of its own.
func subWorld(t *testing.T, size int, set map[string]string) (copiesEach float64) {
	t.Helper()
	const n, messages = 100, 10
	rng := rand.New(rand.NewPCG(5, 30))
	g := make(graph)
	for id := gossip.NodeID(1); id <= n; id++ {
		g[id] = nil
	}
	for id := range gossip.NodeID(n) {
		for _, other := range rng.Perm(n)[:20] {
			if gossip.NodeID(other) != id {
				g.join(id+1, gossip.NodeID(other+1))
			}
		}
	}
	kind, err := protocol.Find("gossipsub")
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(set)
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	w := newWorld(g, func(id gossip.NodeID) gossip.Protocol {
		return kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, values)
	}, func(st step) {
		for _, send := range st.Sends {
			copies += len(send.Packet.Messages)
		}
	})
	w.weather = func() []time.Duration {
		return []time.Duration{10*time.Millisecond + time.Duration(rng.Int64N(int64(150*time.Millisecond)))}
	}
	pass := func(d time.Duration) {
		for end := w.now.Add(d); ; {
			more, err := w.advance(end)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				w.now = end
				return
			}
		}
	}
	pass(5 * time.Second)
	for range messages {
		if _, err := w.publish(gossip.NodeID(1+rng.IntN(5)), string(make([]byte, size)), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
	}
	pass(5 * time.Second)
	delivered := 0
	for _, id := range w.ids {
		delivered += len(entries(w.nodes[id]))
	}
	if delivered != n*messages {
		t.Errorf("%v: %d of %d deliveries", set, delivered, n*messages)
	}
	return float64(copies) / float64(delivered)
}

// TestGossipsubCopies compares with what simsub prints: 6.28 copies for each delivery with 1.0, and
// 6.74 with 1.1.
func TestGossipsubCopies(t *testing.T) {
	for version, want := range map[string]float64{"1.0": 6.28, "1.1": 6.74, "1.2": 6.74} {
		if got := subWorld(t, 10, map[string]string{"version": version}); got < want-0.5 || got > want+0.5 {
			t.Errorf("%s: %.2f copies for each delivery, want %.2f", version, got, want)
		}
	}
}

// TestIDontWantSaves lets nodes take their time with large messages. 1.2 then saves copies, the more the
// longer they take.
func TestIDontWantSaves(t *testing.T) {
	last := subWorld(t, 2000, map[string]string{"version": "1.1", "validate": "20ms"})
	for _, validate := range []string{"20ms", "200ms"} {
		got := subWorld(t, 2000, map[string]string{"version": "1.2", "validate": validate})
		if got > last-0.5 {
			t.Errorf("validate=%s: %.2f copies for each delivery, and %.2f before", validate, got, last)
		}
		last = got
	}
}
