package sim

import (
	"cmp"
	"maps"
	"slices"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// Reasons for which packets do not arrive, beside those of package fault.
const (
	DropQueueFull = "queue_full"
	DropNoPeer    = "no_peer"    // there is no such node
	DropPeerDown  = "peer_down"  // it was not alive when they arrived
	DropPeerEnded = "peer_ended" // they reached a life of the peer that has ended since
	DropClosed    = "closed"     // they waited at their sender when it ended
)

// wire is one direction between two whole nodes: what the sender's present life can tell of it. The
// numbers of packets go on over all its lives.
type wire struct {
	packets uint64
	run     uint16 // the sender's life that the rest is about

	sent, repeated, passed, inFlight uint64
	dropped                          map[string]uint64
}

func (wi *wire) drop(reason string) {
	if wi == nil {
		return
	}
	if wi.dropped == nil {
		wi.dropped = make(map[string]uint64)
	}
	wi.dropped[reason]++
}

// heard is what a node's present life has from one life of another.
type heard struct{ received, corrupt uint64 }

// source is a life of a node.
type source struct {
	node gossip.NodeID
	run  uint16
}

// wire returns the wire from the node at place i; nil between bare protocols.
func (w *World) wire(i int, to gossip.NodeID) *wire {
	if w.wires == nil {
		return nil
	}
	wi := w.wires[i][to]
	if wi == nil {
		wi = new(wire)
		w.wires[i][to] = wi
	}
	if run := uint16(w.run(i)); wi.run != run {
		*wi = wire{packets: wi.packets, run: run}
	}
	return wi
}

// landed notes that a packet is under way no more, and for what reason it was dropped if it was.
func (w *World) landed(f *inFlight, reason string) {
	w.packets--
	if isValues(f.kind) {
		w.reconciling--
	} else if len(f.messages()) > 0 {
		w.cargo--
	}
	if w.wires == nil {
		return
	}
	if wi := w.wires[f.from-1][f.to]; wi.run == f.run { // else nobody is left to tell of it
		wi.inFlight--
		if reason != "" {
			wi.drop(reason)
		} else {
			wi.passed++
		}
	}
	if reason != "" {
		return
	}
	from := source{f.from, f.run}
	h := w.ears[f.to-1][from]
	if h == nil {
		h = new(heard)
		w.ears[f.to-1][from] = h
	}
	if f.damaged {
		h.corrupt++
	} else {
		h.received++
	}
}

// forgetHeard begins a new life's account of what it hears: what was passed to the former one has
// reached nobody who is there.
func (w *World) forgetHeard(i int, run uint32) {
	w.ears[i] = make(map[source]*heard)
	if run == 1 {
		return
	}
	for _, wires := range w.wires {
		if wi := wires[w.id(i)]; wi != nil && wi.passed > 0 {
			if wi.dropped == nil {
				wi.dropped = make(map[string]uint64)
			}
			wi.dropped[DropPeerEnded] += wi.passed
			wi.passed = 0
		}
	}
}

func (w *World) id(i int) gossip.NodeID { return gossip.NodeID(i + 1) }

// FinalRead reports, for every live node that does not stand still, what the last read of a network tells:
// its inbox, its values, how it sees others, what became of the packets it sent and came from others, and that this is all. Needs
// Config.Whole.
func (w *World) FinalRead() {
	if w.nodes == nil || w.cfg.Observe == nil {
		return
	}
	for i := range w.nodes {
		if id := w.id(i); w.Alive(id) && !w.Paused(id) {
			w.read(i)
		}
	}
}

func (w *World) read(i int) {
	tell := func(e trace.Event) {
		e.Node, e.Run = w.id(i), w.run(i)
		w.report(e)
	}
	page, _ := w.nodes[i].Messages(node.Query{Status: node.All, Peek: true})
	for _, entry := range page {
		m := &entry.Message
		tell(trace.Event{Kind: trace.Inbox, Message: m.ID, Digest: trace.Digest(m.Body), Size: len(m.Body), Count: entry.Number})
	}
	shared := make(map[trace.Kind]uint64)
	for e := range w.nodes[i].Shared() {
		shared[e.Kind]++
		tell(e)
	}
	for _, to := range slices.Sorted(maps.Keys(w.wires[i])) {
		wi := w.wires[i][to]
		if wi.run != uint16(w.run(i)) {
			continue // its present life has sent nothing there
		}
		e := trace.Event{Kind: trace.Link, Peer: to, Counts: map[string]uint64{
			trace.CountSent: wi.sent, trace.CountRepeated: wi.repeated, trace.CountPassed: wi.passed, trace.CountInFlight: wi.inFlight,
		}}
		if to >= 1 && int(to) <= len(w.nodes) {
			e.PeerRun = w.last(int(to - 1))
		}
		maps.Copy(e.Counts, wi.dropped)
		tell(e)
	}
	from := slices.SortedFunc(maps.Keys(w.ears[i]), func(a, b source) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.run, b.run))
	})
	for _, s := range from {
		h := w.ears[i][s]
		tell(trace.Event{Kind: trace.Heard, Peer: s.node, PeerRun: uint32(s.run), Counts: map[string]uint64{
			trace.CountReceived: h.received, trace.CountCorrupt: h.corrupt,
		}})
	}
	tell(trace.Event{Kind: trace.End, Count: uint64(len(page)), Counts: trace.Shared(shared)})
}

// last is the number of a node's present life, or of its last one.
func (w *World) last(i int) uint32 {
	if w.Alive(w.id(i)) {
		return w.run(i)
	}
	return w.run(i) - 1
}
