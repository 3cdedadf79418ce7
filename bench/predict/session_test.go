package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// smallPlan compares everything, as little as can be.
func smallPlan() plan {
	return plan{
		comparisons: []comparison{
			{name: "plain", protocol: "flood", nodes: 8, degree: 3, networks: 2, warm: 1, messages: 2, every: time.Millisecond},
			{name: "other settings", protocol: "push", settings: []string{"interval=9ms", "fanout=2"}, nodes: 8, degree: 4, networks: 1,
				messages: 1, every: time.Millisecond, lossy: true},
			{name: "bare", protocol: "flood", nodes: 8, degree: 3, networks: 1, messages: 1, every: time.Millisecond, bare: true},
		},
		budget: budget{broadcasts: 2, every: time.Millisecond, simulations: 2},
		rest:   rest{between: time.Millisecond, patience: time.Minute},
	}
}

// measureFake runs a small session against a gossipctl in the given mood, and makes sure that it leaves neither
// a file nor a network. Before, if there is one, changes the plan.
func measureFake(t *testing.T, ctx context.Context, mood string, before func(*plan)) (r *Report, log string, err error) {
	t.Helper()
	path, log := useFake(t, mood)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	o := options{gossipctl: path, basePort: 7000, latency: "constant:1ms", plan: smallPlan()}
	if before != nil {
		before(&o.plan)
	}
	r, err = measure(ctx, o, io.Discard)
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left %v in the folder for temporary files", left)
	}
	if starts, stops := asked(t, log, "start-network"), asked(t, log, "stop-network"); len(stops) < len(starts)-1 {
		t.Errorf("stopped %d times what was started %d times", len(stops), len(starts))
	}
	return r, log, err
}

func TestMeasure(t *testing.T) {
	r, log, err := measureFake(t, t.Context(), fine, nil)
	if err != nil || !r.Complete {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(r.Rows) != 3 || len(r.Budget) != 5 {
		t.Fatalf("%d rows and %d of the budget", len(r.Rows), len(r.Budget))
	}
	same := Pair{Figure{Mean: 24}, Figure{Mean: 24}}
	if got := r.Rows[0]; got.Verdict != OK || got.Networks != 2 || got.Packets != same || got.MeanHops.Real.Mean != 2 || got.LastMS.Predicted.Mean != 7 {
		t.Errorf("%+v", got)
	}
	if got := r.Rows[2].Verdict; got != Stated {
		t.Errorf("what is on bare loopback is %s", got)
	}
	// Of 30 nodes that get it a millisecond apart, half have it after 14 ms.
	want := BudgetRow{Nodes: 30, Kind: processes, Broadcasts: 2, PerNode: only(3), Coverage: only(1), HalfMS: only(14), NineTenthMS: only(26),
		LastMS: only(29), Verdict: Short}
	if d := cmp.Diff(want, r.Budget[0]); d != "" {
		t.Errorf("real budget (-want +got):\n%s", d)
	}
	want.Kind = simulated
	if d := cmp.Diff(want, r.Budget[1]); d != "" {
		t.Errorf("simulated budget (-want +got):\n%s", d)
	}

	// Both worlds are asked for the same.
	for command, words := range map[string][]string{
		"start-network": {
			"random 3 -n 8 --seed 1 --protocol flood --repair none --latency constant:1ms --base-port 7000",
			"random 3 -n 8 --seed 2 --protocol flood --repair none --latency constant:1ms --base-port 7000",
			"random 4 -n 8 --seed 1 --protocol push --repair none --set interval=9ms --set fanout=2 --latency constant:1ms --base-port 7000",
			"random 3 -n 8 --seed 1 --protocol flood --repair none --base-port 7000",
			"complete -n 30 --seed 1 --protocol transmit-limited --repair none --base-port 7000",
		},
		"simulate": {
			"flood --runs 1 --until quiet --nodes 8 --topology random:3 --seed 1 --messages 3 --discard 1 --every 1ms --origins 8 --latency constant:1ms",
			"flood --runs 1 --until quiet --nodes 8 --topology random:3 --seed 2 --messages 3 --discard 1 --every 1ms --origins 8 --latency constant:1ms",
			"push --runs 1 --until quiet --nodes 8 --topology random:4 --seed 1 --messages 1 --discard 0 --every 1ms --origins 8 --latency constant:1ms" +
				" --set interval=9ms --set fanout=2",
			"flood --runs 1 --until quiet --nodes 8 --topology random:3 --seed 1 --messages 1 --discard 0 --every 1ms --origins 8 --latency constant:1ms",
			"transmit-limited --runs 1 --until quiet --nodes 30 --topology complete --seed 1",
			"transmit-limited --runs 1 --until quiet --nodes 30 --topology complete --seed 2",
			"transmit-limited --runs 1 --until quiet --nodes 100 --topology complete --seed 1",
			"transmit-limited --runs 1 --until quiet --nodes 100 --topology complete --seed 2",
		},
	} {
		var got []string
		for _, line := range asked(t, log, command) {
			line, _, _ = strings.Cut(line, " in ")
			line = strings.TrimPrefix(line, command+" -o json ")
			got = append(got, strings.TrimPrefix(line, "--timeout 1m0s --network predict "))
		}
		if d := cmp.Diff(words, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", command, d)
		}
	}
	if sent := len(asked(t, log, "send-message")); sent != 2*3+1+1+3 {
		t.Errorf("%d messages were sent", sent)
	}
	if waited := len(asked(t, log, "wait-message")); waited != 2*2+1 {
		t.Errorf("%d messages were waited for, and only those count that reach everybody", waited)
	}
}

func TestDifferencesAreVerdicts(t *testing.T) {
	r, _, err := measureFake(t, t.Context(), otherHops, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Rows[0].Verdict; got != Short {
		t.Errorf("3 hops instead of 2 are %s", got)
	}
}

func TestTakenPorts(t *testing.T) {
	r, log, err := measureFake(t, t.Context(), portTaken, nil)
	if err != nil || !r.Complete {
		t.Fatalf("%+v, %v", r, err)
	}
	starts := asked(t, log, "start-network")
	if !strings.Contains(starts[0], "--base-port 7000") || !strings.Contains(starts[1], "--base-port 7009") {
		t.Errorf("after a port was taken, others were not tried: %q", starts[:2])
	}
}

func TestFailures(t *testing.T) {
	for mood, words := range map[string]string{
		noStart:    "node 3 did not come up try 1",
		babble:     "not the JSON agreed on",
		restless:   "has not come to rest",
		fewReached: "fewer than nine tenths",
		endless:    "did not end quiet",
	} {
		t.Run(mood, func(t *testing.T) {
			r, _, err := measureFake(t, t.Context(), mood, func(p *plan) {
				if mood == restless {
					p.rest.patience = 50 * time.Millisecond
				}
			})
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%v", err)
			}
			if r == nil || r.Complete {
				t.Errorf("the report of a run that failed is %+v", r)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path, log := useFake(t, hanging)
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	status := make(chan int)
	go func() { status <- run(ctx, []string{"--gossipctl", path}, &stdout, &stderr) }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		text, _ := os.ReadFile(log)
		if strings.Contains(string(text), "hangs now") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no message was sent")
		}
		select {
		case <-time.After(time.Millisecond):
		case s := <-status:
			t.Fatalf("ended with %d: %s", s, &stderr)
		}
	}
	cancel()
	if got := <-status; got != 130 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("status %d, stderr %s", got, &stderr)
	}
	if !strings.Contains(stdout.String(), early) {
		t.Errorf("the table does not say that it ended early:\n%s", &stdout)
	}
	if len(asked(t, log, "stop-network")) == 0 {
		t.Error("the network was not stopped")
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		words  string
	}{
		{[]string{"--help"}, 0, "--timeout"},
		{[]string{"flood"}, 2, "no arguments"},
		{[]string{"-o", "xml"}, 2, "table, markdown or json"},
		{[]string{"--base-port", "0"}, 2, "--base-port"},
		{[]string{"--quick", "--update", "x"}, 2, "--quick measures too little"},
		{[]string{"--gossipctl", "/no/such"}, 1, "no gossipctl at"},
	} {
		var stderr bytes.Buffer
		if got := run(t.Context(), c.args, io.Discard, &stderr); got != c.status || !strings.Contains(strings.ReplaceAll(stderr.String(), "-timeout", "--timeout"), c.words) {
			t.Errorf("%q: status %d, stderr %s", c.args, got, &stderr)
		}
	}
}
