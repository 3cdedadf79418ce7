package main

import (
	"context"
	"fmt"

	"gossipctl/bench/limit"
)

// startAndStop measures starting and stopping n nodes, against n copies of a bare net/http server.
func (s *session) startAndStop(ctx context.Context, n int) error {
	s.say("start and stop, %d nodes: limit", n)
	var limitStarts, limitStops []float64
	for range s.plan.startTimes {
		servers, err := limit.StartServers(ctx, s.programs.Serve, n, s.limitProcs)
		if err != nil {
			return err
		}
		took, err := servers.Stop()
		if err != nil {
			return err
		}
		limitStarts = append(limitStarts, milliseconds(servers.Started))
		limitStops = append(limitStops, milliseconds(took))
	}
	startLimit, stopLimit := median(limitStarts), median(limitStops)
	startRow := Row{Section: "start", What: "start-network", Nodes: n, Unit: unitMS, Limit: &startLimit,
		Target: startGoal.target, Stretch: startGoal.stretch}
	stopRow := Row{Section: "start", What: "stop-network", Nodes: n, Unit: unitMS, Limit: &stopLimit,
		Target: stopGoal(n).target, Stretch: stopGoal(n).stretch}

	start, stop := s.networkStarts(ctx, n)
	s.add(ctx, startRow, start)
	s.add(ctx, stopRow, stop)
	return nil
}

// networkStarts returns the median milliseconds of starting and of stopping a network of n nodes.
func (s *session) networkStarts(ctx context.Context, n int) (start, stop finding) {
	neither := func(err error) (start, stop finding) { return finding{err: err}, finding{err: err} }
	if s.ctl == nil {
		return neither(errUnasked)
	}
	s.say("start and stop, %d nodes: gossipctl", n)
	var starts, stops []float64
	outlived := 0
	for range s.plan.startTimes {
		nw, err := s.ctl.startNetwork(ctx, n)
		if err != nil {
			return neither(err)
		}
		ended, err := nw.stop(ctx)
		if err != nil {
			return neither(err)
		}
		starts = append(starts, milliseconds(nw.Started))
		stops = append(stops, milliseconds(ended.took))
		outlived = max(outlived, ended.outlived)
	}
	start, stop = finding{value: median(starts)}, finding{value: median(stops)}
	if outlived > 0 {
		stop.note = fmt.Sprintf("%d processes still ran when the command had returned", outlived)
	}
	return start, stop
}
