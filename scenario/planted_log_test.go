package scenario

import (
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
)

// sighting is a message that a node has delivered.
type sighting struct {
	id     gossip.ID
	at     time.Time
	digest uint64
	size   int
}

// forgetful plays nodes that forget what they have delivered: what comes again is delivered again.
type forgetful struct {
	tell   func(*trace.Event)
	forgot func(seen []sighting, now time.Time, id gossip.ID) bool
	seen   map[gossip.NodeID][]sighting
	twice  map[gossip.NodeID][]sighting
	clock  func(e *trace.Event) time.Time
	life   map[gossip.NodeID]uint32
	last   map[gossip.NodeID]uint64
}

func newForgetful(tell func(*trace.Event), forgot func([]sighting, time.Time, gossip.ID) bool) *forgetful {
	return &forgetful{tell: tell, forgot: forgot, seen: make(map[gossip.NodeID][]sighting), twice: make(map[gossip.NodeID][]sighting),
		clock: func(e *trace.Event) time.Time { return e.At }, life: make(map[gossip.NodeID]uint32), last: make(map[gossip.NodeID]uint64)}
}

func (f *forgetful) observe(e *trace.Event) {
	again := e.Kind == trace.Receive
	switch e.Kind {
	case trace.Start: // what is in the inbox of a durable node it has not forgotten
		f.life[e.Node] = e.Run
	case trace.Deliver:
		f.seen[e.Node] = append(f.seen[e.Node], sighting{e.Message, f.clock(e), e.Digest, e.Size})
	case trace.Inbox:
		f.last[e.Node] = e.Count
	case trace.End:
		for _, s := range f.twice[e.Node] {
			f.last[e.Node]++
			f.tell(&trace.Event{At: e.At, Node: e.Node, Run: e.Run, Kind: trace.Inbox, Message: s.id, Digest: s.digest, Size: s.size, Count: f.last[e.Node]})
		}
		e.Count = f.last[e.Node]
	}
	f.tell(e)
	if !again {
		return
	}
	for _, s := range f.seen[e.Node] {
		if s.id == e.Message && f.forgot(f.seen[e.Node], f.clock(e), e.Message) {
			s.at = f.clock(e)
			f.seen[e.Node] = append(f.seen[e.Node], s)
			f.twice[e.Node] = append(f.twice[e.Node], s)
			f.tell(&trace.Event{At: e.At, Node: e.Node, Run: e.Run, Kind: trace.Deliver, Message: s.id, Digest: s.digest, Size: s.size, Hops: e.Hops})
			return
		}
	}
}

// byWallClock plays nodes that forget what they have delivered half an hour ago by the time of day.
func byWallClock(p *Plan, tell func(*trace.Event)) func(*trace.Event) {
	f := newForgetful(tell, func(seen []sighting, now time.Time, id gossip.ID) bool {
		for i := len(seen) - 1; i >= 0; i-- {
			if seen[i].id == id {
				return now.Sub(seen[i].at) > 30*time.Minute
			}
		}
		return false
	})
	began := time.Time{}
	f.clock = func(e *trace.Event) time.Time {
		if began.IsZero() {
			began = e.At
		}
		wrong, set := time.Duration(0), make(map[string]time.Duration)
		for i := range p.Actions {
			switch a := &p.Actions[i]; {
			case a.At > e.At.Sub(began):
			case a.Do == DoSet && a.Rule.Clock != 0:
				for _, id := range a.Rule.Nodes {
					if id == e.Node {
						set[a.Rule.Name] = a.Rule.Clock
					}
				}
			case a.Do == DoClear:
				delete(set, a.Rule.Name)
			}
		}
		for _, d := range set {
			wrong += d
		}
		return e.At.Add(wrong)
	}
	return f.observe
}

// hasty plays nodes that say they have accepted a message when it is in the inbox, before it is on disk.
func hasty(_ *Plan, tell func(*trace.Event)) func(*trace.Event) {
	return func(e *trace.Event) {
		if e.Kind == trace.Accept {
			return
		}
		tell(e)
		if e.Kind == trace.Deliver && e.Message.Origin == e.Node && e.Message.Run == e.Run {
			tell(&trace.Event{At: e.At, Node: e.Node, Run: e.Run, Kind: trace.Accept, Message: e.Message})
		}
	}
}

// leak plays a queue that takes two packets in ten milliseconds and lets what is newer go, uncounted: the
// account of the link says that all were sent.
type leak struct {
	gossip.Protocol
	self gossip.NodeID
	run  uint32
	at   map[gossip.NodeID]time.Time
	sent map[gossip.NodeID]int
	lost map[lostLink]uint64 // of all nodes
}

type lostLink struct {
	from gossip.NodeID
	run  uint32
	to   gossip.NodeID
}

func newLeak() plant {
	lost := make(map[lostLink]uint64)
	return plant{
		protocol: func(env protocol.Environment, run uint32, _, whole gossip.Protocol) gossip.Protocol {
			return &leak{whole, env.Self, run, make(map[gossip.NodeID]time.Time), make(map[gossip.NodeID]int), lost}
		},
		observe: func(_ *Plan, tell func(*trace.Event)) func(*trace.Event) {
			return func(e *trace.Event) {
				if e.Kind == trace.Link {
					e.Counts[trace.CountSent] += lost[lostLink{e.Node, e.Run, e.Peer}]
				}
				tell(e)
			}
		},
	}
}

func (l *leak) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	l.Protocol.Publish(now, m, limit, out)
	l.drop(now, out)
}

func (l *leak) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	l.Protocol.Receive(now, from, p, out)
	l.drop(now, out)
}

func (l *leak) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	l.Protocol.Wake(now, t, out)
	l.drop(now, out)
}

func (l *leak) drop(now time.Time, out *gossip.Outbox) {
	kept := out.Sends[:0]
	for _, s := range out.Sends {
		if now.Sub(l.at[s.To]) > 10*time.Millisecond {
			l.at[s.To], l.sent[s.To] = now, 0
		}
		if l.sent[s.To]++; l.sent[s.To] > 2 {
			l.lost[lostLink{l.self, l.run, s.To}]++
			continue
		}
		kept = append(kept, s)
	}
	out.Sends = kept
}
