package membership

import (
	"cmp"

	"gossipctl/gossip"
)

// record is one statement about a life of a node. Of two about the same node the one that beats the other counts,
// everywhere and for ever, so views agree once all have heard the same, in whatever order.
type record struct {
	node             gossip.NodeID
	run, incarnation uint32
	standing         gossip.Standing
}

// maxIncarnation is the largest that is believed. A member makes a new one when it is suspected, so nobody gets
// there in good faith; half of what a name has room for leaves everybody something to answer a lie with.
const maxIncarnation = 1 << 28

// id is the record as packets carry it.
func (r record) id() gossip.ID {
	return gossip.ID{Origin: r.node, Run: r.run, Seq: r.incarnation*4 + uint32(r.standing) + 1}
}

// readRecord is the way back; is tells whether it is one at all.
func readRecord(id gossip.ID) (r record, is bool) {
	if id.Origin < 1 || id.Run < 1 || id.Run > gossip.MaxRun || id.Seq < 1 || (id.Seq-1)/4 > maxIncarnation {
		return record{}, false
	}
	return record{id.Origin, id.Run, (id.Seq - 1) / 4, gossip.Standing((id.Seq - 1) % 4)}, true
}

// compare is above 0 when r beats other: a later life, or else a later incarnation, or else a later standing.
func (r record) compare(other record) int {
	return cmp.Or(cmp.Compare(r.run, other.run), cmp.Compare(r.incarnation, other.incarnation), cmp.Compare(r.standing, other.standing))
}

// here reports whether the member is thought to be there.
func (r record) here() bool { return r.standing <= gossip.Suspect }

// sum makes views comparable: that of a view is the sum of those of its records.
func (r record) sum() uint64 {
	id := r.id()
	return scatter(scatter(uint64(id.Origin)<<32|uint64(id.Run)) + uint64(id.Seq))
}

// scatter is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): it maps neighbours far apart.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// statement is a record as it is told. A suspicion comes with the name of who suspects: in a packet that stands right
// behind the record, as a record of that member.
type statement struct {
	record
	accuser gossip.ID
}

// places is how many names a statement takes in a packet.
func (s statement) places() int {
	if s.standing == gossip.Suspect {
		return 2
	}
	return 1
}

func (s statement) append(ids []gossip.ID) []gossip.ID {
	ids = append(ids, s.id())
	if s.standing == gossip.Suspect {
		ids = append(ids, s.accuser)
	}
	return ids
}

// next reads the first statement of a list, and returns the rest of it.
func next(ids []gossip.ID) (s statement, rest []gossip.ID, is bool) {
	if s.record, is = readRecord(ids[0]); !is {
		return statement{}, nil, false
	}
	if s.standing != gossip.Suspect {
		return s, ids[1:], true
	}
	if len(ids) < 2 {
		return statement{}, nil, false
	}
	s.accuser = ids[1]
	_, is = readRecord(s.accuser)
	return s, ids[2:], is
}

// readable reports whether a list is one of statements from its beginning to its end.
func readable(ids []gossip.ID) bool {
	for len(ids) > 0 {
		_, rest, is := next(ids)
		if !is {
			return false
		}
		ids = rest
	}
	return true
}
