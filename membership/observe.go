package membership

import (
	"slices"

	"gossipctl/gossip"
)

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

// Differing lists those whom not all views hold for the same: nodes that are alive for some and dead, left or unknown
// to others. Views are by the node that has them; nobody is in its own. Where this is empty views agree.
func Differing(views map[gossip.NodeID][]gossip.Member) []gossip.NodeID {
	type count struct{ here, views int }
	counts := make(map[gossip.NodeID]count)
	for _, view := range views {
		for _, m := range view {
			c := counts[m.Node]
			if c.views++; m.Standing <= gossip.Suspect {
				c.here++
			}
			counts[m.Node] = c
		}
	}
	var differing []gossip.NodeID
	for node, c := range counts {
		others := len(views)
		if _, has := views[node]; has {
			others--
		}
		if c.here > 0 && c.here < others {
			differing = append(differing, node)
		}
	}
	slices.Sort(differing)
	return differing
}
