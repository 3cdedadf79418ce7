package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// TestMongeringKeepsOrder sends rumors in bursts over wires that reorder, lose and repeat, and sees
// every node deliver those of each origin one after the other, until none is missing.
func TestMongeringKeepsOrder(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		n := 2 + rng.IntN(8)
		delivered := make(map[gossip.NodeID]map[gossip.NodeID]uint32)
		turnedAway := 0
		w := worldOf(t, "mongering", nil, seed, scattered(rng, n, rng.IntN(n)), func(st step) {
			for _, e := range st.Events {
				if e.Kind == trace.Drop && e.Reason == "not_its_turn" {
					turnedAway++
				}
				if e.Kind != trace.Deliver {
					continue
				}
				if delivered[st.node] == nil {
					delivered[st.node] = make(map[gossip.NodeID]uint32)
				}
				if next := delivered[st.node][e.Message.Origin] + 1; e.Message.Seq != next {
					t.Errorf("seed %d: %d delivers %v, but %d was next", seed, st.node, e.Message, next)
				}
				delivered[st.node][e.Message.Origin]++
			}
		})
		w.weather = (&trial{rough: true}).weather(rng)
		published := make(map[gossip.NodeID]uint32)
		for range 60 {
			origin := gossip.NodeID(1 + rng.IntN(min(n, 3)))
			if _, err := w.publish(origin, "text", 0); err != nil {
				t.Fatal(err)
			}
			published[origin]++
			if rng.IntN(4) == 0 {
				w.until(t, w.since()+time.Duration(rng.IntN(int(200*time.Millisecond))))
			}
		}
		w.until(t, w.since()+5*time.Minute)
		for _, id := range w.ids {
			for origin, all := range published {
				if delivered[id][origin] != all {
					t.Errorf("seed %d: %d has %d of %d rumors of %d", seed, id, delivered[id][origin], all, origin)
				}
			}
		}
		if turnedAway == 0 {
			t.Errorf("seed %d: no rumor came before its time: the wire was too kind", seed)
		}
	}
}

// TestAntiEntropyNeverStops counts the statuses of an idle network, hour after hour, and whom they reach.
func TestAntiEntropyNeverStops(t *testing.T) {
	const n = 5
	sent := make(map[[2]gossip.NodeID]int)
	w := worldOf(t, "mongering", nil, 1, everybody(n), nil)
	w.observe = func(st step) {
		for _, send := range st.Sends {
			sent[[2]gossip.NodeID{st.node, send.To}]++
		}
	}
	if _, err := w.publish(1, "banana", 0); err != nil {
		t.Fatal(err)
	}
	w.until(t, 10*time.Minute)
	for hour := range 3 {
		clear(sent)
		w.until(t, w.since()+time.Hour)
		for _, a := range w.ids {
			sum := 0
			for _, b := range w.peers[a] {
				sum += sent[[2]gossip.NodeID{a, b}]
				if got := sent[[2]gossip.NodeID{a, b}]; got < 750 || got > 1050 {
					t.Errorf("hour %d: %d sent its status %d times to %d, want about 900", hour, a, got, b)
				}
			}
			if sum != 3600 {
				t.Errorf("hour %d: %d sent its status %d times, want 3600", hour, a, sum)
			}
		}
	}
}

// TestCoinLeavesOutWhatTheoryPredicts lets rumors spread by mongering alone. A coin that stops with
// probability 1/k after every contact, needed or not, is the blind coin of Demers et al.: of the nodes
// s = e^(−k(1−s)) stay without the rumor, and it costs k(1−s) copies for each node.
func TestCoinLeavesOutWhatTheoryPredicts(t *testing.T) {
	const n, runs = 150, 60
	for _, c := range []struct {
		coin          float64
		residue, cost float64
	}{{0.5, .203, 1.594}, {2.0 / 3, .0595, 2.822}} {
		left, copies, counted := 0, 0, 0
		for seed := range uint64(runs) {
			sum := 0
			w := worldOf(t, "mongering", map[string]string{"coin": fmt.Sprint(c.coin), "anti-entropy": "1h"}, seed, everybody(n), func(st step) {
				for _, send := range st.Sends {
					sum += len(send.Packet.Messages)
				}
			})
			w.weather = func() []time.Duration { return []time.Duration{time.Millisecond} }
			m, err := w.publish(1, "banana", 0)
			if err != nil {
				t.Fatal(err)
			}
			w.until(t, 100*time.Millisecond)
			w.until(t, 200*time.Millisecond)
			reached := 0
			for _, id := range w.ids {
				if _, has := w.nodes[id].Message(m.ID); has {
					reached++
				}
			}
			if reached < n/3 {
				continue // it died out before it was an epidemic
			}
			counted++
			left += n - reached
			copies += sum
		}
		residue, cost := float64(left)/float64(n*counted), float64(copies)/float64(n*counted)
		if residue < c.residue-.03 || residue > c.residue+.03 || cost < .94*c.cost || cost > 1.06*c.cost {
			t.Errorf("coin %.2f: residue %.3f and %.3f copies, want %.3f and %.3f", c.coin, residue, cost, c.residue, c.cost)
		}
	}
}

// TestTwoThatForgotFallSilent lets two nodes want what the other one had and has forgotten.
func TestTwoThatForgotFallSilent(t *testing.T) {
	g := make(graph)
	g.join(1, 2)
	w := worldOf(t, "mongering", map[string]string{"remember": "1", "anti-entropy": "1h", "coin": "0", "timeout-coin": "0"}, 1, g, nil)
	for _, id := range []gossip.NodeID{1, 2} {
		for k := range gossip.NodeID(6) { // each hears from six strangers, and remembers only the last
			from := 1 + id + 2*(k+1)
			m := gossip.ID{Origin: from, Run: 1, Seq: 1}
			wire, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: from, Routes: []gossip.Route{{from}},
				Packet: gossip.Packet{Kind: 1, Messages: []gossip.Message{{ID: m, Sent: start}}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.receive(id, wire); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.flights = nil // and cannot say so
	w.until(t, 2*time.Second)
	before := w.sent
	w.until(t, 2*time.Hour)
	// Each node sends two statuses of its own; nothing they cause may go on.
	if w.sent-before > 20 {
		t.Errorf("%d packets in two hours", w.sent-before)
	}
}

// TestPartsCoverTheWholeVector lets two nodes that know different lives tell each other in parts of
// every size, and has them agree after as many turns as there are parts, or little more.
func TestPartsCoverTheWholeVector(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 8))
		page := 2 + rng.IntN(6)
		g := make(graph)
		g.join(1, 2)
		w := worldOf(t, "mongering", map[string]string{"page": fmt.Sprint(page), "coin": "0", "timeout": "1ms"}, seed, g, nil)
		w.setPeers(1, nil)
		w.setPeers(2, nil)
		lives := make(map[gossip.ID]bool)
		for range rng.IntN(40) {
			m := gossip.ID{Origin: gossip.NodeID(3 + rng.IntN(30)), Run: uint32(1 + rng.IntN(3)), Seq: 1}
			lives[m] = true
			wire, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: m.Origin, Routes: []gossip.Route{{m.Origin}},
				Packet: gossip.Packet{Kind: 1, Messages: []gossip.Message{{ID: m, Sent: start}}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.receive(gossip.NodeID(1+rng.IntN(2)), wire); err != nil {
				t.Fatal(err)
			}
		}
		w.observe = func(st step) {
			for _, send := range st.Sends {
				if len(send.Packet.IDs) > page {
					t.Errorf("seed %d: %d lives in one packet, page=%d", seed, len(send.Packet.IDs), page)
				}
			}
		}
		w.setPeers(1, []gossip.NodeID{2})
		w.setPeers(2, []gossip.NodeID{1})
		turns := 2 + 2*len(lives)/(page-1)
		w.until(t, w.since()+time.Duration(turns)*time.Second)
		for _, id := range w.ids {
			if got := len(entries(w.nodes[id])); got != len(lives) {
				t.Errorf("seed %d, page=%d: %d has rumors of %d of %d lives after %d turns", seed, page, id, got, len(lives), turns)
			}
		}
	}
}

// interval is what a part of a vector stands for.
type interval struct{ first, last gossip.ID }

func intervalOf(p gossip.Packet) interval {
	i := interval{gossip.ID{}, gossip.ID{Origin: 1 << 30}}
	if p.Limit&1 != 0 {
		i.first = p.IDs[0]
	}
	if p.Limit&2 != 0 {
		i.last = p.IDs[len(p.IDs)-1]
	}
	i.first.Seq, i.last.Seq = 0, 0
	return i
}

// TestPartsHaveNoGaps puts the parts of a node's turns side by side, and asks of each answer and each
// acknowledgement that it stands for the life it is about.
func TestPartsHaveNoGaps(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		p, out := made(t, "mongering", map[string]string{"page": fmt.Sprint(2 + rng.IntN(5)), "coin": "0"}, 2, 3)
		now, last := start, gossip.ID{}
		for turn := range 100 {
			life := gossip.ID{Origin: gossip.NodeID(3 + rng.IntN(40)), Run: uint32(1 + rng.IntN(2))}
			in := gossip.Packet{Kind: 1, Messages: []gossip.Message{{ID: life, Sent: now}}}
			if in.Messages[0].ID.Seq = 1; turn%3 == 0 { // or a status that shows there is more of a life
				in = gossip.Packet{Kind: 2, Limit: 3, IDs: []gossip.ID{{Origin: life.Origin, Run: life.Run, Seq: 9}}}
			}
			out.Reset()
			now = now.Add(2 * time.Second) // nothing is expected any more
			p.Receive(now, 2, in, out)
			for _, send := range out.Sends {
				if i := intervalOf(send.Packet); send.Packet.Kind%2 == 0 && (life.Compare(i.first) < 0 || life.Compare(i.last) > 0) {
					t.Errorf("seed %d: about %v it answers %+v", seed, life, send.Packet)
				}
			}
		}
		rounds := 0
		for range 100 {
			out.Reset()
			p.Wake(now, 2, out)
			i := intervalOf(out.Sends[0].Packet)
			if i.first.Compare(last) > 0 {
				t.Errorf("seed %d: a part begins with %v, the one before ended with %v", seed, i.first, last)
			}
			if last = i.last; last.Origin == 1<<30 {
				last, rounds = gossip.ID{}, rounds+1
			}
		}
		if rounds == 0 {
			t.Errorf("seed %d: no round came to its end", seed)
		}
	}
}

// TestOnlyThePartnersStatusCounts has statuses come from everybody, while one is waited for.
func TestOnlyThePartnersStatusCounts(t *testing.T) {
	p, out := made(t, "mongering", map[string]string{"coin": "0.99"}, 2, 3, 4, 5)
	out.Reset()
	p.Publish(start, word(1, 1), 0, out)
	partner := out.Sends[0].To
	has := []gossip.ID{{Origin: 1, Run: 1, Seq: 2}}
	for _, from := range []gossip.NodeID{2, 3, 4, 5, partner} {
		if from == partner {
			continue
		}
		out.Reset()
		p.Receive(start, from, gossip.Packet{Kind: 2, IDs: has}, out)
		if len(out.Sends) > 0 {
			t.Errorf("the rumor went to %d, and a status of %d's makes it go on", partner, from)
		}
	}
	out.Reset()
	p.Receive(start, partner, gossip.Packet{Kind: 2, IDs: has}, out)
	if len(out.Sends) != 1 || out.Sends[0].To == partner {
		t.Errorf("after the status of its partner it sends %+v", out.Sends)
	}
}

// TestOneStatusCausesFewPackets has a peer acknowledge many rumors at once, and again until none waits
// for it any more.
func TestOneStatusCausesFewPackets(t *testing.T) {
	p, out := made(t, "mongering", map[string]string{"coin": "0.99"}, 2, 3, 4)
	waiting := 0
	for seq := range uint32(90) {
		out.Reset()
		p.Publish(start, word(1, seq+1), 0, out)
		if out.Sends[0].To == 2 {
			waiting++
		}
	}
	went := 0
	for range 90 {
		out.Reset()
		p.Receive(start, 2, gossip.Packet{Kind: 2, IDs: []gossip.ID{{Origin: 1, Run: 1, Seq: 91}}}, out)
		if went += len(out.Sends); len(out.Sends) > 3 {
			t.Fatalf("one status causes %d packets to 3 peers", len(out.Sends))
		}
	}
	if went < waiting*9/10 || went > waiting {
		t.Errorf("%d rumors went on, %d waited", went, waiting)
	}
}

// TestNewcomerIsServedOnce counts what it takes to tell a newcomer a long story, when all its peers would
// like to.
func TestNewcomerIsServedOnce(t *testing.T) {
	const n, story = 8, 300
	g := everybody(n)
	wanted := 0
	w := worldOf(t, "mongering", nil, 1, g, func(st step) {
		for _, send := range st.Sends {
			if send.To == n && send.Packet.Kind == 3 {
				wanted++
			}
		}
	})
	for id := range gossip.NodeID(n) { // all but the last know each other
		w.setPeers(id+1, slices.DeleteFunc(slices.Clone(g[id+1]), func(peer gossip.NodeID) bool { return peer == n || id+1 == n }))
	}
	for range story {
		if _, err := w.publish(1, "text", 0); err != nil {
			t.Fatal(err)
		}
	}
	w.until(t, 10*time.Second)
	for _, id := range w.ids {
		w.setPeers(id, g[id])
	}
	w.weather = func() []time.Duration { return []time.Duration{20 * time.Millisecond} }
	w.until(t, 40*time.Second) // 300 round trips take 12 s, and meanwhile everybody's status comes
	if got := len(entries(w.nodes[n])); got != story {
		t.Errorf("the newcomer has %d of %d", got, story)
	}
	if wanted > 2*story {
		t.Errorf("%d copies of what it wanted were sent to it, for %d rumors", wanted, story)
	}
}

// TestMongeringWaitsWithTwoAlarms keeps a thousand rumors waiting for statuses that never come.
func TestMongeringWaitsWithTwoAlarms(t *testing.T) {
	p, out := made(t, "mongering", map[string]string{"timeout-coin": "0.9"}, 2, 3, 4, 5)
	waiting := slices.Clone(out.Alarms)
	now, seq := start, uint32(0)
	for range 3000 {
		now = now.Add(time.Millisecond)
		if seq < 1000 {
			seq++
			out.Reset()
			p.Publish(now, word(1, seq), 0, out)
			waiting = append(waiting, out.Alarms...)
		}
		for i := 0; i < len(waiting); i++ {
			if due := waiting[i]; !due.At.After(now) {
				waiting = slices.Delete(waiting, i, i+1)
				out.Reset()
				p.Wake(now, due.Timer, out)
				waiting = append(waiting, out.Alarms...)
				i = -1
			}
		}
		if len(waiting) > 2 {
			t.Fatalf("%d alarms wait", len(waiting))
		}
	}
}
