package protocol

import (
	"time"

	"gossipctl/gossip"
)

// beat keeps a node's rounds for protocols that pass messages on for a number of them.
//
// Where rounds are synchronous, everything in one comes with the same now, in no promised order. Two
// rules make the order meaningless: a round begins with the first thing that comes when it is due, be
// that its alarm or a packet; and what came in an instant is not passed on in that instant.
//
// The alarms of real processes come late. What comes after its round began and before its alarm is not
// passed on in that round either, or it would be passed on once too often.
//
// When the packets of a round cannot take all there is to pass on, the rest has its turn in the next
// rounds, and those do not count until everything had its turn. So in a burst too, a message is passed
// on as often as the rules say, only more slowly.
type beat struct {
	due    int64  // when the next round begins, and its alarm rings; 0: there is no alarm
	round  uint32 // how many have counted
	alone  bool   // there are no peers: no round counts
	begun  bool   // the round that is due has begun, though its alarm is still to come
	cut    bool   // since the round began, some packet could not take all that was to be passed on
	turned bool   // since it began, the turn came to the last of the messages
	last   int64  // the instant in which a message came last
	fresh  uint64 // number of the first message that came in it
	late   uint64 // number of the first message that came after the round began and before its alarm; 0: none
	clock  clock
}

// arm sees to it that the node is woken for its next round, unless it is alone.
func (b *beat) arm(now time.Time, out *gossip.Outbox) {
	if b.due == 0 && !b.alone {
		at := b.clock.next(now)
		b.due, b.late = at.UnixNano(), 0
		out.Alarm(at, gossip.Timer(b.due))
	}
}

// attend is told of everything that comes but alarms, and reports whether a round that counts begins.
func (b *beat) attend(now time.Time) bool {
	if now.UnixNano() < b.due || b.begun || b.due == 0 {
		return false
	}
	b.begun = true
	return b.count()
}

// wake is told of alarms. It reports whether this is the one that was asked for, which is then over,
// and whether a round that counts begins with it.
func (b *beat) wake(t gossip.Timer) (is, counts bool) {
	if b.due == 0 || t != gossip.Timer(b.due) {
		return false, false
	}
	begins := !b.begun
	b.due, b.begun = 0, false
	return true, begins && b.count()
}

// count begins a round, and reports whether it counts.
func (b *beat) count() bool {
	counts := !b.alone && (b.turned || !b.cut)
	b.cut, b.turned = false, false
	if counts {
		b.round++
	}
	return counts
}

// note notes that a message came, and its number.
func (b *beat) note(now time.Time, number uint64) {
	if b.begun && b.late == 0 {
		b.late = number
	}
	if instant := now.UnixNano(); b.last != instant {
		b.last, b.fresh = instant, number
	}
}

// settled returns the number below which messages came before now, or before the round, given the number below which there
// are messages at all.
func (b *beat) settled(now time.Time, end uint64) uint64 {
	if b.late > 0 {
		end = min(end, b.late)
	}
	if b.last == now.UnixNano() {
		end = min(end, b.fresh)
	}
	return end
}
