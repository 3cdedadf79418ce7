package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"gossipctl/check"
	"gossipctl/cmd/term"
	"gossipctl/scenario"
	"gossipctl/scenario/live"
)

// runLive runs every case on processes, one after the other.
func (o *runScenario) runLive(ctx context.Context) error {
	rep := newScenarioReport(o, "live")
	began := time.Now()
	for _, s := range o.cases {
		out, err := o.runOnProcesses(ctx, rep, s)
		if err != nil {
			return err
		}
		if len(o.cases) == 1 && out.Err != nil {
			return out.Err // what could not be done has an exit status of its own
		}
	}
	rep.Wall = time.Since(began)
	return o.finishReport(rep)
}

// runOnProcesses runs one case. The error is about what ends the command; that of the run is in the
// outcome.
func (o *runScenario) runOnProcesses(ctx context.Context, rep *scenarioReport, s *scenario.Scenario) (out scenario.Outcome, err error) {
	out = scenario.Outcome{Job: scenario.Job{Scenario: s, Seed: o.seed}}
	p, err := s.Plan(o.seed)
	if err != nil {
		return out, err
	}
	bar := term.StartProgress(o.Streams, len(p.Actions), s.Name)
	defer bar.Done()
	var folder string
	opts := scenario.Options{Progress: func(a scenario.Action) {
		bar.Add(1)
		if a.Do != scenario.DoPublish {
			bar.Describe(a.String())
		}
	}}
	if o.save != "" {
		folder = o.folder(rep, out.Job)
		opts.Logs = func(run fs.FS) error { return copyEvents(run, folder) }
	}
	engine := &live.Engine{StartTime: o.timeout, BasePort: o.basePort, Command: o.repeatArgs(s, o.seed), Version: version, Note: func(text string) {
		bar.Describe(text)
	}}
	out.Result, out.Err = scenario.Run(ctx, engine, p, opts)
	bar.Done()
	if ctx.Err() != nil {
		return out, errors.Join(context.Cause(ctx), out.Err)
	}
	rep.add(out)
	if out.Result == nil || o.save == "" {
		return out, nil
	}
	return out, o.saveRun(rep, out, func(string) error { return nil })
}

// copyEvents copies the logs of events of a run, which are gone when its network is.
func copyEvents(run fs.FS, folder string) error {
	entries, err := fs.ReadDir(run, check.EventsFolder)
	if err != nil {
		return fmt.Errorf("saving the events: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(folder, check.EventsFolder), 0o755); err != nil {
		return fmt.Errorf("saving the events: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		in, err := run.Open(path.Join(check.EventsFolder, e.Name()))
		if err != nil {
			return fmt.Errorf("saving the events: %w", err)
		}
		err = writeFile(filepath.Join(folder, check.EventsFolder, e.Name()), func(w io.Writer) error {
			_, err := io.Copy(w, in)
			return err
		})
		in.Close()
		if err != nil {
			return fmt.Errorf("saving the events: %w", err)
		}
	}
	return nil
}
