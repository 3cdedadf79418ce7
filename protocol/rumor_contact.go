package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// line is the state of a node's calls where connections are limited. Those that come in one instant
// are put off to its end, by an alarm that is due at once: which of them are taken must not depend on
// the order in which they happened to come.
type line struct {
	partner gossip.NodeID // whom it has called and not heard from yet, or 0
	tried   []int32       // places of the peers it has called in this cycle, sorted

	taken   int // calls taken in the cycle that ends at until
	until   int64
	waiting []gossip.NodeID // callers that will be taken, unless the draw goes against them
	came    int             // callers since the first of those
}

// drawLots is the alarm at which waiting callers are taken. Beats have the time as theirs.
const drawLots gossip.Timer = 1

// contact calls the partner of the cycle.
func (r *rumorMongering) contact(now time.Time, out *gossip.Outbox) {
	if r.peers.Len() == 0 || !r.pull && !r.hasNews(now) {
		return
	}
	if r.line != nil {
		r.line.tried = r.line.tried[:0]
		r.callAnother(out)
		return
	}
	r.meet(now, r.peers.At(r.rng.IntN(r.peers.Len())), out)
}

// callAnother asks a partner that was not called in this cycle for a connection, if hunting goes on. A
// question is its own call.
func (r *rumorMongering) callAnother(out *gossip.Outbox) {
	l := r.line
	open := r.peers.Len() - len(l.tried)
	if len(l.tried) > r.hunt || open <= 0 {
		return
	}
	place, at := int32(r.rng.IntN(open)), 0
	for at < len(l.tried) && l.tried[at] <= place { // it was drawn among those that are left
		place++
		at++
	}
	l.tried = slices.Insert(l.tried, at, place)
	l.partner = r.peers.At(int(place))
	kind := rumorAsk
	if r.push {
		kind = rumorCall
	}
	out.Send(l.partner, gossip.Packet{Kind: kind})
}

// called takes note of a caller. If more call than can be taken, each is as likely to be.
func (r *rumorMongering) called(now time.Time, caller gossip.NodeID, out *gossip.Outbox) {
	l := r.line
	if now.UnixNano() >= l.until {
		l.taken, l.until = 0, r.clock.next(now).UnixNano()
	}
	if slices.Contains(l.waiting, caller) {
		return // the wire has repeated a call
	}
	l.came++
	switch free := r.connections - l.taken; {
	case len(l.waiting) < free:
		if len(l.waiting) == 0 {
			l.came = 1
			out.Alarm(now, drawLots)
		}
		l.waiting = append(l.waiting, caller)
		return
	case free > 0:
		if ticket := r.rng.IntN(l.came); ticket < free {
			caller, l.waiting[ticket] = l.waiting[ticket], caller
		}
	}
	if r.peers.Has(caller) {
		out.Send(caller, gossip.Packet{Kind: rumorReject})
	}
}

// takeCalls takes those who wait.
func (r *rumorMongering) takeCalls(now time.Time, out *gossip.Outbox) {
	l := r.line
	for _, caller := range l.waiting {
		if !r.peers.Has(caller) {
			continue
		}
		l.taken++
		if r.push {
			out.Send(caller, gossip.Packet{Kind: rumorAccept})
		} else {
			r.answer(now, caller, out)
		}
	}
	l.waiting = l.waiting[:0]
}

// answer tells one that asked what is hot. If nothing is, that is told by silence.
func (r *rumorMongering) answer(now time.Time, to gossip.NodeID, out *gossip.Outbox) {
	if messages := r.news(now, out); len(messages) > 0 {
		out.Send(to, gossip.Packet{Kind: rumorUpdate, Messages: messages})
	}
}

// meet does what there is to do with a partner that has been reached.
func (r *rumorMongering) meet(now time.Time, partner gossip.NodeID, out *gossip.Outbox) {
	switch {
	case !r.push:
		out.Send(partner, gossip.Packet{Kind: rumorAsk})
	case r.pull:
		p := gossip.Packet{Kind: rumorExchange, Messages: r.news(now, out)}
		if r.minimise {
			p.IDs = out.IDs(len(p.Messages))
			for i := range p.IDs {
				p.IDs[i] = gossip.ID{Origin: 1, Run: 1, Seq: 1 + uint32(r.known.find(p.Messages[i].ID).counter)}
			}
		}
		out.Send(partner, p)
	default:
		if messages := r.news(now, out); len(messages) > 0 {
			out.Send(partner, gossip.Packet{Kind: rumorUpdate, Messages: messages})
		}
	}
}

// hasNews reports whether something was hot before this instant.
func (r *rumorMongering) hasNews(now time.Time) bool {
	return slices.ContainsFunc(r.hot, func(number uint64) bool {
		_, h := r.known.at(number)
		return h.learnt < now.UnixNano()
	})
}

// news returns what was hot before this instant, as much as one packet takes. What it has no room for
// goes first the next time.
func (r *rumorMongering) news(now time.Time, out *gossip.Outbox) []gossip.Message {
	if !r.hasNews(now) {
		return nil
	}
	b := room(out, len(r.hot))
	next := -1
	for i, number := range r.hot {
		id, h := r.known.at(number)
		if h.learnt >= now.UnixNano() || h.tally&tallyMutual != 0 {
			continue
		}
		if next < 0 && b.add(gossip.Message{ID: id, Body: h.body, Sent: h.sent}) {
			h.tally |= tallySent
			continue
		}
		if next < 0 {
			next = i
		}
		if r.feedback {
			break // only the blind want to know who else is left out
		}
		h.tally |= tallyLeft
	}
	if next > 0 {
		slices.Reverse(r.hot[:next])
		slices.Reverse(r.hot[next:])
		slices.Reverse(r.hot)
	}
	return b.messages
}

// hear takes in the messages of an update or an exchange. If the sender is to be told, it returns their
// names as a feedback has them, and how many were not needed.
func (r *rumorMongering) hear(now time.Time, tell bool, p gossip.Packet, out *gossip.Outbox) (names []gossip.ID, unneeded int) {
	if tell && r.feedback {
		names = out.IDs(len(p.Messages))
	}
	needed, stale := len(names), 0 // the names of those needed stand from here on
	for i := range p.Messages {
		m := &p.Messages[i]
		h := r.known.find(m.ID)
		forgotten := h == nil && r.known.forgot(m.ID)
		if forgotten {
			stale++
		}
		news := h == nil && !forgotten
		if news {
			r.learn(now, *m, out)
		}
		switch {
		case news || !r.coin && h != nil && h.learnt == now.UnixNano():
			if names != nil {
				needed--
				names[needed] = m.ID
			}
		case r.minimise && p.Kind == rumorExchange && r.compare(h, int(p.IDs[i].Seq)-1):
		case names != nil:
			names[unneeded] = m.ID
			unneeded++
		}
	}
	if stale > 0 && stale == len(p.Messages) {
		out.Refuse(gossip.Stale)
	}
	if names != nil {
		names = names[:unneeded+copy(names[unneeded:], names[needed:])]
		slices.Reverse(names[unneeded:]) // they were noted from the end
	}
	return names, unneeded
}

// compare judges a message that both ends of an exchange know, by the other one's counter. It counts at
// the end with the smaller counter, which for a removed one has no bound; it reports whether it counts
// here alone.
func (r *rumorMongering) compare(h *hearsay, other int) bool {
	if h == nil || !h.hot {
		return false
	}
	h.tally |= tallyMutual
	if int(h.counter) <= other {
		h.tally |= tallyUnneeded
	}
	return int(h.counter) < other
}

// endExchange forgets which messages an exchange brought.
func (r *rumorMongering) endExchange(p gossip.Packet) {
	if !r.minimise {
		return
	}
	for i := range p.Messages {
		if h := r.known.find(p.Messages[i].ID); h != nil {
			h.tally &^= tallyMutual
		}
	}
}

// credit notes what a feedback says of messages that are still hot.
func (r *rumorMongering) credit(p gossip.Packet) {
	for i, id := range p.IDs {
		h := r.known.find(id)
		switch {
		case h == nil || !h.hot:
		case i < p.Limit:
			h.tally |= tallyUnneeded
		default:
			h.tally |= tallyNeeded
		}
	}
}

// sensible reports whether a packet is one that this variant sends.
func (r *rumorMongering) sensible(p gossip.Packet) bool {
	messages, names := len(p.Messages), len(p.IDs)
	if messages > batchMessages || names > batchMessages || p.Limit < 0 || p.Limit > names {
		return false
	}
	switch p.Kind {
	case rumorUpdate:
		return messages > 0 && (names == 0 || r.feedback && r.push && r.pull)
	case rumorFeedback:
		return messages == 0 && names > 0 && r.feedback
	case rumorExchange:
		return r.push && r.pull && p.Limit == 0 && (names == 0 && !r.minimise || names == messages && r.minimise)
	case rumorAsk:
		return messages == 0 && names == 0 && r.pull && !r.push
	case rumorCall, rumorAccept, rumorReject:
		return messages == 0 && names == 0 && r.line != nil
	}
	return false
}
