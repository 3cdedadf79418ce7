//go:build linux

package netctl_test

import (
	"math/rand/v2"
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

// change runs a command that changes the network, and returns what it says it has done.
func (l *lab) change(args ...string) netctl.Change {
	l.t.Helper()
	return parse[netctl.Change](l.t, l.must(0, nil, append(args, "-o", "json")...))
}

// agree makes sure that every node that runs has the very peers the network says it has, and they it.
func (l *lab) agree() netctl.View {
	l.t.Helper()
	v := l.view()
	for _, n := range v.Nodes {
		if n.State != netctl.Running {
			continue
		}
		if have := l.peers(n.ID); !slices.Equal(have, n.Peers) {
			l.t.Errorf("node %d has peers %v, and the network says %v", n.ID, have, n.Peers)
		}
		for _, p := range n.Peers {
			peer, ok := v.Node(p)
			if !ok || peer.State == netctl.Removed || !slices.Contains(peer.Peers, n.ID) {
				l.t.Errorf("node %d has a peer %d that does not have it: %+v", n.ID, p, peer)
			}
		}
	}
	return v
}

// peers asks a node itself.
func (l *lab) peers(id gossip.NodeID) (peers []gossip.NodeID) {
	l.t.Helper()
	answer, err := l.client(id).Peers(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range answer.Peers {
		peers = append(peers, p.ID)
	}
	return peers
}

// arrives sends a message and waits for it at every node that runs.
func (l *lab) arrives(from gossip.NodeID, body string) {
	l.t.Helper()
	l.must(0, nil, "send-message", strconv.Itoa(int(from)), body)
	for _, n := range l.view().Nodes {
		if n.State != netctl.Running {
			continue
		}
		eventually(l.t, 3*time.Second, "node "+strconv.Itoa(int(n.ID))+" has "+body, func() bool {
			return strings.Contains(l.run("get-messages", strconv.Itoa(int(n.ID)), "all", "--peek").out, body)
		})
	}
}

func TestRemoveAndAddNodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8)
	l.agree()

	pid := v.Nodes[2].PID
	c := l.change("remove-node", "3")
	if c.Node != 3 || len(c.Cut) != len(v.Nodes[2].Peers) || len(c.Joined) != 0 || !c.Topology.Connected || c.Topology.Nodes != 7 {
		t.Errorf("%+v", c)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("its process %d is still there", pid)
	}
	v = l.agree()
	if v.Nodes[2].State != netctl.Removed {
		t.Errorf("%+v", v.Nodes[2])
	}
	for _, args := range [][]string{
		{"remove-node", "3"}, {"send-message", "3", "hello"}, {"get-messages", "3"}, {"connect-nodes", "1", "3"}, {"add-node", "--peers", "1,3"},
	} {
		l.must(3, []string{"node 3 was removed"}, args...)
	}
	l.arrives(1, "without the third")

	if c = l.change("add-node"); c.Node != 9 || len(c.Joined) != 3 || !c.Topology.Connected || c.Topology.Nodes != 8 {
		t.Errorf("%+v", c)
	}
	if c = l.change("add-node", "--peers", "9,1"); c.Node != 10 || !slices.Equal(l.node(10).Peers, []gossip.NodeID{1, 9}) {
		t.Errorf("%+v", c)
	}
	l.agree()
	l.arrives(10, "from the tenth")
	for _, args := range [][]string{{"remove-node", "99"}, {"add-node", "--peers", "99"}} {
		l.must(3, []string{"there is no node 99", "1-2,4-10"}, args...)
	}
	for _, args := range [][]string{
		{"remove-node", "0"}, {"remove-node", "x"}, {"remove-node"}, {"add-node", "--degree", "0"}, {"add-node", "--degree", "50"}, {"add-node", "--peers", "x"},
	} {
		l.must(2, nil, args...)
	}
	l.agree()
}

// The number of a new node whose port somebody else has is passed over.
func TestAddNodePassesOverPortsThatAreTaken(t *testing.T) {
	t.Parallel()
	l, other := newLab(t), newLab(t)
	l.start(6)
	other.base, other.size = l.base+7, 0 // where nodes 7 and 8 would listen
	other.must(0, nil, other.startArgs(1, "circular")...)
	if c := l.change("add-node"); c.Node != 9 || c.Topology.Nodes != 7 || !c.Topology.Connected {
		t.Errorf("%+v", c)
	}
	l.agree()
	other.must(0, nil, "stop-network")
	if c := l.change("add-node"); c.Node != 10 { // numbers do not go back
		t.Errorf("%+v", c)
	}
}

// A ring without two nodes falls apart, unless those they leave behind are given new peers.
func TestRemoveAndReconnect(t *testing.T) {
	t.Parallel()
	for _, reconnect := range []bool{false, true} {
		l := newLab(t)
		l.start(8, "circular")
		flag := "--reconnect=" + strconv.FormatBool(reconnect)
		l.change("remove-node", "2", flag)
		c := l.change("remove-node", "6", flag)
		if c.Topology.Connected != reconnect || (len(c.Parts) > 0) == reconnect {
			t.Errorf("reconnect %v: %+v", reconnect, c)
		}
		v := l.agree()
		if v.Topology.Connected != reconnect {
			t.Errorf("reconnect %v: %+v", reconnect, v.Topology)
		}
		if reconnect {
			l.arrives(1, "through the new peers")
		} else {
			l.must(0, []string{"the network is in 3 parts now"}, "remove-node", "4")
		}
	}
}

func TestConnectAndDisconnectNodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6, "circular")
	for range 2 { // the second time changes nothing
		c := l.change("connect-nodes", "1", "4")
		if !c.Topology.Connected || c.Topology.Edges != 7 {
			t.Errorf("%+v", c)
		}
	}
	if c := l.change("connect-nodes", "4", "1"); len(c.Joined) != 0 || c.Topology.Edges != 7 {
		t.Errorf("the other way round: %+v", c)
	}
	l.agree()
	if c := l.change("disconnect-nodes", "4", "1"); !slices.Equal(c.Cut, [][2]int{{1, 4}}) {
		t.Errorf("%+v", c)
	}
	l.must(3, []string{"nodes 4 and 1 are not peers"}, "disconnect-nodes", "4", "1")
	l.must(0, nil, "disconnect-nodes", "1", "2")
	l.must(0, []string{"the network is in 2 parts now"}, "disconnect-nodes", "4", "5")
	l.agree()
	for _, command := range []string{"connect-nodes", "disconnect-nodes"} {
		l.must(3, []string{"there is no node 7"}, command, "1", "7")
		l.must(2, nil, command, "1", "1")
		l.must(2, nil, command, "1")
		l.must(2, nil, command, "1", "0")
		l.must(2, nil, command, "1", "2", "3")
	}
}

func TestRewire(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(16, "circular")
	kill(t, v.Nodes[15].PID, syscall.SIGKILL)
	eventually(t, 2*time.Second, "it is dead", func() bool { return l.node(16).State == netctl.Dead })
	var first [][]gossip.NodeID
	for _, seed := range []string{"5", "6", "5"} {
		l.change("rewire-network", "--min-peers", "2", "--max-peers", "4", "--seed", seed)
		v := l.agree()
		if !v.Topology.Connected || v.Topology.Nodes != 15 {
			t.Errorf("%+v", v.Topology)
		}
		var wiring [][]gossip.NodeID
		for _, n := range v.Nodes[:15] {
			live := slices.DeleteFunc(slices.Clone(n.Peers), func(p gossip.NodeID) bool { return p == 16 })
			wiring = append(wiring, live)
			if len(live) < 2 || len(live) > 4 {
				t.Errorf("node %d has peers %v", n.ID, n.Peers)
			}
		}
		if dead := v.Nodes[15].Peers; len(dead) != 2 { // for when it is started again
			t.Errorf("the dead node has peers %v", dead)
		}
		if first == nil {
			first = wiring
		} else if same := slices.EqualFunc(first, wiring, slices.Equal); same != (seed == "5") {
			t.Errorf("seed %s: the same as before: %v", seed, same)
		}
		l.arrives(1, "with seed "+seed)
	}
	for _, args := range [][]string{{"--min-peers", "4", "--max-peers", "3"}, {"--min-peers", "0"}, {"--min-peers", "15", "--max-peers", "20"}} {
		l.must(2, nil, append([]string{"rewire-network"}, args...)...)
	}
}

// A node that stands still cannot be told that its peers have changed. It is told when it goes on.
func TestPausedNodeIsToldLater(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(6, "circular")
	pid := v.Nodes[3].PID
	pause(t, pid)
	if s := l.node(4).State; s != netctl.Paused {
		t.Errorf("it is %s", s)
	}
	began := time.Now()
	if c := l.change("connect-nodes", "1", "4"); !slices.Equal(c.Untold, []gossip.NodeID{4}) {
		t.Errorf("%+v", c)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it held others up for %v", took)
	}
	l.must(0, []string{"did not answer and will be told of new peers later"}, "connect-nodes", "2", "4")
	kill(t, pid, syscall.SIGCONT)
	eventually(t, 4*time.Second, "it was told", func() bool { return slices.Equal(l.peers(4), []gossip.NodeID{1, 2, 3, 5}) })
	l.agree()

	// A paused node can be removed as well.
	pause(t, pid)
	if r := l.must(0, nil, "remove-node", "4"); r.took > 3*time.Second {
		t.Error(r)
	}
	l.agree()
}

// Many changes at once are done one after the other, and in the end all agree.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(12)
	chance := rand.New(rand.NewPCG(1, 2))
	node := func() string { return strconv.Itoa(1 + chance.IntN(14)) }
	var group sync.WaitGroup
	for range 40 {
		args := [][]string{
			{"connect-nodes", node(), node()}, {"disconnect-nodes", node(), node()}, {"add-node"}, {"remove-node", node()}, {"show-network"},
		}[chance.IntN(5)]
		group.Go(func() {
			if r := l.run(args...); r.code > 3 || r.code == 1 {
				t.Error(r)
			}
		})
	}
	group.Wait()
	for _, n := range l.agree().Nodes {
		if n.State != netctl.Running && n.State != netctl.Removed {
			t.Errorf("node %d is %s", n.ID, n.State)
		}
	}
}

// A new node that neither dies nor gets ready holds up neither a stop nor the network.
func TestStopWhileANodeIsAdded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for range 50 {
		l.start(4)
		_, done := l.begin("add-node", "--timeout", "1s")
		l.catch(5, done, func(pid int) { kill(t, pid, syscall.SIGSTOP) })
		added := <-done
		r := l.must(0, []string{"stopped: "}, "stop-network")
		if r.took > 4*time.Second || strings.Contains(r.err, "did not answer") {
			t.Error(r)
		}
		if added.code == 4 {
			return
		}
	}
	t.Error("no node was caught in time")
}
