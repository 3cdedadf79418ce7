package membership

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// uneven is the chi-square of counts that should all be the same, and whether it is beyond what one in millions of
// fair draws shows.
func uneven(counts []int) (chi, limit float64, is bool) {
	sum := 0
	for _, c := range counts {
		sum += c
	}
	want := float64(sum) / float64(len(counts))
	for _, c := range counts {
		chi += (float64(c) - want) * (float64(c) - want) / want
	}
	free := float64(len(counts) - 1)
	limit = free + 5*math.Sqrt(2*free)
	return chi, limit, chi > limit
}

// draws counts how often each of n places is drawn.
func draws(below func(int) int, n, k, times int) []int {
	counts := make([]int, n)
	var list []int
	for range times {
		list = sample(below, n, k, func(int) bool { return true }, list[:0])
		for _, at := range list {
			counts[at]++
		}
	}
	return counts
}

func TestSampleIsUniform(t *testing.T) {
	for _, n := range []int{5, 8, 9, 64, 1000} {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		chi, limit, is := uneven(draws(rng.IntN, n, 4, 200*n))
		if t.Logf("n = %d: chi-square %.1f, limit %.1f", n, chi, limit); is {
			t.Errorf("n = %d: chi-square %.1f is more than %.1f", n, chi, limit)
		}
		// The mistake of lant, which draws a number up to the last place and never the last place itself, is seen.
		lant := func(n int) int { return rng.IntN(max(1, n-1)) }
		if chi, _, is := uneven(draws(lant, n, 4, 200*n)); !is {
			t.Errorf("n = %d: an off-by-one is not noticed: chi-square %.1f", n, chi)
		}
	}
}

func TestSampleHasEachOnceAndOnlyThoseThatPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		n, k, odd := rng.IntN(40), rng.IntN(12), rng.IntN(2)
		seen := make(map[int]bool)
		list := sample(rng.IntN, n, k, func(i int) bool { return i%2 == odd }, nil)
		for _, at := range list {
			if at < 0 || at >= n || at%2 != odd || seen[at] {
				t.Fatalf("%d of %d: %v", k, n, list)
			}
			seen[at] = true
		}
		if most := min(k, (n+1-odd)/2); len(list) > most || 2*k >= n && len(list) < most {
			t.Fatalf("%d of %d are %d, %d are due", k, n, len(list), most)
		}
	}
}

// What rides on the packets of a network at rest names every member alike often, whoever sends and whoever receives.
func TestSamplesInPacketsAreUniform(t *testing.T) {
	const n = 40
	w := settled(t, trialSpec{kind: swimKind, n: n, seed: 3, set: map[string]string{"period": "50ms", "timeout": "20ms", "order": "random"}})
	w.run(w.Now() + 20*time.Second)
	counts := make([]int, n+1)
	w.seen = func(from, to gossip.NodeID, p gossip.Packet) {
		if p.Kind == kindPing || p.Kind == kindAck {
			for _, id := range p.IDs[1:] {
				counts[id.Origin]++
			}
		}
	}
	w.run(w.Now() + 60*time.Second)
	// Of the others, a packet never names its sender and its receiver: over all pairs that is even, too.
	chi, limit, is := uneven(counts[1:])
	if t.Logf("%d packets, chi-square %.1f, limit %.1f", w.Count.Packets, chi, limit); is {
		t.Errorf("chi-square %.1f is more than %.1f", chi, limit)
	}
}

// Packets with all the news there is room for, and with addresses as nodes have them, fit a frame of Ethernet.
func TestPacketsFitAFrame(t *testing.T) {
	t.Parallel()
	largest, most := 0, 0
	w := open(t, trialSpec{kind: swimKind, n: 300, seed: 3, loss: 0.25, latency: fault.UniformLatency(time.Millisecond, 20*time.Millisecond)})
	w.seen = func(from, to gossip.NodeID, p gossip.Packet) {
		if p.Kind == kindPage {
			return
		}
		e := gossip.Envelope{From: from, Packet: p}
		named := make(map[gossip.NodeID]bool)
		for _, id := range p.IDs {
			if !named[id.Origin] {
				named[id.Origin] = true
				e.Contacts = append(e.Contacts, gossip.Contact{Node: id.Origin, Run: 1, Addr: "192.168.100.200:65535"})
			}
		}
		frame, err := gossip.AppendFrame(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		largest, most = max(largest, len(frame)), max(most, len(p.IDs))
	}
	w.run(10 * time.Second)
	if t.Logf("largest packet: %d bytes; at most %d names", largest, most); largest > 1400 || most < 20 {
		t.Errorf("%d bytes, %d names", largest, most)
	}
}

func TestRecordsReadAsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		r := record{gossip.NodeID(1 + rng.IntN(1<<31-1)), uint32(1 + rng.IntN(gossip.MaxRun)), uint32(rng.IntN(maxIncarnation + 1)), gossip.Standing(rng.IntN(4))}
		if got, is := readRecord(r.id()); !is || got != r || r.id().Seq > lastNumber || r.id().Seq < 1 {
			t.Fatalf("%+v comes back as %+v, %v", r, got, is)
		}
	}
	for _, id := range []gossip.ID{{}, {Origin: -1, Run: 1, Seq: 1}, {Origin: 1, Run: 0, Seq: 1}, {Origin: 1, Run: 1 << 30, Seq: 1},
		{Origin: 1, Run: 1, Seq: 0}, {Origin: 1, Run: 1, Seq: maxIncarnation*4 + 5}, {Origin: 1, Run: 1, Seq: math.MaxUint32}} {
		if r, is := readRecord(id); is {
			t.Errorf("%v is read as %+v", id, r)
		}
	}
}

// Whatever two statements about a node are, one counts, and it is the same one for everybody.
func TestPrecedence(t *testing.T) {
	later := []record{
		{1, 1, 0, gossip.Alive}, {1, 1, 0, gossip.Suspect}, {1, 1, 0, gossip.Dead}, {1, 1, 0, gossip.Left}, {1, 1, 1, gossip.Alive},
		{1, 1, 1, gossip.Dead}, {1, 1, 7, gossip.Suspect}, {1, 2, 0, gossip.Alive}, {1, 2, 0, gossip.Left}, {1, 3, 0, gossip.Alive},
	}
	for i, a := range later {
		for k, b := range later {
			if got := a.compare(b); got < 0 != (i < k) || got == 0 != (i == k) {
				t.Errorf("%+v against %+v: %d", a, b, got)
			}
		}
	}
	if fmt.Sprint(later[6].id()) != "1.1.30" {
		t.Errorf("%v", later[6].id())
	}
}
