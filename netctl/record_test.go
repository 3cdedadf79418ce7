//go:build linux

package netctl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/netctl"
	"gossipctl/trace"
)

// judged has the program judge the network, which must give that exit status.
func (l *lab) judged(code int) check.Verdict {
	l.t.Helper()
	return parse[check.Verdict](l.t, l.must(code, nil, "check-run", "-o", "json"))
}

// events are what stands in one of the network's logs.
func (l *lab) events(name string) (events []trace.Event) {
	l.t.Helper()
	f, err := os.Open(filepath.Join(l.folder(), check.EventsFolder, name))
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if err := trace.ReadLog(f, func(_ int, e *trace.Event) { events = append(events, *e) }); err != nil {
		l.t.Fatal(err)
	}
	return events
}

// A recorded network is judged with nodes that die, stand still, come and go.
func TestARecordedNetworkIsJudged(t *testing.T) {
	l := newLab(t)
	v := l.start(8, "--record")
	l.arrives(1, "all alive")
	l.arrives(2, "from one who will die")
	if got := l.judged(0); got.Live != 8 || got.Messages != 2 {
		t.Errorf("%+v", got)
	} else if i := slices.IndexFunc(got.Checked, func(c check.Checked) bool { return c.Guarantee == check.Conservation }); got.Checked[i].Facts < 2*2*12 {
		t.Errorf("of the %d links both ways, each by two laws, %d facts were checked", 12, got.Checked[i].Facts)
	}
	if err := syscall.Kill(v.Nodes[1].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "node 2 is dead", func() bool { return l.node(2).State == netctl.Dead })
	l.arrives(3, "without node 2")
	l.must(0, nil, "add-node")
	l.must(0, nil, "remove-node", "4")
	l.arrives(9, "with node 9")
	pause(t, v.Nodes[4].PID)
	got := parse[check.Verdict](t, l.run("check-run", "-o", "json"))
	if got.Valid == check.False || got.Live != 6 { // node 9 was never sent what came before it
		t.Errorf("%+v", got)
	}
	if err := syscall.Kill(v.Nodes[4].PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.run("check-run")
	var told strings.Builder
	for _, e := range l.events(check.ControllerName) {
		fmt.Fprintf(&told, "%s %d %s\n", e.Kind, e.Node, e.Reason)
	}
	for i, e := range l.events(check.ControllerName) {
		if e.Kind == trace.End && e.Count != uint64(i) {
			t.Errorf("behind %d lines the controller says that there are %d", i, e.Count)
		}
	}
	want := "start 0 \nend 0 \nkill 2 killed, signal 9\n"
	if !strings.HasPrefix(told.String(), want) || !strings.Contains(told.String(), "pause 5 \nend 0 \nresume 5 \nend 0") {
		t.Errorf("the controller tells\n%s", told.String())
	}
}

// Of a network whose controller has died there is what was written until then.
func TestARecordOutlastsItsController(t *testing.T) {
	l := newLab(t)
	v := l.start(4, "--record")
	l.must(0, nil, "send-message", "1", "banana")
	l.must(0, nil, "wait-message", "1.1.1")
	if err := syscall.Kill(v.Controller.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "all are gone", func() bool { return len(l.processes()) == 0 })
	r := l.must(7, []string{"There was no final read", "unknown"}, "check-run")
	if !strings.Contains(r.out, "there was no final read of the network") {
		t.Error(r)
	}
	l.must(0, []string{"verdict: unknown"}, "export-network", "--output", filepath.Join(t.TempDir(), "run.tgz"))
}

// What is done to a network is in its record: it is judged by the rules that hold while it is broken, and
// by all of them once it is whole again.
func TestARecordedNetworkIsBrokenAndMended(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(10, "--record")
	l.arrives(1, "before")
	l.must(0, nil, "partition-network", "1-5", "/", "6-10")
	l.must(0, nil, "set-fault", "--loss", "50%")
	l.must(0, nil, "pause-node", "4")
	l.must(0, nil, "kill-node", "7")
	for _, from := range []string{"1", "2", "8", "9"} {
		l.must(0, nil, "send-message", from, "from "+from)
	}
	l.must(0, nil, "restart-node", "7")
	l.judged(7)
	l.must(0, nil, "resume-node", "4")
	l.must(0, nil, "heal-network")
	l.must(0, nil, "clear-faults")
	l.hold(15*time.Second, []string{"before", "from 1", "from 2", "from 8", "from 9"}, numbers(1, 10)...)
	if v := l.judged(0); v.Valid != check.True || v.Live != 10 {
		t.Errorf("%+v", v)
	}
	done := map[trace.Kind]int{}
	for _, e := range l.events(check.ControllerName) {
		done[e.Kind]++
	}
	if done[trace.Fault] != 2 || done[trace.Heal] != 2 || done[trace.Pause] != 1 || done[trace.Resume] != 1 || done[trace.Kill] != 1 {
		t.Errorf("%v", done)
	}
}

// Paused nodes pass nothing on: what the others have is judged within the parts between them.
func TestARecordedNetworkIsPartedByPauses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "circular", "--record")
	l.must(0, nil, "pause-node", "2,4")
	l.send(1, "on one side")
	if v := l.judged(7); v.Valid != check.Unknown || v.Live != 2 || !strings.Contains(strings.Join(v.Unknown, "; "), "in 2 parts") {
		t.Errorf("%+v", v)
	}
}
