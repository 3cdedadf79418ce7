package membership

import (
	"math"
	"testing"
	"time"
)

// All nodes of a network join in the same instant through one of them: how many gossips until everybody knows
// everybody.
func TestJoinThroughOneContact(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 16, 64, 256, 1024} {
		if n > 256 && !thorough {
			continue
		}
		for _, kind := range []Kind{acquaintKind, swimKind} {
			w := open(t, trialSpec{kind: kind, n: n, seed: uint64(n)})
			w.deaf = true
			took := w.await("full mutual knowledge", time.Minute, w.agreed)
			rounds := float64(took) / float64(200*time.Millisecond)
			t.Logf("%s, %4d nodes: %v, %.1f gossips; log2 n is %.1f; %.1f packets and %.0f names a node",
				kind.Name, n, took, rounds, math.Log2(float64(n)), float64(w.Count.Packets)/float64(n), float64(w.names)/float64(n))
			if limit := 6 + 2*math.Log2(float64(n)); rounds > limit {
				t.Errorf("%s, %d nodes: %.1f gossips, more than %.1f", kind.Name, n, rounds, limit)
			}
		}
	}
}
