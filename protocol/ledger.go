package protocol

import (
	"iter"
	"math"
	"slices"
	"sort"
	"time"

	"gossipctl/gossip"
)

// ledger is every name of a message a node has ever known, and the messages it still holds, as far as
// they are needed to find out what two nodes can give each other. Names of one life follow each other, so
// they are kept as stretches: a life of which nothing is missing is one, however long. The zero value is
// empty.
type ledger struct {
	held  memory[stored] // in the order in which they came
	names stretches
	sum   uint64 // of all names, see nameSum
}

// stored is a message that can be handed out.
type stored struct {
	body []byte
	sent time.Time
	came int64 // in Unix nanoseconds
}

// stretch is a row of names of one life, all of them held or all of them forgotten.
type stretch struct {
	origin           gossip.NodeID
	run, first, last uint32
	held             bool
}

func (s stretch) begin() gossip.ID { return gossip.ID{Origin: s.origin, Run: s.run, Seq: s.first} }
func (s stretch) end() gossip.ID   { return gossip.ID{Origin: s.origin, Run: s.run, Seq: s.last} }

// single is the stretch of one name that is held.
func single(id gossip.ID) stretch { return stretch{id.Origin, id.Run, id.Seq, id.Seq, true} }

// count is how many names there are in it.
func (s stretch) count() int { return int(s.last-s.first) + 1 }

// touches reports whether another stretch begins where this one ends.
func (s stretch) touches(next stretch) bool {
	return s.origin == next.origin && s.run == next.run && s.last+1 == next.first
}

// leads reports whether another stretch goes on where this one ends, in the same state.
func (s stretch) leads(next stretch) bool { return s.touches(next) && s.held == next.held }

// between returns the part of a stretch from one name to another, both included, and whether there is any.
func (s stretch) between(low, high gossip.ID) (stretch, bool) {
	if s.end().Compare(low) < 0 || s.begin().Compare(high) > 0 {
		return s, false
	}
	if s.begin().Compare(low) < 0 {
		s.first = low.Seq
	}
	if s.end().Compare(high) > 0 {
		s.last = high.Seq
	}
	return s, true
}

// Names go from the first to the last that wires carry: no part of one is 0 or above 2³¹ − 1.
const largestNumber = math.MaxInt32

var (
	firstName = gossip.ID{Origin: 1, Run: 1, Seq: 1}
	lastName  = gossip.ID{Origin: largestNumber, Run: largestNumber, Seq: largestNumber}
)

// isName reports whether wires carry a name.
func isName(id gossip.ID) bool {
	return id.Origin >= 1 && id.Run-1 < largestNumber && id.Seq-1 < largestNumber
}

// nextName returns the name after another one, the first after the last.
func nextName(id gossip.ID) gossip.ID {
	switch {
	case id.Seq < largestNumber:
		id.Seq++
	case id.Run < largestNumber:
		id.Run, id.Seq = id.Run+1, 1
	case id.Origin < largestNumber:
		id = gossip.ID{Origin: id.Origin + 1, Run: 1, Seq: 1}
	default:
		id = firstName
	}
	return id
}

// nameSum scatters a name over all numbers of 64 bits. The sum of those of a set is its checksum, which
// grows name by name and does not depend on their order. Two different sets agree with a probability of
// 2⁻⁶⁴, unless somebody means them to.
func nameSum(id gossip.ID) uint64 {
	return scatter(scatter(uint64(id.Origin)<<32|uint64(id.Run)) + uint64(id.Seq))
}

// stretches are sorted and share no name, and none leads to the next.
type stretches []stretch

func (s stretches) len() int         { return len(s) }
func (s stretches) at(i int) stretch { return s[i] }

// find returns the first stretch that does not end before a name, and whether the name is in it.
func (s stretches) find(id gossip.ID) (int, bool) {
	at, _ := slices.BinarySearchFunc(s, id, func(s stretch, id gossip.ID) int { return s.end().Compare(id) })
	return at, at < len(s) && s[at].begin().Compare(id) <= 0
}

// put puts a stretch in at a place, and joins it with its neighbours.
func (s stretches) put(at int, new stretch) stretches {
	left := at > 0 && s[at-1].leads(new)
	right := at < len(s) && new.leads(s[at])
	switch {
	case left && right:
		s[at-1].last = s[at].last
		return slices.Delete(s, at, at+1)
	case left:
		s[at-1].last = new.last
		return s
	case right:
		s[at].first = new.first
		return s
	}
	return slices.Insert(s, at, new)
}

// forget marks a name that is held as forgotten.
func (s stretches) forget(id gossip.ID) stretches {
	at, _ := s.find(id)
	was := s[at]
	before, after := was, was
	before.last, after.first = id.Seq-1, id.Seq+1
	gone := stretch{id.Origin, id.Run, id.Seq, id.Seq, false}
	switch first, last := was.first == id.Seq, was.last == id.Seq; {
	case first && last:
		return slices.Delete(s, at, at+1).put(at, gone)
	case first:
		s[at] = after
		return s.put(at, gone)
	case last:
		s[at] = before
		return s.put(at+1, gone)
	}
	s[at] = before
	return slices.Insert(s, at+1, gone, after)
}

// knows reports whether a name was ever put in.
func (l *ledger) knows(id gossip.ID) bool {
	_, is := l.names.find(id)
	return is
}

// fits reports whether there is room for a name that is not known: there are fewer than so many stretches,
// or it is next to a name of its life, and will be one with that in the end.
func (s stretches) fits(id gossip.ID, most int) bool {
	if len(s) < most {
		return true
	}
	at, _ := s.find(id)
	new := single(id)
	return at > 0 && s[at-1].touches(new) || at < len(s) && new.touches(s[at])
}

// enter puts in a message that is not known. When there are most already, the oldest is forgotten.
func (l *ledger) enter(now time.Time, m gossip.Message, most int) {
	for l.held.len() >= most {
		l.forgetOldest()
	}
	*l.held.learn(m.ID, most) = stored{m.Body, m.Sent, now.UnixNano()}
	at, _ := l.names.find(m.ID)
	l.names = l.names.put(at, single(m.ID))
	l.sum += nameSum(m.ID)
}

// forgetOldest lets go of the message that came first, of those still held, and returns its name.
func (l *ledger) forgetOldest() gossip.ID {
	id, _ := l.held.at(l.held.first())
	l.held.forget()
	l.names = l.names.forget(id)
	return id
}

// message returns a message that is held and came before now.
func (l *ledger) message(id gossip.ID, now time.Time) (gossip.Message, bool) {
	h := l.held.find(id)
	if h == nil || h.came >= now.UnixNano() {
		return gossip.Message{}, false
	}
	return gossip.Message{ID: id, Body: h.body, Sent: h.sent}, true
}

// list is stretches in whatever form they are written, sorted and without a name in common.
type list interface {
	len() int
	at(int) stretch
}

// lacking yields what one list holds and another one does not know, between two names, in order.
func lacking[A, B list](holds A, knows B, low, high gossip.ID) iter.Seq[stretch] {
	return func(yield func(stretch) bool) {
		j := 0
		i := sort.Search(holds.len(), func(i int) bool { return holds.at(i).end().Compare(low) >= 0 })
		for ; i < holds.len(); i++ {
			s, any := holds.at(i).between(low, high)
			if !any {
				return
			}
			for rest := s.held; rest; {
				for j < knows.len() && knows.at(j).end().Compare(s.begin()) < 0 {
					j++
				}
				if j == knows.len() || knows.at(j).begin().Compare(s.end()) > 0 {
					if !yield(s) {
						return
					}
					break
				}
				known := knows.at(j)
				if known.first > s.first {
					gap := s
					gap.last = known.first - 1
					if !yield(gap) {
						return
					}
				}
				rest = known.last < s.last
				s.first = known.last + 1
			}
		}
	}
}

// common yields what one list holds of another one, in order.
func common[A, B list](holds A, wanted B) iter.Seq[stretch] {
	return func(yield func(stretch) bool) {
		for j := range wanted.len() {
			want := wanted.at(j)
			i := sort.Search(holds.len(), func(i int) bool { return holds.at(i).end().Compare(want.begin()) >= 0 })
			for ; i < holds.len(); i++ {
				s, any := holds.at(i).between(want.begin(), want.end())
				if !any {
					break
				}
				if s.held && !yield(s) {
					return
				}
			}
		}
	}
}
