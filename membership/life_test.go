package membership

import (
	"fmt"
	"testing"
	"time"

	"gossipctl/gossip"
)

// all tells how everybody who lives sees a node.
func (w *network) all(id gossip.NodeID) map[string]int {
	seen := make(map[string]int)
	for other := gossip.NodeID(1); int(other) <= w.n; other++ {
		if other == id || !w.lives(other) {
			continue
		}
		how := "unknown"
		if m := w.cores[other].find(id); m != nil {
			how = fmt.Sprintf("%d %v", m.run, m.standing)
		}
		seen[how]++
	}
	return seen
}

// Who leaves is known to have left everywhere, at once and without being suspected, and is not called back; a new life
// of it is welcome.
func TestLeave(t *testing.T) {
	for _, kind := range []Kind{acquaintKind, swimKind} {
		for _, loss := range []float64{0, 0.25} {
			for seed := range uint64(5) {
				w := settled(t, trialSpec{kind: kind, n: 40, seed: seed, loss: loss})
				w.run(w.Now() + 3*time.Second)
				began := w.Now()
				w.leave(7)
				if peers := w.cores[7].Neighbours().Len() + w.inner[7].peers.Len(); peers > 0 {
					t.Errorf("it has %d neighbours still", peers)
				}
				took := w.await("everybody knows who has left", began+time.Minute, func() bool { return w.all(7)["1 left"] == 39 }) - began
				if limit := 3 * time.Second; loss == 0 && took > limit {
					t.Errorf("%s: it took %v until everybody knew", kind.Name, took)
				}
				w.Crash(7)
				w.run(w.Now() + 2*time.Minute)
				if got := w.all(7)["1 left"]; got != 39 {
					t.Errorf("%s, loss %v: two minutes later %v", kind.Name, loss, w.all(7))
				}
				w.left[7] = false
				w.SetPeers(7, gossip.NewPeers([]gossip.NodeID{1}))
				w.Start(7)
				w.await("its new life is known", w.Now()+time.Minute, w.agreed)
				if seed == 0 {
					t.Logf("%s, loss %v: left for everybody after %v", kind.Name, loss, took)
				}
			}
		}
	}
}

func TestGoneNodesTakePartInNothing(t *testing.T) {
	w := settled(t, trialSpec{kind: swimKind, n: 5, seed: 1})
	w.leave(2)
	c := w.cores[2]
	var out gossip.Outbox
	c.Leave(w.clock(), &out)
	c.Receive(w.clock(), 3, gossip.Packet{Kind: kindPing, Hops: 1, IDs: []gossip.ID{w.cores[3].me.id()}}, &out)
	if out.Refused != Gone {
		t.Errorf("a ping is refused as %q", out.Refused)
	}
	out.Refused = ""
	c.Receive(w.clock(), 3, gossip.Packet{Kind: 1}, &out)
	if out.Refused != Gone {
		t.Errorf("a packet for the protocol is refused as %q", out.Refused)
	}
	for e := range errands {
		c.Wake(w.clock().Add(time.Hour), gossip.TimerMembership|gossip.Timer(e), &out)
	}
	c.Peers(w.clock(), gossip.Everyone(9, 2), &out)
	if len(out.Sends)+len(out.Alarms)+len(out.Members) > 0 {
		t.Errorf("it does something: %+v", out)
	}
}

// A node that comes back with a new life, with the contacts it had, replaces its former one everywhere; also the one
// that everybody has for a contact.
func TestRestart(t *testing.T) {
	for _, kind := range []Kind{acquaintKind, swimKind} {
		for _, pause := range []time.Duration{0, time.Second, time.Minute} {
			w := settled(t, trialSpec{kind: kind, n: 30, seed: uint64(pause)})
			w.run(w.Now() + 20*time.Second)
			w.Crash(9)
			w.run(w.Now() + pause)
			w.Start(9)
			began := w.Now()
			took := w.await("its new life is known", began+time.Minute, w.agreed) - began
			if took > 3*time.Second {
				t.Errorf("%s, after %v: %v until its new life was known", kind.Name, pause, took)
			}
			if d, _ := w.deaths(0); d > 0 {
				t.Errorf("%s: %d living members were declared dead", kind.Name, d)
			}
			// The contact of all others has none itself: it waits until somebody turns to it.
			w.Crash(1)
			w.run(w.Now() + pause)
			w.Start(1)
			began = w.Now()
			took = w.await("the new life of the contact is known", began+5*time.Minute, w.agreed) - began
			t.Logf("%s: the only contact is back after %v: %v", kind.Name, pause, took)
			if limit := 20 * time.Second; kind.Name == "swim" && took > limit {
				t.Errorf("%v until its new life was known", took)
			}
		}
	}
}

// A contact that is not there yet is asked again, and found when it comes.
func TestContactsAreAskedAgain(t *testing.T) {
	w := open(t, trialSpec{kind: acquaintKind, n: 6, seed: 2})
	w.Crash(1)
	w.run(10 * time.Minute)
	asked := float64(w.packets[kindAsk-kindNews]) / 5
	t.Logf("in ten minutes each has asked %.0f times", asked)
	if asked < 15 || asked > 40 {
		t.Errorf("in ten minutes each has asked %.1f times", asked)
	}
	w.Start(1)
	w.await("everybody knows everybody", w.Now()+contactPause+5*time.Second, w.agreed)
	for id := gossip.NodeID(2); id <= 6; id++ {
		if c := w.cores[id]; len(c.contacts) > 0 {
			t.Errorf("node %d still asks %v", id, c.contacts)
		}
	}
}

// New contacts join networks that did not know of each other.
func TestContactsJoinNetworks(t *testing.T) {
	w := open(t, trialSpec{kind: swimKind, n: 20, seed: 2, contacts: func(id gossip.NodeID) gossip.Peers {
		return gossip.NewPeers([]gossip.NodeID{1 + (id-1)/10*10})
	}})
	w.run(30 * time.Second)
	if got := len(w.cores[3].here); got != 9 {
		t.Fatalf("there are %d others, 9 are due", got)
	}
	w.SetPeers(3, gossip.NewPeers([]gossip.NodeID{1, 13}))
	w.await("they are one", w.Now()+5*time.Second, w.agreed)
}

// However many packets are lost, everybody comes to know everybody, and no comparison stops.
func TestNothingIsLostForEver(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{acquaintKind, swimKind} {
		for _, loss := range []float64{0.25, 0.5} {
			for seed := range uint64(4) {
				w := open(t, trialSpec{kind: kind, n: 50, seed: seed, loss: loss})
				known := func() bool { // dead or alive: half of all packets lost is more than a detector can take
					for id := 1; id <= w.n; id++ {
						if len(w.cores[id].all) != w.n-1 {
							return false
						}
					}
					return true
				}
				took := w.await("everybody has heard of everybody", 2*time.Minute, known)
				if seed == 0 {
					t.Logf("%s, loss %v: everybody has heard of everybody after %v", kind.Name, loss, took)
				}
				w.run(w.Now() + time.Minute)
				w.plan.Loss = 0
				w.heal()
				w.await("the views agree when nothing is lost any more", w.Now()+2*time.Minute, w.agreed)
			}
		}
	}
}

// A node that stands still is dead for the others after a while. When it goes on it declares nobody dead for the time
// it did not hear them, and is back at once.
func TestPause(t *testing.T) {
	for _, pause := range []time.Duration{2 * time.Second, 5 * time.Second, time.Minute, time.Hour} {
		w := settled(t, trialSpec{kind: swimKind, n: 20, seed: uint64(pause)})
		w.run(w.Now() + 10*time.Second)
		w.Pause(4)
		w.run(w.Now() + pause)
		w.Resume(4)
		since, began := len(w.changes), w.Now()
		took := w.await("it is back", began+20*time.Second, w.agreed) - began
		for _, c := range w.changes[since:] {
			if c.node == 4 && c.Standing == gossip.Dead {
				t.Errorf("after %v it declares %d dead", pause, c.Member.Node)
			}
		}
		t.Logf("after %v: everybody agrees again after %v; it noticed %d times that it stood still", pause, took, w.cores[4].Stats().Slept)
	}
}

// Two runs with the same seed are the same; with another they are not.
func TestSameSeedSameViews(t *testing.T) {
	play := func(seed uint64) string {
		w := open(t, trialSpec{kind: swimKind, n: 30, seed: seed, loss: 0.3})
		w.At(20*time.Second, func() { w.Crash(5) })
		w.run(time.Minute)
		return fmt.Sprint(w.changes, w.Count, w.cores[7].Members(), w.cores[7].Stats())
	}
	if first, again := play(1), play(1); first != again {
		t.Error("two runs with the same seed differ")
	}
	if play(1) == play(2) {
		t.Error("two runs with different seeds do not differ")
	}
}

// One node is cut off for a while: it comes back, and so does everybody to it.
func TestIsolation(t *testing.T) {
	for _, away := range []time.Duration{8 * time.Second, 20 * time.Second, 5 * time.Minute} {
		w := settled(t, trialSpec{kind: swimKind, n: 50, seed: uint64(away)})
		w.run(w.Now() + 10*time.Second)
		w.sever(1)
		w.run(w.Now() + away)
		w.heal()
		since, began := len(w.changes), w.Now()
		took := w.await("everybody is back", began+time.Minute, w.agreed) - began
		d, who := w.deaths(since)
		t.Logf("one of 50 cut off for %v: everybody agrees %v after; %d false deaths of %v after the heal", away, took, d, len(who))
	}
}
