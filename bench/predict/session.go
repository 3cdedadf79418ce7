package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// session is one run of the program.
type session struct {
	options
	ctl      *gossipctl
	report   *Report
	progress io.Writer
}

// measure compares all that is in the plan. The report is of what was finished when the error says that
// something was not; it is nil when nothing was begun.
func measure(ctx context.Context, o options, progress io.Writer) (*Report, error) {
	home, err := os.MkdirTemp("", "predict-")
	if err != nil {
		return nil, err
	}
	ctl, err := newGossipctl(o.gossipctl, home, o.basePort, o.plan.rest)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	s := &session{o, ctl, newReport(o.latency), progress}
	if m := s.report.Machine; m.Load > float64(m.CPUs)/2 {
		s.say("the machine is busy (load %.1f on %d CPUs): times waver", m.Load, m.CPUs)
	}
	if err = s.compare(ctx); err == nil {
		err = s.budgets(ctx)
	}
	s.report.Complete = err == nil
	if stopErr := ctl.stop(ctx); stopErr != nil {
		// The folder is what a person needs to stop the rest by hand.
		return s.report, errors.Join(err, fmt.Errorf("the state is kept in %s: %w", home, stopErr))
	}
	return s.report, errors.Join(err, os.RemoveAll(home))
}

// compare runs every network as processes and in the simulator.
func (s *session) compare(ctx context.Context) error {
	for i := range s.plan.comparisons {
		x := &s.plan.comparisons[i]
		var real, predicted []result
		for k := range x.networks {
			s.say("%s: network %d of %d", x.name, k+1, x.networks)
			r, err := s.ctl.realOf(ctx, x, seedOf(k), s.latency)
			if err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
			p, err := s.ctl.predict(ctx, x, seedOf(k), s.latency)
			if err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
			real, predicted = append(real, r), append(predicted, p)
		}
		s.report.Rows = append(s.report.Rows, newRow(x, real, predicted))
	}
	return nil
}

// seedOf is the seed of a network's graph and choices, real and simulated.
func seedOf(k int) uint64 { return uint64(k + 1) }

// budgets runs the trial of transmit-limited.
func (s *session) budgets(ctx context.Context) error {
	s.say("transmit-limited: %d real processes", fewNodes)
	row, err := s.ctl.realBudget(ctx, s.plan.budget)
	if err != nil {
		return fmt.Errorf("%s: %w", budgetProtocol, err)
	}
	rows := []BudgetRow{row}
	for _, n := range []int{fewNodes, manyNodes} {
		s.say("transmit-limited: simulation of %d nodes", n)
		row, err := s.ctl.simulatedBudget(ctx, s.plan.budget, n)
		if err != nil {
			return fmt.Errorf("%s: %w", budgetProtocol, err)
		}
		rows = append(rows, row)
	}
	s.report.Budget = slices.Insert(rows, 2, memberlist[0])
	s.report.Budget = append(s.report.Budget, memberlist[1])
	return nil
}

// say tells the user how far things are.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.progress, "predict: "+format+"\n", args...)
}
