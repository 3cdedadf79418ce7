package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The parameters of Watts and Strogatz's model. k = 4 is the smallest even number of neighbours
// with which the ring has triangles; p = 0.1 lies in the range in which their paper finds short
// paths and many triangles at once.
const (
	smallworldPeers    = 4
	smallworldShortcut = 0.1
)

// maxSmallworlds bounds the drawing of connected ones. Nearly every graph is.
const maxSmallworlds = 100

func refuseSmallworld(n, _ int) string {
	if n <= smallworldPeers {
		return fmt.Sprintf("it needs at least %d nodes, not %d, because each has its %d nearest as peers", smallworldPeers+1, n, smallworldPeers)
	}
	return ""
}

func buildSmallworld(n, _ int, src rand.Source) *Graph {
	rng := rand.New(src)
	for range maxSmallworlds {
		if edges := drawSmallworld(n, 1, rng); connect(n, edges) {
			return pack(upTo(n), listed(edges))
		}
	}
	// A ring that is left alone connects whatever is done to the rest.
	return pack(upTo(n), listed(drawSmallworld(n, 2, rng)))
}

// drawSmallworld starts with a ring of near neighbours and moves the far end of every edge to some
// other place with probability smallworldShortcut, first the edges to the next place, then those to
// the next but one; edges shorter than from stay.
func drawSmallworld(n, from int, rng *rand.Rand) []pair {
	w := newWorld(n)
	for step := from; step <= smallworldPeers/2; step++ {
		for v := range n {
			if rng.Float64() < smallworldShortcut {
				w.move(v*smallworldPeers/2+step-1, rng)
			}
		}
	}
	return w.edges
}

// world is a small world in the making.
type world struct {
	edges []pair    // those to the next places of each place together, the shortest first
	peers [][]int32 // by place, in no order
	taken []int32   // for move
}

// newWorld makes the ring.
func newWorld(n int) *world {
	const k = smallworldPeers
	w := &world{edges: make([]pair, 0, n*k/2), peers: make([][]int32, n)}
	room := make([]int32, n*k) // few places need more, so that few lists move
	for v := range w.peers {
		w.peers[v] = room[v*k : v*k : (v+1)*k]
	}
	for a := range int32(n) {
		for step := 1; step <= k/2; step++ {
			b := int32((int(a) + step) % n)
			w.edges = append(w.edges, pair{a, b})
			w.peers[a], w.peers[b] = append(w.peers[a], b), append(w.peers[b], a)
		}
	}
	return w
}

// move gives the i-th edge another far end by chance. It does nothing if the near end has everybody
// as a peer.
func (w *world) move(i int, rng *rand.Rand) {
	v, old := w.edges[i].a, w.edges[i].b
	free := len(w.peers) - 1 - len(w.peers[v])
	if free == 0 {
		return
	}
	to := int32(rng.IntN(free)) // counted among the free places; now it is counted among all
	w.taken = append(append(w.taken[:0], w.peers[v]...), v)
	slices.Sort(w.taken)
	for _, t := range w.taken {
		if t > to {
			break
		}
		to++
	}
	w.edges[i].b = to
	w.peers[v][slices.Index(w.peers[v], old)] = to
	at := slices.Index(w.peers[old], v)
	w.peers[old] = slices.Delete(w.peers[old], at, at+1)
	w.peers[to] = append(w.peers[to], v)
}
