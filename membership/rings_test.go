package membership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
)

// graphOf reckons the neighbours of all of some nodes, each by itself.
func graphOf(seed uint64, peers int, nodes []gossip.NodeID) map[gossip.NodeID][]gossip.NodeID {
	graph := make(map[gossip.NodeID][]gossip.NodeID)
	for _, self := range nodes {
		r := newRings(seed, self, peers)
		var here pool
		for _, id := range nodes {
			if id != self {
				r.add(id)
				here.add(&member{record: record{node: id, run: 1}})
			}
		}
		graph[self] = r.neighbours(here)
	}
	return graph
}

// reached is how many nodes can be reached from the first.
func reached(graph map[gossip.NodeID][]gossip.NodeID, first gossip.NodeID) int {
	seen := map[gossip.NodeID]bool{first: true}
	for todo := []gossip.NodeID{first}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		for _, id := range graph[at] {
			if !seen[id] {
				seen[id] = true
				todo = append(todo, id)
			}
		}
	}
	return len(seen)
}

func TestRings(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 3, 4, 10, 100, 500} {
		for _, peers := range []int{0, 1, 2, 4, 6} {
			nodes := make([]gossip.NodeID, n)
			for i := range nodes {
				nodes[i] = gossip.NodeID(i*3 + 1 + rng.IntN(3))
			}
			graph := graphOf(7, peers, nodes)
			what := fmt.Sprintf("%d nodes, peers=%d", n, peers)
			if got := reached(graph, nodes[0]); got != n {
				t.Errorf("%s: %d are connected", what, got)
			}
			edges := 0
			for id, list := range graph {
				for _, other := range list {
					if other == id || !slices.Contains(graph[other], id) {
						t.Errorf("%s: %d has %d, but not the other way round", what, id, other)
					}
				}
				edges += len(list)
				most := (peers + 1) / 2 * 2
				if peers == 0 {
					most = n - 1
				}
				if len(list) > most || len(list) < min(n-1, 1) || n > 3 && peers > 0 && len(list) < 2 {
					t.Errorf("%s: %d has %v", what, id, list)
				}
			}
			if mean := float64(edges) / float64(n); n >= 100 && peers == 4 && mean < 3.8 {
				t.Errorf("%s: %.2f neighbours on average", what, mean)
			}
		}
	}
}

// A member that goes changes the neighbours of those beside it only; what is kept up step by step is what would be
// reckoned anew.
func TestRingsChangeLittle(t *testing.T) {
	nodes := make([]gossip.NodeID, 100)
	for i := range nodes {
		nodes[i] = gossip.NodeID(i + 1)
	}
	before, after := graphOf(9, 4, nodes), graphOf(9, 4, nodes[:99])
	changed := 0
	for _, id := range nodes[:99] {
		if !slices.Equal(before[id], after[id]) {
			changed++
		}
	}
	if changed < 1 || changed > 4 {
		t.Errorf("the neighbours of %d have changed", changed)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	r := newRings(9, 1, 4)
	var here pool
	members := make(map[gossip.NodeID]*member)
	for range 3000 {
		id := gossip.NodeID(2 + rng.IntN(30))
		if m := members[id]; m != nil {
			here.remove(m)
			delete(members, id)
			r.remove(id)
		} else {
			members[id] = &member{record: record{node: id, run: 1}}
			here.add(members[id])
			r.add(id)
		}
		fresh := newRings(9, 1, 4)
		for id := range members {
			fresh.add(id)
		}
		if got, want := r.neighbours(here), fresh.neighbours(here); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// The protocol within is told its neighbours when they are others, and only then; all nodes see the same graph.
func TestNeighboursOfANetwork(t *testing.T) {
	for _, n := range []int{1, 2, 3, 30} {
		w := open(t, trialSpec{kind: swimKind, n: n, seed: 4})
		w.run(5 * time.Second)
		nodes := make([]gossip.NodeID, n)
		for i := range nodes {
			nodes[i] = gossip.NodeID(i + 1)
		}
		want := graphOf(4, 4, nodes)
		for _, id := range nodes {
			if got := w.cores[id].told; !slices.Equal(got, want[id]) {
				t.Errorf("node %d of %d has %v, want %v", id, n, got, want[id])
			}
			if w.inner[id].peers.Len() != len(want[id]) || w.cores[id].Neighbours().Len() != len(want[id]) {
				t.Errorf("node %d of %d: the protocol has %d", id, n, w.inner[id].peers.Len())
			}
		}
		told := 0
		for _, id := range nodes {
			told += w.inner[id].told
		}
		w.run(w.Now() + time.Minute)
		for _, id := range nodes {
			told -= w.inner[id].told
		}
		if told != 0 {
			t.Errorf("%d nodes: neighbours were told again though nothing has changed", n)
		}
	}
}
