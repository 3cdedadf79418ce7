package check

import (
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
)

// inboxes judges G3 and G4: what is in one inbox is in all, as is what was accepted.
func (c *Checker) inboxes(live []*node) {
	if active := c.control.final().active; len(active) > 0 {
		c.doubt("%s still in force at the final read: G3, G4 and G5 are promised without", faults(len(active)))
	}
	parts := [][]*node{live}
	if len(c.cond.Parts) > 1 {
		parts = c.apart(live)
		c.doubt("the live nodes are in %d parts with no way between them: G3 and G4 are judged within each", len(c.cond.Parts))
	}
	for _, part := range parts {
		c.agree(part)
	}
}

// paused tells of the nodes that stood still at the final read. What one of them has accepted must come to the
// others once it goes on; whether it will cannot be told.
func (c *Checker) paused(nodes, live []*node) (notes []string) {
	w := c.control.final()
	var had set
	var unread []gossip.NodeID
	for _, n := range live {
		if n.readable() {
			had.join(n.inbox)
		}
	}
	for _, n := range nodes {
		if !w.still(n) {
			continue
		}
		alone := 0
		for range n.accepted.without(had) {
			alone++
		}
		switch {
		case alone == 0 || c.cond.DropOldest: // it may have made room for others
			unread = append(unread, n.id)
		case alone == 1:
			c.doubt("node %d is paused and was not read: it has accepted a message that no node that was read has", n.id)
		default:
			c.doubt("node %d is paused and was not read: it has accepted %d messages that no node that was read has", n.id, alone)
		}
	}
	switch len(unread) {
	case 0:
	case 1:
		notes = append(notes, fmt.Sprintf("node %d is paused and was not read", unread[0]))
	default:
		notes = append(notes, fmt.Sprintf("nodes %s are paused and were not read", names(unread)))
	}
	return notes
}

func faults(n int) string {
	if n == 1 {
		return "a fault is"
	}
	return fmt.Sprintf("%d faults are", n)
}

func (c *Checker) apart(live []*node) [][]*node {
	parts := make([][]*node, len(c.cond.Parts))
	for _, n := range live {
		for i, ids := range c.cond.Parts {
			if slices.Contains(ids, n.id) {
				parts[i] = append(parts[i], n)
				break
			}
		}
	}
	return parts
}

// agree judges the live nodes of one part.
func (c *Checker) agree(live []*node) {
	var had, accepted set // by whom it can be told
	readable := live[:0:0]
	for _, n := range live {
		if !n.readable() {
			continue // that is noted
		}
		readable = append(readable, n)
		had.join(n.inbox)
		accepted.join(n.accepted)
		if !c.cond.DropOldest {
			had.join(n.has)
		}
	}
	c.checked(Validity, accepted.len()*len(readable))
	c.checked(Agreement, had.len()*len(readable))
	if c.cond.DropOldest {
		accepted = nil // it may have made room again
	}
	early := c.cond.Converge == 0 && underWay(readable) // where nobody promises when, nothing is late
	open := len(c.control.final().active) > 0 || c.lost()
	for _, n := range readable {
		for i := range had.without(n.inbox) {
			m := &c.messages[i]
			switch {
			case c.cond.DropOldest && n.has.has(i):
			case c.cond.DropOldest && n.blind:
			case open:
			case n.full:
				c.doubt("node %d turned messages away because its inbox was full, or its disk: it cannot have all", n.id)
			case c.cond.Converge > 0 && m.published.is() && n.endAt < c.due(m):
				c.doubt("the final read came less than %s after the last change or message, and some nodes do not have everything yet: check it again later", span(int64(c.cond.Converge)))
			case early:
				c.doubt("packets were on their way at the final read, and some nodes do not have everything yet: check it again later")
			default:
				c.missing(m, n, accepted.has(i))
			}
		}
		for i := range accepted.without(had) { // accepted, and nobody has it
			m := &c.messages[i]
			c.violate(Validity, m.id, n.id, c.where(m.accepted, m.id), "node %d does not have message %v, which node %d has accepted", n.id, m.id, m.id.Origin)
		}
	}
}

func (c *Checker) missing(m *message, n *node, accepted bool) {
	first := m.published
	switch {
	case m.accepted.is():
		first = m.accepted
	case !first.is() && len(m.bodies) > 0:
		first = m.bodies[0].first
	}
	if accepted {
		c.violate(Validity, m.id, n.id, c.where(first, m.id), "node %d does not have message %v, which node %d has accepted", n.id, m.id, m.id.Origin)
	}
	if n.has.has(m.index(c)) {
		c.violate(Agreement, m.id, n.id, c.where(first, m.id), "node %d has delivered message %v, and it is not in its inbox any more", n.id, m.id)
		return
	}
	c.violate(Agreement, m.id, n.id, c.where(first, m.id), "node %d does not have message %v, which another live node has", n.id, m.id)
}

func (m *message) index(c *Checker) uint32 { return uint32(c.number.Get(m.id) - 1) }

// span is a number of nanoseconds for people.
func span(ns int64) string { return time.Duration(ns).Round(time.Millisecond).String() }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
