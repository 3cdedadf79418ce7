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
	Bytes  int    // stop after the entry that brings bodies and routes to this size; 0 = no bound
}

// inbox keeps messages in order of arrival. It is built for bursts: what it keeps of a message has
// few pointers for the garbage collector to follow and is cut from memory taken in larger pieces.
type inbox struct {
	byID   gossip.IDMap // numbers on the shelf
	shelf  gossip.Shelf[record]
	bytes  int // of all bodies
	unread int

	noteMarks bool
	marked    []gossip.ID // since Marked was called

	// Memory to cut from.
	bodies []byte
	notes  []note
	nodes  []gossip.NodeID
}

// record is an entry as it is kept.
type record struct {
	id      gossip.ID
	read    bool
	sent    int64 // when, in Unix nanoseconds
	body    []byte
	notes   []note
	trail   []gossip.NodeID // the routes of notes, one behind the other
	arrived int
	packets int
}

// note is one copy: when it came, and how many nodes its route has.
type note struct {
	at    int64 // Unix nanoseconds
	nodes int32
}

// slabBytes is the size of the pieces that bodies are cut from; larger ones than a quarter of it
// get memory of their own.
const slabBytes = 64 << 10

// find returns the record of a message, or nil.
func (b *inbox) find(id gossip.ID) *record {
	if number := b.byID.Get(id); number > 0 {
		return b.shelf.At(number)
	}
	return nil
}

// keep copies a body into memory that lasts.
func (b *inbox) keep(body []byte) []byte {
	if len(body) > slabBytes/4 {
		return append([]byte(nil), body...)
	}
	if len(b.bodies) < len(body) {
		b.bodies = make([]byte, slabBytes)
	}
	kept := b.bodies[:len(body):len(body)]
	b.bodies = b.bodies[len(body):]
	copy(kept, body)
	return kept
}

func (b *inbox) file(m gossip.Message) *record {
	r, number := b.shelf.Add()
	*r = record{id: m.ID, sent: m.Sent.UnixNano(), body: m.Body}
	b.byID.Set(m.ID, number)
	b.bytes += len(m.Body)
	b.unread++
	return r
}

// note adds a copy to a record, if the bounds allow it. Most messages bring one copy from each peer,
// by ways of about the same length: room for them is cut out beforehand.
func (b *inbox) note(r *record, route gossip.Route, at time.Time, peers int) {
	r.arrived++
	if r.arrived == 1 {
		copies := min(max(peers, 1), 16)
		nodes := copies * (len(route) + 3) // the first copy has most often come by the shortest way
		if len(b.notes) < copies {
			b.notes = make([]note, 512)
		}
		if len(b.nodes) < nodes {
			b.nodes = make([]gossip.NodeID, max(2048, nodes))
		}
		r.notes, b.notes = b.notes[:0:copies], b.notes[copies:]
		r.trail, b.nodes = b.nodes[:0:nodes], b.nodes[nodes:]
	} else if len(r.notes) >= MaxCopies || len(r.trail)+len(route) > MaxTrail {
		return
	}
	r.notes = append(r.notes, note{at.UnixNano(), int32(len(route))})
	r.trail = append(r.trail, route...)
}

// firstRoute is the way the first copy came.
func (r *record) firstRoute() gossip.Route {
	return r.trail[:r.notes[0].nodes:r.notes[0].nodes]
}

// weight is about how many bytes the record takes when it is written down for somebody to read.
func (r *record) weight() int { return len(r.body) + 64*len(r.notes) + 8*len(r.trail) }

// entry is a record as others see it. What it shares with the record never changes.
func (r *record) entry(number uint64) Entry {
	e := Entry{
		Number:  number,
		Message: gossip.Message{ID: r.id, Body: r.body, Sent: time.Unix(0, r.sent)},
		Read:    r.read, Arrived: r.arrived, Sent: r.packets,
		Copies: make([]Copy, len(r.notes)),
	}
	at := int32(0)
	for i, n := range r.notes {
		e.Copies[i] = Copy{Route: r.trail[at : at+n.nodes : at+n.nodes], At: time.Unix(0, n.at)}
		at += n.nodes
	}
	return e
}

// dropOldest makes room for one more.
func (b *inbox) dropOldest() {
	r := b.shelf.At(b.shelf.Oldest())
	b.byID.Delete(r.id)
	b.bytes -= len(r.body)
	if !r.read {
		b.unread--
	}
	b.shelf.Drop()
}

// list returns what q asks for and marks what it returns, in one step: nothing that came
// afterwards can be marked unseen. More says whether the page ended before the inbox did.
func (b *inbox) list(q Query) (page []Entry, more bool) {
	bytes, last := 0, b.shelf.Last()
	if q.Until > 0 {
		last = min(last, q.Until)
	}
	for number := max(b.shelf.Oldest(), q.After+1); number <= last; number++ {
		r := b.shelf.At(number)
		if q.Status == Unread && r.read || q.Status == Read && !r.read {
			continue
		}
		if q.Limit > 0 && len(page) >= q.Limit || q.Bytes > 0 && bytes >= q.Bytes {
			return page, true
		}
		bytes += r.weight()
		if q.Status != Read && !q.Peek && !r.read {
			r.read = true
			b.unread--
			if b.noteMarks {
				b.marked = append(b.marked, r.id)
			}
		}
		page = append(page, r.entry(number))
	}
	return page, false
}
