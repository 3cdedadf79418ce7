package fault

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gossipctl/gossip"
)

// fits complains when values do not follow the distribution with that cumulative function: by
// chi-square over 50 parts that should hold the same number, and by Kolmogorov and Smirnov's largest
// distance. Seeds are fixed, so it never complains by chance.
func fits(t *testing.T, what string, values []float64, cumulative func(float64) float64) {
	t.Helper()
	const parts = 50
	if len(values) < 10*parts {
		t.Fatalf("%s: %d values are too few", what, len(values))
	}
	var counts [parts]int
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	distance := 0.0
	for i, v := range sorted {
		u := cumulative(v)
		if !(u >= -1e-6 && u <= 1+1e-6) {
			t.Errorf("%s: %v is outside", what, v)
			return
		}
		counts[min(max(int(u*parts), 0), parts-1)]++
		distance = max(distance, math.Abs(u-float64(i)/n), math.Abs(u-float64(i+1)/n))
	}
	chi := chiSquare(counts[:], n/parts)
	if limit := chiLimit(parts - 1); chi > limit {
		t.Errorf("%s: chi-square of %d parts is %.1f, more than %.1f", what, parts, chi, limit)
	}
	if limit := 2.23 / math.Sqrt(n); distance > limit { // one in 10,000
		t.Errorf("%s: the distance is %.5f, more than %.5f", what, distance, limit)
	}
}

// unrelated complains when two equally long lists of numbers, each spread evenly from 0 to 1, are not
// independent: by chi-square over a table of 10 by 10.
func unrelated(t *testing.T, what string, a, b []float64) {
	t.Helper()
	const parts = 10
	if len(a) != len(b) || len(a) < 10*parts*parts {
		t.Fatalf("%s: %d and %d values", what, len(a), len(b))
	}
	counts := make([]int, parts*parts)
	for i := range a {
		counts[min(int(a[i]*parts), parts-1)*parts+min(int(b[i]*parts), parts-1)]++
	}
	if chi, limit := chiSquare(counts, float64(len(a))/(parts*parts)), chiLimit(parts*parts-1); chi > limit {
		t.Errorf("%s: chi-square %.1f, more than %.1f", what, chi, limit)
	}
}

func chiSquare(counts []int, expected float64) float64 {
	sum := 0.0
	for _, c := range counts {
		sum += (float64(c) - expected) * (float64(c) - expected) / expected
	}
	return sum
}

// chiLimit is what chi-square exceeds once in 10,000 times (Wilson and Hilferty 1931).
func chiLimit(freedom float64) float64 {
	const z = 3.719
	return freedom * math.Pow(1-2/(9*freedom)+z*math.Sqrt(2/(9*freedom)), 3)
}

// A test that cannot fail proves nothing: what is biased or related must be found.
func TestTheTestsCanFail(t *testing.T) {
	on, other := newStream(1, Link{1, 2}), newStream(1, Link{1, 3})
	var biased, values, similar []float64
	for n := range uint64(20_000) {
		u, v := share(on.draw(n, 0)), share(other.draw(n, 0))
		biased = append(biased, math.Pow(u, 1.1))
		values = append(values, u)
		if n%10 == 0 {
			v = u
		}
		similar = append(similar, v)
	}
	even := func(x float64) float64 { return x }
	fits(t, "even", values, even)
	var probe testing.T
	fits(&probe, "", biased, even)
	if !probe.Failed() {
		t.Error("a bias is not found")
	}
	probe = testing.T{}
	unrelated(&probe, "", values, similar)
	if !probe.Failed() {
		t.Error("a relation is not found")
	}
}

// axes are the directions in which draws lie beside each other: the packets of a link, the links
// out of a node, those into one, those along a ring, and the seeds of one packet.
var axes = map[string]func(i uint64) (seed uint64, l Link, n uint64){
	"packets": func(i uint64) (uint64, Link, uint64) { return 1, Link{1, 2}, i },
	"out":     func(i uint64) (uint64, Link, uint64) { return 1, Link{1, gossip.NodeID(i + 2)}, 0 },
	"in":      func(i uint64) (uint64, Link, uint64) { return 1, Link{gossip.NodeID(i + 2), 1}, 0 },
	"ring":    func(i uint64) (uint64, Link, uint64) { return 1, Link{gossip.NodeID(i + 1), gossip.NodeID(i + 2)}, 0 },
	"seeds":   func(i uint64) (uint64, Link, uint64) { return i, Link{1, 2}, 0 },
	"high":    func(i uint64) (uint64, Link, uint64) { return i << 40, Link{1, 2}, i << 20 },
}

// Along every axis each distribution is what it should be: in shape, mean and standard deviation.
func TestDistributions(t *testing.T) {
	const n = 100_000
	for _, c := range []struct {
		latency    Latency
		mean, sd   float64 // in ms
		cumulative func(ms float64) float64
	}{
		{UniformLatency(10*ms, 150*ms), 80, 140 / math.Sqrt(12), func(x float64) float64 { return (x - 10) / 140 }},
		{ExponentialLatency(10 * ms), 10, 10, func(x float64) float64 { return 1 - math.Exp(-x/10) }},
		{LognormalLatency(10*ms, 0.5), 10 * math.Exp(0.125), 10 * math.Exp(0.125) * math.Sqrt(math.Exp(0.25)-1),
			func(x float64) float64 { return 0.5 + 0.5*math.Erf(math.Log(x/10)/(0.5*math.Sqrt2)) }},
	} {
		for axis, at := range axes {
			what := fmt.Sprintf("%v along %s", c.latency, axis)
			values := make([]float64, n)
			sum, squares := 0.0, 0.0
			for i := range values {
				seed, l, k := at(uint64(i))
				p := Plan{Seed: seed, Latency: c.latency}
				v := float64(p.Judge(l, k).Delay) / 1e6
				values[i] = v
				sum += v
				squares += (v - c.mean) * (v - c.mean)
			}
			fits(t, what, values, c.cumulative)
			if mean := sum / n; math.Abs(mean-c.mean) > 4*c.sd/math.Sqrt(n) {
				t.Errorf("%s: mean %.3f ms, should be %.3f", what, mean, c.mean)
			}
			if sd := math.Sqrt(squares / n); math.Abs(sd/c.sd-1) > 0.02 {
				t.Errorf("%s: standard deviation %.3f ms, should be %.3f", what, sd, c.sd)
			}
		}
	}
}

// Neighbours along every axis have nothing to do with each other, nor has what is drawn for the same
// packet for different purposes.
func TestDrawsAreIndependent(t *testing.T) {
	const n = 50_000
	for axis, at := range axes {
		column := func(p purpose, shift uint64, turned bool) []float64 {
			values := make([]float64, n)
			for i := range values {
				seed, l, k := at(uint64(i) + shift)
				if turned {
					l = Link{l.To, l.From}
				}
				values[i] = share(newStream(seed, l).draw(k, p))
			}
			return values
		}
		base := column(forLatency, 0, false)
		for _, shift := range []uint64{1, 2, 3, 16, 64, 1000, 65536} {
			unrelated(t, fmt.Sprintf("%d further along %s", shift, axis), base, column(forLatency, shift, false))
		}
		unrelated(t, "there and back along "+axis, base, column(forLatency, 0, true))
		var all [purposes][]float64
		for p := range all {
			all[p] = column(purpose(p), 0, false)
			for q := range p {
				unrelated(t, fmt.Sprintf("purposes %d and %d along %s", p, q, axis), all[p], all[q])
			}
		}
	}
}

// Losses come neither in runs nor in turns: after a lost packet the next is lost as often as any.
func TestLossesHaveNoMemory(t *testing.T) {
	p := check(t, Plan{Seed: 2, Loss: 0.2})
	const n = 200_000
	var counts [4]float64
	before := 0
	for i := range uint64(n) {
		now := 0
		if p.Judge(Link{1, 2}, i).Lost {
			now = 1
		}
		if i > 0 {
			counts[2*before+now]++
		}
		before = now
	}
	after := counts[3] / (counts[2] + counts[3])
	if sd := math.Sqrt(0.2 * 0.8 / (counts[2] + counts[3])); math.Abs(after-0.2) > 4*sd {
		t.Errorf("after a loss %v are lost", after)
	}
}

func TestFunctionsAgreeWithPackageMath(t *testing.T) {
	near := func(what string, x, got, want, most float64) {
		t.Helper()
		if !(math.Abs(got-want) <= most*max(math.Abs(want), 1e-3)) {
			t.Fatalf("%s(%v) is %v, should be %v", what, x, got, want)
		}
	}
	at := newStream(3, Link{1, 2})
	for n := range uint64(200_000) {
		u := inside(at.draw(n, 0))
		near("ln", u, ln(u), math.Log(u), 1e-15)
		near("ln", u*u*u*u, ln(u*u*u*u), math.Log(u*u*u*u), 1e-15)
		near("normal", u, normal(u), math.Sqrt2*math.Erfinv(2*u-1), 3e-7)
		x := 60*u - 30
		near("exp", x, exp(x), math.Exp(x), 1e-15)
	}
	for _, x := range []float64{0, -700, 700, -1e-9, 1e-300} {
		near("exp", x, exp(x), math.Exp(x), 1e-15)
	}
	// The ends of what can be drawn.
	least, most := inside(0), inside(math.MaxUint64)
	if !(least > 0 && most < 1 && least == 1-most) {
		t.Errorf("from %v to %v", least, most)
	}
	near("ln", least, ln(least), -53*math.Ln2, 1e-15)
	near("ln", most, ln(most), math.Log(most), 1e-9)
	near("normal", least, normal(least), -8.2095, 1e-4)
	near("normal", most, normal(most), 8.2095, 1e-4)
	if share(0) != 0 || share(math.MaxUint64) >= 1 {
		t.Errorf("shares from %v to %v", share(0), share(math.MaxUint64))
	}
}

// Whatever is drawn is a time one can add to another.
func TestLatenciesAreBounded(t *testing.T) {
	for _, l := range []Latency{
		ConstantLatency(MaxLatency), UniformLatency(MaxLatency, MaxLatency), UniformLatency(0, MaxLatency),
		ExponentialLatency(MaxLatency), LognormalLatency(MaxLatency, MaxSigma), LognormalLatency(0, MaxSigma),
	} {
		for _, word := range []uint64{0, 1, 1 << 63, math.MaxUint64 - 1, math.MaxUint64} {
			if d := l.draw(word); d < 0 || d > longest {
				t.Errorf("%v draws %v", l, d)
			}
		}
	}
	if d := (&Latency{Kind: Uniform, Base: 3, Max: 4}).draw(math.MaxUint64); d != 4 {
		t.Errorf("the most of two is %d", d)
	}
}
