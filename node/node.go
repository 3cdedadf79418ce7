// Package node is one node without its wires: a protocol, the inbox of what reached it, and the
// trail of the ways by which it came. It is pure; node/live gives it a clock and connections, the
// simulator virtual ones.
package node

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
	"gossipctl/values"
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

// repaired is the reason told of a delivery that repair brought about.
const repaired = "repaired"

// Errors of Publish.
var (
	ErrFull     = errors.New("inbox full")
	ErrTooLarge = errors.New("message too large")
	ErrLimit    = errors.New("relay limit out of range")
	ErrNotKept  = errors.New("message cannot be kept") // by whoever Config.Keep asks; the text says why
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

	// Keep, if it is set, is asked before a message is taken in whether whoever keeps the inbox beyond the
	// life of the node has room for it: a body of so many bytes, and a route of so many nodes. It returns
	// why not, in one short word by which the message then counts as dropped, or nothing. It is asked in
	// the step in which the message comes, and not again when a protocol delivers it later.
	Keep func(body, route int) (refusal string)
	// Marks says that Marked is called after every step.
	Marks bool

	Planted Planted
}

// Counters count packets by message, and what became of them, since the node was born.
type Counters struct {
	Published  uint64
	Sent       uint64
	Received   uint64
	Delivered  uint64            // new in the inbox, own messages included
	Repaired   uint64            // of them, those that the protocol had missed
	Duplicates uint64            // further copies of what the inbox has
	Expired    uint64            // entries that made room for newer ones
	Dropped    map[string]uint64 // by reason
}

// Effects is what a step wants done, in order. It is lent: the next step overwrites it.
type Effects struct {
	Sends  []gossip.Send // see Envelopes
	Alarms []gossip.Alarm
	Events []trace.Event
	Filed  []gossip.ID // messages that are new in the inbox; one that has made room again may be among them

	Members []gossip.Member  // whose standing has changed in the node's view
	Applied []gossip.Applied // what has changed in its picture of all values

	routes   []gossip.Route   // of every message in Sends, in order
	envelope *gossip.Envelope // the node's, for Envelopes to fill
}

// Envelopes puts each packet to send in an envelope and yields it with whom it is for. It is the
// same envelope every time, filled anew.
func (fx *Effects) Envelopes() iter.Seq2[gossip.NodeID, *gossip.Envelope] {
	return func(yield func(gossip.NodeID, *gossip.Envelope) bool) {
		e, routes := fx.envelope, fx.routes
		for i := range fx.Sends {
			send := &fx.Sends[i]
			n := len(send.Packet.Messages)
			e.Packet, e.Routes = send.Packet, routes[:n:n]
			routes = routes[n:]
			if !yield(send.To, e) {
				return
			}
		}
	}
}

// Node is one node. It must be used by one goroutine at a time.
type Node struct {
	cfg   Config
	seq   uint32
	peers int
	inbox inbox
	seen  gossip.IDSet // everything the inbox ever held
	count Counters
	held  held
	gone  []Seen // of an earlier life, to be told the protocol

	updates    held              // the ways of updates that came lately
	values     *values.Values    // of the protocol; nil: none
	membership gossip.Membership // of the protocol; nil: none
	wrong      time.Duration     // the node's clock

	// Of the step under way.
	out     gossip.Outbox
	fx      Effects
	arrived []arrival
	routes  []gossip.Route  // of all messages in fx.Sends, in order
	ways    []gossip.NodeID // memory for the routes of arrived

	envelope gossip.Envelope // memory for what Effects.Envelopes yields
}

// arrival is a message of the packet at hand, with its route including this node, and its record
// once it has one: looking it up is a good part of what a copy costs.
type arrival struct {
	id     gossip.ID
	route  gossip.Route
	record *record
}

// New returns a node that knows nobody yet.
func New(cfg Config) *Node {
	if cfg.Capacity == 0 {
		cfg.Capacity = Capacity
	}
	if cfg.CapacityBytes == 0 {
		cfg.CapacityBytes = CapacityBytes
	}
	n := &Node{cfg: cfg, count: Counters{Dropped: make(map[string]uint64)}}
	n.values, _ = gossip.Find[*values.Values](cfg.Protocol)
	n.membership, _ = gossip.Find[gossip.Membership](cfg.Protocol)
	n.seen.Reserve(cfg.ID, cfg.Run)
	n.inbox.noteMarks = cfg.Marks
	n.envelope.From = cfg.ID
	return n
}

// ID is the node's number.
func (n *Node) ID() gossip.NodeID { return n.cfg.ID }

// SetClock makes the node's clock wrong by so much: what it writes down as the time of day from now on,
// that is when a message was sent and when copies came. The moments it is told stay right: what protocols
// wait for does not depend on the time of day, nor does the order of events.
func (n *Node) SetClock(offset time.Duration) { n.wrong = offset }

// SetPeers tells the node its neighbours.
func (n *Node) SetPeers(now time.Time, peers gossip.Peers) Effects {
	n.begin()
	n.peers = peers.Len()
	n.tellGone()
	n.cfg.Protocol.Peers(now, peers, &n.out)
	return n.finish(now, 0)
}

// Publish takes in a message of a person's. Body is kept. A limit of 0 means the protocol's own.
// The errors are [ErrFull], [ErrTooLarge], [ErrLimit] and [ErrNotKept]; nothing has happened then.
func (n *Node) Publish(now time.Time, body []byte, limit int) (gossip.Message, Effects, error) {
	n.begin()
	switch {
	case len(body) > gossip.MaxBody:
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(body), gossip.MaxBody)
	case limit < 0 || limit > gossip.MaxRelays:
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %d, possible are 1 to %d", ErrLimit, limit, gossip.MaxRelays)
	case !n.room(len(body)):
		n.count.Dropped[dropFull]++
		return gossip.Message{}, Effects{}, fmt.Errorf("%w (%d messages)", ErrFull, n.inbox.shelf.Len())
	}
	if refusal := n.keep(len(body), 1); refusal != "" {
		n.count.Dropped[refusal]++
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %s", ErrNotKept, refusal)
	}
	n.seq++
	m := gossip.Message{ID: gossip.ID{Origin: n.cfg.ID, Run: n.cfg.Run, Seq: n.seq}, Body: body, Sent: now.Add(n.wrong)}
	n.count.Published++
	n.eventOf(trace.Event{At: now, Kind: trace.Publish, Message: m.ID}, body)
	n.arrive(m.ID, nil, nil)
	n.cfg.Protocol.Publish(now, m, limit, &n.out)
	return m, n.finish(now, n.cfg.ID), nil
}

// Receive takes in an envelope from a wire. The envelope is only lent and may be changed: bodies
// are replaced by ones that last.
func (n *Node) Receive(now time.Time, e *gossip.Envelope) Effects {
	n.begin()
	p := &e.Packet
	if p.Kind >= gossip.KindValues { // of layers that keep what they need themselves, and tell no messages
		n.cfg.Protocol.Receive(now, e.From, *p, &n.out)
		return n.finish(now, e.From)
	}
	kept := 0
	for i := range p.Messages {
		m := p.Messages[i]
		n.count.Received++
		n.event(trace.Event{At: now, Kind: trace.Receive, Message: m.ID, Peer: e.From, Hops: len(e.Routes[i])})
		var known *record
		reason := ""
		if m.ID.IsUpdate() {
			reason = n.admitUpdate(&m, e.Routes[i], e.From)
		} else {
			known = n.inbox.find(m.ID)
			reason = n.admit(&m, known, e.Routes[i], e.From)
		}
		if reason != "" {
			n.drop(now, m.ID, e.From, reason)
			continue
		}
		n.arrive(m.ID, known, e.Routes[i])
		p.Messages[kept] = m
		kept++
	}
	if kept == 0 && len(p.Messages) > 0 {
		return n.fx // nothing of it is left to tell the protocol
	}
	p.Messages = p.Messages[:kept]
	n.cfg.Protocol.Receive(now, e.From, *p, &n.out)
	return n.finish(now, e.From)
}

// Wake hands a timer back to the protocol.
func (n *Node) Wake(now time.Time, t gossip.Timer) Effects {
	n.begin()
	n.cfg.Protocol.Wake(now, t, &n.out)
	return n.finish(now, 0)
}

// Messages lists a page of the inbox and marks what it lists as read, in one step. More says that
// the page ended before the inbox did. Entries share memory with the inbox and must not be changed.
func (n *Node) Messages(q Query) (page []Entry, more bool) { return n.inbox.list(q) }

// Message returns one entry of the inbox.
func (n *Node) Message(id gossip.ID) (Entry, bool) {
	if number := n.inbox.byID.Get(id); number > 0 {
		return n.inbox.shelf.At(number).entry(number), true
	}
	return Entry{}, false
}

// Size is how many messages the inbox holds, how many of them are unread, and the number of the
// newest entry there ever was.
func (n *Node) Size() (messages, unread int, last uint64) {
	return n.inbox.shelf.Len(), n.inbox.unread, n.inbox.shelf.Last()
}

// Newest is when the newest message in the inbox came; the zero time when it is empty.
func (n *Node) Newest() time.Time {
	if n.inbox.shelf.Len() == 0 {
		return time.Time{}
	}
	return time.Unix(0, n.inbox.shelf.At(n.inbox.shelf.Last()).notes[0].at)
}

// Room is how many more messages the inbox takes, and how many bytes their bodies may have
// together. One that drops its oldest takes any number, but keeps no more than its capacity: it
// returns that.
func (n *Node) Room() (messages, bytes int) {
	if n.cfg.DropOldest {
		return n.cfg.Capacity, n.cfg.CapacityBytes
	}
	return n.cfg.Capacity - n.inbox.shelf.Len(), n.cfg.CapacityBytes - n.inbox.bytes
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
func (n *Node) admit(m *gossip.Message, known *record, route gossip.Route, from gossip.NodeID) string {
	if len(route) == 0 || len(route) >= gossip.MaxHops || route[0] != m.ID.Origin || route[len(route)-1] != from {
		return dropRoute
	}
	if known != nil {
		m.Body, m.Sent = known.body, time.Unix(0, known.sent) // the first copy's word stands
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
	if refusal := n.keep(len(m.Body), len(route)+1); refusal != "" {
		return refusal
	}
	m.Body = n.inbox.keep(m.Body)
	return ""
}

func (n *Node) keep(body, route int) (refusal string) {
	if n.cfg.Keep == nil {
		return ""
	}
	return n.cfg.Keep(body, route)
}

func (n *Node) room(size int) bool {
	b := &n.inbox
	return n.cfg.DropOldest || b.shelf.Len() < n.cfg.Capacity && b.bytes+size <= n.cfg.CapacityBytes
}

// arrive notes that a message is in the packet at hand, and how it came.
func (n *Node) arrive(id gossip.ID, known *record, route gossip.Route) {
	first := len(n.ways)
	n.ways = append(append(n.ways, route...), n.cfg.ID)
	n.arrived = append(n.arrived, arrival{id, n.ways[first:len(n.ways):len(n.ways)], known})
}

func (n *Node) begin() {
	n.out.Reset()
	n.arrived, n.routes, n.ways = n.arrived[:0], n.routes[:0], n.ways[:0]
	n.fx = Effects{envelope: &n.envelope, Events: n.fx.Events[:0], Filed: n.fx.Filed[:0]}
}

// finish turns what the protocol said into effects: deliveries are filed, arrivals noted, packets
// put in envelopes with their routes.
func (n *Node) finish(now time.Time, from gossip.NodeID) Effects {
	for _, m := range n.out.Delivered {
		if r := n.deliver(now, m); r != nil {
			n.remember(m.ID, r)
		}
	}
	for _, a := range n.arrived {
		if n.out.Refused != "" {
			n.drop(now, a.id, from, string(n.out.Refused))
		} else if r := a.record; r != nil {
			if r.arrived > 0 {
				n.count.Duplicates++
			}
			n.inbox.note(r, a.route, now.Add(n.wrong), n.peers)
		} else {
			n.heldFor(a.id).keep(a.id, a.route)
		}
	}
	if n.out.Refused != "" && len(n.arrived) == 0 {
		n.drop(now, gossip.ID{}, from, string(n.out.Refused)) // a packet without messages
	}
	for _, m := range n.out.Delivered {
		if r := n.inbox.find(m.ID); r != nil && r.arrived == 0 {
			n.inbox.note(r, n.held.take(m.ID, gossip.Route{m.ID.Origin, n.cfg.ID}), now.Add(n.wrong), n.peers)
		}
	}
	n.tell(now)
	for i := range n.out.Sends {
		send := &n.out.Sends[i]
		written := 0
		if send.Packet.Kind >= gossip.KindValues {
			for range send.Packet.Messages {
				n.routes = append(n.routes, nil)
			}
			continue
		}
		for k := range send.Packet.Messages {
			id := send.Packet.Messages[k].ID
			route := n.route(id)
			if written += len(route); written > maxWays && k > 0 {
				route = ends(route)
			}
			n.routes = append(n.routes, route)
			n.event(trace.Event{At: now, Kind: trace.Send, Message: id, Peer: send.To, Hops: len(route)})
		}
	}
	n.fx.Sends, n.fx.routes, n.fx.Alarms = n.out.Sends, n.routes, n.out.Alarms
	return n.fx
}

// maxWays bounds the node numbers in all routes of one packet, so that with the bodies that a protocol
// may put into one it fits an envelope. Of the ways beyond it only the ends are told.
const maxWays = 65536

func ends(route gossip.Route) gossip.Route {
	if len(route) <= 2 {
		return route
	}
	return gossip.Route{route[0], route[len(route)-1]}
}

// remember notes the record of a message that has just arrived.
func (n *Node) remember(id gossip.ID, r *record) {
	for i := range n.arrived {
		if n.arrived[i].id == id {
			n.arrived[i].record = r
		}
	}
}

// deliver files a message, and returns nil when it was filed before.
func (n *Node) deliver(now time.Time, m gossip.Message) *record {
	b := &n.inbox
	if !n.isNew(now, m.ID) {
		return nil // a message is delivered once, whatever a protocol says
	}
	n.count.Expired += n.makeRoom(len(m.Body))
	n.count.Delivered++
	n.fx.Filed = append(n.fx.Filed, m.ID)
	how := ""
	if n.out.Repaired {
		n.count.Repaired++
		how = repaired
	}
	n.eventOf(trace.Event{At: now, Kind: trace.Deliver, Message: m.ID, Hops: n.hops(m.ID), Reason: how}, m.Body)
	return b.file(m)
}

// makeRoom lets the oldest entries go until one more fits, and returns how many they were. Where new ones
// are refused that happens only to what a protocol has held back until there was no room any more.
func (n *Node) makeRoom(size int) (gone uint64) {
	b := &n.inbox
	for b.shelf.Len() > 0 && (b.shelf.Len() >= n.cfg.Capacity || b.bytes+size > n.cfg.CapacityBytes) {
		b.dropOldest()
		gone++
	}
	return gone
}

// hops is how many edges a message that is about to be filed has travelled.
func (n *Node) hops(id gossip.ID) int {
	for _, a := range n.arrived {
		if a.id == id {
			return len(a.route) - 1
		}
	}
	return n.held.hops(id)
}

// route is the way a message took to this node: of the copy at hand if it is in this step's packet,
// else of the first copy.
func (n *Node) route(id gossip.ID) gossip.Route {
	n.count.Sent++
	for _, a := range n.arrived {
		if a.id == id {
			if a.record != nil {
				a.record.packets++
			}
			return a.route
		}
	}
	if r := n.inbox.find(id); r != nil && r.arrived > 0 {
		r.packets++
		return r.firstRoute()
	}
	return n.heldFor(id).route(id, gossip.Route{id.Origin, n.cfg.ID})
}

func (n *Node) drop(now time.Time, id gossip.ID, from gossip.NodeID, reason string) {
	n.count.Dropped[reason]++
	n.event(trace.Event{At: now, Kind: trace.Drop, Message: id, Peer: from, Reason: reason})
}

func (n *Node) event(e trace.Event) {
	if n.cfg.Events {
		e.Node, e.Run = n.cfg.ID, n.cfg.Run
		n.fx.Events = append(n.fx.Events, e)
	}
}

// eventOf is an event that tells of a body. The sum is reckoned only when somebody reads events.
func (n *Node) eventOf(e trace.Event, body []byte) {
	if n.cfg.Events {
		e.Digest, e.Size = trace.Digest(body), len(body)
		n.event(e)
	}
}
