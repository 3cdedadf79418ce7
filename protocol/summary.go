package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// summary is what two nodes that compare checksums tell each other, once and again. Each tells the names
// of messages it holds, from the one that came last on back, as many at a time as could be asked for at
// once. It says how far it has come, and the other one says it back to it, so that neither has to keep
// that in mind.
type summary struct {
	sum   uint64 // of all the sender's names, those it wants included
	mine  uint64 // the sender has told of messages from this number on
	yours uint64 // the receiver has
	wants []gossip.ID
	tells []gossip.ID
}

// Messages have numbers from 1. Two more say how much has been told.
const (
	untold uint64 = 0 // nothing
	told   uint64 = 1 // all there is to tell
)

// summaryHead is how many names stand for the numbers at the head of a summary.
const summaryHead = 4

// readSummary reads a summary, and reports whether it is one.
func readSummary(ids []gossip.ID) (s summary, is bool) {
	if len(ids) < summaryHead {
		return s, false
	}
	var numbers [summaryHead]uint64
	for i := range numbers {
		if numbers[i], is = readNumber(ids[i]); !is {
			return s, false
		}
	}
	rest := ids[summaryHead:]
	if numbers[3] > uint64(len(rest)) || len(rest) > 2*batchMessages {
		return s, false
	}
	s = summary{sum: numbers[0], mine: numbers[1], yours: numbers[2], wants: rest[:numbers[3]], tells: rest[numbers[3]:]}
	return s, !slices.ContainsFunc(rest, func(id gossip.ID) bool { return !isName(id) })
}

func (r *reconciler) sendSummary(to gossip.NodeID, messages []gossip.Message, s summary, intent int, out *gossip.Outbox) {
	ids := append(out.IDs(summaryHead + len(s.wants) + len(s.tells))[:0],
		writeNumber(s.sum), writeNumber(s.mine), writeNumber(s.yours), writeNumber(uint64(len(s.wants))))
	ids = append(append(ids, s.wants...), s.tells...)
	out.Send(to, gossip.Packet{Kind: r.kinds + reconcileSummary, Messages: messages, IDs: ids, Limit: intent})
}

// compareSummary answers a summary: with what it wants, with what is wanted here, and as long as the sums
// differ with more names, or a page when there are none. If that is enough, it only gives what is wanted.
func (r *reconciler) compareSummary(now time.Time, to gossip.NodeID, theirs summary, intent int, enough bool, out *gossip.Outbox) {
	var messages []gossip.Message
	if len(theirs.wants) > 0 && intent&takes != 0 {
		b := room(out, len(theirs.wants))
		for _, id := range theirs.wants {
			if m, has := r.message(id, now); has && !b.add(m) {
				break
			}
		}
		messages = b.messages
	}
	if enough {
		r.sendAnswer(to, messages, nil, false, out)
		return
	}
	if theirs.sum == r.sum && len(theirs.wants) == 0 {
		return // most exchanges end here: both know the same
	}
	answer := summary{sum: r.sum, mine: told, yours: theirs.mine}
	if intent&gives != 0 {
		answer.wants = out.IDs(len(theirs.tells))[:0]
		for _, id := range theirs.tells {
			if !r.knows(id) && len(answer.wants) < batchMessages && !slices.Contains(answer.wants, id) {
				answer.wants = append(answer.wants, id)
				answer.sum += nameSum(id)
			}
		}
	}
	intent = otherSide(intent)
	if answer.sum == theirs.sum {
		if len(messages)+len(answer.wants) > 0 {
			r.sendSummary(to, messages, answer, intent, out)
		}
		return
	}
	if intent&gives != 0 {
		answer.tells, answer.mine = r.tell(now, theirs.yours, out)
	}
	if len(answer.tells)+len(answer.wants) == 0 && answer.mine == told && theirs.mine == told {
		r.sendPage(to, messages, intent, out)
		return
	}
	r.sendSummary(to, messages, answer, intent, out)
}

// tell returns names of messages that are held, from the newest on that was not told, and how far that is.
func (r *reconciler) tell(now time.Time, before uint64, out *gossip.Outbox) (names []gossip.ID, upTo uint64) {
	next := r.held.last()
	if before != untold {
		next = min(next, before-1)
	}
	if next < r.held.first() {
		return nil, told
	}
	names = out.IDs(int(min(batchMessages, next-r.held.first()+1)))[:0]
	for ; next >= r.held.first(); next-- {
		id, h := r.held.at(next)
		if r.compare == compareChecksum && now.UnixNano()-h.came > int64(r.recent) {
			return names, told
		}
		if len(names) == cap(names) {
			return names, next + 1
		}
		if h.came < now.UnixNano() {
			names = append(names, id)
		}
	}
	return names, told
}
