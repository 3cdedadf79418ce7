package protocol_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
)

// exchanges are all ways to compare, in all directions.
var exchanges = func() (all []string) {
	for _, direction := range []string{"push", "pull", "push-pull"} {
		for _, compare := range []string{"full", "checksum", "peelback"} {
			all = append(all, fmt.Sprintf("direction=%s compare=%s", direction, compare))
		}
	}
	return all
}()

// TestAntiEntropyKeepsThePapersRecurrences follows the share of nodes that lack a message from round to
// round: with pull it is squared; with push each that lacks it is missed by all who do not.
func TestAntiEntropyKeepsThePapersRecurrences(t *testing.T) {
	const n = 1000
	for direction, next := range map[string]func(float64) float64{
		"pull": func(p float64) float64 { return p * p },
		"push": func(p float64) float64 { return p * math.Pow(1-1./n, n*(1-p)) },
	} {
		was, is, should := 0., 0., 0.
		for seed := range uint64(10) {
			l := lockstepped(t, "anti-entropy", n, seed, seed%2 == 1, options("direction="+direction))
			id := l.publish(1)
			for p := 1 - 1./n; p > 0.02; {
				q := next(p)
				l.pass()
				now := 1 - float64(len(l.heard[l.ids[id]]))/n
				if p < 0.98 {
					was, is, should = was+p, is+now, should+q
				}
				p = now
			}
		}
		if off := is/should - 1; math.Abs(off) > 0.02 || is > was {
			t.Errorf("%s: of %.2f are left %.2f, should be %.2f", direction, was, is, should)
		}
	}
}

// TestAntiEntropyTakesAsManyRoundsAsTheory has one message and a thousand nodes. In synchronous rounds
// several nodes may give the same one the same message at once; with pull nobody gives what was not
// asked for, so there is not one copy too many.
func TestAntiEntropyTakesAsManyRoundsAsTheory(t *testing.T) {
	for _, c := range []struct {
		settings    string
		rounds, off float64
		most        float64 // copies per node
	}{
		{"direction=push-pull compare=full", 9.15, 0.02, 1.5},
		{"direction=push-pull compare=checksum", 9.15, 0.02, 1.5},
		{"direction=push-pull compare=peelback", 9.15, 0.02, 1.5},
		{"direction=pull", 13.82, 0.02, 1},
		{"direction=push", 18.06, 0.02, 1.5},
	} {
		all := many(12, func(seed uint64) outcome {
			l := lockstepped(t, "anti-entropy", 1000, seed, seed%2 == 1, options(c.settings))
			id := l.publish(gossip.NodeID(1 + l.rng.IntN(1000)))
			if !l.informed(id, 100) {
				t.Fatalf("%s: not everywhere after 100 rounds", c.settings)
			}
			return l.outcome(id)
		})
		all.expect(t, c.settings+": last arrival", last, c.rounds, c.off)
		if copies, _ := all.mean(traffic); copies < 0.999 || copies > c.most {
			t.Errorf("%s: %.3f copies per node", c.settings, copies)
		}
	}
}

// TestAntiEntropyRepairsEverything loses a good part of all packets, and lets all nodes publish now and
// then. In the end everybody has everything, and no copy is sent any more.
func TestAntiEntropyRepairsEverything(t *testing.T) {
	const n, messages = 12, 60
	for _, settings := range exchanges {
		for _, more := range []string{"", " page=2", " page=3 recent=300ms"} {
			l := lockstepped(t, "anti-entropy", n, 1, true, options(settings+more))
			l.lose = 0.3
			for i := range messages {
				l.publish(gossip.NodeID(1 + l.rng.IntN(n)))
				if i%3 == 0 {
					l.pass()
				}
			}
			complete := func() bool {
				return !slices.ContainsFunc(l.heard, func(heard []int) bool { return len(heard) < n })
			}
			for range 1000 {
				if complete() {
					break
				}
				l.pass()
			}
			if !complete() {
				t.Errorf("%s%s: something is lacking after %d rounds", settings, more, l.cycle)
				continue
			}
			sent := l.cargo
			for range 30 {
				l.pass()
			}
			if l.cargo > sent || l.refused > 0 {
				t.Errorf("%s%s: %d copies sent to nodes that lack nothing, %d packets refused", settings, more, l.cargo-sent, l.refused)
			}
		}
	}
}

// TestAntiEntropyAtRestIsCheap counts what equal nodes say to each other.
func TestAntiEntropyAtRestIsCheap(t *testing.T) {
	l := lockstepped(t, "anti-entropy", 10, 1, false, options("recent=1s"))
	for range 50 {
		l.publish(gossip.NodeID(1 + l.rng.IntN(10)))
	}
	for range 30 {
		l.pass()
	}
	l.others, l.names = 0, 0
	l.pass()
	if l.others != 10 || l.names != 4*10 {
		t.Errorf("10 nodes that know the same told each other %d names in %d packets; should be a checksum each", l.names, l.others)
	}
}

// TestAntiEntropyCatchesUpInOneExchange gives one of two nodes more than a packet holds.
func TestAntiEntropyCatchesUpInOneExchange(t *testing.T) {
	for _, settings := range exchanges {
		for _, c := range []struct{ messages, size, packet int }{{1500, 4, 256}, {40, gossip.MaxBody, 4}} {
			l := lockstepped(t, "anti-entropy", 2, 1, false, options(settings))
			l.text = bytes.Repeat([]byte("x"), c.size)
			for range c.messages {
				l.publish(1)
			}
			l.pass() // each has called the other one, when it is over
			got := 0
			for _, heard := range l.heard {
				got += len(heard) - 1
			}
			// Both call in the same instant. Where both take and give, one packet comes twice, or two.
			if got != c.messages || l.cargo > c.messages+2*c.packet || l.refused > 0 {
				t.Errorf("%s: %d of %d messages of %d bytes have come, in %d copies", settings, got, c.messages, c.size, l.cargo)
			}
		}
	}
}

// TestSummariesGoBackAsFarAsNeeded tells more names than a summary holds. No page is needed as long as all
// that is lacking came lately, or is told however long ago it came.
func TestSummariesGoBackAsFarAsNeeded(t *testing.T) {
	const page = 2 // its kind
	for _, c := range []struct {
		settings string
		age      int // in rounds
		pages    bool
	}{
		{"compare=checksum", 1, false}, {"compare=checksum recent=1s", 10, true}, {"compare=peelback", 10, false},
	} {
		l := lockstepped(t, "anti-entropy", 2, 1, false, options(c.settings))
		for id := gossip.NodeID(1); id <= 2; id++ { // for some time they do not know each other
			l.nodes[id-1].Peers(l.now, gossip.Peers{}, &l.out)
			l.collect(id)
		}
		for range 700 {
			l.publish(1)
		}
		l.now = l.now.Add(time.Duration(c.age) * 200 * time.Millisecond)
		for id := gossip.NodeID(1); id <= 2; id++ {
			l.nodes[id-1].Peers(l.now, gossip.Everyone(2, id), &l.out)
			l.collect(id)
		}
		for range 3 {
			l.pass()
		}
		lacking := slices.ContainsFunc(l.heard, func(heard []int) bool { return len(heard) < 2 })
		if lacking || l.kinds[page] > 0 != c.pages {
			t.Errorf("%s: something is lacking: %v, after %d pages", c.settings, lacking, l.kinds[page])
		}
	}
}

// TestAntiEntropyJoinsWhatWasApart heals a partition.
func TestAntiEntropyJoinsWhatWasApart(t *testing.T) {
	const n = 8
	for _, settings := range exchanges {
		l := lockstepped(t, "anti-entropy", n, 1, true, options(settings))
		know := func(peers func(id gossip.NodeID) gossip.Peers) {
			for id := gossip.NodeID(1); id <= n; id++ {
				l.nodes[id-1].Peers(l.now, peers(id), &l.out)
				l.collect(id)
			}
		}
		know(func(id gossip.NodeID) gossip.Peers { // 1 with 2, 3 with 4, …
			return gossip.NewPeers([]gossip.NodeID{(id - 1) ^ 1 + 1})
		})
		first, second := l.publish(1), l.publish(n)
		for range 20 {
			l.pass()
		}
		if len(l.heard[l.ids[first]]) != 2 || len(l.heard[l.ids[second]]) != 2 {
			t.Fatalf("%s: a partition is leaking", settings)
		}
		know(func(id gossip.NodeID) gossip.Peers { return gossip.Everyone(n, id) })
		if !l.informed(first, 40) || !l.informed(second, 40) {
			t.Errorf("%s: the parts did not come together", settings)
		}
	}
}

// TestAntiEntropyDoesNotAskForWhatIsForgotten lets one of two nodes forget most of what it had.
func TestAntiEntropyDoesNotAskForWhatIsForgotten(t *testing.T) {
	for _, settings := range exchanges {
		l := lockstepped(t, "anti-entropy", 2, 1, true, options(settings+" remember=3"))
		for range 10 {
			l.publish(1)
		}
		for range 3 {
			l.pass()
		}
		for number, heard := range l.heard {
			if came, want := len(heard) == 2, number >= 7; came != want {
				t.Errorf("%s: message %d of 10 has come: %v", settings, number+1, came)
			}
		}
		sent, calls := l.cargo, l.others
		const cycles = 50
		for range cycles {
			l.pass()
		}
		if l.cargo > sent {
			t.Errorf("%s: %d copies more of what was there", settings, l.cargo-sent)
		}
		// They differ for ever, and so tell each other all they know, but there is an end to each exchange.
		if perCall := float64(l.others-calls) / (2 * cycles); perCall > 4 {
			t.Errorf("%s: %.1f packets in an exchange that leads to nothing", settings, perCall)
		}
	}
}

// TestAntiEntropyRefusesWhatIsTooScattered sends names with gaps between them to one that may remember
// one message.
func TestAntiEntropyRefusesWhatIsTooScattered(t *testing.T) {
	l := lonely(t, "anti-entropy", "remember=1")
	taken := func(seq uint32) bool {
		l.take(2, gossip.Packet{Kind: 1, Messages: []gossip.Message{message(2, seq)}})
		return l.refused == ""
	}
	most := uint32(0)
	for seq := uint32(1); taken(seq); seq += 2 {
		if most++; most > 5000 {
			t.Fatal("takes any number of them")
		}
	}
	if most < 1000 || l.refused != "scattered" {
		t.Errorf("refused after %d gaps: %s", most, l.refused)
	}
	if !taken(2) || !taken(4) || !taken(6) || !taken(2*most+1) {
		t.Errorf("when gaps are filled there should be room again: %s", l.refused)
	}
}
