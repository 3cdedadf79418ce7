package membership

import (
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/gossip"
)

// Members come, go, crash, stand still and are cut off in any order, while packets are lost: once all that is over,
// views agree within minutes, whatever happened, and everything a machine keeps fits together.
func TestChaos(t *testing.T) {
	t.Parallel()
	seeds := uint64(120)
	if !thorough {
		seeds = 15
	}
	var worst time.Duration
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 6))
		n := 2 + rng.IntN(20)
		w := open(t, trialSpec{kind: swimKind, n: n, seed: seed, loss: rng.Float64() * 0.3})
		for range 10 + rng.IntN(30) {
			w.run(w.Now() + time.Duration(rng.IntN(12_000))*time.Millisecond)
			id := gossip.NodeID(1 + rng.IntN(n))
			switch rng.IntN(8) {
			case 0, 1:
				w.Crash(id)
			case 2:
				if w.lives(id) && !w.Paused(id) {
					w.leave(id)
					w.run(w.Now() + 50*time.Millisecond)
					w.Crash(id)
				}
			case 3, 4:
				if !w.Alive(id) {
					w.left[id] = false
					w.SetPeers(id, gossip.NewPeers([]gossip.NodeID{1}))
					w.Start(id)
				}
			case 5:
				w.Pause(id)
			case 6:
				w.Resume(id)
			case 7:
				if rng.IntN(2) == 0 {
					w.sever(1 + rng.IntN(n))
				} else {
					w.heal()
				}
			}
		}
		for id := gossip.NodeID(1); int(id) <= n; id++ {
			w.Resume(id)
			if !w.Alive(id) && rng.IntN(2) == 0 || id == 1 && !w.Alive(1) {
				w.left[id] = false
				w.SetPeers(id, gossip.NewPeers([]gossip.NodeID{1}))
				w.Start(id)
			}
		}
		w.plan.Loss = 0
		w.heal()
		began := w.Now()
		for !w.agreed() {
			w.run(w.Now() + 100*time.Millisecond)
			if w.Now() > began+3*time.Minute {
				for id := gossip.NodeID(1); int(id) <= n; id++ {
					if w.lives(id) {
						t.Logf("node %d: %v", id, w.cores[id].Members())
					}
				}
				t.Fatalf("seed %d: views do not agree after three minutes", seed)
			}
		}
		worst = max(worst, w.Now()-began)
		var out gossip.Outbox
		for id := gossip.NodeID(1); int(id) <= n; id++ {
			if w.lives(id) {
				sane(t, w.cores[id], &out)
			}
		}
	}
	t.Logf("%d seeds: views agree after %v at the latest", seeds, worst)
}
