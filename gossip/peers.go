package gossip

import (
	"iter"
	"slices"
)

// Peers is a node's neighbours, sorted. It never changes, so a protocol may keep it. The complete
// graph is not written out: a million nodes that all know each other take no memory for it. The zero
// value is nobody.
type Peers struct {
	ids  []NodeID // nil: everybody from 1 to all, except self
	all  NodeID
	self NodeID
}

// NewPeers returns the given nodes, which must be sorted, each once, and must not change any more.
func NewPeers(sorted []NodeID) Peers {
	if len(sorted) == 0 {
		return Peers{}
	}
	return Peers{ids: sorted}
}

// Everyone returns the nodes 1 to n without self.
func Everyone(n int, self NodeID) Peers { return Peers{all: NodeID(n), self: self} }

// Len is how many there are.
func (p Peers) Len() int {
	switch {
	case p.ids != nil:
		return len(p.ids)
	case p.self >= 1 && p.self <= p.all:
		return int(p.all) - 1
	}
	return int(p.all)
}

// At returns the i-th, from 0 to Len − 1.
func (p Peers) At(i int) NodeID {
	if p.ids != nil {
		return p.ids[i]
	}
	id := NodeID(i) + 1
	if p.self >= 1 && id >= p.self {
		id++
	}
	return id
}

// Index returns the place of a node, or where it would be, and whether it is there.
func (p Peers) Index(id NodeID) (int, bool) {
	if p.ids != nil {
		return slices.BinarySearch(p.ids, id)
	}
	switch {
	case id < 1:
		return 0, false
	case id > p.all:
		return p.Len(), false
	case p.self >= 1 && id > p.self:
		return int(id) - 2, true
	}
	return int(id) - 1, id != p.self
}

// Has reports whether a node is among them.
func (p Peers) Has(id NodeID) bool {
	_, is := p.Index(id)
	return is
}

// Same reports whether they are the same nodes. Of one list that two places keep it takes no look at the nodes.
func (p Peers) Same(other Peers) bool {
	if len(p.ids) == 0 || len(other.ids) == 0 {
		return p.Len() == 0 && other.Len() == 0 || p.ids == nil && other.ids == nil && p.all == other.all && p.self == other.self
	}
	return &p.ids[0] == &other.ids[0] && len(p.ids) == len(other.ids) || slices.Equal(p.ids, other.ids)
}

// All yields each with its place.
func (p Peers) All() iter.Seq2[int, NodeID] {
	return func(yield func(int, NodeID) bool) {
		for i := range p.Len() {
			if !yield(i, p.At(i)) {
				return
			}
		}
	}
}
