package topology

import (
	"iter"
	"slices"
)

// pair joins two places; places are counted from 0 and stand for nodes in ascending order.
type pair struct{ a, b int32 }

// pairs yields edges as pairs of places.
type pairs = iter.Seq2[int32, int32]

// pack makes the graph of the given nodes, which are in ascending order and become the graph's, and
// of the given edges. It goes through them twice, and so needs no list of them. An edge may come
// more than once, either way round.
func pack(nodes []int, edges pairs) *Graph {
	n := len(nodes)
	first := make([]int32, n+1) // for now, at i+1: how many ends the node at i has
	for a, b := range edges {
		first[a+1]++
		first[b+1]++
	}
	for i := range n {
		first[i+1] += first[i]
	}
	ends := make([]int32, first[n])
	for a, b := range edges { // first[i] moves on with each end, until it is where i+1 begins
		ends[first[a]] = b
		first[a]++
		ends[first[b]] = a
		first[b]++
	}
	copy(first[1:], first)
	begin, kept := int32(0), int32(0)
	for i := range n {
		list := ends[begin:first[i+1]]
		if !slices.IsSorted(list) {
			slices.Sort(list)
		}
		begin, first[i] = first[i+1], kept
		before := int32(-1)
		for _, p := range list {
			if p != before {
				ends[kept] = int32(nodes[p])
				kept++
			}
			before = p
		}
	}
	first[n] = kept
	return &Graph{nodes: nodes, first: first, ends: ends[:kept:kept]}
}

// listed yields the edges of a list.
func listed(edges []pair) pairs {
	return func(yield func(a, b int32) bool) {
		for _, e := range edges {
			if !yield(e.a, e.b) {
				return
			}
		}
	}
}
