package gossip

import "time"

// Protocol decides who hears of what. It is a state machine with four doors: it owns no clock, no
// goroutine and no connection, and it is driven alike by a real process and by the simulator.
//
// Rules for whoever implements it:
//
//   - Everything it wants is written to the Outbox it is handed; nothing else has an effect.
//   - It may keep a Message, and its body, but must never change one.
//   - It must not keep a Packet's slices: they are only lent. Lists for packets of its own it takes
//     from the Outbox, and leaves alone once they are sent.
//   - "In the same round" means at the same instant: where rounds are synchronous, everything that
//     belongs to one comes with the same now, in no promised order.
//   - No packet, however strange, may make it panic or send without bound.
//   - Timers cannot be cancelled: one that is no longer wanted is ignored when it comes.
type Protocol interface {
	// Peers tells the node's neighbours: first of all, and whenever they change.
	Peers(now time.Time, peers Peers, out *Outbox)
	// Publish takes in a message that was given to this node. Limit is the relay limit that
	// travels with it; protocols without one ignore it.
	Publish(now time.Time, m Message, limit int, out *Outbox)
	// Receive takes in a packet from a neighbour, or from a former one.
	Receive(now time.Time, from NodeID, p Packet, out *Outbox)
	// Wake hands back a timer the protocol has set, at its time or later.
	Wake(now time.Time, t Timer, out *Outbox)
}

// Restless is a protocol that wakes for ever, whether there is anything to do or not. It alone can
// tell when a message has come to rest.
type Restless interface {
	Protocol
	// Infective reports whether it would still pass on some message, unasked or when it is asked.
	Infective() bool
}

// Recaller is a protocol that wants to know what its node had in an earlier life, because it hands it out
// or asks for what is missing.
type Recaller interface {
	Protocol
	// Recall tells of one message that the node has from an earlier life, before Peers is called. It is
	// neither delivered again nor spread.
	Recall(now time.Time, m Message)
}

// Forgetter is a Recaller that also wants to know what its node had in an earlier life and has let go of.
type Forgetter interface {
	Recaller
	// Forget tells of a row of names of one life, from the first to the last, after Recall and before
	// Peers is called. Some of them may have been recalled.
	Forget(first, last ID)
}

// Timer is a value that means something to the protocol that set it, and to nobody else.
type Timer uint64

// Bits that only the timers of what may stand around a protocol have. A protocol's own are moments in Unix
// nanoseconds, or small numbers.
const (
	TimerRepair     Timer = 1 << 63
	TimerMembership Timer = 1 << 62
	TimerValues     Timer = 1 << 61
)

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

// Outbox collects what one step of a protocol wants done, and lends the lists that its packets are
// made of. It is reused from step to step.
type Outbox struct {
	Sends     []Send
	Delivered []Message
	Alarms    []Alarm
	Refused   Refusal // set: the packet was turned away, and its copies count as dropped
	Repaired  bool    // what is delivered was missing, and came by repair

	Members []Member  // whose standing has changed, each as it is now
	Applied []Applied // what has changed in the picture of all values

	messages slab[Message]
	ids      slab[ID]
}

// Reset empties the outbox and takes back the lists it has lent.
func (o *Outbox) Reset() {
	o.Detach()
	o.messages.used, o.ids.used, o.messages.kept, o.ids.kept = 0, 0, 0, 0
}

// Detach empties the outbox and leaves the lists it has lent to whoever has the packets now.
func (o *Outbox) Detach() {
	o.messages.kept, o.ids.kept = o.messages.used, o.ids.used
	o.Sends, o.Delivered, o.Alarms, o.Refused, o.Repaired = o.Sends[:0], o.Delivered[:0], o.Alarms[:0], "", false
	o.Members, o.Applied = o.Members[:0], o.Applied[:0]
}

// TakeBack takes back the lists lent since the outbox was emptied, when nobody has the packets.
func (o *Outbox) TakeBack() {
	o.messages.used, o.ids.used = o.messages.kept, o.ids.kept
}

// Messages lends a list of n messages for a packet, to be filled in.
func (o *Outbox) Messages(n int) []Message { return o.messages.cut(n) }

// One lends a list with just m in it.
func (o *Outbox) One(m Message) []Message {
	list := o.messages.cut(1)
	list[0] = m
	return list
}

// IDs lends a list of n names for a packet, to be filled in.
func (o *Outbox) IDs(n int) []ID { return o.ids.cut(n) }

// Send asks for p to be sent to a neighbour.
func (o *Outbox) Send(to NodeID, p Packet) { o.Sends = append(o.Sends, Send{to, p}) }

// Deliver says that m is new here and belongs in the inbox.
func (o *Outbox) Deliver(m Message) { o.Delivered = append(o.Delivered, m) }

// Alarm asks for t to be handed back at a moment.
func (o *Outbox) Alarm(at time.Time, t Timer) { o.Alarms = append(o.Alarms, Alarm{at, t}) }

// Refuse says that the packet at hand was turned away, and why.
func (o *Outbox) Refuse(why Refusal) { o.Refused = why }

// slab is memory that lists are cut from: an allocation for each would be felt in a burst.
type slab[T any] struct {
	piece []T
	used  int
	kept  int // of used, what was lent before the outbox was emptied
}

// pieceItems is how many items are allocated at once; longer lists get memory of their own.
const pieceItems = 64

func (s *slab[T]) cut(n int) []T {
	if n > pieceItems {
		return make([]T, n)
	}
	if s.used+n > len(s.piece) {
		s.piece, s.used, s.kept = make([]T, pieceItems), 0, 0
	}
	list := s.piece[s.used : s.used+n : s.used+n]
	s.used += n
	return list
}
