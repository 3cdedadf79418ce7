package scenario

import (
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
)

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
