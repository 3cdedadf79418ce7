package gossip

import (
	"math/rand/v2"
	"testing"
)

// A set made of ranges is compared with one made name by name, and with what comes out of it again.
func TestIDSetRangesAgainstNames(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var ranges, names, copied IDSet
		for range 60 {
			first := ID{NodeID(1 + rng.IntN(2)), 1, uint32(1 + rng.IntN(300))}
			last := first.Seq + uint32(rng.IntN(20))
			ranges.AddRange(first, last)
			for seq := first.Seq; seq <= last; seq++ {
				names.Add(ID{first.Origin, first.Run, seq})
			}
		}
		for first, last := range ranges.Ranges() {
			copied.AddRange(first, last)
		}
		for origin := NodeID(1); origin <= 2; origin++ {
			for seq := range uint32(350) {
				id := ID{origin, 1, seq}
				if ranges.Has(id) != names.Has(id) || copied.Has(id) != names.Has(id) {
					t.Fatalf("seed %d: Has(%v) is %v, copied %v, want %v", seed, id, ranges.Has(id), copied.Has(id), names.Has(id))
				}
			}
		}
		if ranges.Len() != names.Len() || copied.Len() != names.Len() {
			t.Fatalf("seed %d: Len %d, copied %d, want %d", seed, ranges.Len(), copied.Len(), names.Len())
		}
	}
	var set IDSet
	set.AddRange(ID{1, 1, 5}, 4) // nothing
	set.AddRange(ID{1, 1, 1}, 1<<32-1)
	if set.AddRange(ID{1, 1, 7}, 9); set.Len() != 1<<32-1 || len(set.lives[life{1, 1}]) != 1 {
		t.Errorf("%d names in %d ranges", set.Len(), len(set.lives[life{1, 1}]))
	}
	for seq := uint32(2); seq < 8*MaxSpans; seq += 2 {
		set.AddRange(ID{2, 1, seq}, seq)
	}
	if n := len(set.lives[life{2, 1}]); n > MaxSpans {
		t.Errorf("%d ranges, the bound is %d", n, MaxSpans)
	}
}
