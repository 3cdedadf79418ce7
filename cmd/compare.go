package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/lab"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// compareDoc is the JSON of compare.
type compareDoc struct {
	Nodes     int           `json:"nodes"`
	Topology  string        `json:"topology"`
	Runs      int           `json:"runs"`
	Seed      uint64        `json:"seed"`
	Protocols []simulateDoc `json:"protocols"`
}

type compare struct {
	experiment
}

func newCompare(a *app) *cobra.Command {
	o := &compare{experiment: experiment{app: a}}
	c := &cobra.Command{
		Use:   "compare PROTOCOL…",
		Short: "Run several protocols in the simulator, on the same seeds",
		Long: `Run several protocols in the simulator on the same overlays and seeds, and put them
into one table and one picture. Settings of a protocol follow it after a colon:
push:fanout=3,stop=die.`,
		Example: `  gossipctl compare push pull push-pull --nodes 1000 --runs 20 --seed 1
  gossipctl compare flood plumtree --nodes 200 --topology random:5 --messages 5 --discard 4 --seed 1
  gossipctl compare rumor:k=1 rumor:k=3 --nodes 500 --seed 1 -o csv`,
		Args:              a.args(1, 14, "PROTOCOL…, some of list-protocols"),
		ValidArgsFunction: completeProtocol,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.fill(c.Flags()); err != nil {
				return err
			}
			return o.show(c.Context(), args, c.Flags().Changed("timeout"))
		},
	}
	o.addFlags(c)
	return c
}

// contestant reads NAME or NAME:KEY=VALUE,….
func contestant(text string) (name string, set map[string]string, err error) {
	name, settings, has := strings.Cut(text, ":")
	if !has {
		return name, nil, nil
	}
	set = make(map[string]string)
	for _, pair := range strings.Split(settings, ",") {
		key, value, is := strings.Cut(pair, "=")
		if !is {
			return "", nil, api.NewError(api.CodeUsage, fmt.Sprintf("%q is not of the form PROTOCOL:KEY=VALUE,KEY=VALUE", text), "")
		}
		set[key] = value
	}
	return name, set, nil
}

func (o *compare) show(ctx context.Context, args []string, timeout bool) error {
	experiments := make([]lab.Experiment, len(args))
	for i, arg := range args {
		if slices.Contains(args[:i], arg) {
			return api.NewError(api.CodeUsage, fmt.Sprintf("%s is there twice: the same seeds give the same result", arg), "")
		}
		x := o.lab
		var err error
		if x.Protocol, x.Settings, err = contestant(arg); err != nil {
			return err
		}
		if err := x.Check(); err != nil { // all before the first takes its time
			return api.WrapError(api.CodeUsage, fmt.Errorf("%s: %w", arg, err), "")
		}
		experiments[i] = x
	}
	if err := mixed(experiments); err != nil && o.plot != "" {
		return err
	}
	var reps []*lab.Report
	var took time.Duration
	doc := compareDoc{Nodes: o.lab.Nodes, Topology: o.lab.Overlay, Runs: o.lab.Runs, Seed: o.lab.Seed, Protocols: []simulateDoc{}}
	events := uint64(0)
	for i, x := range experiments {
		rep, err := o.run(ctx, x, timeout)
		if err != nil {
			return err
		}
		doc.Protocols = append(doc.Protocols, simulateDocOf(rep))
		took += rep.Wall
		events += rep.Events
		rep.Experiment.Protocol = args[i] // what tells it from the others
		reps = append(reps, rep)
	}
	picture := figure("Protocols compared · "+scene(reps[0]), reps...)
	if err := o.print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\n", term.Escape(o.describeAll(experiments, reps[0])))
		var t term.Table
		compareRows(&t, reps)
		t.Write(w)
		if mixed(experiments) == nil {
			o.curve(w, picture)
		}
		o.footnote(w, events, took)
	}, func(t *term.Table) {
		if o.out.Format == term.FormatCSV {
			each(t, reps...)
			return
		}
		compareRows(t, reps)
	}); err != nil {
		return err
	}
	verdict := o.late(reps...)
	o.Streams.Out = io.Discard // the result is out, and is one document
	if err := o.draw(ctx, picture); err != nil {
		return err
	}
	return verdict
}

// describeAll is what all the experiments have in common, in a line.
func (o *compare) describeAll(experiments []lab.Experiment, first *lab.Report) string {
	common := *first
	common.Experiment.Settings, common.Experiment.Until = nil, lab.Until{} // these have a column, or stand in the names
	if mixed(experiments) != nil {
		return scene(first) + fmt.Sprintf(" · %s · seed %d", term.Plural(first.Runs, "run"), first.Experiment.Seed)
	}
	return o.describe(&common)
}

// mixed says that some of the protocols count in rounds and others do not.
func mixed(experiments []lab.Experiment) error {
	for _, x := range experiments {
		if x.Rounds() != experiments[0].Rounds() {
			return api.NewError(api.CodeUsage, "rounds and milliseconds cannot be drawn on one axis",
				"give all the same --latency, such as --latency constant:10ms")
		}
	}
	return nil
}

func compareRows(t *term.Table, reps []*lab.Report) {
	t.Columns("protocol", "coverage", "t_ave", "t_last", "", "until", "copies/node", "packets/node", "redundancy", "hops", "max hops")
	for _, r := range reps {
		t.Row(r.Experiment.Protocol, fmt.Sprintf("%.4g %%", 100*r.Coverage.Mean), spread(r.TAve), spread(r.TLast), unitOf(r), until(r),
			spread(r.Traffic), brief(r.Packets.Mean/float64(r.Experiment.Nodes)), spread(r.Redundancy), spread(r.MeanHops), spread(r.MaxHops))
	}
}

// spread is a mean with half the width of its confidence interval.
func spread(s lab.Stat) string {
	if s.Runs == 0 {
		return "–"
	}
	if s.High == s.Low {
		return brief(s.Mean)
	}
	return fmt.Sprintf("%s ±%.2g", brief(s.Mean), s.High-s.Mean)
}

// until is when the runs were over: traffic is counted until then.
func until(r *lab.Report) string {
	if x := r.Experiment; x.Until.After > 0 {
		return x.Until.After.String()
	}
	return r.Experiment.Until.When
}
