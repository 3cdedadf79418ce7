// Package values is the state that the nodes of a network share: every node owns a map of keys and values, numbers
// each change of it, and every other node comes to have the same picture of it. It is a layer around a gossip
// protocol, pure like one.
//
// A change travels twice. At once it is a message of the protocol within, under the name [gossip.UpdateID]: it goes
// where the protocol lets it go. And for ever after, nodes reconcile what they have with one peer after the other, as
// scuttlebutt does (van Renesse, Dumitriu, Gough, Thomas 2008), so that whatever the protocol has lost comes too.
//
// Only its owner changes a map, so there is one truth about each: the versions of a life come in the order 1, 2, 3…,
// and a newer life of the owner takes the place of all that was before it. Nothing here depends on the time of day but
// the stamps of registers, and of those only that later ones are larger.
//
// # What is known of a map
//
// Of each owner a node keeps the newest life, the entries by key, and a floor: every version up to it is here, or
// something newer of the same key is. A version that came before its turn is applied at once, but the floor waits. What
// was deleted leaves a mark, an entry without a value, so that an older version that comes late does not bring it back.
// Marks up to the floor are dropped after [Rules.Keep], and the largest version among them is remembered: to whoever has
// a lower floor it is not enough to tell what has changed, and so he is told the whole map. What he has of it and is not
// told, he drops at its end.
//
// # Reconciliation
//
// Every [Rules.Every] a node tells one peer a checksum of all its floors. A peer with another one answers with a
// digest, the list of its floors; then each sends the other a delta, the entries above the floors. At rest that is one
// packet of some 20 bytes a node and second, however many owners there are; a node that knows of no owner sends nothing.
// A delta states the whole of a stretch of versions, so the floor of who gets it goes to its end. News that came so is
// passed on after 25 ms, at most twice between two calls: else it would take half a minute round a ring of 64. Who does
// not answer is called again soon, and whatever was lost for good is found at the next call.
package values

import (
	"errors"
	"math/rand/v2"
	"time"

	"gossipctl/gossip"
)

// Bounds of what one node's map holds. What goes beyond is refused where it is set, and counted where it comes from
// another node.
const (
	MaxKey   = 256      // bytes
	MaxValue = 32 << 10 // bytes: two of the largest fit a message with all that is around them
	MaxKeys  = 4096     // of one owner, those that are gone included
	MaxBytes = 4 << 20  // of keys and values of one owner
	// MaxOwners is how many owners are kept: twice the largest network.
	MaxOwners = 10_000
	// MaxTotal is how many bytes of keys and values of all other owners are kept: as many as bodies in an inbox.
	MaxTotal = 256 << 20
	// MaxVersion is the last version of a life, so that the one after it is one that wires carry.
	MaxVersion = 1<<31 - 3
	// MaxStamp is the largest stamp of a register: the next one still is a number.
	MaxStamp = 1<<63 - 1
)

// Errors of [Values.Set].
var (
	ErrKey   = errors.New("bad key")
	ErrGone  = errors.New("nothing to delete")
	ErrValue = errors.New("bad value")
	ErrFull  = errors.New("map full")
	// ErrOld is for a register that was given a stamp which is not larger than that of what counts.
	ErrOld = errors.New("old stamp")
)

// Environment is what the layer of one node is born with.
type Environment struct {
	Self gossip.NodeID
	Run  uint32     // which life of the node
	Rand *rand.Rand // its own
}

// Rules are the same at all nodes of a network.
type Rules struct {
	// Every is how long a node waits between two reconciliations; 0 = [Every].
	Every time.Duration
	// Keep is how long the mark is kept that a value is gone; 0 = [Keep].
	Keep time.Duration
}

// Change is what an owner does to one key of its map.
type Change struct {
	Key    string
	Value  []byte
	Delete bool
	// Register makes the key one that all nodes write: of what they have written, the last counts, by a hybrid
	// logical clock (Kulkarni, Demirbas et al. 2014); of two at the same tick, that of the larger owner.
	Register bool
	// Stamp, of a register, takes the place of the clock's when it is not 0: the writer has an order of its own.
	Stamp uint64
	// TTL is how many edges the news travels at most by the protocol; 0 = no limit. Reconciliation brings it
	// everywhere in any case.
	TTL int
}

// Entry is one key in a node's picture.
type Entry struct {
	Owner    gossip.NodeID
	Run      uint32 // which life of the owner's map
	Version  uint32 // of the map, by the last change of this key
	Key      string
	Value    []byte // lent; must not be changed
	Deleted  bool   // it is gone; kept for a while so that it does not come back
	Register bool
	Stamp    uint64    // of a register
	TTL      int       // as the owner has set it
	Updated  time.Time // by the owner's clock
	Received time.Time // here
}

// Defaults of [Rules].
const (
	// Every is as often as people look again, and at rest costs nothing that can be felt.
	Every = time.Second
	// Keep is longer than any fault that somebody plays with lasts; who was away for longer is told the whole map.
	Keep = time.Hour
)

// Values is the layer of one node.
type Values struct {
	inner gossip.Protocol
	env   Environment
	rules Rules
	peers gossip.Peers

	own       *owned
	owners    map[gossip.NodeID]*owned
	sorted    []*owned          // by owner
	registers map[string]*entry // those that count
	stamp     uint64            // the largest that was seen
	sum       uint64            // of all floors
	stats     Stats
	sweepAt   int64 // when marks are next looked through
	credit    int   // see Afford

	calls
}

// Around puts values around a protocol.
func Around(inner gossip.Protocol, env Environment, rules Rules) *Values {
	if rules.Every <= 0 {
		rules.Every = Every
	}
	if rules.Keep <= 0 {
		rules.Keep = Keep
	}
	return &Values{inner: inner, env: env, rules: rules, own: newOwned(env.Self, env.Run), credit: spreadBurst}
}

// Under implements [gossip.Layer].
func (v *Values) Under() gossip.Protocol { return v.inner }

// Peers implements [gossip.Protocol].
func (v *Values) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	v.inner.Peers(now, peers, out)
	before := v.peers
	v.peers, v.order = peers, v.order[:0]
	v.learned(now, out)
	v.greet(now, before, out)
	v.begin(now, out)
}

// Publish implements [gossip.Protocol].
func (v *Values) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	if m.ID.IsUpdate() {
		run, version, _ := m.ID.Update()
		c, ok := parseBody(m.Body)
		if !ok || m.ID.Origin != v.env.Self || run != v.own.run || version != v.own.floor+1 {
			return // not what Set has made
		}
		v.place(now, v.know(v.own), version, m, c, false, out)
		v.summed(v.own)
		if !v.Afford(len(m.Body)) {
			v.begin(now, out)
			v.soon(now, 0, out)
			return
		}
	}
	v.inner.Publish(now, m, limit, out)
	v.learned(now, out)
	v.begin(now, out)
}

// Receive implements [gossip.Protocol].
func (v *Values) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind < gossip.KindValues || p.Kind >= gossip.KindMembership {
		v.inner.Receive(now, from, p, out)
		v.learned(now, out)
	} else {
		v.attend(now, from, p, out)
	}
	v.begin(now, out)
}

// Wake implements [gossip.Protocol].
func (v *Values) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	switch {
	case t == timerTick:
		v.tick(now, out)
	case t == timerHurry:
		v.hurry(now, out)
	default:
		v.inner.Wake(now, t, out)
		v.learned(now, out)
		v.begin(now, out)
	}
}

// Protocols remember updates by their number, 100,000 of them, also those that were replaced long ago. What these may
// take is bounded by credit: each update brings spreadEach bytes of it and costs its size, and at most spreadBurst is
// saved up. So no more than 260 MiB are remembered, about as many as an inbox may have.
const (
	spreadEach  = 2 << 10
	spreadBurst = 64 << 20
)

// Afford reports whether an update with so large a body may be handed to the protocol within, which will remember it.
// Values below 2 KiB always may. What may not is left to reconciliation.
func (v *Values) Afford(size int) bool {
	v.credit = min(v.credit+spreadEach, spreadBurst)
	if size > v.credit {
		return false
	}
	v.credit -= size
	return true
}

// learned takes the updates out of what the protocol within delivers, and applies them.
func (v *Values) learned(now time.Time, out *gossip.Outbox) {
	kept := 0
	for i := range out.Delivered {
		if m := &out.Delivered[i]; m.ID.IsUpdate() {
			v.take(now, *m, out)
			continue
		}
		if kept != i {
			out.Delivered[kept] = out.Delivered[i]
		}
		kept++
	}
	out.Delivered = out.Delivered[:kept]
}

// Stats are what the layer has counted.
type Stats struct {
	Owners, Keys, Bytes int
	Applied             uint64 // changes of the picture
	Reconciled          uint64 // of them, those that came by reconciliation
	Ignored             uint64 // updates that were no news
	Refused             uint64 // updates beyond a bound, or that make no sense
	Forged              uint64 // updates and floors of the own map that are not from here
	Lives               uint64 // times the own map has begun a new life, because others had more of the old one
}

// Stats returns the counters.
func (v *Values) Stats() Stats {
	s := v.stats
	s.Owners = len(v.sorted)
	return s
}

// valueStream keeps the draws of values apart from those of all else.
const valueStream = 0x76616c7565730000

// Generator returns the generator of one node's values.
func Generator(seed uint64, self gossip.NodeID) *rand.Rand {
	mixed := seed ^ valueStream
	return rand.New(rand.NewPCG(mixed*0x9e3779b97f4a7c15+uint64(self), mixed^uint64(self)*0xbf58476d1ce4e5b9))
}
