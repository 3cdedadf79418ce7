package topology

import (
	"fmt"
	"math/rand/v2"
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
	nodes := New(n).Nodes()
	for range maxSmallworlds {
		if s := drawSmallworld(n, 1, rng); s.connected() {
			return s.graph(nodes, false)
		}
	}
	// A ring that is left alone connects whatever is done to the rest.
	return drawSmallworld(n, 2, rng).graph(nodes, false)
}

// drawSmallworld starts with a ring of near neighbours and moves the far end of every edge to some
// other place with probability smallworldShortcut, first the edges to the next place, then those to
// the next but one; edges shorter than from stay.
func drawSmallworld(n, from int, rng *rand.Rand) *sketch {
	s := harary(n, smallworldPeers)
	for step := from; step <= smallworldPeers/2; step++ {
		for v := range n {
			if rng.Float64() >= smallworldShortcut {
				continue
			}
			// harary lists the edges of a place together, the shortest first.
			s.move(v*smallworldPeers/2+step-1, int32(v), rng)
		}
	}
	return s
}

// move gives the i-th edge, which starts at v, another end by chance. It does nothing if v has
// everybody as a peer.
func (s *sketch) move(i int, v int32, rng *rand.Rand) {
	var free []int32
	for w := range int32(s.n) {
		if w != v && !s.has(v, w) {
			free = append(free, w)
		}
	}
	if len(free) > 0 {
		s.replace(i, pair{v, free[rng.IntN(len(free))]})
	}
}
