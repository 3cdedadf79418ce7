//go:build linux

package netctl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"

	"golang.org/x/sys/unix"
)

func TestManyNodes(t *testing.T) {
	l := newLab(t)
	v := l.start(200)
	if v.Count(netctl.Running) != 200 || !v.Topology.Connected {
		t.Errorf("started: %+v", v.Topology)
	}
	l.must(0, nil, "send-message", "200", "hello")
	r := l.must(0, []string{"stopped: 200 nodes"}, "stop-network")
	if strings.Contains(r.err, "killed") {
		t.Error(r)
	}
	l.nothingLeft()
}

// Nodes that stand still are ended too, and hold up the end by no more than their grace.
func TestStopWithStoppedNodes(t *testing.T) {
	l := newLab(t)
	v := l.start(64)
	for _, n := range v.Nodes[:20] {
		pause(t, n.PID)
	}
	if r := l.must(0, []string{"stopped: 64 nodes"}, "stop-network"); r.took > 4*time.Second {
		t.Error(r)
	}
	l.nothingLeft()
}

func TestRow13StartTwice(t *testing.T) {
	l := newLab(t)
	l.env = []string{"GOGC=5"} // a lock must not end with the garbage collector either
	l.base, l.size = freePorts(9), 9
	const starts = 20
	all := func() (codes []int) {
		results := make([]result, starts)
		var group sync.WaitGroup
		for i := range results {
			group.Go(func() { results[i] = l.run(l.startArgs(8)...) })
		}
		group.Wait()
		for _, r := range results {
			codes = append(codes, r.code)
			if r.code != 0 && (r.code != 6 || !strings.Contains(r.out, `"locked"`) && !strings.Contains(r.out, `"conflict"`)) {
				t.Error(r)
			}
		}
		slices.Sort(codes)
		return codes
	}
	if codes := all(); codes[0] != 0 || codes[1] != 6 {
		t.Errorf("of %d starts at once: %v", starts, codes)
	}
	v := l.view()
	if codes := all(); codes[0] != 6 {
		t.Errorf("of %d starts beside a network that runs: %v", starts, codes)
	}
	l.must(6, []string{"is already running (8 nodes, since ", "gossipctl stop-network"}, l.startArgs(8)...)
	again := l.view()
	if again.Controller != v.Controller || again.Count(netctl.Running) != 8 {
		t.Errorf("the one that ran was touched: %v", again)
	}
}

func TestRow14StopTwice(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(0, []string{"is not running"}, "stop-network")
	l.start(4)
	l.must(0, []string{"stopped: 4 nodes"}, "stop-network")
	l.must(0, []string{"is not running"}, "stop-network")
	l.must(3, []string{"is not running", "gossipctl start-network"}, "send-message", "1", "hello")
	l.must(3, nil, "show-network")
}

// Two stops at once: one does it, the other says that somebody does or that it is done.
func TestStopTwiceAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(16)
	results := make([]result, 4)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = l.run("stop-network") })
	}
	group.Wait()
	for _, r := range results {
		if r.code != 0 && (r.code != 6 || !strings.Contains(r.err, "another command is changing network")) {
			t.Error(r)
		}
	}
	l.nothingLeft()
}

// A node is taken its descriptors as soon as it is born, so it dies before it is ready.
func TestRow15NodeThatDoesNotStart(t *testing.T) {
	for _, retain := range []bool{false, true} {
		l := newLab(t)
		l.base, l.size = freePorts(61), 61
		args := l.startArgs(60, fmt.Sprintf("--retain=%v", retain))
		r := l.crippled(args)
		// What it says last depends on how far it had come: the first is Go's runtime, with the error number 24.
		words := regexp.MustCompile(`Error: node \d+ did not start: exit status \d: (runtime: .* failed with 24 \||.*too many open files).*; nothing was started`)
		if !words.MatchString(r.err) {
			t.Error(r)
		}
		if r.code != 1 || r.took > 10*time.Second {
			t.Error(r)
		}
		l.gone(0)
		logs, _ := filepath.Glob(filepath.Join(l.folder(), "logs", "node-*.log"))
		if retain {
			if len(logs) == 0 || !strings.Contains(r.err, "logs are kept in "+l.folder()) {
				t.Errorf("%d logs are kept by %v", len(logs), r)
			}
			l.must(3, []string{"is not running"}, "show-network")
			l.must(0, nil, args...)
			if v := l.view(); v.Count(netctl.Running) != 60 {
				t.Errorf("the next start: %v", v)
			}
			continue
		}
		l.nothingLeft()
	}
}

// crippled starts the network until a node was caught in time.
func (l *lab) crippled(args []string) result {
	l.t.Helper()
	for range 50 {
		_, done := l.begin(args...)
		l.catch(1, done, func(pid int) { unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 7, Max: 7}, nil) })
		if r := <-done; r.code != 0 {
			return r
		}
		l.must(0, nil, "stop-network") // it was ready already
	}
	l.t.Fatal("no node was caught in time")
	return result{}
}

// catch does something to the newest node as soon as it is seen, unless its number is below first or
// the command is done before. Between a node's birth and its report lie some milliseconds, so this looks
// at as little as it can, and does not rest in between.
func (l *lab) catch(first int, done chan result, do func(pid int)) {
	for {
		select {
		case r := <-done:
			done <- r
			return
		default:
		}
		if pid, id := newest(l.name); id >= first {
			do(pid)
			return
		}
	}
}

// newest is the youngest node of a network. It has one of the last pids, of which its threads take some.
func newest(network string) (pid, id int) {
	const threads = 100
	load, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(load))
	if err != nil || len(fields) == 0 {
		return 0, 0
	}
	last, _ := strconv.Atoi(fields[len(fields)-1])
	node := "gossipctl\x00" + netctl.NodeCommand + "\x00--network\x00" + network + "\x00--id\x00"
	for pid := last; pid > max(0, last-threads); pid-- {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if number, ok := strings.CutPrefix(string(cmdline), node); ok {
			id, _ := strconv.Atoi(strings.TrimSuffix(number, "\x00"))
			return pid, id
		}
	}
	return 0, 0
}

// A node that neither dies nor gets ready can only be found by the clock.
func TestNodeThatIsNotReadyInTime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(61), 61
	for range 50 {
		_, done := l.begin(l.startArgs(60, "--timeout", "2s")...)
		l.catch(1, done, func(pid int) { kill(t, pid, syscall.SIGSTOP) })
		r := <-done
		if r.code == 0 { // it stood still only after it had reported
			l.must(0, nil, "stop-network")
			continue
		}
		if r.code != 4 || !strings.Contains(r.err, "--timeout") || r.took > 6*time.Second {
			t.Error(r)
		}
		l.nothingLeft()
		return
	}
	t.Error("no node was caught in time")
}

func TestStartWithoutTime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(61), 61
	for _, timeout := range []string{"1ns", "1ms", "20ms"} {
		l.must(4, []string{"--timeout"}, l.startArgs(60, "--timeout", timeout)...)
		l.nothingLeft()
	}
}

// A controller that stands still during a start holds up neither the clock nor Ctrl-C.
func TestControllerStoppedDuringStart(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		code    int
		timeout string
		signal  syscall.Signal
	}{
		{4, "1s", 0}, {130, "30s", syscall.SIGINT},
	} {
		t.Run(strconv.Itoa(end.code), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.base, l.size = freePorts(301), 301
			for range 10 {
				cli, done := l.begin(l.startArgs(300, "--timeout", end.timeout)...)
				eventually(t, 5*time.Second, "the controller is at work", func() bool { return len(l.processes()) > 3 })
				pause(t, l.controller())
				if end.signal != 0 {
					cli.Signal(end.signal)
				}
				r := <-done
				if r.code == 0 { // it was done already
					l.must(0, nil, "stop-network")
					continue
				}
				if r.code != end.code || r.took > 10*time.Second {
					t.Error(r)
				}
				l.nothingLeft()
				return
			}
			t.Error("no controller was caught in time")
		})
	}
}

// Whatever a process only holds in a variable is closed when the garbage collector finds that nobody
// looks at it any more: a lifeline, for one.
func TestGarbageCollectorLeavesTheNetworkAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.env = []string{"GOGC=5"}
	l.start(100)
	for range 30 { // each view is some 100 kB of garbage in the controller, and a collection
		if v := l.view(); v.Count(netctl.Running) != 100 {
			t.Fatalf("%d of 100 nodes run", v.Count(netctl.Running))
		}
	}
	if n := len(l.processes()); n != 101 {
		t.Errorf("%d processes", n)
	}
	l.must(0, nil, "add-node")
	l.must(0, nil, "remove-node", "7")
}
