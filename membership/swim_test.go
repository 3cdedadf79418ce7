package membership

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// settled opens a network and has everybody know everybody.
func settled(t testing.TB, s trialSpec) *network {
	t.Helper()
	w := open(t, s)
	w.await("full mutual knowledge", 2*time.Minute, w.agreed)
	return w
}

// The mean time until the first member notices an end, in periods, with choices as the paper has them: all periods
// begin together, the end comes just before one, each probes one other drawn at random. Theory (SWIM, section 3.1):
// 1/(1−(1−1/(n−1))^(n−1)), which goes to e/(e−1) = 1.58.
func TestFirstDetection(t *testing.T) {
	const n, trials = 30, 600
	set := map[string]string{"order": "random", "phase": "aligned", "timeout": "50ms", "lifeguard": "false"}
	sum := 0.0
	for seed := range uint64(trials) {
		sum += firstSuspicion(t, n, seed, set, time.Second)
	}
	q := math.Pow(1-1.0/(n-1), n-1)
	mean, want := sum/trials, 1/(1-q)
	sigma := math.Sqrt(q) / (1 - q) / math.Sqrt(trials)
	t.Logf("first detection after %.3f periods ± %.3f; theory for n = %d: %.3f, for large n: %.3f", mean, sigma, n, want, math.E/(math.E-1))
	if math.Abs(mean-want) > 3.5*sigma {
		t.Errorf("%.3f periods, want %.3f", mean, want)
	}
}

// firstSuspicion is how many periods after the end of a member it is suspected, if the end comes just before a period
// begins, and the periods are aligned; else before a random moment.
func firstSuspicion(t testing.TB, n int, seed uint64, set map[string]string, period time.Duration) float64 {
	w := settled(t, trialSpec{kind: swimKind, n: n, seed: seed, set: set})
	at := (w.Now() + 2*period).Truncate(period)
	w.run(at - 1)
	victim := gossip.NodeID(1 + seed%uint64(n))
	w.Crash(victim)
	first := len(w.changes)
	for {
		w.run(w.Now() + period/4)
		for _, c := range w.changes[first:] {
			if c.Node == victim && c.Standing == gossip.Suspect {
				return float64(c.at-at) / float64(period)
			}
		}
		if w.Now() > at+50*period {
			t.Fatalf("seed %d: not suspected after 50 periods", seed)
		}
	}
}

// A member that has ended is dead for everybody within the bound that is told to people.
func TestDeadWithin(t *testing.T) {
	for _, n := range []int{2, 3, 5, 16, 30, 64} {
		v, _ := swimKind.Values(nil)
		bound := DeadWithin(n, v)
		var worst, sum, firsts time.Duration
		trials := max(3, 200/n)
		for seed := range uint64(trials) {
			w := settled(t, trialSpec{kind: swimKind, n: n, seed: seed})
			w.run(w.Now() + 3*time.Second + time.Duration(seed)*37*time.Millisecond)
			since, began := len(w.changes), w.Now()
			w.Crash(gossip.NodeID(1 + seed%uint64(n)))
			took := w.await(fmt.Sprintf("%d nodes: everybody knows who is dead", n), began+bound, w.agreed) - began
			worst, sum = max(worst, took), sum+took
			for _, c := range w.changes[since:] {
				if c.Standing == gossip.Dead {
					firsts += c.at - began
					break
				}
			}
			if d, _ := w.deaths(0); d > 0 {
				t.Errorf("%d living members were declared dead", d)
			}
		}
		k := time.Duration(trials)
		t.Logf("%2d nodes: first dead after %v, everywhere after %v, at most %v; bound %v", n, (firsts / k).Round(10*time.Millisecond),
			(sum / k).Round(10*time.Millisecond), worst, bound)
	}
}

// falsePositives counts how often a living member is declared dead in somebody's view.
func falsePositives(t testing.TB, n int, trials int, span time.Duration, loss float64, set map[string]string) (views, members int) {
	for seed := range uint64(trials) {
		w := open(t, trialSpec{kind: swimKind, n: n, seed: seed, loss: loss, set: set})
		w.run(span)
		d, who := w.deaths(0)
		views, members = views+d, members+len(who)
	}
	return views, members
}

func TestFalsePositivesUnderLoss(t *testing.T) {
	for _, n := range []int{16, 64} {
		for _, mult := range []int{1, 2, 3, 4} {
			for _, guard := range []bool{false, true} {
				set := map[string]string{"lifeguard": strconv.FormatBool(guard), "suspicion": strconv.Itoa(mult)}
				views, members := falsePositives(t, n, 4, 2*time.Minute, 0.25, set)
				t.Logf("n=%d suspicion %d lifeguard %v: %d in views, %d members", n, mult, guard, views, members)
			}
		}
	}
}

// A second of latency, with everything as it comes: nobody is declared dead.
func TestSlowLinks(t *testing.T) {
	for _, n := range []int{3, 5, 16, 64} {
		for seed := range uint64(3) {
			w := open(t, trialSpec{kind: swimKind, n: n, seed: seed, latency: fault.ConstantLatency(time.Second)})
			w.run(5 * time.Minute)
			d, who := w.deaths(0)
			suspects := 0
			for _, c := range w.changes {
				if c.Standing == gossip.Suspect {
					suspects++
				}
			}
			t.Logf("%d nodes: %d suspicions, %d deaths of %v", n, suspects, d, who)
		}
	}
}

// Two halves that have declared each other dead come together by themselves.
func TestNobodyStaysDeadAfterAHeal(t *testing.T) {
	for _, n := range []int{2, 3, 16, 64, 256} {
		w := settled(t, trialSpec{kind: swimKind, n: n, seed: 5})
		w.run(10 * time.Second)
		w.sever(n / 2)
		w.await("both halves are alone", w.Now()+3*time.Minute, func() bool {
			for id := 1; id <= n; id++ {
				mine := n - n/2
				if id <= n/2 {
					mine = n / 2
				}
				if len(w.cores[id].here) != mine-1 {
					return false
				}
			}
			return true
		})
		w.run(w.Now() + 5*time.Minute)
		w.heal()
		since, began, packets := len(w.changes), w.Now(), w.Count.Packets
		took := w.await("one network again", began+2*time.Minute, w.agreed) - began
		d, _ := w.deaths(since)
		t.Logf("%d nodes: one network again after %v; %.1f packets a node, %d false deaths", n, took, float64(w.Count.Packets-packets)/float64(n), d)
	}
}

// Most of the network ends at once: survivors agree on who is left.
func TestMassFailure(t *testing.T) {
	const n = 64
	for _, share := range []int{10, 30, 50, 80} {
		w := settled(t, trialSpec{kind: swimKind, n: n, seed: uint64(share)})
		w.run(10 * time.Second)
		for id := range n * share / 100 {
			w.Crash(gossip.NodeID(id + 1))
		}
		began := w.Now()
		took := w.await("survivors agree", began+10*time.Minute, w.agreed) - began
		d, _ := w.deaths(0)
		t.Logf("%d %% of %d: survivors agree after %v, %d false deaths", share, n, took, d)
	}
}
