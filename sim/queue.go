package sim

import (
	"cmp"
	"math/bits"
	"slices"
)

// event is something that will happen. 32 bytes, because ten million may wait at once.
type event struct {
	at   int64 // virtual nanoseconds since the beginning
	seq  uint64
	data uint64 // a timer, the number of a flight or of a plan
	node int32  // place of the node it happens to
	life uint16 // of that node, so that what was meant for an earlier one is recognised
	kind kind
}

type kind uint8

const (
	alarm  kind = iota // a protocol is handed back its timer
	row                // the protocols of a row of nodes are
	flight             // a packet arrives
	plan               // something outside the network happens
	aside              // the same, but nobody waits for it
	flush              // what a durable node has written is on disk for sure
	pass               // a packet leaves a narrow link; node is the link's number
)

// queue is a priority queue by time and, within an instant, by order of entry. It is a ladder queue
// (Tang, Goh, Thng 2005): events are put into buckets of time, coarse ones far ahead and finer ones
// nearer, and only the few of the nearest bucket are ever sorted. An event costs the same whether a
// thousand wait or ten million, whether they are spread over time or all wait for one instant.
type queue struct {
	near  []event // sorted; those before head are done
	head  int
	edge  int64 // all later events are on the rungs: near has what is before it
	rungs []rung
	far   []event // beyond every rung, unsorted
	n     int
	seq   uint64

	spare [][]event // emptied buckets, to be used again
}

// rung is a span of time cut into buckets of equal width.
type rung struct {
	base    int64
	end     int64 // what is later belongs to another rung, though the last bucket may reach beyond
	shift   uint  // the width of a bucket is 2^shift nanoseconds
	next    int   // the first bucket that was not opened
	buckets [][]event
}

const (
	// sorted is up to how many events a bucket is sorted rather than cut finer.
	sorted = 64
	// bucketsMost is how many buckets a rung may have.
	bucketsMost = 512
	// crowded is how many sorted events make putting one more among them dear.
	crowded = 512
	// eternity ends the time that can be reckoned with.
	eternity = int64(1) << 62
)

func (q *queue) len() int { return q.n }

// push puts an event in. It must not be earlier than the last that was popped.
func (q *queue) push(e event) {
	q.n++
	q.seq++
	e.seq = q.seq
	if e.at < q.edge {
		q.insert(e)
		return
	}
	for i := len(q.rungs) - 1; i >= 0; i-- {
		if r := &q.rungs[i]; e.at < r.end {
			r.put(e, q)
			return
		}
	}
	q.far = append(q.far, e)
}

// insert puts an event where it belongs among the sorted ones: behind those of the same instant.
func (q *queue) insert(e event) {
	if len(q.near) == q.head || q.near[len(q.near)-1].at <= e.at {
		q.near = append(q.near, e)
		return
	}
	if len(q.near)-q.head > crowded {
		// More came than were foreseen: they are better off in buckets of their own.
		events := q.near[q.head:]
		q.climb(events, events[0].at, q.edge)
		q.near, q.head = q.near[:0], 0
		q.n, q.seq = q.n-1, q.seq-1
		q.push(e)
		return
	}
	at, _ := slices.BinarySearchFunc(q.near[q.head:], e.at+1, func(o event, at int64) int { return cmp.Compare(o.at, at) })
	q.near = slices.Insert(q.near, q.head+at, e)
}

// peek returns when the next event will be; there has to be one.
func (q *queue) peek() int64 {
	q.fill()
	return q.near[q.head].at
}

// pop takes the next event out; there has to be one.
func (q *queue) pop() event {
	q.fill()
	e := q.near[q.head]
	q.head++
	q.n--
	return e
}

// fill sees to it that the next event is among the sorted ones.
func (q *queue) fill() {
	for q.head == len(q.near) {
		q.near, q.head = q.near[:0], 0
		if len(q.rungs) == 0 {
			q.reach()
			continue
		}
		r := &q.rungs[len(q.rungs)-1]
		for r.next < len(r.buckets) && len(r.buckets[r.next]) == 0 {
			r.next++
		}
		if r.next == len(r.buckets) {
			q.edge = max(q.edge, r.end)
			q.rungs = q.rungs[:len(q.rungs)-1]
			continue
		}
		q.open(r)
	}
}

// open sorts the rung's next bucket, or cuts it finer.
func (q *queue) open(r *rung) {
	events := r.buckets[r.next]
	first, last := span(events)
	switch {
	case first == last:
		// One instant. What else comes into this bucket is later, and opens it again.
		q.edge = first + 1
		r.buckets[r.next] = q.bucket()
	case len(events) <= sorted || r.shift == 0:
		slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
		r.next++
		r.buckets[r.next-1] = nil
		q.edge = min(r.base+int64(r.next)<<r.shift, r.end)
	default:
		r.buckets[r.next] = nil
		r.next++
		base := r.base + int64(r.next-1)<<r.shift
		q.climb(events, base, min(base+int64(1)<<r.shift, r.end))
		q.spare = append(q.spare, events[:0])
		return
	}
	q.spare = append(q.spare, q.near[:0])
	q.near, q.head = events, 0
}

// reach takes the events that are far ahead, when nothing nearer is left.
func (q *queue) reach() {
	first, last := span(q.far)
	events := q.far
	q.far = q.bucket()
	if first == last { // the next round of everybody: there is nothing to sort
		q.spare = append(q.spare, q.near[:0])
		q.near, q.head, q.edge = events, 0, first+1
		return
	}
	q.climb(events, first, last+1)
	q.spare = append(q.spare, events[:0])
}

// climb puts events into a new, finer rung over a span of time that begins where the sorted ones end.
func (q *queue) climb(events []event, base, end int64) {
	wanted := min(max(len(events)/(sorted/2), 2), bucketsMost)
	shift := uint(0)
	if width := uint64(end-base) / uint64(wanted); width > 1 {
		shift = uint(bits.Len64(width - 1))
	}
	q.edge = base
	r := rung{base: base, end: end, shift: shift, buckets: make([][]event, (end-1-base)>>shift+1)}
	for _, e := range events {
		r.put(e, q)
	}
	q.rungs = append(q.rungs, r)
}

func (r *rung) put(e event, q *queue) {
	b := &r.buckets[(e.at-r.base)>>r.shift]
	if *b == nil {
		*b = q.bucket()
	}
	*b = append(*b, e)
}

func (q *queue) bucket() []event {
	if n := len(q.spare); n > 0 {
		b := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return b
	}
	return nil
}

// span returns the first and the last moment of events.
func span(events []event) (first, last int64) {
	first, last = events[0].at, events[0].at
	for _, e := range events[1:] {
		first, last = min(first, e.at), max(last, e.at)
	}
	return first, last
}
