package netctl

import (
	"context"
	"slices"

	"gossipctl/gossip"
	"gossipctl/topology"
)

// unmended returns the nodes whose death nobody has seen to yet, and forgets them.
func (c *controller) unmended() []gossip.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	dead := c.orphaning
	c.orphaning = nil
	return dead
}

// mend gives the peers that dead nodes leave behind new ones, so that those that live stay connected.
// The dead keep their edges: when they are started again they are where they were. It is called with
// c.change held.
func (c *controller) mend(ctx context.Context, dead []gossip.NodeID) (Change, error) {
	next, live := c.graph.Clone(), c.liveGraph()
	join := func(orphans []int) {
		for _, e := range topology.Reconnect(live, orphans, c.chance(uint64(16+next.Len()-live.Len()))) {
			next.AddEdge(e.A, e.B)
			live.AddEdge(e.A, e.B)
		}
	}
	join(c.orphans(live, dead))
	if parts := topology.Components(live); len(parts) > 1 {
		// Some are apart because of earlier deaths: one of each part is enough to tie them.
		var all []gossip.NodeID
		for _, v := range c.graph.Nodes() {
			if !live.HasNode(v) {
				all = append(all, gossip.NodeID(v))
			}
		}
		orphans := c.orphans(live, all)
		var ties []int
		for _, part := range parts {
			if i := slices.IndexFunc(part, func(v int) bool { return slices.Contains(orphans, v) }); i >= 0 {
				ties = append(ties, part[i])
			}
		}
		if len(ties) > 1 {
			join(ties)
		}
	}
	return c.rewired(ctx, next)
}

// orphans are the nodes in live that have one of dead as a peer.
func (c *controller) orphans(live *topology.Graph, dead []gossip.NodeID) []int {
	var list []int
	for _, id := range dead {
		if !c.graph.HasNode(int(id)) || live.HasNode(int(id)) {
			continue // removed, or back again
		}
		for _, p := range c.graph.Peers(int(id)) {
			if live.HasNode(p) {
				list = append(list, p)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
