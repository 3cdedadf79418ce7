package values

import (
	"time"

	"gossipctl/gossip"
)

// take applies an update that the protocol within has brought.
func (v *Values) take(now time.Time, m gossip.Message, out *gossip.Outbox) {
	run, version, _ := m.ID.Update()
	c, ok := parseBody(m.Body)
	switch {
	case !ok || version > MaxVersion:
		v.stats.Refused++
		return
	case m.ID.Origin == v.env.Self:
		v.echo(now, run, version, out)
		return
	}
	o := v.life(m.ID.Origin, run, out)
	if o == nil {
		v.stats.Ignored++
		return
	}
	if o.has(version) {
		v.stats.Ignored++
		return
	}
	v.place(now, o, version, m, c, false, out)
	v.summed(o)
}

// echo is about the own map, heard from others. Nobody else makes versions of it: what is above the own floor is
// either made up, or the end of an earlier life that this one does not remember.
func (v *Values) echo(now time.Time, run, floor uint32, out *gossip.Outbox) {
	switch {
	case run < v.own.run:
		if v.stats.Ignored++; v.owners[v.env.Self] == nil {
			v.know(v.own) // so that all others are told that there is a newer life
			v.begin(now, out)
			v.soon(now, 0, out)
		}
	case run == v.own.run && floor <= v.own.floor:
		v.stats.Ignored++
	case run == v.own.run && run < v.env.Run:
		v.reborn(now, out)
	default:
		v.stats.Forged++
	}
}

// reborn begins a new life of the own map with all that is in it: the one that it went on with has versions elsewhere
// that are not known here, and may not be made once more.
func (v *Values) reborn(now time.Time, out *gossip.Outbox) {
	old := v.own.order
	o := v.own
	*o = owned{owner: o.owner, run: v.env.Run, entries: make(map[string]*entry), part: o.part}
	for _, e := range old {
		if e.body == nil {
			continue
		}
		o.floor++
		e.version = o.floor
		o.put(e, nil)
		v.applied(e, false, out)
	}
	v.stats.Lives++
	v.summed(v.know(o))
	v.soon(now, 0, out)
}

// place puts an update into a map, if it is news of its key. The update's body is kept.
func (v *Values) place(now time.Time, o *owned, version uint32, m gossip.Message, c content, reconciled bool, out *gossip.Outbox) {
	old := o.entries[string(c.key)]
	if old != nil && old.version >= version {
		o.note(version)
		v.stats.Ignored++
		return
	}
	if !v.room(o, old, len(c.key)+len(c.value)) {
		v.stats.Refused++
		return
	}
	e := &entry{
		of: o, body: m.Body, value: c.value, stamp: c.stamp, sent: m.Sent.UnixNano(), received: now.UnixNano(),
		version: version, ttl: uint16(c.ttl), flags: c.flags,
	}
	if old != nil {
		e.key = old.key
		v.stats.Keys--
		v.stats.Bytes -= old.size()
	} else {
		e.key = string(c.key)
	}
	o.put(e, old)
	o.note(version)
	v.stats.Keys++
	v.stats.Bytes += e.size()
	v.elect(e, old)
	v.applied(e, reconciled, out)
}

// applied tells that an entry is new.
func (v *Values) applied(e *entry, reconciled bool, out *gossip.Outbox) {
	v.stats.Applied++
	if reconciled {
		v.stats.Reconciled++
	}
	out.Applied = append(out.Applied, gossip.Applied{ID: e.id(), Key: e.key, Value: e.value, Deleted: e.deleted(), Reconciled: reconciled})
}

// room reports whether a map takes an entry of so many bytes in place of another one, or of none. Marks make room: it
// is remembered that they are gone.
func (v *Values) room(o *owned, old *entry, size int) bool {
	more, keys := size, 1
	if old != nil {
		more, keys = size-old.size(), 0
	}
	if o != v.own && more > 0 && v.stats.Bytes-v.own.bytes+more > MaxTotal {
		return false
	}
	most := 1
	if o.whole.on {
		most = 2 // what is gone goes at the end
	}
	for len(o.entries)+keys > most*MaxKeys || o.bytes+more > most*MaxBytes {
		if !v.dropMark(o, old) {
			return false
		}
	}
	return true
}

// dropMark drops the oldest mark but one.
func (v *Values) dropMark(o *owned, but *entry) bool {
	if o.marks == 0 || o.whole.on {
		return false
	}
	for _, e := range o.order {
		if e.version > o.floor {
			return false
		}
		if e.body != nil && e.mark() && e != but {
			v.forget(o, e)
			return true
		}
	}
	return false
}

// forget drops a mark.
func (v *Values) forget(o *owned, e *entry) {
	o.gone = max(o.gone, e.version)
	v.stats.Keys--
	v.stats.Bytes -= e.size()
	o.take(e)
}

// sweep drops the marks that have been kept for long enough. Looking through all maps takes about a millisecond for
// 100,000 entries, and a mark may be kept a sixteenth longer than it must.
func (v *Values) sweep(now time.Time) {
	if at := now.UnixNano(); at >= v.sweepAt {
		v.sweepAt = at + int64(max(v.rules.Keep/16, v.rules.Every))
	} else {
		return
	}
	old := now.Add(-v.rules.Keep).UnixNano()
	for _, o := range v.sorted {
		if o.marks == 0 || o.whole.on {
			continue
		}
		for i := 0; i < len(o.order) && o.order[i].version <= o.floor; i++ {
			if e := o.order[i]; e.body != nil && e.mark() && e.received <= old {
				before := len(o.order)
				v.forget(o, e)
				if len(o.order) < before { // it was tidied up: what is before this place is fewer
					i = -1
				}
			}
		}
	}
}

// elect sees which entry of a register counts, now that one is new.
func (v *Values) elect(e, old *entry) {
	if e.register() {
		v.stamp = max(v.stamp, e.stamp)
		if best := v.registers[e.key]; best == nil || beats(e, best) {
			if v.registers == nil {
				v.registers = make(map[string]*entry)
			}
			v.registers[e.key] = e
			return
		}
	}
	if old != nil && v.registers[e.key] == old {
		v.recount(e.key)
	}
}

// beats tells which of two entries of a register was written later.
func beats(a, b *entry) bool {
	return a.stamp > b.stamp || a.stamp == b.stamp && a.of.owner > b.of.owner
}

// recount finds out which entry of a register counts.
func (v *Values) recount(key string) {
	delete(v.registers, key)
	for _, o := range v.sorted {
		if e := o.entries[key]; e != nil && e.register() {
			if best := v.registers[key]; best == nil || beats(e, best) {
				v.registers[key] = e
			}
		}
	}
}
