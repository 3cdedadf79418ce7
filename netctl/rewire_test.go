//go:build linux

package netctl_test

import (
	"testing"

	"gossipctl/netctl"
)

// A node that is dead while the network is wired anew has peers when it is started again.
func TestRewiringKeepsAPlaceForTheDead(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8)
	l.must(0, nil, "kill-node", "1,2")
	l.must(0, []string{"nodes 1-2: dead, and given peers all the same"}, "rewire-network", "--seed", "4")
	l.must(0, []string{"Nodes 1-2 restarted", "refilled from its peers, as far as they have the messages"}, "restart-node", "1,2")
	v := l.view()
	if !v.Topology.Connected || v.Count(netctl.Running) != 8 {
		t.Errorf("%+v", v)
	}
	for _, n := range v.Nodes[:2] {
		if len(n.Peers) < 3 {
			t.Errorf("node %d has peers %d", n.ID, n.Peers)
		}
	}
	l.arrives(1, "hello")

	// When all are started again nobody can refill an inbox.
	l.must(0, []string{"memory inbox was lost; no node ran on that could refill it"}, "restart-node", "all")
	l.must(0, nil, "kill-node", "1-7")
	l.must(0, []string{"no node ran on that could refill it"}, "restart-node", "8")
}
