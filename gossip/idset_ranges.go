package gossip

import (
	"iter"
	"slices"
)

// Ranges yields everything in the set, as ranges of numbers of one life: the first name, and the number
// of the last. Lives come in their order, so that equal sets are written down alike.
func (s *IDSet) Ranges() iter.Seq2[ID, uint32] {
	return func(yield func(ID, uint32) bool) {
		lives := make([]ID, 0, len(s.lives))
		for key := range s.lives {
			lives = append(lives, ID{key.origin, key.run, 0})
		}
		slices.SortFunc(lives, ID.Compare)
		for _, id := range lives {
			for _, sp := range s.lives[life{id.Origin, id.Run}] {
				id.Seq = sp.first
				if !yield(id, sp.last) {
					return
				}
			}
		}
	}
}

// AddRange puts the names from first to the number last of the same life in the set, however many they
// are. Past its bounds the set forgets as with Add.
func (s *IDSet) AddRange(first ID, last uint32) {
	key := life{first.Origin, first.Run}
	if last < first.Seq {
		return
	}
	if s.lives == nil {
		s.lives = make(map[life][]span)
	}
	spans, known := s.lives[key]
	if !known && len(s.lives) >= MaxLives {
		return
	}
	joined := span{first.Seq, last}
	fresh := uint64(last-first.Seq) + 1
	at, _ := find(spans, first.Seq)
	if at > 0 && spans[at-1].last+1 == first.Seq {
		at--
	}
	end := at
	for end < len(spans) && (spans[end].first <= last || spans[end].first == last+1) {
		fresh -= overlap(spans[end], first.Seq, last)
		joined.first, joined.last = min(joined.first, spans[end].first), max(joined.last, spans[end].last)
		end++
	}
	spans = slices.Replace(spans, at, end, joined)
	if len(spans) > MaxSpans {
		spans[1].first = spans[0].first
		spans = slices.Delete(spans, 0, 1)
	}
	s.lives[key] = spans
	s.n += int(fresh)
}

// overlap is how many of the numbers from first to last a span holds.
func overlap(sp span, first, last uint32) uint64 {
	lo, hi := max(sp.first, first), min(sp.last, last)
	if lo > hi {
		return 0
	}
	return uint64(hi-lo) + 1
}
