package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// measuredNet is a network that the tests of benchmark-network measure.
type measuredNet struct {
	t    *testing.T
	env  []string
	pids map[int]int // of the nodes, by number
}

func startMeasured(t *testing.T, args ...string) *measuredNet {
	t.Helper()
	home := t.TempDir()
	n := &measuredNet{t: t, env: append(os.Environ(), environment(home, freeBlock(t))...), pids: make(map[int]int)}
	t.Cleanup(func() { stopAll(t, n.env, home) })
	var started struct {
		Nodes []struct{ ID, PID int }
	}
	stdout, stderr, status := n.run(append([]string{"start-network", "--seed", "1", "-o", "json"}, args...)...)
	if err := json.Unmarshal(stdout, &started); err != nil || status != 0 {
		t.Fatalf("start-network: exit %d, error %v: %s", status, err, stderr)
	}
	for _, node := range started.Nodes {
		n.pids[node.ID] = node.PID
	}
	return n
}

// command is gossipctl with its output kept, killed when it takes far too long.
func (n *measuredNet) command(args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	n.t.Cleanup(cancel)
	c = exec.CommandContext(ctx, filepath.Join(bin, "gossipctl"), args...)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	c.Env, c.Stdout, c.Stderr, c.WaitDelay = n.env, stdout, stderr, time.Second
	return c, stdout, stderr
}

func (n *measuredNet) run(args ...string) (stdout []byte, stderr string, status int) {
	n.t.Helper()
	c, out, errs := n.command(args...)
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatalf("%v: %v", args, err)
	}
	return out.Bytes(), errs.String(), c.ProcessState.ExitCode()
}

// listed is a node as list-nodes shows it.
type listed struct {
	ID, Messages int
	State        string
}

func (n *measuredNet) node(id int) listed {
	n.t.Helper()
	stdout, stderr, status := n.run("list-nodes", "-o", "json")
	var nodes []listed
	err := json.Unmarshal(stdout, &nodes)
	at := slices.IndexFunc(nodes, func(node listed) bool { return node.ID == id })
	if err != nil || status != 0 || at < 0 {
		n.t.Fatalf("list-nodes: exit %d, error %v: %s", status, err, stderr)
	}
	return nodes[at]
}

// await asks again and again whether something is so.
func (n *measuredNet) await(what string, so func() bool) {
	n.t.Helper()
	for begun := time.Now(); !so(); {
		if time.Since(begun) > time.Minute {
			n.t.Fatalf("after a minute, it is still not so that the %s", what)
		}
	}
}

// measurement is the JSON as the contract has it; strict decoding makes sure that nothing is added
// or renamed unnoticed.
type measurement struct {
	Network, Protocol string
	Topology          map[string]any
	Nodes             int
	PayloadBytes      int `json:"payload_bytes"`
	Relays            int
	WarmUps           int `json:"warm_up_messages"`
	Single            *struct {
		Messages, Missing int
		Last              struct{ P50, P99, Max float64 } `json:"last_ms"`
		Median            struct{ P50, P99, Max float64 } `json:"median_ms"`
	}
	Burst *struct {
		Messages, Senders, Deliveries, Missing, Retries, Foreign int
		Seconds, Redundancy                                      float64
		Accepted                                                 float64 `json:"accepted_seconds"`
		Rate                                                     float64 `json:"deliveries_per_second"`
		Packets                                                  int
		Dropped                                                  map[string]int
		Unasked                                                  []int
		Heap                                                     struct{ Before, After int } `json:"heap_bytes"`
	}
	Error *struct{ Code, Message, Hint string }
}

// measure runs benchmark-network and reads the one JSON document it must print.
func (n *measuredNet) measure(want int, args ...string) measurement {
	n.t.Helper()
	stdout, stderr, status := n.run(append([]string{"benchmark-network", "-o", "json"}, args...)...)
	if status != want {
		n.t.Fatalf("%v: exit %d, want %d: %s", args, status, want, stderr)
	}
	var m measurement
	d := json.NewDecoder(bytes.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || d.More() {
		n.t.Fatalf("%v: error %v; want one document and only known keys in\n%s", args, err, stdout)
	}
	return m
}

func TestBenchmarkNetwork(t *testing.T) {
	n := startMeasured(t, "random", "3", "-n", "6", "--inbox", "1000")
	m := n.measure(0, "--single", "7", "--burst", "601", "--size", "100", "--senders", "5", "--relays", "2")
	if m.Nodes != 6 || m.PayloadBytes != 100 || m.Relays != 2 || m.WarmUps < 1 || m.Network != "default" || m.Protocol != "flood" || m.Error != nil {
		t.Errorf("%+v", m)
	}
	if s := m.Single; s.Messages != 7 || s.Missing != 0 || s.Median.P50 <= 0 || s.Last.P50 < s.Median.P50 || s.Last.P99 < s.Last.P50 || s.Last.Max < s.Last.P99 || s.Last.Max > 60_000 {
		t.Errorf("single: %+v", *s)
	}
	b := *m.Burst
	if b.Messages != 601 || b.Senders != 5 || b.Deliveries != 6*601 || b.Missing != 0 || b.Foreign != 0 || len(b.Unasked) != 0 || len(b.Dropped) != 0 {
		t.Errorf("burst: %+v", b)
	}
	if got := float64(b.Deliveries) / b.Seconds; b.Seconds <= 0 || b.Accepted <= 0 || got > 1.01*b.Rate || got < 0.99*b.Rate {
		t.Errorf("%d deliveries in %v s are not %v a second", b.Deliveries, b.Seconds, b.Rate)
	}
	// Six nodes with three peers each have 18 directed edges, and every one carries two copies.
	if b.Packets != 601*18*2 || b.Redundancy != float64(b.Packets)/(601*5)-1 || b.Heap.Before == 0 || b.Heap.After == 0 {
		t.Errorf("%d packets, redundancy %v, heap %+v", b.Packets, b.Redundancy, b.Heap)
	}

	// Each part alone; and what has no room is refused before anything is sent.
	if m := n.measure(0, "--single", "0", "--burst", "50", "--size", "0"); m.Single != nil || m.Burst.Deliveries != 300 || m.Burst.Senders != 4 {
		t.Errorf("a burst alone: %+v", m)
	}
	if m := n.measure(0, "--single", "1", "--burst", "0"); m.Burst != nil || m.Single.Last.P50 != m.Single.Last.Max {
		t.Errorf("one message alone: %+v", m)
	}
	if m := n.measure(2, "--single", "0", "--burst", "400"); m.Error == nil || !strings.Contains(m.Error.Message, "room for 405 messages") {
		t.Errorf("too much for the inboxes: %+v", m.Error)
	}
	for _, args := range [][]string{
		{"--single", "0", "--burst", "0"}, {"--single", "-1"}, {"--size", "70000"}, {"--senders", "0"}, {"--senders", "7"}, {"--relays", "0"}, {"--burst", "x"},
	} {
		if m := n.measure(2, args...); m.Error == nil || m.Error.Code != "usage" {
			t.Errorf("%v: %+v", args, m.Error)
		}
	}
	stdout, stderr, status := n.run("benchmark-network", "--single", "3", "--burst", "100")
	for _, want := range []string{"random 3 · 6 nodes", "to the last node", "600, that is", "deliveries missing   none", "redundancy"} {
		if !strings.Contains(string(stdout), want) || status != 0 || stderr != "" {
			t.Errorf("exit %d, %q missing in\n%s%s", status, want, stdout, stderr)
		}
	}
}

// pause stops nodes for the rest of the test and returns when the network has seen it.
func (n *measuredNet) pause(ids ...int) {
	n.t.Helper()
	for _, id := range ids {
		syscall.Kill(n.pids[id], syscall.SIGSTOP)
		n.t.Cleanup(func() { syscall.Kill(n.pids[id], syscall.SIGCONT) })
		n.await("node is paused", func() bool { return n.node(id).State == "paused" })
	}
}

// A node that is stopped takes no part: it neither counts as missing nor holds up the others.
func TestBenchmarkLeavesOutAPausedNode(t *testing.T) {
	n := startMeasured(t, "random", "3", "-n", "6")
	n.pause(2)
	m := n.measure(0, "--single", "5", "--burst", "500")
	if m.Nodes != 5 || m.Single.Missing != 0 || m.Burst.Deliveries != 2500 || m.Burst.Missing != 0 {
		t.Errorf("%+v %+v", m, *m.Burst)
	}
	n.pause(1, 3, 4, 5, 6)
	if m := n.measure(3); m.Error.Code != "not_running" {
		t.Errorf("no node runs: %+v", m.Error)
	}
}

func TestBenchmarkRefusesANetworkInParts(t *testing.T) {
	n := startMeasured(t, "circular", "-n", "4")
	n.pause(1, 3)
	if m := n.measure(2); m.Error.Code != "usage" || !strings.Contains(m.Error.Message, "2 parts") {
		t.Errorf("%+v", m.Error)
	}
}

// many messages are enough work to meet a burst in the middle of it: a second of deliveries and more.
const manyMessages = 60_000

var many = []string{"--single", "0", "--burst", strconv.Itoa(manyMessages), "--relays", "3"}

func TestBenchmarkTellsATimeout(t *testing.T) {
	n := startMeasured(t, "random", "3", "-n", "6")
	m := n.measure(4, append([]string{"--timeout", "20ms"}, many...)...)
	if m.Error == nil || m.Error.Code != "timeout" || m.Burst.Missing < 1 || m.Burst.Deliveries+m.Burst.Missing != 6*manyMessages {
		t.Errorf("%+v %+v", m.Error, m.Burst)
	}
}

// during runs a benchmark and does something in the middle of its burst.
func (n *measuredNet) during(do func(benchmark *os.Process)) (stdout []byte, stderr string, status int) {
	n.t.Helper()
	c, out, errs := n.command(append([]string{"benchmark-network", "-o", "json"}, many...)...)
	if err := c.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.await("burst has come to node 6", func() bool { return n.node(6).Messages >= 100 })
	do(c.Process)
	c.Wait()
	return out.Bytes(), errs.String(), c.ProcessState.ExitCode()
}

func TestBenchmarkCountsWhatADeadNodeMisses(t *testing.T) {
	n := startMeasured(t, "random", "3", "-n", "6")
	stdout, stderr, status := n.during(func(*os.Process) { syscall.Kill(n.pids[6], syscall.SIGKILL) })
	var m measurement
	if err := json.Unmarshal(stdout, &m); err != nil || status != 5 {
		t.Fatalf("exit %d, error %v: %s%s", status, err, stdout, stderr)
	}
	if b := m.Burst; m.Error.Code != "check_failed" || b.Missing != manyMessages || b.Deliveries != 5*manyMessages || !slices.Equal(b.Unasked, []int{6}) {
		t.Errorf("%+v %+v", *m.Error, *b)
	}
}

func TestBenchmarkIsInterrupted(t *testing.T) {
	n := startMeasured(t, "random", "3", "-n", "6")
	var since time.Time
	stdout, stderr, status := n.during(func(p *os.Process) { since = time.Now(); p.Signal(os.Interrupt) })
	if took := time.Since(since); status != 130 || took > 5*time.Second || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit %d after %v\n%s%s", status, took, stdout, stderr)
	}
	if _, _, status := n.run("list-nodes"); status != 0 {
		t.Error(fmt.Sprint("the network is not well after an interrupted benchmark: exit ", status))
	}
}
