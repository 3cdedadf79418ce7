package membership

import "slices"

// queue holds the updates that are to be told, at most one of each member: a later one takes the place of an earlier
// one. First come those that were transmitted the fewest times, of these the newest (memberlist's
// TransmitLimitedQueue).
type queue struct {
	waiting []*member
	counts  []int // how many wait that were transmitted so often; for the moment in which a packet is filled
	taken   []*member
}

// put has a member's record told anew.
func (q *queue) put(m *member) {
	if m.told = 0; !m.waits {
		m.waits = true
		q.waiting = append(q.waiting, m)
	}
}

func (q *queue) drop(m *member) {
	if m.waits {
		m.waits = false
		q.waiting = slices.DeleteFunc(q.waiting, func(other *member) bool { return other == m })
	}
}

func (q *queue) empty() bool { return len(q.waiting) == 0 }

// fill hands out what goes into a packet with so much room, until take says that one does not fit, and counts those
// taken as transmitted. What has been so limit times is told no more.
func (q *queue) fill(room, limit int, take func(*member) bool) {
	if len(q.waiting) == 0 {
		return
	}
	// Most of what waits does not get into the packet: up to which count is there enough to fill it?
	q.counts = slices.Grow(q.counts[:0], limit)[:limit]
	clear(q.counts)
	for _, m := range q.waiting {
		q.counts[min(m.told, limit-1)]++
	}
	q.taken = q.taken[:0]
fill:
	for count := range limit {
		for i := len(q.waiting) - 1; i >= 0 && q.counts[count] > 0; i-- {
			m := q.waiting[i]
			if min(m.told, limit-1) != count {
				continue
			}
			q.counts[count]--
			if len(q.taken) == room || !take(m) {
				break fill
			}
			q.taken = append(q.taken, m)
		}
	}
	over := false
	for _, m := range q.taken {
		if m.told++; m.told >= limit {
			m.waits, over = false, true
		}
	}
	if over {
		q.waiting = slices.DeleteFunc(q.waiting, func(m *member) bool { return !m.waits })
	}
}
