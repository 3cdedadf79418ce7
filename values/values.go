// Package values is the state that the nodes of a network share: every node owns a map of keys and values, numbers
// each change of it, and every other node comes to have the same picture of it. It is a layer around a gossip
// protocol, pure like one.
//
// A change travels twice. At once it is a message of the protocol within, under the name [gossip.UpdateID]: it goes
// where the protocol lets it go. And for ever after, nodes reconcile what they have with one peer after the other, as
// scuttlebutt does (van Renesse, Dumitriu, Gough, Thomas 2008), so that whatever the protocol has lost comes too.
//
// Only its owner changes a map, so there is one truth about each: the versions of a life come in the order 1, 2, 3…,
// and a newer life of the owner takes the place of all that was before it. Nothing here depends on the time of day.
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
)

// Errors of [Values.Set].
var (
	ErrKey   = errors.New("bad key")
	ErrValue = errors.New("value too large")
	ErrFull  = errors.New("map full")
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

	version uint32
	entries map[gossip.NodeID]map[string]*Entry
}

// Around puts values around a protocol.
func Around(inner gossip.Protocol, env Environment, rules Rules) *Values {
	return &Values{inner: inner, env: env, rules: rules, entries: make(map[gossip.NodeID]map[string]*Entry)}
}

// Under implements [gossip.Layer].
func (v *Values) Under() gossip.Protocol { return v.inner }

// Peers implements [gossip.Protocol].
func (v *Values) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	v.inner.Peers(now, peers, out)
}

// Set makes the next version of the node's own map. The message is to be published next, in the same step: only
// then is the change made. Clock is the time of day as the node has it. The errors are [ErrKey], [ErrValue] and
// [ErrFull], wrapped; nothing has happened then.
func (v *Values) Set(now, clock time.Time, c Change) (gossip.Message, error) {
	return gossip.Message{}, errors.ErrUnsupported
}

// Publish implements [gossip.Protocol].
func (v *Values) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	v.inner.Publish(now, m, limit, out)
}

// Receive implements [gossip.Protocol].
func (v *Values) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	v.inner.Receive(now, from, p, out)
}

// Wake implements [gossip.Protocol].
func (v *Values) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) { v.inner.Wake(now, t, out) }

// Knows reports whether an update would be no news: its version, or a later one of the same key, is here.
func (v *Values) Knows(id gossip.ID) bool { return false }

// TTL is how many edges an update may travel by the protocol, as its body says; 0: any number.
func TTL(body []byte) int { return 0 }

// Entries returns the node's picture: of one owner (0: of all) and of keys that are key (empty: of all), without
// those that are gone, sorted by key and owner. Of a register only the entry that counts is among them, unless all
// is set; then those that are gone are, too.
func (v *Values) Entries(owner gossip.NodeID, key string, all bool) []Entry { return nil }

// Own returns the node's own map with all that was ever needed to go on with it in a later life: entries in the order
// of their versions, those that are gone included, and the life and the last version of the map.
func (v *Values) Own() (run, version uint32, entries []Entry) { return v.env.Run, v.version, nil }

// Restore puts back the node's own map of an earlier life, before Peers is called: its life goes on, and so do its
// versions.
func (v *Values) Restore(run, version uint32, entries []Entry) {}

// Stats are what the layer has counted.
type Stats struct {
	Owners, Keys, Bytes int
	Applied             uint64 // changes of the picture
	Reconciled          uint64 // of them, those that came by reconciliation
	Ignored             uint64 // updates that were no news
	Refused             uint64 // updates beyond a bound, or not from their owner
}

// Stats returns the counters.
func (v *Values) Stats() Stats { return Stats{} }

// valueStream keeps the draws of values apart from those of all else.
const valueStream = 0x76616c7565730000

// Generator returns the generator of one node's values.
func Generator(seed uint64, self gossip.NodeID) *rand.Rand {
	mixed := seed ^ valueStream
	return rand.New(rand.NewPCG(mixed*0x9e3779b97f4a7c15+uint64(self), mixed^uint64(self)*0xbf58476d1ce4e5b9))
}
