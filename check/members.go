package check

import (
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// members is what one node says of who is there.
type members struct {
	seen map[gossip.NodeID]*seen // in this life

	rows map[gossip.NodeID]viewed // of the final read
	read uint64
}

// seen is what a node has said of another: how it stands now, and when it first said that some life of it was there,
// and was gone.
type seen struct {
	stand
	lives []lifeSeen
}

// maxLivesSeen bounds the lives of one node that are told apart in the view of another; the oldest go first.
const maxLivesSeen = 16

type lifeSeen struct {
	run         uint32
	there, gone int64 // 0: it was not said
}

// stand is how somebody stands in a view. A later run supersedes an earlier one, then an incarnation, then what is
// worse.
type stand struct {
	run         uint32
	incarnation uint64
	standing    standing
}

type standing int8

const (
	alive standing = iota
	suspect
	dead
	left
)

var standings = []string{alive: "alive", suspect: "suspect", dead: "dead", left: "left"}

func (s standing) ended() bool { return s >= dead }

// returns reports whether to think so of somebody takes back what was thought before: that a life was over.
func (s stand) returns(before stand) bool {
	return s.run < before.run || s.run == before.run && before.standing.ended() && !s.standing.ended() && s.incarnation <= before.incarnation
}

// viewed is a member in the view that the final read has found.
type viewed struct {
	stand
	neighbour bool
	mark      mark
}

func (m *members) newLife() { m.seen = nil }

func (m *members) forget() { m.rows, m.read = nil, 0 }

// stand reads how somebody stands, and notes where that cannot be understood.
func (c *Checker) stand(e *trace.Event) (stand, bool) {
	i := slices.Index(standings, e.Reason)
	if i < 0 {
		c.doubt("%s: line %d: a member that is %q", c.logName(), c.line, e.Reason)
		return stand{}, false
	}
	return stand{e.PeerRun, e.Count, standing(i)}, true
}

// ordered reports whether what nodes say of a life has an order.
func (c *Checker) ordered() bool { return c.cond.Membership == Swim || c.cond.Membership == Acquainted }

// member takes in that the node's view of another has changed.
func (n *node) member(c *Checker, e *trace.Event) {
	now, ok := c.stand(e)
	if !ok {
		return
	}
	s := n.members.seen[e.Peer]
	if s == nil {
		if !c.room() {
			return
		}
		if n.members.seen == nil {
			n.members.seen = make(map[gossip.NodeID]*seen)
		}
		s = &seen{stand: now}
		n.members.seen[e.Peer] = s
	}
	if c.ordered() {
		c.checked(Membership, 1)
		if now.returns(s.stand) {
			c.violate(Membership, gossip.ID{}, n.id, c.here(e), "node %d takes %s for %s, after it was %s", n.id, who(e.Peer, now), standings[now.standing], s.stand)
		}
	}
	s.stand = now
	s.note(now, nanos(e.At))
}

func who(id gossip.NodeID, s stand) string { return fmt.Sprintf("life %d of node %d", s.run, id) }

func (s stand) String() string {
	return fmt.Sprintf("%s in life %d, incarnation %d", standings[s.standing], s.run, s.incarnation)
}

// note keeps when a life was first there, and when it was first gone; a later life ends the ones before.
func (s *seen) note(now stand, at int64) {
	i := slices.IndexFunc(s.lives, func(l lifeSeen) bool { return l.run == now.run })
	if i < 0 {
		if len(s.lives) == maxLivesSeen {
			s.lives = slices.Delete(s.lives, 0, 1)
		}
		s.lives = append(s.lives, lifeSeen{run: now.run})
		i = len(s.lives) - 1
	}
	l := &s.lives[i]
	switch {
	case !now.standing.ended():
		if l.there == 0 {
			l.there = at
		}
		l.gone = 0
	case l.gone == 0:
		l.gone = at
	}
	for k := range s.lives {
		if before := &s.lives[k]; before.run < now.run && before.gone == 0 {
			before.gone = at
		}
	}
}

// view takes in how the node sees another in the end.
func (n *node) view(c *Checker, e *trace.Event) {
	m := &n.members
	m.read++
	now, ok := c.stand(e)
	if !ok || !c.room() {
		return
	}
	if m.rows == nil {
		m.rows = make(map[gossip.NodeID]viewed)
	}
	if s := m.seen[e.Peer]; s != nil && c.ordered() {
		c.checked(Membership, 1)
		if now.returns(s.stand) {
			c.violate(Membership, gossip.ID{}, n.id, c.here(e), "node %d takes %s for %s in the end, after it was %s", n.id, who(e.Peer, now), standings[now.standing], s.stand)
		}
	}
	m.rows[e.Peer] = viewed{now, e.Name == trace.Neighbour, c.mark(e)}
}

// judgeMembers judges G8 once all events are in.
func (c *Checker) judgeMembers(nodes, live []*node) (notes []string) {
	if c.cond.Membership == "" {
		return nil
	}
	c.views(nodes, live)
	return c.deaths(nodes)
}

// views holds how nodes see each other in the end against who was there.
func (c *Checker) views(nodes, live []*node) {
	w := c.control.final()
	open := len(w.active) > 0 || c.lost()
	if len(w.active) > 0 && c.cond.DeadWithin+c.cond.AliveWithin > 0 {
		c.doubt("%s still in force at the final read: G8 is promised without", faults(len(w.active)))
	}
	if open {
		return
	}
	part := make(map[gossip.NodeID]int)
	for i, ids := range c.cond.Parts {
		for _, id := range ids {
			part[id] = i + 1
		}
	}
	last := max(w.last, c.changed)
	for _, n := range live {
		if !n.readable() {
			continue
		}
		late := func(within time.Duration) bool {
			if n.endAt >= last+int64(within) {
				return true
			}
			c.doubt("the final read came less than %s after the last change, and not all know of all yet: check it again later", within)
			return false
		}
		for _, m := range nodes {
			if m == n || !m.began {
				continue
			}
			row, has := n.members.rows[m.id]
			where := func() Where { return c.whereView(n, m.id, row, has) }
			switch {
			case has && row.run > max(m.run, c.cond.Runs[m.id]):
				if c.tellsAll(m.id) {
					c.violate(Membership, gossip.ID{}, n.id, where(), "node %d knows of life %d of node %d, which has had %d", n.id, row.run, m.id, m.run)
				}
			case w.still(m):
			case !w.live(m):
				c.seesDead(n, m, row, has, late, where)
			case c.cond.AliveWithin == 0 || c.cond.Membership == Hyparview || part[n.id] != part[m.id] || m.silent():
			default:
				c.seesAlive(n, m, row, has, late, where)
			}
		}
	}
}

// seesDead judges how node n sees m, which is dead or has left.
func (c *Checker) seesDead(n, m *node, row viewed, has bool, late func(time.Duration) bool, where func() Where) {
	if c.cond.DeadWithin == 0 || c.cond.Membership == Hyparview && !row.neighbour {
		return
	}
	c.checked(Membership, 1)
	if has && !row.standing.ended() && late(c.cond.DeadWithin) {
		c.violate(Membership, gossip.ID{}, n.id, where(), "node %d takes %s for %s, which has ended", n.id, who(m.id, row.stand), standings[row.standing])
	}
}

// seesAlive judges how node n sees m, which lives. To suspect it is a question that is still open.
func (c *Checker) seesAlive(n, m *node, row viewed, has bool, late func(time.Duration) bool, where func() Where) {
	c.checked(Membership, 1)
	if has && row.run == m.run && !row.standing.ended() || !late(c.cond.AliveWithin) {
		return
	}
	switch {
	case !has:
		c.violate(Membership, gossip.ID{}, n.id, where(), "node %d does not know of node %d, which lives", n.id, m.id)
	case row.run < m.run:
		c.violate(Membership, gossip.ID{}, n.id, where(), "node %d knows of life %d of node %d, which lives its life %d", n.id, row.run, m.id, m.run)
	default:
		c.violate(Membership, gossip.ID{}, n.id, where(), "node %d takes %s for %s, which lives", n.id, who(m.id, row.stand), standings[row.standing])
	}
}

// whereView is the line about a member in a final read, or the end of that where there is none.
func (c *Checker) whereView(n *node, of gossip.NodeID, row viewed, has bool) Where {
	if !has {
		return c.where(n.endMark, gossip.ID{})
	}
	w := c.where(row.mark, gossip.ID{})
	w.Event.Peer, w.Event.PeerRun, w.Event.Count, w.Event.Reason = of, row.run, row.incarnation, standings[row.standing]
	return w
}

// deaths judges how soon those who lived knew of each kill. It is promised where no fault was in force and nobody
// stood still, from as long before until as long after, and no more than a tenth of the nodes died meanwhile.
func (c *Checker) deaths(nodes []*node) (notes []string) {
	within := int64(c.cond.DeadWithin)
	if within == 0 || c.cond.Membership != Swim || c.lost() {
		return nil
	}
	ended := make(map[life]int64)
	for _, k := range c.control.deaths {
		ended[life{k.node, k.run}] = k.at
	}
	skipped := c.control.kills - len(c.control.deaths)
	for _, k := range c.control.deaths {
		if !c.control.calm(k.at-within, k.at+within) || c.control.died(k.at-within, k.at+within) > max(len(nodes)/10, 1) {
			skipped++
			continue
		}
		victim := c.nodes[k.node]
		if victim == nil || victim.run > k.run && victim.bornAt < k.at+within {
			continue // its next life has come instead
		}
		for _, n := range nodes {
			until := n.endAt
			if at, killed := ended[life{n.id, n.run}]; killed {
				until = at
			}
			if n.stopAt > 0 && n.stopAt >= n.bornAt {
				until = n.stopAt
			}
			if n.id == k.node || n.silent() || n.bornAt >= k.at || until < k.at+within || n.steady > n.first {
				continue
			}
			s := n.members.seen[k.node]
			if s == nil {
				continue
			}
			i := slices.IndexFunc(s.lives, func(l lifeSeen) bool { return l.run == k.run && l.there != 0 && l.there <= k.at })
			if i < 0 {
				continue
			}
			c.checked(Membership, 1)
			switch gone := s.lives[i].gone; {
			case gone == 0:
				c.violate(Membership, gossip.ID{}, n.id, c.where(k, gossip.ID{}), "node %d never notices that life %d of node %d was killed", n.id, k.run, k.node)
			case gone > k.at+within:
				c.violate(Membership, gossip.ID{}, n.id, c.where(k, gossip.ID{}), "node %d notices %s late that life %d of node %d was killed: promised are %s", n.id,
					span(gone-k.at-within), k.run, k.node, span(within))
			}
		}
	}
	if skipped > 0 {
		notes = append(notes, fmt.Sprintf("how soon %s noticed is not judged, because faults were in force, nodes paused or many dead", kills(skipped)))
	}
	return notes
}

func kills(n int) string {
	if n == 1 {
		return "a kill was"
	}
	return fmt.Sprintf("%d kills were", n)
}
