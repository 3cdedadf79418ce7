package values_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/values"
)

var start = time.Unix(1_800_000_000, 0)

var lan = fault.Plan{Latency: fault.ConstantLatency(ms), Jitter: 1}

// TestNobodyUsesValues: such a network pays nothing, neither packets nor alarms.
func TestNobodyUsesValues(t *testing.T) {
	w := newNet(t, setup{spec: layers.Spec{Protocol: "flood"}, n: 8, plan: lan})
	if _, err := w.Publish(1, []byte("hello"), 0); err != nil {
		t.Fatal(err)
	}
	w.until(5 * time.Second)
	if !w.Idle() || w.spent.packets > 0 {
		t.Errorf("%d packets of reconciliation; idle %v", w.spent.packets, w.Idle())
	}
}

// TestRest measures what a network at rest pays: one small packet a node and second, however many owners there are.
func TestRest(t *testing.T) {
	for _, n := range []int{16, 256} {
		if n > 16 && testing.Short() {
			continue
		}
		w := newNet(t, setup{spec: layers.Spec{Protocol: "flood"}, n: n, plan: lan})
		for id := range n {
			w.set(gossip.NodeID(id+1), values.Change{Key: "k", Value: []byte("v")})
		}
		w.until(3 * time.Second)
		w.converged(0)
		w.spent = spent{}
		w.until(13 * time.Second)
		packets, bytes := float64(w.spent.packets)/float64(10*n), float64(w.spent.bytes)/float64(10*n)
		t.Logf("%d nodes at rest: %.2f packets, %.0f bytes a node and second", n, packets, bytes)
		if packets > 1.1 || bytes > 25 {
			t.Errorf("%d nodes at rest: %.2f packets, %.0f bytes a node and second", n, packets, bytes)
		}
	}
}

// TestFlux measures what reconciliation costs on top while everybody changes a value every second.
func TestFlux(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const seconds = 8
	for _, protocol := range []string{"flood", "push"} {
		for _, loss := range []float64{0, 0.2} {
			plan := lan
			plan.Loss = loss
			w := newNet(t, setup{spec: layers.Spec{Protocol: protocol}, n: 64, plan: plan})
			for k := range 64 * seconds {
				w.set(gossip.NodeID(k%64+1), values.Change{Key: "k", Value: fmt.Append(nil, k)})
				w.until(w.Now() + time.Second/64)
			}
			packets, bytes := float64(w.spent.packets)/(seconds*64), float64(w.spent.bytes)/(seconds*64)
			took := w.converged(10 * time.Second)
			t.Logf("%s, %v lost, 64 nodes and changes a second: %.1f packets, %.0f bytes a node and second; all the same %v after the last", protocol, loss, packets, bytes, took)
			if packets > 60 || bytes > 30_000 {
				t.Errorf("%s, %v lost: %.1f packets, %.0f bytes a node and second", protocol, loss, packets, bytes)
			}
		}
	}
}

// TestRing measures how long a change takes round a ring of 64, when the protocol loses everything.
func TestRing(t *testing.T) {
	for loss, most := range map[float64][2]time.Duration{ // in the middle of all seeds, and at the most
		0: {2500 * ms, 4 * time.Second}, 0.2: {6 * time.Second, 10 * time.Second},
	} {
		var all []time.Duration
		for seed := range uint64(10) {
			plan := lan
			plan.Loss = loss
			w := newNet(t, setup{topo: "circular", n: 64, seed: seed, plan: plan})
			w.set(64, values.Change{Key: "first"})
			w.converged(time.Minute)
			w.set(1, values.Change{Key: "k", Value: []byte("v")})
			all = append(all, w.converged(time.Minute))
		}
		slices.Sort(all)
		t.Logf("%v lost: %v in the middle, %v at the most", loss, all[len(all)/2], all[len(all)-1])
		if all[len(all)/2] > most[0] || all[len(all)-1] > most[1] {
			t.Errorf("%v lost: a ring took %v", loss, all)
		}
	}
}

// TestNewcomer fills an empty node with much more than fits a packet.
func TestNewcomer(t *testing.T) {
	w := newNet(t, setup{topo: "complete", n: 4, plan: lan, durable: true})
	for k := range 3000 {
		w.set(1, values.Change{Key: fmt.Sprint("key", k), Value: make([]byte, 100)})
	}
	for k := range 20 {
		w.set(2, values.Change{Key: fmt.Sprint("large", k), Value: make([]byte, values.MaxValue)})
	}
	w.set(3, values.Change{Key: "one"})
	w.converged(10 * time.Second)
	w.truthful()
	w.Crash(4)
	w.until(w.Now() + time.Second)
	w.spent = spent{}
	w.Start(4)
	took := w.converged(10 * time.Second)
	t.Logf("3,021 keys, %d kB: %v, %d packets, %d kB", (3000*107+20*values.MaxValue)>>10, took, w.spent.packets, w.spent.bytes>>10)
	if took > 3*time.Second || w.spent.bytes > 3<<20 {
		t.Errorf("a newcomer took %v and %d bytes", took, w.spent.bytes)
	}
}

// TestManyOwners has more owners than one digest tells of.
func TestManyOwners(t *testing.T) {
	const owners = 2500
	w := newNet(t, setup{topo: "complete", n: 3, plan: lan, birth: func(now time.Time, id gossip.NodeID, p gossip.Protocol, out *gossip.Outbox) {
		for o := range owners {
			if id == 1 { // it hears of them all from others
				p.Receive(now, 2, told(t, gossip.NodeID(10+o), 1), out)
			}
		}
	}})
	took := w.converged(30 * time.Second)
	for id := gossip.NodeID(1); id <= 3; id++ {
		if n := w.Node(id).Values().Stats().Owners; n != owners {
			t.Errorf("node %d knows %d owners", id, n)
		}
	}
	t.Logf("%d owners: %v", owners, took)
}

// told is a delta with the first version of a map.
func told(t testing.TB, owner gossip.NodeID, run uint32) gossip.Packet {
	v := values.Around(mute{}, values.Environment{Self: owner, Run: run, Rand: values.Generator(1, owner)}, values.Rules{})
	m, err := v.Set(start, start, values.Change{Key: "k", Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	return gossip.Packet{Kind: gossip.KindValues + 2, Messages: []gossip.Message{m},
		IDs: []gossip.ID{{Origin: owner, Run: run, Seq: 1}, {Origin: 2, Run: 1, Seq: 2}}}
}
