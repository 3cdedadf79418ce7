//go:build linux

package netctl_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/netctl/proc"
)

// process is one process as /proc shows it.
type process struct {
	pid, parent int
	state       string // the kernel's letter; Z for a zombie, T for a stopped process
	argv        []string
}

// is reports whether the process is the node of that number; 0 stands for the controller.
func (p process) is(id gossip.NodeID) bool {
	if id == 0 {
		return p.argv[1] == netctl.ControllerCommand
	}
	return p.argv[1] == netctl.NodeCommand && p.argv[len(p.argv)-1] == strconv.Itoa(int(id))
}

// processes lists every process of the machine that shows arguments. A zombie shows none.
func processes() (list []process) {
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		cmdline, err1 := os.ReadFile(path + "/cmdline")
		stat, err2 := os.ReadFile(path + "/stat")
		if err1 != nil || err2 != nil {
			continue // it has ended meanwhile
		}
		p := process{argv: strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")}
		p.pid, _ = strconv.Atoi(filepath.Base(path))
		fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &p.state, &p.parent)
		list = append(list, p)
	}
	return list
}

// processes lists those of the network: its controller and its nodes.
func (l *lab) processes() []process {
	return slices.DeleteFunc(processes(), func(p process) bool {
		at := slices.Index(p.argv, "--network")
		return at != 2 || p.argv[3] != l.name
	})
}

// controller is the controller's pid as seen from here, or 0. Its child looks just like it until it
// has become a node.
func (l *lab) controller() int {
	list := slices.DeleteFunc(l.processes(), func(p process) bool { return !p.is(0) })
	for _, p := range list {
		if !slices.ContainsFunc(list, func(other process) bool { return other.pid == p.parent }) {
			return p.pid
		}
	}
	return 0
}

// zombies lists the children of a process that it has not reaped.
func zombies(parent int) []process {
	return slices.DeleteFunc(processes(), func(p process) bool { return p.parent != parent || p.state != "Z" })
}

// kill signals one process of the test.
func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if pid <= 0 {
		t.Fatalf("%d is no process", pid)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Errorf("%v to process %d: %v", sig, pid, err)
	}
}

// pause stops one process of the test and waits until it stands still: all of its threads.
func pause(t *testing.T, pid int) {
	t.Helper()
	kill(t, pid, syscall.SIGSTOP)
	eventually(t, time.Second, "it is stopped", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		return !slices.ContainsFunc(threads, func(path string) bool {
			stat, err := os.ReadFile(path)
			return err == nil && !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T "))
		})
	})
}

// gone waits until no process of the network is left.
func (l *lab) gone(within time.Duration) {
	l.t.Helper()
	if !holds(within, func() bool { return len(l.processes()) == 0 }) {
		l.t.Errorf("not gone after %v: %+v", within, l.processes())
	}
}

// nothingLeft makes sure that neither processes nor ports nor files are, and ends what is.
func (l *lab) nothingLeft() {
	l.t.Helper()
	l.gone(2 * time.Second)
	for _, p := range l.processes() {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	for port := l.base; port < l.base+l.size; port++ {
		if holds(time.Second, func() bool { return free(port) }) {
			continue
		}
		// No process of the network is left, but it may have passed the port on; or it is a stranger's now.
		if pid, name, ok := proc.PortOwner(port); !ok || pid == os.Getpid() {
			l.t.Errorf("port %d is still in use, by %d %s", port, pid, name)
		}
	}
	if left, err := os.ReadDir(l.folder()); !errors.Is(err, os.ErrNotExist) {
		l.t.Errorf("%s is left: %v, %v", l.folder(), left, err)
	}
}

// Ports are taken from below those that the kernel gives to clients, from a random one on: other
// tests may be looking for some as well.
const firstPort, lastPort = 10_000, 32_000

var ports = struct {
	sync.Mutex
	next int
}{next: firstPort + rand.IntN(lastPort-firstPort)}

// freePorts finds so many ports in a row that are free, and that no other test here was given lately.
func freePorts(n int) (base int) {
	ports.Lock()
	defer ports.Unlock()
	for {
		if ports.next+n > lastPort {
			ports.next = firstPort
		}
		base = ports.next
		busy := slices.IndexFunc(make([]struct{}, n), func(struct{}) bool {
			ports.next++
			return !free(ports.next - 1)
		})
		if busy < 0 {
			return base
		}
	}
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		l.Close()
	}
	return err == nil
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	if !holds(within, ok) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

func holds(within time.Duration, ok func() bool) bool {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !ok() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// needs ends a test that lacks something: skipped at a desk, failed in CI, where a test that never
// runs would look like one that passes.
func needs(t *testing.T, what string, have bool) {
	t.Helper()
	if have {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must run this test, which needs %s", what)
	}
	t.Skipf("this test needs %s", what)
}
