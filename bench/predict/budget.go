package main

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"
)

// budget is the trial of transmit-limited with its defaults, which are memberlist's on a LAN, where everybody
// knows everybody: what a broadcast costs, and how soon it is known.
type budget struct {
	broadcasts  int           // through one network of real processes
	every       time.Duration // far longer than one takes: none meets another
	simulations int           // of one broadcast each, with phases and an origin of their own
}

const budgetProtocol = "transmit-limited"

// Numbers of nodes for which memberlist was measured; the first is run as processes too.
const (
	fewNodes  = 30
	manyNodes = 100
)

// Kinds of BudgetRow.
const (
	wanted    = "asked for"
	peer      = "memberlist itself"
	processes = "real processes"
	simulated = "simulated"
)

// BudgetRow is what a broadcast costs and how soon it is known: the mean over broadcasts.
type BudgetRow struct {
	Nodes       int     `json:"nodes"`
	Kind        string  `json:"kind"`
	Broadcasts  int     `json:"broadcasts"`
	PerNode     Figure  `json:"transmissions_per_node"` // SD between broadcasts, here and below
	Coverage    Figure  `json:"coverage"`               // nobody is promised to be reached: chance may pass over one; 0: not known
	HalfMS      Figure  `json:"half_ms"`                // until half of the nodes have it, the origin being one
	NineTenthMS Figure  `json:"nine_tenths_ms"`
	LastMS      Figure  `json:"last_ms"` // until the last one that is reached
	Verdict     Verdict `json:"verdict"`
}

// bounds of a row, by the number of nodes: lowest and highest of each quantity. memberlist sends a broadcast
// 4 × ⌈log10(n+1)⌉ times from each node. The times are those of 30 nodes: memberlist's own, with as much room as
// 20 broadcasts need, and as it also sends along with its probes, which is a little faster, more room above.
var bounds = map[int]struct{ perNode, half, nineTenths, last [2]float64 }{
	fewNodes: {[2]float64{8 * 0.97, 8 * 1.03}, [2]float64{200, 330}, [2]float64{300, 500}, [2]float64{0, 800}},
	manyNodes: {[2]float64{12 * 0.97, 12 * 1.03}, [2]float64{0, math.Inf(1)}, [2]float64{0, math.Inf(1)},
		[2]float64{0, math.Inf(1)}},
}

// memberlist is what hashicorp/memberlist v0.7.0 did with its LAN settings, all nodes in one process on loopback:
// 24 broadcasts among 30 nodes and 12 among 100, in the mean.
var memberlist = []BudgetRow{
	{Nodes: fewNodes, Kind: peer, Broadcasts: 24, PerNode: only(8.03), HalfMS: only(254), NineTenthMS: only(389), LastMS: only(465), Verdict: Stated},
	{Nodes: manyNodes, Kind: peer, Broadcasts: 12, PerNode: only(12.01), HalfMS: only(278), NineTenthMS: only(356), LastMS: only(546), Verdict: Stated},
}

func only(v float64) Figure { return Figure{Mean: v} }

// broadcast is what became of one broadcast.
type broadcast struct{ perNode, coverage, half, nineTenths, last float64 }

// newBudgetRow sums up broadcasts.
func newBudgetRow(kind string, nodes int, list []broadcast) BudgetRow {
	part := func(of func(broadcast) float64) Figure {
		results := make([]result, len(list))
		for i, b := range list {
			results[i].packets = of(b)
		}
		return figure(results, func(r result) float64 { return r.packets })
	}
	r := BudgetRow{
		Nodes: nodes, Kind: kind, Broadcasts: len(list), Verdict: Short,
		PerNode:     part(func(b broadcast) float64 { return b.perNode }),
		Coverage:    part(func(b broadcast) float64 { return b.coverage }),
		HalfMS:      part(func(b broadcast) float64 { return b.half }),
		NineTenthMS: part(func(b broadcast) float64 { return b.nineTenths }),
		LastMS:      part(func(b broadcast) float64 { return b.last }),
	}
	in := func(f Figure, b [2]float64) bool { return f.Mean >= b[0] && f.Mean <= b[1] }
	if b := bounds[nodes]; in(r.PerNode, b.perNode) && in(r.HalfMS, b.half) && in(r.NineTenthMS, b.nineTenths) && in(r.LastMS, b.last) {
		r.Verdict = OK
	}
	return r
}

// realBudget broadcasts through real processes on bare loopback, as memberlist was measured: what takes time are
// the intervals.
func (c *gossipctl) realBudget(ctx context.Context, b budget) (row BudgetRow, err error) {
	const seed = 1
	nw, err := c.start(ctx, wish{topology: []string{"complete"}, nodes: fewNodes, seed: seed, protocol: budgetProtocol})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, c.stop(ctx)) }()
	// The first one opens the links.
	names, err := nw.publish(ctx, seed, 1+b.broadcasts, b.every)
	if err != nil {
		return row, err
	}
	spreads, err := nw.spreads(ctx, names[1:], true)
	if err != nil {
		return row, err
	}
	var list []broadcast
	for _, s := range spreads {
		b, err := broadcastOf(s, fewNodes)
		if err != nil {
			return row, err
		}
		list = append(list, b)
	}
	return newBudgetRow(processes, fewNodes, list), nil
}

// errFew is when it cannot be said how soon nine tenths of the nodes had a broadcast.
var errFew = errors.New("a broadcast has reached fewer than nine tenths of the nodes")

// broadcastOf reads times off the way of a message.
func broadcastOf(s spread, nodes int) (broadcast, error) {
	at := func(share float64) float64 { return s.Tree[int(math.Ceil(share*float64(nodes)))-1].AfterMS }
	if reached := len(s.Tree); reached < 1 || float64(reached) < math.Ceil(0.9*float64(nodes)) {
		return broadcast{}, errFew
	}
	return broadcast{s.Packets / float64(nodes), s.Coverage, at(0.5), at(0.9), s.Tree[len(s.Tree)-1].AfterMS}, nil
}

// simulatedBudget simulates broadcasts, each in a network of its own. Packets take the millisecond that simulate
// gives them by default.
func (c *gossipctl) simulatedBudget(ctx context.Context, b budget, nodes int) (BudgetRow, error) {
	var list []broadcast
	for seed := range b.simulations {
		s, err := c.simulate(ctx, budgetProtocol, nil, "--nodes", itoa(nodes), "--topology", "complete",
			"--seed", itoa(seed+1))
		if err != nil {
			return BudgetRow{}, err
		}
		half, nineTenths := s.by(0.5), s.by(0.9)
		if math.IsInf(nineTenths, 1) {
			return BudgetRow{}, errFew
		}
		list = append(list, broadcast{s.Traffic.Mean, s.Coverage.Mean, half, nineTenths, s.TLast.Mean})
	}
	return newBudgetRow(simulated, nodes, list), nil
}

// by is when such a share of the nodes had the message: the first point of the curve where they had, which is no
// more than the 240th part of the whole late.
func (s *simulation) by(share float64) float64 {
	for _, p := range s.Curve {
		if p.Coverage >= share-1e-9 {
			return p.At
		}
	}
	return math.Inf(1)
}

func itoa(n int) string { return strconv.Itoa(n) }
