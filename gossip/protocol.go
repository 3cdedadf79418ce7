package gossip

import "time"

// Protocol decides who hears of what. It is a state machine with four doors: it owns no clock, no
// goroutine and no connection, and it is driven alike by a real process and by the simulator.
//
// Rules for whoever implements it:
//
//   - Everything it wants is written to the Outbox it is handed; nothing else has an effect.
//   - It may keep a Message, and its body, but must never change one.
//   - It must not keep a Packet's slices or the peers slice: they are only lent.
//   - No packet, however strange, may make it panic or send without bound.
//   - Timers cannot be cancelled: one that is no longer wanted is ignored when it comes.
type Protocol interface {
	// Peers tells the node's neighbours, sorted: first of all, and whenever they change.
	Peers(now time.Time, peers []NodeID, out *Outbox)
	// Publish takes in a message that was given to this node. Limit is the relay limit that
	// travels with it; protocols without one ignore it.
	Publish(now time.Time, m Message, limit int, out *Outbox)
	// Receive takes in a packet from a neighbour, or from a former one.
	Receive(now time.Time, from NodeID, p Packet, out *Outbox)
	// Wake hands back a timer the protocol has set, at its time or later.
	Wake(now time.Time, t Timer, out *Outbox)
}

// Timer is a value that means something to the protocol that set it, and to nobody else.
type Timer uint64

// Alarm asks to be woken with a timer at a moment.
type Alarm struct {
	At    time.Time
	Timer Timer
}

// Send asks for a packet to be sent to one neighbour.
type Send struct {
	To     NodeID
	Packet Packet
}

// Refusal is why a protocol turned away a packet it received, in one short word.
type Refusal string

// Reasons that more than one protocol has.
const (
	OverLimit Refusal = "over_limit" // the sender used up its relay limit
	Stale     Refusal = "stale"      // about a message so old that its details are forgotten
	Malformed Refusal = "malformed"  // makes no sense in this protocol
)

// Outbox collects what one step of a protocol wants done. It is reused from step to step.
type Outbox struct {
	Sends     []Send
	Delivered []Message
	Alarms    []Alarm
	Refused   Refusal // set: the packet was turned away, and its copies count as dropped
}

// Reset empties the outbox and keeps its memory.
func (o *Outbox) Reset() {
	*o = Outbox{Sends: o.Sends[:0], Delivered: o.Delivered[:0], Alarms: o.Alarms[:0]}
}

// Send asks for p to be sent to a neighbour.
func (o *Outbox) Send(to NodeID, p Packet) { o.Sends = append(o.Sends, Send{to, p}) }

// Deliver says that m is new here and belongs in the inbox.
func (o *Outbox) Deliver(m Message) { o.Delivered = append(o.Delivered, m) }

// Alarm asks for t to be handed back at a moment.
func (o *Outbox) Alarm(at time.Time, t Timer) { o.Alarms = append(o.Alarms, Alarm{at, t}) }

// Refuse says that the packet at hand was turned away, and why.
func (o *Outbox) Refuse(why Refusal) { o.Refused = why }
