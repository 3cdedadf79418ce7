package topology

import "math/bits"

// links knows which places are joined.
type links interface {
	has(a, b int32) bool
	// flip joins two different places that are not joined, and parts two that are.
	flip(a, b int32)
	// forget parts all places; edges are all that are joined.
	forget(edges []pair)
}

// maxMatrix is the largest number of places with a bit for each pair, which is the faster way: up to
// 33 MB.
const maxMatrix = 1 << 14

func newLinks(n, edges int) links {
	if n <= maxMatrix {
		return newMatrix(n)
	}
	return newPairSet(edges)
}

// matrix has a bit for each pair of places, both ways round.
type matrix struct {
	width int // words a row
	rows  []uint64
}

func newMatrix(n int) *matrix {
	width := (n + 63) / 64
	return &matrix{width: width, rows: make([]uint64, n*width)}
}

func (m *matrix) has(a, b int32) bool {
	return m.rows[int(a)*m.width+int(b>>6)]>>(b&63)&1 == 1
}

func (m *matrix) flip(a, b int32) {
	m.rows[int(a)*m.width+int(b>>6)] ^= 1 << (b & 63)
	m.rows[int(b)*m.width+int(a>>6)] ^= 1 << (a & 63)
}

func (m *matrix) forget(edges []pair) {
	for _, e := range edges {
		m.flip(e.a, e.b)
	}
}

// pairSet is a hash table with open addressing: a pair stands at the first free slot from where its
// hash points to. It takes half the time and memory of a map.
type pairSet struct {
	slots []uint64 // 0: free
	shift uint     // leaves as many bits of a hash as slots need
	used  int
}

// newPairSet has room for that many pairs, and grows beyond that.
func newPairSet(room int) *pairSet {
	width := bits.Len(uint(max(room, 8) * 4 / 3))
	return &pairSet{slots: make([]uint64, 1<<width), shift: uint(64 - width)}
}

// pairKey is never 0, since one of two different places is not.
func pairKey(a, b int32) uint64 { return uint64(min(a, b))<<32 | uint64(max(a, b)) }

// home is the slot that a key's hash points to: the golden ratio spreads what lies side by side.
func (s *pairSet) home(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> s.shift) }

// find returns the slot of a key, or the one to put it in, and whether it is there.
func (s *pairSet) find(key uint64) (at int, found bool) {
	mask := len(s.slots) - 1
	for at = s.home(key); s.slots[at] != 0; at = (at + 1) & mask {
		if s.slots[at] == key {
			return at, true
		}
	}
	return at, false
}

func (s *pairSet) has(a, b int32) bool {
	_, found := s.find(pairKey(a, b))
	return found
}

func (s *pairSet) flip(a, b int32) {
	key := pairKey(a, b)
	at, found := s.find(key)
	if found {
		s.remove(at)
		return
	}
	if s.used >= len(s.slots)/4*3 { // beyond three quarters the ways grow long
		old := s.slots
		s.slots, s.shift = make([]uint64, 2*len(old)), s.shift-1
		for _, k := range old {
			if k != 0 {
				to, _ := s.find(k)
				s.slots[to] = k
			}
		}
		at, _ = s.find(key)
	}
	s.slots[at] = key
	s.used++
}

// remove frees a slot and moves up the keys behind it that would not be found any more.
func (s *pairSet) remove(at int) {
	mask := len(s.slots) - 1
	for next := (at + 1) & mask; s.slots[next] != 0; next = (next + 1) & mask {
		// A key may move up if its home is not on the way from the free slot to where it is.
		if (next-s.home(s.slots[next]))&mask >= (next-at)&mask {
			s.slots[at] = s.slots[next]
			at = next
		}
	}
	s.slots[at] = 0
	s.used--
}

func (s *pairSet) forget([]pair) {
	clear(s.slots)
	s.used = 0
}

// parts is a union–find over places.
type parts []int32

func newParts(n int) parts {
	p := make(parts, n)
	for i := range p {
		p[i] = int32(i)
	}
	return p
}

func (p parts) of(v int32) int32 {
	for p[v] != v {
		p[v] = p[p[v]] // halving keeps the ways short
		v = p[v]
	}
	return v
}

// unite makes one part of two and reports whether they were two.
func (p parts) unite(a, b int32) bool {
	a, b = p.of(a), p.of(b)
	if a == b {
		return false
	}
	p[max(a, b)] = min(a, b)
	return true
}

// connect reports whether the edges hold n places together.
func connect(n int, edges []pair) bool {
	parts, left := newParts(n), n
	for _, e := range edges {
		if parts.unite(e.a, e.b) {
			left--
		}
	}
	return left <= 1
}
