package protocol_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
)

// TestMedianCounterStopsInTime compares with what was measured of other implementations: all nodes know as soon as with
// push-pull, the message is sent about so many times for each node, whatever n is, and then there is silence.
func TestMedianCounterStopsInTime(t *testing.T) {
	for _, c := range []struct {
		cmax, n, runs int
		sent          float64
	}{{2, 1000, 25, 10.3}, {3, 1000, 15, 14.9}, {4, 1000, 10, 19.4}, {3, 10_000, 2, 14.9}} {
		t.Run(fmt.Sprintf("%d/%d", c.cmax, c.n), func(t *testing.T) {
			t.Parallel()
			sent, last := 0.0, 0.0
			for seed := range uint64(c.runs) {
				l := lockstepped(t, "median-counter", c.n, seed, false, map[string]string{"cmax": fmt.Sprint(c.cmax)})
				id := l.publish(1)
				if !l.quiet(80) || len(l.heard[0]) != c.n {
					t.Fatalf("seed %d: %d of %d nodes know after %d rounds", seed, len(l.heard[0]), c.n, l.cycle)
				}
				sent += l.outcome(id).traffic / float64(c.runs)
				last += l.outcome(id).last / float64(c.runs)
			}
			if math.Abs(sent-c.sent) > 0.02*c.sent || c.n == 1000 && math.Abs(last-9.15) > 0.5 {
				t.Errorf("sent %.2f n times, the last knew after %.2f rounds; want %.1f, 9.15", sent, last, c.sent)
			}
		})
	}
}

// referenceMedian is the median counter written down once more, for one message and all nodes at once, with the table
// of who meets whom in front of it. States are 0 for A, 1 to cmax for B, cmax + 1 for C and −1 for D.
type referenceMedian struct {
	cmax, cphase int
	state, phase []int
	sent         int
}

// round lets each node i call node calls[i].
func (r *referenceMedian) round(calls []int) {
	met := make([][]int, len(r.state))
	for i, j := range calls {
		met[i] = append(met[i], r.state[j])
		met[j] = append(met[j], r.state[i])
	}
	next := slices.Clone(r.state)
	for i, s := range r.state {
		inB, inC, ahead, behind := false, false, 0, 0
		for _, other := range met[i] {
			if other > 0 {
				r.sent++
			}
			switch {
			case other > r.cmax:
				inC = true
			case other > 0 && other >= s:
				inB = true
				ahead++
			case other > 0:
				inB = true
				behind++
			default:
				behind++
			}
		}
		switch {
		case s == 0 && inC, s > 0 && s <= r.cmax && inC:
			next[i], r.phase[i] = r.cmax+1, 0
		case s == 0 && inB:
			next[i] = 1
		case s > 0 && s <= r.cmax && ahead > behind:
			next[i], r.phase[i] = s+1, 0
		case s > r.cmax:
			if r.phase[i]++; r.phase[i] >= r.cphase {
				next[i] = -1
			}
		}
	}
	r.state = next
}

// TestMedianCounterIsTheReference lets nodes and reference meet the same way, round by round, and compares who knows and
// how often the message was sent. The nodes' packets tell whom they called.
func TestMedianCounterIsTheReference(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		n, cmax, cphase := 2+rng.IntN(60), 1+rng.IntN(5), 1+rng.IntN(4)
		l := lockstepped(t, "median-counter", n, seed, seed%2 == 1, map[string]string{
			"cmax": fmt.Sprint(cmax), "cphase": fmt.Sprint(cphase), "rounds": "1000000"})
		ref := &referenceMedian{cmax: cmax, cphase: cphase, state: make([]int, n), phase: make([]int, n)}
		origin := 1 + rng.IntN(n)
		l.publish(gossip.NodeID(origin))
		ref.state[origin-1] = 1
		calls := make([]int, n)
		for i := range l.nodes {
			l.nodes[i] = &caller{l.nodes[i], &calls[i]}
		}
		for round := range 60 {
			l.pass()
			ref.round(calls)
			know := 0
			for _, s := range ref.state {
				if s != 0 {
					know++
				}
			}
			if got := len(l.heard[0]); got != know || l.cargo != ref.sent {
				t.Fatalf("seed %d, n %d, cmax %d, cphase %d, round %d: %d know, sent %d times; by the book %d and %d",
					seed, n, cmax, cphase, round+1, got, l.cargo, know, ref.sent)
			}
		}
	}
}

// caller notes whom a node calls when it wakes.
type caller struct {
	gossip.Protocol
	called *int
}

func (c *caller) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	c.Protocol.Wake(now, t, out)
	*c.called = int(out.Sends[0].To) - 1
}

// TestMedianCounterInABurst gives one node more messages than packets hold: each of them must spread as if it were
// alone, be sent as often, and reach everybody.
func TestMedianCounterInABurst(t *testing.T) {
	const n, alone = 24, 150
	traffic := func(messages int, seed uint64) float64 {
		l := lockstepped(t, "median-counter", n, seed, false, nil)
		for range messages {
			l.publish(1)
		}
		if !l.quiet(1000) {
			t.Fatalf("%d messages: no end", messages)
		}
		for _, cycles := range l.heard {
			if len(cycles) != n {
				t.Fatalf("%d messages: one of them reached %d of %d nodes", messages, len(cycles), n)
			}
		}
		return float64(l.cargo) / float64(n*messages)
	}
	want := 0.0
	for seed := range uint64(alone) {
		want += traffic(1, seed) / alone
	}
	for _, messages := range []int{256, 257, 700, 2000} {
		if got := traffic(messages, 7); math.Abs(got-want) > 0.08*want {
			t.Errorf("of %d messages each was sent %.2f n times, alone %.2f n times", messages, got, want)
		}
	}
}

// TestMedianCounterCarriesCounters sends many messages with different counters from one machine to another, for
// which a lower counter means C. What one says must be what the other understands, also when some of the messages
// are missing, because a node turned them away.
func TestMedianCounterCarriesCounters(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 6))
		a := newMachine(t, "median-counter", 1, map[string]string{"cmax": "15", "rounds": "100"})
		messages := messagesOf(2, 1, 1+rng.IntN(256))
		want := make(map[gossip.ID]int)
		for i := range messages {
			want[messages[i].ID] = 1
			a.receive(2, gossip.Packet{Kind: 1, Limit: 1, Messages: messages[i : i+1]})
		}
		a.round()
		var said gossip.Packet
		for range 14 { // some meet two nodes that are as far, and go on
			for i := range messages {
				if rng.IntN(2) == 0 {
					for range 2 {
						a.receive(2, gossip.Packet{Kind: 1, Limit: want[messages[i].ID], Messages: messages[i : i+1]})
					}
					want[messages[i].ID]++
				}
			}
			sends, _ := a.round()
			said = clone(sends[0].Packet)
			if got := countersOf(said); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: counters %v, want %v", seed, got, want)
			}
		}
		const cmax = 7
		b := newMachine(t, "median-counter", 1, map[string]string{"cmax": fmt.Sprint(cmax)})
		said.Messages = slices.DeleteFunc(said.Messages, func(gossip.Message) bool { return rng.IntN(4) == 0 })
		if len(said.Messages) == 0 {
			continue
		}
		b.receive(2, said)
		sends, _ := b.round()
		got := countersOf(sends[0].Packet)
		for _, m := range said.Messages {
			if inC := want[m.ID] > cmax; inC != (got[m.ID] == cmax+1) || !inC && got[m.ID] != 1 {
				t.Fatalf("seed %d: after hearing of %v with counter %d it has counter %d", seed, m.ID, want[m.ID], got[m.ID])
			}
		}
	}
}

// countersOf reads the counters of a packet the plain way.
func countersOf(p gossip.Packet) map[gossip.ID]int {
	counters := make(map[gossip.ID]int)
	for _, m := range p.Messages {
		counters[m.ID] = p.Limit
	}
	for _, id := range p.IDs {
		counters[id]++
	}
	return counters
}
