package netctl

import (
	"context"

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
	next := c.graph.Clone()
	numbers := make([]int, len(dead))
	for i, id := range dead {
		numbers[i] = int(id)
	}
	live := c.liveGraph()
	for _, e := range topology.Mend(c.graph, live, numbers, c.chance(uint64(16+next.Len()-live.Len()))) {
		next.AddEdge(e.A, e.B)
	}
	return c.rewired(ctx, next)
}
