package fault

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

var link12 = Link{1, 2}

func ids(list ...gossip.NodeID) []gossip.NodeID { return list }

// each draws the verdicts of many packets on one link.
func each(t *testing.T, p Plan, n int) []Verdict {
	t.Helper()
	checked := check(t, p)
	list := make([]Verdict, n)
	for i := range list {
		list[i] = checked.Judge(link12, uint64(i))
	}
	return list
}

func share1(list []Verdict, is func(Verdict) bool) float64 {
	n := 0
	for _, v := range list {
		if is(v) {
			n++
		}
	}
	return float64(n) / float64(len(list))
}

// Losses of several rules are independent chances: what is left is the product of what each leaves.
func TestLossesOfRulesAreIndependent(t *testing.T) {
	const n = 100_000
	list := each(t, Plan{Seed: 1, Loss: 0.1, Rules: []Rule{{Name: "f1", Loss: 0.5}, {Name: "f2", Nodes: ids(1), Loss: 0.2}, {Name: "f3", Nodes: ids(3), Loss: 1}}}, n)
	want := 0.9 * 0.5 * 0.8
	if got := share1(list, func(v Verdict) bool { return !v.Lost }); math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/n) {
		t.Errorf("%v arrive, should be %v", got, want)
	}
	for _, v := range list {
		if v.Lost && (v != Verdict{Fate: Fate{Lost: true}} || v.Reason() != ReasonLoss) {
			t.Fatalf("%+v of a lost packet", v)
		}
	}
}

// Each sort of fault of a rule hits the share it should, whatever the others do.
func TestSharesOfRules(t *testing.T) {
	const n = 100_000
	for _, want := range []float64{0, 0.01, 0.3, 1} {
		list := each(t, Plan{Seed: 2, Rules: []Rule{{Name: "f1", Bandwidth: 1, Duplicate: want, Corrupt: want, Reorder: want}}}, n)
		for what, is := range map[string]func(Verdict) bool{
			"twice":     func(v Verdict) bool { return v.Twice },
			"corrupt":   func(v Verdict) bool { return v.Corrupt },
			"reordered": func(v Verdict) bool { return v.Delay > 0 },
		} {
			if got := share1(list, is); math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/n) {
				t.Errorf("%v %s, should be %v", got, what, want)
			}
		}
		for _, v := range list {
			for _, d := range []time.Duration{v.Delay, v.Delay2} {
				if d != 0 && (d < HeldBack/2 || d > HeldBack) {
					t.Fatalf("a packet is held back for %v", d)
				}
			}
		}
	}
}

// The copies of a packet are damaged independently of each other.
func TestCopiesAreDamagedApart(t *testing.T) {
	var first, second []float64
	for _, v := range each(t, Plan{Seed: 3, Duplicate: 1, Rules: []Rule{{Name: "f", Corrupt: 0.5}}}, 20_000) {
		value := map[bool]float64{false: 0.25, true: 0.75}
		first, second = append(first, value[v.Corrupt]), append(second, value[v.Corrupt2])
	}
	both := 0.0
	for i := range first {
		if first[i] > 0.5 && second[i] > 0.5 {
			both++
		}
	}
	if both /= 20_000; math.Abs(both-0.25) > 0.015 {
		t.Errorf("both copies of %v are damaged, should be 0.25", both)
	}
}

func TestDelaysAddAndTheNarrowestBandwidthHolds(t *testing.T) {
	p := check(t, Plan{Latency: ConstantLatency(3 * ms), Duplicate: 1, Rules: []Rule{
		{Name: "a", Delay: ConstantLatency(10 * ms)},
		{Name: "b", Delay: ConstantLatency(100 * ms), Bandwidth: 500},
		{Name: "c", Bandwidth: 300},
		{Name: "d", Nodes: ids(7), Delay: ConstantLatency(time.Second), Bandwidth: 1},
	}})
	if got, want := p.Judge(link12, 5), (Verdict{Fate: Fate{Twice: true}, Delay: 113 * ms, Delay2: 113 * ms, Bandwidth: 300}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for l, want := range map[Link]int64{link12: 300, {7, 1}: 1, {2, 7}: 1} {
		if got := p.Bandwidth(l); got != want || p.Judge(l, 0).Bandwidth != want {
			t.Errorf("%v carries %d, want %d", l, got, want)
		}
	}
	if got := (&Plan{}).Bandwidth(link12); got != 0 {
		t.Errorf("a bound of %d without rules", got)
	}
}

func TestCutSaysWhy(t *testing.T) {
	p := check(t, Plan{Loss: 1, Rules: []Rule{{Name: "f1", Loss: 1}, {Name: "p", Cut: true, Groups: [][]gossip.NodeID{{1}, {2}}}}})
	v := p.Judge(link12, 0)
	if v != (Verdict{Fate: Fate{Lost: true, Cut: true}}) || v.Reason() != ReasonPartition {
		t.Errorf("%+v: %s", v, v.Reason())
	}
	if v := p.Judge(Link{3, 4}, 0); v.Reason() != ReasonLoss {
		t.Errorf("%+v where nothing is cut", v)
	}
	if reason := (Verdict{}).Reason(); reason != "" {
		t.Errorf("what arrives has the reason %q", reason)
	}
}

// To change, add or take away a rule leaves what the others do to a packet as it was, wherever it stands.
func TestRulesDoNotDisturbEachOther(t *testing.T) {
	one := Rule{Name: "one", Duplicate: 0.4, Corrupt: 0.4, Delay: UniformLatency(ms, 9*ms), Jitter: 0.5, Reorder: 0.3}
	two := Rule{Name: "two", Loss: 0.3}
	base := Plan{Seed: 4, Latency: ExponentialLatency(ms), Duplicate: 0.2}
	alone, behind, before := base, base, base
	alone.Rules = []Rule{one}
	behind.Rules = []Rule{two, one}
	before.Rules = []Rule{one, two}
	a, b, c := each(t, alone, 5000), each(t, behind, 5000), each(t, before, 5000)
	lost := 0
	for i := range a {
		if b[i] != c[i] {
			t.Fatalf("packet %d: the order of rules matters: %+v and %+v", i, b[i], c[i])
		}
		if b[i].Lost {
			lost++
		} else if a[i] != b[i] {
			t.Fatalf("packet %d: %+v alone, %+v beside a rule that does not lose it", i, a[i], b[i])
		}
	}
	if lost < 1000 || lost > 2000 {
		t.Errorf("%d lost", lost)
	}
	// A rule of another name is another chance.
	other := one
	other.Name = "other"
	alone.Rules = []Rule{other}
	if slices.Equal(a, each(t, alone, 5000)) {
		t.Error("names make no difference")
	}
	// Rules about other links are nothing at all.
	elsewhere := base
	elsewhere.Rules = []Rule{{Name: "x", Nodes: ids(8), Cut: true}}
	if !slices.Equal(each(t, base, 5000), each(t, elsewhere, 5000)) {
		t.Error("a rule about other links changes this one")
	}
}

// These verdicts were drawn once and never change: plans that people wrote down repeat.
func TestRulesAreForEver(t *testing.T) {
	p := check(t, Plan{Seed: 5, Latency: UniformLatency(10*ms, 150*ms), Rules: []Rule{
		{Name: "f1", Loss: 0.2, Duplicate: 0.5, Corrupt: 0.3, Reorder: 0.3},
		{Name: "f2", Delay: LognormalLatency(10*ms, 0.5), Jitter: 0.1, Bandwidth: 64000},
	}})
	var got []string
	for n := range uint64(6) {
		v := p.Judge(link12, n)
		got = append(got, fmt.Sprintf("%v %v %v %v %d %d", v.Lost, v.Twice, v.Corrupt, v.Corrupt2, v.Delay, v.Delay2))
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(rulesForEver), "\n"), got); diff != "" {
		t.Errorf("(-once +now)\n%s", diff)
	}
}

const rulesForEver = `
false true true false 296001348 563366507
false false true false 121852948 0
false false true false 145585669 0
false false false false 527625786 0
false false true false 36059839 0
false true false true 150794614 34024437
`

func TestAtAndNext(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	p := Plan{Loss: 0.5, Rules: []Rule{
		{Name: "a", Loss: 1, Until: at(20)}, {Name: "b", Loss: 1}, {Name: "c", Loss: 1, Until: at(10)},
	}}
	names := func(p *Plan) (all string) {
		for _, r := range p.Rules {
			all += r.Name
		}
		return all
	}
	for _, c := range []struct {
		now  int
		left string
		next time.Time
	}{{0, "abc", at(10)}, {9, "abc", at(10)}, {10, "ab", at(20)}, {19, "ab", at(20)}, {20, "b", time.Time{}}} {
		if left := p.At(at(c.now)); names(left) != c.left || left.Loss != 0.5 {
			t.Errorf("after %d s: %q", c.now, names(left))
		}
		if next := p.Next(at(c.now)); !next.Equal(c.next) {
			t.Errorf("after %d s: next %v", c.now, next)
		}
	}
	if p.At(at(0)) != &p || names(&p) != "abc" {
		t.Error("a plan none of whose rules has ended is not itself")
	}
}

func TestClock(t *testing.T) {
	p := check(t, Plan{Rules: []Rule{
		{Name: "a", Clock: time.Hour}, {Name: "b", Nodes: ids(2), Clock: -3 * time.Hour}, {Name: "c", Loss: 1},
		{Name: "d", Nodes: ids(3), Clock: MaxClock}, {Name: "e", Nodes: ids(4), Clock: -MaxClock},
	}})
	for id, want := range map[gossip.NodeID]time.Duration{1: time.Hour, 2: -2 * time.Hour, 3: MaxClock, 4: time.Hour - MaxClock} {
		if got := p.Clock(id); got != want {
			t.Errorf("node %d: %v, want %v", id, got, want)
		}
	}
	if (&Plan{}).Clocks() || !p.Clocks() {
		t.Error("whether rules are about clocks")
	}
}

func TestPlansTellWhatIsWrongWithRules(t *testing.T) {
	for want, p := range map[string]Plan{
		`two faults have the name "f1"`: {Rules: []Rule{{Name: "f1", Loss: 1}, {Name: "f1", Cut: true}}},
		"fault f2: loss 2 must":         {Loss: 1, Rules: []Rule{{Name: "f1", Loss: 1}, {Name: "f2", Loss: 2}}},
		"does nothing":                  {Rules: []Rule{{Name: "f"}}},
		"too many":                      {Rules: make([]Rule, MaxRules+1)},
		"65 bytes is too long":          {Rules: []Rule{{Name: strings.Repeat("x", 65), Loss: 1}}},
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestEqualRules(t *testing.T) {
	all := []Rule{
		{}, {Name: "a"}, {Nodes: ids(1)}, {Nodes: ids(2)}, {Peers: ids(1)}, {Groups: [][]gossip.NodeID{{1}}}, {Groups: [][]gossip.NodeID{{2}}}, {OneWay: true},
		{Direction: In}, {Cut: true}, {Loss: 0.1}, {Duplicate: 0.1}, {Corrupt: 0.1}, {Reorder: 0.1}, {Delay: ConstantLatency(1)}, {Jitter: 1},
		{Bandwidth: 1}, {Clock: 1}, {Until: time.Unix(1, 0)},
	}
	for i := range all {
		for j := range all {
			if all[i].Equal(&all[j]) != (i == j) {
				t.Errorf("%+v and %+v", all[i], all[j])
			}
		}
	}
}

func TestRulesInWords(t *testing.T) {
	until := time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)
	for want, r := range map[string]Rule{
		"loss 50 % of what nodes 1-3 send":                            {Nodes: ids(1, 2, 3), Direction: Out, Loss: 0.5},
		"loss 0.1 % of what node 7 is sent":                           {Nodes: ids(7), Direction: In, Loss: 0.001},
		"loss 29 % of all packets":                                    {Loss: 0.29},
		"cut what node 4 sends and is sent":                           {Nodes: ids(4), Cut: true},
		"cut what goes between nodes 1-2 and 5":                       {Nodes: ids(1, 2), Peers: ids(5), Cut: true},
		"duplicate 10 % of what node 1 sends to 2,4":                  {Nodes: ids(1), Peers: ids(2, 4), Direction: Out, Duplicate: 0.1},
		"corrupt 1 % of what node 1 is sent by 2":                     {Nodes: ids(1), Peers: ids(2), Direction: In, Corrupt: 0.01},
		"corrupt 1 % of what node 2 is sent":                          {Peers: ids(2), Direction: Out, Corrupt: 0.01},
		"delay constant:10ms, jitter 50 % for what nodes 1,3 send":    {Nodes: ids(1, 3), Direction: Out, Delay: ConstantLatency(10 * ms), Jitter: 0.5},
		"bandwidth 64000 bytes/s, reorder 5 % of all packets":         {Bandwidth: 64000, Reorder: 0.05},
		"partition 1-2 / 3":                                           {Cut: true, Groups: [][]gossip.NodeID{{1, 2}, {3}}},
		"one-way partition 1 / 3, until 2026-11-20T17:00:00Z":         {Cut: true, OneWay: true, Groups: [][]gossip.NodeID{{1}, {3}}, Until: until},
		"loss 50 % of what goes between 1 / 3":                        {Loss: 0.5, Groups: [][]gossip.NodeID{{1}, {3}}},
		"loss 50 % of what goes from a group to a later one of 1 / 3": {Loss: 0.5, OneWay: true, Groups: [][]gossip.NodeID{{1}, {3}}},
		"clock +1h0m0s of nodes 1-2":                                  {Clock: time.Hour, Nodes: ids(1, 2)},
		"clock -1s of all nodes":                                      {Clock: -time.Second},
		"nothing":                                                     {},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestJudgingRulesAllocatesNothing(t *testing.T) {
	p := check(t, Plan{Seed: 1, Latency: LognormalLatency(10*ms, 0.5), Duplicate: 0.5, Rules: []Rule{
		{Name: "a", Loss: 0.1, Nodes: ids(1, 5)}, {Name: "b", Corrupt: 0.1, Delay: ExponentialLatency(ms)}, {Name: "c", Cut: true, Groups: [][]gossip.NodeID{{8}, {9}}},
	}})
	n := uint64(0)
	if allocs := testing.AllocsPerRun(1000, func() { n++; p.Judge(link12, n) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// No rule whose check passes makes Judge do what cannot be carried out.
func TestJudgementsCanBeCarriedOut(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := Plan{Seed: seed, Latency: LognormalLatency(MaxLatency, MaxSigma), Jitter: MaxJitter, Duplicate: 0.5}
		for k := range 5 {
			p.Rules = append(p.Rules, Rule{
				Name: fmt.Sprint(k), Loss: rng.Float64() / 5, Duplicate: rng.Float64(), Corrupt: rng.Float64(), Reorder: rng.Float64(),
				Delay: LognormalLatency(MaxLatency, MaxSigma), Jitter: MaxJitter, Bandwidth: rng.Int64N(MaxBandwidth),
			})
		}
		for _, v := range each(t, p, 100) {
			if v.Delay < 0 || v.Delay2 < 0 || v.Bandwidth < 0 || v.Lost && v != (Verdict{Fate: Fate{Lost: true}}) || !v.Twice && (v.Delay2 > 0 || v.Corrupt2) {
				t.Fatalf("seed %d: %+v", seed, v)
			}
		}
	}
}
