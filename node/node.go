// Package node is one node without its wires: a protocol, the inbox of what reached it, and the
// trail of the ways by which it came. It is pure; node/live gives it a clock and connections, the
// simulator virtual ones.
package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// Bounds of what one node keeps, unless its Config says otherwise.
const (
	// Capacity is how many messages an inbox holds. With 256-byte messages and 3 copies each
	// that is about 70 MB, which 64 nodes on one machine can still afford.
	Capacity = 100_000
	// CapacityBytes bounds the bodies in an inbox, because 100,000 messages of the largest size
	// would be 6.5 GB.
	CapacityBytes = 256 << 20
	// MaxCopies is how many arrivals of one message are kept; more are counted. A relay limit of
	// 100 on 10 peers stays below it.
	MaxCopies = 1024
	// MaxTrail bounds the node numbers kept in one message's routes, because a route may be as
	// long as a ring is round.
	MaxTrail = 65536
)

// Reasons for which a node drops a copy before its protocol sees it.
const (
	dropFull    = "inbox_full"
	dropExpired = "expired" // was in the inbox once and had to make room
	dropRoute   = "bad_route"
	dropForged  = "forged" // bears this node's name, but this node never sent it
)

// Errors of Publish.
var (
	ErrFull     = errors.New("inbox full")
	ErrTooLarge = errors.New("message too large")
	ErrLimit    = errors.New("relay limit out of range")
)

// Config says what a node is.
type Config struct {
	ID            gossip.NodeID
	Run           uint32 // which life of the node, from 1
	Protocol      gossip.Protocol
	Capacity      int  // messages; 0 = [Capacity]
	CapacityBytes int  // of bodies; 0 = [CapacityBytes]
	DropOldest    bool // at capacity, let the oldest message go instead of refusing new ones
	Events        bool // report events; counters are kept in any case
}

// Counters count packets by message, and what became of them, since the node was born.
type Counters struct {
	Published  uint64
	Sent       uint64
	Received   uint64
	Delivered  uint64            // new in the inbox, own messages included
	Duplicates uint64            // further copies of what the inbox has
	Expired    uint64            // entries that made room for newer ones
	Dropped    map[string]uint64 // by reason
}

// Outgoing is an envelope for one peer.
type Outgoing struct {
	To       gossip.NodeID
	Envelope gossip.Envelope
}

// Effects is what a step wants done, in order. It is lent: the next step overwrites it.
type Effects struct {
	Sends  []Outgoing
	Alarms []gossip.Alarm
	Events []trace.Event
}

// Node is one node. It must be used by one goroutine at a time.
type Node struct {
	cfg   Config
	seq   uint32
	peers int
	inbox inbox
	seen  gossip.IDSet // everything the inbox ever held
	count Counters

	// Of the step under way.
	out     gossip.Outbox
	fx      Effects
	arrived []arrival
	routes  []gossip.Route // memory for the envelopes in fx
}

// arrival is a message of the packet at hand, with its route including this node.
type arrival struct {
	id    gossip.ID
	route gossip.Route
}

// New returns a node that knows nobody yet.
func New(cfg Config) *Node {
	if cfg.Capacity == 0 {
		cfg.Capacity = Capacity
	}
	if cfg.CapacityBytes == 0 {
		cfg.CapacityBytes = CapacityBytes
	}
	n := &Node{cfg: cfg, inbox: newInbox(), count: Counters{Dropped: make(map[string]uint64)}}
	n.seen.Reserve(cfg.ID, cfg.Run)
	return n
}

// ID is the node's number.
func (n *Node) ID() gossip.NodeID { return n.cfg.ID }

// SetPeers tells the node its neighbours, sorted.
func (n *Node) SetPeers(now time.Time, peers []gossip.NodeID) Effects {
	n.begin()
	n.peers = len(peers)
	n.cfg.Protocol.Peers(now, peers, &n.out)
	return n.finish(now, 0, 0)
}

// Publish takes in a message of a person's. Body is kept. A limit of 0 means the protocol's own.
// The errors are [ErrFull], [ErrTooLarge] and [ErrLimit]; nothing has happened then.
func (n *Node) Publish(now time.Time, body []byte, limit int) (gossip.Message, Effects, error) {
	n.begin()
	switch {
	case len(body) > gossip.MaxBody:
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(body), gossip.MaxBody)
	case limit < 0 || limit > gossip.MaxRelays:
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %d, possible are 1 to %d", ErrLimit, limit, gossip.MaxRelays)
	case !n.room(len(body)):
		n.count.Dropped[dropFull]++
		return gossip.Message{}, Effects{}, fmt.Errorf("%w (%d messages)", ErrFull, len(n.inbox.order))
	}
	n.seq++
	m := gossip.Message{ID: gossip.ID{Origin: n.cfg.ID, Run: n.cfg.Run, Seq: n.seq}, Body: body, Sent: now}
	n.count.Published++
	n.event(trace.Event{At: now, Kind: trace.Publish, Message: m.ID})
	n.arrived = append(n.arrived, arrival{m.ID, n.inbox.extend(nil, n.cfg.ID)})
	n.cfg.Protocol.Publish(now, m, limit, &n.out)
	return m, n.finish(now, n.cfg.ID, 0), nil
}

// Receive takes in an envelope from a wire. The envelope is only lent and may be changed: bodies
// are replaced by ones that last.
func (n *Node) Receive(now time.Time, e *gossip.Envelope) Effects {
	n.begin()
	p := &e.Packet
	kept := 0
	for i := range p.Messages {
		m := p.Messages[i]
		n.count.Received++
		n.event(trace.Event{At: now, Kind: trace.Receive, Message: m.ID, Peer: e.From, Hops: p.Hops})
		reason := n.admit(&m, e.Routes[i], e.From)
		if reason != "" {
			n.drop(now, m.ID, e.From, reason)
			continue
		}
		n.arrived = append(n.arrived, arrival{m.ID, n.inbox.extend(e.Routes[i], n.cfg.ID)})
		p.Messages[kept] = m
		kept++
	}
	if kept == 0 && len(p.Messages) > 0 {
		return n.fx // nothing of it is left to tell the protocol
	}
	p.Messages = p.Messages[:kept]
	n.cfg.Protocol.Receive(now, e.From, *p, &n.out)
	return n.finish(now, e.From, p.Hops)
}

// Wake hands a timer back to the protocol.
func (n *Node) Wake(now time.Time, t gossip.Timer) Effects {
	n.begin()
	n.cfg.Protocol.Wake(now, t, &n.out)
	return n.finish(now, 0, 0)
}

// Messages lists a page of the inbox and marks what it lists as read, in one step. More says that
// the page ended before the inbox did. Entries share memory with the inbox and must not be changed.
func (n *Node) Messages(q Query) (page []Entry, more bool) { return n.inbox.list(q) }

// Message returns one entry of the inbox.
func (n *Node) Message(id gossip.ID) (Entry, bool) {
	if e := n.inbox.byID[id]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Size is how many messages the inbox holds, how many of them are unread, and the number of the
// newest entry there ever was.
func (n *Node) Size() (messages, unread int, last uint64) {
	return len(n.inbox.order), n.inbox.unread, n.inbox.last
}

// Newest is when the newest message in the inbox came; the zero time when it is empty.
func (n *Node) Newest() time.Time {
	if len(n.inbox.order) == 0 {
		return time.Time{}
	}
	return n.inbox.order[len(n.inbox.order)-1].Received()
}

// Room is how many more messages the inbox takes, and how many bytes their bodies may have
// together. One that drops its oldest takes any number, but keeps no more than its capacity: it
// returns that.
func (n *Node) Room() (messages, bytes int) {
	if n.cfg.DropOldest {
		return n.cfg.Capacity, n.cfg.CapacityBytes
	}
	return n.cfg.Capacity - len(n.inbox.order), n.cfg.CapacityBytes - n.inbox.bytes
}

// Counters returns a copy of the counters.
func (n *Node) Counters() Counters {
	c := n.count
	c.Dropped = make(map[string]uint64, len(n.count.Dropped))
	for reason, times := range n.count.Dropped {
		c.Dropped[reason] = times
	}
	return c
}

// admit makes an arriving message fit to keep, or says why it is dropped.
func (n *Node) admit(m *gossip.Message, route gossip.Route, from gossip.NodeID) string {
	if len(route) == 0 || len(route) >= gossip.MaxHops || route[0] != m.ID.Origin || route[len(route)-1] != from {
		return dropRoute
	}
	if e := n.inbox.byID[m.ID]; e != nil {
		m.Body, m.Sent = e.Message.Body, e.Message.Sent // the first copy's word stands
		return ""
	}
	if id := m.ID; id.Origin == n.cfg.ID && (id.Run > n.cfg.Run || id.Run == n.cfg.Run && id.Seq > n.seq) {
		return dropForged // taken in, it would stand in the way of the message that will have that name
	}
	if n.seen.Has(m.ID) {
		return dropExpired
	}
	if !n.room(len(m.Body)) {
		return dropFull
	}
	m.Body = bytes.Clone(m.Body)
	return ""
}

func (n *Node) room(size int) bool {
	b := &n.inbox
	return n.cfg.DropOldest || len(b.order) < n.cfg.Capacity && b.bytes+size <= n.cfg.CapacityBytes
}

func (n *Node) begin() {
	n.out.Reset()
	n.arrived, n.routes = n.arrived[:0], n.routes[:0]
	n.fx = Effects{Sends: n.fx.Sends[:0], Events: n.fx.Events[:0]}
}

// finish turns what the protocol said into effects: deliveries are filed, arrivals noted, packets
// put in envelopes with their routes.
func (n *Node) finish(now time.Time, from gossip.NodeID, hops int) Effects {
	for _, m := range n.out.Delivered {
		n.deliver(now, m, hops)
	}
	for _, a := range n.arrived {
		if n.out.Refused != "" {
			n.drop(now, a.id, from, string(n.out.Refused))
		} else if e := n.inbox.byID[a.id]; e != nil {
			if e.Arrived > 0 {
				n.count.Duplicates++
			}
			n.inbox.note(e, a.route, now)
		}
	}
	if n.out.Refused != "" && len(n.arrived) == 0 {
		n.drop(now, gossip.ID{}, from, string(n.out.Refused)) // a packet without messages
	}
	for _, m := range n.out.Delivered {
		// A protocol may hold a message back and deliver it in a later step. How it came is then
		// no longer known: only where from.
		if e := n.inbox.byID[m.ID]; e != nil && e.Arrived == 0 {
			n.inbox.note(e, gossip.Route{m.ID.Origin, n.cfg.ID}, now)
		}
	}
	for _, send := range n.out.Sends {
		first := len(n.routes)
		for i := range send.Packet.Messages {
			id := send.Packet.Messages[i].ID
			n.routes = append(n.routes, n.route(id))
			n.event(trace.Event{At: now, Kind: trace.Send, Message: id, Peer: send.To, Hops: send.Packet.Hops})
		}
		routes := n.routes[first:len(n.routes):len(n.routes)]
		n.fx.Sends = append(n.fx.Sends, Outgoing{send.To, gossip.Envelope{From: n.cfg.ID, Packet: send.Packet, Routes: routes}})
	}
	n.fx.Alarms = n.out.Alarms
	return n.fx
}

func (n *Node) deliver(now time.Time, m gossip.Message, hops int) {
	b := &n.inbox
	if b.byID[m.ID] != nil || !n.seen.Add(m.ID) {
		return // a message is delivered once, whatever a protocol says
	}
	for len(b.order) > 0 && (len(b.order) >= n.cfg.Capacity || b.bytes+len(m.Body) > n.cfg.CapacityBytes) {
		b.dropOldest()
		n.count.Expired++
	}
	b.file(m, n.peers)
	n.count.Delivered++
	n.event(trace.Event{At: now, Kind: trace.Deliver, Message: m.ID, Hops: hops})
}

// route is the way a message took to this node: of the copy at hand if it is in this step's packet,
// else of the first copy.
func (n *Node) route(id gossip.ID) gossip.Route {
	e := n.inbox.byID[id]
	if e != nil {
		e.Sent++
		n.count.Sent++
	}
	for _, a := range n.arrived {
		if a.id == id {
			return a.route
		}
	}
	if e != nil {
		return e.Copies[0].Route
	}
	return gossip.Route{n.cfg.ID}
}

func (n *Node) drop(now time.Time, id gossip.ID, from gossip.NodeID, reason string) {
	n.count.Dropped[reason]++
	n.event(trace.Event{At: now, Kind: trace.Drop, Message: id, Peer: from, Reason: reason})
}

func (n *Node) event(e trace.Event) {
	if n.cfg.Events {
		e.Node = n.cfg.ID
		n.fx.Events = append(n.fx.Events, e)
	}
}
