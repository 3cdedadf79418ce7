package protocol

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gossipctl/gossip"
)

// TestPartnersAreDrawnAlike draws from few and many peers, listed or not, and counts how often each
// comes, at each place.
func TestPartnersAreDrawnAlike(t *testing.T) {
	for _, c := range []struct {
		name   string
		peers  gossip.Peers
		k      int
		except []gossip.NodeID
		open   int // who may be drawn
	}{
		{"one of many", gossip.Everyone(40, 7), 1, nil, 39},
		{"three of many", gossip.Everyone(40, 7), 3, []gossip.NodeID{7, 3, 3, 99, 0}, 38},
		{"three of six", gossip.NewPeers([]gossip.NodeID{2, 3, 5, 8, 9, 10}), 3, []gossip.NodeID{5}, 5},
		{"two of two", gossip.NewPeers([]gossip.NodeID{2, 3, 5}), 2, []gossip.NodeID{3}, 2},
		{"more than there are", gossip.NewPeers([]gossip.NodeID{2, 3, 5}), 9, []gossip.NodeID{3}, 2},
		{"nobody is left", gossip.NewPeers([]gossip.NodeID{2, 3}), 1, []gossip.NodeID{2, 3}, 0},
		{"no peers", gossip.Peers{}, 3, []gossip.NodeID{1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			const draws = 40_000
			rng := rand.New(rand.NewPCG(1, 5))
			k := min(c.k, c.open)
			count := make([]map[gossip.NodeID]int, k) // at each place
			for i := range count {
				count[i] = make(map[gossip.NodeID]int)
			}
			before := []gossip.NodeID{4, 2} // stays as it is, and is not an exception
			for range draws {
				list := drawPartners(rng, c.peers, c.k, c.except, slices.Clone(before))
				if len(list) != len(before)+k || !slices.Equal(list[:len(before)], before) {
					t.Fatalf("drew %v after %v, want %d", list, before, k)
				}
				for i, id := range list[len(before):] {
					if !c.peers.Has(id) || slices.Contains(c.except, id) || slices.Contains(list[len(before):len(before)+i], id) {
						t.Fatalf("drew %v", list[len(before):])
					}
					count[i][id]++
				}
			}
			for i := range count {
				if len(count[i]) != c.open {
					t.Errorf("place %d was taken by %d of %d", i, len(count[i]), c.open)
				}
				for id, n := range count[i] {
					if want := float64(draws) / float64(c.open); float64(n) < 0.85*want || float64(n) > 1.15*want {
						t.Errorf("%d came %d times at place %d, want about %.0f", id, n, i, want)
					}
				}
			}
		})
	}
}
