package protocol

import (
	"cmp"
	"slices"
	"time"

	"gossipctl/gossip"
)

// plumtree grows one broadcast tree into an overlay and mends it (Leitão, Pereira, Rodrigues:
// Epidemic Broadcast Trees, SRDS 2007). Its words: a peer is eager or lazy, an announcement is an
// IHAVE, and a round is the edges a message has travelled.
//
//   - A new message goes to the eager peers, and its name to the lazy ones, but neither back to the
//     peer that brought it. All peers are eager in the beginning: the first message is flooded.
//   - Who gets a message it has from another peer than the one that brought it first says PRUNE to
//     that one, and both take each other for lazy: the edges that stay eager are a tree.
//   - Who hears the name of a message and does not get it within timeout1 says GRAFT to the first peer
//     that announced it: that one answers with the message, and both take each other for eager again.
//     After timeout2 the next one is asked, and after the last one the first again, tries times. Then
//     the message is given up, which is counted, until somebody announces it anew.
//   - With a threshold, who gets a message that another peer had announced with a round so much
//     smaller says GRAFT to that peer and PRUNE to the one that brought it.
//
// While nothing is lost, a message costs n − 1 copies and 2 (E − (n − 1)) names on E edges: every edge
// outside the tree is lazy from both ends. PRUNE and GRAFT may cross each other, or be lost, and leave
// an edge eager from one end only. The next message to pass it mends that: it is news, which makes
// both ends eager, or it is not, which makes both lazy.
//
// Two rules go beyond the paper, and change nothing where messages come one by one over links that
// lose and repeat nothing. A copy that its first bringer repeats prunes nothing: it tells that a wire
// repeats, or that two GRAFTs were answered, not that the edge is needless. And of those who announced
// a message, one that is eager already is asked first, lest each of many lost messages makes another
// peer eager. Still, messages that circulate together may cut a cycle in more than one place, and so
// the tree in two, until timeout1 mends it: this protocol is at its best with one sender.
//
// What is lost is mended as long as one announcement comes through and its announcer still has the
// message. Nobody but its only peer announces anything to a node that has just one.
type plumtree struct {
	*plumtreeConfig
	peers gossip.Peers
	lazy  []bool // of each peer; nil: all are eager
	known memory[treeMessage]
	gaps  *treeGaps  // nil: none, and none lately
	later []treeName // announcements that wait for the lazy delay, in order
	due   int64      // when they will be made, in Unix nanoseconds; 0: there is no alarm
}

// plumtreeConfig is the same at all nodes.
type plumtreeConfig struct {
	timeouts  [2]time.Duration // before the first GRAFT, and before each further one
	tries     int
	threshold int
	delay     time.Duration
	batch     int
	missing   int
	remember  int
}

// treeMessage is a message that is here, kept for those who ask.
type treeMessage struct {
	message gossip.Message
	from    gossip.NodeID // who brought it first, or 0
	hops    int32         // edges it had travelled then
}

// treeName is an announcement to be made to one peer.
type treeName struct {
	id   gossip.ID
	to   gossip.NodeID
	hops int32
}

// The packets of plumtree.
const (
	treePush  gossip.Kind = 1 + iota // a message
	treeIHave                        // names, with the largest of their rounds
	treeGraft                        // make me eager; and send me the message named, if there is one
	treePrune                        // make me lazy
)

// The timers of plumtree. The first two are timers 1 and 2 of the paper.
const (
	treeAsk gossip.Timer = 1 + iota
	treeAskAgain
	treeAnnounce
)

// Why packets are turned away, other than what other protocols say too.
const (
	treeStranger gossip.Refusal = "stranger"     // it wants something that is only done for peers
	treeFull     gossip.Refusal = "missing_full" // too many messages are waited for already
	treeGivenUp  gossip.Refusal = "given_up"     // no packet: a message that nobody sent, though it was asked for
)

var plumtreeKind = Kind{
	Name:    "plumtree",
	Summary: "push along a tree that grows out of the first messages, and announce everywhere else",
	Follows: "Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees (SRDS 2007)",
	Settings: []Setting{
		duration("timeout1", 2*time.Second, time.Millisecond, time.Hour,
			"the paper says only that the overlay's diameter decides: twenty hops, more than the tree of 10,000 nodes is deep from any of them, of 100ms each"),
		duration("timeout2", 200*time.Millisecond, time.Millisecond, time.Hour,
			"the paper's \"order of an average round trip time to a neighbor\": there and back at 100ms"),
		whole("tries", 3, 1, 1000, "times each announcer",
			"the paper asks once, over links that lose nothing; at 10% loss a question with its answer fails one time in 5, three of them one in 140"),
		whole("threshold", 0, 0, gossip.MaxHops, "rounds",
			"0 leaves the tree as the first messages made it; the paper shortens it with 3 for one sender and 7 for several"),
		duration("lazy-delay", 0, 0, time.Hour,
			"the paper's experiments announce at once; with a delay, names wait and share a packet"),
		whole("lazy-batch", gossip.MaxIDs, 1, gossip.MaxIDs, "names",
			"as many as one packet carries wait for the lazy delay, all peers counted; more are announced at once"),
		whole("missing", 16384, 1, 1<<20, "messages",
			"announced and waited for, at most as many as are remembered: in a burst names overtake messages, and 10,000 are one; announcements of more are turned away, the messages still taken"),
		rememberSetting("each is kept to be asked for, at about 100 bytes and its body"),
	},
	Make:  makePlumtree,
	Apart: func(v Values) time.Duration { return v.Duration("timeout1") + 2*v.Duration("timeout2") },
	Until: Quiet,
}

func makePlumtree(v Values) func(Environment) gossip.Protocol {
	c := &plumtreeConfig{
		timeouts: [2]time.Duration{v.Duration("timeout1"), v.Duration("timeout2")}, tries: v.Int("tries"),
		threshold: v.Int("threshold"), delay: v.Duration("lazy-delay"), batch: v.Int("lazy-batch"),
		missing: min(v.Int("missing"), v.Int("remember")), remember: v.Int("remember"),
	}
	return func(Environment) gossip.Protocol { return &plumtree{plumtreeConfig: c} }
}

// Peers makes new peers eager, and forgets what those that are gone had announced.
func (p *plumtree) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) {
	before, lazy := p.peers, p.lazy
	p.peers, p.lazy = peers, nil
	for i, is := range lazy {
		if is {
			p.mark(before.At(i), true)
		}
	}
	p.gaps.keep(peers)
}

func (p *plumtree) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	p.take(now, m, 0, 0, out)
}

func (p *plumtree) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	messages, names := len(packet.Messages), len(packet.IDs)
	travelled := packet.Hops >= 1 && packet.Hops <= gossip.MaxHops
	switch {
	case packet.Kind == treePush && messages == 1 && names == 0 && travelled:
		p.hear(now, from, packet.Messages[0], packet.Hops, out)
	case packet.Kind == treeIHave && messages == 0 && names > 0 && travelled:
		p.note(now, from, packet.IDs, packet.Hops, out)
	case packet.Kind == treeGraft && messages == 0 && names <= 1:
		p.graft(from, packet.IDs, out)
	case packet.Kind == treePrune && messages == 0 && names == 0:
		p.mark(from, true)
	default:
		out.Refuse(gossip.Malformed)
	}
}

func (p *plumtree) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	switch t {
	case treeAsk, treeAskAgain:
		p.ask(now, int(t-treeAsk), out)
	case treeAnnounce:
		p.announce(now, out)
	}
}

// eager reports whether a peer is.
func (p *plumtree) eager(id gossip.NodeID) bool {
	i, is := p.peers.Index(id)
	return is && (p.lazy == nil || !p.lazy[i])
}

// mark makes a peer lazy or eager. Others are neither.
func (p *plumtree) mark(id gossip.NodeID, lazy bool) {
	i, is := p.peers.Index(id)
	switch {
	case !is || !lazy && p.lazy == nil:
		return
	case p.lazy == nil:
		p.lazy = make([]bool, p.peers.Len())
	}
	p.lazy[i] = lazy
}

// hear takes in a copy.
func (p *plumtree) hear(now time.Time, from gossip.NodeID, m gossip.Message, hops int, out *gossip.Outbox) {
	first := p.known.find(m.ID)
	switch {
	case first == nil && !p.known.forgot(m.ID):
		p.take(now, m, from, hops, out)
		return
	case first == nil:
		out.Refuse(gossip.Stale)
	case first.from == from:
		return
	}
	if p.peers.Has(from) {
		p.mark(from, true)
		out.Send(from, gossip.Packet{Kind: treePrune})
	}
}

// take keeps a message that is news here, and passes it on. Hops is how far it has come.
func (p *plumtree) take(now time.Time, m gossip.Message, from gossip.NodeID, hops int, out *gossip.Outbox) {
	*p.known.learn(m.ID, p.remember) = treeMessage{message: m, from: from, hops: int32(hops)}
	out.Deliver(m)
	near := p.gaps.fill(m.ID)
	if p.threshold == 0 || near.peer == 0 || hops-int(near.hops) < p.threshold || !p.peers.Has(from) {
		p.mark(from, false)
		p.pass(now, m, from, herald{}, hops+1, out)
		return
	}
	p.pass(now, m, from, near, hops+1, out)
	p.mark(from, true)
	out.Send(from, gossip.Packet{Kind: treePrune})
}

// pass sends a message to the eager peers and its name to the lazy ones. Near is a peer that is known
// to have it and shall be eager: it needs no name, but a GRAFT if it is lazy.
func (p *plumtree) pass(now time.Time, m gossip.Message, from gossip.NodeID, near herald, hops int, out *gossip.Outbox) {
	if hops > gossip.MaxHops {
		return // no packet says so much
	}
	var messages []gossip.Message
	var names []gossip.ID
	for i, peer := range p.peers.All() {
		switch {
		case peer == from:
		case p.lazy == nil || !p.lazy[i]:
			if messages == nil {
				messages = out.One(m)
			}
			out.Send(peer, gossip.Packet{Kind: treePush, Messages: messages, Hops: hops})
		case peer == near.peer:
			p.lazy[i] = false
			out.Send(peer, gossip.Packet{Kind: treeGraft, Hops: int(near.hops)})
		case p.delay > 0 && len(p.later) < p.batch:
			p.later = append(p.later, treeName{m.ID, peer, int32(hops)})
			if p.due == 0 {
				p.due = now.Add(p.delay).UnixNano()
				out.Alarm(now.Add(p.delay), treeAnnounce)
			}
		default:
			if names == nil {
				names = out.IDs(1)
				names[0] = m.ID
			}
			out.Send(peer, gossip.Packet{Kind: treeIHave, IDs: names, Hops: hops})
		}
	}
}

// announce makes the announcements that have waited, in one packet for each peer. The round it tells
// is the largest of them all, so that none looks nearer than it is.
func (p *plumtree) announce(now time.Time, out *gossip.Outbox) {
	if p.due == 0 || now.UnixNano() < p.due {
		return
	}
	later := p.later
	p.later, p.due = nil, 0
	slices.SortStableFunc(later, func(a, b treeName) int { return cmp.Compare(a.to, b.to) })
	for len(later) > 0 {
		to, n := later[0].to, 1
		for n < len(later) && later[n].to == to {
			n++
		}
		if p.peers.Has(to) {
			names, hops := out.IDs(n), int32(0)
			for i, name := range later[:n] {
				names[i], hops = name.id, max(hops, name.hops)
			}
			out.Send(to, gossip.Packet{Kind: treeIHave, IDs: names, Hops: int(hops)})
		}
		later = later[n:]
	}
}

// note takes in announcements.
func (p *plumtree) note(now time.Time, from gossip.NodeID, names []gossip.ID, hops int, out *gossip.Outbox) {
	if !p.peers.Has(from) {
		out.Refuse(treeStranger)
		return
	}
	by := herald{from, int32(hops)}
	for _, id := range names {
		if p.known.find(id) != nil || p.known.forgot(id) {
			continue
		}
		if p.gaps == nil {
			p.gaps = new(treeGaps)
		}
		if at := p.gaps.find(id); at > 0 {
			p.gaps.slots[at].announced(by)
		} else if p.gaps.open < p.missing {
			p.gaps.join(p.gaps.add(id, by), 0, now.Add(p.timeouts[0]).UnixNano())
		} else {
			out.Refuse(treeFull)
		}
	}
	if p.gaps != nil {
		p.wakeFor(0, out)
	}
}

// wakeFor sets the alarm of a line. One that is set already comes in time for the first in line.
func (p *plumtree) wakeFor(line int, out *gossip.Outbox) {
	l := &p.gaps.lines[line]
	if l.alarm == 0 && l.first != 0 {
		l.alarm = p.gaps.slots[l.first].due
		out.Alarm(time.Unix(0, l.alarm), treeAsk+gossip.Timer(line))
	}
}

// ask says GRAFT for the messages of a line that are due.
func (p *plumtree) ask(now time.Time, line int, out *gossip.Outbox) {
	if p.gaps == nil || p.gaps.lines[line].alarm == 0 || now.UnixNano() < p.gaps.lines[line].alarm {
		return
	}
	l := &p.gaps.lines[line]
	l.alarm = 0
	for l.first != 0 && p.gaps.slots[l.first].due <= now.UnixNano() {
		at := l.first
		gap := &p.gaps.slots[at]
		to, more := gap.next(p.tries, p.eager)
		if !more {
			p.gaps.close(at)
			out.Refuse(treeGivenUp)
			continue
		}
		names := out.IDs(1)
		names[0] = gap.id
		p.mark(to.peer, false)
		out.Send(to.peer, gossip.Packet{Kind: treeGraft, IDs: names, Hops: int(to.hops)})
		p.gaps.leave(at)
		p.gaps.join(at, 1, now.Add(p.timeouts[1]).UnixNano())
	}
	p.wakeFor(0, out)
	p.wakeFor(1, out)
	if p.gaps.open == 0 && p.gaps.lines[0].alarm == 0 && p.gaps.lines[1].alarm == 0 {
		p.gaps = nil
	}
}

// graft makes a peer eager that asks for it, and gives it the message it lacks.
func (p *plumtree) graft(from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	if !p.peers.Has(from) {
		out.Refuse(treeStranger)
		return
	}
	p.mark(from, false)
	for _, id := range names {
		m := p.known.find(id)
		if m == nil || m.hops >= gossip.MaxHops {
			out.Refuse(gossip.Stale)
			continue
		}
		out.Send(from, gossip.Packet{Kind: treePush, Messages: out.One(m.message), Hops: int(m.hops) + 1})
	}
}
