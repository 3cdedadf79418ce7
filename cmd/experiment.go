package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/fault"
	"gossipctl/lab"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// experiment is what simulate and compare have in common: a form for a [lab.Experiment].
type experiment struct {
	*app
	lab                        lab.Experiment
	topology, latency          string
	loss, jitter, churn, until string
	memory                     string
	plot                       string
	noOpen                     bool
}

func (o *experiment) addFlags(c *cobra.Command) {
	f := c.Flags()
	x := &o.lab
	f.IntVarP(&x.Nodes, "nodes", "n", lab.DefaultNodes, "number of nodes")
	f.StringVar(&o.topology, "topology", lab.Complete, "overlay: complete, or any of list-topologies as `NAME` or NAME:PARAMETER")
	f.IntVar(&x.Runs, "runs", lab.DefaultRuns, "how often, each time with another seed")
	f.Uint64Var(&x.Seed, "seed", 0, "same seed, same result (default: drawn, and printed)")
	f.StringVar(&o.until, "until", "", "end of a run: informed, quiet, or a `time` after the last message (default: the protocol's own)")
	f.StringVar(&o.latency, "latency", "", "time a packet takes: none, constant:10ms, uniform:10ms,150ms, exponential:10ms (`mean`) or lognormal:10ms,0.5\n"+
		"(default: none, in synchronous rounds, for protocols that have rounds; else constant:1ms)")
	f.StringVar(&o.jitter, "jitter", "0", "`share` of the latency by which packets are later, up to this")
	f.BoolVar(&x.PerLink, "per-link", false, "draw the latency once for each link, not for each packet")
	f.StringVar(&o.loss, "loss", "0", "`share` of packets that are lost, such as 0.05 or 5%")
	f.StringVar(&x.Repair, "repair", protocol.RepairNone, "what closes the gaps that a protocol leaves: anti-entropy, or none")
	f.DurationVar(&x.RepairEvery, "repair-interval", protocol.RepairEvery, "how often a node compares what it has with one of its peers")
	f.StringVar(&o.churn, "churn", "", "nodes crash: `RATE:DOWN`, such as 1%:5s: a share a second, back without memory after a mean time")
	f.IntVar(&x.Messages, "messages", 1, "messages to publish")
	f.IntVar(&x.Discard, "discard", 0, "first messages that are not measured")
	f.DurationVar(&x.Every, "every", time.Second, "time between two messages")
	f.IntVar(&x.Origins, "origins", 1, "nodes that take turns to publish, drawn at random")
	f.DurationVar(&x.WarmUp, "warm-up", 0, "time before the first message")
	f.IntVarP(&x.Relays, "relays", "r", 0, "relay limit of each message (default: the protocol's own)")
	f.IntVar(&x.Body, "size", lab.DefaultBody, "bytes of each message")
	f.Uint64Var(&x.MaxEvents, "max-events", lab.DefaultEvents, "budget of events for all runs together")
	f.DurationVar(&x.MaxTime, "max-time", 0, "virtual time a run may take after its last message (default: 1000 rounds, or 10m)")
	f.StringVar(&o.memory, "max-memory", "", "bytes the program may take, such as 4GiB (default: three quarters of what is free)")
	f.IntVar(&x.Workers, "workers", 0, "runs at a time (default: one for each core)")
	f.StringVarP(&o.plot, "plot", "P", "", "draw the result to `FILE`: svg, png, json or csv by extension")
	f.BoolVar(&o.noOpen, "no-open", false, "do not open a viewer for the drawing")
	c.RegisterFlagCompletionFunc("topology", completeTopology)
	c.RegisterFlagCompletionFunc("until", cobra.FixedCompletions([]string{protocol.Informed, protocol.Quiet}, noFiles))
	c.RegisterFlagCompletionFunc("repair", completeRepair)
	c.RegisterFlagCompletionFunc("latency", cobra.FixedCompletions([]string{"none", "constant:", "uniform:", "exponential:", "lognormal:"}, noFiles))
}

// fill turns what was typed into the experiment.
func (o *experiment) fill(flags *pflag.FlagSet) error {
	x := &o.lab
	var problems []error
	try := func(name string, parse func(string) error, text string) {
		if text == "" {
			return
		}
		if err := parse(text); err != nil {
			problems = append(problems, fmt.Errorf("--%s: %w", name, err))
		}
	}
	try("until", func(s string) (err error) { x.Until, err = lab.ParseUntil(s); return }, o.until)
	try("latency", func(s string) (err error) { x.Latency, err = fault.ParseLatency(s); return }, o.latency)
	try("jitter", func(s string) (err error) { x.Jitter, err = lab.ParseShare(s); return }, o.jitter)
	try("loss", func(s string) (err error) { x.Loss, err = lab.ParseShare(s); return }, o.loss)
	try("churn", func(s string) (err error) { x.Churn, err = lab.ParseChurn(s); return }, o.churn)
	try("max-memory", func(s string) (err error) { x.MaxMemory, err = lab.ParseBytes(s); return }, o.memory)
	name, parameter, has := strings.Cut(o.topology, ":")
	x.Overlay = name
	if kind, known := topology.Find(name); has && known && name != lab.Complete {
		try("topology", func(s string) (err error) { x.Degree, err = kind.ParseParam(s, x.Nodes); return }, parameter)
	} else if has {
		problems = append(problems, fmt.Errorf("--topology: %s takes no parameter such as %q", name, parameter))
	}
	if flags.Changed("max-events") && x.MaxEvents == 0 {
		problems = append(problems, errors.New("--max-events 0: nothing could happen"))
	}
	for _, flag := range []string{"nodes", "runs", "messages", "origins"} {
		if v, err := flags.GetInt(flag); err == nil && v < 1 {
			problems = append(problems, fmt.Errorf("--%s %d: there is at least one", flag, v))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return api.WrapError(api.CodeUsage, err, "")
	}
	if !flags.Changed("seed") {
		x.Seed = netctl.Seed()
	}
	if o.plot != "" {
		return checkChartFile(o.plot)
	}
	return nil
}

// run does one experiment, with a bar on a terminal.
func (o *experiment) run(ctx context.Context, x lab.Experiment, timeout bool) (*lab.Report, error) {
	if timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	const parts = 1000
	bar := term.StartProgress(o.Streams, parts, x.Protocol)
	shown, began := 0, time.Now()
	rep, err := lab.Run(ctx, x, func(p lab.Progress) {
		if now := int(p.Share * parts); now > shown {
			bar.Add(now - shown)
			shown = now
		}
		bar.Describe(fmt.Sprintf("%s: %s, %s events a second", x.Protocol, runsDone(p), term.Count(uint64(float64(p.Events)/time.Since(began).Seconds()))))
	})
	bar.Done()
	switch {
	case err == nil:
		return rep, nil
	case errors.Is(err, lab.ErrMisuse):
		return nil, api.WrapError(api.CodeUsage, err, "")
	case errors.Is(err, context.DeadlineExceeded):
		return nil, api.NewError(api.CodeTimeout, fmt.Sprintf("%s was not over after %s", x.Protocol, o.timeout), "give it longer with --timeout, or leave that away")
	case errors.Is(err, lab.ErrBudget), errors.Is(err, lab.ErrMemory):
		return nil, api.WrapError(api.CodeTimeout, fmt.Errorf("simulating %s: %w", x.Protocol, err), "allow more with --max-events or --max-memory, or look whether the protocol ever ends")
	}
	return nil, fmt.Errorf("simulating %s: %w", x.Protocol, err)
}

func runsDone(p lab.Progress) string {
	if p.Runs == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%s of %s runs", term.Count(p.Done), term.Count(p.Runs))
}

// statDoc is a quantity over runs.
type statDoc struct {
	Mean float64    `json:"mean"`
	SD   float64    `json:"sd"`
	CI95 [2]float64 `json:"ci95"` // of the mean
	Min  float64    `json:"min"`
	P10  float64    `json:"p10"`
	P50  float64    `json:"p50"`
	P90  float64    `json:"p90"`
	P99  float64    `json:"p99"`
	Max  float64    `json:"max"`
}

// statOf is nil for a quantity that no run had.
func statOf(s lab.Stat) *statDoc {
	if s.Runs == 0 {
		return nil
	}
	return &statDoc{s.Mean, s.SD, [2]float64{s.Low, s.High}, s.Min, s.P10, s.P50, s.P90, s.P99, s.Max}
}

// simulateDoc is the JSON of simulate, and of each protocol in compare.
type simulateDoc struct {
	Protocol   string            `json:"protocol"`
	Settings   map[string]string `json:"settings"` // that were not the defaults
	Nodes      int               `json:"nodes"`
	Topology   string            `json:"topology"`
	Parameter  int               `json:"parameter,omitempty"` // of the topology
	Runs       int               `json:"runs"`
	Seed       uint64            `json:"seed"`
	Until      string            `json:"until"`
	Latency    string            `json:"latency"`
	Loss       float64           `json:"loss"`
	Jitter     float64           `json:"jitter"`
	PerLink    bool              `json:"per_link"`
	Churn      churnDoc          `json:"churn"`
	Repair     string            `json:"repair"` // anti-entropy or none
	Messages   int               `json:"messages"`
	Discard    int               `json:"discard"`
	EveryMS    float64           `json:"every_ms"`
	Origins    int               `json:"origins"`
	WarmUpMS   float64           `json:"warm_up_ms"`
	Relays     int               `json:"relays,omitempty"`
	Size       int               `json:"size"`
	TimeUnit   string            `json:"time_unit"` // of t_ave, t_last and the curve: rounds or ms
	Residue    *statDoc          `json:"residue"`
	Traffic    *statDoc          `json:"traffic"`
	TAve       *statDoc          `json:"t_ave"`
	T50        *statDoc          `json:"t_50"`
	T90        *statDoc          `json:"t_90"`
	TLast      *statDoc          `json:"t_last"`
	Coverage   *statDoc          `json:"coverage"`
	Packets    *statDoc          `json:"packets"`
	Control    *statDoc          `json:"control_packets"`
	Redundancy *statDoc          `json:"redundancy"`
	MeanHops   *statDoc          `json:"mean_hops"`
	MaxHops    *statDoc          `json:"max_hops"`
	Endings    map[string]int    `json:"endings"` // how many runs ended how: informed, quiet, time, late
	Lost       uint64            `json:"packets_lost"`
	Missed     uint64            `json:"packets_missed"`
	Refused    uint64            `json:"packets_refused"`
	PerMessage []spreadDoc       `json:"per_message"` // in the mean over runs; empty when there was one
	Curve      []pointDoc        `json:"curve"`
	Hops       []float64         `json:"hops"` // share of the deliveries by edges travelled, from 0
	Events     uint64            `json:"events"`
	WallMS     float64           `json:"wall_ms"`
	PerSecond  float64           `json:"events_per_second"`
}

type churnDoc struct {
	Rate   float64 `json:"rate"` // share of the live nodes that crash in a second
	DownMS float64 `json:"down_ms"`
}

type spreadDoc struct {
	Number     int      `json:"number"` // from 1, discarded ones not counted
	Coverage   float64  `json:"coverage"`
	Copies     float64  `json:"copies"`
	Redundancy *float64 `json:"redundancy"` // this and the rest: null when nobody got it
	TAve       *float64 `json:"t_ave"`
	TLast      *float64 `json:"t_last"`
	MeanHops   *float64 `json:"mean_hops"`
	MaxHops    *float64 `json:"max_hops"`
}

// known is nil for what is no number.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

type pointDoc struct {
	At       float64 `json:"at"`
	Coverage float64 `json:"coverage"` // mean over runs
	P10      float64 `json:"p10"`
	P90      float64 `json:"p90"`
}

func unitOf(r *lab.Report) string {
	if r.Rounds {
		return "rounds"
	}
	return "ms"
}

func simulateDocOf(r *lab.Report) simulateDoc {
	x := r.Experiment
	until := x.Until.When
	if x.Until.After > 0 {
		until = x.Until.After.String()
	}
	d := simulateDoc{
		Protocol: x.Protocol, Settings: map[string]string{}, Nodes: x.Nodes, Topology: x.Overlay, Parameter: x.Degree, Runs: r.Runs, Seed: x.Seed,
		Until: until, Latency: x.Latency.String(), Loss: x.Loss, Messages: x.Messages, Repair: cmp.Or(x.Repair, protocol.RepairNone),
		Jitter: x.Jitter, PerLink: x.PerLink, Churn: churnDoc{x.Churn.Rate, ms(x.Churn.Down)}, Discard: x.Discard, EveryMS: ms(x.Every),
		Origins: x.Origins, WarmUpMS: ms(x.WarmUp), Relays: x.Relays, Size: x.Body,
		TimeUnit: unitOf(r),
		Residue:  statOf(r.Residue), Traffic: statOf(r.Traffic), TAve: statOf(r.TAve), T50: statOf(r.T50), T90: statOf(r.T90), TLast: statOf(r.TLast), Coverage: statOf(r.Coverage),
		Packets: statOf(r.Packets), Control: statOf(r.Control), Redundancy: statOf(r.Redundancy), MeanHops: statOf(r.MeanHops), MaxHops: statOf(r.MaxHops),
		Endings: map[string]int{}, Lost: r.Lost, Missed: r.Missed, Refused: r.Refused,
		PerMessage: []spreadDoc{}, Curve: []pointDoc{}, Hops: append([]float64{}, r.Hops...),
		Events: r.Events, WallMS: ms(r.Wall), PerSecond: float64(r.Events) / max(r.Wall.Seconds(), 1e-9),
	}
	maps.Copy(d.Settings, x.Settings)
	for ending, n := range r.Endings {
		d.Endings[string(ending)] = n
	}
	for k, m := range r.Messages {
		d.PerMessage = append(d.PerMessage, spreadDoc{k + 1, m.Coverage, m.Copies, known(m.Redundancy), known(m.TAve), known(m.TLast), known(m.MeanHops), known(m.MaxHops)})
	}
	for k, at := range r.Curve.At {
		d.Curve = append(d.Curve, pointDoc{at, r.Curve.Mean[k], r.Curve.Low[k], r.Curve.High[k]})
	}
	return d
}

// describe is what was simulated, in a line.
func (o *experiment) describe(r *lab.Report) string {
	x := r.Experiment
	parts := []string{term.Plural(x.Nodes, "node"), x.Overlay, term.Plural(r.Runs, "run"), fmt.Sprintf("seed %d", x.Seed)}
	if x.Overlay != lab.Complete && x.Degree > 0 {
		parts[1] = fmt.Sprintf("%s %d", x.Overlay, x.Degree)
	}
	if r.Rounds {
		parts = append(parts, "synchronous rounds")
	} else {
		parts = append(parts, "latency "+x.Latency.String())
	}
	if x.Jitter > 0 {
		parts = append(parts, "jitter "+percent(x.Jitter))
	}
	if x.Loss > 0 {
		parts = append(parts, "loss "+percent(x.Loss))
	}
	if x.Churn.Rate > 0 {
		parts = append(parts, fmt.Sprintf("churn %s a second, down %s", percent(x.Churn.Rate), x.Churn.Down))
	}
	if words := repairOf(x); words != "" {
		parts = append(parts, words)
	}
	if x.Until.After > 0 {
		parts = append(parts, "for "+x.Until.After.String())
	} else if x.Until.When != "" {
		parts = append(parts, "until "+x.Until.When)
	}
	if x.Messages > 1 {
		parts = append(parts, term.Plural(x.Messages, "message"))
	}
	for _, name := range slices.Sorted(maps.Keys(x.Settings)) {
		parts = append(parts, name+"="+x.Settings[name])
	}
	return strings.Join(parts, " · ")
}

// repairOf says how an experiment's nodes repair; nothing when they do not.
func repairOf(x lab.Experiment) string {
	if x.Repair != protocol.RepairAntiEntropy {
		return ""
	}
	return fmt.Sprintf("repair every %s", cmp.Or(x.RepairEvery, protocol.RepairEvery))
}

func percent(share float64) string { return fmt.Sprintf("%.4g %%", 100*share) }

// late is the verdict on runs that went on for longer than they may; nil when all came to their end.
// The result was printed by then; see [app.shown].
func (o *experiment) late(reps ...*lab.Report) error {
	for _, r := range reps {
		if r.Unsent > 0 {
			o.note("%s: %s not published, because nobody was alive", r.Experiment.Protocol, term.Plural(r.Unsent, "message was", "messages were"))
		}
		if n := r.Endings[lab.EndLate]; n > 0 {
			return api.NewError(api.CodeTimeout, fmt.Sprintf("%s: %d of %s still going on after %s of virtual time", r.Experiment.Protocol, n,
				term.Plural(r.Runs, "run was", "runs were"), r.Experiment.MaxTime), "give it longer with --max-time, or end it with --until and a time")
		}
	}
	return nil
}

// footnote says what it cost.
func (o *experiment) footnote(w io.Writer, events uint64, wall time.Duration) {
	fmt.Fprintf(w, "\n%s\n", o.OutColor.Faint(term.Escape(fmt.Sprintf("%s events in %s, %s a second", term.Count(events), term.Duration(wall),
		term.Count(uint64(float64(events)/max(wall.Seconds(), 1e-9)))))))
}
