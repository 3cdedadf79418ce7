package sim

import (
	"gossipctl/fault"
	"gossipctl/gossip"
)

// narrows are the links that are or were narrow, each with its queue.
type narrows struct {
	number map[fault.Link]int32
	list   []narrow
}

// narrow is a link with a bound on its bandwidth: packets leave one after the other.
type narrow struct {
	link  fault.Link
	pace  int64  // bytes a second at which the first leaves
	turn  uint64 // changes with the pace, so that what was planned at another is recognised
	bytes int
	queue []queued // the first is about to leave
}

// queued is a packet that waits to leave, and how long it will be under way then.
type queued struct {
	inFlight
	delay int64
	size  int
}

// enqueue lets a packet wait before a narrow link. It reports whether there was room.
func (w *World) enqueue(f *inFlight, delay, bandwidth int64) bool {
	link := fault.Link{From: f.from, To: f.to}
	number, known := w.narrows.number[link]
	if !known {
		if w.narrows.number == nil {
			w.narrows.number = make(map[fault.Link]int32)
		}
		number = int32(len(w.narrows.list))
		w.narrows.number[link] = number
		w.narrows.list = append(w.narrows.list, narrow{link: link})
	}
	n, size := &w.narrows.list[number], f.size()
	if n.bytes+size > w.cfg.QueueBytes {
		return false
	}
	n.bytes += size
	n.queue = append(n.queue, queued{*f, delay, size})
	w.count(f)
	if len(n.queue) == 1 {
		w.leave(number, bandwidth)
	}
	return true
}

// leave plans when the first packet of a narrow link leaves.
func (w *World) leave(number int32, bandwidth int64) {
	n := &w.narrows.list[number]
	n.pace = bandwidth
	takes := int64(n.queue[0].size) * second / bandwidth // at most a frame of 1 MiB: no overflow
	w.push(event{at: w.now + takes, kind: pass, node: number, data: n.turn})
}

const second = int64(1e9)

// pass lets the first packet of a narrow link leave.
func (w *World) pass(number int32, turn uint64) {
	n := &w.narrows.list[number]
	if n.turn != turn {
		return
	}
	first := n.queue[0]
	n.queue[0] = queued{}
	n.queue, n.bytes = n.queue[1:], n.bytes-first.size
	if len(n.queue) > 0 {
		w.leave(number, w.plan.Bandwidth(n.link))
	}
	w.put(&first.inFlight, first.delay)
}

// widen gives what waits before narrow links the pace of a new plan: without a bound it leaves at once.
func (w *World) widen() {
	for k := range w.narrows.list {
		n := &w.narrows.list[k]
		bandwidth := w.plan.Bandwidth(n.link)
		if len(n.queue) == 0 || bandwidth == n.pace {
			continue
		}
		n.turn++
		if bandwidth > 0 {
			w.leave(int32(k), bandwidth)
			continue
		}
		for _, q := range n.queue {
			w.put(&q.inFlight, q.delay)
		}
		n.queue, n.bytes = nil, 0
	}
}

// abandon throws away what still waited at a node that has ended.
func (w *World) abandon(id gossip.NodeID) {
	for k := range w.narrows.list {
		n := &w.narrows.list[k]
		if n.link.From != id {
			continue
		}
		for _, q := range n.queue {
			w.landed(&q.inFlight, DropClosed)
			w.payloads.back(q.load)
		}
		n.turn++
		n.queue, n.bytes = nil, 0
	}
}
