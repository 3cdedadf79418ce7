//go:build linux

package netctl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/netctl/store"
)

// quick are settings of swim with which a death is known everywhere within two seconds.
const quick = "period=100ms,timeout=50ms,gossip=20ms,dead-call=300ms,sync=2s"

// contactsOf is whom the state file says a node was given to begin with.
func (l *lab) contactsOf(id gossip.NodeID) []gossip.NodeID {
	l.t.Helper()
	d, err := store.Open(filepath.Join(l.home, "gossipctl"), l.name, false)
	if err != nil {
		l.t.Fatal(err)
	}
	defer d.Close()
	s, err := store.ReadState[netctl.State](d, netctl.StateVersion)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, n := range s.Nodes {
		if len(n.Peers) > 0 && !n.Removed {
			l.t.Errorf("the state file keeps peers %v of node %d, which chooses them itself", n.Peers, n.ID)
		}
		if n.ID == id {
			return n.Contacts
		}
	}
	l.t.Fatalf("there is no node %d", id)
	return nil
}

// Everybody's contact is node 1. Started again it must find the others all the same, and newcomers must find them
// while it is dead.
func TestTheContactOfAllStartsAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8, "bootstrap", "--membership", "swim", "--membership-set", quick)
	if v.Topology.Kind != netctl.TopologyBootstrap || !v.Topology.Connected || v.Assembled == nil {
		t.Errorf("%+v", v)
	}
	if got := l.contactsOf(5); !slices.Equal(got, []gossip.NodeID{1}) {
		t.Errorf("node 5 was given %v", got)
	}
	if got := l.contactsOf(1); len(got) != 0 {
		t.Errorf("node 1 was given %v", got)
	}
	l.must(0, nil, "kill-node", "1")
	l.change("add-node")
	if got := l.contactsOf(9); len(got) == 0 || slices.Contains(got, 1) {
		t.Errorf("node 9 was given %v while node 1 is dead", got)
	}
	l.must(0, nil, "wait-members", "--dead", "1", "--alive", "2-9")
	l.must(0, nil, "restart-node", "1")
	l.must(0, nil, "wait-members", "--alive", "1-9")
	l.arrives(1, "back again")

	l.must(0, nil, "restart-node", "all")
	l.must(0, nil, "wait-members", "--alive", "1-9")
	l.arrives(9, "all of us")
	for _, n := range l.view().Nodes {
		if len(n.Peers) == 0 {
			t.Errorf("node %d has no peers", n.ID)
		}
	}
}

// The list of addresses that nodes watch names those that are there, and nobody else.
func TestTheListOfAddressesIsTrue(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "--discovery", "file")
	lists := func(ids ...int) {
		t.Helper()
		want := ""
		for _, id := range ids {
			want += fmt.Sprintf("127.0.0.1:%d\n", l.base+id)
		}
		eventually(t, 5*time.Second, fmt.Sprintf("the list names nodes %v", ids), func() bool {
			text, err := os.ReadFile(filepath.Join(l.folder(), "contacts"))
			return err == nil && string(text) == want
		})
	}
	lists(1, 2, 3, 4)
	l.change("add-node")
	lists(1, 2, 3, 4, 5)
	l.must(0, nil, "kill-node", "2")
	lists(1, 3, 4, 5)
	l.change("remove-node", "3")
	lists(1, 4, 5)
	l.must(0, nil, "restart-node", "2")
	lists(1, 2, 4, 5)
	l.must(0, nil, "wait-members", "--alive", "1,2,4,5")
}

// Nodes that look for each other where nobody is never find each other. Ctrl-C ends that, and nothing is left.
func TestAssemblingIsCancelled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(30), 30
	nowhere := fmt.Sprintf("127.0.0.1:%d-%d", l.base+20, l.base+25)
	p, done := l.begin(l.startArgs(3, "--discovery", "scan", "--discover-at", nowhere)...)
	eventually(t, 10*time.Second, "the controller and three nodes run", func() bool {
		return len(l.processes()) == 4
	})
	p.Signal(syscall.SIGINT)
	if r := <-done; r.code != 130 {
		t.Error(r)
	}
	l.must(3, nil, "show-network")
}

// What the controller says of edges is what nodes say.
func TestEdgesAreWhatNodesSay(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(12, "bootstrap", "--membership", "swim", "--membership-set", quick)
	l.must(0, nil, "wait-members", "--alive", "1-12")
	said := func() bool {
		v := l.view()
		for _, n := range v.Nodes {
			if n.State != netctl.Running {
				continue
			}
			for _, p := range l.peers(n.ID) {
				if peer, ok := v.Node(p); ok && peer.State != netctl.Removed && !slices.Contains(n.Peers, p) {
					return false
				}
			}
		}
		return v.Topology.Connected
	}
	eventually(t, 5*time.Second, "the edges are those nodes have", said)
	l.must(0, nil, "kill-node", "3", "4")
	l.must(0, nil, "wait-members", "--dead", "3,4")
	eventually(t, 5*time.Second, "the edges are those nodes have, and nobody has the dead", func() bool {
		v := l.view()
		dead, _ := v.Node(3)
		return said() && len(dead.Peers) == 0 && v.Topology.Nodes == 10
	})
}

// Who looked for nodes where none are is told the place: that is what to put right.
func TestNobodyFoundTellsWhereNodesLooked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(10), 10
	nowhere := filepath.Join(t.TempDir(), "list")
	l.must(4, []string{"look whether " + nowhere + " says where nodes are"},
		l.startArgs(2, "--discovery", "file", "--discover-at", nowhere, "--timeout", "3s")...)
	l.must(3, nil, "show-network")
}
