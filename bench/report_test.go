package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a report of every kind of row.
func sample() *Report {
	r := &Report{Machine: Machine{CPUs: 2, Platform: "linux/amd64", Go: "go1.26", Load: 0.25, LimitProcs: 1}, Complete: true, Rows: []Row{}}
	row := func(what, unit string, limit *float64, g goal) Row {
		return Row{What: what, Nodes: 16, Unit: unit, Limit: limit, Target: g.target, Stretch: g.stretch}
	}
	r.add(row("start-network", unitMS, new(20.0), startGoal), finding{value: 30})
	r.add(row("stop-network", unitMS, new(4.0), stopGoal(100)), finding{value: 123.4})
	r.add(row("burst", unitPerSecond, new(1_600_000.0), burstGoal), finding{value: 1_234_567})
	r.add(row("missing", unitDeliveries, new(0.0), missingGoal), finding{value: 12})
	r.add(row("memory", unitMB, nil, goal{}), finding{value: 1.234})
	r.add(row("list-peers", unitMS, new(2.0), commandGoal), finding{err: errUnasked})
	r.add(row("failing", unitMS, new(2.0), commandGoal), finding{err: errors.New("no\nsuch " + strings.Repeat("long ", 30) + "luck")})
	r.add(row("nothing to show", unitMS, nil, commandGoal), finding{err: errUnasked})
	return r
}

func TestTable(t *testing.T) {
	want := `2 CPUs, linux/amd64, go1.26, load 0.25 before the run; GOMAXPROCS of the limit programs: 1
ratio = gossipctl ÷ limit, both measured in this run; medians; MB = 10^6 bytes

what           nodes        limit    gossipctl    ratio  target         stretch        verdict  note
start-network     16        20 ms        30 ms   1.50 ×  ≤ 1.6 × limit  ≤ 1.3 × limit  ok
stop-network      16         4 ms       123 ms  30.85 ×  ≤ 37.8 ms      ≤ 2 × limit    short
burst             16  1,600,000/s  1,234,567/s   0.77 ×  ≥ 350,000/s    ≥ 0.5 × limit  ok
missing           16            0           12        –  ≤ 0                           short
memory            16            –      1.23 MB        –                                stated
list-peers        16         2 ms            –        –  ≤ 8 ms         ≤ 5 ms         unasked
failing           16         2 ms            –        –  ≤ 8 ms         ≤ 5 ms         failed   no such ` + strings.Repeat("long ", 18) + `l…
`
	if d := cmp.Diff(want, sample().table()); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
	early := sample()
	early.Complete = false
	if !strings.Contains(early.table(), "rows are missing") {
		t.Error("the table of a run that ended early does not say so")
	}
}

func TestReportJSON(t *testing.T) {
	text, err := json.Marshal(sample().Rows[2])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"section":"","what":"burst","nodes":16,"unit":"per_second","limit":1600000,"gossipctl":1234567,"ratio":0.771604375,` +
		`"target":{"value":350000,"times_limit":false,"at_least":true},"stretch":{"value":0.5,"times_limit":true,"at_least":true},"verdict":"ok"}`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
	text, err = json.Marshal(newReport(1))
	if err != nil || !strings.Contains(string(text), `"rows":[]`) {
		t.Errorf("an empty report is %s, error %v; want an empty list of rows", text, err)
	}
}

func TestJudge(t *testing.T) {
	limit := new(10.0)
	for _, c := range []struct {
		bound *Bound
		got   float64
		limit *float64
		want  Verdict
	}{
		{nil, 1, limit, Stated},
		{atMost(8), 8, nil, OK},
		{atMost(8), 8.01, nil, Short},
		{atLeast(8), 8, nil, OK},
		{atLeast(8), 7.99, nil, Short},
		{atMostTimesLimit(2), 20, limit, OK},
		{atMostTimesLimit(2), 20.1, limit, Short},
		{atLeastTimesLimit(0.5), 5, limit, OK},
		{atLeastTimesLimit(0.5), 4.9, limit, Short},
		{atMostTimesLimit(2), 1, nil, Stated},
	} {
		if got := c.bound.judge(c.got, c.limit); got != c.want {
			t.Errorf("%+v judges %v as %s; want %s", c.bound, c.got, got, c.want)
		}
	}
}

func TestStopGoalPassesThroughTheStatedSizes(t *testing.T) {
	for nodes, want := range map[int]float64{4: 15, 16: 15, 136: 47.5, 256: 80, 1000: 300} {
		if got := stopGoal(nodes).target.Value; got != want {
			t.Errorf("%d nodes: %v ms; want %v", nodes, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{3: {3}, 2: {9, 1, 2}, 2.5: {3, 9, 2, 1}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v; want %v", values, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for want, c := range map[string]struct {
		v    float64
		unit string
	}{
		"0.123 ms":    {0.1234, unitMS},
		"18.5 ms":     {18.46, unitMS},
		"1235 ms":     {1234.6, unitMS},
		"999/s":       {999, unitPerSecond},
		"1,000/s":     {999.9, unitPerSecond},
		"1,234,568/s": {1234567.8, unitPerSecond},
		"48":          {48, unitPackets},
		"1.50 MB":     {1.5, unitMB},
	} {
		if got := number(c.v, c.unit); got != want {
			t.Errorf("%v %s is shown as %q; want %q", c.v, c.unit, got, want)
		}
	}
}
