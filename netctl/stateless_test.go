//go:build linux

package netctl_test

import (
	"os"
	"path/filepath"
	"testing"

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
