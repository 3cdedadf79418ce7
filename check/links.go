package check

import (
	"maps"
	"slices"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// linkRead is what one end of a link has counted, as far as it matters.
type linkRead struct {
	peer gossip.NodeID
	run  uint32
	in   uint64 // what the sender put in, repeated copies included; or what the receiver heard
	out  uint64 // of the sender's, what it knows the fate of
	pass uint64 // of that, what went to the peer's present life
	way  uint64 // of that, what was on its way
	mark mark
}

func (c *Checker) linkRead(e *trace.Event) linkRead {
	l := linkRead{peer: e.Peer, run: e.PeerRun, mark: c.mark(e)}
	for _, name := range slices.Sorted(maps.Keys(e.Counts)) {
		n := e.Counts[name]
		switch {
		case e.Kind == trace.Heard:
			l.in += n
		case name == trace.CountSent, name == trace.CountRepeated:
			l.in += n
		default:
			l.out += n
			switch name {
			case trace.CountPassed:
				l.pass = n
			case trace.CountInFlight:
				l.way = n
			}
		}
	}
	return l
}

// underWay reports whether packets from one of the live nodes to another were on their way at the final read.
func underWay(live []*node) bool {
	return slices.ContainsFunc(live, func(n *node) bool {
		return slices.ContainsFunc(n.links, func(l linkRead) bool {
			return l.way > 0 && slices.ContainsFunc(live, func(to *node) bool { return to.id == l.peer })
		})
	})
}

// conserve judges G9, for every pair of nodes that live.
func (c *Checker) conserve(live []*node) {
	type end struct {
		peer gossip.NodeID
		run  uint32
	}
	byID := make(map[gossip.NodeID]*node, len(live))
	heard := make(map[gossip.NodeID]map[end]linkRead)
	for _, n := range live {
		if n.readable() {
			byID[n.id] = n
			heard[n.id] = make(map[end]linkRead, len(n.heard))
			for _, h := range n.heard {
				heard[n.id][end{h.peer, h.run}] = h
			}
		}
	}
	for _, n := range live {
		if byID[n.id] == nil {
			continue
		}
		for _, l := range n.links {
			c.checked(Conservation, 1)
			if l.in != l.out {
				c.violate(Conservation, gossip.ID{}, n.id, c.whereLink(l), "node %d has sent %d packets to node %d, and says what became of %d", n.id, l.in, l.peer, l.out)
			}
			to := byID[l.peer]
			if to == nil || l.run != to.run || c.lost() {
				continue // what a life that is over has heard is not known
			}
			c.checked(Conservation, 1)
			at := end{n.id, n.run}
			h := heard[to.id][at]
			delete(heard[to.id], at)
			if l.pass != h.in {
				c.violate(Conservation, gossip.ID{}, to.id, c.whereLink(l), "node %d has passed %d packets to node %d, which has heard %d", n.id, l.pass, to.id, h.in)
			}
		}
	}
	if c.lost() {
		return // who was read together is not known
	}
	for _, n := range live { // what was heard, and nobody says that it was sent
		for _, h := range n.heard {
			from := byID[h.peer]
			if _, left := heard[n.id][end{h.peer, h.run}]; left && from != nil && h.run == from.run {
				c.checked(Conservation, 1)
				if h.in > 0 {
					c.violate(Conservation, gossip.ID{}, n.id, c.whereLink(h), "node %d has heard %d packets from node %d, which says nothing of them", n.id, h.in, h.peer)
				}
			}
		}
	}
}

func (c *Checker) whereLink(l linkRead) Where {
	w := c.where(l.mark, gossip.ID{})
	w.Event.Peer, w.Event.PeerRun = l.peer, l.run
	return w
}
