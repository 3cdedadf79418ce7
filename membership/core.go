package membership

import (
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// core is a membership where everybody comes to know everybody: it joins, spreads what is new by gossip, compares
// views with others now and then so that nothing lost is lost for ever, and gives the protocol within its
// neighbours. With a detector it also finds out who is dead.
type core struct {
	*rules
	inner gossip.Protocol
	env   Environment
	me    member
	view
	queue    queue
	rings    rings
	agenda   agenda
	detector *detector // nil: nobody is noticed to be dead

	phase      time.Duration // of the node's gossips
	given      gossip.Peers  // as contacts, the last time
	contacts   []contact     // of them, those that have not been heard of, or are gone
	exchanges  []exchange
	pace       time.Duration // until the next comparison of views
	answered   bool          // the last one was
	learning   bool          // one has told of members that were not known, and there may be more
	returned   bool          // somebody came back from the dead: others may have, too
	met        bool          // it was told its contacts
	left       bool
	neighbours gossip.Peers
	told       []gossip.NodeID // the same as a list
	moved      bool            // the neighbours may have changed
	owes       bool            // whoever sent the packet at hand should be told something
	stats      Stats

	claimed []*member // said to be dead by the page at hand, and seen alive here

	drawn  []int // memory for draws of partners, and of samples
	places []int
	beside []gossip.NodeID
}

// makeCore returns what makes the machines of all nodes.
func makeCore(v protocol.Values) func(gossip.Protocol, Environment) gossip.Membership {
	r := readRules(v)
	return func(inner gossip.Protocol, env Environment) gossip.Membership {
		c := &core{rules: r, inner: inner, env: env, rings: newRings(env.Seed, env.Self, r.peers), pace: r.gossip}
		c.me.record = record{node: env.Self, run: env.Run}
		c.sum = c.me.sum()
		if !r.aligned {
			c.phase = time.Duration(env.Rand.Int64N(int64(r.gossip)))
		}
		if r.detects {
			c.detector = newDetector(c)
		}
		return c
	}
}

// Under implements [gossip.Layer].
func (c *core) Under() gossip.Protocol { return c.inner }

// Peers takes in contacts.
func (c *core) Peers(now time.Time, contacts gossip.Peers, out *gossip.Outbox) {
	if c.left {
		return
	}
	c.wakeUp(now, out)
	if !c.met {
		c.met = true
		c.inner.Peers(now, c.neighbours, out)
	}
	c.meet(now, contacts, out)
	c.settle(now, out)
}

// Publish passes a message on to the protocol within.
func (c *core) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	c.inner.Publish(now, m, limit, out)
}

// Reasons of a membership to turn packets away, besides [gossip.Malformed].
const (
	Gone gossip.Refusal = "gone"         // the node has said goodbye
	Full gossip.Refusal = "members_full" // they told of members beyond [MaxMembers]
)

// Receive takes in a packet: of membership's own, or for the protocol within.
func (c *core) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	switch {
	case c.left:
		out.Refuse(Gone)
	case p.Kind < gossip.KindMembership:
		c.inner.Receive(now, from, p, out)
	case !c.sound(from, p):
		out.Refuse(gossip.Malformed)
	default:
		c.wakeUp(now, out)
		c.attend(now, from, p, out)
		c.settle(now, out)
	}
}

// Wake hands back a timer.
func (c *core) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	e := errand(t &^ gossip.TimerMembership)
	switch {
	case c.left:
	case t&gossip.TimerMembership == 0:
		c.inner.Wake(now, t, out)
	case e < 0 || e >= errands:
	default:
		c.wakeUp(now, out)
		if c.agenda.rings(e, now, out) {
			c.run(e, now, out)
		}
		c.settle(now, out)
	}
}

// run does an errand.
func (c *core) run(e errand, now time.Time, out *gossip.Outbox) {
	switch e {
	case tellNews:
		c.gossipNews(now, out)
	case compareAll:
		c.compareViews(now, out)
	case askContacts:
		c.askAgain(now, out)
	case probe:
		c.detector.begin(now, out)
	case askOthers:
		c.detector.askOthers(now, out)
	case giveUp:
		c.detector.giveUp(now, out)
	case answerFor:
		c.detector.answerFor(now, out)
	case callDead:
		c.detector.callDead(now, out)
	}
}

// wakeUp notices that the node stood still: the time in which it could not have heard anybody does not count against
// others.
func (c *core) wakeUp(now time.Time, out *gossip.Outbox) {
	if c.detector != nil {
		c.detector.wakeUp(now, out)
	}
}

// learn takes in what somebody tells of a member. Paged says that it is from a whole view and not news: of a death
// that is no proof, for views of two halves that were apart are full of those who live in the other one.
func (c *core) learn(now time.Time, s statement, paged bool, out *gossip.Outbox) {
	if s.node == c.me.node {
		c.defend(now, s.record, out)
		return
	}
	if c.detector == nil && (s.standing == gossip.Suspect || s.standing == gossip.Dead) {
		return // this network has none that could tell
	}
	m := c.find(s.node)
	switch {
	case m == nil:
		c.meetMember(now, s, paged, out)
		return
	case s.compare(m.record) == 0 && s.standing == gossip.Suspect:
		c.detector.confirm(now, m, s.accuser, out)
		return
	case s.compare(m.record) <= 0:
		return
	case paged && s.standing == gossip.Dead && s.run == m.run && m.here():
		c.claimed = append(c.claimed, m)
		return
	}
	was := m.record
	if m.accuser = s.accuser; was.standing == gossip.Suspect {
		c.detector.clear(m)
	}
	if was.here() && !s.here() {
		c.rings.remove(m.node)
		c.miss(now, m.node, out)
	}
	c.change(now, m, s.record)
	if !was.here() && s.here() {
		c.rings.add(m.node)
	}
	c.moved = c.moved || was.here() != s.here()
	if was.standing == gossip.Dead && s.here() && was.run == s.run {
		c.returned = true
	}
	c.announce(now, m, true, out)
}

// meetMember takes in somebody who was not known. What was learned from a whole view is no news there: whoever lacks it
// has it from a view, too.
func (c *core) meetMember(now time.Time, s statement, paged bool, out *gossip.Outbox) {
	m, gone := c.add(now, s.record)
	if gone != nil {
		c.queue.drop(gone)
	}
	if m == nil {
		c.stats.Refused++
		return
	}
	m.accuser = s.accuser
	if m.here() {
		c.rings.add(m.node)
		c.moved = true
	}
	if c.detector != nil {
		c.detector.met(m)
	}
	c.announce(now, m, !paged, out)
}

// announce makes known what a member is now: here, and to others if it is to be told.
func (c *core) announce(now time.Time, m *member, tell bool, out *gossip.Outbox) {
	out.Members = append(out.Members, gossip.Member{Node: m.node, Run: m.run, Incarnation: m.incarnation, Standing: m.standing, Since: m.since})
	if m.standing == gossip.Suspect {
		c.detector.suspect(now, m, out)
	}
	if tell {
		c.queue.put(m)
	}
}

// defend answers what is told of this node itself: a suspicion is refuted by a later incarnation (SWIM, section 4.2).
// Nothing can be done about a later life of it; whoever drives nodes does not start two with one number.
func (c *core) defend(now time.Time, r record, out *gossip.Outbox) {
	if r.run > c.me.run || r.run == c.me.run && r.incarnation <= c.me.incarnation && r.standing == gossip.Alive {
		return
	}
	if c.owes = true; r.run < c.me.run || r.incarnation < c.me.incarnation || r.incarnation >= maxIncarnation {
		return // whoever says so has not heard yet; or it is past all answers
	}
	c.sum -= c.me.sum()
	c.me.incarnation = r.incarnation + 1
	c.sum += c.me.sum()
	c.queue.put(&c.me)
	if c.stats.Refuted++; c.detector != nil {
		c.detector.ail(1)
	}
}

// settle ends a step: the protocol within is told its neighbours if they are others now, and what should happen
// later is put on the agenda.
func (c *core) settle(now time.Time, out *gossip.Outbox) {
	if c.moved {
		c.moved = false
		list := c.rings.neighbours(c.here)
		if !slices.Equal(list, c.told) {
			c.told = list
			c.neighbours = gossip.NewPeers(list)
			c.inner.Peers(now, c.neighbours, out)
		}
	}
	if (!c.queue.empty() || c.returned) && !c.agenda.wants(tellNews) && len(c.all) > 0 {
		c.agenda.set(tellNews, nextBeat(now, c.phase, c.gossip), now, out)
	}
	if len(c.here) > 0 && !c.agenda.wants(compareAll) {
		c.agenda.set(compareAll, c.nextComparison(now), now, out)
	}
	if c.detector != nil {
		c.detector.settle(now, out)
	}
}

// nextBeat is the first multiple of an interval after now, moved by a phase.
func nextBeat(now time.Time, phase, interval time.Duration) int64 {
	at := now.UnixNano()
	since := (at - int64(phase)) % int64(interval)
	if since < 0 {
		since += int64(interval)
	}
	return at + int64(interval) - since
}

// Members implements [gossip.Membership].
func (c *core) Members() []gossip.Member {
	members := make([]gossip.Member, len(c.all))
	for i, m := range c.all {
		members[i] = gossip.Member{Node: m.node, Run: m.run, Incarnation: m.incarnation, Standing: m.standing, Since: m.since}
	}
	return members
}

// Neighbours implements [gossip.Membership].
func (c *core) Neighbours() gossip.Peers { return c.neighbours }

// Stats returns the counters.
func (c *core) Stats() Stats {
	s := c.stats
	s.Here, s.Dead = len(c.here), len(c.dead)
	s.Left = len(c.all) - s.Here - s.Dead
	if c.detector != nil {
		s.Health = c.detector.health
	}
	return s
}

// goodbyes is how many members are told at once by one that leaves, because it will not be there to repeat it: if half
// of all packets are lost, none of them hears it once in 65,000 times.
const goodbyes = 16

// Leave implements [gossip.Membership].
func (c *core) Leave(now time.Time, out *gossip.Outbox) {
	if c.left {
		return
	}
	c.sum -= c.me.sum()
	c.me.standing = gossip.Left
	c.sum += c.me.sum()
	for _, at := range c.draw(goodbyes, 0) {
		to := c.here[at]
		out.Send(to.node, c.packet(to, kindNews, 0, nil, out))
	}
	if c.neighbours = (gossip.Peers{}); c.met {
		c.inner.Peers(now, c.neighbours, out)
	}
	c.left = true
}

// draw draws up to k places of members that are here, each as likely, without one. They are lent until the next draw.
func (c *core) draw(k int, but gossip.NodeID) []int {
	c.drawn = sample(c.env.Rand.IntN, len(c.here), k, func(i int) bool { return c.here[i].node != but }, c.drawn[:0])
	return c.drawn
}

// drawBeside draws up to k neighbours that are here, each as likely. They are lent until the next draw.
func (c *core) drawBeside(k int) []gossip.NodeID {
	c.places = sample(c.env.Rand.IntN, len(c.told), k, func(i int) bool {
		m := c.find(c.told[i])
		return m != nil && m.here()
	}, c.places[:0])
	c.beside = c.beside[:0]
	for _, at := range c.places {
		c.beside = append(c.beside, c.told[at])
	}
	return c.beside
}
