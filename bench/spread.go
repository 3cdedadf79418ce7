package main

import (
	"context"
	"fmt"
	"slices"

	"gossipctl/bench/limit"
)

// payload is the size of every message in bytes, and senders how many nodes share a burst: what
// the targets are stated for.
const (
	payload = 256
	senders = 4
)

// spread measures how messages get round a network of n nodes, one by one and in bursts, and
// what memory that takes, against the flood limit on the same graph.
func (s *session) spread(ctx context.Context, n int) error {
	graph, err := s.graph(ctx, n)
	if err != nil {
		return err
	}
	rows, err := s.spreadLimits(ctx, graph)
	if err != nil {
		return err
	}
	found, err := s.spreadNetwork(ctx, n)
	if slices.Contains(s.plan.singles, n) {
		rows.single.Note = found.singleNote
		s.add(ctx, rows.single, found.single, err)
		s.add(ctx, rows.packets, found.packets, err)
	}
	if slices.Contains(s.plan.bursts, n) {
		rows.after.Target = atMost(found.idle + float64(s.plan.burstCount)*payload/1e6)
		rows.after.Note = fmt.Sprintf("target: idle and the bodies of %d messages, which a node may keep", s.plan.burstCount)
		s.add(ctx, rows.rate, found.rate, err)
		s.add(ctx, rows.missing, found.missing, err)
		s.add(ctx, rows.idle, found.idle, err)
		s.add(ctx, rows.peak, found.peak, err)
		s.add(ctx, rows.after, found.after, err)
	}
	return nil
}

// graph returns the very graph gossipctl makes of n nodes, so that both floods run on the same,
// or a random one like it when there is no gossipctl to ask.
func (s *session) graph(ctx context.Context, n int) (limit.Graph, error) {
	if s.ctl != nil {
		if nw, err := s.ctl.startNetwork(ctx, n); err == nil {
			if _, err := nw.stop(ctx); err == nil {
				return nw.graph, nil
			}
		}
		// What is wrong comes to light, and into the report, when gossipctl's turn has come.
		s.say("%d nodes: could not learn gossipctl's graph, taking another", n)
	}
	return limit.RandomRegular(n, degree, 1)
}

// spreadRows are the rows of one size with the limits filled in.
type spreadRows struct{ single, packets, rate, missing, idle, peak, after Row }

func (s *session) spreadLimits(ctx context.Context, graph limit.Graph) (spreadRows, error) {
	n := len(graph)
	s.say("messages, %d nodes: limit", n)
	flood, err := limit.StartFlood(ctx, s.programs.Flood, graph, s.limitProcs)
	if err != nil {
		return spreadRows{}, err
	}
	defer flood.Stop()

	row := func(section, what, unit string, g goal) Row {
		return Row{Section: section, What: what, Nodes: n, Unit: unit, Target: g.target, Stretch: g.stretch}
	}
	rows := spreadRows{
		single:  row("single", "one message, last node", unitMS, singleGoal),
		packets: row("single", "packets of one message", unitPackets, packetsGoal),
		rate:    row("burst", "burst, deliveries", unitPerSecond, burstGoal),
		missing: row("burst", "burst, missing", unitDeliveries, missingGoal),
		idle:    row("memory", "memory per idle node (PSS)", unitMB, idleGoal),
		peak:    row("memory", "peak per node in bursts (RSS)", unitMB, goal{}),
		after:   row("memory", "memory after a burst (PSS)", unitMB, goal{}),
	}
	if slices.Contains(s.plan.singles, n) {
		if rows.single.Limit, rows.packets.Limit, err = s.singleLimit(ctx, flood, n); err != nil {
			return rows, err
		}
	}
	if slices.Contains(s.plan.bursts, n) {
		if rows.rate.Limit, rows.missing.Limit, err = s.burstLimit(ctx, flood); err != nil {
			return rows, err
		}
		if rows.peak.Limit, err = megabytes(peakPerProcess(flood.PIDs())); err != nil {
			return rows, err
		}
		if rows.idle.Limit, err = s.idleLimit(ctx, n); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// singleLimit returns the median milliseconds until the last node has one message, from every
// node in turn, and the packets that took.
func (s *session) singleLimit(ctx context.Context, flood *limit.Flood, n int) (last, packets *float64, err error) {
	var times, counts []float64
	for i := range s.plan.singleTimes {
		r, err := flood.Publish(ctx, []int{i%n + 1}, 1, payload)
		if err != nil {
			return nil, nil, err
		}
		times = append(times, milliseconds(r.Elapsed))
		counts = append(counts, float64(r.Packets))
	}
	return new(median(times)), new(median(counts)), nil
}

// burstLimit returns the median rate of deliveries, and how many were missing.
func (s *session) burstLimit(ctx context.Context, flood *limit.Flood) (rate, missing *float64, err error) {
	var rates []float64
	for range s.plan.burstTimes {
		r, err := flood.Publish(ctx, []int{1, 2, 3, 4}[:senders], s.plan.burstCount, payload)
		if err != nil {
			return nil, nil, err
		}
		rates = append(rates, r.PerSecond())
	}
	return new(median(rates)), new(0.0), nil // Publish fails when one is missing
}

// idleLimit returns the memory in MB of each of n copies of a bare net/http server.
func (s *session) idleLimit(ctx context.Context, n int) (*float64, error) {
	servers, err := limit.StartServers(ctx, s.programs.Serve, n, s.limitProcs)
	if err != nil {
		return nil, err
	}
	defer servers.Stop()
	return megabytes(memoryPerProcess(servers.PIDs()))
}

// megabytes passes on bytes as millions of them.
func megabytes(bytes float64, err error) (*float64, error) {
	return new(bytes / 1e6), err
}
