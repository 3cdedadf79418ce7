package protocol_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

// floodWorld is a network of floods whose packets take random times.
func floodWorld(t *testing.T, rng *rand.Rand, g graph, observe func(step)) *world {
	t.Helper()
	w := newWorld(g, func(id gossip.NodeID) gossip.Protocol {
		p, err := protocol.New("flood", protocol.Environment{Self: id}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, observe)
	w.weather = func() []time.Duration { return []time.Duration{time.Duration(rng.IntN(1e6))} }
	return w
}

// settled lets everything arrive.
func (w *world) settled(t *testing.T) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = w.advance(start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
}

func TestFloodUsesEveryDirectedEdgeUpToTheLimit(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 1))
		g := withoutLeaves(rng, 3+rng.IntN(12), rng.IntN(8))
		if seed%3 == 0 {
			g = bridged(rng, g, withoutLeaves(rng, 3+rng.IntN(4), rng.IntN(3)))
		}
		origin, limit := gossip.NodeID(1+rng.IntN(len(g))), 1+rng.IntN(5)
		w := floodWorld(t, rng, g, nil)
		m, err := w.publish(origin, "banana", limit)
		if err != nil {
			t.Fatal(err)
		}
		w.settled(t)
		if want := limit * g.directed(); w.sent != want {
			t.Errorf("seed %d: %d packets, want limit %d × %d directed edges = %d", seed, w.sent, limit, g.directed(), want)
		}
		for id, peers := range g {
			want := make(map[gossip.NodeID]int)
			for _, peer := range peers {
				want[peer] = limit
			}
			if id == origin {
				want[0] = 1 // its own, which nobody brought
			}
			if diff := cmp.Diff(want, brought(w, id, m.ID)); diff != "" {
				t.Errorf("seed %d, node %d: copies by peer (-want +got)\n%s", seed, id, diff)
			}
		}
	}
}

// brought counts the copies of a message at a node by the peer they came from.
func brought(w *world, id gossip.NodeID, message gossip.ID) map[gossip.NodeID]int {
	by := make(map[gossip.NodeID]int)
	e, _ := w.nodes[id].Message(message)
	for _, c := range e.Copies {
		if len(c.Route) == 1 {
			by[0]++
		} else {
			by[c.Route[len(c.Route)-2]]++
		}
	}
	return by
}

// bridged joins two graphs by one edge.
func bridged(rng *rand.Rand, g, h graph) graph {
	shift := gossip.NodeID(len(g))
	for id, peers := range h {
		for _, peer := range peers {
			g.join(shift+id, shift+peer)
		}
	}
	g.join(1+gossip.NodeID(rng.IntN(int(shift))), shift+1+gossip.NodeID(rng.IntN(len(h))))
	return g
}

func TestFloodOnATreeTellsEverybodyOnce(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		g := scattered(rng, 1+rng.IntN(15), 0)
		w := floodWorld(t, rng, g, nil)
		m, err := w.publish(1, "banana", 1+rng.IntN(1000))
		if err != nil {
			t.Fatal(err)
		}
		w.settled(t)
		if w.sent != len(g)-1 {
			t.Errorf("seed %d: %d packets to %d nodes", seed, w.sent, len(g)-1)
		}
		for _, id := range w.ids {
			if e, ok := w.nodes[id].Message(m.ID); !ok || len(e.Copies) != 1 {
				t.Errorf("seed %d: node %d has %d copies", seed, id, len(e.Copies))
			}
		}
	}
}

// TestFloodCounts sends more copies than can count, and limits that no wire carries.
func TestFloodCounts(t *testing.T) {
	p, err := protocol.New("flood", protocol.Environment{Self: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out gossip.Outbox
	p.Peers(start, gossip.NewPeers([]gossip.NodeID{2, 3}), &out)
	receive := func(limit int) gossip.Refusal {
		out.Reset()
		m := gossip.Message{ID: gossip.ID{Origin: 2, Run: 1, Seq: 1}, Sent: start}
		p.Receive(start, 2, gossip.Packet{Kind: 1, Limit: limit, Hops: 1, Messages: []gossip.Message{m}}, &out)
		return out.Refused
	}
	for _, limit := range []int{gossip.MaxRelays + 1, math.MaxInt, -1, math.MinInt} {
		if why := receive(limit); why != gossip.Malformed || len(out.Delivered)+len(out.Sends) > 0 {
			t.Errorf("limit %d: %q, %d sends", limit, why, len(out.Sends))
		}
	}
	for i := range 70_000 {
		why := receive(gossip.MaxRelays)
		if i < gossip.MaxRelays && (why != "" || len(out.Sends) != 1) {
			t.Fatalf("copy %d: %q, %d sends", i+1, why, len(out.Sends))
		}
		if i >= gossip.MaxRelays && (why != gossip.OverLimit || len(out.Sends) != 0) {
			t.Fatalf("copy %d: %q, %d sends", i+1, why, len(out.Sends))
		}
	}
}

// original is one node of gossip-network-example, written down as its server does it: counters by
// message and neighbour, and a list of paths. One thing is ours: it knows who ever was a neighbour,
// and counts all others as one.
type original struct {
	self       gossip.NodeID
	neighbours []gossip.NodeID
	everKnown  map[gossip.NodeID]bool
	inCounts   map[string]int
	outCounts  map[string]int
	inPaths    map[gossip.ID][]gossip.Route
}

func newOriginal(self gossip.NodeID) *original {
	return &original{self: self, everKnown: make(map[gossip.NodeID]bool), inCounts: make(map[string]int),
		outCounts: make(map[string]int), inPaths: make(map[gossip.ID][]gossip.Route)}
}

func (o *original) setNeighbours(neighbours []gossip.NodeID) {
	o.neighbours = slices.Clone(neighbours)
	for _, neighbour := range neighbours {
		o.everKnown[neighbour] = true
	}
}

// relay is one message to one neighbour.
type relay struct {
	To    gossip.NodeID
	Path  gossip.Route
	Limit int
}

func (o *original) handleNew(id gossip.ID, limit int) []relay {
	path := gossip.Route{o.self}
	o.inPaths[id] = append(o.inPaths[id], path)
	return o.tell(id, path, limit, 0)
}

func (o *original) handleRelay(id gossip.ID, path gossip.Route, limit int) []relay {
	sender := path[len(path)-1]
	key := fmt.Sprint(id, sender)
	if !o.everKnown[sender] {
		key = fmt.Sprint(id, "strangers")
	}
	o.inCounts[key]++
	if o.inCounts[key] > limit {
		return nil
	}
	path = append(slices.Clone(path), o.self)
	o.inPaths[id] = append(o.inPaths[id], path)
	return o.tell(id, path, limit, sender)
}

func (o *original) tell(id gossip.ID, path gossip.Route, limit int, except gossip.NodeID) (sent []relay) {
	for _, neighbour := range o.neighbours {
		key := fmt.Sprint(id, neighbour)
		if neighbour != except && o.outCounts[key] < limit {
			o.outCounts[key]++
			sent = append(sent, relay{neighbour, path, limit})
		}
	}
	return sent
}

// TestFloodIsTheOriginal compares every step of a flood with what the original does about the same
// packet, on wires that reorder, lose and repeat, while peers change, and in the end the paths that
// both have noted.
func TestFloodIsTheOriginal(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := 1 + rng.IntN(14)
		g := scattered(rng, n, rng.IntN(n))
		originals := make(map[gossip.NodeID]*original)
		for id := range g {
			originals[id] = newOriginal(id)
		}
		limits := make(map[gossip.ID]int)
		compare := func(st step) {
			if len(st.Events) == 0 {
				return // it was told its peers, and so will be the original
			}
			id := st.Events[0].Message
			var want, got []relay
			if st.from == 0 {
				want = originals[st.node].handleNew(id, limits[id])
			} else {
				want = originals[st.node].handleRelay(id, st.route, st.limit)
			}
			for to, e := range st.Envelopes() {
				got = append(got, relay{to, slices.Clone(e.Routes[0]), e.Packet.Limit})
			}
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("seed %d: node %d about %v from %d (-original +flood)\n%s", seed, st.node, id, st.from, cmp.Diff(want, got))
			}
		}
		w := floodWorld(t, rng, g, compare)
		for id, peers := range g {
			originals[id].setNeighbours(peers)
		}
		if seed%2 == 1 {
			w.weather = (&trial{rough: true}).weather(rng)
		}
		for i := range 1 + rng.IntN(4) {
			origin, limit := gossip.NodeID(1+rng.IntN(n)), 1+rng.IntN(4)
			seq := uint32(len(own(w, origin))) + 1
			limits[gossip.ID{Origin: origin, Run: 1, Seq: seq}] = limit
			if _, err := w.publish(origin, fmt.Sprint(i), limit); err != nil {
				t.Fatal(err)
			}
		}
		if seed%5 == 0 {
			pester(t, rng, w)
		}
		for range rng.IntN(4) { // one end of an edge learns of a change; the other may never
			for range rng.IntN(20) {
				if _, err := w.advance(start.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			id, other := gossip.NodeID(1+rng.IntN(n)), gossip.NodeID(1+rng.IntN(n))
			peers := slices.DeleteFunc(slices.Clone(w.peers[id]), func(peer gossip.NodeID) bool { return peer == other })
			if len(peers) == len(w.peers[id]) && id != other {
				peers = append(peers, other)
				slices.Sort(peers)
			}
			w.setPeers(id, peers)
			originals[id].setNeighbours(peers)
		}
		w.settled(t)
		for _, id := range w.ids {
			got := make(map[gossip.ID][]gossip.Route)
			for _, e := range entries(w.nodes[id]) {
				for _, c := range e.Copies {
					got[e.Message.ID] = append(got[e.Message.ID], c.Route)
				}
			}
			if want := originals[id].inPaths; !reflect.DeepEqual(want, got) {
				t.Errorf("seed %d, node %d: paths (-original +flood)\n%s", seed, id, cmp.Diff(want, got))
			}
		}
	}
}

// pester lets a peer repeat to one node what another one published, each time with another limit.
func pester(t *testing.T, rng *rand.Rand, w *world) {
	for _, f := range slices.Clone(w.flights) {
		var batch gossip.Batch
		if err := batch.Decode(f.wire); err != nil {
			t.Fatal(err)
		}
		for range rng.IntN(6) {
			batch.Envelopes[0].Packet.Limit = 1 + rng.IntN(5)
			wire, err := gossip.AppendEnvelope(nil, &batch.Envelopes[0])
			if err != nil {
				t.Fatal(err)
			}
			w.numbered++
			due := w.now.Add(time.Duration(rng.IntN(1e6)))
			w.flights = append(w.flights, flight{f.from, f.to, wire, due, w.numbered})
		}
	}
}

// own are the messages that a node published itself.
func own(w *world, id gossip.NodeID) (ids []gossip.ID) {
	for _, e := range entries(w.nodes[id]) {
		if e.Message.ID.Origin == id {
			ids = append(ids, e.Message.ID)
		}
	}
	return ids
}
