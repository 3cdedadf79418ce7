package main

import (
	"context"
	"errors"
	"math"
)

// How far apart real and simulated networks may be, in shares of what is real. Packets, and whether a message
// reaches somebody, follow from the rules of the protocol. Hops also follow from how long things take, which is
// a model.
const (
	packetsApart = 0.05
	hopsApart    = 0.10
)

// result is what a message came to, in the mean over the messages of one network.
type result struct{ packets, meanHops, maxHops, coverage, lastMS float64 }

// Figure is a quantity over networks.
type Figure struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"` // between networks; 0 with a single one
}

// Pair is a quantity in real networks, and as it was predicted.
type Pair struct {
	Real      Figure `json:"real"`
	Predicted Figure `json:"predicted"`
}

// apart is the difference of the prediction in shares of what is real.
func (p Pair) apart() float64 {
	if p.Real.Mean == p.Predicted.Mean {
		return 0
	}
	return p.Predicted.Mean/p.Real.Mean - 1
}

// Verdict is how real and predicted numbers stand to each other.
type Verdict string

// The verdicts.
const (
	OK     Verdict = "ok"     // within the bounds
	Short  Verdict = "short"  // not within them
	Stated Verdict = "stated" // there are none, the numbers are only told
)

// Row is a comparison that was made.
type Row struct {
	Name     string  `json:"name"`
	Command  string  `json:"command"` // protocol and settings
	Graph    string  `json:"graph"`
	Nodes    int     `json:"nodes"`
	Networks int     `json:"networks"`
	Messages int     `json:"messages"` // of each that were compared
	Packets  Pair    `json:"packets"`  // with a copy, for one message
	MeanHops Pair    `json:"mean_hops"`
	MaxHops  Pair    `json:"max_hops"`
	Coverage Pair    `json:"coverage"`
	LastMS   Pair    `json:"last_ms"` // until the last node that is reached
	Verdict  Verdict `json:"verdict"`
}

// newRow compares what networks came to.
func newRow(x *comparison, real, predicted []result) Row {
	pair := func(part func(result) float64) Pair { return Pair{figure(real, part), figure(predicted, part)} }
	r := Row{
		Name: x.name, Command: x.command(), Graph: x.graph(), Nodes: x.nodes, Networks: len(real), Messages: x.messages,
		Packets:  pair(func(r result) float64 { return r.packets }),
		MeanHops: pair(func(r result) float64 { return r.meanHops }),
		MaxHops:  pair(func(r result) float64 { return r.maxHops }),
		Coverage: pair(func(r result) float64 { return r.coverage }),
		LastMS:   pair(func(r result) float64 { return r.lastMS }),
	}
	r.Verdict = r.judge()
	if x.bare {
		r.Verdict = Stated
	}
	return r
}

// judge compares packets, coverage and mean hops with their bounds. The longest way, and the time, are only
// told: the one is a single node's luck, the other also depends on how busy the machine is.
func (r *Row) judge() Verdict {
	within := func(p Pair, bound float64) bool { return math.Abs(p.apart()) <= bound } // no number at all is not
	if within(r.Packets, packetsApart) && within(r.Coverage, packetsApart) && within(r.MeanHops, hopsApart) {
		return OK
	}
	return Short
}

// figure sums up one quantity.
func figure(results []result, part func(result) float64) Figure {
	var f Figure
	n := float64(len(results))
	for _, r := range results {
		f.Mean += part(r) / n
	}
	for _, r := range results {
		f.SD += (part(r) - f.Mean) * (part(r) - f.Mean)
	}
	f.SD = math.Sqrt(f.SD / max(n-1, 1))
	return f
}

// realOf runs one of the networks of a comparison and returns what its messages came to.
func (c *gossipctl) realOf(ctx context.Context, x *comparison, seed uint64, latency string) (r result, err error) {
	if x.bare {
		latency = ""
	}
	nw, err := c.start(ctx, wish{
		topology: []string{"random", itoa(x.degree)}, nodes: x.nodes, seed: seed,
		protocol: x.protocol, settings: x.settings, latency: latency,
	})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.stop(ctx)) }()
	names, err := nw.publish(ctx, seed, x.warm+x.messages, x.every)
	if err != nil {
		return r, err
	}
	list, err := nw.spreads(ctx, names[x.warm:], x.lossy)
	return sum(list), err
}

// sum is the mean over messages.
func sum(list []spread) result {
	var r result
	n := float64(len(list))
	for _, s := range list {
		r.packets += s.Packets / n
		r.meanHops += s.MeanHops / n
		r.maxHops += s.MaxHops / n
		r.coverage += s.Coverage / n
		r.lastMS += s.Latency.Last / n
	}
	return r
}
