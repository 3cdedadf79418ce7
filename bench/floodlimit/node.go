package main

import (
	"fmt"
	"sync"
	"time"
)

// State of one message at one node: never seen, seen from one peer only (that peer's place in
// links plus one), or sent on every edge. See [node.take].
const (
	unseen   = 0
	finished = 255
)

// node is one member of the flood. One lock guards everything: readers hold it for a whole
// buffer of frames, which is cheaper than several finer ones.
type node struct {
	id      int
	running sync.WaitGroup // readers and writers

	mu     sync.Mutex
	closed bool
	links  []*link        // sorted by peer
	seen   map[int][]byte // by origin, then sequence number: the state of that message
	tally  report
	fault  error // the first link that failed, and how
}

// report is what the harness asks for; see the package comment.
type report struct {
	published, delivered, copies int
	started, last                int64
}

func newNode(id int) *node {
	return &node{id: id, seen: make(map[int][]byte)}
}

// publish sends count new messages of size bytes to every peer.
func (n *node) publish(count, size int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if count < 1 || size < 0 || size > maxBody || n.tally.published+count > maxSeq {
		return fmt.Errorf("cannot publish %d messages of %d bytes after %d; a body holds at most %d bytes and a node publishes at most %d",
			count, size, n.tally.published, maxBody, maxSeq)
	}
	n.tally.started = time.Now().UnixNano()
	body := make([]byte, size)
	for range count {
		n.tally.published++
		*n.state(n.id, n.tally.published) = finished
		for _, l := range n.links {
			l.waiting = appendFrame(l.waiting, n.id, n.tally.published, body)
		}
	}
	n.tally.delivered += count
	n.tally.last = time.Now().UnixNano()
	n.wakeWriters()
	return nil
}

// take takes in all whole frames at the head of buf, which came over links[from], and returns
// how many bytes they were.
func (n *node) take(from int, buf []byte) (used int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.tally.delivered
	for {
		f, err := nextFrame(buf[used:])
		if err != nil {
			return used, err
		}
		if f.raw == nil {
			break
		}
		used += len(f.raw)
		n.receive(from, f)
	}
	if n.tally.delivered != before {
		// Once a buffer: a clock reading a frame would be a tenth of the work.
		n.tally.last = time.Now().UnixNano()
	}
	n.wakeWriters()
	return used, nil
}

// receive applies the packet rule to one copy.
func (n *node) receive(from int, f frame) {
	n.tally.copies++
	state := n.state(f.origin, f.seq)
	switch {
	case *state == unseen:
		n.tally.delivered++
		*state = byte(from + 1)
		for i, l := range n.links {
			if i != from {
				l.waiting = append(l.waiting, f.raw...)
			}
		}
	case *state != finished && *state != byte(from+1):
		first := n.links[*state-1]
		first.waiting = append(first.waiting, f.raw...)
		*state = finished
	}
}

// state returns where the state of a message is kept. The caller holds the lock, and the
// pointer is good until the next call.
func (n *node) state(origin, seq int) *byte {
	known := n.seen[origin]
	if seq >= len(known) {
		known = append(known, make([]byte, seq+1-len(known))...)
		n.seen[origin] = known
	}
	return &known[seq]
}

// report returns the counts so far, or what went wrong with a link.
func (n *node) report() (report, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tally, n.fault
}
