package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gossipctl/check"
	"gossipctl/cmd/term"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/scenario"
	"gossipctl/scenarios"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type runScenario struct {
	*app
	name             string // as it was typed
	simulate, dryRun bool
	nodes, workers   int
	basePort         int
	seeds, which     string
	seed             uint64
	save             string
	junit, html      string

	cases   []*scenario.Scenario
	between scenario.Range
}

func newRunScenario(a *app) *cobra.Command {
	o := &runScenario{app: a}
	c := &cobra.Command{
		Use:   "run-scenario FILE",
		Short: "Put a network through what a scenario says, and judge what came of it",
		Long: `Put a network through what a scenario says: messages, faults at their moments, and
assertions about the end. FILE is a YAML file, or the name of one of list-scenarios.

It runs on real processes, in a network of its own that is ended whatever happens,
or with --simulate in virtual time, where a seed gives the same run to the byte, and
many seeds run on all cores. The checker judges the events of every run; what it says
is the first line of the table, and the assertions of the file are the others.

What is left to chance in a file (shares of the nodes, senders, chaos) is drawn from
the seed; --dry-run shows the schedule that comes of it. A run that fails says which
command repeats it.

Exit status: 0 when all held, 5 when an assertion or the verdict failed, 7 when the
evidence is incomplete, 2 when the file is wrong.`,
		Example: `  gossipctl run-scenario calm --simulate --seed 1
  gossipctl run-scenario chaos --simulate --seeds 1..50
  gossipctl run-scenario mass-failure --simulate --seed 1 --case share=50% -o json
  gossipctl run-scenario partition-heal --dry-run --seed 1`,
		Args:              a.args(1, 1, "a FILE, or the name of one of list-scenarios"),
		ValidArgsFunction: completeScenario,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.prepare(args[0], c.Flags()); err != nil {
				return err
			}
			ctx := c.Context()
			if c.Flags().Changed("timeout") {
				var cancel context.CancelFunc
				ctx, cancel = o.limit(ctx)
				defer cancel()
			}
			switch {
			case o.dryRun:
				return o.showPlan()
			case o.simulate:
				return o.runSimulated(ctx)
			}
			return o.runLive(ctx)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.simulate, "simulate", false, "in virtual time, instead of on processes")
	f.IntVarP(&o.nodes, "nodes", "n", 0, "number of nodes (default: that of the file)")
	f.Uint64Var(&o.seed, "seed", 0, "same seed, same schedule; simulated, same run (default: drawn, and printed)")
	f.StringVar(&o.seeds, "seeds", "", "run with each of these seeds, such as `1..500`; simulated only")
	f.StringVar(&o.which, "case", "", "only this case of the file's matrix, such as `share=50%`")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would happen, and when, and do nothing")
	f.StringVar(&o.save, "save", "", "keep events, verdict and report in `FOLDER`, for check-run; of more than 20 runs, those that were not ok")
	f.StringVar(&o.junit, "junit", "", "write a JUnit report to `FILE`")
	f.StringVar(&o.html, "html", "", "write a report with plots to `FILE`; of many runs, of the first that was not ok")
	f.IntVar(&o.basePort, "base-port", 0, "port of the controller, node k on the base port + k (default: some that are free); not simulated")
	f.IntVar(&o.workers, "workers", 0, "simulated runs at a time (default: one for each core)")
	c.RegisterFlagCompletionFunc("case", completeCase)
	return c
}

// completeCase completes the cases of the file that was named.
func completeCase(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, noFiles
	}
	path, text, err := readScenario(args[0])
	if err != nil {
		return nil, noFiles
	}
	cases, _ := scenario.Read(path, text, scenario.Override{})
	var names []string
	for _, c := range cases {
		if c.Case != "" {
			names = append(names, c.Case)
		}
	}
	return names, noFiles
}

// maxScenario bounds what is read of a file; what is too large by one byte is told by package scenario.
const maxScenario = 1 << 20

// readScenario finds a scenario by name or path.
func readScenario(name string) (path, text string, err error) {
	if text, is := scenarios.Text(name); is {
		return name + ".yaml", text, nil
	}
	f, err := netctl.OpenRegular(name)
	if err != nil {
		hint := ""
		if near := term.Near(name, scenarios.Names()); len(near) > 0 {
			hint = "did you mean " + term.Or(near) + "?"
		} else if !strings.ContainsAny(name, "./") {
			hint = "there is no scenario of that name either; run gossipctl list-scenarios"
		}
		return "", "", api.WrapError(api.CodeUsage, fmt.Errorf("reading the scenario: %w", err), hint)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxScenario))
	if err != nil {
		return "", "", api.WrapError(api.CodeUsage, fmt.Errorf("reading the scenario: %w", err), "")
	}
	return name, string(data), nil
}

// prepare checks everything that can be known to be wrong before anything is begun.
func (o *runScenario) prepare(name string, flags *pflag.FlagSet) error {
	o.name = name
	usage := func(format string, args ...any) error {
		return api.NewError(api.CodeUsage, fmt.Sprintf(format, args...), "")
	}
	if flags.Changed("nodes") && o.nodes < 1 {
		return usage("--nodes %d: there is at least one", o.nodes)
	}
	if o.workers < 0 {
		return usage("--workers %d: there is at least one", o.workers)
	}
	path, text, err := readScenario(name)
	if err != nil {
		return err
	}
	if o.cases, err = scenario.Read(path, text, scenario.Override{Nodes: o.nodes}); err != nil {
		return api.WrapError(api.CodeUsage, err, "")
	}
	if o.which != "" {
		var names []string
		var one *scenario.Scenario
		for _, c := range o.cases {
			names = append(names, c.Case)
			if c.Case == o.which {
				one = c
			}
		}
		if one == nil {
			return api.NewError(api.CodeUsage, fmt.Sprintf("%s has no case %q", path, o.which), "it has "+term.Or(names))
		}
		o.cases = []*scenario.Scenario{one}
	}
	switch {
	case o.seeds != "" && flags.Changed("seed"):
		return usage("--seed is one seed and --seeds are many: give one of them")
	case o.seeds != "" && !o.simulate && !o.dryRun:
		return usage("--seeds needs --simulate: on processes each run takes its time")
	case o.seeds != "":
		if o.between, err = scenario.ParseSeeds(o.seeds); err != nil {
			return usage("--seeds: %v", err)
		}
	default:
		if !flags.Changed("seed") {
			o.seed = netctl.Seed()
		}
		o.between = scenario.Range{First: o.seed, Last: o.seed}
	}
	if o.save != "" {
		if entries, err := os.ReadDir(o.save); err == nil && len(entries) > 0 {
			return api.NewError(api.CodeConflict, fmt.Sprintf("folder %s is not empty", o.save), "give --save one that is not there yet")
		}
	}
	return nil
}

// repeat is the command that does one of the runs again, as a shell takes it.
func (o *runScenario) repeat(s *scenario.Scenario, seed uint64) string {
	return check.CommandLine(o.repeatArgs(s, seed))
}

func (o *runScenario) repeatArgs(s *scenario.Scenario, seed uint64) []string {
	args := []string{"gossipctl", "run-scenario", o.name}
	if o.simulate {
		args = append(args, "--simulate")
	}
	if o.nodes > 0 {
		args = append(args, "--nodes", fmt.Sprint(o.nodes))
	}
	if s.Case != "" {
		args = append(args, "--case", s.Case)
	}
	return append(args, "--seed", fmt.Sprint(seed))
}

// runSimulated runs every case with every seed, and shows what came of it.
func (o *runScenario) runSimulated(ctx context.Context) error {
	total := len(o.cases) * o.between.Len()
	bar := term.StartProgress(o.Streams, total, o.cases[0].Base)
	rep := newScenarioReport(o, "simulated")
	began := time.Now()
	err := scenario.Many(ctx, o.cases, o.between, o.workers, scenario.Options{Hash: total <= maxResults}, func(out scenario.Outcome) {
		rep.add(out)
		bar.Add(1)
		bar.Describe(fmt.Sprintf("%s: %.0f seeds a second, %d not ok", o.cases[0].Base, float64(rep.Runs)/time.Since(began).Seconds(), rep.Runs-rep.OK))
	})
	bar.Done()
	rep.Wall = time.Since(began)
	if err != nil {
		if rep.Runs > 0 {
			o.note("%s of %s were done by then, %s not ok", term.Count(rep.Runs), term.Plural(total, "run"), term.Count(rep.Runs-rep.OK))
		}
		return err
	}
	for _, kept := range rep.kept {
		if kept.Result == nil {
			continue
		}
		if err := o.saveRun(rep, kept, func(folder string) error { return o.saveSimulated(ctx, folder, kept) }); err != nil {
			return err
		}
	}
	return o.finishReport(rep)
}

// saveSimulated runs a seed again, which is the same run, and writes its events down.
func (o *runScenario) saveSimulated(ctx context.Context, folder string, out scenario.Outcome) (err error) {
	if err := os.MkdirAll(filepath.Join(folder, "events"), 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, "events", "all.ndjson"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p, err := out.Scenario.Plan(out.Seed)
	if err != nil {
		return err
	}
	again, err := scenario.Run(ctx, &scenario.Simulated{}, p, scenario.Options{Hash: true, Log: f})
	if err == nil && out.Result.Hash != "" && again.Hash != out.Result.Hash {
		return fmt.Errorf("seed %d gave other events when it was run again: %s, and before %s", out.Seed, again.Hash, out.Result.Hash)
	}
	out.Result.Hash = again.Hash
	return err
}
