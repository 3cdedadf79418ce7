package protocol_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// TestTransmitLimitedKeepsMemberlistsFigures compares with what memberlist showed in a model of its
// gossip: random phases, packets that take no time (measured with the real one at n=30: .254, .389 and
// .465 s; n=100: .278, .356, .546 s, where messages also ride on probes).
func TestTransmitLimitedKeepsMemberlistsFigures(t *testing.T) {
	for _, c := range []struct {
		n, runs, limit   int
		half, most, last float64 // seconds until so many know
	}{
		{30, 200, 8, .24, .37, .50},
		{100, 40, 12, .33, .47, .67},
	} {
		var half, most, last float64
		for seed := range uint64(c.runs) {
			var arrivals []float64
			w := worldOf(t, "transmit-limited", nil, seed, everybody(c.n), nil)
			w.observe = func(st step) {
				for _, e := range st.Events {
					if e.Kind == trace.Deliver {
						arrivals = append(arrivals, w.since().Seconds())
					}
				}
			}
			// The phases lie within the first interval; everybody waits for its own from then on.
			w.until(t, time.Second)
			began := w.since().Seconds()
			m, err := w.publish(1, "banana", 0)
			if err != nil {
				t.Fatal(err)
			}
			w.until(t, time.Minute)
			for _, id := range w.ids {
				e, has := w.nodes[id].Message(m.ID)
				if has && e.Sent != c.limit {
					t.Errorf("n=%d: %d transmitted it %d times, the limit is %d", c.n, id, e.Sent, c.limit)
				}
			}
			if len(arrivals) < c.n-1 {
				t.Errorf("n=%d, seed %d: %d heard", c.n, seed, len(arrivals))
			}
			at := func(share float64) float64 {
				return arrivals[min(len(arrivals), int(math.Ceil(share*float64(c.n))))-1] - began
			}
			half, most, last = half+at(.5), most+at(.9), last+at(1)
			if len(w.alarms) > 0 {
				t.Errorf("n=%d: %d alarms are left when all is said", c.n, len(w.alarms))
			}
		}
		runs := float64(c.runs)
		for _, p := range []struct {
			what      string
			got, want float64
		}{{"half", half / runs, c.half}, {"nine tenths", most / runs, c.most}, {"all", last / runs, c.last}} {
			if math.Abs(p.got-p.want) > 0.035 {
				t.Errorf("n=%d: %s know after %.3f s, want %.2f", c.n, p.what, p.got, p.want)
			}
		}
	}
}

// TestTransmissionLimit counts the transmissions of one node by how many nodes it thinks there are.
func TestTransmissionLimit(t *testing.T) {
	for _, c := range []struct{ lambda, size, want int }{
		{4, 1, 4}, {4, 9, 4}, {4, 10, 8}, {4, 30, 8}, {4, 99, 8}, {4, 100, 12}, {4, 999, 12}, {4, 1000, 16},
		{4, 100_000, 24}, {1, 1 << 30, 10}, {3, 30, 6}, {4, 0, 4},
	} {
		g := make(graph)
		g.join(1, 2)
		w := worldOf(t, "transmit-limited", map[string]string{"lambda": fmt.Sprint(c.lambda), "size": fmt.Sprint(c.size)}, 1, g, nil)
		m, err := w.publish(1, "banana", 0)
		if err != nil {
			t.Fatal(err)
		}
		w.until(t, time.Minute)
		if e, _ := w.nodes[1].Message(m.ID); e.Sent != c.want {
			t.Errorf("lambda %d, %d nodes: transmitted %d times, want %d", c.lambda, c.size, e.Sent, c.want)
		}
	}
}

// TestPacketsAreFilledInMemberlistsOrder compares packets with those of a queue that sorts everything
// each time, over messages of many sizes that come and go.
func TestPacketsAreFilledInMemberlistsOrder(t *testing.T) {
	type entry struct {
		id                  gossip.ID
		bytes, number, sent int
	}
	const budget, limit = 300, 12 // 3 × ⌈log10 1001⌉
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 6))
		p, out := made(t, "transmit-limited", map[string]string{"budget": fmt.Sprint(budget), "lambda": "3", "size": "1000", "fanout": "2", "phase": "aligned"}, 2, 3, 4)
		var queue []entry
		fill := func() (want []gossip.ID) {
			slices.SortFunc(queue, func(a, b entry) int {
				return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.number, a.number))
			})
			free := budget
			for i := range queue {
				if e := &queue[i]; e.bytes <= free || i == 0 {
					free -= e.bytes
					e.sent++
					want = append(want, e.id)
				}
				if free <= 0 {
					break
				}
			}
			queue = slices.DeleteFunc(queue, func(e entry) bool { return e.sent == limit })
			return want
		}
		now, seq := start, uint32(0)
		for step := range 200 {
			for range rng.IntN(3) * rng.IntN(3) {
				seq++
				m := word(1, seq)
				m.Body = make([]byte, rng.IntN(60)*rng.IntN(8))
				p.Publish(now, m, 0, out)
				queue = append(queue, entry{m.ID, len(m.Body) + 32, int(seq), 0})
			}
			now = now.Add(200 * time.Millisecond)
			out.Reset()
			p.Wake(now, 1, out)
			for i := range 2 {
				want := fill()
				var got []gossip.ID
				if i < len(out.Sends) {
					for _, m := range out.Sends[i].Packet.Messages {
						got = append(got, m.ID)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, interval %d, packet %d has %v, want %v", seed, step, i, got, want)
				}
			}
			if len(out.Sends) == 2 && out.Sends[0].To == out.Sends[1].To {
				t.Fatal("two packets for one peer")
			}
		}
	}
}

// TestTransmitLimitedWaitsForTheNextInterval sees to it that what comes in the instant of an interval
// is not passed on in it, in whatever order the two come.
func TestTransmitLimitedWaitsForTheNextInterval(t *testing.T) {
	p, out := made(t, "transmit-limited", map[string]string{"phase": "aligned"}, 2, 3)
	p.Publish(start, word(1, 1), 0, out)
	due := out.Alarms[0].At
	out.Reset()
	p.Receive(due, 2, gossip.Packet{Kind: 1, Messages: []gossip.Message{word(2, 1)}}, out)
	p.Wake(due, 1, out)
	p.Receive(due, 2, gossip.Packet{Kind: 1, Messages: []gossip.Message{word(2, 2)}}, out)
	for _, send := range out.Sends {
		if len(send.Packet.Messages) != 1 || send.Packet.Messages[0].ID.Origin != 1 {
			t.Errorf("passes on %v at once", send.Packet.Messages)
		}
	}
	if len(out.Alarms) != 1 || !out.Alarms[0].At.Equal(due.Add(200*time.Millisecond)) {
		t.Fatalf("alarms %v", out.Alarms)
	}
	out.Reset()
	p.Wake(due.Add(200*time.Millisecond), 1, out)
	if len(out.Sends) != 2 || len(out.Sends[0].Packet.Messages) != 3 {
		t.Errorf("%+v", out.Sends)
	}
}
