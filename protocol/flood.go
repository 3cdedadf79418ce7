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
// back, because nobody in it hears the message from two sides. Without echo it is 2E − (n − 1) of E
// edges and n nodes.
type flood struct {
	self     gossip.NodeID
	relays   int // limit of messages that come without one
	echo     bool
	remember int // messages whose edge counts are kept

	peers []floodPeer
	slots map[gossip.NodeID]int // of every peer there ever was
	known memory[tally]
}

// tally counts the copies of one message over each edge, by the peer's slot.
type tally struct {
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

var floodKind = Kind{
	Name:    "flood",
	Summary: "relay to every peer, at most LIMIT times per directed edge",
	Follows: "jyscao/gossip-network-example, its --relays",
	Settings: []Setting{
		whole("relays", 1, 1, 1000, "copies per directed edge",
			"one copy each way already reaches every node of a connected network; used when a message names no limit of its own"),
		toggle("echo", true,
			"as in the original, further copies are relayed too, so one goes back to whom the first came from; false is plain flooding: only the first copy is relayed"),
		rememberSetting("about 100 bytes each with 3 peers"),
	},
	Make:  makeFlood,
	Until: Quiet,
}

func makeFlood(v Values) func(Environment) gossip.Protocol {
	relays, echo, remember := v.Int("relays"), v.Bool("echo"), v.Int("remember")
	return func(env Environment) gossip.Protocol {
		return &flood{self: env.Self, relays: relays, echo: echo, remember: remember, slots: make(map[gossip.NodeID]int)}
	}
}

func (f *flood) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) {
	f.peers = f.peers[:0]
	for _, id := range peers.All() {
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
	out.Deliver(m)
	f.relay(m, f.known.learn(m.ID, f.remember), f.self, limit, 1, out)
}

func (f *flood) Receive(_ time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind != kindRelay || p.Limit < 1 || p.Limit > gossip.MaxRelays || len(p.Messages) != 1 {
		out.Refuse(gossip.Malformed)
		return
	}
	m := p.Messages[0]
	t := f.known.find(m.ID)
	news := t == nil
	if news {
		if f.known.forgot(m.ID) {
			out.Refuse(gossip.Stale)
			return
		}
		t = f.known.learn(m.ID, f.remember)
		out.Deliver(m)
	}
	slot, met := f.slots[from]
	if !met {
		slot = strangers
	}
	e := f.edge(t, slot)
	if e.in < math.MaxUint16 {
		e.in++ // copies turned away count too, should a later one claim a higher limit
	}
	if int(e.in) > p.Limit {
		out.Refuse(gossip.OverLimit)
		return
	}
	if p.Hops < gossip.MaxHops && (news || f.echo) {
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
			messages = out.One(m)
		}
		out.Send(peer.id, gossip.Packet{Kind: kindRelay, Messages: messages, Limit: limit, Hops: hops})
	}
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
