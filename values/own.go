package values

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
)

// Set makes the next version of the node's own map. The message is to be published next, in the same step: only
// then is the change made. Clock is the time of day as the node has it: it may be wrong, and may jump. The errors are
// [ErrKey], [ErrValue], [ErrFull] and [ErrOld], wrapped; nothing has happened then. To delete what is not there is an
// [ErrGone].
func (v *Values) Set(now, clock time.Time, c Change) (gossip.Message, error) {
	o, none := v.own, gossip.Message{}
	old := o.entries[c.Key]
	switch {
	case !goodKey([]byte(c.Key)):
		return none, fmt.Errorf("%w: a key is text of one line, of 1 to %d bytes", ErrKey, MaxKey)
	case len(c.Value) > MaxValue:
		return none, fmt.Errorf("%w: %d bytes, the limit is %d", ErrValue, len(c.Value), MaxValue)
	case c.Delete && len(c.Value) > 0:
		return none, fmt.Errorf("%w: what is deleted has none", ErrValue)
	case c.TTL < 0 || c.TTL > gossip.MaxHops:
		return none, fmt.Errorf("%w: it cannot travel %d edges; 0 is any number, the limit is %d", ErrValue, c.TTL, gossip.MaxHops)
	case !c.Register && c.Stamp != 0:
		return none, fmt.Errorf("%w: only a register has a stamp", ErrValue)
	case c.Delete && c.Register && !live(v.registers[c.Key]):
		return none, fmt.Errorf("%w: there is no register %q", ErrGone, c.Key)
	case c.Delete && !c.Register && !live(old):
		return none, fmt.Errorf("%w: node %d has no value %q of its own", ErrGone, v.env.Self, c.Key)
	case o.floor >= MaxVersion:
		return none, fmt.Errorf("%w: it has had %d versions", ErrFull, o.floor)
	}
	stamp := uint64(0)
	if c.Register {
		var err error
		if stamp, err = v.nextStamp(clock, c); err != nil {
			return none, err
		}
	}
	if more, keys := v.fits(old, len(c.Key)+len(c.Value)); keys > MaxKeys || more > MaxBytes {
		return none, fmt.Errorf("%w: node %d has %d keys of %d, and %d bytes of %d", ErrFull, v.env.Self, len(o.entries), MaxKeys, o.bytes, MaxBytes)
	}
	return gossip.Message{
		ID:   gossip.UpdateID(v.env.Self, o.run, o.floor+1),
		Body: appendBody(make([]byte, 0, len(c.Key)+len(c.Value)+16), c.Key, c.Value, c.Delete, c.Register, stamp, c.TTL),
		Sent: clock,
	}, nil
}

func live(e *entry) bool { return e != nil && !e.deleted() }

// fits returns how many bytes and keys the own map would have at least with an entry in place of another one, or of
// none.
func (v *Values) fits(old *entry, size int) (bytes, keys int) {
	bytes, keys = v.own.bytes+size, len(v.own.entries)+1
	if old != nil {
		bytes, keys = bytes-old.size(), keys-1
	}
	if bytes <= MaxBytes && keys <= MaxKeys {
		return bytes, keys
	}
	for _, e := range v.own.order {
		if e.body != nil && e.mark() && e != old {
			bytes, keys = bytes-e.size(), keys-1
		}
	}
	return bytes, keys
}

// stampTick is by how much a stamp grows in a millisecond: 65,536 registers may be written in one.
const stampTick = 16

// nextStamp is the stamp of a hybrid logical clock: milliseconds of the time of day, and a counter for what happens
// within one, or while the clock of another is ahead. It is above all that the node has seen, whatever its clock says.
func (v *Values) nextStamp(clock time.Time, c Change) (uint64, error) {
	if c.Stamp != 0 {
		if c.Stamp > MaxStamp {
			return 0, fmt.Errorf("%w: a stamp of %d, the limit is %d", ErrValue, c.Stamp, uint64(MaxStamp))
		}
		if best := v.registers[c.Key]; best != nil && c.Stamp <= best.stamp {
			return 0, fmt.Errorf("%w: %d, and register %q is at %d", ErrOld, c.Stamp, c.Key, best.stamp)
		}
		return c.Stamp, nil
	}
	physical := uint64(min(max(clock.UnixMilli(), 0), MaxStamp>>stampTick))
	stamp := max(physical<<stampTick, v.stamp+1)
	if stamp > MaxStamp {
		return 0, fmt.Errorf("%w: somebody has used the last stamp there is", ErrOld)
	}
	return stamp, nil
}

// Knows reports whether an update would be no news: its version, or a later one of the same key, is here.
func (v *Values) Knows(id gossip.ID) bool {
	run, version, is := id.Update()
	o := v.owners[id.Origin]
	return is && o != nil && (run < o.run || run == o.run && o.has(version))
}

// Forged reports whether an update bears the name of a version of the own map that was never made.
func (v *Values) Forged(id gossip.ID) bool {
	run, version, is := id.Update()
	return is && id.Origin == v.env.Self && (run > v.own.run || run == v.own.run && run == v.env.Run && version > v.own.floor)
}

// Body returns the body of an update that is in the picture, nil if it is not. It must not be changed.
func (v *Values) Body(id gossip.ID) []byte {
	run, version, is := id.Update()
	o := v.owners[id.Origin]
	if !is || o == nil || o.run != run {
		return nil
	}
	if at, _ := o.above(version - 1); at < len(o.order) && o.order[at].version == version {
		return o.order[at].body
	}
	return nil
}

// Entries returns the node's picture: of one owner (0: of all) and of keys that are key (empty: of all), without
// those that are gone, sorted by key and owner. Of a register only the entry that counts is among them, unless all
// is set; then those that are gone are, too.
func (v *Values) Entries(owner gossip.NodeID, key string, all bool) []Entry {
	var found []Entry
	add := func(e *entry) {
		if e != nil && e.body != nil && (all || !e.deleted() && (!e.register() || v.registers[e.key] == e)) {
			found = append(found, e.public())
		}
	}
	for _, o := range v.sorted {
		switch {
		case owner != 0 && o.owner != owner:
		case key != "":
			add(o.entries[key])
		default:
			for _, e := range o.order {
				add(e)
			}
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Owner, b.Owner)) })
	return found
}

// Own returns the node's own map with all that was ever needed to go on with it in a later life: entries in the order
// of their versions, those that are gone included, and the life and the last version of the map. Values are lent, and
// never change.
func (v *Values) Own() (run, version uint32, entries []Entry) {
	for _, e := range v.own.order {
		if e.body != nil {
			entries = append(entries, e.public())
		}
	}
	return v.own.run, v.own.floor, entries
}

// OwnKeys is how many entries the own map has.
func (v *Values) OwnKeys() int { return len(v.own.entries) }

// OwnEntry returns the entry of one version of the own map, unless it was replaced since.
func (v *Values) OwnEntry(version uint32) (Entry, bool) {
	if at, _ := v.own.above(version - 1); at < len(v.own.order) && v.own.order[at].version == version && v.own.order[at].body != nil {
		return v.own.order[at].public(), true
	}
	return Entry{}, false
}

// Restore puts back the node's own map of an earlier life, before Peers is called: its life goes on, and so do its
// versions. That must be all of them that anybody has ever heard of; if somebody shows that it was not, the map begins
// a new life. What makes no sense, or is beyond a bound, is left out.
func (v *Values) Restore(run, version uint32, entries []Entry) {
	if run == 0 || run > v.env.Run || version > MaxVersion || v.own.floor > 0 {
		return
	}
	v.own = newOwned(v.env.Self, run)
	// What marks there were is not known any more: whoever is not up to date is told the whole map.
	v.own.floor, v.own.gone = version, version
	v.know(v.own)
	for i := range entries {
		e := &entries[i]
		if e.Version == 0 || e.Version > version {
			continue
		}
		body := appendBody(nil, e.Key, e.Value, e.Deleted, e.Register, e.Stamp, e.TTL)
		c, ok := parseBody(body)
		old := v.own.entries[e.Key]
		if !ok || old != nil && old.version >= e.Version || !v.room(v.own, old, len(c.key)+len(c.value)) {
			v.stats.Refused++
			continue
		}
		kept := &entry{
			of: v.own, key: e.Key, body: body, value: c.value, stamp: c.stamp, sent: e.Updated.UnixNano(),
			received: e.Received.UnixNano(), version: e.Version, ttl: uint16(c.ttl), flags: c.flags,
		}
		if old != nil {
			v.stats.Keys--
			v.stats.Bytes -= old.size()
		}
		v.own.put(kept, old)
		v.stats.Keys++
		v.stats.Bytes += kept.size()
		v.elect(kept, old)
	}
}

// Same tells in what the pictures of two nodes differ, in one line; empty: in nothing. When something came where is
// not compared.
func Same(a, b *Values) string {
	theirs := b.Entries(0, "", false)
	for i, mine := range a.Entries(0, "", false) {
		if i >= len(theirs) {
			return fmt.Sprintf("node %d has %q of node %d, node %d has not", a.env.Self, mine.Key, mine.Owner, b.env.Self)
		}
		other := theirs[i]
		if mine.Owner != other.Owner || mine.Run != other.Run || mine.Version != other.Version || mine.Key != other.Key ||
			string(mine.Value) != string(other.Value) || mine.Stamp != other.Stamp {
			return fmt.Sprintf("node %d has %q of node %d at %d.%d, node %d has %q of node %d at %d.%d", a.env.Self, mine.Key, mine.Owner,
				mine.Run, mine.Version, b.env.Self, other.Key, other.Owner, other.Run, other.Version)
		}
	}
	if n := len(a.Entries(0, "", false)); n < len(theirs) {
		return fmt.Sprintf("node %d has %q of node %d, node %d has not", b.env.Self, theirs[n].Key, theirs[n].Owner, a.env.Self)
	}
	return ""
}
