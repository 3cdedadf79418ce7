package main

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// wire is what one node has sent to another and the other has not read yet.
type wire struct{ from, to int }

// world is a flood without sockets: nodes by number, joined as the graph says.
type world struct {
	nodes   map[int]*node
	wires   map[wire][]byte
	packets map[wire]int
}

func newWorld(edges [][2]int) *world {
	w := &world{nodes: map[int]*node{}, wires: map[wire][]byte{}, packets: map[wire]int{}}
	for _, e := range edges {
		w.join(e[0], e[1])
		w.join(e[1], e[0])
	}
	return w
}

func (w *world) join(a, b int) {
	if w.nodes[a] == nil {
		w.nodes[a] = newNode(a)
	}
	w.nodes[a].links = append(w.nodes[a].links, &link{peer: b, wake: make(chan struct{}, 1)})
}

// collect moves what waits in nodes to the wires.
func (w *world) collect(t *testing.T) (pending []wire) {
	t.Helper()
	for id := 1; id <= len(w.nodes); id++ {
		for _, l := range w.nodes[id].links {
			at := wire{id, l.peer}
			for rest := l.waiting; len(rest) > 0; {
				f, err := nextFrame(rest)
				if err != nil || f.raw == nil {
					t.Fatalf("node %d wrote what is no frame: %v", id, err)
				}
				w.packets[at]++
				rest = rest[len(f.raw):]
			}
			w.wires[at] = append(w.wires[at], l.waiting...)
			l.waiting = nil
			if len(w.wires[at]) > 0 {
				pending = append(pending, at)
			}
		}
	}
	return pending
}

// settle lets a random part of a random wire arrive until nothing is under way.
func (w *world) settle(t *testing.T, random *rand.Rand) {
	t.Helper()
	held := map[wire][]byte{} // read, but not a whole frame yet
	for {
		pending := w.collect(t)
		if len(pending) == 0 {
			return
		}
		at := pending[random.IntN(len(pending))]
		part := 1 + random.IntN(len(w.wires[at]))
		held[at] = append(held[at], w.wires[at][:part]...)
		w.wires[at] = w.wires[at][part:]
		used, err := w.nodes[at.to].take(w.place(at), held[at])
		if err != nil {
			t.Fatal(err)
		}
		held[at] = held[at][used:]
	}
}

// place is where the receiver of a wire keeps the link to its sender.
func (w *world) place(at wire) int {
	for i, l := range w.nodes[at.to].links {
		if l.peer == at.from {
			return i
		}
	}
	return -1
}

var (
	// petersen is 3-regular with 10 nodes; lollipop is a triangle with a tail of two.
	petersen = [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 1}, {1, 6}, {2, 7}, {3, 8}, {4, 9}, {5, 10}, {6, 8}, {8, 10}, {10, 7}, {7, 9}, {9, 6}}
	ring     = [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 1}}
	lollipop = [][2]int{{1, 2}, {2, 3}, {3, 1}, {3, 4}, {4, 5}}
)

func TestEveryDirectedEdgeCarriesEachMessageOnce(t *testing.T) {
	for name, edges := range map[string][][2]int{"petersen": petersen, "ring": ring} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				random := rand.New(rand.NewPCG(seed, 1))
				w := newWorld(edges)
				const count = 7
				for range count {
					if err := w.nodes[1+random.IntN(len(w.nodes))].publish(1, 20); err != nil {
						t.Fatal(err)
					}
				}
				w.settle(t, random)
				for _, e := range edges {
					for _, at := range []wire{{e[0], e[1]}, {e[1], e[0]}} {
						if got := w.packets[at]; got != count {
							t.Errorf("seed %d: %d packets from %d to %d; want %d", seed, got, at.from, at.to, count)
						}
					}
				}
				w.wantDelivered(t, count)
			}
		})
	}
}

func TestLeavesSendNothingBack(t *testing.T) {
	w := newWorld(lollipop)
	if err := w.nodes[1].publish(1, 256); err != nil {
		t.Fatal(err)
	}
	w.settle(t, rand.New(rand.NewPCG(1, 1)))
	w.wantDelivered(t, 1)
	if back := w.packets[wire{5, 4}] + w.packets[wire{4, 3}]; back != 0 {
		t.Errorf("%d packets came back from the tail; nobody else had told it", back)
	}
}

func (w *world) wantDelivered(t *testing.T, count int) {
	t.Helper()
	for id, n := range w.nodes {
		r, err := n.report()
		if err != nil || r.delivered != count {
			t.Errorf("node %d has %d messages, error %v; want %d", id, r.delivered, err, count)
		}
	}
}

func TestReportCountsCopiesAndTimes(t *testing.T) {
	n := newWorld(ring).nodes[1]
	n.take(0, appendFrame(appendFrame(nil, 3, 1, []byte("x")), 3, 1, []byte("x")))
	r, err := n.report()
	if err != nil {
		t.Fatal(err)
	}
	if r.copies != 2 || r.delivered != 1 || r.published != 0 || r.started != 0 || r.last == 0 {
		t.Errorf("report %+v after one message twice", r)
	}
	first := r.last
	n.take(1, appendFrame(nil, 3, 1, []byte("x")))
	if r, _ := n.report(); r.last != first {
		t.Error("a copy of a known message moved the time of the last reception")
	}
}

func TestPublishHasBounds(t *testing.T) {
	for _, c := range []struct{ count, size int }{{0, 1}, {-1, 1}, {1, -1}, {1, maxBody + 1}, {maxSeq + 1, 1}} {
		if newNode(1).publish(c.count, c.size) == nil {
			t.Errorf("publish(%d, %d) was allowed", c.count, c.size)
		}
	}
}

func FuzzNextFrame(f *testing.F) {
	f.Add(appendFrame(nil, 1, 1, []byte("banana")))
	f.Add(appendFrame(nil, maxOrigin, maxSeq, nil))
	f.Add([]byte{255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := nextFrame(data)
		if err != nil || got.raw == nil {
			return
		}
		again := appendFrame(nil, got.origin, got.seq, got.raw[prefixBytes+headBytes:])
		if !bytes.Equal(again, got.raw) || !bytes.HasPrefix(data, again) {
			t.Errorf("%x was read as %+v", data, got)
		}
		if _, err := newWorld(ring).nodes[1].take(0, data); err != nil {
			t.Logf("refused: %v", err)
		}
	})
}
