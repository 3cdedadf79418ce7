package protocol

import (
	"math"
	"time"

	"gossipctl/gossip"
)

// flood relays every message to every peer, by the rules of jyscao's gossip-network-example: each
// directed edge carries a message at most limit times, and the limit travels with the message.
//
//   - The origin sends to each peer.
//   - A node that gets a copy from q passes it on to each peer but q whose edge is not used up;
//     so it sends back to the one it first heard from, once somebody else brings another copy.
//   - More than limit copies from one peer are turned away.
//
// On a connected graph where every node has two peers or more, that is exactly limit × directed
// edges packets for a message, bridges included. Only out of a branch that is a tree nothing comes
// back, because nobody in it hears the message from two sides.
type flood struct {
	self     gossip.NodeID
	relays   int // limit of messages that come without one
	remember int // messages whose edge counts are kept

	peers []floodPeer
	slots map[gossip.NodeID]int // of every peer there ever was
	known gossip.IDMap          // numbers of tallies
	shelf gossip.Shelf[tally]
	seen  gossip.IDSet

	messages []gossip.Message // memory to cut lists of one from
}

// tally counts the copies of one message over each edge, by the peer's slot.
type tally struct {
	id   gossip.ID
	few  [4]edge // the slots of most nodes: strangers and three peers
	more []edge
}

type floodPeer struct {
	id   gossip.NodeID
	slot int
}

// edge counts the copies of one message that went over the two directions of one edge.
type edge struct{ in, out uint16 }

// strangers is the slot that all nodes which are no peers share. Their copies are taken, because a
// new edge is known at its two ends at different moments, but jointly count as one edge.
const strangers = 0

const kindRelay gossip.Kind = 1

func newFlood(env Environment, v Values) gossip.Protocol {
	return &flood{
		self:     env.Self,
		relays:   v["relays"],
		remember: v["remember"],
		slots:    make(map[gossip.NodeID]int),
	}
}

func (f *flood) Peers(_ time.Time, peers []gossip.NodeID, _ *gossip.Outbox) {
	f.peers = f.peers[:0]
	for _, id := range peers {
		slot, known := f.slots[id]
		if !known {
			slot = 1 + len(f.slots)
			f.slots[id] = slot
		}
		f.peers = append(f.peers, floodPeer{id, slot})
	}
}

func (f *flood) Publish(_ time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	if limit == 0 {
		limit = f.relays
	}
	f.seen.Add(m.ID)
	out.Deliver(m)
	f.relay(m, f.shelf.At(f.learn(m.ID)), f.self, limit, 1, out)
}

func (f *flood) Receive(_ time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind != kindRelay || p.Limit < 1 || p.Limit > gossip.MaxRelays || len(p.Messages) != 1 {
		out.Refuse(gossip.Malformed)
		return
	}
	m := p.Messages[0]
	number := f.known.Get(m.ID)
	if number == 0 {
		if !f.seen.Add(m.ID) {
			out.Refuse(gossip.Stale)
			return
		}
		number = f.learn(m.ID)
		out.Deliver(m)
	}
	slot, met := f.slots[from]
	if !met {
		slot = strangers
	}
	t := f.shelf.At(number)
	e := f.edge(t, slot)
	if e.in < math.MaxUint16 {
		e.in++ // copies turned away count too, should a later one claim a higher limit
	}
	if int(e.in) > p.Limit {
		out.Refuse(gossip.OverLimit)
		return
	}
	if p.Hops < gossip.MaxHops {
		f.relay(m, t, from, p.Limit, p.Hops+1, out)
	}
}

func (f *flood) Wake(time.Time, gossip.Timer, *gossip.Outbox) {}

// relay sends m over every edge that is not used up, except to whom it came from.
func (f *flood) relay(m gossip.Message, t *tally, from gossip.NodeID, limit, hops int, out *gossip.Outbox) {
	var messages []gossip.Message
	for _, peer := range f.peers {
		if peer.id == from {
			continue
		}
		e := f.edge(t, peer.slot)
		if int(e.out) >= limit || e.out == math.MaxUint16 {
			continue
		}
		e.out++
		if messages == nil {
			messages = f.single(m)
		}
		out.Send(peer.id, gossip.Packet{Kind: kindRelay, Messages: messages, Limit: limit, Hops: hops})
	}
}

// single returns m as a list of its own, cut from a longer one: an allocation for each message
// would be felt in a burst.
func (f *flood) single(m gossip.Message) []gossip.Message {
	if len(f.messages) == 0 {
		f.messages = make([]gossip.Message, 64)
	}
	list := f.messages[:1:1]
	f.messages = f.messages[1:]
	list[0] = m
	return list
}

// learn starts counting the copies of a new message, and forgets the oldest when there are too many.
func (f *flood) learn(id gossip.ID) uint64 {
	if f.shelf.Len() >= f.remember {
		f.known.Delete(f.shelf.At(f.shelf.Oldest()).id)
		f.shelf.Drop()
	}
	t, number := f.shelf.Add()
	t.id = id
	f.known.Set(id, number)
	return number
}

// edge is the count of one slot. Peers may have come after the message, so there may not be one yet.
func (f *flood) edge(t *tally, slot int) *edge {
	if slot < len(t.few) {
		return &t.few[slot]
	}
	slot -= len(t.few)
	if slot >= len(t.more) {
		t.more = append(t.more, make([]edge, 1+len(f.slots)-len(t.few)-len(t.more))...)
	}
	return &t.more[slot]
}
