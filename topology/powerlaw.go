package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/sampleuv"
)

// The parameters of Holme and Kim's model (arXiv cond-mat/0110452). m = 3: a newcomer is given as
// many peers as a node of the kind random has by default. p = 0.5: half of its links but the first
// close a triangle, midway between none and as many as the model can.
const (
	powerlawLinks    = 3
	powerlawTriangle = 0.5
)

func refusePowerlaw(n, _ int) string {
	if n <= powerlawLinks {
		return fmt.Sprintf("it needs at least %d nodes, not %d, because each newcomer is joined to %d others", powerlawLinks+1, n, powerlawLinks)
	}
	return ""
}

// buildPowerlaw draws the graph that gonum's TunableClusteringScaleFree draws from the same seed,
// which weighs all nodes anew after each newcomer: here only those weights are changed that did. The
// first newcomer is joined to all that are there and every other one to some of them, so the graph
// is connected.
func buildPowerlaw(n, _ int, src rand.Source) *Graph {
	h := hubs{peers: make([][]int32, n), rng: rand.New(src)}
	weights := make([]float64, n)
	for v := range powerlawLinks {
		weights[v] = 1 // as yet without peers, which are their weights from then on
	}
	h.urn = sampleuv.NewWeighted(weights, src)
	for v := powerlawLinks; v < n; v++ {
		h.admit(int32(v))
	}
	return pack(upTo(n), func(yield func(a, b int32) bool) {
		for a, peers := range h.peers {
			for _, b := range peers {
				if b < int32(a) && !yield(int32(a), b) {
					return
				}
			}
		}
	})
}

// hubs is a power-law graph that grows.
type hubs struct {
	peers  [][]int32         // by place, sorted
	urn    sampleuv.Weighted // a place for each of its peers, but none for those drawn since the newcomer came
	drawn  []int32           // those
	around []int32           // for triangle
	rng    *rand.Rand
}

// admit joins the newcomer v to others: the first in proportion to their peers; each further one, by
// the toss of a coin, either alike or a peer of the one drawn last.
func (h *hubs) admit(v int32) {
	h.drawn = h.drawn[:0]
	last := int32(-1)
	for i := range powerlawLinks {
		if i > 0 && h.rng.Float64() < powerlawTriangle && h.triangle(v, last) {
			continue
		}
		for last = h.draw(); last == v || h.joined(v, last); last = h.draw() {
		}
		h.join(v, last)
	}
	h.drawn = append(append(h.drawn, h.peers[v]...), v)
	for _, u := range h.drawn {
		h.urn.Reweight(int(u), float64(len(h.peers[u])))
	}
}

// draw takes a place out of the urn.
func (h *hubs) draw() int32 {
	u, ok := h.urn.Take()
	if !ok {
		panic("topology: a newcomer finds nobody") // refusePowerlaw was wrong
	}
	h.drawn = append(h.drawn, int32(u))
	return int32(u)
}

// triangle joins v to a random peer of u, which is its peer, and reports whether there was one that
// it could join.
func (h *hubs) triangle(v, u int32) bool {
	h.around = append(h.around[:0], h.peers[u]...)
	for i := range h.around[:len(h.around)-1] {
		j := h.rng.IntN(len(h.around)-i) + i
		h.around[i], h.around[j] = h.around[j], h.around[i]
	}
	for _, w := range h.around {
		if w != v && !h.joined(v, w) {
			h.join(v, w)
			return true
		}
	}
	return false
}

func (h *hubs) joined(v, u int32) bool { return slices.Contains(h.peers[v], u) }

// join makes the newcomer v, which is the last of all, and u peers.
func (h *hubs) join(v, u int32) {
	h.peers[u] = append(h.peers[u], v)
	at, _ := slices.BinarySearch(h.peers[v], u)
	h.peers[v] = slices.Insert(h.peers[v], at, u)
}
