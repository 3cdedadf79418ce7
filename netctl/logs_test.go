//go:build linux

package netctl_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
)

// logLine is a line of show-logs -o json.
type logLine struct {
	Node   int               `json:"node"`
	Stream string            `json:"stream"`
	Time   time.Time         `json:"time"`
	Level  string            `json:"level"`
	Msg    string            `json:"msg"`
	Attrs  map[string]string `json:"attrs"`
	Line   string            `json:"line"`
}

func (l *lab) logs(args ...string) (lines []logLine) {
	l.t.Helper()
	r := l.must(0, nil, append([]string{"show-logs", "-o", "json"}, args...)...)
	for text := range strings.Lines(r.out) {
		lines = append(lines, parse[logLine](l.t, result{out: text}))
	}
	return lines
}

// write adds to a log what no node would.
func (l *lab) write(name, text string) {
	l.t.Helper()
	f, err := os.OpenFile(filepath.Join(l.folder(), "logs", name), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// who lists who wrote lines, each once.
func who(lines []logLine) (nodes []int) {
	for _, line := range lines {
		nodes = append(nodes, line.Node)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

func TestShowLogsMergesByTime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(5, "circular")
	eventually(t, time.Second, "the controller has told that it runs", func() bool { return len(l.logs("controller")) > 0 })
	more := "time=" + time.Now().Format(time.RFC3339Nano) + " level=INFO msg=more\n"
	l.write("node-1.log", strings.Repeat(more, 120))

	all := l.logs("--tail", "-1")
	if got := who(all); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("there are lines of %v", got)
	}
	if !slices.IsSortedFunc(all, func(a, b logLine) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("they are not in order: %+v", all)
	}
	for _, line := range all {
		if line.Stream != "log" || line.Time.IsZero() || line.Msg == "" || line.Level == "" || !strings.HasPrefix(line.Line, "time=") {
			t.Errorf("%+v", line)
		}
	}
	if i := slices.IndexFunc(all, func(l logLine) bool { return l.Node == 3 && l.Msg == "started" }); i < 0 || all[i].Attrs["protocol"] != "flood" {
		t.Errorf("node 3 has not told that it has started: %+v", all)
	}

	// The tail is that of all logs together, and the default shows no more than a screen or two.
	nodes := l.logs("1-5", "--tail", "-1")
	if tail := l.logs("1-5", "--tail", "7"); len(tail) != 7 || tail[0].Line != nodes[len(nodes)-7].Line || tail[6].Line != nodes[len(nodes)-1].Line {
		t.Errorf("the last 7 are %+v", tail)
	}
	if got := l.logs(); len(got) != 100 || got[99].Line != all[len(all)-1].Line {
		t.Errorf("%d lines are shown of %d", len(got), len(all))
	}
	if got := l.logs("--tail", "0"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := who(l.logs("2", "4", "--since", "10m")); !slices.Equal(got, []int{2, 4}) {
		t.Errorf("there are lines of %v", got)
	}
	if got := l.logs("--since", "1ns"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := who(l.logs("controller")); !slices.Equal(got, []int{0}) {
		t.Errorf("there are lines of %v", got)
	}
	l.must(3, []string{"there is no node 6 in network"}, "show-logs", "6")
	l.must(3, []string{"there is no node 6 in network"}, "show-logs", "3", "6", "-f")
	l.must(2, nil, "show-logs", "0")
	l.must(2, nil, "show-logs", "--tail", "-2")
	l.must(2, nil, "show-logs", "--since", "-1s")
	l.must(3, []string{"is not running"}, "show-logs", "--network", "nowhere")
}

func TestShowLogsOfTheDeadAndTheRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(5, "circular")
	kill(t, v.Nodes[1].PID, syscall.SIGABRT) // a Go program tells then what it was doing
	eventually(t, 2*time.Second, "node 2 is dead", func() bool { return l.node(2).State == netctl.Dead })
	l.must(0, nil, "remove-node", "3")

	dead := l.logs("2", "--tail", "-1")
	i := slices.IndexFunc(dead, func(l logLine) bool { return l.Stream == "stderr" })
	if i < 0 || dead[i].Msg != "SIGABRT: abort" || dead[i].Level != "" || dead[i].Time.IsZero() {
		t.Errorf("what the crash wrote is not there: %+v", dead)
	}
	l.must(0, []string{"STDERR SIGABRT: abort"}, "show-logs", "2", "--tail", "-1")
	removed := l.logs("3")
	if len(removed) == 0 || removed[len(removed)-1].Msg != "ended" {
		t.Errorf("%+v", removed)
	}

	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	if got := who(l.logs()); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("after the controller's death there are lines of %v", got)
	}
	r := l.must(0, []string{"does not run any more"}, "show-logs", "-f", "--tail", "1")
	if strings.Count(r.out, "\n") != 1 {
		t.Error(r)
	}
	// Not even the state file is needed.
	if err := os.WriteFile(l.stateFile(), []byte("null"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := who(l.logs("4")); !slices.Equal(got, []int{4}) {
		t.Errorf("with a damaged state file there are lines of %v", got)
	}
	l.must(3, []string{"there is no log of node 9"}, "show-logs", "9")
	l.must(0, nil, "doctor", "--fix")
	l.must(3, []string{"there is no log of node 9"}, "show-logs", "9")
	if got := who(l.logs("4")); !slices.Equal(got, []int{4}) {
		t.Errorf("without a state file there are lines of %v", got)
	}
}

// What a node logs may come from anywhere; a terminal must not obey it.
func TestShowLogsEscapes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(2, "circular")
	hostile := "\x1b]0;owned\x07\x1b[2J\u202egnp\x9b31m\r"
	for _, name := range []string{"node-1.log", "node-2.stderr"} {
		l.write(name, hostile+"\ntime=2026-01-02T03:04:05.678Z level=\"\\x1b[2J\" msg=\"\\x1b[2J\" \"\\x1b\"=\"\\x1b[2J\"\n")
	}
	for _, args := range [][]string{{}, {"-o", "wide"}, {"--color", "always"}, {"-o", "yaml"}, {"-o", "json"}} {
		r := l.must(0, []string{"31m"}, append([]string{"show-logs", "--tail", "-1"}, args...)...)
		ours := regexp.MustCompile("\x1b\\[(0|[1-9]|3[1-3]|38;5;[0-9]+)m") // the colours
		if bad := regexp.MustCompile("[\x00-\x09\x0b-\x1f\x7f]|\u202e|\u009b").FindString(ours.ReplaceAllString(r.out, "")); bad != "" {
			t.Errorf("%q got through: %q", bad, r.out)
		}
	}
	if i := slices.IndexFunc(l.logs("1"), func(l logLine) bool { return strings.HasPrefix(l.Line, "\x1b]0;owned\x07\x1b[2J\u202egnp") }); i < 0 {
		t.Error("in JSON it is not what was written")
	}
}

// A follower reads what the program prints while it runs.
type follower struct {
	t     *testing.T
	cmd   *os.Process
	done  chan struct{} // closed at the end of the program
	code  int           // set before that
	notes string        // set before that: stderr

	mu    sync.Mutex
	lines []logLine
}

func (l *lab) follow(args ...string) *follower {
	l.t.Helper()
	cmd := l.command(l.t.Context(), append([]string{"show-logs", "-f", "-o", "json"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	f := &follower{t: l.t, cmd: cmd.Process, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line logLine
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				l.t.Errorf("%v in %s", err, lines.Bytes())
			}
			f.mu.Lock()
			f.lines = append(f.lines, line)
			f.mu.Unlock()
		}
		notes, _ := io.ReadAll(errs)
		cmd.Wait()
		f.notes, f.code = string(notes), cmd.ProcessState.ExitCode()
	}()
	return f
}

func (f *follower) has(node int, msg string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.lines, func(l logLine) bool { return l.Node == node && l.Msg == msg })
}

// end waits for the end of the program, which must be a good one.
func (f *follower) end(within time.Duration) {
	f.t.Helper()
	select {
	case <-f.done:
	case <-time.After(within):
		f.t.Fatal("it does not end")
	}
	if f.code != 0 {
		f.t.Errorf("exit status %d, %s", f.code, f.notes)
	}
}

func TestShowLogsFollowsUntilTheNetworkStops(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(3, "circular")
	f := l.follow("--tail", "-1")
	two := l.follow("2", "--tail", "0")
	eventually(t, 5*time.Second, "what was written before is shown", func() bool { return f.has(0, "network started") })
	eventually(t, 5*time.Second, "node 4 joins", func() bool { return l.run("add-node").code == 0 })
	eventually(t, 5*time.Second, "a new node is shown from its beginning", func() bool { return f.has(4, "started") && f.has(0, "node added") })
	kill(t, v.Nodes[2].PID, syscall.SIGABRT)
	eventually(t, 5*time.Second, "a crash is shown", func() bool { return f.has(3, "SIGABRT: abort") && f.has(0, "node ended") })
	l.must(0, nil, "stop-network")
	f.end(5 * time.Second)
	two.end(5 * time.Second)
	for node, msg := range []string{"network stopped", "ended", "ended", "SIGABRT: abort", "ended"} {
		if !f.has(node, msg) {
			t.Errorf("node %d: the last words %q are missing in %+v", node, msg, f.lines)
		}
	}
	if !strings.Contains(f.notes, "does not run any more") {
		t.Errorf("it says %q", f.notes)
	}
	if !two.has(2, "ended") || two.has(2, "started") || !slices.Equal(who(two.lines), []int{2}) {
		t.Errorf("of node 2, from now on: %+v", two.lines)
	}
}

func TestShowLogsFollowsUntilTheControllerDies(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(3, "circular")
	f := l.follow()
	eventually(t, 5*time.Second, "it has begun", func() bool { return f.has(0, "network started") })
	kill(t, v.Controller.PID, syscall.SIGKILL)
	f.end(5 * time.Second)
	for node := 1; node <= 3; node++ {
		if !f.has(node, "ended") {
			t.Errorf("node %d has not had its last word: %+v", node, f.lines)
		}
	}
}

func TestShowLogsFollowsUntilCtrlC(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(3, "circular")
	f := l.follow()
	eventually(t, 5*time.Second, "it has begun", func() bool { return f.has(0, "network started") })
	if err := f.cmd.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	f.end(5 * time.Second)
	if f.notes != "" {
		t.Errorf("it says %q", f.notes)
	}
	if v := l.view(); v.Count(netctl.Running) != 3 {
		t.Errorf("the network was touched: %+v", v)
	}
}
