package membership

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// The packets of acquaint and swim. Each begins with the record of its sender, so that who sends is known; then come
// the names that the kind says, and then statements. Hops is the number of a probe.
const (
	kindNews    = gossip.KindMembership + iota // statements
	kindAsk                                    // tell me your view, from a number on: its stretch, the sum of the sender's view
	kindPage                                   // all that is known of a stretch of numbers: the stretch
	kindSame                                   // the views are alike
	kindPing                                   // do you live?
	kindAck                                    // yes
	kindPingFor                                // probe a member for me: its record
	kindAckFor                                 // it lives: its record
	kindNackFor                                // it has not answered yet, but I have: its record
	kindsEnd
)

// heads is how many names stand between the sender and the statements, by kind.
var heads = [kindsEnd - gossip.KindMembership]int{kindAsk - kindNews: 2, kindPage - kindNews: 1,
	kindPingFor - kindNews: 1, kindAckFor - kindNews: 1, kindNackFor - kindNews: 1}

// Bounds of packets.
const (
	// pageMembers is how many members a page tells of: with their addresses about 7 KB.
	pageMembers = 256
	// placesMost is how many names a packet may have: a page of suspects, with what stands before them.
	placesMost = 2*pageMembers + 8
	// numbers is how many numbers of probes there are; they come again when nobody remembers them.
	numbers = gossip.MaxHops
	// lastNumber is the highest number of a node that a name can have.
	lastNumber = 1<<31 - 1
)

// sound reports whether a packet makes sense: nothing of one that does not is believed.
func (c *core) sound(from gossip.NodeID, p gossip.Packet) bool {
	if p.Kind >= kindsEnd || c.detector == nil && p.Kind > kindSame || p.Hops < 0 || p.Hops > numbers ||
		len(p.Messages) > 0 || len(p.IDs) > placesMost || len(p.IDs) < 1+heads[p.Kind-kindNews] || from == c.me.node {
		return false
	}
	sender, is := readRecord(p.IDs[0])
	if !is || sender.node != from || sender.standing != gossip.Alive && sender.standing != gossip.Left {
		return false
	}
	head := p.IDs[1 : 1+heads[p.Kind-kindNews]]
	switch p.Kind {
	case kindAsk, kindPage:
		if low, high := stretchOf(head[0]); low < 1 || high < low {
			return false
		}
	case kindPingFor, kindAckFor, kindNackFor:
		if about, is := readRecord(head[0]); !is || about.node == from {
			return false
		}
	}
	return readable(p.IDs[1+len(head):])
}

// attend does what a packet asks for, once what it tells is taken in.
func (c *core) attend(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	before, refused := len(out.Sends), c.stats.Refused
	sender, _ := readRecord(p.IDs[0])
	head := p.IDs[1 : 1+heads[p.Kind-kindNews]]
	statements := p.IDs[1+len(head):]
	c.owes = false
	c.learn(now, statement{record: sender}, false, out)
	m := c.find(from)
	if m != nil && m.here() {
		c.heard(from)
	}
	// Whoever is thought to be dead and sends is not: it is told, and refutes. A goodbye wants no answer.
	c.owes = m != nil && !m.here() && sender.standing == gossip.Alive && sender.run >= m.run
	known := len(c.all)
	switch p.Kind {
	case kindPage:
		low, high := stretchOf(head[0])
		c.readPage(now, from, low, high, statements, out)
	default:
		for len(statements) > 0 {
			var s statement
			s, statements, _ = next(statements)
			c.learn(now, s, false, out)
		}
	}
	if c.stats.Refused > refused {
		out.Refuse(Full) // so that it is counted where people look; the rest of the packet is made use of
	}
	if p.Kind == kindPage && len(c.all) > known {
		c.hurry(now, out)
	}
	switch p.Kind {
	case kindAsk:
		low, _ := stretchOf(head[0])
		c.answer(now, from, low, head[1], out)
	case kindSame:
		c.answered = true
	case kindPing:
		out.Send(from, c.packet(m, kindAck, p.Hops, nil, out))
	case kindAck:
		c.detector.acked(now, from, p.Hops, out)
	case kindPingFor:
		about, _ := readRecord(head[0])
		c.detector.probeFor(now, from, p.Hops, about, out)
	case kindAckFor, kindNackFor:
		about, _ := readRecord(head[0])
		c.learnAlive(now, about, out)
		c.detector.answeredFor(from, p.Hops, about.node, p.Kind == kindAckFor)
	}
	if !c.owes || c.left {
		return
	}
	for _, send := range out.Sends[before:] {
		if send.To == from && send.Packet.Kind >= kindNews {
			return // it is told with that
		}
	}
	out.Send(from, c.packet(m, kindNews, 0, nil, out))
}

// learnAlive takes in a record from the head of a packet, which says no more than that a member is there.
func (c *core) learnAlive(now time.Time, r record, out *gossip.Outbox) {
	if r.standing == gossip.Alive && r.node != c.me.node {
		c.learn(now, statement{record: r}, false, out)
	}
}

// packet makes a packet for a member, which may be nil: the sender, a head, what is held against the member itself,
// then news, and a sample of all members in what room is left.
func (c *core) packet(to *member, kind gossip.Kind, number int, head []gossip.ID, out *gossip.Outbox) gossip.Packet {
	ids := append(append(out.IDs(3 + len(head) + c.updates + c.rules.sample)[:0], c.me.id()), head...)
	tells := to != nil && (!to.here() || to.standing == gossip.Suspect && c.buddy)
	if tells {
		ids = to.statement().append(ids)
	}
	first := len(ids)
	c.queue.fill(c.updates, c.limit(len(c.here)+1), func(m *member) bool {
		if m == &c.me || tells && m == to {
			return true // it is told anyhow
		}
		if len(ids)-first+m.statement().places() > c.updates {
			return false
		}
		ids = m.statement().append(ids)
		return true
	})
	k := min(c.rules.sample, c.updates+c.rules.sample-(len(ids)-first))
	told := ids
	c.places = sample(c.env.Rand.IntN, len(c.here), k, func(i int) bool {
		m := c.here[i]
		if m == to || m.standing != gossip.Alive {
			return false
		}
		for _, id := range told[first:] {
			if id.Origin == m.node {
				return false
			}
		}
		return true
	}, c.places[:0])
	for _, at := range c.places {
		ids = append(ids, c.here[at].id())
	}
	return gossip.Packet{Kind: kind, Hops: number, IDs: ids}
}

// strays is in how many gossips one of those told is drawn from all members, and is not a neighbour. A link to it has
// mostly to be opened for that, which costs more than all else; a fourth of the nodes doing so at a time still tells of
// what neighbours alone would keep to themselves.
const strays = 4

// gossipNews tells a few members what is new, and goes on while there is anything. Mostly they are neighbours: these
// make an expander, which news crosses in O(log n) gossips as by random choice (Law and Siu), and links to them are
// open. The one that is drawn from all sees to it that news also comes to those whose neighbours are others in views
// that differ. While somebody is suspected all are drawn, as SWIM has it: where many have ended, those that are left of
// the neighbours do not hang together. Where there are fewer neighbours than are to be told, others are drawn, too.
func (c *core) gossipNews(now time.Time, out *gossip.Outbox) {
	if c.returned {
		c.returned = false
		c.detector.callMore(now, out)
	}
	if c.queue.empty() {
		return
	}
	tell := func(to *member) {
		if !c.queue.empty() {
			out.Send(to.node, c.packet(to, kindNews, 0, nil, out))
		}
	}
	known := c.fanout
	switch {
	case c.agenda.wants(giveUp):
		known = 0
	case c.env.Rand.IntN(strays) == 0:
		known--
	}
	beside := c.drawBeside(known)
	for _, id := range beside {
		tell(c.find(id))
	}
	others := func(i int) bool { return !slices.Contains(beside, c.here[i].node) }
	c.drawn = sample(c.env.Rand.IntN, len(c.here), c.fanout-len(beside), others, c.drawn[:0])
	for _, at := range c.drawn {
		tell(c.here[at])
	}
	if len(c.here) == 0 {
		c.queue.fill(c.updates, c.limit(1), func(*member) bool { return true }) // nobody is there to be told
	}
}
