package protocol

import "gossipctl/gossip"

// How ledgers are told in packets, which can carry nothing but names. No part of a name that wires carry
// is 0.
//
// A page tells all that a node knows of the names between two: these two, and a pair of names for each
// stretch. The first of a pair is the stretch's first name. The last number of the second is that of its
// last name, and the first number tells whether the stretch is held or forgotten. What lies between the
// two and is not in the page is not known.
//
// A want is the same without the two: of each stretch wanted the first name and the last.

// What the second name of a pair in a page begins with.
const (
	pairHeld gossip.NodeID = 1 + iota
	pairForgotten
)

// page is a page as it stands in a packet.
type page struct {
	low, high gossip.ID
	pairs     []gossip.ID
}

func (p page) len() int { return len(p.pairs) / 2 }

func (p page) at(i int) stretch {
	first, last := p.pairs[2*i], p.pairs[2*i+1]
	return stretch{first.Origin, first.Run, first.Seq, last.Seq, last.Origin == pairHeld}
}

// readPage reads a page, and reports whether it is one.
func readPage(ids []gossip.ID) (page, bool) {
	if len(ids) < 2 || len(ids)%2 != 0 {
		return page{}, false
	}
	p := page{ids[0], ids[1], ids[2:]}
	if !isName(p.low) || !isName(p.high) || p.low.Compare(p.high) > 0 {
		return page{}, false
	}
	for i := 1; i < len(p.pairs); i += 2 {
		if second := p.pairs[i]; second.Origin != pairHeld && second.Origin != pairForgotten || second.Run != 1 {
			return page{}, false
		}
	}
	if !ordered(p) || p.len() > 0 && (p.at(0).begin().Compare(p.low) < 0 || p.at(p.len()-1).end().Compare(p.high) > 0) {
		return page{}, false
	}
	return p, true
}

// writePage writes what a list has from a name on, up to so many stretches of it, and returns the name
// where the next page begins.
func writePage(l stretches, from gossip.ID, most int, out *gossip.Outbox) (ids []gossip.ID, next gossip.ID) {
	at, _ := l.find(from)
	count := min(most, len(l)-at)
	ids = out.IDs(2 + 2*count)
	ids[0], ids[1], next = from, lastName, firstName
	for i := range count {
		s, _ := l[at+i].between(from, lastName)
		state := pairForgotten
		if s.held {
			state = pairHeld
		}
		ids[2+2*i], ids[3+2*i] = s.begin(), gossip.ID{Origin: state, Run: 1, Seq: s.last}
	}
	if at+count < len(l) {
		ids[1] = l[at+count-1].end()
		next = nextName(ids[1])
	}
	return ids, next
}

// wants are stretches that a node lacks, as they stand in a packet.
type wants []gossip.ID

func (w wants) len() int { return len(w) / 2 }

func (w wants) at(i int) stretch {
	return stretch{w[2*i].Origin, w[2*i].Run, w[2*i].Seq, w[2*i+1].Seq, true}
}

// readWants reads wants, and reports whether they are some.
func readWants(ids []gossip.ID) (wants, bool) {
	if len(ids)%2 != 0 {
		return nil, false
	}
	for i := 0; i < len(ids); i += 2 {
		if ids[i].Origin != ids[i+1].Origin || ids[i].Run != ids[i+1].Run {
			return nil, false
		}
	}
	return ids, ordered(wants(ids))
}

// ordered reports whether a list is what lists should be.
func ordered(l list) bool {
	for i := range l.len() {
		s := l.at(i)
		if !isName(s.begin()) || !isName(s.end()) || s.last < s.first || i > 0 && l.at(i-1).end().Compare(s.begin()) >= 0 {
			return false
		}
	}
	return true
}

// A number stands in a packet as a name: 22, 21 and 21 bits of it, each made one more.
const numberBits = 21

func writeNumber(n uint64) gossip.ID {
	const part = 1<<numberBits - 1
	return gossip.ID{Origin: 1 + gossip.NodeID(n>>(2*numberBits)), Run: 1 + uint32(n>>numberBits&part), Seq: 1 + uint32(n&part)}
}

func readNumber(id gossip.ID) (n uint64, is bool) {
	high, middle, low := uint64(id.Origin)-1, uint64(id.Run)-1, uint64(id.Seq)-1
	return high<<(2*numberBits) | middle<<numberBits | low, high>>(64-2*numberBits)|middle>>numberBits|low>>numberBits == 0
}
