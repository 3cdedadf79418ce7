//go:build linux

package netctl_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
)

// Inboxes with messages outlast their state file: only --discard removes them.
func TestInboxesWithoutAStateFileStay(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(l *lab) error{
		"missing": func(l *lab) error { return os.Remove(l.stateFile()) },
		"damaged": func(l *lab) error { return os.Truncate(l.stateFile(), 100) },
		"set aside": func(l *lab) error {
			err := os.Truncate(l.stateFile(), 100)
			l.must(0, []string{"set aside as state.json.bad", "the inboxes stay in"}, "doctor", "--fix")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := keepLab(t)
			l.start(4, "--durable")
			l.arrives(1, "hello")
			l.must(0, nil, "stop-network", "--keep")
			good, err := os.ReadFile(l.stateFile())
			if err == nil {
				err = spoil(l)
			}
			if err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(l.folder(), "data")
			still := func() {
				t.Helper()
				if files, err := filepath.Glob(filepath.Join(data, "node-*.inbox")); len(files) != 4 {
					t.Fatalf("of 4 inboxes there are %q, %v", files, err)
				}
			}
			l.must(6, []string{"4 inboxes are in " + data, "stop-network --discard --network " + l.name}, l.startArgs(4)...)
			still()
			if name == "damaged" {
				l.must(1, []string{"is damaged"}, "stop-network")
				l.must(1, []string{"is damaged"}, "start-network", "--resume")
			} else {
				l.must(0, []string{"Its inboxes stay in " + data}, "stop-network")
				l.must(0, []string{"Its inboxes stay in " + data}, "stop-network", "--keep")
				l.must(3, []string{"the state file of network", "is missing", data}, "start-network", "--resume")
				wants(t, l.doctor(0), "network", netctl.FindingWarn, false, "4 inboxes are in "+data, "--discard")
			}
			still()

			// With the state file back everything is as it was.
			if err := os.WriteFile(l.stateFile(), good, 0o600); err != nil {
				t.Fatal(err)
			}
			l.resume()
			if got := l.bodies(2); len(got) != 1 {
				t.Error(got)
			}
			l.must(0, nil, "stop-network", "--keep")
			if err := spoil(l); err != nil {
				t.Fatal(err)
			}
			l.must(0, nil, "stop-network", "--discard")
			if _, err := os.Lstat(l.folder()); err == nil {
				t.Error("it was discarded and is still there")
			}
			l.start(4)
		})
	}
}

// A network that runs while its state file is damaged ends before it is discarded.
func TestDiscardEndsWhatRunsWithoutAState(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	l.start(4, "--durable")
	l.arrives(1, "hello")
	if err := os.Truncate(l.stateFile(), 100); err != nil {
		t.Fatal(err)
	}
	l.must(0, []string{"its state file was damaged"}, "stop-network", "--discard")
	if len(l.processes()) > 0 {
		t.Error("something of it runs")
	}
	if _, err := os.Lstat(l.folder()); err == nil {
		t.Error("it is still there")
	}
}

// What a durable network does not find again on its disk it says, and what it cuts off it keeps.
func TestLostInboxesAreSaid(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	l.start(4, "--durable", "--repair", "none") // which would bring the messages back
	for i := range 4 {
		l.arrives(1, "message "+strconv.Itoa(i))
	}
	l.must(0, nil, "stop-network", "--keep")
	inbox := func(id int) string { return filepath.Join(l.folder(), "data", fmt.Sprintf("node-%d.inbox", id)) }
	spoil := func(id int) {
		t.Helper()
		data, err := os.ReadFile(inbox(id))
		if err != nil {
			t.Fatal(err)
		}
		data[bytes.Index(data, []byte("message 1"))] ^= 1
		if err := os.WriteFile(inbox(id), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoil(2)
	if err := errors.Join(os.Remove(inbox(3)), os.Truncate(inbox(4), 0)); err != nil {
		t.Fatal(err)
	}
	l.resume("Warning: the inbox file of nodes 3-4 was missing or empty", "Warning: the inbox file of node 2 was damaged", "node-*.inbox.bad")
	if kept, err := os.ReadFile(inbox(2) + ".bad"); err != nil || !bytes.Contains(kept, []byte("message 3")) {
		t.Errorf("what was cut off is not kept: %v", err)
	}
	for id, want := range map[gossip.NodeID]int{1: 4, 2: 1, 3: 0} {
		if got := l.bodies(id); len(got) != want {
			t.Errorf("node %d: %q", id, got)
		}
	}
	l.must(0, nil, "stop-network", "--keep")
	if r := l.must(0, nil, "start-network", "--resume"); strings.Contains(r.err, "Warning") {
		t.Errorf("it is said twice: %v", r)
	}

	// The same when a node is started again.
	l.must(0, nil, "kill-node", "1,4")
	spoil(1)
	if err := os.Remove(inbox(4)); err != nil {
		t.Fatal(err)
	}
	l.must(0, []string{"the inbox file of node 4 was missing or empty", "the inbox file of node 1 was damaged"}, "restart-node", "1,4")
}

// When the time is over before the answer comes, what was asked may have been done: that is said.
func TestWhatMayHaveBeenDone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(4)
	pause(t, v.Controller.PID)
	for _, args := range [][]string{{"kill-node", "2"}, {"set-fault", "1", "--loss", "1%"}, {"remove-node", "3"}} {
		l.must(4, []string{"the controller did not answer in time", "may have been done, or may be done yet"}, append(args, "--timeout", "200ms")...)
	}
	kill(t, v.Controller.PID, syscall.SIGCONT)
	eventually(t, 5*time.Second, "it is done yet", func() bool { return l.node(2).State == netctl.Dead })
	r := l.must(4, []string{"did not stop in time; it may be stopping all the same", "run it again with a longer --timeout"}, "stop-network", "--timeout", "1ms")
	if strings.Contains(r.err, "context") {
		t.Error(r)
	}
	l.must(0, nil, "stop-network")
}
