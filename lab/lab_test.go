package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func do(t *testing.T, x Experiment) *Report {
	t.Helper()
	rep, err := Run(t.Context(), x, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestFloodCounts(t *testing.T) {
	rep := do(t, Experiment{Protocol: "flood", Nodes: 64, Overlay: "random", Runs: 20, Seed: 1, Every: time.Second})
	if rep.Packets.Min != 192 || rep.Packets.Max != 192 || rep.Coverage.Min != 1 || rep.Control.Max != 0 {
		t.Errorf("packets %+v, coverage %+v", rep.Packets, rep.Coverage)
	}
	if want := 192.0/63 - 1; math.Abs(rep.Redundancy.Mean-want) > 1e-9 {
		t.Errorf("redundancy %v, want %v", rep.Redundancy.Mean, want)
	}
	if rep.TLast.Mean != rep.MaxHops.Mean || rep.TAve.Mean != rep.MeanHops.Mean {
		t.Errorf("a hop takes a millisecond: t_last %v, hops %v; t_ave %v, hops %v", rep.TLast.Mean, rep.MaxHops.Mean, rep.TAve.Mean, rep.MeanHops.Mean)
	}
	if rep.Rounds || rep.Endings[EndQuiet] != 20 || !rep.Complete || len(rep.Each) != 20 {
		t.Errorf("%+v", rep)
	}
}

// TestWorkersDoNotMatter does the same runs one at a time and many at a time.
func TestWorkersDoNotMatter(t *testing.T) {
	x := Experiment{Protocol: "flood", Nodes: 50, Overlay: "smallworld", Runs: 24, Seed: 7, Loss: 0.2, Messages: 3, Every: time.Millisecond,
		Latency: fault.ExponentialLatency(5 * time.Millisecond), Origins: 3}
	reports := make([]*Report, 2)
	for i, workers := range []int{1, 5} {
		x.Workers = workers
		reports[i] = do(t, x)
	}
	ignore := cmpopts.IgnoreFields(Report{}, "Wall", "Experiment", "Each")
	if diff := cmp.Diff(reports[0], reports[1], ignore); diff != "" {
		t.Errorf("(-one worker +five)\n%s", diff)
	}
	other := x
	other.Seed = 8
	if cmp.Equal(reports[0], do(t, other), ignore) {
		t.Error("another seed gives the same")
	}
}

// TestRunsCanBeRepeatedAlone takes the seed of one run of many and does that run alone.
func TestRunsCanBeRepeatedAlone(t *testing.T) {
	x := Experiment{Protocol: "flood", Nodes: 40, Overlay: "random", Runs: 5, Seed: 3, Latency: fault.ExponentialLatency(time.Millisecond)}
	fourth := do(t, x).Each[3]
	x.Runs, x.Seed = 1, fourth.Seed
	alone := do(t, x).Each[0]
	if alone.TLast != fourth.TLast || alone.Packets != fourth.Packets || alone.MeanHops != fourth.MeanHops {
		t.Errorf("%+v\n%+v", fourth, alone)
	}
}

func TestMisuse(t *testing.T) {
	for _, c := range []struct {
		x    Experiment
		word string
	}{
		{Experiment{Protocol: "fluud"}, "fluud"},
		{Experiment{Protocol: "flood", Nodes: -1}, "-1 nodes"},
		{Experiment{Protocol: "flood", Nodes: MaxNodes + 1}, "nodes"},
		{Experiment{Protocol: "flood", Runs: -1}, "runs"},
		{Experiment{Protocol: "flood", Overlay: "donut"}, "donut"},
		{Experiment{Protocol: "flood", Overlay: "random", Nodes: 5, Degree: 3}, "5"},
		{Experiment{Protocol: "flood", Settings: map[string]string{"relays": "0"}}, "relays=0"},
		{Experiment{Protocol: "flood", Settings: map[string]string{"colour": "red"}}, "colour"},
		{Experiment{Protocol: "flood", Loss: 1.5}, "1.5"},
		{Experiment{Protocol: "flood", Messages: 3, Discard: 3}, "left out"},
		{Experiment{Protocol: "flood", Nodes: 1_000_000, Messages: 1_000_000}, "deliveries"},
		{Experiment{Protocol: "flood", Origins: 2000}, "origins"},
		{Experiment{Protocol: "flood", Relays: 5000}, "5000"},
		{Experiment{Protocol: "flood", Until: Until{When: "tomorrow"}}, "tomorrow"},
		{Experiment{Protocol: "flood", Churn: Churn{Rate: math.NaN()}}, "churn"},
		{Experiment{Protocol: "flood", WarmUp: math.MaxInt64}, "years"},
		{Experiment{Protocol: "flood", Messages: 1000, Every: 10_000 * time.Hour}, "years"},
		{Experiment{Protocol: "flood", Overlay: "random", Degree: -1}, "random:-1"},
		{Experiment{Protocol: "flood", Nodes: 10_000_000, MaxMemory: 64 << 20}, "memory"},
	} {
		rep, err := Run(t.Context(), c.x, nil)
		if rep != nil || !errors.Is(err, ErrMisuse) || !strings.Contains(err.Error(), c.word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", c.x, err)
		}
	}
}

// TestNothingToSay: what no run has is no zero.
func TestNothingToSay(t *testing.T) {
	rep := do(t, Experiment{Protocol: "flood", Nodes: 30, Overlay: "line", Runs: 4, Seed: 1, Loss: 1})
	if rep.Coverage.Runs != 4 || rep.TLast.Runs != 0 || rep.T50.Runs != 0 || rep.MeanHops.Runs != 0 || rep.Redundancy.Runs != 0 {
		t.Errorf("%+v", rep)
	}
}

func TestBudget(t *testing.T) {
	if _, err := Run(t.Context(), Experiment{Protocol: "flood", Nodes: 20, Overlay: "random", Runs: 1000, MaxEvents: 1000, Seed: 1}, nil); !errors.Is(err, ErrBudget) {
		t.Errorf("many short runs: %v", err)
	}
	rep, err := Run(t.Context(), Experiment{Protocol: "flood", Nodes: 1000, Overlay: "random", Relays: 1000, MaxEvents: 100_000, Runs: 3, Seed: 1}, nil)
	if rep != nil || !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "100000") {
		t.Errorf("%v, %v", rep, err)
	}
}

func TestMemoryBound(t *testing.T) {
	_, err := Run(t.Context(), Experiment{Protocol: "flood", Nodes: 1000, Overlay: "random", Degree: 20, Relays: 1000, Runs: 1, Seed: 1, MaxMemory: 100 << 20}, nil)
	if !errors.Is(err, ErrMemory) {
		t.Errorf("%v", err)
	}
	runtime.GC()
	// Here each step of the complete graph sends to everybody.
	_, err = Run(t.Context(), Experiment{Protocol: "flood", Nodes: 5000, Runs: 1, Seed: 1, MaxMemory: 200 << 20}, nil)
	if !errors.Is(err, ErrMemory) {
		t.Errorf("%v", err)
	}
	runtime.GC()
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := fmt.Errorf("enough")
	x := Experiment{Protocol: "flood", Nodes: 500, Overlay: "random", Relays: 1000, Runs: 100, Seed: 1}
	_, err := Run(ctx, x, func(Progress) { cancel(why) })
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestProgress(t *testing.T) {
	last := Progress{}
	x := Experiment{Protocol: "flood", Nodes: 50, Overlay: "random", Degree: 4, Runs: 10, Seed: 1}
	if _, err := Run(t.Context(), x, func(p Progress) {
		if p.Done < last.Done || p.Share > 1 || p.Runs != 10 {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}); err != nil {
		t.Fatal(err)
	}
	if last.Done != 10 || last.Share != 1 || last.Events == 0 {
		t.Errorf("in the end %+v", last)
	}
}

func TestUntilATime(t *testing.T) {
	x := Experiment{Protocol: "flood", Nodes: 20, Overlay: "line", Runs: 5, Seed: 1, Until: Until{After: 3 * time.Millisecond}}
	rep := do(t, x)
	if rep.Endings[EndTime] != 5 || rep.TLast.Max > 3 || rep.Coverage.Max > 7.0/20 || rep.Coverage.Min < 4.0/20 {
		t.Errorf("%+v %+v %v", rep.Coverage, rep.TLast, rep.Endings)
	}
}

// TestCurve checks the curve against deliveries whose times are known: on a line from its end, one
// node a millisecond.
func TestCurve(t *testing.T) {
	rep := do(t, Experiment{Protocol: "flood", Nodes: 11, Overlay: "star", Runs: 30, Seed: 1})
	c := rep.Curve
	if c.At[0] != 0 || c.Mean[0] != 1.0/11 || c.Mean[len(c.Mean)-1] != 1 {
		t.Errorf("from %v at %v to %v", c.Mean[0], c.At[0], c.Mean[len(c.Mean)-1])
	}
	for k := range c.Mean {
		if k > 0 && (c.Mean[k] < c.Mean[k-1] || c.At[k] <= c.At[k-1]) || c.Low[k] > c.High[k] {
			t.Fatalf("point %d: at %v %v, band %v to %v", k, c.At[k], c.Mean[k], c.Low[k], c.High[k])
		}
	}
	total := 0.0
	for _, share := range rep.Hops {
		total += share
	}
	if math.Abs(total-1) > 1e-9 {
		t.Errorf("hops add up to %v", total)
	}
}

func TestChurn(t *testing.T) {
	x := Experiment{Protocol: "flood", Nodes: 100, Overlay: "random", Runs: 10, Seed: 1, Messages: 20, Every: 100 * time.Millisecond,
		Churn: Churn{Rate: 0.5, Down: 200 * time.Millisecond}, Until: Until{After: time.Second}}
	rep := do(t, x)
	if rep.Missed == 0 {
		t.Error("no packet met a crashed node")
	}
	if rep.Coverage.Mean <= 0.2 || rep.Coverage.Mean >= 1 {
		t.Errorf("coverage %v", rep.Coverage.Mean)
	}
	x.Churn.Down = 0 // nobody comes back
	if gone := do(t, x); gone.Endings[EndTime] != 10 {
		t.Errorf("%v", gone.Endings)
	}
}

func TestStat(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Stat
	}{
		{[]float64{3}, Stat{Runs: 1, Mean: 3, Low: 3, High: 3, Min: 3, Max: 3, P10: 3, P50: 3, P90: 3, P99: 3}},
		{[]float64{5, 1, 3}, Stat{Runs: 3, Mean: 3, SD: 2, Low: 3 - 4.968276, High: 3 + 4.968276, Min: 1, Max: 5, P10: 1, P50: 3, P90: 5, P99: 5}},
	} {
		if diff := cmp.Diff(c.want, newStat(c.values), cmpopts.EquateApprox(0, 1e-5)); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.values, diff)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]float64{"0.05": 0.05, "5%": 0.05, "100%": 1, "0": 0} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1.5", "-1%", "NaN", "five", "101%"} {
		if _, err := ParseShare(text); !errors.Is(err, ErrMisuse) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := ParseChurn("1%:5s"); err != nil || c != (Churn{0.01, 5 * time.Second}) {
		t.Errorf("%v, %v", c, err)
	}
	for _, text := range []string{"", "1%:", "x:5s", "1%:-5s"} {
		if _, err := ParseChurn(text); !errors.Is(err, ErrMisuse) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]uint64{"4GiB": 4 << 30, "1.5 GB": 1_500_000_000, "2000000": 2_000_000, "1MiB": 1 << 20} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "4", "-1GiB", "NaN", "1e30GiB"} {
		if _, err := ParseBytes(text); !errors.Is(err, ErrMisuse) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
