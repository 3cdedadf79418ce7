package live

import (
	"context"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// planOf is what the node's links do to packets. Its latency and its rules were read once before, by
// whoever asked for them.
func planOf(cfg Config) *fault.Plan {
	plan := &fault.Plan{Seed: cfg.Seed, Rules: cfg.Rules}
	if latency, err := fault.ParseLatency(cfg.Latency); err == nil {
		plan.Latency = latency
	}
	return plan
}

// SetFaults implements api.Backend.
func (s *server) SetFaults(rules []fault.Rule) {
	s.faulty.SetRules(rules)
	s.log.Info("faults", "are", len(rules))
	select {
	case s.changed <- struct{}{}:
	default:
	}
	s.setClock()
}

// Faults implements api.Backend.
func (s *server) Faults() []fault.Rule { return s.faulty.Plan().Rules }

// setClock makes the node's clock as wrong as the faults in force say.
func (s *server) setClock() {
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		n.SetClock(s.faulty.Plan().Clock(s.cfg.ID))
		return node.Effects{}
	})
}

// keepClock sets the clock right again when a fault of it ends by itself, until ctx ends.
func (s *server) keepClock(ctx context.Context) {
	for {
		ends := s.faulty.Plan().Next(time.Now())
		if ends.IsZero() {
			select {
			case <-s.changed:
				continue
			case <-ctx.Done():
				return
			}
		}
		timer := time.NewTimer(time.Until(ends))
		select {
		case <-timer.C:
			s.setClock()
		case <-s.changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Wires implements api.Backend.
func (s *server) Wires() api.Wires {
	addr := make(map[gossip.NodeID]string)
	for _, p := range s.wire.Peers() {
		addr[p.ID] = p.Addr
	}
	where := func(id gossip.NodeID) string {
		if a, is := addr[id]; is {
			return a
		}
		return s.Where(id)
	}
	w := api.Wires{Links: []api.Link{}, Former: []api.Link{}, Heard: []api.Heard{}, Dropped: make(map[string]uint64)}
	heard := make(map[gossip.NodeID]transport.Heard)
	for _, h := range s.faulty.Heard() {
		heard[h.Peer] = h
		w.Heard = append(w.Heard, api.Heard{
			Peer: h.Peer, Run: h.Run, Received: h.Received, Corrupt: h.Corrupt,
			EarlierReceived: h.EarlierReceived, EarlierCorrupt: h.EarlierCorrupt,
		})
		count(w.Dropped, "corrupt", h.Corrupt+h.EarlierCorrupt)
	}
	for _, l := range s.faulty.Links() {
		from := presentLife(heard[l.Peer], l.PeerRun)
		link := api.Link{
			Peer: api.Peer{ID: l.Peer, Addr: where(l.Peer)}, PeerRun: l.PeerRun, Connected: l.Connected, Stalled: l.Stalled,
			Queued: l.Queued, Depth: l.Waiting, Packets: l.Sent, Sent: l.Sent, Repeated: l.Repeated, Passed: l.Passed, InFlight: l.InFlight,
			Drops: l.Dropped, HeardRun: from.Run, Received: from.Received, Corrupt: from.Corrupt,
			EarlierReceived: from.EarlierReceived, EarlierCorrupt: from.EarlierCorrupt, Error: l.LastError,
		}
		for reason, n := range l.Dropped {
			link.Dropped += n
			count(w.Dropped, reason, n)
		}
		if l.Former {
			w.Former = append(w.Former, link)
		} else {
			w.Links = append(w.Links, link)
		}
	}
	if s.book != nil {
		s.book.count(w.Dropped)
	}
	count(w.Dropped, "malformed_stream", s.wire.Malformed())
	count(w.Dropped, "replayed", s.wire.Replayed())
	return w
}

// presentLife is what came from a peer, told by the life that it is in. One that was met and has sent
// nothing yet is known by its run only.
func presentLife(h transport.Heard, run uint32) transport.Heard {
	if run <= h.Run {
		return h
	}
	return transport.Heard{
		Peer: h.Peer, Run: run, EarlierReceived: h.EarlierReceived + h.Received, EarlierCorrupt: h.EarlierCorrupt + h.Corrupt,
	}
}

// count adds to a number that is only there when it is more than nothing.
func count(dropped map[string]uint64, reason string, n uint64) {
	if n > 0 {
		dropped[reason] += n
	}
}
