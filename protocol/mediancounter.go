package protocol

import (
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// medianCounter is push-pull that knows by itself when to stop (Karp, Schindelhauer, Shenker, Vöcking,
// "Randomized Rumor Spreading", FOCS 2000). Every round each node calls a random peer, and both tell
// each other the messages they pass on, each with its counter. About each message a node is in one of
// these states:
//
//   - A: it does not know the message. When it hears it from a node in B it goes to B-1, from one in C
//     to C.
//   - B-m: it passes the message on with counter m. When it has met, in one round, more nodes in B-m'
//     with m' ≥ m than nodes in A or in B-m' with m' < m, it goes to B-(m+1), and from B-cmax to C. When
//     it has met a node in C, it goes to C.
//   - C: it passes the message on for cphase rounds, so that the others hear that it is time to stop.
//   - D: it is silent about the message.
//
// The counters grow only once most nodes that one meets know the message. On the complete graph all know
// it as soon as with push-pull, after log3 n + O(log log n) rounds, and with cmax and cphase of the order
// of ln ln n it is sent O(n log log n) times: with 3 about 15 n times, for a thousand nodes and for a
// million. Elsewhere nothing is promised: where a single edge leads to a part of the network, all on this
// side may be in D before anybody has called across, and on a line messages hardly get anywhere.
//
// Three things the paper leaves open. Whom a node met is known from who called it and whom it called; one
// that did not mention the message counts as in A, because D is silent. A node in B gives up after so
// many rounds, because peers that are down would keep it calling for ever. And a packet carries many
// messages. When there are too many for one, a call and its answer are about a share of all names, the
// shares take turns, and the round is not over until all had theirs: so each message still meets as many
// nodes in a round as if it were alone. When even a share is too much, or bodies are large, those that a
// packet could not take do not count as unknown to its sender.
//
// What it had no room to remember it passes on no more, whatever its state.
type medianCounter struct {
	peers  gossip.Peers
	oldest uint64 // number of the oldest message that is not in D, unless that is forgotten
	turn   uint64 // of the message of the share that calls begin with; 0: the oldest
	known  memory[counted]
	beat
	met    int32 // nodes met in this round that mentioned everything they pass on
	shares uint8 // how many there are until the round is over
	share  uint8 // whose turn it is
	*medianRules
	rng *rand.Rand
}

// medianRules are the same at all nodes.
type medianRules struct {
	cmax, cphase, rounds, remember int
}

// counted is a message and its state. What was met is noted until the round is over.
type counted struct {
	gossip.Message
	round   uint32 // in which it came, or the last one in B
	counter uint8  // 1 to cmax in B, cmax + 1 in C, 0 in D
	metC    bool
	// The nodes met in B with as high a counter, less those with a lower one, less those that did not mention
	// the message. How many could have is noted for all messages at once, in medianCounter.met, unless they
	// spoke of a share only; so those that did count twice here.
	score int32
}

// silent is the counter of a message in D.
const silent = 0

// The packets of the median counter. Limit is the counter of all messages in a packet, but those named
// in IDs have a higher one, by as much as they are named. Messages and names are sorted. Hops says which
// messages the packet is about; see aboutOf.
const (
	medianAnswer gossip.Kind = 1 + iota
	medianCall               // is answered, and may be empty
)

// maxCounter keeps the names of a full packet within what a packet may have.
const maxCounter = gossip.MaxIDs/batchMessages - 1

var medianKind = Kind{
	Name:    "median-counter",
	Summary: "push-pull with a counter at each message that tells when to stop",
	Follows: "Karp, Schindelhauer, Shenker and Vöcking 2000",
	Settings: []Setting{
		whole("cmax", 3, 1, maxCounter, "counts", "of the order of ln ln n, which is 1.9 at a thousand nodes and 2.6 at a million; "+
			"2 do on the complete graph, but miss one node in 2,500 where each has 3 peers, at a thousand nodes"),
		whole("cphase", 0, 0, 64, "rounds", "0 is as many as cmax: this too is of the order of ln ln n"),
		whole("rounds", 32, 1, 1<<20, "rounds", "in B, and then to give up: in networks of up to a million nodes all is over after 22"),
		intervalSetting,
		phaseSetting,
		rememberSetting("about 130 bytes each, and the body"),
	},
	Make:   makeMedianCounter,
	Rounds: true,
	Until:  Quiet,
}

func makeMedianCounter(v Values) func(Environment) gossip.Protocol {
	r := &medianRules{cmax: v.Int("cmax"), cphase: v.Int("cphase"), rounds: v.Int("rounds"), remember: v.Int("remember")}
	if r.cphase == 0 {
		r.cphase = r.cmax
	}
	return func(env Environment) gossip.Protocol {
		return &medianCounter{medianRules: r, rng: env.Rand, beat: beat{clock: newClock(v, env.Rand)}, shares: 1}
	}
}

func (c *medianCounter) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	c.peers, c.alone = peers, peers.Len() == 0
	c.arm(now, out)
}

func (c *medianCounter) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	c.attend(now)
	c.learn(now, m, 1, out)
}

// Infective reports whether some message is in B or C.
func (c *medianCounter) Infective() bool {
	return max(c.oldest, c.known.first()) <= c.known.last() && !c.alone
}

func (c *medianCounter) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	call := p.Kind == medianCall
	about, ok := aboutOf(p.Hops)
	if !call && p.Kind != medianAnswer || !ok || len(p.Messages) == 0 && (!call || len(p.IDs) > 0) ||
		len(p.Messages) > 0 && (p.Limit < 1 || p.Limit > maxCounter+1) {
		out.Refuse(gossip.Malformed)
		return
	}
	c.attend(now)
	switch {
	case call && !about.partly:
		c.meet(about, 1)
	case !call && about.partly:
		c.meet(about, -1) // it was counted when it was called
	}
	c.hear(now, p, about, out)
	if call && c.peers.Has(from) {
		about.partly = false
		if answer, _ := c.batch(now, medianAnswer, about, out); len(answer.Messages) > 0 {
			out.Send(from, answer)
		}
	}
}

func (c *medianCounter) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	is, counts := c.wake(t)
	if !is {
		return
	}
	if counts {
		c.close()
	}
	if n := c.peers.Len(); n > 0 {
		c.call(now, c.peers.At(c.rng.IntN(n)), out)
	}
	c.arm(now, out)
}

// call calls a node about the share whose turn it is, and about some more if there are many.
func (c *medianCounter) call(now time.Time, to gossip.NodeID, out *gossip.Outbox) {
	for range packetsToOne {
		about := share{number: c.share, of: c.shares}
		c.meet(about, 1)
		call, rest := c.batch(now, medianCall, about, out)
		out.Send(to, call)
		if c.turn = rest; rest == 0 {
			c.share++
		}
		if c.cut = c.share < c.shares; !c.cut {
			break
		}
	}
}

// meet notes that a node was met, or was not after all, that mentions what it passes on of a share.
func (c *medianCounter) meet(about share, nodes int32) {
	if about.of <= 1 {
		c.met = max(0, c.met+nodes)
		return
	}
	for number := max(c.oldest, c.known.first()); number <= c.known.last(); number++ {
		if id, m := c.known.at(number); about.has(id) {
			m.score -= nodes
		}
	}
}

// attend begins the round that is due, if one is. Whatever comes to a node begins with it.
func (c *medianCounter) attend(now time.Time) {
	if c.beat.attend(now) {
		c.close()
	}
}

// close draws the conclusions from what was met in the round that is over.
func (c *medianCounter) close() {
	c.oldest = max(c.oldest, c.known.first())
	spoken := 0 // messages that are passed on
	for number := c.oldest; number <= c.known.last(); number++ {
		_, m := c.known.at(number)
		if m.counter != silent {
			c.conclude(m)
		}
		if m.counter != silent {
			spoken++
		} else if spoken == 0 {
			c.oldest = number + 1
		}
	}
	c.met, c.share, c.turn, c.shares = 0, 0, 0, 1
	if spoken > batchMessages {
		c.shares = uint8(min((spoken+shareMessages-1)/shareMessages, maxShares))
	}
}

// conclude does the same about one message.
func (c *medianCounter) conclude(m *counted) {
	over := c.round - 1
	rounds := int(over - m.round) // since the one in which it came, or was in B for the last time
	if int(m.counter) <= c.cmax {
		grows := rounds > 0 && m.score > c.met
		switch {
		case m.metC:
			m.counter = uint8(c.cmax + 1)
		case grows:
			m.counter++
		case rounds >= c.rounds:
			m.counter = silent
		}
		if int(m.counter) > c.cmax {
			m.round = over
		}
	} else if rounds >= c.cphase {
		m.counter = silent
	}
	m.score, m.metC = 0, false
}

// hear takes in what somebody who was met passes on.
func (c *medianCounter) hear(now time.Time, p gossip.Packet, about share, out *gossip.Outbox) {
	higher, stale := p.IDs, 0
	for i := range p.Messages {
		m := &p.Messages[i]
		counter := p.Limit
		for len(higher) > 0 && higher[0].Compare(m.ID) < 0 {
			higher = higher[1:] // of a message that was turned away before it came here
		}
		for len(higher) > 0 && higher[0] == m.ID {
			higher = higher[1:]
			counter++
		}
		known := c.known.find(m.ID)
		switch {
		case known != nil:
			known.met(counter, counter > c.cmax, !about.partly)
		case c.known.forgot(m.ID):
			stale++
		case counter > c.cmax:
			c.learn(now, *m, c.cmax+1, out)
		default:
			c.learn(now, *m, 1, out)
		}
	}
	if stale > 0 && stale == len(p.Messages) {
		out.Refuse(gossip.Stale)
	}
}

// met notes that a node was met that passes the message on. Whole: it counts among those that would.
func (m *counted) met(counter int, inC, whole bool) {
	switch {
	case inC:
		m.metC = true
	case counter >= int(m.counter):
		m.score++
	default:
		m.score--
	}
	if whole {
		m.score++
	}
}

func (c *medianCounter) learn(now time.Time, m gossip.Message, counter int, out *gossip.Outbox) {
	out.Deliver(m)
	*c.known.learn(m.ID, c.remember) = counted{Message: m, round: c.round, counter: uint8(counter)}
	c.note(now, c.known.last())
}

// batch makes a packet of the messages of a share that are in B or C. If they are too many, rest is the
// number of the first that is left for another packet; it begins with that of which it is the turn.
func (c *medianCounter) batch(now time.Time, kind gossip.Kind, about share, out *gossip.Outbox) (p gossip.Packet, rest uint64) {
	p = gossip.Packet{Kind: kind, Hops: about.hops()}
	from, end := max(c.oldest, c.known.first()), c.settled(now, c.known.last()+1)
	if from >= end {
		return p, 0
	}
	if c.turn > from && c.turn < end {
		from, about.partly = c.turn, true
	}
	b := room(out, int(end-from))
	lowest, sum := maxCounter+1, 0
	for ; from < end && rest == 0; from++ {
		id, m := c.known.at(from)
		switch {
		case m.counter == silent || !about.has(id):
		case b.add(m.Message):
			lowest, sum = min(lowest, int(m.counter)), sum+int(m.counter)
		default:
			rest, about.partly = from, true
		}
	}
	p.Hops = about.hops()
	if len(b.messages) == 0 {
		return p, rest
	}
	p.Messages, p.Limit = b.messages, lowest
	if higher := sum - lowest*len(b.messages); higher > 0 {
		slices.SortFunc(p.Messages, func(a, b gossip.Message) int { return a.ID.Compare(b.ID) })
		p.IDs = out.IDs(higher)[:0]
		for i := range p.Messages {
			id := p.Messages[i].ID
			for range int(c.known.find(id).counter) - lowest {
				p.IDs = append(p.IDs, id)
			}
		}
	}
	return p, rest
}

// share is the part of all messages that a call and its answer are about. Partly says that a packet does
// not even take all of those that its sender passes on.
type share struct {
	number, of uint8 // of 0 or 1: all messages
	partly     bool
}

// maxShares is how many shares there may be: as many as Hops can tell apart.
const maxShares = 63

// shareMessages is how many messages of a share are expected when there are several: less than a packet
// takes, because shares are not all of a size.
const shareMessages = batchMessages * 3 / 4

func (s share) has(id gossip.ID) bool { return s.of <= 1 || inShare(id, int(s.number), int(s.of)) }

// hops writes a share as the Hops of a packet: 0 or, partly, 1 for all messages.
func (s share) hops() (hops int) {
	if s.of > 1 {
		hops = (int(s.of)<<6 | int(s.number)) << 1
	}
	if s.partly {
		hops |= 1
	}
	return hops
}

// aboutOf reads what hops writes, and reports whether it makes sense.
func aboutOf(hops int) (s share, ok bool) {
	s = share{number: uint8(hops >> 1 & 63), of: uint8(hops >> 7 & 63), partly: hops&1 == 1}
	return s, hops == s.hops() && (s.of == 0 || s.number < s.of)
}
