//go:build linux

package netctl_test

import (
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
)

func TestRow01NodeKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8)
	began := time.Now()
	kill(t, v.Nodes[2].PID, syscall.SIGKILL)

	// Nobody else holds its port, not even for the moment before its parent has noticed.
	eventually(t, time.Second, "its port refuses", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(v.Nodes[2].URL, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	l.must(3, []string{"node 3 is "}, "send-message", "3", "hello")
	eventually(t, 2*time.Second, "it is shown as dead", func() bool { return l.node(3).State == netctl.Dead })
	n := l.node(3)
	if n.Exit != "killed, signal 9" || n.Ended == nil || n.Ended.Before(began) || n.Ended.After(time.Now()) {
		t.Errorf("it ended %v: %s", n.Ended, n.Exit)
	}
	for _, command := range []string{"list-nodes", "show-network"} {
		r := l.must(0, nil, command)
		if !regexp.MustCompile(`dead \(killed, signal 9\) \d\d:\d\d:\d\d`).MatchString(r.out) {
			t.Error(r)
		}
	}
	eventually(t, time.Second, "the state file says so", func() bool {
		return strings.Contains(l.run("send-message", "3", "hello").err, "node 3 is dead (killed, signal 9) since ")
	})
	l.must(3, []string{"node 3 is dead"}, "get-messages", "3")
	if z := zombies(v.Controller.PID); len(z) > 0 {
		t.Errorf("not reaped: %+v", z)
	}

	l.must(0, nil, "send-message", "1", "the others go on")
	for _, id := range []string{"1", "2", "4", "5", "6", "7", "8"} {
		eventually(t, 2*time.Second, "node "+id+" has the message", func() bool {
			return strings.Contains(l.run("get-messages", id, "all").out, "the others go on")
		})
	}
	l.must(0, nil, "remove-node", "3")
	l.must(3, []string{"node 3 was removed"}, "remove-node", "3")
	if s := l.node(3).State; s != netctl.Removed {
		t.Errorf("it is %s", s)
	}
}

// The controller is killed at random moments of a start, from the first instant to after its end:
// whenever that is, either nothing is there or a network that was there and knows that it is gone.
func TestRow04ControllerKilledDuringStart(t *testing.T) {
	l := newLab(t)
	const nodes, times = 48, 24
	began := time.Now()
	l.start(nodes)
	calm := time.Since(began)
	l.must(0, nil, "stop-network")

	committed := 0
	for range times {
		after := rand.N(calm)
		_, done := l.begin(l.startArgs(nodes)...)
		controller := 0
		eventually(t, 5*time.Second, "there is a controller", func() bool {
			controller = l.controller()
			return controller != 0
		})
		<-time.After(after)
		kill(t, controller, syscall.SIGKILL)
		l.gone(2 * time.Second)
		r := <-done
		switch r.code {
		case 0:
			committed++
			l.must(3, []string{"its controller died", "48 nodes"}, "show-network")
			l.must(0, []string{"was not running any more"}, "stop-network")
		case 1:
			l.must(3, []string{"is not running"}, "show-network")
		default:
			t.Error(r)
		}
		if t.Failed() {
			t.Fatalf("killed %v after its first sight", after)
		}
	}
	t.Logf("%d of %d were committed", committed, times)
	l.must(0, nil, l.startArgs(nodes)...)
}

func TestRow05ControllerKilledWhileRunning(t *testing.T) {
	l := newLab(t)
	v := l.start(20)
	l.must(0, nil, "send-message", "1", "hello")
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	for _, args := range [][]string{
		{"show-network"}, {"list-nodes"}, {"send-message", "1", "hello"}, {"get-messages", "2"}, {"list-peers", "1"},
		{"remove-node", "2"}, {"add-node"}, {"connect-nodes", "1", "2"}, {"rewire-network"},
	} {
		l.must(3, []string{"is not running: its controller died, and its 20 nodes ended with it", "gossipctl stop-network"}, args...)
	}
	if r := l.must(0, nil, "list-networks", "-o", "json"); !strings.Contains(r.out, `"gone"`) {
		t.Error(r)
	}
	l.must(0, []string{"was not running any more: its controller died"}, "stop-network")
	l.must(0, nil, l.startArgs(20)...)

	// A start clears what is left by itself, and says so.
	kill(t, l.view().Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.must(0, []string{"its controller died); its state was cleared"}, l.startArgs(20)...)
	if live := l.view(); live.Count(netctl.Running) != 20 {
		t.Error(live)
	}
}

// A stopped process cannot notice the end of a pipe. The kernel wakes those that are left alone.
func TestRow06ControllerKilledWithStoppedNodes(t *testing.T) {
	l := newLab(t)
	v := l.start(12)
	for _, n := range v.Nodes[:5] {
		pause(t, n.PID)
	}
	if v := l.view(); v.Count(netctl.Paused) != 5 {
		t.Errorf("not shown as paused: %v", v.Nodes)
	}
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
}

// The controller may be stopped as well when it is killed, or stopped when it is to end.
func TestControllerStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8)
	pause(t, v.Nodes[0].PID)
	pause(t, v.Controller.PID)
	l.must(0, []string{"the controller was paused and was ended"}, "stop-network")
	l.nothingLeft()

	l.must(0, nil, l.startArgs(8)...)
	v = l.view()
	pause(t, v.Nodes[0].PID)
	pause(t, v.Controller.PID)
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
}

// A controller that is told to end by a signal leaves as little as one that is asked to.
func TestControllerTerminated(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8)
	kill(t, v.Controller.PID, syscall.SIGTERM)
	l.gone(4 * time.Second)
	l.nothingLeft()
}

func TestRow20ManyNodesKilledAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(20)
	for _, step := range []struct{ kill, left int }{{10, 10}, {9, 1}} {
		running := 0
		for _, n := range v.Nodes {
			if n.State == netctl.Running && running < step.kill {
				kill(t, n.PID, syscall.SIGKILL)
				running++
			}
		}
		eventually(t, 2*time.Second, "all of them are seen to be dead", func() bool {
			v = l.view()
			return v.Count(netctl.Dead) == 20-step.left && v.Count(netctl.Running) == step.left
		})
		if v.Topology.Nodes != step.left {
			t.Errorf("the topology has %d nodes, and %d are left", v.Topology.Nodes, step.left)
		}
		if r := l.must(0, nil, "list-nodes"); strings.Count(r.out, "dead (killed, signal 9)") != 20-step.left {
			t.Error(r)
		}
	}
	if z := zombies(v.Controller.PID); len(z) > 0 {
		t.Errorf("not reaped: %+v", z)
	}
	// They were killed from the first on.
	l.must(0, nil, "send-message", "20", "is anybody there?")
	l.must(0, []string{"is anybody there?"}, "get-messages", "20", "all")
}

// Whoever looks at the very moment a node dies sees it running or dead, and how, but nothing in between.
func TestLookingWhileNodesDie(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(60)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for _, n := range v.Nodes {
			<-tick.C
			kill(t, n.PID, syscall.SIGKILL)
		}
	}()
	for looking := true; looking; {
		select {
		case <-killed:
			looking = false
		default:
		}
		l.must(0, nil, "list-nodes")
		for _, n := range l.view().Nodes {
			if (n.State == netctl.Dead) != (n.Ended != nil) || (n.State == netctl.Dead) != (n.Exit != "") {
				t.Errorf("%+v", n)
			}
		}
	}
}
