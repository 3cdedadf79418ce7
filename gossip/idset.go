package gossip

import (
	"cmp"
	"slices"
)

// IDSet remembers message names for ever in very little memory: for each life of an origin it
// keeps the numbers seen as ranges, and numbers come nearly in order. What a hostile peer could
// blow up is bounded: past MaxSpans ranges of one life, or MaxLives lives, the set forgets in the
// safe direction, that is it takes more names for seen than it saw. The zero value is empty.
type IDSet struct {
	lives map[life][]span
	n     int
}

// Bounds of an IDSet. Ordinary traffic has a handful of ranges: as many as messages of one origin
// are under way at once.
const (
	MaxSpans = 4096
	MaxLives = 65536
)

type life struct {
	origin NodeID
	run    uint32
}

type span struct{ first, last uint32 }

// Reserve makes sure that a life has a place in the set, whatever else comes to fill it.
func (s *IDSet) Reserve(origin NodeID, run uint32) {
	if s.lives == nil {
		s.lives = make(map[life][]span)
	}
	if key := (life{origin, run}); s.lives[key] == nil {
		s.lives[key] = []span{}
	}
}

// Add puts id in the set and reports whether it was new.
func (s *IDSet) Add(id ID) bool {
	key := life{id.Origin, id.Run}
	if s.lives == nil {
		s.lives = make(map[life][]span)
	}
	spans, known := s.lives[key]
	if !known && len(s.lives) >= MaxLives {
		return false
	}
	// The next number of a life is by far the commonest.
	if n := len(spans); n > 0 && spans[n-1].last+1 == id.Seq && id.Seq != 0 {
		spans[n-1].last = id.Seq
		s.n++
		return true
	}
	at, found := find(spans, id.Seq)
	if found {
		return false
	}
	joinsLeft := at > 0 && spans[at-1].last+1 == id.Seq
	joinsRight := at < len(spans) && spans[at].first == id.Seq+1
	switch {
	case joinsLeft && joinsRight:
		spans[at-1].last = spans[at].last
		spans = slices.Delete(spans, at, at+1)
	case joinsLeft:
		spans[at-1].last = id.Seq
	case joinsRight:
		spans[at].first = id.Seq
	default:
		spans = slices.Insert(spans, at, span{id.Seq, id.Seq})
	}
	if len(spans) > MaxSpans {
		spans[1].first = spans[0].first
		spans = slices.Delete(spans, 0, 1)
	}
	s.lives[key] = spans
	s.n++
	return true
}

// Has reports whether id is in the set.
func (s *IDSet) Has(id ID) bool {
	spans, known := s.lives[life{id.Origin, id.Run}]
	if !known {
		return len(s.lives) >= MaxLives
	}
	_, found := find(spans, id.Seq)
	return found
}

// Len is how many names were added.
func (s *IDSet) Len() int { return s.n }

// find returns the first span that does not end before seq, and whether it holds seq.
func find(spans []span, seq uint32) (int, bool) {
	at, _ := slices.BinarySearchFunc(spans, seq, func(sp span, seq uint32) int { return cmp.Compare(sp.last, seq) })
	return at, at < len(spans) && spans[at].first <= seq
}
