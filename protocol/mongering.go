package protocol

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// mongering is Peerster, as the course it was written for (EPFL, Decentralized Systems Engineering)
// describes it, without the faults of that program.
//
//   - A node keeps a vector: for each life of an origin, which of its rumors it wants next. It takes
//     no other, so rumors of one life are delivered in order, and none is missing in between. Rumors
//     that are ahead of their time are turned away and come again when they are wanted.
//   - A node that takes a new rumor tells the sender its vector, as a status, and mongers the rumor:
//     it sends it to a random peer, and waits for a status that shows it has arrived. Then it tosses
//     a coin, to stop, or to go on with a peer it has not used yet. The same when nothing comes in
//     time.
//   - Who gets a status compares. If the sender lacks a rumor, it is sent the next one it wants, and
//     will answer with a status again, until it lacks nothing. If not, but the receiver does, it
//     answers with its own status.
//   - Anti-entropy: every so often a node sends its status to a random peer, for ever. (Peerster's
//     came to an end once every peer had been used.) So every rumor reaches everybody in the end,
//     newcomers too.
//
// Three rules keep this in bounds where the course says nothing. A status that answers a status is
// not answered by a third one, so that two nodes of which each lacks what the other one has forgotten
// fall silent. A rumor sent because it was wanted is acknowledged only if it was news, and while one
// peer has been asked for a rumor no other is, so that of many peers that could help a newcomer one
// does. A vector too long for a packet is sent in parts that overlap, each of which stands for all
// lives between its ends.
//
// A node serves the rumors it remembers. A peer that wants an older one gets the oldest of that life
// and is told so: it skips what is not to be had any more.
type mongering struct {
	*mongeringConfig
	started bool
	rng     *rand.Rand
	peers   gossip.Peers
	known   memory[gossip.Message]
	vector  []wanted   // sorted
	hot     []mongered // in order of their deadlines
	clock   clock      // of anti-entropy
	turn    int        // place in the vector where its next status begins
	// There is one alarm at a time for all of hot, when its first deadline is over.
	waiting bool

	expected   gossip.ID // the last rumor that a peer was asked for, which is not asked of others
	expectedBy int64     // before
}

// mongeringConfig is the same at all nodes.
type mongeringConfig struct {
	coin, timeoutCoin       float64
	timeout, antiEntropy    time.Duration
	page, origins, remember int
}

// wanted is one place in a vector.
type wanted struct {
	origin      gossip.NodeID
	run         uint32
	next        uint32 // the number that comes next
	servedSince uint32 // the lowest number that can be passed on; next when there is none
}

func (w wanted) id() gossip.ID { return gossip.ID{Origin: w.origin, Run: w.run, Seq: w.next} }

func (w wanted) life(id gossip.ID) int { return byLife(w.id(), id) }

// byLife is the order of vectors: names, but for the number within a life.
func byLife(a, b gossip.ID) int {
	return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Run, b.Run))
}

// mongered is a rumor this node is busy with.
type mongered struct {
	number   uint64 // in the memory
	deadline int64
	used     []gossip.NodeID // whom it came from, or 0, and the partners so far, the one at hand last
}

func (m *mongered) partner() gossip.NodeID { return m.used[len(m.used)-1] }

// The packets of mongering.
const (
	kindRumor  gossip.Kind = 1 + iota // one rumor; acknowledged in any case
	kindStatus                        // a vector
	kindNext                          // one rumor that was wanted next; acknowledged when it was news
	kindAnswer                        // a vector in answer to one
)

// What Packet.Limit says of a vector, and of a rumor that was wanted next.
const (
	moreBelow   = 1 // there are lives before the first one of this part
	moreAbove   = 2 // and after the last
	takesNoMore = 4 // the sender has no room for lives that it does not name
	partFlags   = moreBelow | moreAbove

	skips = 1 // the rumor is later than what was wanted, because nothing earlier is left
)

// Reasons of mongering for turning away a rumor.
const (
	notItsTurn     gossip.Refusal = "not_its_turn"
	tooManyOrigins gossip.Refusal = "too_many_origins"
)

// The timers of mongering.
const (
	mongeringDeadline gossip.Timer = 1 + iota
	mongeringAntiEntropy
)

// lastSeq is the highest number of a rumor, so that the one wanted after it is one wires carry.
const lastSeq = math.MaxInt32 - 1

var mongeringKind = Kind{
	Name:    "mongering",
	Summary: "each rumor to one random peer after another until a coin says stop; vectors bring the rest",
	Follows: "Peerster, and the homework it is the answer to (EPFL CS-438)",
	Settings: []Setting{
		decimal("coin", 0.5, 0, 0.99, "probability", "the course tosses a fair coin; Peerster went on with 2 in 3"),
		decimal("timeout-coin", 0.5, 0, 0.99, "probability", "the same coin when a peer does not answer"),
		duration("timeout", time.Second, time.Millisecond, time.Hour, "the course's and Peerster's; far above a round trip"),
		duration("anti-entropy", time.Second, time.Millisecond, time.Hour,
			"the course's and Peerster's: an idle node then sends one small packet a second"),
		whole("page", gossip.MaxIDs, 2, gossip.MaxIDs, "lives of origins", "as many as fit a packet; longer vectors are sent in parts"),
		whole("origins", 65536, 1, 1<<24, "lives of origins",
			"room for 5,000 nodes that were restarted a dozen times each; 16 bytes each, and so many can a hostile peer make up"),
		rememberSetting("about 130 bytes each, and the body"),
	},
	Make:  makeMongering,
	Until: Informed,
}

func makeMongering(v Values) func(Environment) gossip.Protocol {
	c := &mongeringConfig{coin: v.Float("coin"), timeoutCoin: v.Float("timeout-coin"), timeout: v.Duration("timeout"),
		antiEntropy: v.Duration("anti-entropy"), page: v.Int("page"), origins: v.Int("origins"), remember: v.Int("remember")}
	return func(env Environment) gossip.Protocol {
		return &mongering{mongeringConfig: c, rng: env.Rand,
			clock: clock{c.antiEntropy, time.Duration(env.Rand.Int64N(int64(c.antiEntropy)))}}
	}
}

func (g *mongering) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	g.peers = peers
	if !g.started {
		g.started = true
		out.Alarm(g.clock.next(now), mongeringAntiEntropy)
	}
}

func (g *mongering) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	g.take(now, 0, m, out)
}

// Infective says that somebody may still want what this node has.
func (g *mongering) Infective() bool { return g.known.len() > 0 }

func (g *mongering) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	switch p.Kind {
	case kindRumor, kindNext:
		g.rumor(now, from, p, out)
	case kindStatus, kindAnswer:
		g.status(now, from, p, out)
	default:
		out.Refuse(gossip.Malformed)
	}
}

// rumor takes in a packet with one.
func (g *mongering) rumor(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if len(p.Messages) != 1 || len(p.IDs) > 0 || !ordinary(p.Messages[0].ID) {
		out.Refuse(gossip.Malformed)
		return
	}
	m := p.Messages[0]
	at, listed := g.find(m.ID)
	next := g.next(m.ID).Seq
	news := m.ID.Seq == next || m.ID.Seq > next && p.Kind == kindNext && p.Limit == skips
	switch {
	case news && !listed && len(g.vector) >= g.origins:
		out.Refuse(tooManyOrigins)
	case news:
		g.take(now, from, m, out)
	case m.ID.Seq > next:
		out.Refuse(notItsTurn)
	case g.known.find(m.ID) == nil:
		out.Refuse(gossip.Stale) // forgotten, or skipped
	}
	if g.peers.Has(from) && (news || p.Kind == kindRumor) {
		g.tell(from, kindStatus, g.part(at-g.page/2, out), out)
		if p.Kind == kindNext {
			g.expect(now, m.ID)
		}
	}
}

// ordinary tells whether a name is one that origins give.
func ordinary(id gossip.ID) bool {
	return id.Origin >= 1 && id.Run >= 1 && id.Seq >= 1 && id.Seq <= lastSeq
}

// find returns the place of a life in the vector, or where it would be, and whether it is there.
func (g *mongering) find(id gossip.ID) (int, bool) {
	return slices.BinarySearchFunc(g.vector, id, wanted.life)
}

// next returns which rumor this node wants next of the life that a name is of.
func (g *mongering) next(id gossip.ID) gossip.ID {
	if at, listed := g.find(id); listed {
		return g.vector[at].id()
	}
	id.Seq = 1
	return id
}

// expect notes that a peer has just been told what is wanted of a life, and will send it if it can.
func (g *mongering) expect(now time.Time, life gossip.ID) {
	g.expected, g.expectedBy = g.next(life), now.Add(g.timeout).UnixNano()
}

// take takes in a rumor that is news here, and starts mongering it.
func (g *mongering) take(now time.Time, from gossip.NodeID, m gossip.Message, out *gossip.Outbox) {
	if g.known.len() >= g.remember {
		g.forgetOldest()
	}
	at, listed := g.find(m.ID)
	if !listed {
		g.vector = slices.Insert(g.vector, at, wanted{origin: m.ID.Origin, run: m.ID.Run, next: 1, servedSince: 1})
	}
	w := &g.vector[at]
	if m.ID.Seq > w.next {
		w.servedSince = m.ID.Seq
	}
	w.next = m.ID.Seq + 1
	*g.known.learn(m.ID, g.remember) = m
	out.Deliver(m)
	g.monger(now, mongered{number: g.known.last(), used: []gossip.NodeID{from}}, out)
}

// forgetOldest sees to it that nothing refers to the rumor that the memory is about to forget.
func (g *mongering) forgetOldest() {
	number := g.known.first()
	g.hot = slices.DeleteFunc(g.hot, func(m mongered) bool { return m.number == number })
	id, _ := g.known.at(number)
	if at, listed := g.find(id); listed {
		g.vector[at].servedSince = max(g.vector[at].servedSince, id.Seq+1)
	}
}

// monger sends a rumor to a peer that was not used for it, if there is one, and waits for an answer.
func (g *mongering) monger(now time.Time, m mongered, out *gossip.Outbox) {
	used := len(m.used)
	m.used = drawPartners(g.rng, g.peers, 1, m.used, m.used)
	if len(m.used) == used {
		return
	}
	_, rumor := g.known.at(m.number)
	out.Send(m.partner(), gossip.Packet{Kind: kindRumor, Messages: out.One(*rumor)})
	m.deadline = now.Add(g.timeout).UnixNano()
	g.hot = append(g.hot, m)
	g.setAlarm(now, out)
}

func (g *mongering) setAlarm(now time.Time, out *gossip.Outbox) {
	if !g.waiting && len(g.hot) > 0 {
		g.waiting = true
		out.Alarm(now.Add(time.Duration(g.hot[0].deadline-now.UnixNano())), mongeringDeadline)
	}
}

func (g *mongering) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	switch {
	case t == mongeringDeadline && g.waiting:
		g.waiting = false
		g.giveUp(now, out)
		g.setAlarm(now, out)
	case t == mongeringAntiEntropy && g.started:
		g.remind(out)
		out.Alarm(g.clock.next(now), mongeringAntiEntropy)
	}
}

// giveUp tosses the coin for all rumors whose partners have not answered in time.
func (g *mongering) giveUp(now time.Time, out *gossip.Outbox) {
	due := 0
	for due < len(g.hot) && g.hot[due].deadline <= now.UnixNano() {
		due++
	}
	late := slices.Clone(g.hot[:due])
	g.hot = slices.Delete(g.hot, 0, due)
	for _, m := range late {
		if g.rng.Float64() < g.timeoutCoin {
			g.monger(now, m, out)
		}
	}
}

// remind sends the status, or the part of it whose turn it is, to a random peer.
func (g *mongering) remind(out *gossip.Outbox) {
	if g.peers.Len() == 0 {
		return
	}
	part := g.part(g.turn, out)
	g.tell(g.peers.At(g.rng.IntN(g.peers.Len())), kindStatus, part, out)
	if g.turn = part.end - 1; part.end == len(g.vector) {
		g.turn = 0
	}
}

// part is a piece of a vector that fits a packet: the lives from one place to before another.
type part struct {
	start, end int
	ids        []gossip.ID
}

// part returns the piece that starts at a place or, near the ends, as near to it as a full one can.
func (g *mongering) part(start int, out *gossip.Outbox) part {
	n := min(g.page, len(g.vector))
	start = max(0, min(start, len(g.vector)-n))
	p := part{start, start + n, out.IDs(n)}
	for i := range p.ids {
		p.ids[i] = g.vector[start+i].id()
	}
	return p
}

// tell sends a part of the vector.
func (g *mongering) tell(to gossip.NodeID, kind gossip.Kind, p part, out *gossip.Outbox) {
	flags := 0
	if p.start > 0 {
		flags |= moreBelow
	}
	if p.end < len(g.vector) {
		flags |= moreAbove
	}
	if len(g.vector) >= g.origins {
		flags |= takesNoMore
	}
	out.Send(to, gossip.Packet{Kind: kind, IDs: p.ids, Limit: flags})
}

// status takes in a peer's vector, or a part of one.
func (g *mongering) status(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if len(p.Messages) > 0 || !isVector(p) {
		out.Refuse(gossip.Malformed)
		return
	}
	if g.peers.Has(from) {
		lacks, behind := g.compare(now, p)
		switch {
		case lacks.Seq > 0:
			g.serve(from, lacks, out)
		case behind.Seq > 0 && p.Kind == kindStatus:
			at, _ := g.find(behind)
			g.tell(from, kindAnswer, g.part(at-1, out), out)
			g.expect(now, behind)
		}
	}
	g.resume(now, from, p, out)
}

// isVector tells whether a packet has lives in order, each once, and flags that make sense.
func isVector(p gossip.Packet) bool {
	if p.Limit < 0 || p.Limit > partFlags|takesNoMore || p.Limit&partFlags != 0 && len(p.IDs) == 0 {
		return false
	}
	for i, id := range p.IDs {
		if id.Origin < 1 || id.Run < 1 || id.Seq < 1 || id.Seq > lastSeq+1 || i > 0 && byLife(p.IDs[i-1], id) >= 0 {
			return false
		}
	}
	return true
}

// compare returns which rumor to send to the sender of a vector: the next it wants of a random one of
// the lives of which it lacks what this node can serve. A random one, because it may be unable to take
// those of some life. And it returns a life of which this node lacks what the sender has and what nobody
// is about to send, if there is one.
func (g *mongering) compare(now time.Time, p gossip.Packet) (lacks, behind gossip.ID) {
	expected := g.expected
	if now.UnixNano() >= g.expectedBy {
		expected = gossip.ID{}
	}
	at, end := 0, len(g.vector)
	if p.Limit&moreBelow != 0 {
		at, _ = g.find(p.IDs[0])
	}
	if p.Limit&moreAbove != 0 {
		last, listed := g.find(p.IDs[len(p.IDs)-1])
		if end = last; listed {
			end++
		}
	}
	candidates := 0
	offer := func(w wanted, wants uint32) {
		if wants < w.next && w.servedSince < w.next {
			if candidates++; g.rng.IntN(candidates) == 0 {
				lacks = gossip.ID{Origin: w.origin, Run: w.run, Seq: wants}
			}
		}
	}
	unlisted := p.Limit&takesNoMore == 0
	for _, id := range p.IDs {
		for ; at < end && g.vector[at].life(id) < 0; at++ {
			if unlisted {
				offer(g.vector[at], 1)
			}
		}
		next, room := uint32(1), len(g.vector) < g.origins
		if at < end && g.vector[at].life(id) == 0 {
			next, room = g.vector[at].next, true
			offer(g.vector[at], id.Seq)
			at++
		}
		if id.Seq > next && room && (expected.Seq != next || byLife(expected, id) != 0) {
			behind = id
		}
	}
	for ; at < end && unlisted; at++ {
		offer(g.vector[at], 1)
	}
	return lacks, behind
}

// serve sends the rumor that a peer wants next, or the oldest after it that is left.
func (g *mongering) serve(to gossip.NodeID, id gossip.ID, out *gossip.Outbox) {
	at, _ := g.find(id)
	limit := 0
	if since := g.vector[at].servedSince; id.Seq < since {
		id.Seq, limit = since, skips
	}
	if m := g.known.find(id); m != nil {
		out.Send(to, gossip.Packet{Kind: kindNext, Messages: out.One(*m), Limit: limit})
	}
}

// resume tosses the coin for those rumors last sent to a peer that its vector shows to have arrived.
// One packet must not cause any number of others: what it leaves over is left to the next one, or to
// the deadline.
func (g *mongering) resume(now time.Time, peer gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	var room [4]mongered
	arrived := room[:0]
	most := g.peers.Len() - len(out.Sends)
	g.hot = slices.DeleteFunc(g.hot, func(m mongered) bool {
		if m.partner() != peer || len(arrived) >= most {
			return false
		}
		id, _ := g.known.at(m.number)
		at, listed := slices.BinarySearchFunc(p.IDs, id, byLife)
		if !listed || p.IDs[at].Seq <= id.Seq {
			return false
		}
		arrived = append(arrived, m)
		return true
	})
	for _, m := range arrived {
		if g.rng.Float64() < g.coin {
			g.monger(now, m, out)
		}
	}
}
