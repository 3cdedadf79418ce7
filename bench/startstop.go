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

	starts, stops, outlived, err := s.networkStarts(ctx, n)
	if outlived > 0 {
		stopRow.Note = fmt.Sprintf("%d processes still ran when the command had returned", outlived)
	}
	s.add(ctx, startRow, starts, err)
	s.add(ctx, stopRow, stops, err)
	return nil
}

// networkStarts returns the median milliseconds of starting and of stopping a network of n nodes,
// and the most processes that outlived the command stop-network.
func (s *session) networkStarts(ctx context.Context, n int) (start, stop float64, outlived int, err error) {
	if s.ctl == nil {
		return 0, 0, 0, errUnasked
	}
	s.say("start and stop, %d nodes: gossipctl", n)
	var starts, stops []float64
	for range s.plan.startTimes {
		nw, err := s.ctl.startNetwork(ctx, n)
		if err != nil {
			return 0, 0, 0, err
		}
		ended, err := nw.stop(ctx)
		if err != nil {
			return 0, 0, 0, err
		}
		starts = append(starts, milliseconds(nw.Started))
		stops = append(stops, milliseconds(ended.took))
		outlived = max(outlived, ended.outlived)
	}
	return median(starts), median(stops), outlived, nil
}
