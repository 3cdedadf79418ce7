package main

import (
	"context"
	"slices"

	"gossipctl/bench/limit"
	"gossipctl/topology"
)

// payload is the size of every message in bytes: what the targets are stated for.
const payload = 256

// senders share a burst. Four, because one alone would be the bottleneck of a fast network.
var senders = []int{1, 2, 3, 4}

// spread measures how messages get round a network of n nodes, one by one and in bursts, and
// what memory that takes, against the flood limit on the same graph.
func (s *session) spread(ctx context.Context, n int) error {
	graph, err := topology.Generate(topology.Request{Kind: "random", Nodes: n, Param: degree, Seed: seed})
	if err != nil {
		return err
	}
	limits, err := s.spreadLimits(ctx, graph)
	if err != nil {
		return err
	}
	found := s.spreadNetwork(ctx, graph)
	row := func(section, what, unit string, limit *float64, g goal, f finding) {
		s.add(ctx, Row{Section: section, What: what, Nodes: n, Unit: unit, Limit: limit, Target: g.target, Stretch: g.stretch}, f)
	}
	if s.plan.single(n) {
		row("single", "one message, last node", unitMS, limits.single, singleGoal, found.single)
		row("single", "packets of one message", unitPackets, limits.packets, packetsGoal, found.packets)
	}
	if s.plan.burst(n) {
		row("burst", "burst, deliveries", unitPerSecond, limits.rate, burstGoal, found.rate)
		row("burst", "burst, missing", unitDeliveries, limits.missing, missingGoal, found.missing)
		row("memory", "memory per idle node (PSS)", unitMB, limits.idle, idleGoal, found.idle)
		row("memory", "peak per node in bursts (RSS)", unitMB, limits.peak, goal{}, found.peak)
		row("memory", "memory after a burst (PSS)", unitMB, nil, afterGoal(found.idle.value, s.plan.kept()), found.after)
	}
	return nil
}

// single reports whether single messages are measured on n nodes.
func (p plan) single(n int) bool { return slices.Contains(p.singles, n) }

// burst reports whether bursts are measured on n nodes.
func (p plan) burst(n int) bool { return slices.Contains(p.bursts, n) }

// keptBeside is what a node may keep of a message beside its body, in bytes: its name, its times,
// and the way and the time of each of its copies, of which there are three.
const keptBeside = 512

// kept is what a node may keep of one burst, in MB.
func (p plan) kept() float64 { return float64(p.burstCount) * (payload + keptBeside) / 1e6 }

// spreadLimits are the limits at one size, nil where none was asked for; units as in the rows.
type spreadLimits struct{ single, packets, rate, missing, idle, peak *float64 }

func (s *session) spreadLimits(ctx context.Context, graph *topology.Graph) (l spreadLimits, err error) {
	n := graph.Len()
	s.say("messages, %d nodes: limit", n)
	flood, err := limit.StartFlood(ctx, s.programs.Flood, graph, s.limitProcs)
	if err != nil {
		return l, err
	}
	defer flood.Stop()
	if s.plan.single(n) {
		if err := s.singleLimit(ctx, flood, n, &l); err != nil {
			return l, err
		}
	}
	if s.plan.burst(n) {
		if err := s.burstLimit(ctx, flood, &l); err != nil {
			return l, err
		}
		err = s.idleLimit(ctx, n, &l)
	}
	return l, err
}

// singleLimit floods one message at a time, from every node in turn.
func (s *session) singleLimit(ctx context.Context, flood *limit.Flood, n int, l *spreadLimits) error {
	var times, packets []float64
	for i := range s.plan.singleTimes {
		r, err := flood.Publish(ctx, []int{i%n + 1}, 1, payload)
		if err != nil {
			return err
		}
		times = append(times, milliseconds(r.Elapsed))
		packets = append(packets, float64(r.Packets))
	}
	l.single, l.packets = new(median(times)), new(median(packets))
	return nil
}

// burstLimit floods bursts, and looks at the memory they took.
func (s *session) burstLimit(ctx context.Context, flood *limit.Flood, l *spreadLimits) error {
	var rates []float64
	for range s.plan.burstTimes {
		r, err := flood.Publish(ctx, senders, s.plan.burstCount, payload)
		if err != nil {
			return err
		}
		rates = append(rates, r.PerSecond())
	}
	peak, err := peakPerProcess(flood.PIDs())
	l.rate, l.peak = new(median(rates)), new(peak)
	l.missing = new(0.0) // Publish fails when one is
	return err
}

// idleLimit looks at the memory of n copies of a bare net/http server.
func (s *session) idleLimit(ctx context.Context, n int, l *spreadLimits) error {
	servers, err := limit.StartServers(ctx, s.programs.Serve, n, s.limitProcs)
	if err != nil {
		return err
	}
	defer servers.Stop()
	idle, err := memoryPerProcess(servers.PIDs())
	l.idle = new(idle)
	return err
}
