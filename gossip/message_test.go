package gossip

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
func lenOf(v any) int             { return reflect.ValueOf(v).Len() }

func TestParseID(t *testing.T) {
	for _, id := range []ID{{8, 1, 1}, {5000, 2, 1<<31 - 1}} {
		got, err := ParseID(id.String())
		if err != nil || got != id {
			t.Errorf("%v reads back as %v, %v", id, got, err)
		}
	}
	for _, bad := range []string{"", "8", "8.1", "8.1.1.1", "0.1.1", "8.0.1", "8.1.0", "8.1.-1", "8.1.+1", "08.1.1", "8.1.x", "8.1.4294967296", " 8.1.1", "8.1.1 "} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("8.1.1")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q was read as %v", s, id)
		}
	})
}

// The set is compared with a plain map, in orders that make, grow, join and fill ranges.
func TestIDSetAgainstAMap(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var set IDSet
		plain := map[ID]bool{}
		for range 3000 {
			id := ID{NodeID(1 + rng.IntN(3)), uint32(1 + rng.IntN(2)), uint32(1 + rng.IntN(400))}
			if set.Has(id) != plain[id] {
				t.Fatalf("seed %d: Has(%v) is %v", seed, id, !plain[id])
			}
			if set.Add(id) == plain[id] {
				t.Fatalf("seed %d: Add(%v) is %v", seed, id, plain[id])
			}
			plain[id] = true
		}
		if set.Len() != len(plain) {
			t.Fatalf("seed %d: Len %d, want %d", seed, set.Len(), len(plain))
		}
	}
}

func TestIDSetStaysSmallAndErrsTowardsSeen(t *testing.T) {
	var set IDSet
	for seq := uint32(1); seq <= 1_000_000; seq++ {
		set.Add(ID{1, 1, seq})
	}
	if spans := len(set.lives[life{1, 1}]); spans != 1 {
		t.Errorf("a million numbers in order are kept as %d ranges", spans)
	}
	// A hostile peer leaves a gap after every number.
	for seq := uint32(2); seq < 8*MaxSpans; seq += 2 {
		set.Add(ID{2, 1, seq})
	}
	if spans := len(set.lives[life{2, 1}]); spans > MaxSpans {
		t.Errorf("%d ranges, the bound is %d", spans, MaxSpans)
	}
	for seq := uint32(2); seq < 8*MaxSpans; seq += 2 {
		if !set.Has(ID{2, 1, seq}) {
			t.Fatalf("number %d was forgotten", seq)
		}
	}
	for origin := NodeID(3); origin < MaxLives+10; origin++ {
		set.Add(ID{origin, 1, 1})
	}
	if lives := len(set.lives); lives > MaxLives {
		t.Errorf("%d lives, the bound is %d", lives, MaxLives)
	}
	if stranger := (ID{MaxLives + 100, 1, 1}); !set.Has(stranger) || set.Add(stranger) {
		t.Error("a full set must take strangers for seen")
	}
}
