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
	t.Parallel()
	const n = 30
	trials := uint64(600)
	if !thorough {
		trials = 60
	}
	set := map[string]string{"order": "random", "phase": "aligned", "timeout": "50ms", "lifeguard": "false"}
	sum := 0.0
	for seed := range trials {
		sum += firstSuspicion(t, n, seed, set, time.Second)
	}
	q := math.Pow(1-1.0/(n-1), n-1)
	mean, want := sum/float64(trials), 1/(1-q)
	sigma := math.Sqrt(q) / (1 - q) / math.Sqrt(float64(trials))
	t.Logf("first detection after %.3f periods ± %.3f; theory for n = %d: %.3f, for large n: %.3f", mean, sigma, n, want, math.E/(math.E-1))
	if math.Abs(mean-want) > 3.5*sigma {
		t.Errorf("%.3f periods, want %.3f", mean, want)
	}
}

// firstSuspicion is how many periods after the end of a member somebody suspects it. It ends just before a period of
// those that begin together.
func firstSuspicion(t testing.TB, n int, seed uint64, set map[string]string, period time.Duration) float64 {
	w := settled(t, trialSpec{kind: swimKind, n: n, seed: seed, set: set})
	at := (w.Now() + 2*period).Truncate(period)
	w.run(at - 1)
	victim := gossip.NodeID(1 + seed%uint64(n))
	w.Crash(victim)
	first := len(w.changes)
	for w.Now() < at+50*period {
		w.run(w.Now() + period/4)
		for _, c := range w.changes[first:] {
			if c.Node == victim && c.Standing == gossip.Suspect {
				return float64(c.at-at) / float64(period)
			}
		}
	}
	t.Fatalf("seed %d: not suspected after 50 periods", seed)
	return 0
}

// Members take turns: between two probes of one by another there are at most 2n−1 periods (SWIM, section 4.3), while
// random choices leave some out for much longer.
func TestRoundRobin(t *testing.T) {
	const n = 12
	longest := make(map[string]int)
	for _, order := range []string{"round-robin", "random"} {
		w := settled(t, trialSpec{kind: swimKind, n: n, seed: 5, set: map[string]string{"order": order}})
		type pair struct{ from, to gossip.NodeID }
		last := make(map[pair]time.Duration)
		w.seen = func(from, to gossip.NodeID, p gossip.Packet) {
			if p.Kind != kindPing {
				return
			}
			if before, is := last[pair{from, to}]; is {
				longest[order] = max(longest[order], int((w.Now()-before+time.Second/2)/time.Second))
			}
			last[pair{from, to}] = w.Now()
		}
		w.run(10 * time.Minute)
		if len(last) != n*(n-1) {
			t.Errorf("%s: %d pairs", order, len(last))
		}
	}
	t.Logf("%d nodes: the longest time between two probes of one by another is %v periods", n, longest)
	if longest["round-robin"] > 2*n-1 || longest["random"] <= 2*n-1 {
		t.Errorf("%v periods, at most %d are due by turns", longest, 2*n-1)
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

// A quarter of all packets is lost: how often a living member is declared dead, with Lifeguard and without. That even
// SWIM's own suspicions let some through is because the suspect never hears of them: gossip passes one by in e^-6.
func TestFalsePositivesUnderLoss(t *testing.T) {
	if !thorough {
		t.Skip("it takes half a minute with the race detector")
	}
	t.Parallel()
	const n, trials, span = 64, 4, 2 * time.Minute
	for _, periods := range []string{"4", "1"} { // as it comes, and with hardly any time to refute
		views, members := make(map[bool]int), make(map[bool]int)
		for _, guard := range []bool{false, true} {
			for seed := range uint64(trials) {
				w := open(t, trialSpec{kind: swimKind, n: n, seed: seed, loss: 0.25,
					set: map[string]string{"lifeguard": strconv.FormatBool(guard), "suspicion": periods}})
				w.run(span)
				d, who := w.deaths(0)
				views[guard], members[guard] = views[guard]+d, members[guard]+len(who)
			}
		}
		t.Logf("%d nodes for %v, suspicion=%s: %d members declared dead, %d times in views; with Lifeguard %d and %d",
			n, trials*span, periods, members[false], views[false], members[true], views[true])
		if views[false] < 100 || views[true]*10 > views[false] || members[true]*2 > members[false] {
			t.Errorf("suspicion=%s: Lifeguard does not help as it should", periods)
		}
		if periods == "4" && views[true] > 0 {
			t.Error("with everything as it comes nobody should be declared dead")
		}
	}
}

// A second of latency, with everything as it comes: members are suspected, but nobody is declared dead.
func TestSlowLinks(t *testing.T) {
	for _, n := range []int{3, 5, 16, 48} {
		w := open(t, trialSpec{kind: swimKind, n: n, seed: uint64(n), latency: fault.ConstantLatency(time.Second)})
		w.run(3 * time.Minute)
		deaths, who := w.deaths(0)
		suspects, health := 0, 0
		for _, c := range w.changes {
			if c.Standing == gossip.Suspect {
				suspects++
			}
		}
		for id := 1; id <= n; id++ {
			health += w.cores[id].detector.health
		}
		t.Logf("%d nodes: %d suspicions, %d deaths; mean health %.1f; %.1f packets a second and node", n, suspects, deaths,
			float64(health)/float64(n), float64(w.Count.Packets)/float64(n)/180)
		if deaths > 0 {
			t.Errorf("%d nodes: %v were declared dead", n, who)
		}
	}
}

// Two halves that have declared each other dead come together by themselves.
func TestNobodyStaysDeadAfterAHeal(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 16, 64, 256} {
		if n > 64 && !thorough {
			continue
		}
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
		if limit := 30 * time.Second; took > limit || n >= 16 && took > 5*time.Second || d > 0 {
			t.Errorf("%d nodes: it took %v, %d false deaths", n, took, d)
		}
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
		if d > 0 {
			t.Errorf("%d %%: %d false deaths", share, d)
		}
		t.Logf("%d %% of %d: survivors agree after %v, %d false deaths", share, n, took, d)
	}
}
