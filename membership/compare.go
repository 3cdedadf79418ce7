package membership

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// Views are compared with others so that what gossip has lost is not lost for ever, and that is also how a node
// joins: it asks a contact for its view. The one asked answers that theirs are alike, if their sums are, or with a
// page of it; of the stretch of numbers that a page is about, the other one gives back what it knows better, and asks
// for the next. So both have all in the end, and only differences travel twice. No state is kept by the one asked.

// exchange is a comparison that this node has asked for.
type exchange struct {
	with gossip.NodeID
	low  gossip.NodeID // the page that is to come begins here
}

// exchangesMost is how many comparisons may be under way: those with a few contacts and one more. A further one takes
// the place of the oldest.
const exchangesMost = 8

// stretch is a row of node numbers as packets carry it.
func (c *core) stretch(low, high gossip.NodeID) gossip.ID {
	return gossip.ID{Origin: c.me.node, Run: uint32(low), Seq: uint32(high)}
}

func stretchOf(id gossip.ID) (low, high gossip.NodeID) {
	if id.Run > lastNumber || id.Seq > lastNumber {
		return 0, 0
	}
	return gossip.NodeID(id.Run), gossip.NodeID(id.Seq)
}

// sumID is the sum of a view as packets carry it: 60 bits of it.
func (c *core) sumID() gossip.ID {
	return gossip.ID{Origin: c.me.node, Run: uint32(c.sum>>32)&(1<<29-1) | 1<<29, Seq: uint32(c.sum)&(1<<30-1) | 1<<30}
}

// ask asks a node for its view.
func (c *core) ask(to gossip.NodeID, low gossip.NodeID, out *gossip.Outbox) {
	c.exchanges = slices.DeleteFunc(c.exchanges, func(e exchange) bool { return e.with == to })
	if len(c.exchanges) == exchangesMost {
		c.exchanges = slices.Delete(c.exchanges, 0, 1)
	}
	c.exchanges = append(c.exchanges, exchange{to, low})
	head := [...]gossip.ID{c.stretch(low, lastNumber), c.sumID()}
	out.Send(to, c.packet(c.find(to), kindAsk, 0, head[:], out))
}

// answer answers who asks for the view from a number on.
func (c *core) answer(now time.Time, from, low gossip.NodeID, sum gossip.ID, out *gossip.Outbox) {
	if mine := c.sumID(); low == 1 && mine.Run == sum.Run && mine.Seq == sum.Seq {
		out.Send(from, c.packet(c.find(from), kindSame, 0, nil, out))
		return
	}
	first, _ := c.place(low)
	last := min(first+pageMembers, len(c.all))
	high := gossip.NodeID(lastNumber)
	if last < len(c.all) {
		high = c.all[last].node - 1
	}
	ids := append(out.IDs(2 + 2*(last-first))[:0], c.me.id(), c.stretch(low, high))
	for _, m := range c.all[first:last] {
		ids = m.statement().append(ids)
	}
	out.Send(from, gossip.Packet{Kind: kindPage, IDs: ids})
}

// readPage takes in a page. If it was asked for, its sender gets what is known better here, and is asked for the next.
func (c *core) readPage(now time.Time, from, low, high gossip.NodeID, statements []gossip.ID, out *gossip.Outbox) {
	at := slices.IndexFunc(c.exchanges, func(e exchange) bool { return e.with == from && e.low == low })
	c.claimed = c.claimed[:0]
	defer c.warn(out)
	var better []gossip.ID
	mine, _ := c.place(low)
	lacks := func(m *member) { // the sender
		if m.node != from {
			better = m.statement().append(better)
		}
	}
	for len(statements) > 0 {
		var s statement
		s, statements, _ = next(statements)
		if s.node < low || s.node > high {
			continue
		}
		if at >= 0 {
			for ; mine < len(c.all) && c.all[mine].node < s.node; mine++ {
				lacks(c.all[mine])
			}
			if mine < len(c.all) && c.all[mine].node == s.node {
				if c.all[mine].compare(s.record) > 0 {
					lacks(c.all[mine])
				}
				mine++
			}
		}
		before := len(c.all)
		c.learn(now, s, true, out)
		if len(c.all) > before && at >= 0 {
			mine, _ = c.place(s.node + 1)
		}
	}
	if at < 0 {
		return
	}
	for ; mine < len(c.all) && c.all[mine].node <= high; mine++ {
		lacks(c.all[mine])
	}
	for len(better) > 0 { // whole statements; a few packets at most: there is a bound to members
		n := min(len(better), 2*pageMembers)
		if n < len(better) {
			for cut := 0; cut < 2*pageMembers-1; { // never between a suspicion and who has it
				s, _, _ := next(better[cut:])
				cut += s.places()
				n = cut
			}
		}
		ids := append(out.IDs(2 + n)[:0], c.me.id(), c.stretch(better[0].Origin, lastNumber))
		out.Send(from, gossip.Packet{Kind: kindPage, IDs: append(ids, better[:n]...)})
		better = better[n:]
	}
	c.exchanges = slices.Delete(c.exchanges, at, at+1)
	if high < lastNumber {
		c.ask(from, high+1, out)
		return
	}
	c.answered = true
}

// warn tells a few of those whom a page holds for dead, and this node sees alive: they refute, and so come back there.
func (c *core) warn(out *gossip.Outbox) {
	c.drawn = sample(c.env.Rand.IntN, len(c.claimed), callsMore, func(i int) bool { return c.claimed[i].here() }, c.drawn[:0])
	for _, at := range c.drawn {
		m := c.claimed[at]
		dead := record{m.node, m.run, m.incarnation, gossip.Dead}
		ids := append(out.IDs(2)[:0], c.me.id(), dead.id())
		out.Send(m.node, gossip.Packet{Kind: kindNews, IDs: ids})
	}
}

// compareViews compares the view with that of a member: a neighbour while there is much to learn, for the link to it is
// open, and a random one else, for those who are cut off together learn nothing from each other.
func (c *core) compareViews(now time.Time, out *gossip.Outbox) {
	var with gossip.NodeID
	if drawn := c.draw(1, 0); len(drawn) > 0 {
		with = c.here[drawn[0]].node
	} else {
		return
	}
	if beside := c.drawBeside(1); c.learning && len(beside) > 0 {
		with = beside[0]
	}
	c.learning = false
	if c.pace *= 2; !c.answered {
		c.pace = c.pace * 5 / 8 // the call or the answer was lost: it is tried again sooner
	}
	c.pace = min(c.pace, max(c.rules.sync, c.gossip))
	c.answered = false
	c.ask(with, 1, out)
}

// hurry has views compared soon again, because there was news in one: there may be more in others. That is how
// hundreds that join at once through one contact know each other in some ten gossips.
func (c *core) hurry(now time.Time, out *gossip.Outbox) {
	c.pace, c.learning = c.gossip, true
	if next := c.nextComparison(now); c.agenda.wants(compareAll) && next < c.agenda.due[compareAll] {
		c.agenda.set(compareAll, next, now, out)
	}
}

// nextComparison is when views are to be compared again: give or take a tenth, so that a network whose nodes were
// started at once does not do it at once.
func (c *core) nextComparison(now time.Time) int64 {
	if c.aligned {
		return nextBeat(now.Add(c.pace-c.gossip), 0, c.gossip)
	}
	return now.UnixNano() + int64(c.pace)*9/10 + c.env.Rand.Int64N(int64(c.pace)/5+1)
}
