package protocol

import (
	"slices"

	"gossipctl/gossip"
)

// treeGaps are the messages that were announced to a node and have not come. Each waits in one of two
// lines, for timer 1 or for timer 2. A timer always takes the same time, so whoever joins a line is due
// last in it: to find who is due, or to let anybody go, takes no search, and one alarm serves a line.
// Most nodes have none or a few: the zero value is empty and small.
type treeGaps struct {
	slots   []treeGap     // place 0 is nobody's
	free    []int         // places of gaps that are closed
	open    int           // gaps that are not
	numbers *gossip.IDMap // places by name, once there are more than are soon looked through
	lines   [2]treeLine
}

// treeGap is one message, and who announced it.
type treeGap struct {
	id            gossip.ID
	heralds       []herald // never empty while the gap is open
	turn          int      // the place in heralds of who will be asked next
	passes        int      // how often all of them were asked
	due           int64    // in Unix nanoseconds
	line          int
	before, after int // its neighbours in the line, or 0
}

// herald is a peer that announced a message, with the round it would have come in.
type herald struct {
	peer gossip.NodeID
	hops int32
}

// treeLine is a line of gaps, by their places.
type treeLine struct {
	first, last int
	alarm       int64 // when the node will be woken for it, in Unix nanoseconds; 0: there is no alarm
}

// find returns the place of a message's gap, or 0.
func (g *treeGaps) find(id gossip.ID) int {
	if g.numbers != nil {
		return int(g.numbers.Get(id))
	}
	for at := range g.slots {
		if at > 0 && len(g.slots[at].heralds) > 0 && g.slots[at].id == id {
			return at
		}
	}
	return 0
}

// add opens a gap for a message that a peer announced, and lets it join no line yet.
func (g *treeGaps) add(id gossip.ID, by herald) int {
	if len(g.slots) == 0 {
		g.slots = make([]treeGap, 1, 4)
	}
	var at int
	if n := len(g.free); n > 0 {
		at, g.free = g.free[n-1], g.free[:n-1]
	} else {
		at = len(g.slots)
		g.slots = append(g.slots, treeGap{})
	}
	s := &g.slots[at]
	*s = treeGap{id: id, heralds: append(s.heralds, by)}
	g.open++
	switch {
	case g.numbers != nil:
		g.numbers.Set(id, uint64(at))
	case len(g.slots) > scanned:
		g.numbers = new(gossip.IDMap)
		for at := range g.slots {
			if len(g.slots[at].heralds) > 0 {
				g.numbers.Set(g.slots[at].id, uint64(at))
			}
		}
	}
	return at
}

// fill closes the gap of a message, if there is one, and returns who had announced it nearest.
func (g *treeGaps) fill(id gossip.ID) (near herald) {
	if g == nil {
		return near
	}
	if at := g.find(id); at > 0 {
		near = slices.MinFunc(g.slots[at].heralds, func(a, b herald) int { return int(a.hops - b.hops) })
		g.close(at)
	}
	return near
}

// close gives up a place.
func (g *treeGaps) close(at int) {
	g.leave(at)
	s := &g.slots[at]
	if g.numbers != nil {
		g.numbers.Delete(s.id)
	}
	*s = treeGap{heralds: s.heralds[:0]}
	g.free = append(g.free, at)
	g.open--
}

// keep forgets announcements of all but the peers there are, and gaps that nobody else had announced.
func (g *treeGaps) keep(peers gossip.Peers) {
	if g == nil {
		return
	}
	for at := range g.slots {
		s := &g.slots[at]
		if len(s.heralds) == 0 {
			continue
		}
		kept := s.heralds[:0]
		turn := s.turn
		for i, h := range s.heralds {
			switch {
			case peers.Has(h.peer):
				kept = append(kept, h)
			case i < s.turn:
				turn--
			}
		}
		if s.heralds, s.turn = kept, turn; len(kept) == 0 {
			g.close(at)
		}
	}
}

// join puts a gap at the end of a line, to wait until it is due.
func (g *treeGaps) join(at, line int, due int64) {
	l, s := &g.lines[line], &g.slots[at]
	s.line, s.due, s.before, s.after = line, due, l.last, 0
	if l.last == 0 {
		l.first = at
	} else {
		g.slots[l.last].after = at
	}
	l.last = at
}

// leave takes a gap out of its line.
func (g *treeGaps) leave(at int) {
	s := &g.slots[at]
	l := &g.lines[s.line]
	if s.before == 0 {
		l.first = s.after
	} else {
		g.slots[s.before].after = s.after
	}
	if s.after == 0 {
		l.last = s.before
	} else {
		g.slots[s.after].before = s.before
	}
}

// announced notes one more announcement of a gap.
func (s *treeGap) announced(by herald) {
	if i := slices.IndexFunc(s.heralds, func(h herald) bool { return h.peer == by.peer }); i >= 0 {
		s.heralds[i] = by
		return
	}
	s.heralds = append(s.heralds, by)
}

// next returns who is to be asked now, or false when all were asked so many times. Among those whose
// turn is still to come, an eager one goes first.
func (s *treeGap) next(tries int, eager func(gossip.NodeID) bool) (herald, bool) {
	if s.turn == len(s.heralds) {
		s.turn, s.passes = 0, s.passes+1
	}
	if s.passes == tries {
		return herald{}, false
	}
	left := s.heralds[s.turn:]
	if at := slices.IndexFunc(left, func(h herald) bool { return eager(h.peer) }); at > 0 {
		left[0], left[at] = left[at], left[0]
	}
	s.turn++
	return left[0], true
}
