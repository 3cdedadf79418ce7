package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"gossipctl/bench/limit"
)

// session is one run of the benchmark.
type session struct {
	options
	ctl      *gossipctl // nil: only the limits are measured
	report   *Report
	progress io.Writer
}

// measure runs every section and returns what was found. When ctx ends, that is what there was
// time for. The error is one that kept it from measuring at all.
func measure(ctx context.Context, o options, progress io.Writer) (*Report, error) {
	s := &session{options: o, report: newReport(o.limitProcs), progress: progress}
	home, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return s.report, err
	}
	if !o.limitsOnly {
		if s.ctl, err = newGossipctl(o.gossipctl, home); err != nil {
			return s.report, errors.Join(err, os.RemoveAll(home))
		}
	}
	if s.programs == (limit.Programs{}) {
		if s.programs, err = limit.Build(ctx, home); err != nil {
			return s.report, errors.Join(err, os.RemoveAll(home))
		}
	}
	if m := s.report.Machine; m.Load > float64(m.CPUs)/2 {
		s.say("the machine is busy (load %.1f on %d CPUs): trust the ratios, not the numbers, and those little", m.Load, m.CPUs)
	}
	for _, n := range o.plan.starts {
		s.section(ctx, s.startAndStop, n)
	}
	sizes := slices.Concat(o.plan.singles, o.plan.bursts)
	slices.Sort(sizes)
	for _, n := range slices.Compact(sizes) {
		s.section(ctx, s.spread, n)
	}
	s.section(ctx, s.command, commandNodes)
	s.report.Complete = ctx.Err() == nil
	if s.ctl != nil {
		if _, _, err := s.ctl.stopNetwork(ctx); err != nil {
			// The folder is what a person needs to stop the rest by hand.
			return s.report, fmt.Errorf("the state is kept in %s: %w", home, err)
		}
	}
	return s.report, os.RemoveAll(home)
}

// section runs one part at one size, unless time is up. A part reports what it measured itself;
// an error is about the limits, without which there is nothing to compare with.
func (s *session) section(ctx context.Context, part func(context.Context, int) error, n int) {
	if ctx.Err() != nil {
		return
	}
	if err := part(ctx, n); err != nil && ctx.Err() == nil {
		s.report.add(Row{Section: "limits", What: "limit", Nodes: n}, finding{err: err})
	}
}

// add files a row, unless gossipctl's part of it was cut short by the end of the run.
func (s *session) add(ctx context.Context, row Row, f finding) {
	if f.err != nil && ctx.Err() != nil {
		return
	}
	s.report.add(row, f)
}

// say tells the user how far things are.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.progress, "bench: "+format+"\n", args...)
}
