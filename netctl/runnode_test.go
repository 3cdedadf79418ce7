//go:build linux

package netctl_test

import (
	"fmt"
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
)

// handRun is a node that the test has started by hand.
type handRun struct {
	*os.Process
	done chan result
}

// hand starts a node by hand and waits until it is in the network.
func (l *lab) hand(id gossip.NodeID, args ...string) handRun {
	l.t.Helper()
	p, done := l.begin(append([]string{"run-node"}, args...)...)
	h := handRun{p, done}
	eventually(l.t, 5*time.Second, fmt.Sprintf("node %d is there", id), func() bool {
		select {
		case r := <-done:
			l.t.Fatalf("node %d: %v", id, r)
		default:
		}
		r := l.run("list-nodes", "-o", "json")
		if r.code != 0 {
			return false
		}
		nodes := parse[[]netctl.NodeView](l.t, r)
		at := slices.IndexFunc(nodes, func(n netctl.NodeView) bool { return n.ID == id })
		return at >= 0 && nodes[at].PID == p.Pid && nodes[at].State == netctl.Running
	})
	return h
}

// ends waits until the node has ended, with an exit status, and with texts in what it wrote.
func (l *lab) ends(h handRun, code int, texts ...string) {
	l.t.Helper()
	select {
	case r := <-h.done:
		if r.code != code {
			l.t.Fatalf("want exit %d, have %v", code, r)
		}
		for _, text := range texts {
			if !strings.Contains(r.out+r.err, text) {
				l.t.Errorf("want %q, have %v", text, r)
			}
		}
	case <-time.After(10 * time.Second):
		h.Kill()
		l.t.Fatalf("it has not ended: %v", <-h.done)
	}
}

func (l *lab) port(id int) string { return "127.0.0.1:" + strconv.Itoa(l.base+id) }

// A node that is started by hand is one of the network like any other, until it leaves.
func TestANodeStartedByHandJoinsAndLeaves(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "circular")
	h := l.hand(7, "--listen", l.port(7), "--join", l.port(2), "--join", l.port(3))
	n := l.node(7)
	if !n.Joined || n.Run != 1 || !slices.Equal(n.Peers, []gossip.NodeID{2, 3}) {
		t.Errorf("%+v", n)
	}
	l.arrives(7, "from the new one")
	l.arrives(1, "to the new one")

	// Numbers and ports that the network has.
	l.must(6, []string{"there is a node 7"}, "run-node", "--listen", l.port(7))
	l.must(6, []string{"there is a node 3"}, "run-node", "--id", "3", "--listen", l.port(9))
	l.must(6, []string{"belongs to node 2"}, "run-node", "--id", "9", "--listen", l.port(2))
	l.must(6, []string{"belongs to the controller"}, "run-node", "--id", "9", "--listen", l.port(0))
	l.must(2, []string{"has a controller", "--protocol"}, "run-node", "--protocol", "rumor")
	l.must(3, []string{"nobody answers"}, "run-node", "--join", l.port(12))
	l.must(3, []string{"of network \"" + l.name + "\""}, "run-node", "--network", "another", "--join", l.port(1))
	l.must(2, []string{"tells no node number"}, "run-node", "--listen", "127.0.0.1:1")

	// What is done to nodes is done to it.
	l.must(0, nil, "set-fault", "7", "--cut")
	l.must(0, nil, "send-message", "1", "not for 7")
	l.must(0, nil, "wait-message", "1.1.2", "--nodes", "1-4")
	if list := l.bodies(7); slices.Contains(list, "not for 7") {
		t.Errorf("a node that was cut off has %q", list)
	}
	l.must(0, nil, "clear-faults")
	l.must(0, nil, "pause-node", "7")
	if is := l.node(7).State; is != netctl.Paused {
		t.Errorf("paused, it is %s", is)
	}
	l.must(0, nil, "resume-node", "7")
	l.must(6, []string{"started by hand"}, "restart-node", "7")
	l.must(0, []string{"Node 7 removed; 4 nodes left."}, "remove-node", "7")
	l.ends(h, 0, "Node 7 has left")
	if is := l.node(7).State; is != netctl.Removed {
		t.Errorf("removed, it is %s", is)
	}

	// Its next life, at another port, and Ctrl-C.
	h = l.hand(7, "--id", "7", "--listen", l.port(8))
	if n := l.node(7); n.Run != 2 || !strings.HasSuffix(n.URL, l.port(8)) || len(n.Peers) != 3 {
		t.Errorf("%+v", n)
	}
	l.arrives(2, "again")
	l.must(0, []string{"7.2.1"}, "send-message", "7", "of its second life")
	h.Signal(syscall.SIGINT)
	l.ends(h, 0, "Node 7 has left")
	if v := l.view(); v.Count(netctl.Removed) != 1 || !v.Topology.Connected || v.Topology.Nodes != 4 {
		t.Errorf("%+v", v)
	}

	// The next one that is added takes a number of its own.
	if c := parse[netctl.Change](t, l.must(0, nil, "add-node", "-o", "json")); c.Node != 8 {
		t.Errorf("the next one is node %d", c.Node)
	}
}

// Death is noticed as that of any node, and stopping the network ends it.
func TestANodeStartedByHandCrashesAndEndsWithItsNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(4)
	h := l.hand(5)
	h.Kill()
	<-h.done
	eventually(t, 2*time.Second, "it is dead", func() bool { return l.node(5).State == netctl.Dead })
	eventually(t, 2*time.Second, "others know", func() bool {
		r := l.run("send-message", "5", "hello")
		return r.code == 3 && strings.Contains(r.err, "node 5 is dead since") && strings.Contains(r.err, "started by hand")
	})
	eventually(t, 2*time.Second, "its port is kept", func() bool { return !free(l.base + 5) })
	before := l.node(5).Peers
	h = l.hand(5, "--id", "5")
	if n := l.node(5); n.Run != 2 || !slices.Equal(n.Peers, before) {
		t.Errorf("%+v, before it had %v", n, before)
	}
	l.arrives(5, "I am back")
	l.must(0, nil, "kill-node", "5")
	<-h.done
	h = l.hand(5, "--id", "5")
	l.must(0, []string{"stopped: 5 nodes"}, "stop-network")
	l.ends(h, 0, "has ended, and node 5 with it")

	// A controller that dies takes it along, and says so.
	v = l.start(2, "circular")
	h = l.hand(3)
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.ends(h, 3, "the controller of network", "died")
}

// Whoever is started by hand does not come back with a network that was kept.
func TestANodeStartedByHandIsNotKept(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	l.start(4)
	h := l.hand(5)
	l.must(0, nil, "stop-network", "--keep")
	l.ends(h, 0)
	v := l.resume()
	if n, _ := v.Node(5); n.State != netctl.Removed || v.Count(netctl.Running) != 4 || !v.Topology.Connected {
		t.Errorf("%+v", v)
	}
	h = l.hand(5, "--id", "5")
	if n := l.node(5); n.Run != 2 {
		t.Errorf("%+v", n)
	}
	h.Signal(syscall.SIGTERM)
	l.ends(h, 0)
}

// Where nodes find each other, one contact will do, and everybody hears of a goodbye.
func TestANodeStartedByHandIsFoundByTheOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "bootstrap", "--membership", "swim", "--membership-set", quick)
	h := l.hand(5, "--join", l.port(3), "--listen", l.port(9), "--id", "5")
	if got := l.contactsOf(5); !slices.Equal(got, []gossip.NodeID{3}) {
		t.Errorf("its contacts are %v", got)
	}
	l.must(0, nil, "wait-members", "--alive", "1-5")
	l.arrives(5, "found")
	l.must(0, nil, "set-value", "5", "colour", "blue")
	eventually(t, 3*time.Second, "everybody knows its value", func() bool { return strings.Contains(l.run("get-values", "2").out, "blue") })
	h.Kill()
	<-h.done
	l.must(0, nil, "wait-members", "--alive", "1-4", "--dead", "5")
	h = l.hand(5, "--id", "5")
	l.must(0, nil, "wait-members", "--alive", "1-5")
	h.Signal(syscall.SIGINT)
	l.ends(h, 0, "Node 5 has left")
	l.must(0, nil, "wait-members", "--alive", "1-4", "--dead", "5")
	h = l.hand(5, "--id", "5")
	l.must(0, nil, "wait-members", "--alive", "1-5")
	l.must(0, []string{"Node 5 removed"}, "remove-node", "5")
	l.ends(h, 0, "Node 5 has left")
}

// Two at once want the same number: one gets it.
func TestOneOfTwoGetsANumber(t *testing.T) {
	t.Parallel()
	for _, controlled := range []bool{true, false} {
		l := newLab(t)
		join := []string{"run-node", "--id", "9"}
		var first handRun
		if controlled {
			l.start(4)
		} else {
			l.base, l.size = freePorts(24), 24
			first = l.hand(1, "--listen", l.port(1), "--id", "1")
			join = append(join, "--join", l.port(1))
		}
		const many = 4
		all := make(chan result, many)
		for range many {
			_, done := l.begin(join...)
			go func() { all <- <-done }()
		}
		for range many - 1 {
			if r := <-all; r.code != 6 {
				t.Errorf("controlled %v: %v", controlled, r)
			}
		}
		eventually(t, 5*time.Second, "one of them is node 9", func() bool { return l.node(9).State == netctl.Running })
		l.must(0, []string{"stopped"}, "stop-network")
		if r := <-all; r.code != 0 {
			t.Errorf("controlled %v: %v", controlled, r)
		}
		if !controlled {
			l.ends(first, 0)
		}
	}
}

// A network that nobody's controller owns lives as long as one of its nodes.
func TestANetworkStartedByHand(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(24), 24
	one := l.hand(1, "--listen", l.port(1), "--id", "1")
	l.must(6, []string{"runs already, started by hand", "--join " + l.port(1)}, "run-node", "--listen", l.port(5))
	l.must(6, []string{"runs already, started by hand"}, l.startArgs(4)...)
	two := l.hand(2, "--listen", l.port(2), "--join", l.port(1))
	three := l.hand(3, "--join", l.port(2))

	// Everybody finds everybody, also those whom it was not told to join.
	eventually(t, 5*time.Second, "all know each other", func() bool {
		return !slices.ContainsFunc(l.view().Nodes, func(n netctl.NodeView) bool { return len(n.Peers) != 2 })
	})
	l.arrives(1, "from the first")
	l.arrives(3, "from the last")

	info, err := os.Stat(filepath.Join(l.folder(), "secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its secret: %v, %v", info, err)
	}
	if v := l.view(); len(v.Nodes) != 3 || v.Controller.PID != 0 || !slices.ContainsFunc(v.Nodes, func(n netctl.NodeView) bool { return n.Joined }) {
		t.Errorf("%+v", v)
	}
	l.must(0, []string{"by hand"}, "list-networks")
	l.must(2, []string{"has no controller"}, "add-node")
	l.must(2, []string{"has no controller"}, "set-fault", "all", "--loss", "10%")
	l.must(2, []string{"has no controller"}, "stop-network", "--keep")
	l.must(6, []string{"there is a node 2"}, "run-node", "--id", "2", "--listen", l.port(7), "--join", l.port(1))
	l.must(2, []string{"was begun with --protocol flood"}, "run-node", "--protocol", "rumor", "--join", l.port(1))

	l.must(0, nil, "remove-node", "2")
	l.ends(two, 0, "Node 2 has left")
	three.Kill()
	<-three.done
	if n := l.node(3); n.State != netctl.Dead {
		t.Errorf("killed, it is %+v", n)
	}
	old := l.node(3).Run
	three = l.hand(3, "--id", "3", "--join", l.port(1))
	if n := l.node(3); n.Run <= old {
		t.Errorf("life %d came after %d", n.Run, old)
	}
	eventually(t, 10*time.Second, "the two have found each other", func() bool { return len(l.node(3).Peers) == 1 })
	l.arrives(3, "of the next life")
	if err := l.client(1).Do(t.Context(), "POST", "/v1/leave", struct{}{}, nil); err != nil {
		t.Error(err)
	}
	l.ends(one, 0, "Node 1 has left")
	three.Signal(syscall.SIGINT)
	l.ends(three, 0, "Network", "has ended, and node 3 with it")
	if _, err := os.Stat(l.folder()); !os.IsNotExist(err) {
		t.Errorf("the last one has left its folder: %v", err)
	}

	// What a crash of all leaves is in nobody's way.
	one = l.hand(1, "--listen", l.port(1), "--id", "1")
	one.Kill()
	<-one.done
	l.must(0, []string{"gone"}, "list-networks")
	l.must(3, []string{"not running"}, "show-network")
	l.start(4)
}

// Two at once begin a network: one does.
func TestOneOfTwoBeginsANetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(24), 24
	const many = 4
	all := make(chan result, many)
	var group sync.WaitGroup
	for i := range many {
		_, done := l.begin("run-node", "--listen", l.port(i+1), "--id", strconv.Itoa(i+1))
		group.Go(func() { all <- <-done })
	}
	for range many - 1 {
		if r := <-all; r.code != 6 || !strings.Contains(r.err, "runs already") {
			t.Error(r)
		}
	}
	l.must(0, []string{"stopped: 1 node"}, "stop-network")
	group.Wait()
	if r := <-all; r.code != 0 {
		t.Error(r)
	}
}
