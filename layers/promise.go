package layers

import (
	"cmp"
	"time"

	"gossipctl/membership"
	"gossipctl/protocol"
	"gossipctl/values"
)

// Promise is what a network promises of who is there and of what its nodes share, as package check judges it.
type Promise struct {
	Membership  string        // acquainted, swim or hyparview; empty: nobody finds out who is there
	DeadWithin  time.Duration // after a death no node counts the dead one as alive, hyparview: as a neighbour; 0: not promised
	AliveWithin time.Duration // after the last change every node counts every one that lives as alive; 0: not promised
	// ValuesRounds is that many reconciliations: after the last change all nodes have the same values.
	ValuesRounds time.Duration
}

const (
	// reconciliations are waited for until all values are the same: news spreads in about log2(n) of them, 13 for the
	// largest network, and after a partition the two halves have to tell each other everything, some packets each.
	reconciliations = 15
	// comparisons of views, or calls of the dead, are waited for until all know of all that live: the first brings the
	// news to somebody, and a second one may be needed where that was lost.
	comparisons = 2
)

// Promise tells what n nodes made of the spec promise. The errors are those of [New] about membership.
func (s *Spec) Promise(n int) (Promise, error) {
	p := Promise{ValuesRounds: reconciliations * cmp.Or(s.ValuesEvery, values.Every)}
	kind := membership.Acquainted()
	switch {
	case s.Membership != "" && s.Membership != membership.None:
		var err error
		if kind, err = membership.Find(s.Membership); err != nil {
			return p, err
		}
	case !s.Assembles:
		return p, nil
	}
	set, err := kind.Values(s.MembershipSettings)
	if err != nil {
		return p, err
	}
	p.Membership = kind.Name
	switch kind.Name {
	case "swim":
		p.DeadWithin = membership.DeadWithin(n, set)
		p.AliveWithin = comparisons*set.Duration("dead-call") + set.Duration("sync")
	case "hyparview":
		// A neighbour is dead after so many keep-alives that did not come, two more at the most; twice that, because
		// the last word of somebody may have been the question of another.
		p.DeadWithin = 2 * time.Duration(set.Int("missed")+2) * set.Duration("keep-alive")
	default:
		p.Membership = "acquainted"
		p.AliveWithin = comparisons * duration(set, "sync", 30*time.Second)
	}
	return p, nil
}

// Degree is about how many peers each of n nodes chooses that find each other.
func (s *Spec) Degree(n int) int {
	kind := membership.Acquainted()
	if s.Membership != "" && s.Membership != membership.None {
		if found, err := membership.Find(s.Membership); err == nil {
			kind = found
		}
	}
	set, err := kind.Values(s.MembershipSettings)
	for _, name := range []string{"peers", "active"} {
		if err == nil && set.Has(name) && set.Int(name) > 0 {
			return set.Int(name)
		}
	}
	return max(n-1, 1)
}

// duration is a setting in force, or otherwise where there is none of that name.
func duration(set protocol.Values, name string, otherwise time.Duration) time.Duration {
	if set.Has(name) {
		return set.Duration(name)
	}
	return otherwise
}
