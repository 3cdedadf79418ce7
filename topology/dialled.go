package topology

import (
	"fmt"
	"math/rand/v2"
)

func refuseDialled(n, dials int) string {
	switch {
	case dials < 1:
		return fmt.Sprintf("a node dials at least 1 other, not %d", dials)
	case n == 1:
		return "1 node has nobody to dial"
	case dials >= n:
		return fmt.Sprintf("%s cannot each dial %d others, because a node has only %s", count(n, "node"), dials, count(n-1, "other"))
	}
	return ""
}

// buildDialled draws the network of vyzo's simulations of gossipsub (gerbil-simsub): everybody dials
// so many different others, each choice equally likely, and who is dialled is connected as much as
// who dials. Two that dial each other have one link.
func buildDialled(n, dials int, src rand.Source) *Graph {
	d := dialled{n: n, each: dials, to: make([]int32, 0, n*dials)}
	rng := rand.New(src)
	d.draw(rng)
	d.join(rng)
	return pack(upTo(n), d.pairs)
}

// dialled says whom each place dials: v those at to[v*each] and on.
type dialled struct {
	n, each int
	to      []int32
}

// draw has every place dial, by Floyd's method: each dial takes one number, however many of the
// others were dialled before.
func (d *dialled) draw(rng *rand.Rand) {
	by := make([]int32, d.n) // who dialled a place last, counted from 1; places are counted without the one that dials
	for v := range int32(d.n) {
		for last := d.n - 1 - d.each; last < d.n-1; last++ {
			w := int32(rng.IntN(last + 1))
			if by[w] == v+1 {
				w = int32(last)
			}
			by[w] = v + 1
			if w >= v {
				w++
			}
			d.to = append(d.to, w)
		}
	}
}

// join makes the network connected: in each part but the largest, somebody dials a random place of
// that one instead of one of its own, whose part holds together without. There is such a dial,
// because a part has no fewer dials than places. With one dial each most large networks fall apart;
// with two or more it is less than one in 10,000 of any size.
func (d *dialled) join(rng *rand.Rand) {
	parts, left := newParts(d.n), d.n
	spare := make([]int32, d.n) // by place: one of its dials that closes a way round, counted from 1
	for i, w := range d.to {
		if v := i / d.each; parts.unite(int32(v), w) {
			left--
		} else {
			spare[v] = int32(i) + 1
		}
	}
	if left == 1 {
		return
	}
	size, cut := make([]int32, d.n), make([]int32, d.n) // by the part's first place
	largest := int32(0)
	for v := range int32(d.n) {
		part := parts.of(v)
		if size[part]++; size[part] > size[largest] {
			largest = part
		}
		if spare[v] > 0 {
			cut[part] = spare[v]
		}
	}
	for part := range int32(d.n) {
		if size[part] == 0 || part == largest {
			continue
		}
		w := int32(rng.IntN(d.n))
		for parts.of(w) != largest {
			w = int32(rng.IntN(d.n))
		}
		d.to[cut[part]-1] = w
	}
}

// pairs yields every dial.
func (d *dialled) pairs(yield func(a, b int32) bool) {
	for i, w := range d.to {
		if !yield(int32(i/d.each), w) {
			return
		}
	}
}
