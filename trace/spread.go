package trace

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gossipctl/gossip"
)

// Record is what one node knows about one message.
type Record struct {
	Node     gossip.NodeID
	Received time.Time    // of the first copy; at the origin, when it was given the message
	Route    gossip.Route // of the first copy, origin first and Node last
	Copies   int          // that came from peers
	Sent     int          // packets with it that Node has sent
}

// Spread is how one message spread through a network.
type Spread struct {
	ID         gossip.ID
	Sent       time.Time
	Nodes      int             // nodes that could be asked
	Reached    int             // of them, how many have it
	Coverage   float64         // Reached / Nodes
	Packets    int             // sent with it, by the nodes that have it
	Redundancy float64         // copies received per useful copy, minus one; 0 when nothing was received
	MaxHops    int             // longest first route, in edges
	MeanHops   float64         // over nodes reached other than the origin
	P50, P99   time.Duration   // from sending to a node's first copy, over nodes other than the origin
	Last       time.Duration   // until the last node
	Tree       []Step          // the first route to every node, by arrival
	Missing    []gossip.NodeID // asked, but without it; sorted
}

// Step is one edge of the tree along which a message first reached each node.
type Step struct {
	Node, From gossip.NodeID // From is 0 at the origin
	Hop        int
	Received   time.Time
	After      time.Duration // since it was sent
}

// NewSpread makes the report on a message from the records of the nodes that have it; asked are
// all nodes that could be asked. Records of one node twice are a mistake of the caller.
func NewSpread(id gossip.ID, sent time.Time, asked []gossip.NodeID, records []Record) Spread {
	s := Spread{ID: id, Sent: sent, Nodes: len(asked), Reached: len(records)}
	if s.Nodes > 0 {
		s.Coverage = float64(s.Reached) / float64(s.Nodes)
	}
	has := make(map[gossip.NodeID]bool, len(records))
	var delays []time.Duration
	var copies, useful, hops int
	for _, r := range records {
		has[r.Node] = true
		s.Packets += r.Sent
		copies += r.Copies
		step := Step{Node: r.Node, Hop: max(len(r.Route)-1, 0), Received: r.Received, After: r.Received.Sub(sent)}
		if step.Hop > 0 {
			step.From = r.Route[len(r.Route)-2]
		}
		s.Tree = append(s.Tree, step)
		if r.Node == id.Origin {
			continue
		}
		useful++
		hops += step.Hop
		s.MaxHops = max(s.MaxHops, step.Hop)
		delays = append(delays, step.After)
	}
	if useful > 0 {
		s.MeanHops = float64(hops) / float64(useful)
		s.Redundancy = float64(copies)/float64(useful) - 1
		slices.Sort(delays)
		s.P50, s.P99, s.Last = Percentile(delays, 0.50), Percentile(delays, 0.99), delays[len(delays)-1]
	}
	for _, node := range asked {
		if !has[node] {
			s.Missing = append(s.Missing, node)
		}
	}
	slices.Sort(s.Missing)
	slices.SortFunc(s.Tree, func(a, b Step) int {
		return cmp.Or(a.Received.Compare(b.Received), cmp.Compare(a.Hop, b.Hop), cmp.Compare(a.Node, b.Node))
	})
	return s
}

// Percentile returns the smallest of the sorted values that at least the fraction p of them does
// not exceed (the nearest-rank method: always a value that was measured). No values give 0.
func Percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
