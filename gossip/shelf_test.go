package gossip

import (
	"math/rand/v2"
	"testing"
)

// The shelf is compared with a plain slice.
func TestShelfAgainstASlice(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var shelf Shelf[int]
		var plain []int
		dropped := 0
		for step := range 5000 {
			if rng.IntN(5) > 1 || len(plain) == dropped {
				v, number := shelf.Add()
				*v = step + 1
				plain = append(plain, step+1)
				if number != uint64(len(plain)) {
					t.Fatalf("seed %d: number %d, want %d", seed, number, len(plain))
				}
			} else {
				shelf.Drop()
				dropped++
			}
			if shelf.Len() != len(plain)-dropped || shelf.Last() != uint64(len(plain)) || shelf.Oldest() != uint64(dropped+1) {
				t.Fatalf("seed %d: %d things from %d to %d, want %d", seed, shelf.Len(), shelf.Oldest(), shelf.Last(), len(plain)-dropped)
			}
			if n := shelf.Len(); n > 0 {
				at := dropped + rng.IntN(n)
				if got := *shelf.At(uint64(at + 1)); got != plain[at] {
					t.Fatalf("seed %d: number %d is %d, want %d", seed, at+1, got, plain[at])
				}
			}
			if want := shelf.Len()/shelfBlock + 2; len(shelf.blocks) > want {
				t.Fatalf("seed %d: %d blocks for %d things", seed, len(shelf.blocks), shelf.Len())
			}
		}
	}
}

func TestShelfPanicsOnNumbersItDoesNotHave(t *testing.T) {
	var shelf Shelf[int]
	shelf.Add()
	shelf.Add()
	shelf.Drop()
	for _, number := range []uint64{0, 1, 3} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("number %d is there", number)
				}
			}()
			shelf.At(number)
		}()
	}
}
