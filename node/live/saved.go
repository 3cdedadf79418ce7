package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/values"
)

// What the records of an inbox's file are, by their first byte. All numbers are unsigned varints except
// times, which are 8 bytes of Unix nanoseconds:
//
//	owner = node                                          the first record, and no other
//	entry = id sent received flags count route… body…     in the order of the inbox
//	read  = id…                                           were marked as read
//	gone  = entries (origin run first last)…              so many entries made room for others; names that were there
//	map   = run version                                   which life of the node's own map of values, and its last version
//	value = entry of the own map, see values.AppendEntry  in place of what its key had
const (
	ownerRecord = 'o'
	entryRecord = 'e'
	readRecord  = 'r'
	goneRecord  = 'g'
	mapRecord   = 'm'
	valueRecord = 'v'
)

const flagRead = 1

// listed is how many names one record holds at most; more are split.
const listed = 4096

var errRecord = errors.New("a record makes no sense")

// entrySize bounds the bytes that an entry's record takes.
func entrySize(body, route int) int {
	return 1 + 3*binary.MaxVarintLen32 + 16 + 1 + (1+route)*binary.MaxVarintLen32 + body
}

func appendOwner(dst []byte, self gossip.NodeID) []byte {
	return binary.AppendUvarint(append(dst, ownerRecord), uint64(self))
}

func appendEntry(dst []byte, s *node.Saved) []byte {
	dst = appendName(append(dst, entryRecord), s.Message.ID)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Message.Sent.UnixNano()))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Received.UnixNano()))
	flags := byte(0)
	if s.Read {
		flags = flagRead
	}
	dst = binary.AppendUvarint(append(dst, flags), uint64(len(s.Route)))
	for _, id := range s.Route {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return append(dst, s.Message.Body...)
}

func appendName(dst []byte, id gossip.ID) []byte {
	dst = binary.AppendUvarint(dst, uint64(id.Origin))
	dst = binary.AppendUvarint(dst, uint64(id.Run))
	return binary.AppendUvarint(dst, uint64(id.Seq))
}

func appendRead(dst []byte, ids []gossip.ID) []byte {
	dst = append(dst, readRecord)
	for _, id := range ids {
		dst = appendName(dst, id)
	}
	return dst
}

func appendGone(dst []byte, entries uint64, names []node.Seen) []byte {
	dst = binary.AppendUvarint(append(dst, goneRecord), entries)
	for _, s := range names {
		dst = binary.AppendUvarint(appendName(dst, s.First), uint64(s.Last))
	}
	return dst
}

// ownMap is a node's own map of values.
type ownMap struct {
	run, version uint32 // 0: it never had any
	entries      []values.Entry
}

func ownMapOf(n *node.Node) (m ownMap) {
	if v := n.Values(); v != nil {
		m.run, m.version, m.entries = v.Own()
	}
	return m
}

func appendMap(dst []byte, run, version uint32) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(append(dst, mapRecord), uint64(run)), uint64(version))
}

func appendValue(dst []byte, e *values.Entry) []byte {
	return values.AppendEntry(append(dst, valueRecord), e)
}

// records yields a whole inbox, and the own map of values, as records, each in the same memory.
func records(self gossip.NodeID, saved []node.Saved, gone uint64, names []node.Seen, own ownMap) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		buf := appendOwner(nil, self)
		if !yield(buf) {
			return
		}
		for first := true; first && gone > 0 || len(names) > 0; first = false {
			n := min(len(names), listed)
			buf = appendGone(buf[:0], gone, names[:n])
			if !yield(buf) {
				return
			}
			gone, names = 0, names[n:]
		}
		for i := range saved {
			if buf = appendEntry(buf[:0], &saved[i]); !yield(buf) {
				return
			}
		}
		if own.version > 0 && !yield(appendMap(buf[:0], own.run, own.version)) {
			return
		}
		for i := range own.entries {
			if buf = appendValue(buf[:0], &own.entries[i]); !yield(buf) {
				return
			}
		}
	}
}

// kept is an inbox as it is read back from its file.
type kept struct {
	self  gossip.NodeID
	run   uint32 // the life that is to begin; 0: any
	owned bool   // the first record was there
	saved []node.Saved
	at    map[gossip.ID]int // in saved
	gone  uint64
	names []node.Seen

	own ownMap // entries in order; those that were replaced later are among them
}

// add takes in one record. The error wraps errRecord, or says that the file is not of this node.
func (k *kept) add(record []byte) error {
	r := fields{data: record}
	kind := r.byte()
	if !k.owned {
		owner := r.number(1<<31 - 1)
		switch {
		case kind != ownerRecord || r.bad || len(r.data) > 0:
			return fmt.Errorf("%w: it does not begin with whose inbox it is", errRecord)
		case owner != uint64(k.self):
			return fmt.Errorf("it is the inbox of node %d", owner)
		}
		k.owned, k.at = true, make(map[gossip.ID]int)
		return nil
	}
	switch kind {
	case entryRecord:
		return k.entry(&r)
	case readRecord:
		for !r.bad && len(r.data) > 0 {
			if i, there := k.at[r.name()]; there && !r.bad {
				k.saved[i].Read = true
			}
		}
	case goneRecord:
		entries := r.number(1 << 62)
		for !r.bad && len(r.data) > 0 {
			s := node.Seen{First: r.name()}
			s.Last = uint32(r.number(1<<31 - 1))
			r.bad = r.bad || s.Last < s.First.Seq
			k.names = append(k.names, s)
		}
		if len(k.saved) == 0 {
			k.gone += entries
		}
	case mapRecord:
		run, version := r.number(gossip.MaxRun), r.number(values.MaxVersion)
		if r.bad = r.bad || len(r.data) > 0; !r.bad {
			if err := k.ownLife(uint32(run), uint32(version)); err != nil {
				return err
			}
		}
	case valueRecord:
		e, err := values.ParseEntry(append([]byte(nil), r.data...))
		if err != nil {
			return fmt.Errorf("%w: %w", errRecord, err)
		}
		if e.Owner != k.self {
			return fmt.Errorf("%w: it has a value of node %d", errRecord, e.Owner)
		}
		if err := k.ownLife(e.Run, e.Version); err != nil {
			return err
		}
		if k.own.entries = append(k.own.entries, e); len(k.own.entries) > 4*values.MaxKeys {
			k.own.entries = newest(k.own.entries)
		}
	default:
		return fmt.Errorf("%w: of kind %q", errRecord, kind)
	}
	if r.bad {
		return fmt.Errorf("%w: of kind %q", errRecord, kind)
	}
	return nil
}

// ownLife takes in that the own map has had a version. A newer life takes the place of an older one.
func (k *kept) ownLife(run, version uint32) error {
	switch {
	case run == 0 || version == 0 || run < k.own.run:
		return fmt.Errorf("%w: version %d of life %d of the values, after life %d", errRecord, version, run, k.own.run)
	case k.run > 0 && run >= k.run:
		return fmt.Errorf("it has values of life %d, and this is life %d", run, k.run)
	}
	if run > k.own.run {
		k.own = ownMap{run: run}
	}
	k.own.version = max(k.own.version, version)
	return nil
}

// newest leaves out what was replaced. The rest stays in order.
func newest(entries []values.Entry) []values.Entry {
	last := make(map[string]int, len(entries))
	for i := range entries {
		last[entries[i].Key] = i
	}
	kept := entries[:0]
	for i := range entries {
		if last[entries[i].Key] == i {
			kept = append(kept, entries[i])
		}
	}
	return kept
}

func (k *kept) entry(r *fields) error {
	s := node.Saved{Message: gossip.Message{ID: r.name()}}
	s.Message.Sent = time.Unix(0, int64(r.fixed64()))
	s.Received = time.Unix(0, int64(r.fixed64()))
	s.Read = r.byte()&flagRead != 0
	for range r.number(gossip.MaxHops) {
		if r.bad {
			break
		}
		s.Route = append(s.Route, r.node())
	}
	s.Message.Body = append([]byte{}, r.data...)
	id := s.Message.ID
	switch {
	case r.bad || len(s.Message.Body) > gossip.MaxBody || len(s.Route) == 0 || s.Route[0] != id.Origin || s.Route[len(s.Route)-1] != k.self:
		return fmt.Errorf("%w: of kind %q", errRecord, entryRecord)
	case id.Origin == k.self && k.run > 0 && id.Run >= k.run:
		return fmt.Errorf("it has message %v, of this life or a later one than this, which is number %d", id, k.run)
	}
	if _, twice := k.at[id]; twice {
		return nil
	}
	k.at[id] = len(k.saved)
	k.saved = append(k.saved, s)
	return nil
}

// fields takes fields off the front of a record; once something was bad, everything is zero.
type fields struct {
	data []byte
	bad  bool
}

func (r *fields) fail() {
	r.data, r.bad = nil, true
}

func (r *fields) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	v := r.data[0]
	r.data = r.data[1:]
	return v
}

func (r *fields) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > limit {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *fields) fixed64() uint64 {
	if len(r.data) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.data)
	r.data = r.data[8:]
	return v
}

func (r *fields) node() gossip.NodeID {
	v := r.number(1<<31 - 1)
	if v == 0 {
		r.fail()
	}
	return gossip.NodeID(v)
}

func (r *fields) name() gossip.ID {
	id := gossip.ID{Origin: r.node()}
	id.Run, id.Seq = uint32(r.number(1<<31-1)), uint32(r.number(1<<31-1))
	if id.Run == 0 || id.Seq == 0 {
		r.fail()
	}
	return id
}
