package gossip

// Shelf keeps things in the order they came, each under a number that never changes: the first is
// 1. Only the oldest can be taken off. It grows and shrinks in blocks, so that neither adding nor
// taking off moves anything, and a burst costs few allocations. The zero value is empty.
type Shelf[T any] struct {
	blocks []*[shelfBlock]T
	first  uint64 // number of the oldest, or of the next to come when it is empty
	next   uint64 // number of the next to come, minus 1
	base   uint64 // number of the first place in blocks, minus 1
}

// shelfBlock is a few kilobytes of what is kept: small beside an idle node, large beside a message.
const shelfBlock = 128

// Add puts a zero value on the shelf, to be filled in by the caller, and returns its number.
func (s *Shelf[T]) Add() (*T, uint64) {
	if s.next-s.base == uint64(len(s.blocks))*shelfBlock {
		s.blocks = append(s.blocks, new([shelfBlock]T))
	}
	s.next++
	if s.first == 0 {
		s.first = 1
	}
	return s.At(s.next), s.next
}

// Skip goes past so many numbers without anything on the shelf, which must never have held anything. On
// any other it does nothing.
func (s *Shelf[T]) Skip(numbers uint64) {
	if s.next == 0 {
		s.first, s.next, s.base = numbers+1, numbers, numbers
	}
}

// At returns the thing of a number that is on the shelf. Other numbers are a mistake and panic.
func (s *Shelf[T]) At(number uint64) *T {
	if number < s.first || number > s.next || number == 0 {
		panic("gossip: no such number on the shelf")
	}
	at := number - 1 - s.base
	return &s.blocks[at/shelfBlock][at%shelfBlock]
}

// Drop takes the oldest off.
func (s *Shelf[T]) Drop() {
	var zero T
	*s.At(s.first) = zero
	s.first++
	if s.first-1-s.base == shelfBlock {
		s.blocks[0] = nil
		s.blocks = s.blocks[1:]
		s.base += shelfBlock
	}
}

// Len is how many things are on the shelf.
func (s *Shelf[T]) Len() int { return int(s.Last() + 1 - s.Oldest()) }

// Oldest is the number of the oldest thing on the shelf; with an empty one, of the next to come.
func (s *Shelf[T]) Oldest() uint64 { return max(s.first, 1) }

// Last is the number of the newest thing there ever was, 0 when there was none.
func (s *Shelf[T]) Last() uint64 { return s.next }
