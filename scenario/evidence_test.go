package scenario

import (
	"bytes"
	"strings"
	"testing"

	"gossipctl/check"
	"gossipctl/trace"
)

// unsure fails unless a run can neither be called good nor bad, because of something.
func unsure(t *testing.T, r *Result, because string) {
	t.Helper()
	if r.Verdict.Valid != check.Unknown || r.State() != Unknown || !strings.Contains(strings.Join(r.Verdict.Unknown, "; "), because) {
		t.Errorf("%v, %v %+v %q %+v; want unknown because of %q", r.State(), r.Verdict.Valid, r.Verdict.Violations, r.Verdict.Unknown, r.Assertions, because)
	}
}

// Paused nodes pass nothing on: those that live need not agree across them.
func TestPausedNodesPartTheOthers(t *testing.T) {
	s := written(t, `
name: x
network: {nodes: 8, topology: circular}
workload: {messages: 20, every: 50ms}
timeline: [{at: 100ms, pause: "1,5"}]
settle: 12s
`)
	r := simulate(t, s, 1, Options{})
	unsure(t, r, "in 2 parts")
}

// A run that ends before repair can have gone round, or while packets are on their way, has not failed yet.
func TestTooEarlyIsUnknown(t *testing.T) {
	for _, c := range []struct{ repair, because string }{{"anti-entropy", "do not have everything yet"}, {"none", "on their way"}} {
		s := written(t, `
name: x
network: {nodes: 8, topology: random:3, repair: `+c.repair+`}
workload: {messages: 5, every: 200ms}
settle: 0s
`)
		unsure(t, simulate(t, s, 1, Options{}), c.because)
	}
}

// Of a run that nobody outlived, or in which nothing was accepted, there is nothing to be said in praise.
func TestNothingToJudgeIsUnknown(t *testing.T) {
	for name, c := range map[string]struct{ text, because string }{
		"all killed":  {"workload: {messages: 5, every: 1s}\ntimeline: [{at: 1s, kill: all}]", "no node lived"},
		"all paused":  {"workload: {messages: 5, every: 1s}\ntimeline: [{at: 4500ms, pause: all}]", "no node lived"},
		"no messages": {"workload: {messages: 0}", ""},
	} {
		r := simulate(t, written(t, `
name: x
network: {nodes: 8, topology: random:3}
`+c.text+`
settle: 12s
assert: {inboxes: equal, coverage: ">= 1 within 5s after publish", latency_p50: "<= 1s", latency_p99: "<= 1s", redundancy: "<= 4"}
`), 1, Options{})
		if c.because != "" {
			unsure(t, r, c.because)
		}
		for _, a := range r.Assertions {
			if a.State != Unknown && (a.Name != "verdict" && a.Name != "redundancy" || c.because != "" && a.Name == "verdict") {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if r.State() != Unknown {
			t.Errorf("%s: %v", name, r.State())
		}
	}
}

// Of a saved run no line about a node can be taken without its being noticed.
func TestLinesTakenFromASavedRun(t *testing.T) {
	var log bytes.Buffer
	r := simulate(t, open(t, "chaos", Override{}), 1, Options{Log: &log})
	judge := func(kind trace.Kind) check.Verdict {
		c := check.New(r.Conditions)
		taken := false
		if err := trace.ReadLog(bytes.NewReader(log.Bytes()), func(_ int, e *trace.Event) {
			if e.Kind != kind || taken {
				c.Event(e)
				return
			}
			taken = true
		}); err != nil || !taken && kind != "" {
			t.Fatalf("%s: %v", kind, err)
		}
		return c.Verdict()
	}
	if v := judge(""); v.Valid != check.True {
		t.Fatalf("whole: %v %q", v.Valid, v.Unknown)
	}
	for _, kind := range []trace.Kind{trace.Send, trace.Receive, trace.Deliver, trace.Publish, trace.Accept, trace.Inbox, trace.Link, trace.Heard, trace.End, trace.Start} {
		if v := judge(kind); v.Valid != check.Unknown {
			t.Errorf("without a %s: %v %+v", kind, v.Valid, v.Violations)
		}
	}
}
