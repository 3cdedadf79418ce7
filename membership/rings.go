package membership

import (
	"slices"

	"gossipctl/gossip"
)

// rings choose the neighbours of a node out of a view: the union of random rings through all members is an H-graph
// (Law and Siu, "Distributed construction of random expander networks", INFOCOM 2003), connected by construction and
// nearly regular. On each ring nodes stand in the order of a hash that all reckon alike, so whoever sees the same
// members sees the same graph, and a member that comes or goes changes few edges.
type rings struct {
	seed  uint64
	self  gossip.NodeID
	rings []ring // none: everybody is a neighbour of everybody
	stale bool   // somebody beside this node on a ring is gone
}

// ring is what one ring looks like from this node: who comes next, and who is before it. Zero: nobody.
type ring struct {
	key         uint64
	next, prior neighbour
}

// neighbour is a node with how far it is round the ring.
type neighbour struct {
	node gossip.NodeID
	far  uint64
}

func newRings(seed uint64, self gossip.NodeID, peers int) rings {
	r := rings{seed: seed, self: self, rings: make([]ring, (peers+1)/2)}
	for i := range r.rings {
		r.rings[i].key = r.key(i, self)
	}
	return r
}

// key is where a node stands on a ring.
func (r *rings) key(ring int, node gossip.NodeID) uint64 {
	return scatter(scatter(r.seed+uint64(ring)) ^ uint64(node))
}

// add takes in a member that has come.
func (r *rings) add(node gossip.NodeID) {
	for i := range r.rings {
		ring := &r.rings[i]
		far := r.key(i, node) - ring.key
		if ring.next.node == 0 || far < ring.next.far {
			ring.next = neighbour{node, far}
		}
		if ring.prior.node == 0 || far > ring.prior.far {
			ring.prior = neighbour{node, far}
		}
	}
}

// remove takes out a member that has gone.
func (r *rings) remove(node gossip.NodeID) {
	for i := range r.rings {
		r.stale = r.stale || r.rings[i].next.node == node || r.rings[i].prior.node == node
	}
}

// neighbours are those beside this node on any ring, each once, sorted; everybody when there are no rings. Here are
// the members that count.
func (r *rings) neighbours(here pool) []gossip.NodeID {
	var list []gossip.NodeID
	if len(r.rings) == 0 {
		for _, m := range here {
			list = append(list, m.node)
		}
	}
	if r.stale {
		r.stale = false
		for i := range r.rings {
			r.rings[i].next, r.rings[i].prior = neighbour{}, neighbour{}
		}
		for _, m := range here {
			r.add(m.node)
		}
	}
	for i := range r.rings {
		if ring := &r.rings[i]; ring.next.node != 0 {
			list = append(list, ring.next.node, ring.prior.node)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
