package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// reconciler makes two nodes equal: it finds out which messages one holds and the other one lacks, and
// sends those and no others. It is the heart of anti-entropy, and made so that another protocol can have
// it as a part, for what that protocol left out. It knows no clock and no peers, and keeps nothing about
// an exchange under way: everything needed to go on with one is in its packets. Each packet is answered
// by one packet at most, and only until both are equal or have said all they can.
//
// There are two ways to find out, and packets for both:
//
//   - In full: a page of the ledger says all that is known between two names. Who gets it sends what the
//     page lacks, and names what it lacks itself and the page holds, which is sent then. Forgotten names
//     are in the page as such: they are not sent, and nobody asks for them.
//   - By checksums: a summary of all names is one number. As long as the numbers differ, each tells the
//     names of the messages it got most recently, back in time, and what is lacking is asked for. When
//     there is no more to tell, because the time set is over or everything was told, and they still
//     differ, a page is what is left.
//
// A ledger that takes more than a page is told page by page, one in each exchange and all in turn. A
// packet holds so many messages only: the sender says if there are more, and is sent a page that begins
// where it ended. But an exchange whose messages were all no news is not gone on with: two nodes are
// sending the same, because both were asked before either had answered, and one of them is enough.
type reconciler struct {
	*reconcileRules
	ledger
	turn gossip.ID // where the next page begins
}

// reconcileRules are the same at all nodes.
type reconcileRules struct {
	kinds      gossip.Kind // the first of the three kinds its packets have
	give, take bool        // what whoever begins an exchange wants to do
	compare    string
	recent     time.Duration // with compareChecksum, how far back names are told
	page       int           // stretches in a packet
	remember   int           // messages
}

// Values of the setting compare.
const (
	compareFull     = "full"
	compareChecksum = "checksum"
	comparePeelBack = "peelback"
)

// Packets of a reconciler, from the first of its kinds on. All may bring messages along that were asked
// for before.
const (
	reconcileAnswer  gossip.Kind = iota // messages; names of what is wanted. Limit 1: there are more to be had
	reconcilePage                       // a page
	reconcileSummary                    // see summary
)

// What the limit of a page or a summary says that its sender wants to do.
const (
	takes = 1 << iota
	gives
)

// otherSide returns what the other side of an exchange does: it gives where one takes, and takes where one
// gives.
func otherSide(intent int) int { return intent&takes<<1 | intent>>1 }

// scattered is why a message is refused that would leave more gaps among the names than there is room
// for. It is wanted again when some are filled.
const scattered gossip.Refusal = "scattered"

// stretchesMost bounds the stretches of a ledger: four for each message it may hold. Gaps on both sides of
// each, and as many of what is forgotten, is more than any loss leaves.
func (r *reconcileRules) stretchesMost() int { return max(1024, 4*r.remember) }

// learn takes in a message of the node's own, or one that came by other ways. It reports whether it was
// news.
func (r *reconciler) learn(now time.Time, m gossip.Message) bool {
	if r.knows(m.ID) {
		return false
	}
	r.enter(now, m, r.remember)
	return true
}

// call begins an exchange with a peer.
func (r *reconciler) call(now time.Time, to gossip.NodeID, out *gossip.Outbox) {
	intent := 0
	if r.take {
		intent |= takes
	}
	if r.give {
		intent |= gives
	}
	if r.compare == compareFull {
		r.sendPage(to, nil, intent, out)
		return
	}
	s := summary{sum: r.sum, mine: untold, yours: untold}
	if !r.give {
		s.mine = told
	} else if r.compare == compareChecksum {
		s.tells, s.mine = r.tell(now, untold, out)
	}
	if !r.take {
		s.yours = told
	}
	r.sendSummary(to, nil, s, intent, out)
}

// receive takes in one of its packets, which a peer has sent or somebody else: strangers get no answer.
// What is new is delivered.
func (r *reconciler) receive(now time.Time, from gossip.NodeID, peer bool, p gossip.Packet, out *gossip.Outbox) {
	if len(p.Messages) > batchMessages || slices.ContainsFunc(p.Messages, func(m gossip.Message) bool { return !isName(m.ID) }) {
		out.Refuse(gossip.Malformed)
		return
	}
	switch kind := p.Kind - r.kinds; {
	case kind == reconcileAnswer && (p.Limit == 0 || p.Limit == 1 && len(p.Messages) > 0) && len(p.Messages)+len(p.IDs) > 0:
		if wanted, is := readWants(p.IDs); is {
			news := r.hear(now, p.Messages, out)
			switch {
			case !peer:
			case wanted.len() > 0:
				r.serve(now, from, wanted, out)
			case p.Limit == 1 && news > 0:
				r.askForMore(from, p.Messages[len(p.Messages)-1].ID, out)
			}
			return
		}
	case kind == reconcilePage && p.Limit >= takes && p.Limit <= takes|gives:
		if theirs, is := readPage(p.IDs); is {
			r.hear(now, p.Messages, out)
			if peer {
				r.comparePage(now, from, theirs, p.Limit, out)
			}
			return
		}
	case kind == reconcileSummary && p.Limit >= takes && p.Limit <= takes|gives:
		if theirs, is := readSummary(p.IDs); is {
			news := r.hear(now, p.Messages, out)
			if peer {
				r.compareSummary(now, from, theirs, p.Limit, news == 0 && len(p.Messages) > 0, out)
			}
			return
		}
	}
	out.Refuse(gossip.Malformed)
}

// hear takes in the messages of a packet, and returns how many were news.
func (r *reconciler) hear(now time.Time, messages []gossip.Message, out *gossip.Outbox) (news int) {
	stale := 0
	for i := range messages {
		m := &messages[i]
		switch at, known := r.names.find(m.ID); {
		case known && !r.names[at].held:
			stale++
		case known:
		case !r.names.fits(m.ID, r.stretchesMost()):
			out.Refuse(scattered)
		default:
			r.enter(now, *m, r.remember)
			out.Deliver(*m)
			news++
		}
	}
	if stale > 0 && stale == len(messages) {
		out.Refuse(gossip.Stale)
	}
	return news
}

// serve sends what is wanted.
func (r *reconciler) serve(now time.Time, to gossip.NodeID, wanted wants, out *gossip.Outbox) {
	n := 0
	for s := range common(r.names, wanted) {
		if n += s.count(); n >= batchMessages {
			break
		}
	}
	b, more := room(out, min(n, batchMessages)), false
	for s := range common(r.names, wanted) {
		if more = !r.fill(&b, s, now); more {
			break
		}
	}
	r.sendAnswer(to, b.messages, nil, more, out)
}

// askForMore asks one that has more than a packet holds for what comes after a name.
func (r *reconciler) askForMore(of gossip.NodeID, after gossip.ID, out *gossip.Outbox) {
	intent := takes
	if r.take && r.give {
		intent |= gives
	}
	ids, _ := writePage(r.names, nextName(after), r.page, out)
	out.Send(of, gossip.Packet{Kind: r.kinds + reconcilePage, IDs: ids, Limit: intent})
}

// comparePage sends what a page lacks, and names what it holds and is lacking here.
func (r *reconciler) comparePage(now time.Time, to gossip.NodeID, theirs page, intent int, out *gossip.Outbox) {
	var messages []gossip.Message
	more := false
	if intent&takes != 0 {
		messages, more = r.lackedThere(now, theirs, out)
	}
	var wanted []gossip.ID
	if intent&gives != 0 && !more { // with more to come there is another page, which asks again
		wanted = r.lackedHere(r.names, theirs, out)
	}
	r.sendAnswer(to, messages, wanted, more, out)
}

// lackedThere returns messages that a page lacks, as many as a packet holds, and whether there are more.
func (r *reconciler) lackedThere(now time.Time, theirs page, out *gossip.Outbox) (messages []gossip.Message, more bool) {
	n := 0
	for s := range lacking(r.names, theirs, theirs.low, theirs.high) {
		if n += s.count(); n >= batchMessages {
			break
		}
	}
	b := room(out, min(n, batchMessages))
	for s := range lacking(r.names, theirs, theirs.low, theirs.high) {
		if more = !r.fill(&b, s, now); more {
			break
		}
	}
	return b.messages, more
}

// lackedHere names what a page holds and is not among the names known here, as much as a page takes.
func (r *reconciler) lackedHere(known stretches, theirs page, out *gossip.Outbox) []gossip.ID {
	n := 0
	for range lacking(theirs, known, theirs.low, theirs.high) {
		if n++; n == r.page {
			break
		}
	}
	wanted := out.IDs(2 * n)[:0]
	for s := range lacking(theirs, known, theirs.low, theirs.high) {
		if len(wanted) == 2*n {
			break
		}
		wanted = append(wanted, s.begin(), s.end())
	}
	return wanted
}

// fill puts the messages of a stretch into a batch, but for those that came in this very instant. It
// reports whether there was room.
func (r *reconciler) fill(b *batch, s stretch, now time.Time) bool {
	for id := s.begin(); ; id.Seq++ {
		if m, has := r.message(id, now); has && !b.add(m) {
			return false
		}
		if id.Seq == s.last {
			return true
		}
	}
}

func (r *reconciler) sendAnswer(to gossip.NodeID, messages []gossip.Message, wanted []gossip.ID, more bool, out *gossip.Outbox) {
	if len(messages)+len(wanted) == 0 {
		return
	}
	p := gossip.Packet{Kind: r.kinds + reconcileAnswer, Messages: messages, IDs: wanted}
	if more && len(messages) > 0 {
		p.Limit = 1
	}
	out.Send(to, p)
}

// sendPage sends the page whose turn it is.
func (r *reconciler) sendPage(to gossip.NodeID, messages []gossip.Message, intent int, out *gossip.Outbox) {
	if r.turn.Origin == 0 {
		r.turn = firstName
	}
	var ids []gossip.ID
	ids, r.turn = writePage(r.names, r.turn, r.page, out)
	out.Send(to, gossip.Packet{Kind: r.kinds + reconcilePage, Messages: messages, IDs: ids, Limit: intent})
}
