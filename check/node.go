package check

import (
	"gossipctl/gossip"
	"gossipctl/trace"
)

// node is what the log of one node says.
type node struct {
	id    gossip.NodeID
	began bool
	run   uint32 // the life at hand
	lives int

	stopped bool // as it was told to, before any final read
	broken  bool // the log cannot be read to its end
	short   bool // it has not as many lines as it says itself
	torn    bool
	cut     bool // not all was written down
	full    bool // it turned messages away because its inbox was full, or its disk
	blind   bool // its inbox may have what it was never seen to deliver

	has      set      // in its inbox, as far as deliveries and restarts tell
	order    []uint32 // the same in order, where disks matter
	disk     set      // were on its disk once
	flushed  int      // how many of order are noted in disk
	lost     set      // were on its disk, and are known to have been lost
	accepted set      // by this life; where disks matter, by any
	last     map[life]uint32

	values  picture // what is told of values
	members members // what is told of who is there
	bornAt  int64   // when the life at hand began
	first   int     // number of the event that began it
	stopAt  int64

	lastAt int64             // of the newest event
	steady int               // number of the event since which its clock never went back
	number int               // of the newest event
	blamed map[Guarantee]int // violations that were seen here while events came in

	// The final read, begun anew by any that follows another.
	reading  bool
	ended    bool
	restless bool // something happened after it
	endAt    int64
	endMark  mark
	endLine  int // its number among the events
	inbox    set
	entries  uint64 // read so far
	entry    uint64 // number of the last
	links    []linkRead
	heard    []linkRead
}

// life names one life of an origin.
type life struct {
	origin gossip.NodeID
	run    uint32
}

// silent reports whether the node did things of which nothing is known.
func (n *node) silent() bool { return n.broken || n.cut || !n.began }

func (n *node) event(c *Checker, e *trace.Event) {
	if n.broken || n.cut {
		return // nothing can be concluded from what comes after a gap
	}
	n.number++
	if at := nanos(e.At); at < n.lastAt {
		n.lastAt, n.steady = at, n.number
	} else {
		n.lastAt = at
	}
	if e.Kind == trace.Start {
		n.start(c, e)
		return
	}
	if !n.began {
		c.doubt("the log of node %d does not begin with its start", n.id)
		n.began, n.run, n.lives = true, e.Run, 1
	}
	if e.Run != n.run {
		c.doubt("%s: line %d: node %d tells of its life %d in the midst of its life %d", c.logName(), c.line, n.id, e.Run, n.run)
		n.broken = true
		return
	}
	switch e.Kind {
	case trace.Inbox, trace.Link, trace.Heard, trace.Value, trace.View, trace.End:
		n.final(c, e)
		return
	case trace.Member:
		n.member(c, e)
		return
	case trace.Stop:
		n.stopped = !n.ended // once all is read it may go
		if n.stopped {
			n.stopAt = nanos(e.At)
			c.changed = max(c.changed, nanos(e.At))
		}
		return
	}
	if e.Message.IsUpdate() || e.Kind == trace.Apply {
		n.update(c, e)
		return
	}
	n.restless = n.restless || n.ended
	n.reading = false
	switch e.Kind {
	case trace.Publish:
		n.publish(c, e)
	case trace.Accept:
		n.accept(c, e)
	case trace.Send:
		n.send(c, e)
	case trace.Deliver:
		n.deliver(c, e)
	case trace.Drop:
		n.full = n.full || e.Reason == "inbox_full" || e.Reason == "disk_full"
	case trace.Sync:
		n.sync(c, e)
	case trace.Cut:
		n.cut = true
		c.doubt("node %d wrote no more events down: %s", n.id, e.Reason)
	}
}

// start begins a life: what the one before had is there or gone.
func (n *node) start(c *Checker, e *trace.Event) {
	if n.lives > 0 && e.Run <= n.run {
		c.violate(Integrity, gossip.ID{}, n.id, c.here(e), "life %d of node %d begins after life %d: names of messages are given twice", e.Run, n.id, n.run)
	}
	switch {
	case !c.cond.Durable:
		n.takeBack(c, e)
	case c.cond.DropOldest:
		if n.lives > 0 {
			c.doubt("what node %d had to restore is not told, because its inbox lets the oldest messages go", n.id)
		}
		n.has, n.order, n.accepted, n.disk, n.flushed, n.last = nil, nil, nil, nil, 0, nil
		n.blind = n.lives > 0 || e.Count > 0
	default:
		n.restore(c, e)
	}
	at := nanos(e.At)
	c.changed = max(c.changed, at)
	n.began, n.run, n.stopped, n.full = true, e.Run, false, false
	n.lives++
	n.bornAt, n.first = at, n.number
	n.values.newLife()
	n.members.newLife()
	n.forget()
	n.restless = false
}

// takeBack begins a life of a node without a disk of its own: it has nothing, unless it was saved as a whole.
func (n *node) takeBack(c *Checker, e *trace.Event) {
	entries := e.Count
	n.accepted = nil // and with it the promise
	if entries > 0 && entries == uint64(n.has.len()) {
		return
	}
	n.has, n.last = nil, nil
	n.blind = entries > 0
	if n.blind {
		c.doubt("which %d messages life %d of node %d took back is not told", entries, e.Run, n.id)
	}
}

// restore cuts the inbox to what the new life has of it.
func (n *node) restore(c *Checker, e *trace.Event) {
	had := uint64(len(n.order))
	switch {
	case e.Count > had && n.lives == 0:
		c.doubt("node %d had %d messages before anything was written down", n.id, e.Count)
		n.blind = true
	case e.Count > had:
		c.violate(Integrity, gossip.ID{}, n.id, c.here(e), "life %d of node %d begins with %d messages, though it had %d", e.Run, n.id, e.Count, had)
	}
	for _, i := range n.order[min(e.Count, had):] {
		n.has.remove(i)
	}
	n.order = n.order[:min(e.Count, had)]
	n.flushed = min(n.flushed, len(n.order))
	c.checked(Validity, n.disk.len())
	for i := range n.disk.without(n.has) {
		if !n.lost.has(i) {
			n.lost.add(i)
			id := c.messages[i].id
			c.violate(Validity, id, n.id, c.here(e), "message %v was on the disk of node %d, and life %d begins without it", id, n.id, e.Run)
		}
	}
	n.last = nil
	for _, i := range n.order {
		n.inOrder(c, c.messages[i].id)
	}
}

func (n *node) publish(c *Checker, e *trace.Event) {
	m := &c.messages[c.find(e.Message)]
	c.checked(Integrity, 1)
	switch {
	case e.Message.Origin != n.id || e.Message.Run != n.run:
		c.violate(Integrity, e.Message, n.id, c.here(e), "life %d of node %d publishes message %v, which is not its own name", n.run, n.id, e.Message)
	case m.published.is():
		c.violate(Integrity, e.Message, n.id, c.here(e), "node %d publishes a second message under the name %v", n.id, e.Message)
	default:
		m.published, m.digest, m.size = c.mark(e), e.Digest, e.Size
	}
}

func (n *node) accept(c *Checker, e *trace.Event) {
	i := c.find(e.Message)
	m := &c.messages[i]
	c.checked(Integrity, 1)
	if e.Message.Origin != n.id || !m.published.is() {
		c.violate(Integrity, e.Message, n.id, c.here(e), "node %d accepts message %v, which nobody gave it", n.id, e.Message)
		return
	}
	n.accepted.add(i)
	if c.cond.Durable {
		n.disk.add(i)
	}
	if !m.accepted.is() {
		m.accepted, m.relays = c.mark(e), e.Count
	}
}

func (n *node) send(c *Checker, e *trace.Event) {
	m := &c.messages[c.find(e.Message)]
	m.sends++
	if over := float64(m.sends) > c.cond.Work*float64(max(len(c.nodes), 1)); over && !m.tooMany.is() {
		m.tooMany = c.mark(e) // if there are no more lives than nodes, which the end will show
	}
}

func (n *node) deliver(c *Checker, e *trace.Event) {
	i := c.find(e.Message)
	c.checked(Integrity, 1)
	c.checked(Duplication, 1)
	here := c.mark(e)
	m := &c.messages[i]
	m.saw(e, here)
	if m.last.at <= here.at || !m.last.is() {
		m.last = here
		m.lastEvent = n.number
	}
	switch {
	case n.has.has(i):
		c.violate(Duplication, e.Message, n.id, c.here(e), "node %d delivers message %v again", n.id, e.Message)
		return
	case n.disk.has(i):
		c.violate(Duplication, e.Message, n.id, c.here(e), "node %d delivers message %v again, which was on its disk", n.id, e.Message)
	}
	n.has.add(i)
	if c.cond.Durable {
		n.order = append(n.order, i)
	}
	if c.cond.Order == FIFO {
		c.checked(Ordering, 1)
		if before, ok := n.inOrder(c, e.Message); !ok {
			c.violate(Ordering, e.Message, n.id, c.here(e), "node %d delivers message %v after number %d of that origin", n.id, e.Message, before)
		}
	}
}

// inOrder reports whether a message comes after those of its origin that were delivered before.
func (n *node) inOrder(c *Checker, id gossip.ID) (before uint32, ok bool) {
	if c.cond.Order != FIFO {
		return 0, true
	}
	if n.last == nil {
		n.last = make(map[life]uint32)
	}
	key := life{id.Origin, id.Run}
	before = n.last[key]
	n.last[key] = max(before, id.Seq)
	return before, id.Seq > before
}

func (n *node) sync(c *Checker, e *trace.Event) {
	if !c.cond.Durable || c.cond.DropOldest {
		return
	}
	if e.Count > uint64(len(n.order)) {
		c.doubt("%s: line %d: node %d has %d messages on disk, but was seen to deliver %d", c.logName(), c.line, n.id, e.Count, len(n.order))
		return
	}
	for ; n.flushed < int(e.Count); n.flushed++ {
		n.disk.add(n.order[n.flushed])
	}
}

// saw notes with which body the message was seen.
func (m *message) saw(e *trace.Event, here mark) {
	for i := range m.bodies {
		if b := &m.bodies[i]; b.digest == e.Digest && b.size == e.Size || i == maxBodies-1 {
			b.times++
			return
		}
	}
	m.bodies = append(m.bodies, body{e.Digest, e.Size, here, 1})
}
