package node

import (
	"time"

	"gossipctl/gossip"
)

// Copy is one arrival of a message: the way it came, and when. The origin's own is the first of its
// message, with a route of just itself.
type Copy struct {
	Route gossip.Route
	At    time.Time
}

// Entry is a message in a node's inbox, with everything the node knows about it.
type Entry struct {
	Number  uint64 // order of arrival here, from 1
	Message gossip.Message
	Read    bool
	Copies  []Copy // in order of arrival; at most MaxCopies are kept
	Arrived int    // copies there were, kept or not
	Sent    int    // packets with it that this node has sent

	trail int // node numbers in Copies
}

// Received is when the first copy came.
func (e *Entry) Received() time.Time { return e.Copies[0].At }

// FromPeers is how many copies came from peers: all but the origin's own.
func (e *Entry) FromPeers() int {
	if len(e.Copies[0].Route) == 1 {
		return e.Arrived - 1
	}
	return e.Arrived
}

// Status selects entries of an inbox.
type Status string

// What to list.
const (
	Unread Status = "unread"
	Read   Status = "read"
	All    Status = "all"
)

// Query asks for a page of an inbox.
type Query struct {
	Status Status
	Peek   bool   // do not mark as read
	After  uint64 // only entries with a higher number
	Until  uint64 // and none above this one; 0 = no end
	Limit  int    // entries at most; 0 = all
	Bytes  int    // stop after the entry that brings the bodies to this size; 0 = no bound
}

// inbox keeps messages in order of arrival.
type inbox struct {
	byID   map[gossip.ID]*Entry
	order  []*Entry // by number
	last   uint64   // number of the newest entry there ever was
	bytes  int      // of all bodies
	unread int
	nodes  []gossip.NodeID // memory to cut routes from
	copies []Copy          // and copies
}

func newInbox() inbox { return inbox{byID: make(map[gossip.ID]*Entry)} }

func (b *inbox) file(m gossip.Message, peers int) *Entry {
	b.last++
	e := &Entry{Number: b.last, Message: m}
	// Most messages bring one copy from each peer; room for them is cut from a slab.
	want := min(max(peers, 1), 16)
	if len(b.copies) < want {
		b.copies = make([]Copy, 256)
	}
	e.Copies = b.copies[:0:want]
	b.copies = b.copies[want:]
	b.byID[m.ID] = e
	b.order = append(b.order, e)
	b.bytes += len(m.Body)
	b.unread++
	return e
}

// note adds a copy to an entry, if the bounds allow it. Route is kept, not lent.
func (b *inbox) note(e *Entry, route gossip.Route, at time.Time) {
	e.Arrived++
	if len(e.Copies) == 0 || len(e.Copies) < MaxCopies && e.trail+len(route) <= MaxTrail {
		e.trail += len(route)
		e.Copies = append(e.Copies, Copy{route, at})
	}
}

// extend returns route with self at its end, in memory that lasts.
func (b *inbox) extend(route gossip.Route, self gossip.NodeID) gossip.Route {
	n := len(route) + 1
	if len(b.nodes) < n {
		b.nodes = make([]gossip.NodeID, max(1024, n))
	}
	kept := b.nodes[:n:n]
	b.nodes = b.nodes[n:]
	copy(kept, route)
	kept[n-1] = self
	return kept
}

// dropOldest makes room for one more.
func (b *inbox) dropOldest() {
	e := b.order[0]
	b.order[0] = nil
	b.order = b.order[1:]
	delete(b.byID, e.Message.ID)
	b.bytes -= len(e.Message.Body)
	if !e.Read {
		b.unread--
	}
}

// list returns what q asks for and marks what it returns, in one step: nothing that came
// afterwards can be marked unseen. More says whether the page ended before the inbox did.
func (b *inbox) list(q Query) (page []Entry, more bool) {
	bytes := 0
	for _, e := range b.order {
		if e.Number <= q.After || q.Status == Unread && e.Read || q.Status == Read && !e.Read {
			continue
		}
		if q.Until > 0 && e.Number > q.Until {
			break
		}
		if q.Limit > 0 && len(page) >= q.Limit || q.Bytes > 0 && bytes >= q.Bytes {
			return page, true
		}
		bytes += len(e.Message.Body)
		if q.Status != Read && !q.Peek && !e.Read {
			e.Read = true
			b.unread--
		}
		page = append(page, *e)
	}
	return page, false
}
