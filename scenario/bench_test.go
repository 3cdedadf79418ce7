package scenario

import "testing"

// BenchmarkChaos is one seed of chaos, with its judgement: 50 a second on two cores are promised.
func BenchmarkChaos(b *testing.B) {
	s := open(b, "chaos", Override{})
	seed := uint64(0)
	for b.Loop() {
		seed++
		simulate(b, s, seed, Options{})
	}
}
