package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// smallPlan measures everything, as little as can be.
func smallPlan() plan {
	return plan{
		starts: []int{4}, singles: []int{4}, bursts: []int{4},
		startTimes: 1, singleTimes: 2, burstTimes: 2, burstCount: 100, askTimes: 2,
		settle: time.Millisecond,
	}
}

// measureFake runs a small session against a gossipctl in the given mood, and makes sure that it
// leaves no process of its own behind.
func measureFake(t *testing.T, ctx context.Context, mood string) (*Report, error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	o := options{gossipctl: useFake(t, mood), limitProcs: 1, plan: smallPlan(), programs: programs}
	report, err := measure(ctx, o, io.Discard)
	if mood != stubborn {
		wantNothingLeft(t, os.Getenv("TMPDIR"))
	}
	return report, err
}

// wantNothingLeft checks that no folder is left, nor a process of this test.
func wantNothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left %v in the folder for temporary files", left)
	}
	if left := fakeNodes(t); len(left) > 0 {
		t.Errorf("left processes %v running", left)
	}
}

// fakeNodes lists the processes that play nodes for this very test.
func fakeNodes(t *testing.T) (pids []int) {
	t.Helper()
	mine := fakeLifeline + "=" + os.Getenv(fakeLifeline)
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		environ, err := os.ReadFile(folder + "/environ")
		if err == nil && pid != os.Getpid() && strings.Contains(string(environ), mine) && !gone(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func find(t *testing.T, r *Report, what string) Row {
	t.Helper()
	for _, row := range r.Rows {
		if row.What == what {
			return row
		}
	}
	t.Fatalf("no row %q in %+v", what, r.Rows)
	return Row{}
}

// whats lists what a report has rows about.
func whats(r *Report) (list []string) {
	for _, row := range r.Rows {
		list = append(list, row.What)
	}
	return list
}

// wantRows are the rows of a small session, in order.
var wantRows = []string{
	"start-network", "stop-network", "one message, last node", "packets of one message",
	"burst, deliveries", "burst, missing", "memory per idle node (PSS)", "peak per node in bursts (RSS)",
	"memory after a burst (PSS)", "list-peers",
}

func TestMeasureFindsEveryNumber(t *testing.T) {
	r, err := measureFake(t, context.Background(), fine)
	if err != nil {
		t.Fatal(err)
	}
	if r.failed() || !r.Complete {
		t.Errorf("failed or incomplete: %+v", r)
	}
	for _, row := range r.Rows {
		if row.Gossipctl == nil || (row.Limit == nil) != (row.What == "memory after a burst (PSS)") {
			t.Errorf("%s: a number is missing: %+v", row.What, row)
		}
	}
	if d := cmp.Diff(wantRows, whats(r)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	// What the fake answers comes out as it went in, and is judged by the goals.
	for what, want := range map[string]struct {
		value   float64
		verdict Verdict
	}{
		"packets of one message": {12, OK},
		"burst, deliveries":      {400_000, OK},
		"burst, missing":         {0, OK},
	} {
		if row := find(t, r, what); *row.Gossipctl != want.value || row.Verdict != want.verdict {
			t.Errorf("%s: %v, %s; want %v, %s", what, *row.Gossipctl, row.Verdict, want.value, want.verdict)
		}
	}
	single := find(t, r, "one message, last node")
	if *single.Gossipctl != 1.25 || single.Note != "p99 2.5 ms" || *single.Ratio != 1.25 / *single.Limit {
		t.Errorf("one message: %+v", single)
	}
	if packets := find(t, r, "packets of one message"); *packets.Limit != 12 || *packets.Ratio != 1 {
		t.Errorf("packets: %+v; the limit sends 12 over 4 nodes with 3 peers each", packets)
	}
	if start := find(t, r, "start-network"); *start.Limit <= 0 || *start.Gossipctl <= 0 {
		t.Errorf("start: %+v", start)
	}
}

func TestALimitsOnlySessionNeedsNoGossipctl(t *testing.T) {
	r, err := measure(context.Background(), options{limitsOnly: true, gossipctl: "/nowhere", plan: smallPlan(), programs: programs}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Limit == nil || row.Gossipctl != nil || row.Verdict != Unasked {
			t.Errorf("%+v", row)
		}
	}
	if len(r.Rows) != len(wantRows)-1 || r.failed() {
		t.Errorf("%d rows, failed %v", len(r.Rows), r.failed())
	}
}

func TestATakenPortIsTriedElsewhere(t *testing.T) {
	r, err := measureFake(t, context.Background(), portTaken)
	if err != nil || r.failed() {
		t.Errorf("failed by a conflict that another block of ports avoids: %v, %+v", err, r.Rows)
	}
}

func TestLossIsAVerdictNotAFailure(t *testing.T) {
	r, err := measureFake(t, context.Background(), lossy)
	if err != nil || r.failed() {
		t.Fatalf("failed: %v", err)
	}
	if row := find(t, r, "burst, missing"); *row.Gossipctl != 12 || row.Verdict != Short || row.Ratio != nil {
		t.Errorf("missing: %+v; want 12, short, no ratio to a limit of 0", row)
	}
}

func TestAFailedCommandIsToldInItsRows(t *testing.T) {
	r, err := measureFake(t, context.Background(), noStart)
	if err != nil {
		t.Fatal(err)
	}
	if !r.failed() {
		t.Error("the report does not count as failed")
	}
	for _, row := range r.Rows {
		if row.Verdict != Failed || !strings.Contains(row.Note, "node 3 did not come up try 1") {
			t.Errorf("%s: %s, %q; want the command's own sentence", row.What, row.Verdict, row.Note)
		}
		if row.Limit == nil && row.What != "memory after a burst (PSS)" {
			t.Errorf("%s: the limit was not measured", row.What)
		}
	}
}

func TestAnAnswerThatIsNoJSONFailsItsRowsOnly(t *testing.T) {
	r, err := measureFake(t, context.Background(), babble)
	if err != nil {
		t.Fatal(err)
	}
	if row := find(t, r, "burst, deliveries"); row.Verdict != Failed || row.Gossipctl != nil {
		t.Errorf("%+v", row)
	}
	if row := find(t, r, "list-peers"); row.Verdict == Failed {
		t.Errorf("%+v; nothing was wrong with it", row)
	}
}

func TestAnInterruptedSessionStopsWhatItStarted(t *testing.T) {
	// Each waits for its moment and returns: a start under way, or a benchmark that hangs.
	for name, c := range map[string]struct {
		moment func(t *testing.T, tmp string)
		rows   []string // measured before
	}{
		"while it starts":   {func(*testing.T, string) {}, []string{"start-network", "stop-network"}},
		"while it measures": {awaitHanging, []string{"start-network", "stop-network", "memory per idle node (PSS)"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			o := options{gossipctl: useFake(t, hanging), limitProcs: 1, plan: smallPlan(), programs: programs}
			began := make(chan struct{}, 1)
			ended := make(chan error, 1)
			var r *Report
			go func() {
				var err error
				r, err = measure(ctx, o, writerFunc(func(text []byte) {
					if strings.Contains(string(text), "messages, 4 nodes: gossipctl") {
						began <- struct{}{}
					}
				}))
				ended <- err
			}()
			<-began
			c.moment(t, tmp)
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.rows, whats(r)); r.Complete || d != "" {
				t.Errorf("complete %v; rows measured before (-want +got):\n%s", r.Complete, d)
			}
			wantNothingLeft(t, tmp)
		})
	}
}

// awaitHanging waits until the fake hangs in its benchmark, of which it leaves a mark.
func awaitHanging(t *testing.T, tmp string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		if found, _ := filepath.Glob(filepath.Join(tmp, "*", "state", hangingMark)); len(found) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Error("the fake never came to its benchmark")
			return
		}
	}
}

func TestANodeLeftBehindIsAnError(t *testing.T) {
	c := &gossipctl{patience: 50 * time.Millisecond, path: useFake(t, stubborn), env: append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())}
	nw, err := c.startNetwork(context.Background(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if ended, err := nw.stop(context.Background()); err == nil {
		t.Errorf("stopping went well: %+v", ended)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestRunPrintsJSONAndExits(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out, errs bytes.Buffer
	args := []string{"--gossipctl", useFake(t, lossy), "--quick", "--sizes", "4", "-o", "json"}
	if status := run(context.Background(), args, &out, &errs); status != 0 {
		t.Fatalf("exit status %d; a missed target is none of its business: %s", status, errs.String())
	}
	var r Report
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if !r.Complete || len(r.Rows) != len(wantRows) || r.Machine.CPUs == 0 || r.Machine.LimitProcs != 1 {
		t.Errorf("%+v", r)
	}
}

func TestRunExitStatus(t *testing.T) {
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		mood   string
		args   []string
		status int
	}{
		"failed":       {context.Background(), noStart, []string{"--sizes", "4", "--quick"}, 1},
		"no gossipctl": {context.Background(), fine, []string{"--gossipctl", "/nowhere/gossipctl"}, 1},
		"misused":      {context.Background(), fine, []string{"--sizes", "5"}, 2},
		"out of time":  {context.Background(), fine, []string{"--timeout", "1ns"}, 4},
		"interrupted":  {interrupted, fine, nil, 130},
		"help":         {context.Background(), fine, []string{"--help"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			args := append([]string{"--gossipctl", useFake(t, c.mood)}, c.args...)
			var out, errs bytes.Buffer
			if got := run(c.ctx, args, &out, &errs); got != c.status {
				t.Errorf("exit status %d; want %d: %s", got, c.status, errs.String())
			}
			if c.status != 0 && errs.Len() == 0 {
				t.Error("failed without a word")
			}
			if c.mood == noStart && !strings.Contains(out.String(), "failed") {
				t.Errorf("the table does not tell what failed:\n%s", out.String())
			}
			wantNothingLeft(t, os.Getenv("TMPDIR"))
		})
	}
}
