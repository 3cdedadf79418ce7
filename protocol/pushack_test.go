package protocol_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// made returns one machine of a kind with some settings.
func made(t *testing.T, name string, settings map[string]string, peers ...gossip.NodeID) (gossip.Protocol, *gossip.Outbox) {
	t.Helper()
	p, err := protocol.New(name, protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, settings)
	if err != nil {
		t.Fatal(err)
	}
	out := new(gossip.Outbox)
	p.Peers(start, gossip.NewPeers(peers), out)
	return p, out
}

// worldOf is a network of one protocol with a seed of its own. Packets take no time unless somebody
// gives it a weather.
func worldOf(t *testing.T, name string, settings map[string]string, seed uint64, g graph, observe func(step)) *world {
	t.Helper()
	kind, err := protocol.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(settings)
	if err != nil {
		t.Fatal(err)
	}
	born := kind.Make(values)
	return newWorld(g, func(id gossip.NodeID) gossip.Protocol {
		return born(protocol.Environment{Self: id, Rand: protocol.Generator(seed, id)})
	}, observe)
}

// until lets everything happen that is due by a moment.
func (w *world) until(t *testing.T, end time.Duration) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = w.advance(start.Add(end)); err != nil {
			t.Fatal(err)
		}
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
	w.now = start.Add(end)
}

// everybody is the graph in which everybody knows everybody.
func everybody(n int) graph {
	g := make(graph)
	for a := gossip.NodeID(1); int(a) <= n; a++ {
		for b := gossip.NodeID(1); int(b) <= n; b++ {
			if a != b {
				g[a] = append(g[a], b)
			}
		}
	}
	return g
}

func word(origin gossip.NodeID, seq uint32) gossip.Message {
	return gossip.Message{ID: gossip.ID{Origin: origin, Run: 1, Seq: seq}, Body: []byte("word"), Sent: start}
}

// TestPushIsDoneWithAMajorityOfAcks counts how many acks it takes, of how many pushed to.
func TestPushIsDoneWithAMajorityOfAcks(t *testing.T) {
	for _, c := range []struct{ fanout, peers, want int }{
		{1, 9, 1}, {2, 9, 2}, {3, 9, 2}, {4, 9, 3}, {5, 9, 3}, {6, 9, 4}, // ⌈(f+1)/2⌉
		{3, 2, 2}, {3, 1, 1}, // of those there are
	} {
		for acks := 0; acks <= c.fanout; acks++ {
			var peers []gossip.NodeID
			for id := range c.peers {
				peers = append(peers, gossip.NodeID(2+id))
			}
			p, out := made(t, "push-ack", map[string]string{"fanout": fmt.Sprint(c.fanout), "sync": "20"}, peers...)
			m := word(1, 1)
			p.Publish(start, m, 0, out)
			pushed := slices.Clone(out.Sends)
			for _, send := range pushed[:min(acks, len(pushed))] {
				for range 2 { // a peer that says it twice counts once
					p.Receive(start, send.To, gossip.Packet{Kind: 2, IDs: []gossip.ID{m.ID}}, out)
				}
			}
			out.Detach()
			p.Wake(start.Add(300*time.Millisecond), 1, out)
			want := c.peers - acks // all that did not ack
			if acks >= c.want {
				want = 0
			}
			if len(out.Sends) != want {
				t.Errorf("%d of %d acked: named to %d, want %d", acks, len(pushed), len(out.Sends), want)
			}
		}
	}
}

// TestPushAckWaitsWithOneAlarm publishes many messages before the first deadline, and sees that there is
// one alarm at a time, and that names for one peer go in one packet.
func TestPushAckWaitsWithOneAlarm(t *testing.T) {
	p, out := made(t, "push-ack", map[string]string{"sync": "20"}, 2, 3, 4, 5)
	now, alarms, named := start, 0, 0
	var due time.Time
	for seq := range uint32(400) {
		now = now.Add(time.Millisecond)
		out.Reset()
		if alarms > 0 && !due.After(now) {
			alarms--
			p.Wake(now, 1, out)
			if len(out.Sends) > 4 {
				t.Fatalf("%d packets to 4 peers", len(out.Sends))
			}
			for _, send := range out.Sends {
				named += len(send.Packet.IDs)
			}
		}
		p.Publish(now, word(1, seq+1), 0, out)
		for _, a := range out.Alarms {
			alarms, due = alarms+1, a.At
		}
		if alarms != 1 {
			t.Fatalf("%d alarms wait after %d messages", alarms, seq+1)
		}
	}
	if named != 4*100 { // those of the first 100 ms
		t.Errorf("named %d times", named)
	}
}

// TestResponsesLeaveNothingOut asks for more than one packet holds until there is nothing left to ask.
func TestResponsesLeaveNothingOut(t *testing.T) {
	p, out := made(t, "push-ack", nil, 2)
	var wanted []gossip.ID
	for seq := range uint32(700) {
		m := word(1, seq+1)
		m.Body = make([]byte, 1+seq*seq%5000)
		p.Publish(start, m, 0, out)
		out.Reset()
		wanted = append(wanted, m.ID)
	}
	got := make(map[gossip.ID]bool)
	packets := 0
	for ask := wanted; len(ask) > 0; packets++ {
		out.Reset()
		p.Receive(start, 2, gossip.Packet{Kind: 4, IDs: ask}, out)
		if len(out.Sends) != 1 {
			t.Fatalf("%d answers", len(out.Sends))
		}
		answer, bytes := out.Sends[0].Packet, 0
		for _, m := range answer.Messages {
			if got[m.ID] {
				t.Errorf("%v came twice", m.ID)
			}
			got[m.ID] = true
			bytes += len(m.Body)
		}
		if len(answer.Messages) > gossip.MaxMessages || bytes > gossip.MaxEnvelope/4 {
			t.Errorf("%d messages of %d bytes in one packet", len(answer.Messages), bytes)
		}
		ask = slices.Clone(answer.IDs)
	}
	if len(got) != len(wanted) || packets < 3 {
		t.Errorf("%d of %d came in %d packets", len(got), len(wanted), packets)
	}
}

// TestPushAckSpreads runs it where everybody knows everybody: nearly all hear, and nobody pushes more
// than fanout copies, or names to more than sync peers.
func TestPushAckSpreads(t *testing.T) {
	const n, runs = 100, 50
	heard, copies := 0, 0
	for seed := range uint64(runs) {
		pushes, names := make(map[gossip.NodeID]int), make(map[gossip.NodeID]int)
		w := worldOf(t, "push-ack", nil, seed, everybody(n), func(st step) {
			for _, send := range st.Sends {
				switch send.Packet.Kind {
				case 1:
					pushes[st.node]++
				case 3:
					names[st.node]++
				}
				copies += len(send.Packet.Messages)
			}
		})
		m, err := w.publish(1, "banana", 0)
		if err != nil {
			t.Fatal(err)
		}
		w.until(t, time.Minute)
		for _, id := range w.ids {
			if _, has := w.nodes[id].Message(m.ID); has {
				heard++
				if pushes[id] != 3 {
					t.Errorf("seed %d: %d pushed %d copies", seed, id, pushes[id])
				}
			}
			if names[id] != 0 && names[id] != 6 {
				t.Errorf("seed %d: %d named the message %d times", seed, id, names[id])
			}
		}
		if len(w.alarms) > 0 || len(w.flights) > 0 {
			t.Errorf("seed %d: it does not end", seed)
		}
	}
	if share := float64(heard) / (n * runs); share < 0.998 {
		t.Errorf("%.4f of the nodes heard, want 0.9993", share)
	}
	if traffic := float64(copies) / (n * runs); traffic < 3 || traffic > 3.1 {
		t.Errorf("%.3f copies for each node, want 3.05", traffic)
	}
}
