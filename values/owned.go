package values

import (
	"cmp"
	"slices"
	"time"

	"gossipctl/gossip"
)

// owned is the map of one owner, as far as it is known.
type owned struct {
	owner gossip.NodeID
	run   uint32
	// Every version up to floor is here, or a newer one of its key is. Only those above it may still come.
	floor uint32
	// gone is the largest version among the marks that were dropped; never above floor.
	gone    uint32
	entries map[string]*entry
	order   []*entry // by version; those that are replaced stay there for a while
	stale   int      // of order
	early   []span   // versions above the floor that have come, in order, with gaps between them
	bytes   int
	marks   int
	part    uint64 // of the sum

	whole whole
}

// entry is one key of a map.
type entry struct {
	of       *owned
	key      string
	body     []byte // as it travels; nil: it was replaced
	value    []byte // the end of body
	stamp    uint64
	sent     int64 // Unix nanoseconds, by the owner's clock
	received int64
	version  uint32
	ttl      uint16
	flags    byte
	doubt    bool // it may be gone: the owner's map is being told as a whole
}

// whole is about a map that is being told as a whole, because marks were dropped that were wanted. Until it is
// finished the floor stays where it is: what is below it and was not told yet must not be taken for news.
type whole struct {
	on    bool
	told  uint32 // up to which version
	gone  uint32 // no mark up to it is told
	until uint32 // it is finished when it is told up to here
}

type span struct{ first, last uint32 }

// earlySpans bounds the gaps that are remembered above a floor: more than messages of one owner are under way at once.
// Of a version that has no place the next reconciliation tells again.
const earlySpans = 64

func newOwned(owner gossip.NodeID, run uint32) *owned {
	return &owned{owner: owner, run: run, entries: make(map[string]*entry)}
}

// deleted and register tell what an entry is.
func (e *entry) deleted() bool  { return e.flags&flagDeleted != 0 }
func (e *entry) register() bool { return e.flags&flagRegister != 0 }

// mark reports whether an entry only says that its key is gone, and may be dropped one day. That a register is gone is
// kept for as long as its owner lives: what others have written to it earlier would count again.
func (e *entry) mark() bool { return e.flags&(flagDeleted|flagRegister) == flagDeleted }

func (e *entry) size() int { return len(e.key) + len(e.value) }

func (e *entry) id() gossip.ID { return gossip.UpdateID(e.of.owner, e.of.run, e.version) }

func (e *entry) message() gossip.Message {
	return gossip.Message{ID: e.id(), Body: e.body, Sent: time.Unix(0, e.sent)}
}

// public is an entry as others see it.
func (e *entry) public() Entry {
	return Entry{
		Owner: e.of.owner, Run: e.of.run, Version: e.version, Key: e.key, Value: e.value,
		Deleted: e.deleted(), Register: e.register(), Stamp: e.stamp, TTL: int(e.ttl),
		Updated: time.Unix(0, e.sent), Received: time.Unix(0, e.received),
	}
}

// ahead reports whether there is an entry above a version that is not below the floor.
func (o *owned) ahead(version uint32) bool {
	for i := len(o.order) - 1; i >= 0 && o.order[i].version > version; i-- {
		if o.order[i].body != nil {
			return true
		}
	}
	return false
}

// reached is the floor as peers are told it.
func (o *owned) reached() uint32 {
	if o.whole.on {
		return o.whole.told
	}
	return o.floor
}

// has reports whether a version has come.
func (o *owned) has(version uint32) bool {
	if version <= o.floor {
		return true
	}
	i, found := slices.BinarySearchFunc(o.early, version, func(s span, version uint32) int { return cmp.Compare(s.first, version) })
	return found || i > 0 && o.early[i-1].last >= version
}

// note notes that a version has come.
func (o *owned) note(version uint32) {
	switch {
	case o.has(version):
	case version == o.floor+1:
		o.raise(version)
	default:
		i, _ := slices.BinarySearchFunc(o.early, version, func(s span, version uint32) int { return cmp.Compare(s.first, version) })
		joins, precedes := i > 0 && o.early[i-1].last+1 == version, i < len(o.early) && o.early[i].first == version+1
		switch {
		case joins && precedes:
			o.early[i-1].last = o.early[i].last
			o.early = slices.Delete(o.early, i, i+1)
		case joins:
			o.early[i-1].last = version
		case precedes:
			o.early[i].first = version
		case len(o.early) < earlySpans:
			o.early = slices.Insert(o.early, i, span{version, version})
		}
	}
}

// raise brings the floor up to a version at least.
func (o *owned) raise(version uint32) {
	o.floor = max(o.floor, version)
	n := 0
	for n < len(o.early) && o.early[n].first <= o.floor+1 {
		o.floor = max(o.floor, o.early[n].last)
		n++
	}
	o.early = slices.Delete(o.early, 0, n)
}

// put takes in an entry in place of another one of its key, or of none.
func (o *owned) put(e, old *entry) {
	if old != nil {
		o.take(old)
	}
	o.entries[e.key] = e
	o.bytes += e.size()
	if e.mark() {
		o.marks++
	}
	at := len(o.order)
	if at > 0 && o.order[at-1].version > e.version {
		at, _ = o.above(e.version)
	}
	o.order = slices.Insert(o.order, at, e)
}

// take takes an entry out.
func (o *owned) take(e *entry) {
	delete(o.entries, e.key)
	o.bytes -= e.size()
	if e.mark() {
		o.marks--
	}
	e.body, e.value = nil, nil
	if o.stale++; o.stale > 16 && o.stale > len(o.order)/2 {
		o.order = slices.DeleteFunc(o.order, func(e *entry) bool { return e.body == nil })
		o.stale = 0
	}
}

// above is the place in order of the first entry with a version above this one.
func (o *owned) above(version uint32) (int, bool) {
	return slices.BinarySearchFunc(o.order, version+1, func(e *entry, version uint32) int { return cmp.Compare(e.version, version) })
}

// know makes sure that an owner is one of those kept.
func (v *Values) know(o *owned) *owned {
	if v.owners[o.owner] != nil {
		return o
	}
	if v.owners == nil {
		v.owners = make(map[gossip.NodeID]*owned)
	}
	v.owners[o.owner] = o
	at, _ := v.find(o.owner)
	v.sorted = slices.Insert(v.sorted, at, o)
	v.summed(o)
	return o
}

// find is the place of an owner in sorted, or where it would be.
func (v *Values) find(owner gossip.NodeID) (int, bool) {
	return slices.BinarySearchFunc(v.sorted, owner, func(o *owned, owner gossip.NodeID) int { return cmp.Compare(o.owner, owner) })
}

// life returns the map of a life of another node; nil: there is a newer one, or no room.
func (v *Values) life(owner gossip.NodeID, run uint32, out *gossip.Outbox) *owned {
	o := v.owners[owner]
	switch {
	case o == nil && len(v.sorted) >= MaxOwners:
		v.stats.Refused++
		return nil
	case o == nil:
		return v.know(newOwned(owner, run))
	case run < o.run:
		return nil
	case run > o.run:
		old := *o
		*o = owned{owner: owner, run: run, entries: make(map[string]*entry), part: old.part}
		for _, e := range slices.Clone(old.order) {
			if e.body != nil {
				v.vanish(&old, e, out)
			}
		}
		v.summed(o)
	}
	return o
}

// vanish takes an entry out that is told of no more.
func (v *Values) vanish(o *owned, e *entry, out *gossip.Outbox) {
	v.stats.Keys--
	v.stats.Bytes -= e.size()
	if !e.deleted() {
		v.stats.Applied++
		out.Applied = append(out.Applied, gossip.Applied{
			ID: gossip.UpdateID(o.owner, o.run, e.version), Key: e.key, Deleted: true, Reconciled: true, Vanished: true,
		})
	}
	o.take(e)
	if v.registers[e.key] == e {
		v.recount(e.key)
	}
}

// summed brings the sum up to date after a map has changed. Entries above the floor are part of it: should their owner
// be gone for ever, all are to have them all the same.
func (v *Values) summed(o *owned) {
	part := mixed(mixed(uint64(o.owner)<<32|uint64(o.run)) ^ uint64(o.reached()))
	if o.whole.on {
		part = mixed(part ^ uint64(o.whole.gone) ^ 1<<63)
	}
	for i := len(o.order) - 1; i >= 0 && o.order[i].version > o.floor; i-- {
		if o.order[i].body != nil {
			part += mixed(uint64(o.order[i].version) | 1<<62)
		}
	}
	v.sum += part - o.part
	o.part = part
}

// mixed is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit depends on every other.
func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
