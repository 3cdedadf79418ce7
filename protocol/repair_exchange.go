package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// Packets of repair, beside the answers and pages of a reconciler. An exchange is a call, a page, an answer
// to it, and an answer to that with what was wanted; while there is more to be had, pages and answers go on.
const (
	// repairCall tells the checksum of all names told. With it may come messages that the caller thinks
	// are lacking. The limit says what the caller wants to do, and if it wants an answer in any case.
	repairCall = repairKinds + 3 + iota
	// repairDone says that there is nothing more to be had from, or to be given to, the sender.
	repairDone
)

// asksBack is the part of a call's limit that asks for an answer in any case.
const asksBack = 4

// attend takes in one of repair's packets.
func (r *repair) attend(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if len(p.Messages) > batchMessages || slices.ContainsFunc(p.Messages, func(m gossip.Message) bool { return !isName(m.ID) }) {
		out.Refuse(gossip.Malformed)
		return
	}
	peer := r.peers.Has(from)
	r.heardOf(from)
	intent := p.Limit &^ asksBack
	switch {
	case p.Kind == repairCall && len(p.IDs) == 1 && intent >= takes && intent <= takes|gives:
		if sum, is := readNumber(p.IDs[0]); is {
			r.hear(now, from, p.Messages, out)
			if len(p.Messages) > 0 {
				r.lossy = now.UnixNano()
			}
			if peer {
				r.compareSums(now, from, sum, intent, p.Limit&asksBack != 0, out)
			}
			return
		}
	case p.Kind == repairKinds+reconcilePage && len(p.Messages) == 0 && p.Limit >= takes && p.Limit <= takes|gives:
		if theirs, is := readPage(p.IDs); is {
			if peer {
				r.compareWith(now, from, theirs, p.Limit, out)
			}
			return
		}
	case p.Kind == repairKinds+reconcileAnswer && (p.Limit == 0 || p.Limit == 1 && len(p.Messages) > 0) && len(p.Messages)+len(p.IDs) > 0:
		if wanted, is := readWants(p.IDs); is {
			r.answered(now, from, peer, p, wanted, out)
			return
		}
	case p.Kind == repairDone && len(p.Messages)+len(p.IDs) == 0:
		r.asked(from)
		r.agree(from)
		return
	}
	out.Refuse(gossip.Malformed)
}

// call tells a peer the checksum, and messages along with it.
func (r *repair) call(now time.Time, to gossip.NodeID, messages []gossip.Message, limit int, out *gossip.Outbox) {
	ids := out.IDs(1)
	ids[0] = writeNumber(r.sum)
	out.Send(to, gossip.Packet{Kind: repairCall, Messages: messages, IDs: ids, Limit: r.intent(now, to) | limit})
}

// intent is what a node wants to do in an exchange with a peer: to give, and to take, unless it has no room
// or has just asked another peer. Those who have the same are not asked for it at the same time.
func (r *repair) intent(now time.Time, with gossip.NodeID) int {
	if r.full() || r.source != with && now.UnixNano()-r.sourced < int64(sourceFor) {
		return gives
	}
	return takes | gives
}

// ask notes that a peer is asked for what is lacking.
func (r *repair) ask(now time.Time, of gossip.NodeID) { r.source, r.sourced = of, now.UnixNano() }

// asked notes that a peer has answered, and has no more.
func (r *repair) asked(of gossip.NodeID) {
	if r.source == of {
		r.sourced = 0
	}
}

// sourceFor is how long nobody else is asked when a peer does not answer: two hurried calls.
const sourceFor = 2 * hurryEvery

// compareSums answers a call: with a page when the caller knows something else.
func (r *repair) compareSums(now time.Time, from gossip.NodeID, sum uint64, intent int, must bool, out *gossip.Outbox) {
	mine := r.intent(now, from) & otherSide(intent)
	switch {
	case sum != r.sum && mine != 0:
		if mine&takes != 0 {
			r.ask(now, from)
		}
		r.sendPage(from, nil, mine, out)
		r.mark(now, from, nil, out)
		return
	case sum == r.sum:
		r.agree(from)
	}
	if must {
		r.done(from, out)
	}
}

func (r *repair) done(to gossip.NodeID, out *gossip.Outbox) {
	out.Send(to, gossip.Packet{Kind: repairDone})
}

// compareWith answers a page: with what it lacks and what is lacking here, or the next page, or by saying
// that that is all.
func (r *repair) compareWith(now time.Time, from gossip.NodeID, theirs page, intent int, out *gossip.Outbox) {
	var messages []gossip.Message
	var wanted []gossip.ID
	more := false
	mine := r.intent(now, from) & otherSide(intent)
	if mine&gives != 0 {
		messages, more = r.lackedThere(r.ripe(now).Add(1), theirs, out)
	}
	if mine&takes != 0 && !more {
		wanted = r.lackedHere(r.known, theirs, out)
	}
	r.asked(from)
	if len(wanted) > 0 || mine&takes != 0 && len(messages) == 0 && theirs.high != lastName {
		r.ask(now, from)
	}
	switch {
	case len(messages)+len(wanted) > 0:
		r.sendAnswer(from, messages, wanted, more, out)
		r.mark(now, from, slight(messages), out)
	case mine != 0 && theirs.high != lastName:
		ids, _ := writePage(r.names, nextName(theirs.high), r.page, out)
		out.Send(from, gossip.Packet{Kind: repairKinds + reconcilePage, IDs: ids, Limit: mine})
	default:
		r.agree(from)
		r.done(from, out)
	}
}

// answered takes in an answer, and goes on with the exchange.
func (r *repair) answered(now time.Time, from gossip.NodeID, peer bool, p gossip.Packet, wanted wants, out *gossip.Outbox) {
	news := r.hear(now, from, p.Messages, out)
	switch {
	case !peer:
	case wanted.len() > 0:
		sent := len(out.Sends)
		r.serve(r.ripe(now).Add(1), from, wanted, out)
		if len(out.Sends) > sent {
			r.mark(now, from, slight(out.Sends[sent].Packet.Messages), out)
		}
	case p.Limit == 1 && news > 0 && !r.full():
		r.ask(now, from)
		r.askForMore(from, p.Messages[len(p.Messages)-1].ID, out)
	default:
		r.asked(from)
	}
}

// hear takes in messages that repair brought, and returns how many were news.
func (r *repair) hear(now time.Time, from gossip.NodeID, messages []gossip.Message, out *gossip.Outbox) int {
	stale := 0
	fresh := out.Messages(len(messages))[:0]
	for _, m := range messages {
		switch at, known := r.known.find(m.ID); {
		case known && !r.known[at].held:
			stale++
		case known:
		case !r.known.fits(m.ID, r.stretchesMost()):
			out.Refuse(scattered)
		default:
			r.admit(r.ripe(now), m)
			out.Deliver(m)
			fresh = append(fresh, m)
		}
	}
	if stale > 0 && stale == len(messages) {
		out.Refuse(gossip.Stale)
	}
	if len(fresh) > 0 {
		out.Repaired = true
		r.passOn(now, from, fresh, out)
	}
	return len(fresh)
}

// slight returns messages if they are so few that a hurried call may bring them along.
func slight(messages []gossip.Message) []gossip.Message {
	if len(messages) > alongMessages {
		return nil
	}
	return messages
}
