package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gossipctl/topology"
)

// spreadFound is what was measured of gossipctl at one size; units as in the rows.
type spreadFound struct{ single, packets, rate, missing, idle, peak, after finding }

// none is when all of it is missing for one reason.
func none(err error) spreadFound {
	f := finding{err: err}
	return spreadFound{f, f, f, f, f, f, f}
}

// spreadNetwork measures gossipctl on the graph the limits were measured on.
func (s *session) spreadNetwork(ctx context.Context, graph *topology.Graph) spreadFound {
	if s.ctl == nil {
		return none(errUnasked)
	}
	n := graph.Len()
	s.say("messages, %d nodes: gossipctl", n)
	nw, err := s.ctl.startNetwork(ctx, n)
	if err != nil {
		return none(err)
	}
	var found spreadFound
	if s.plan.burst(n) {
		found.idle.value, found.idle.err = nw.memory(ctx, memoryPerProcess)
	}
	if s.plan.single(n) {
		found.single = nw.single(ctx, s.plan.singleTimes)
		found.packets.value, found.packets.err = nw.packetsOfOne(ctx)
		if !slices.Equal(nw.graph.Edges(), graph.Edges()) {
			found.packets.note = "the limit was measured on another graph"
		}
	}
	if s.plan.burst(n) {
		nw.bursts(ctx, s.plan, &found)
	}
	if _, err := nw.stop(ctx); err != nil {
		return none(err)
	}
	return found
}

// single measures single messages, one after the other.
func (nw *network) single(ctx context.Context, count int) finding {
	b, err := nw.benchmark(ctx, count, 0)
	if err != nil {
		return finding{err: err}
	}
	return finding{value: b.Single.LastMS.P50, note: "p99 " + number(b.Single.LastMS.P99, unitMS)}
}

// bursts runs the bursts and looks at the memory after the first: later ones only repeat the
// rate, and what nodes keep of them would blur the picture.
func (nw *network) bursts(ctx context.Context, p plan, found *spreadFound) {
	var rates []float64
	for i := range p.burstTimes {
		b, err := nw.benchmark(ctx, 0, p.burstCount)
		if err != nil {
			f := finding{err: err}
			found.rate, found.missing, found.peak, found.after = f, f, f, f
			return
		}
		rates = append(rates, b.Burst.DeliveriesPerSecond)
		found.missing.value = max(found.missing.value, b.Burst.Missing)
		if i == 0 {
			found.after.value, found.after.err = nw.settledMemory(ctx, found.idle.value+p.kept(), p.settle)
		}
	}
	found.rate.value = median(rates)
	found.peak.value, found.peak.err = nw.memory(ctx, peakPerProcess)
}

// benchmarked is what benchmark-network answers.
type benchmarked struct {
	Nodes  int
	Single struct {
		LastMS struct{ P50, P99 float64 } `json:"last_ms"`
	}
	Burst struct {
		DeliveriesPerSecond float64 `json:"deliveries_per_second"`
		Missing             float64
	}
}

// benchmark runs benchmark-network with so many single messages and so many in a burst; 0 leaves
// a part out. A failing exit status with a whole answer is gossipctl's verdict on the result,
// which is ours to judge.
func (nw *network) benchmark(ctx context.Context, single, burst int) (benchmarked, error) {
	var b benchmarked
	const command = "benchmark-network"
	stdout, _, err := nw.ctl.run(ctx, command, "--single", strconv.Itoa(single), "--burst", strconv.Itoa(burst),
		"--size", strconv.Itoa(payload), "--senders", strconv.Itoa(len(senders)))
	if bad := decode(stdout, &b, command); err == nil {
		err = bad
	}
	whole := b.Nodes > 0 && (single == 0 || b.Single.LastMS.P50 > 0) && (burst == 0 || b.Burst.DeliveriesPerSecond > 0)
	switch {
	case whole && ctx.Err() == nil:
		return b, nil
	case err != nil:
		return b, err
	}
	return b, fmt.Errorf("gossipctl %s: numbers are missing from its answer", command)
}
