package protocol_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
)

// start is when every world begins.
var start = time.Unix(1_700_000_000, 0)

// world is real nodes with a wire that is a list. Nothing in it moves by itself: scripts and laws
// choose what happens next. Packets go through the codec, as they do between processes.
type world struct {
	now     time.Time
	ids     []gossip.NodeID // sorted
	nodes   map[gossip.NodeID]*node.Node
	peers   graph // as each node was last told; the two ends of an edge may disagree
	down    map[gossip.NodeID]bool
	born    []gossip.Protocol
	flights []flight // in order of sending
	alarms  []alarm  // in order of asking
	batch   gossip.Batch

	sent, lost int
	numbered   int   // flights and alarms so far
	err        error // of packets that no wire could carry

	weather func() []time.Duration // how long each copy of a packet is under way; nil: one copy, at once
	observe func(step)             // told of each step
	missed  func(flight)           // told of each flight that found its node down; may be nil
}

// flight is a packet under way.
type flight struct {
	from, to gossip.NodeID
	wire     []byte
	due      time.Time
	number   int
}

// alarm is a timer that a node will be handed back.
type alarm struct {
	node   gossip.NodeID
	due    time.Time
	timer  gossip.Timer
	number int
}

// step is what a node did about one thing that came to it. Its slices are lent.
type step struct {
	node  gossip.NodeID
	from  gossip.NodeID // the sender of the packet it took in, or 0
	limit int           // of that packet
	route gossip.Route  // of that packet's first message
	node.Effects
}

// newWorld makes the nodes of g and tells them their peers. Born makes the protocol of each.
func newWorld(g graph, born func(gossip.NodeID) gossip.Protocol, observe func(step)) *world {
	w := &world{now: start, ids: g.nodes(), nodes: make(map[gossip.NodeID]*node.Node), peers: make(graph),
		down: make(map[gossip.NodeID]bool), observe: observe}
	for _, id := range w.ids {
		p := born(id)
		w.born = append(w.born, p)
		w.nodes[id] = node.New(node.Config{ID: id, Run: 1, Protocol: p, Events: true})
	}
	for _, id := range w.ids {
		w.setPeers(id, g[id])
	}
	return w
}

func (w *world) since() time.Duration { return w.now.Sub(start) }

func (w *world) setPeers(id gossip.NodeID, peers []gossip.NodeID) {
	w.peers[id] = slices.Clone(peers)
	w.apply(step{node: id, Effects: w.nodes[id].SetPeers(w.now, gossip.NewPeers(slices.Clone(peers)))})
}

func (w *world) publish(id gossip.NodeID, text string, limit int) (gossip.Message, error) {
	m, fx, err := w.nodes[id].Publish(w.now, []byte(text), limit)
	if err == nil {
		w.apply(step{node: id, Effects: fx})
	}
	return m, err
}

// take removes a flight from the wire.
func (w *world) take(i int) flight {
	f := w.flights[i]
	w.flights = slices.Delete(w.flights, i, i+1)
	return f
}

// arrive hands a flight to its node, or loses it when that is down.
func (w *world) arrive(f flight) error {
	if w.down[f.to] {
		w.lost++
		if w.missed != nil {
			w.missed(f)
		}
		return nil
	}
	return w.receive(f.to, f.wire)
}

// receive hands bytes from a wire to a node.
func (w *world) receive(to gossip.NodeID, wire []byte) error {
	w.batch.Reset()
	if err := w.batch.Decode(wire); err != nil {
		return err
	}
	e := &w.batch.Envelopes[0]
	s := step{node: to, from: e.From, limit: e.Packet.Limit}
	if len(e.Routes) > 0 {
		s.route = e.Routes[0]
	}
	s.Effects = w.nodes[to].Receive(w.now, e)
	w.apply(s)
	return nil
}

// ring hands the alarm that is due first back to its node, and moves the clock to it.
func (w *world) ring(i int) {
	a := w.alarms[i]
	w.alarms = slices.Delete(w.alarms, i, i+1)
	if a.due.After(w.now) {
		w.now = a.due
	}
	if !w.down[a.node] {
		w.apply(step{node: a.node, Effects: w.nodes[a.node].Wake(w.now, a.timer)})
	}
}

// apply does what a node wants done.
func (w *world) apply(s step) {
	for to, e := range s.Envelopes() {
		wire, err := gossip.AppendEnvelope(nil, e)
		if err != nil {
			w.err = errors.Join(w.err, fmt.Errorf("node %d to %d: %w", s.node, to, err))
			continue
		}
		delays := []time.Duration{0}
		if w.weather != nil {
			delays = w.weather()
		}
		w.sent++
		if len(delays) == 0 {
			w.lost++
		}
		for _, delay := range delays {
			w.numbered++
			w.flights = append(w.flights, flight{s.node, to, wire, w.now.Add(delay), w.numbered})
		}
	}
	for _, a := range s.Alarms {
		w.numbered++
		w.alarms = append(w.alarms, alarm{s.node, a.At, a.Timer, w.numbered})
	}
	if w.observe != nil {
		w.observe(s)
	}
}

// atRest reports whether all protocols that wake for ever say they would not pass on anything, and
// no other one waits to be woken.
func (w *world) atRest() bool {
	for _, p := range w.born {
		if r, is := p.(gossip.Restless); !is || r.Infective() {
			return is == false && len(w.alarms) == 0
		}
	}
	return true
}

// nextFlight returns the place of the flight that is due first, or -1.
func (w *world) nextFlight() int {
	first := -1
	for i, f := range w.flights {
		if first < 0 || cmp.Or(f.due.Compare(w.flights[first].due), cmp.Compare(f.number, w.flights[first].number)) < 0 {
			first = i
		}
	}
	return first
}

// nextAlarm returns the place of the alarm that is due first, of one node or with 0 of any, or -1.
func (w *world) nextAlarm(of gossip.NodeID) int {
	first := -1
	for i, a := range w.alarms {
		if of != 0 && a.node != of {
			continue
		}
		if first < 0 || cmp.Or(a.due.Compare(w.alarms[first].due), cmp.Compare(a.number, w.alarms[first].number)) < 0 {
			first = i
		}
	}
	return first
}

// advance does the one thing that is due next, if it is due by the given moment, and reports
// whether there was one. Packets go before alarms of the same moment.
func (w *world) advance(by time.Time) (bool, error) {
	f, a := w.nextFlight(), w.nextAlarm(0)
	switch {
	case f >= 0 && !w.flights[f].due.After(by) && (a < 0 || !w.alarms[a].due.Before(w.flights[f].due)):
		next := w.take(f)
		if next.due.After(w.now) {
			w.now = next.due
		}
		return true, w.arrive(next)
	case a >= 0 && !w.alarms[a].due.After(by):
		w.ring(a)
		return true, nil
	}
	return false, nil
}
