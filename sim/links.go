package sim

import (
	"gossipctl/fault"
	"gossipctl/gossip"
)

// links numbers the packets of each link, which the plan's judgement depends on. Between whole nodes
// wires do.
type links struct {
	steady bool  // every packet of every link takes delay, and nothing else happens to it: none is counted
	delay  int64 // when steady

	began bool           // to count
	peers []gossip.Peers // as they were then; empty when packets are numbered by sender
	first []uint32       // place of each node's first link in counts
	count []uint64       // packets so far, by link or by sender
	later map[fault.Link]uint64
}

// use tells what the plan is from now on.
func (l *links) use(cfg *Config, plan *fault.Plan, peers []gossip.Peers) {
	p := plan
	l.steady, l.delay = false, 0
	if !cfg.Whole && len(p.Rules) == 0 && p.Loss == 0 && p.Duplicate == 0 && (p.Jitter == 0 && p.Latency.Kind == fault.Constant || p.Latency.Kind == fault.None) {
		l.steady, l.delay = true, int64(p.Judge(fault.Link{}, 0).Delay)
	}
	if l.steady || l.began || cfg.Whole {
		return
	}
	l.began = true
	if cfg.Complete {
		l.count = make([]uint64, cfg.Nodes)
		return
	}
	l.peers, l.first, l.later = append([]gossip.Peers(nil), peers...), make([]uint32, cfg.Nodes), make(map[fault.Link]uint64)
	total := uint32(0)
	for i, p := range peers {
		l.first[i] = total
		total += uint32(p.Len())
	}
	l.count = make([]uint64, total)
}

// number is which packet of the link from the node at place i this one is, from 0.
func (l *links) number(i int, to gossip.NodeID) uint64 {
	at := i
	if l.peers != nil {
		k, is := l.peers[i].Index(to)
		if !is {
			link := fault.Link{From: gossip.NodeID(i + 1), To: to}
			n := l.later[link]
			l.later[link] = n + 1
			return n
		}
		at = int(l.first[i]) + k
	}
	n := l.count[at]
	l.count[at]++
	return n
}
