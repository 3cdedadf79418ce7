package membership

import (
	"time"

	"gossipctl/gossip"
)

// errand is something a node wants to do at a moment.
type errand int

const (
	tellNews    errand = iota // to a few members, while there is some
	compareAll                // the whole view, with one member
	askContacts               // that have not answered yet
	probe                     // the next member
	askOthers                 // to probe the one that has not answered
	giveUp                    // on suspects that did not prove in time that they live
	answerFor                 // members probed for others, that did not answer
	callDead                  // members, because they may be back
	errands
)

// agenda keeps when the errands of a node are due. Alarms cannot be cancelled: one that comes for an errand put off or
// called off means nothing.
type agenda struct {
	due   [errands]int64 // Unix nanoseconds; 0: not wanted
	alarm [errands]int64 // the earliest alarm under way; 0: none
}

// set has an errand done at a moment, and not at the one it was due before.
func (a *agenda) set(e errand, at int64, now time.Time, out *gossip.Outbox) {
	a.due[e] = at
	if a.alarm[e] == 0 || at < a.alarm[e] {
		a.alarm[e] = at
		out.Alarm(now.Add(time.Duration(at-now.UnixNano())), gossip.TimerMembership|gossip.Timer(e))
	}
}

func (a *agenda) wants(e errand) bool { return a.due[e] != 0 }

func (a *agenda) clear(e errand) { a.due[e] = 0 }

// rings is told of the alarm of an errand and reports whether it is to be done now.
func (a *agenda) rings(e errand, now time.Time, out *gossip.Outbox) bool {
	at := now.UnixNano()
	if a.alarm[e] == 0 || at < a.alarm[e] {
		return false // one that was put forward since, and has rung then
	}
	a.alarm[e] = 0
	if a.due[e] == 0 {
		return false
	}
	if at < a.due[e] {
		a.set(e, a.due[e], now, out)
		return false
	}
	a.due[e] = 0
	return true
}
