package fault

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

func check(t *testing.T, p Plan) *Plan {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestCheckTellsEverything(t *testing.T) {
	check(t, Plan{})
	check(t, Plan{Latency: UniformLatency(0, MaxLatency), PerLink: true, Symmetric: true, Jitter: MaxJitter, Loss: 1, Duplicate: 1})
	nan := math.NaN()
	for name, c := range map[string]struct {
		plan Plan
		want []string
	}{
		"shares":    {Plan{Loss: -0.1, Duplicate: 1.1, Jitter: 11}, []string{"jitter 11 ", "loss -0.1 ", "duplicate 1.1 "}},
		"no number": {Plan{Loss: nan, Duplicate: nan, Jitter: nan}, []string{"jitter NaN ", "loss NaN ", "duplicate NaN "}},
		"infinite":  {Plan{Jitter: math.Inf(1)}, []string{"jitter +Inf "}},
		"latency":   {Plan{Latency: UniformLatency(2*ms, ms), Loss: 2}, []string{"latency uniform:2ms,1ms", "loss 2 "}},
		"symmetric": {Plan{Symmetric: true}, []string{"symmetric"}},
	} {
		err := c.plan.Check()
		if err == nil {
			t.Errorf("%s: nothing is wrong", name)
			continue
		}
		sentences := strings.Split(err.Error(), "\n")
		if len(sentences) != len(c.want) {
			t.Errorf("%s: %q", name, sentences)
			continue
		}
		for i := range sentences {
			if !strings.Contains(sentences[i], c.want[i]) {
				t.Errorf("%s: %q does not say %q", name, sentences[i], c.want[i])
			}
		}
	}
}

// What a seed means is written down in scenarios and bug reports, so it must never change: neither
// with a new version, nor from one processor to the next.
func TestJudgementsAreForEver(t *testing.T) {
	got := []string{}
	for _, p := range []Plan{
		{Seed: 1, Loss: 0.5},
		{Seed: 1, Duplicate: 0.5, Latency: UniformLatency(10*ms, 150*ms)},
		{Seed: 2, Latency: ExponentialLatency(10 * ms)},
		{Seed: 3, Latency: LognormalLatency(10*ms, 0.5), Jitter: 0.1},
		{Seed: math.MaxUint64, Latency: LognormalLatency(time.Second, 3)},
		{Seed: 4, Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Jitter: 0.1},
		{Seed: 4, Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Symmetric: true},
	} {
		check(t, p)
		for _, l := range []Link{{1, 2}, {2, 1}, {math.MaxInt32, 7}} {
			for _, n := range []uint64{0, 1, 1 << 59} {
				v := p.Judge(l, n)
				got = append(got, fmt.Sprintf("%v %t %d %d", v.Lost, v.Twice, v.Delay, v.Delay2))
			}
		}
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(forEver), "\n"), got); diff != "" {
		t.Errorf("(-once +now)\n%s", diff)
	}
}

func TestNothingIsDoneToPacketsOfACalmPlan(t *testing.T) {
	for _, p := range []Plan{{}, {Seed: 9}, {Jitter: 1}, {Latency: ConstantLatency(0)}, {Latency: ConstantLatency(0), Jitter: 1}, {PerLink: true}} {
		for n := range uint64(1000) {
			if v := p.Judge(Link{1, 2}, n); v != (Verdict{}) {
				t.Fatalf("%+v: %+v", p, v)
			}
		}
	}
}

func TestShares(t *testing.T) {
	const n = 100_000
	for _, want := range []float64{0, 0.01, 0.2, 0.5, 0.99, 1} {
		p := check(t, Plan{Seed: 5, Loss: want, Duplicate: want})
		lost, twice := 0, 0
		for i := range uint64(n) {
			switch v := p.Judge(Link{3, 4}, i); {
			case v.Lost && v != Verdict{Fate: Fate{Lost: true}}:
				t.Fatalf("%+v of a lost packet", v)
			case v.Lost:
				lost++
			case v.Twice:
				twice++
			}
		}
		for what, got := range map[string]float64{"lost": float64(lost) / n, "twice": float64(twice) / n} {
			expect := want
			if what == "twice" {
				expect *= 1 - want // what is lost does not come twice
			}
			if sd := math.Sqrt(expect * (1 - expect) / n); math.Abs(got-expect) > 4*sd {
				t.Errorf("share %v: %v %s, should be %v", want, got, what, expect)
			}
		}
	}
}

// A packet's other fates stay as they are when one sort of fault is turned up or down.
func TestFaultsDoNotDisturbEachOther(t *testing.T) {
	all := check(t, Plan{Seed: 6, Latency: UniformLatency(ms, 9*ms), Jitter: 0.5, Loss: 0.3, Duplicate: 0.3})
	seldom, noDuplicates, noJitter, noLatency := *all, *all, *all, *all
	seldom.Loss = 0.1
	noDuplicates.Duplicate = 0
	noJitter.Jitter = 0
	noLatency.Latency = Latency{}
	for n := range uint64(10_000) {
		l := Link{gossip.NodeID(1 + n%7), gossip.NodeID(8 + n%5)}
		v := all.Judge(l, n)
		if w := seldom.Judge(l, n); w.Lost && !v.Lost {
			t.Fatalf("packet %d is lost where fewer are", n)
		} else if !v.Lost && w != v {
			t.Fatalf("packet %d: %+v, with less loss %+v", n, v, w)
		}
		if v.Lost {
			continue
		}
		if w := noDuplicates.Judge(l, n); w != (Verdict{Delay: v.Delay}) {
			t.Fatalf("packet %d: %+v, without duplicates %+v", n, v, w)
		}
		if w := noJitter.Judge(l, n); w.Twice != v.Twice || w.Delay > v.Delay || v.Delay > w.Delay*3/2+1 {
			t.Fatalf("packet %d: %+v, without jitter %+v", n, v, w)
		}
		if w := noLatency.Judge(l, n); w != (Verdict{Fate: Fate{Twice: v.Twice}}) {
			t.Fatalf("packet %d: %+v, without latency %+v", n, v, w)
		}
	}
}

// PerLink: one latency for each link, spread over links as the plan says.
func TestLatencyPerLink(t *testing.T) {
	for _, symmetric := range []bool{false, true} {
		p := check(t, Plan{Seed: 7, Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Symmetric: symmetric, Duplicate: 0.5})
		var drawn []float64
		for a := gossip.NodeID(1); a <= 100; a++ {
			for b := a + 1; b <= 100; b++ {
				there, back := p.Judge(Link{a, b}, 0), p.Judge(Link{b, a}, 0)
				drawn = append(drawn, float64(there.Delay))
				if !symmetric {
					drawn = append(drawn, float64(back.Delay))
				}
				if same := there.Delay == back.Delay; same != symmetric {
					t.Fatalf("%d and %d, symmetric %v: %v there, %v back", a, b, symmetric, there.Delay, back.Delay)
				}
				for n := range uint64(5) {
					if v := p.Judge(Link{a, b}, n); v.Delay != there.Delay || v.Twice && v.Delay2 != there.Delay {
						t.Fatalf("packet %d took %+v, packet 0 %v", n, v, there.Delay)
					}
				}
			}
		}
		uniform := func(x float64) float64 { return (x - 10e6) / 140e6 }
		fits(t, fmt.Sprintf("symmetric %v", symmetric), drawn, uniform)
	}
}

func TestJitter(t *testing.T) {
	p := check(t, Plan{Seed: 8, Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Jitter: 0.1, Duplicate: 1})
	steady := *p
	steady.Jitter = 0
	var first, second []float64 // as parts of the most there can be
	for a := range gossip.NodeID(100) {
		l := Link{a + 1, a + 2}
		base := float64(steady.Judge(l, 0).Delay)
		for n := range uint64(200) {
			v := p.Judge(l, n)
			first = append(first, (float64(v.Delay)-base)/(0.1*base))
			second = append(second, (float64(v.Delay2)-base)/(0.1*base))
		}
	}
	if least, most := slices.Min(first), slices.Max(first); least < 0 || most > 1+1e-6 {
		t.Errorf("jitter from %v to %v", least, most)
	}
	uniform := func(x float64) float64 { return x }
	fits(t, "first copies", first, uniform)
	fits(t, "second copies", second, uniform)
	unrelated(t, "first and second copies", first, second)
}

func TestJudgeAllocatesNothing(t *testing.T) {
	p := check(t, Plan{Seed: 1, Latency: LognormalLatency(10*ms, 0.5), PerLink: true, Symmetric: true, Jitter: 0.1, Loss: 0.1, Duplicate: 0.5})
	n := uint64(0)
	if allocs := testing.AllocsPerRun(1000, func() { n++; p.Judge(Link{1, 2}, n) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct {
		name string
		plan Plan
	}{
		{"calm", Plan{}},
		{"constant", Plan{Latency: ConstantLatency(10 * ms)}},
		{"loss", Plan{Loss: 0.2}},
		{"uniform", Plan{Latency: UniformLatency(10*ms, 150*ms)}},
		{"exponential", Plan{Latency: ExponentialLatency(10 * ms)}},
		{"lognormal", Plan{Latency: LognormalLatency(10*ms, 0.5)}},
		{"per link with jitter", Plan{Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Jitter: 0.1}},
		{"everything", Plan{Latency: UniformLatency(10*ms, 150*ms), PerLink: true, Symmetric: true, Jitter: 0.1, Loss: 0.2, Duplicate: 0.1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var sum time.Duration
			n := uint64(0)
			for b.Loop() {
				n++
				sum += c.plan.Judge(Link{gossip.NodeID(n & 1023), 2}, n).Delay
			}
			_ = sum
		})
	}
}

// forEver holds, line by line: lost, twice, delay, delay of the second copy.
const forEver = `
true false 0 0
true false 0 0
true false 0 0
false false 0 0
false false 0 0
true false 0 0
false false 0 0
true false 0 0
true false 0 0
false true 66742503 115199158
false true 16529470 35101143
false true 30344913 21487846
false false 144994707 0
false false 115265549 0
false false 61068352 0
false false 97548151 0
false false 116773241 0
false false 72154752 0
false false 42686659 0
false false 1106772 0
false false 6667160 0
false false 11225603 0
false false 8783733 0
false false 24957954 0
false false 5566210 0
false false 998464 0
false false 3854294 0
false false 17941965 0
false false 13130496 0
false false 9608031 0
false false 9818255 0
false false 4284914 0
false false 22336804 0
false false 11886011 0
false false 11322754 0
false false 10739149 0
false false 1128501559 0
false false 11786901 0
false false 35887318466 0
false false 12919037 0
false false 2301105830 0
false false 6749594443 0
false false 3742687636 0
false false 425395504 0
false false 3984820920 0
false false 110782480 0
false false 108777589 0
false false 108281744 0
false false 77713294 0
false false 73261056 0
false false 77163457 0
false false 129660268 0
false false 134990048 0
false false 131108448 0
false false 53782302 0
false false 53782302 0
false false 53782302 0
false false 53782302 0
false false 53782302 0
false false 53782302 0
false false 20000268 0
false false 20000268 0
false false 20000268 0
`
