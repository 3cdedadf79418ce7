package scenario

import (
	"strings"
	"testing"

	"gossipctl/check"
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
