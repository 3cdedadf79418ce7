package cmd

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/lab"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology/draw"

	"github.com/spf13/cobra"
)

type simulate struct {
	experiment
	set    map[string]string
	spread string
}

func newSimulate(a *app) *cobra.Command {
	o := &simulate{experiment: experiment{app: a}}
	c := &cobra.Command{
		Use:   "simulate PROTOCOL",
		Short: "Run a protocol in the simulator, with up to millions of nodes",
		Long: `Run a protocol in the simulator: the same code that node processes run, in virtual
time. A message is published at a random node, and again in every run with another
seed; what is printed is the mean over the runs and how far they lie apart.

Protocols that the literature counts in synchronous rounds are run so: everybody acts
at the same instants and packets take no time. --latency makes time continuous, with
rounds that begin at moments of each node's own.

  residue     share of the live nodes that lack the message in the end
  traffic     copies of the message sent, per node
  t_ave       from publishing to arrival, in the mean over the nodes that got it
  t_50, t_90  until half, and nine tenths, of the live nodes had it
  t_last      until the last of those that got it
  packets     of any sort, control packets included
  redundancy  copies received per useful copy, minus one

-o csv prints a line for every run. Ctrl-C, a budget of events (--max-events) and a
bound of memory (--max-memory) end a simulation that does not end by itself.`,
		Example: `  gossipctl simulate push-pull --nodes 10000 --runs 20 --seed 1
  gossipctl simulate rumor --set k=2 --runs 200 --seed 1 -o json
  gossipctl simulate flood --nodes 64 --topology random:3 --latency exponential:10ms --loss 5%
  gossipctl simulate push --nodes 500 --set fanout=3 --set stop=die --runs 50 -o csv
  gossipctl simulate plumtree -n 24 --topology random:4 --messages 5 --discard 4 --spread tree.svg`,
		Args: a.args(1, 1, "a PROTOCOL, one of list-protocols"),
		ValidArgsFunction: func(c *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, noFiles
			}
			return completeProtocol(c, args, text)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.fill(c.Flags()); err != nil {
				return err
			}
			if err := o.checkSpread(); err != nil {
				return err
			}
			o.lab.Protocol, o.lab.Settings = args[0], o.set
			return o.show(c.Context(), c.Flags().Changed("timeout"))
		},
	}
	o.addFlags(c)
	c.Flags().StringToStringVar(&o.set, "set", nil, "override a setting of the protocol: `key=value`")
	c.Flags().StringVar(&o.spread, "spread", "", "draw how the last message of the first run spread, to `FILE`: svg, png, dot, json or txt")
	c.RegisterFlagCompletionFunc("set", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return settingsOf(args), noFiles | cobra.ShellCompDirectiveNoSpace
	})
	return c
}

// settingsOf completes the settings of the protocol that was named.
func settingsOf(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	kind, err := protocol.Find(args[0])
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range kind.Settings {
		names = append(names, s.Name+"=\t"+s.Bounds())
	}
	return names
}

// checkSpread makes sure, before anything is begun, that the spread can be drawn.
func (o *simulate) checkSpread() error {
	if o.spread == "" {
		return nil
	}
	if o.lab.Nodes > draw.MaxNodes {
		return api.NewError(api.CodeUsage, fmt.Sprintf("--spread draws at most %s nodes, not %s", term.Count(draw.MaxNodes), term.Count(o.lab.Nodes)),
			"--plot draws what can be said of so many")
	}
	o.lab.Tree = true
	return checkPictureFile(o.spread)
}

// simulatedSpread is the way of the last message of the first run, as trace-message draws that of a real one.
func simulatedSpread(rep *lab.Report) draw.Spread {
	x, first := rep.Experiment, rep.Each[0]
	missing := make(map[int]bool, x.Nodes)
	for id := 1; id <= x.Nodes; id++ {
		missing[id] = true
	}
	s := draw.Spread{Title: x.Protocol}
	for _, name := range slices.Sorted(maps.Keys(x.Settings)) {
		s.Title += " " + name + "=" + x.Settings[name]
	}
	hops, last := 0, time.Duration(0)
	for _, step := range rep.Tree {
		if step.From == 0 {
			s.Root = int(step.Node)
		}
		s.Nodes = append(s.Nodes, draw.SpreadNode{ID: int(step.Node), Parent: int(step.From), Hop: step.Hop, AfterMS: ms(step.After)})
		hops, last = max(hops, step.Hop), max(last, step.After)
		delete(missing, int(step.Node))
	}
	s.Missing = slices.Sorted(maps.Keys(missing))
	cost := ""
	if x.Messages-x.Discard == 1 { // else what is known is the mean over several messages
		cost = fmt.Sprintf(" · %s · redundancy %.2f", term.Plural(int(first.Traffic*float64(x.Nodes)+0.5), "copy", "copies"), first.Redundancy)
	}
	s.Subtitle = fmt.Sprintf("%d of %d nodes%s · %s · %s to the last", len(s.Nodes), x.Nodes, cost, term.Plural(hops, "hop"), term.Duration(last))
	return s
}

func (o *simulate) show(ctx context.Context, timeout bool) error {
	rep, err := o.run(ctx, o.lab, timeout)
	if err != nil {
		return err
	}
	if err := o.print(simulateDocOf(rep), func(w io.Writer) {
		fmt.Fprintf(w, "%s in the simulator: %s\n\n", o.OutColor.Strong(term.Escape(rep.Experiment.Protocol)), term.Escape(o.describe(rep)))
		o.table(w, rep)
		o.curve(w, figureOf(rep))
		o.footnote(w, rep.Events, rep.Wall)
	}, func(t *term.Table) {
		if o.out.Format == term.FormatCSV {
			each(t, rep)
			return
		}
		t.Columns("protocol")
		t.Row(rep.Experiment.Protocol)
	}); err != nil {
		return err
	}
	verdict := o.late(rep)
	o.Streams.Out = io.Discard // the result is out, and is one document
	if err := o.draw(ctx, figureOf(rep)); err != nil {
		return err
	}
	if err := o.drawSpread(ctx, rep); err != nil {
		return err
	}
	return verdict
}

// drawSpread draws how the message spread, if that was asked for and its origin lived to tell.
func (o *simulate) drawSpread(ctx context.Context, rep *lab.Report) error {
	if o.spread == "" {
		return nil
	}
	if picture := simulatedSpread(rep); picture.Root == 0 {
		o.note("the spread cannot be drawn: the node that published the message has crashed since")
	} else if err := o.drawFile(ctx, o.spread, picture); err != nil {
		return err
	} else {
		o.note("Picture: %s", term.Escape(o.spread))
	}
	return nil
}

// table shows every quantity with its spread.
func (o *simulate) table(w io.Writer, rep *lab.Report) {
	var t term.Table
	t.Columns("", "mean", "± 95 %", "sd", "min", "median", "p99", "max", "")
	unit := unitOf(rep)
	for _, q := range []struct {
		name string
		stat lab.Stat
		unit string
	}{
		{"residue", rep.Residue, "of the nodes"}, {"traffic", rep.Traffic, "copies a node"},
		{"t_ave", rep.TAve, unit}, {"t_50", rep.T50, unit}, {"t_90", rep.T90, unit}, {"t_last", rep.TLast, unit},
		{"packets", rep.Packets, "per message"}, {"control", rep.Control, "of them"},
		{"redundancy", rep.Redundancy, ""}, {"mean hops", rep.MeanHops, ""}, {"max hops", rep.MaxHops, ""},
	} {
		s := q.stat
		if s.Runs == 0 {
			t.Row(q.name, "–", "", "", "", "", "", "", q.unit)
			continue
		}
		t.Row(q.name, brief(s.Mean), brief(s.High-s.Mean), brief(s.SD), brief(s.Min), brief(s.P50), brief(s.P99), brief(s.Max), q.unit)
	}
	t.Write(w)
}

// brief writes a number with four digits that mean something.
func brief(v float64) string {
	if v >= 10000 {
		return term.Count(int64(v + 0.5))
	}
	return fmt.Sprintf("%.4g", v)
}

// cell is a number in full, and nothing for what is none.
func cell(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprint(v)
}

// each shows every run in a row.
func each(t *term.Table, reps ...*lab.Report) {
	t.Columns("protocol", "run", "seed", "ending", "residue", "traffic", "t_ave", "t_50", "t_90", "t_last", "time_unit", "coverage", "packets", "control_packets",
		"redundancy", "mean_hops", "max_hops", "events", "wall_ms")
	for _, rep := range reps {
		for _, r := range rep.Each {
			t.Row(rep.Experiment.Protocol, r.Run, r.Seed, r.Ending, cell(r.Residue), cell(r.Traffic), cell(r.TAve), cell(r.T50), cell(r.T90), cell(r.TLast),
				unitOf(rep), cell(r.Coverage), cell(r.Packets), cell(r.Control), cell(r.Redundancy), cell(r.MeanHops), cell(r.MaxHops), r.Events, ms(r.Wall))
		}
	}
}
