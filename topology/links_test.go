package topology

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPairSetModel holds the hash table against a map. A few places make the same pairs come and go, and
// a small table has long ways that cross its end.
func TestPairSetModel(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s, model := newPairSet(0), map[pair]bool{}
		places := int32(3 + rng.IntN(200))
		for step := range 6000 {
			a, b := rng.Int32N(places), rng.Int32N(places)
			if a == b {
				continue
			}
			key := pair{min(a, b), max(a, b)}
			if got := s.has(a, b); got != model[key] {
				t.Fatalf("seed %d step %d: %d–%d: %v, want %v", seed, step, a, b, got, model[key])
			}
			if step%1000 < 700 || model[key] { // grow for a while, then shrink
				s.flip(a, b)
				if model[key] = !model[key]; !model[key] {
					delete(model, key)
				}
			}
			if s.used != len(model) {
				t.Fatalf("seed %d step %d: %d pairs, want %d", seed, step, s.used, len(model))
			}
		}
		for a := range places {
			for b := range a {
				if s.has(a, b) != model[pair{b, a}] {
					t.Fatalf("seed %d: in the end %d–%d: %v", seed, a, b, s.has(a, b))
				}
			}
		}
		s.forget(nil)
		if s.has(0, 1) || s.used != 0 {
			t.Errorf("seed %d: something is left", seed)
		}
	}
}

// TestRemoveKeepsCrowds takes pairs out of the middle of a crowd that lies across the end of the table.
func TestRemoveKeepsCrowds(t *testing.T) {
	s := newPairSet(0)
	var crowd []pair // whose home is one of the last three slots
	for a := int32(1); len(crowd) < 8; a++ {
		if s.home(pairKey(0, a)) >= len(s.slots)-3 {
			crowd = append(crowd, pair{0, a})
		}
	}
	for gone := range crowd {
		s.forget(nil)
		for _, e := range crowd {
			s.flip(e.a, e.b)
		}
		s.flip(crowd[gone].a, crowd[gone].b)
		for i, e := range crowd {
			if s.has(e.a, e.b) == (i == gone) {
				t.Errorf("without %d: %d is there: %v", gone, i, i == gone)
			}
		}
	}
}

// TestBothLinksAlike draws the same graphs with a bit for each pair and with the hash table, which takes
// over where the bits would be too many.
func TestBothLinksAlike(t *testing.T) {
	const n, k = 60, 5
	for seed := range uint64(30) {
		var drawn [][]pair
		for _, l := range []links{newMatrix(n), newPairSet(0)} {
			rng := rand.New(rand.NewPCG(seed, 8))
			s := &sketch{n: n, links: l}
			for !s.pair(3, rng) {
			}
			s.mix(rng)
			s.join(rng)
			s.clear()
			if !s.deal(k, rng) {
				t.Fatalf("seed %d: not mended", seed)
			}
			s.mix(rng)
			drawn = append(drawn, s.edges)
			for a := range int32(n) {
				for b := range a {
					listed := slices.Contains(s.edges, pair{a, b}) || slices.Contains(s.edges, pair{b, a})
					if s.has(a, b) != listed {
						t.Fatalf("seed %d: %d–%d: %v, in the list: %v", seed, a, b, s.has(a, b), listed)
					}
				}
			}
		}
		if !slices.Equal(drawn[0], drawn[1]) {
			t.Fatalf("seed %d: two graphs", seed)
		}
	}
}

func TestNewLinks(t *testing.T) {
	if _, bits := newLinks(maxMatrix, 5).(*matrix); !bits {
		t.Error("no bits for few places")
	}
	if _, bits := newLinks(maxMatrix+1, 5).(*matrix); bits {
		t.Error("bits for many places")
	}
}
