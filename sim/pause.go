package sim

import (
	"errors"
	"fmt"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// QueueBytes is how much may wait for one peer at its sender, as in transport.
const QueueBytes = 8 << 20

// atDoor is how much of one sender may wait for a node that stands still: its queue, and a quarter more
// in the buffers of their connection, as on loopback with 8 MiB and some 2 MiB.
func (w *World) atDoor() int { return w.cfg.QueueBytes + w.cfg.QueueBytes/4 }

// ErrPaused says that a node stands still and takes nothing.
var ErrPaused = errors.New("paused")

// door is where a node's world waits for it while it stands still.
type door struct {
	shut  bool
	late  []late                // what came, in order
	bytes map[gossip.NodeID]int // of the packets among it, by sender
	peers bool                  // it was to be told other peers
}

// late is something that could not happen in its time.
type late struct {
	kind   kind
	data   uint64 // as in event
	packet inFlight
}

// Pause makes a live node stand still, as a stopped process does: alarms come late, packets wait at its
// door until their sender's queue is full. What is written to disk stays written, and no more is synced.
func (w *World) Pause(id gossip.NodeID) {
	i := int(id - 1)
	if !w.Alive(id) || w.Paused(id) {
		return
	}
	if w.doors == nil {
		w.doors = make([]door, w.cfg.Nodes)
	}
	w.doors[i] = door{shut: true, bytes: make(map[gossip.NodeID]int)}
	w.report(trace.Event{Kind: trace.Pause, Node: id, Run: w.run(i)})
}

// Resume lets a node go on. What it has missed happens now, in the order in which it would have.
func (w *World) Resume(id gossip.NodeID) {
	i := int(id - 1)
	if !w.Paused(id) {
		return
	}
	d := w.doors[i]
	w.doors[i] = door{}
	w.report(trace.Event{Kind: trace.Resume, Node: id, Run: w.run(i)})
	for k := range d.late {
		l := &d.late[k]
		e := event{at: w.now, kind: l.kind, node: int32(i), life: w.lives[i], data: l.data}
		if l.kind == flight {
			e.data = w.park(&l.packet)
		}
		w.push(e)
	}
	if d.peers {
		w.SetPeers(id, w.peers[i])
	}
}

// Paused reports whether a node stands still.
func (w *World) Paused(id gossip.NodeID) bool { return w.shut(int(id - 1)) }

func (w *World) shut(i int) bool { return w.doors != nil && w.doors[i].shut }

// wait lets a packet wait at the door of the node at place i.
func (w *World) wait(i int, f *inFlight) {
	d, size := &w.doors[i], f.size()
	if d.bytes[f.from]+size > w.atDoor() {
		w.Count.Overflow++
		w.landed(f, DropQueueFull)
		w.payloads.back(f.load)
		return
	}
	d.bytes[f.from] += size
	d.late = append(d.late, late{kind: flight, packet: *f})
}

// clear throws away what waits at the door of a node that has ended.
func (w *World) clear(i int) {
	if !w.shut(i) {
		return
	}
	for _, l := range w.doors[i].late {
		switch l.kind {
		case flight:
			w.Count.Missed++
			w.landed(&l.packet, DropPeerDown)
			w.payloads.back(l.packet.load)
		case alarm:
			w.rang(l.data)
		}
	}
	w.doors[i] = door{}
}

// awake is an error when a node cannot take anything.
func (w *World) awake(id gossip.NodeID) error {
	switch {
	case id < 1 || int(id) > len(w.lives):
		return fmt.Errorf("there is no node %d", id)
	case !w.Alive(id):
		return fmt.Errorf("node %d is not alive", id)
	case w.Paused(id):
		return fmt.Errorf("node %d is %w", id, ErrPaused)
	}
	return nil
}
