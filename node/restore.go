package node

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// Saved is what is kept of an entry over the lives of a node: of its copies only the first, and not how
// often it was passed on.
type Saved struct {
	Message  gossip.Message // its body is shared with the inbox and must not be changed
	Route    gossip.Route   // the way of the first copy, origin first, this node last
	Received time.Time      // when that came
	Read     bool
}

// Seen is a range of message names: Last is the number of the last one of the life that First is of.
type Seen struct {
	First gossip.ID
	Last  uint32
}

// Restore puts back what an earlier life of the node had, in order. It is called once, before the first
// SetPeers; afterwards the node knows those messages as it did, and takes them for new no more. Nothing
// is delivered, spread or counted. The protocol is told of each if it is a [gossip.Recaller].
//
// Entries get the numbers that they had, unless some are missing: an inbox that drops its oldest keeps
// as many of the newest as it has room for. One that refuses what it has no room for keeps all: they were
// accepted once.
func (n *Node) Restore(now time.Time, saved []Saved) {
	recaller, _ := gossip.Find[gossip.Recaller](n.cfg.Protocol)
	for i := range saved {
		s := &saved[i]
		m := s.Message
		if n.inbox.find(m.ID) != nil {
			continue
		}
		n.isNew(now, m.ID)
		if n.cfg.DropOldest {
			n.makeRoom(len(m.Body))
		}
		m.Body = n.inbox.keep(m.Body)
		r := n.inbox.file(m)
		route := s.Route
		if len(route) == 0 {
			if route = (gossip.Route{m.ID.Origin, n.cfg.ID}); m.ID.Origin == n.cfg.ID {
				route = route[:1]
			}
		}
		n.inbox.note(r, route, s.Received, 1)
		if s.Read {
			r.read = true
			n.inbox.unread--
		}
		if recaller != nil {
			recaller.Recall(now, m)
		}
	}
}

// RestoreGone tells a node, before Restore, that its inbox once had entries that have made room for newer
// ones: how many, and the names of everything it ever had, as Snapshot gives them. They are not delivered
// again, and the numbers of entries go on behind theirs.
func (n *Node) RestoreGone(entries uint64, names []Seen) {
	for _, s := range names {
		n.seen.AddRange(s.First, s.Last)
	}
	n.inbox.shelf.Skip(entries)
	n.gone = names
}

// tellGone tells the protocol what the node had and has let go of, once it knows what there still is.
func (n *Node) tellGone() {
	if p, is := gossip.Find[gossip.Forgetter](n.cfg.Protocol); is {
		for _, s := range n.gone {
			last := s.First
			last.Seq = s.Last
			p.Forget(s.First, last)
		}
	}
	n.gone = nil
}

// Snapshot is everything that Restore and RestoreGone bring back: the inbox, how many entries have made
// room, and, if any have, the names of all there ever were. It shares bodies with the inbox, and nothing
// else.
func (n *Node) Snapshot() (saved []Saved, gone uint64, names []Seen) {
	shelf := &n.inbox.shelf
	saved = make([]Saved, 0, shelf.Len())
	for number := shelf.Oldest(); number <= shelf.Last(); number++ {
		saved = append(saved, shelf.At(number).saved())
	}
	if gone = shelf.Oldest() - 1; gone > 0 {
		for first, last := range n.seen.Ranges() {
			names = append(names, Seen{first, last})
		}
	}
	return saved, gone, names
}

// Saved is what is to be kept of one entry; false: the inbox does not have it (any more).
func (n *Node) Saved(id gossip.ID) (Saved, bool) {
	if r := n.inbox.find(id); r != nil {
		return r.saved(), true
	}
	return Saved{}, false
}

// Marked are the messages that were marked as read since it was last called, if Config.Marks is set. The
// list is lent until the next step.
func (n *Node) Marked() []gossip.ID {
	marked := n.inbox.marked
	n.inbox.marked = marked[:0]
	return marked
}

func (r *record) saved() Saved {
	return Saved{
		Message: gossip.Message{ID: r.id, Body: r.body, Sent: time.Unix(0, r.sent)},
		Route:   slices.Clone(r.firstRoute()), Received: time.Unix(0, r.notes[0].at), Read: r.read,
	}
}
