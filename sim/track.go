package sim

import (
	"math"
	"time"

	"gossipctl/gossip"
)

// Track is what became of one message.
type Track struct {
	ID        gossip.ID
	Published time.Duration // since [Begin]
	Copies    uint64        // sent
	Received  uint64        // that arrived at a live node
	Delivered uint64        // that were new there, though the node may have crashed since

	// Of each node, the origin included, at the place one below its number.
	arrived []int64         // when the message was delivered, plus one; 0: it was not
	hops    []uint16        // edges the first copy had travelled
	from    []gossip.NodeID // who sent it; empty unless asked for
}

// lend makes a payload of one message that many packets may carry.
func (ps *payloads) lend(m gossip.Message, number int) *payload {
	l := ps.take()
	l.messages, l.lone, l.track = []gossip.Message{m}, true, number
	return l
}

// lone is the payload of a packet that has nothing but a message just as it was published; nil if the
// packet has anything else.
func (w *World) lone(p *gossip.Packet) *payload {
	if len(p.Messages) != 1 || len(p.IDs) > 0 || p.Limit != 0 || p.Hops != 0 {
		return nil
	}
	m := &p.Messages[0]
	number := w.tracks.find(m.ID)
	if number < 0 {
		return nil
	}
	l := w.tracks.lone[number]
	if o := &l.messages[0]; m.Sent != o.Sent || len(m.Body) != len(o.Body) || len(m.Body) > 0 && &m.Body[0] != &o.Body[0] {
		return nil
	}
	return l
}

func newTrack(cfg Config, id gossip.ID, now int64) Track {
	t := Track{ID: id, Published: time.Duration(now), arrived: make([]int64, cfg.Nodes), hops: make([]uint16, cfg.Nodes)}
	if cfg.Trees {
		t.from = make([]gossip.NodeID, cfg.Nodes)
	}
	return t
}

// Arrived returns how long after it was published the message was delivered at a node, and by how
// many edges it had come. It reports false when it was not, or when the node has crashed since.
func (t *Track) Arrived(id gossip.NodeID) (after time.Duration, hops int, is bool) {
	at := t.arrived[id-1]
	return time.Duration(at-1) - t.Published, int(t.hops[id-1]), at > 0
}

// From is who sent the first copy to a node: 0 at the origin, or when [Config.Trees] was not asked for.
func (t *Track) From(id gossip.NodeID) gossip.NodeID {
	if t.from == nil {
		return 0
	}
	return t.from[id-1]
}

func (t *Track) has(i int) bool { return t.arrived[i] > 0 }

func (t *Track) forget(i int) {
	t.arrived[i], t.hops[i] = 0, 0
	if t.from != nil {
		t.from[i] = 0
	}
}

// tracks are all messages, found by name.
type tracks struct {
	list   []Track
	byName map[gossip.ID]int // of all but the newest
	lone   []*payload        // of each, between bare protocols: what packets carry that have nothing else
}

// find returns the number of a message, or -1.
func (ts *tracks) find(id gossip.ID) int {
	if n := len(ts.list); n > 0 && ts.list[n-1].ID == id {
		return n - 1
	}
	if number, known := ts.byName[id]; known {
		return number
	}
	return -1
}

func (ts *tracks) add(t Track) int {
	if n := len(ts.list); n > 0 {
		if ts.byName == nil {
			ts.byName = make(map[gossip.ID]int)
		}
		ts.byName[ts.list[n-1].ID] = n - 1
	}
	ts.list = append(ts.list, t)
	return len(ts.list) - 1
}

// depart counts the copies of a packet that node i sends and notes how far each will have come: one
// edge further than the copy at hand, if the message is in the packet that node i has just taken in,
// else one further than the first copy it had.
func (w *World) depart(i int, f *inFlight) {
	messages := f.messages()
	if len(messages) > 1 {
		f.load.hops = make([]uint16, len(messages))
	}
	for k := range messages {
		number := w.trackOf(f, k)
		if number < 0 {
			continue // made up; deliver tells
		}
		t := &w.tracks.list[number]
		t.Copies++
		hop := t.hops[i]
		if w.reacting {
			if at, here := w.taken.hopOf(messages[k].ID); here {
				hop = at
			}
		}
		if hop < math.MaxUint16 {
			hop++
		}
		if f.load.hops != nil {
			f.load.hops[k] = hop
		} else {
			f.hop = hop
		}
	}
}

// takeIn counts the copies of the packet at hand at node i.
func (w *World) takeIn(i int) {
	messages := w.taken.messages()
	for k := range messages {
		if number := w.trackOf(&w.taken, k); number >= 0 {
			t := &w.tracks.list[number]
			t.Received++
			if t.hops[i] == 0 && t.ID.Origin != gossip.NodeID(i+1) {
				t.hops[i] = w.taken.hopAt(k)
				if t.from != nil {
					t.from[i] = w.taken.from
				}
			}
		}
	}
}

// trackOf is the number of a packet's k-th message, or -1.
func (w *World) trackOf(f *inFlight, k int) int {
	if f.load.lone {
		return f.load.track
	}
	return w.tracks.find(f.load.messages[k].ID)
}

func (f *inFlight) hopAt(k int) uint16 {
	if f.load.hops != nil {
		return f.load.hops[k]
	}
	return f.hop
}

func (f *inFlight) hopOf(id gossip.ID) (uint16, bool) {
	messages := f.messages()
	for k := range messages {
		if messages[k].ID == id {
			return f.hopAt(k), true
		}
	}
	return 0, false
}
