package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// gossipsubExtra is what few nodes have at any one time: messages that wait, and what became of names.
type gossipsubExtra struct {
	waiting   []waitingMessage // to be passed on, in order; the first has an alarm
	answers   []answerTo       // to be sent to those who asked, in order
	answering bool             // there is an alarm for them
	asked     memory[int64]    // until when a name is not asked for again, in Unix nanoseconds
	askedTill int64            // the latest of them
	// Who does not want what, by the heartbeats since it was said. They are forgotten together, so
	// that nobody has to look through them.
	unwanted [idontwantBeats]map[unwantedBy]struct{}
}

// idontwantBeats is how many heartbeats an IDONTWANT counts: go-libp2p-pubsub's IDontWantMessageTTL.
const idontwantBeats = 3

// waitingMessage is a message that is passed on later.
type waitingMessage struct {
	gossip.Message
	from gossip.NodeID
	hops int
	due  int64 // in Unix nanoseconds
}

type answerTo struct {
	to gossip.NodeID
	id gossip.ID
}

type unwantedBy struct {
	peer gossip.NodeID
	id   gossip.ID
}

// served counts how often a peer was sent a message because it asked.
type served struct {
	to    gossip.NodeID
	times int
}

// more is the node's extra, made when it is first needed.
func (g *gossipsub) more() *gossipsubExtra {
	if g.extra == nil {
		g.extra = new(gossipsubExtra)
	}
	return g.extra
}

// forget drops what is too old to matter, and reports whether nothing is left.
func (x *gossipsubExtra) forget(now time.Time) bool {
	copy(x.unwanted[1:], x.unwanted[:])
	x.unwanted[0] = nil
	if x.askedTill <= now.UnixNano() {
		x.asked = memory[int64]{}
	}
	return len(x.waiting) == 0 && !x.answering && x.asked.len() == 0 &&
		!slices.ContainsFunc(x.unwanted[:], func(names map[unwantedBy]struct{}) bool { return names != nil })
}

// ask asks a peer for those messages it has told of that are unknown here.
func (g *gossipsub) ask(now time.Time, from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	m, most := g.mate(from), len(names)
	if g.minor >= 1 {
		if int(m.packets) >= g.packets || int(m.asked) >= g.names {
			out.Refuse(meshTooMuch)
			return
		}
		m.packets++
		most = min(most, g.names-int(m.asked))
	}
	list := out.IDs(most)[:0]
	for _, id := range names {
		if len(list) == most {
			break
		}
		if g.seen.find(id) == nil && !g.seen.forgot(id) && g.mayAsk(now, id) {
			list = append(list, id)
		}
	}
	if len(list) == 0 {
		return
	}
	m.asked += uint16(len(list))
	out.Send(from, gossip.Packet{Kind: meshIWant, IDs: list})
}

// mayAsk reports whether a name may be asked for, and takes it that it will be.
func (g *gossipsub) mayAsk(now time.Time, id gossip.ID) bool {
	if g.followup == 0 {
		return true
	}
	x := g.more()
	till := x.asked.find(id)
	switch {
	case till == nil:
		till = x.asked.learn(id, g.names)
	case *till > now.UnixNano():
		return false
	}
	*till = now.Add(g.followup).UnixNano()
	x.askedTill = *till
	return true
}

// answer sends a peer what it asks for: a packet full at once, the rest as soon as that is gone.
func (g *gossipsub) answer(now time.Time, from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	b, hops, found := room(out, len(names)), int32(0), false
	for _, id := range names {
		m := g.find(id)
		if m == nil {
			continue
		}
		found = true
		switch {
		case g.isUnwanted(from, id):
			continue
		case g.minor >= 1 && !m.serve(from, g.transmits):
			out.Refuse(meshTooMuch)
			continue
		case b.add(m.Message):
			hops = max(hops, m.hops)
			continue
		}
		x := g.more()
		if len(x.answers) >= g.names {
			out.Refuse(meshTooMuch)
			continue
		}
		x.answers = append(x.answers, answerTo{from, id})
		g.setAnswer(now, out)
	}
	if !found {
		out.Refuse(meshNotCached)
	}
	g.give(from, b, hops, out)
}

// answerMore sends one more packet to somebody who asked.
func (g *gossipsub) answerMore(now time.Time, out *gossip.Outbox) {
	x := g.extra
	if x == nil || !x.answering {
		return
	}
	x.answering = false
	to := x.answers[0].to
	b, hops := room(out, len(x.answers)), int32(0)
	for len(x.answers) > 0 && x.answers[0].to == to {
		if m := g.find(x.answers[0].id); m != nil {
			if !b.add(m.Message) {
				break
			}
			hops = max(hops, m.hops)
		}
		x.answers = x.answers[1:]
	}
	if g.peers.Has(to) {
		g.give(to, b, hops, out)
	}
	if len(x.answers) > 0 {
		g.setAnswer(now, out)
	} else {
		x.answers = nil
	}
}

// give sends messages that were asked for. The furthest of them says how far they have come.
func (g *gossipsub) give(to gossip.NodeID, b batch, hops int32, out *gossip.Outbox) {
	if len(b.messages) > 0 {
		out.Send(to, gossip.Packet{Kind: meshMessages, Messages: b.messages, Hops: min(int(hops)+1, gossip.MaxHops)})
	}
}

func (g *gossipsub) setAnswer(now time.Time, out *gossip.Outbox) {
	if !g.extra.answering {
		g.extra.answering = true
		out.Alarm(now, meshAnswer)
	}
}

// serve counts that a peer asks for the message, and reports whether it has not done so too often.
func (m *cachedMessage) serve(to gossip.NodeID, most int) bool {
	at := slices.IndexFunc(m.served, func(s served) bool { return s.to == to })
	if at < 0 {
		at = len(m.served)
		m.served = append(m.served, served{to: to})
	}
	if m.served[at].times >= most {
		return false
	}
	m.served[at].times++
	return true
}

// sayUnwanted tells the mesh not to send messages that have just come.
func (g *gossipsub) sayUnwanted(from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	for i := range g.mates {
		if m := &g.mates[i]; m.mesh && !m.untold && m.id != from {
			out.Send(m.id, gossip.Packet{Kind: meshIDontWant, IDs: names})
		}
	}
}

// heedUnwanted notes what a peer need not be sent. Of what was passed on already it says nothing new.
func (g *gossipsub) heedUnwanted(from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	m := g.mate(from)
	for _, id := range names {
		if kept := g.find(id); kept != nil && !kept.waiting || kept == nil && (g.seen.find(id) != nil || g.seen.forgot(id)) {
			continue
		}
		if int(m.unwanted) >= g.unwanted {
			out.Refuse(meshTooMuch)
			return
		}
		m.unwanted++
		x := g.more()
		if x.unwanted[0] == nil {
			x.unwanted[0] = make(map[unwantedBy]struct{})
		}
		x.unwanted[0][unwantedBy{from, id}] = struct{}{}
	}
}

// isUnwanted reports whether a peer said that it does not want a message.
func (g *gossipsub) isUnwanted(peer gossip.NodeID, id gossip.ID) bool {
	if g.extra == nil {
		return false
	}
	for _, names := range g.extra.unwanted {
		if _, is := names[unwantedBy{peer, id}]; is {
			return true
		}
	}
	return false
}
