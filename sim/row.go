package sim

import "gossipctl/gossip"

// sleeper is a life of a node that waits for an alarm.
type sleeper struct {
	node int32
	life uint16
}

// rows keep alarms that were set one after the other, for one instant and with one timer, in a single
// entry of the queue: where rounds are synchronous, every node asks for the next one that way, and
// eight bytes each are a quarter of what entries of their own would take to write and to read.
type rows struct {
	list []roll // each at the number that its entry has
	free []uint64

	// The alarm that was set last, as long as nothing else was put into the queue for its instant.
	at    int64 // 0: there is none
	timer uint64
	open  bool   // it is in a row, which can go on
	last  uint64 // the number of that

	ringing roll // what is left of the row whose time has come
	number  uint64
	begun   []sleeper // all of it
}

// roll is one row.
type roll struct {
	timer    uint64
	sleepers []sleeper
}

// push puts an event into the queue. What comes after it for the same instant is not of the same row.
func (w *World) push(e event) {
	if e.at == w.rows.at {
		w.rows.at = 0
	}
	w.queue.push(e)
}

// alarm has a node woken.
func (w *World) alarm(at int64, s sleeper, timer uint64) {
	r := &w.rows
	switch {
	case at != r.at || timer != r.timer || at == 0:
		w.push(event{at: at, kind: alarm, node: s.node, life: s.life, data: timer})
		r.at, r.timer, r.open = at, timer, false
	case r.open:
		r.list[r.last].sleepers = append(r.list[r.last].sleepers, s)
	default: // the second: a row is worth its while
		number := r.take()
		r.list[number].timer, r.list[number].sleepers = timer, append(r.list[number].sleepers, s)
		w.queue.push(event{at: at, kind: row, data: number})
		r.open, r.last = true, number
	}
}

// take returns the number of an empty row.
func (r *rows) take() uint64 {
	if n := len(r.free); n > 0 {
		number := r.free[n-1]
		r.free = r.free[:n-1]
		return number
	}
	r.list = append(r.list, roll{})
	return uint64(len(r.list) - 1)
}

// begin has the alarms of a row ring. It has at least one.
func (r *rows) begin(number uint64) {
	if r.open && r.last == number {
		r.at = 0
	}
	r.ringing, r.number, r.begun = r.list[number], number, r.list[number].sleepers
}

// next takes the next one of the row that rings.
func (r *rows) next() (s sleeper, timer uint64) {
	s, timer = r.ringing.sleepers[0], r.ringing.timer
	if r.ringing.sleepers = r.ringing.sleepers[1:]; len(r.ringing.sleepers) == 0 {
		r.list[r.number].sleepers, r.begun = r.begun[:0], nil
		r.free = append(r.free, r.number)
	}
	return s, timer
}

// ring hands a node its timer, unless the life that set it has ended. One that stands still has it later.
func (w *World) ring(s sleeper, timer uint64) {
	if w.shut(int(s.node)) && w.lives[s.node] == s.life {
		w.doors[s.node].late = append(w.doors[s.node].late, late{kind: alarm, data: timer})
		return
	}
	w.rang(timer)
	if w.lives[s.node] == s.life {
		w.wake(int(s.node), gossip.Timer(timer))
	}
}

// rang counts down an alarm that waits no more.
func (w *World) rang(timer uint64) {
	if !isAside(gossip.Timer(timer)) {
		w.alarms--
	}
}
