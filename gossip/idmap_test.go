package gossip

import (
	"math/rand/v2"
	"testing"
)

// The map is compared with a plain one.
func TestIDMapAgainstAMap(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var m IDMap
		plain := map[ID]uint64{}
		pages := map[pageName]int{}
		for step := range uint64(5000) {
			id := ID{NodeID(1 + rng.IntN(3)), uint32(1 + rng.IntN(2)), uint32(1 + rng.IntN(300))}
			name := pageName{id.Origin, id.Run, id.Seq / pageSize}
			switch rng.IntN(3) {
			case 0:
				if plain[id] == 0 {
					pages[name]++
				}
				plain[id] = step + 1
				m.Set(id, step+1)
			case 1:
				if plain[id] != 0 {
					if pages[name]--; pages[name] == 0 {
						delete(pages, name)
					}
				}
				delete(plain, id)
				m.Delete(id)
			}
			if got := m.Get(id); got != plain[id] {
				t.Fatalf("seed %d: %v is %d, want %d", seed, id, got, plain[id])
			}
			if len(m.pages) != len(pages) {
				t.Fatalf("seed %d: %d pages, want %d", seed, len(m.pages), len(pages))
			}
		}
	}
}

func BenchmarkIDMap(b *testing.B) {
	const n = 1 << 16
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = ID{NodeID(1 + i%4), 1, uint32(1 + i/4)}
	}
	var paged IDMap
	plain := make(map[ID]uint64)
	for i, id := range ids {
		paged.Set(id, uint64(i+1))
		plain[id] = uint64(i + 1)
	}
	b.Run("paged", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if paged.Get(ids[i%n]) == 0 {
				b.Fatal("not there")
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if plain[ids[i%n]] == 0 {
				b.Fatal("not there")
			}
		}
	})
}
