package membership

import "gossipctl/gossip"

// Stats are what a node's membership has counted.
type Stats struct {
	Here, Dead, Left int    // members by standing; those that are suspected are here
	Health           int    // Lifeguard's score of the node itself, from 0, which is good, to 8
	Refused          uint64 // members that there was no room for
	Refuted          uint64 // times the node had to say that it lives
	Slept            uint64 // times it found that it had stood still
}

// StatsOf returns what a membership has counted; is is false for one that does not.
func StatsOf(m gossip.Membership) (s Stats, is bool) {
	counts, is := m.(interface{ Stats() Stats })
	if is {
		s = counts.Stats()
	}
	return s, is
}
