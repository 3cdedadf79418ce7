package transport

import (
	"cmp"
	"slices"
	"time"
)

// delayed is a copy that waits.
type delayed struct {
	due     time.Time
	number  uint64 // in order of coming, which decides between copies due at once
	flow    *flow
	account *account // that counts it as waiting
	wire    []byte
	spoil   bool      // it shall be damaged
	leaves  time.Time // when a bound on bandwidth lets it go; the zero time when there is none
}

// size is what the copy counts against the bound.
func (d *delayed) size() int64 { return int64(len(d.wire)) + waitingOverhead }

// delays is a heap of copies, the one that is due first on top.
type delays []delayed

func (s delays) before(i, j int) bool {
	if s[i].due.Equal(s[j].due) {
		return s[i].number < s[j].number
	}
	return s[i].due.Before(s[j].due)
}

func (h *delays) push(d delayed) {
	*h = append(*h, d)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.before(i, up) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *delays) pop() delayed {
	s := *h
	first, last := s[0], len(s)-1
	s[0], s[last] = s[last], delayed{}
	s = s[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s.before(child, least) {
				least = child
			}
		}
		if least == i {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	*h = s
	return first
}

// inOrder sorts copies as they came, and returns them. They are no heap any more.
func (s delays) inOrder() delays {
	slices.SortFunc(s, func(a, b delayed) int { return cmp.Compare(a.number, b.number) })
	return s
}
