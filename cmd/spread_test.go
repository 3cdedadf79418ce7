package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lab is a user with a home of their own who types commands.
type lab struct {
	t   *testing.T
	env []string
}

func newLab(t *testing.T) *lab {
	home := t.TempDir()
	env := append(os.Environ(), environment(home, freeBlock(t))...)
	t.Cleanup(func() { stopAll(t, env, home) })
	return &lab{t, env}
}

// run runs a command and returns its stdout.
func (l *lab) run(args ...string) ([]byte, error) {
	c := exec.Command(filepath.Join(bin, "gossipctl"), args...)
	c.Env = l.env
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("gossipctl %v: %w\n%s", args, err, errs.Bytes())
	}
	return out.Bytes(), nil
}

// must runs a command that has to work, and reads its JSON into v, if there is one.
func (l *lab) must(v any, args ...string) {
	l.t.Helper()
	if v != nil {
		args = append(args, "-o", "json")
	}
	out, err := l.run(args...)
	if err != nil {
		l.t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(out, v); err != nil {
			l.t.Fatal(err)
		}
	}
}

type nodesJSON struct {
	Nodes []struct {
		ID, PID, Messages int
		State             string
	}
	Topology struct{ Edges int }
}

type traceJSON struct {
	Reached, Nodes, Packets int
	Redundancy              float64
}

// Two hundred messages given to 64 nodes at once by as many processes: every one of them reaches
// every node, and costs exactly one packet for each directed edge.
func TestNoSilentLoss(t *testing.T) {
	l := newLab(t)
	var started nodesJSON
	l.must(&started, "start-network", "random", "3", "-n", "64", "--seed", "7")
	const messages = 200
	ids := make([]string, messages)
	errs := make([]error, messages)
	var group sync.WaitGroup
	for i := range messages {
		group.Go(func() {
			var sent struct{ ID string }
			var out []byte
			if out, errs[i] = l.run("send-message", strconv.Itoa(1+i%64), "message "+strconv.Itoa(i), "-o", "json"); errs[i] == nil {
				errs[i] = json.Unmarshal(out, &sent)
				ids[i] = sent.ID
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		l.must(nil, "wait-message", id, "-q")
	}
	var network nodesJSON
	l.must(&network, "show-network")
	deliveries := 0
	for _, n := range network.Nodes {
		deliveries += n.Messages
	}
	if want := 64 * messages; deliveries != want {
		t.Errorf("%d of %d deliveries", deliveries, want)
	}
	// A node has a message before its last copies have come, so packets are counted when they rest.
	total, want := 0, messages*2*started.Topology.Edges
	for _, id := range ids {
		var tr traceJSON
		for end := time.Now().Add(20 * time.Second); ; {
			l.must(&tr, "trace-message", id)
			if tr.Packets >= 2*started.Topology.Edges && int(tr.Redundancy*63+0.5) >= tr.Packets-63 || time.Now().After(end) {
				break
			}
		}
		total += tr.Packets
	}
	if total != want {
		t.Errorf("%d packets, want exactly %d", total, want)
	}
}

// A stopped and a dead neighbour, first in every list of peers, hold up nothing for the others; the
// stopped one has everything once it goes on.
func TestAStoppedAndADeadNeighbour(t *testing.T) {
	l := newLab(t)
	var network nodesJSON
	l.must(&network, "start-network", "complete", "-n", "6")
	stopped, dead := network.Nodes[0].PID, network.Nodes[1].PID
	// The pids are of the network this test has started a moment ago.
	if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(stopped, syscall.SIGCONT) })
	if err := syscall.Kill(dead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var slowest time.Duration
	for i := range 20 {
		begun := time.Now()
		var sent struct{ ID string }
		l.must(&sent, "send-message", strconv.Itoa(3+i%4), "banana")
		l.must(nil, "wait-message", sent.ID, "--nodes", "3-6", "--timeout", "5s", "-q")
		slowest = max(slowest, time.Since(begun))
	}
	if slowest > 4*time.Second { // waiting for a neighbour would take the 2 s of a dial, or for ever
		t.Errorf("a message took %v", slowest)
	}
	l.must(&network, "show-network")
	for id, want := range map[int]string{1: "paused", 2: "dead", 3: "running"} {
		if got := network.Nodes[id-1].State; got != want {
			t.Errorf("node %d is %s, want %s", id, got, want)
		}
	}
	if err := syscall.Kill(stopped, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.must(nil, "wait-message", "6.1.5", "--nodes", "1", "--timeout", "20s", "-q")
	l.must(&network, "show-network")
	if got := network.Nodes[0].Messages; got != 20 {
		t.Errorf("the node that was stopped has %d of 20 messages", got)
	}
}
