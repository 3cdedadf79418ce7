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
