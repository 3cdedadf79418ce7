package main

import (
	"context"
	"encoding/json"

	"gossipctl/bench/limit"
)

// commandNodes is the size of the network a command is timed on; any will do, it asks one node.
const commandNodes = 16

// command measures one command of the shell from end to end, against a minimal program that asks
// a bare server one thing over HTTP.
func (s *session) command(ctx context.Context, n int) error {
	s.say("one command: limit")
	asked, err := s.askLimit(ctx)
	if err != nil {
		return err
	}
	row := Row{Section: "command", What: "list-peers", Nodes: n, Unit: unitMS, Limit: &asked,
		Target: commandGoal.target, Stretch: commandGoal.stretch}
	took, err := s.listPeers(ctx, n)
	s.add(ctx, row, finding{value: took, err: err})
	return nil
}

// askLimit returns the median milliseconds of asklimit.
func (s *session) askLimit(ctx context.Context) (float64, error) {
	servers, err := limit.StartServers(ctx, s.programs.Serve, 1, s.limitProcs)
	if err != nil {
		return 0, err
	}
	defer servers.Stop()
	var times []float64
	for range s.plan.askTimes {
		took, err := limit.Ask(ctx, s.programs.Ask, servers.URL(1))
		if err != nil {
			return 0, err
		}
		times = append(times, milliseconds(took))
	}
	return median(times), nil
}

// listPeers returns the median milliseconds of `list-peers 1` on a network of n nodes.
func (s *session) listPeers(ctx context.Context, n int) (float64, error) {
	if s.ctl == nil {
		return 0, errUnasked
	}
	s.say("one command: gossipctl")
	nw, err := s.ctl.startNetwork(ctx, n)
	if err != nil {
		return 0, err
	}
	times, err := nw.timeListPeers(ctx, s.plan.askTimes)
	if _, stopErr := nw.stop(ctx); err == nil {
		err = stopErr
	}
	if err != nil {
		return 0, err
	}
	return median(times), nil
}

func (nw *network) timeListPeers(ctx context.Context, times int) ([]float64, error) {
	var all []float64
	for range times {
		var answer struct{ Peers []json.RawMessage }
		took, err := nw.ctl.ask(ctx, &answer, "list-peers", "1")
		if err != nil {
			return nil, err
		}
		all = append(all, milliseconds(took))
	}
	return all, nil
}
