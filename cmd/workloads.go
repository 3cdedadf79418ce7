package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/workload"

	"github.com/spf13/cobra"
)

// workloadDoc is a workload of a network, in the JSON of all commands about them.
type workloadDoc struct {
	Name    string          `json:"name"`
	EveryMS float64         `json:"interval_ms"` // about
	List    int             `json:"list"`        // lines of a list of its own; 0: the built-in one
	TTL     int             `json:"ttl"`         // 0: no limit
	Nodes   []gossip.NodeID `json:"nodes"`       // where it runs
	All     bool            `json:"all"`         // these are all, and those to come run it too
	Paused  []gossip.NodeID `json:"paused"`      // of them, those where it is paused
}

func docOfWorkload(w *netctl.Workload, present []gossip.NodeID) workloadDoc {
	d := workloadDoc{Name: w.Name, EveryMS: ms(w.Interval()), List: len(w.List), TTL: w.TTL, All: len(w.Nodes) == 0, Nodes: []gossip.NodeID{}, Paused: []gossip.NodeID{}}
	for _, id := range present {
		runs, paused := w.At(id)
		if runs {
			d.Nodes = append(d.Nodes, id)
		}
		if paused {
			d.Paused = append(d.Paused, id)
		}
	}
	return d
}

// settingsText says how a workload runs, in a few words.
func (d *workloadDoc) settingsText() string {
	text := "about every " + msText(d.EveryMS)
	if d.List > 0 {
		text += ", from a list of " + term.Plural(d.List, "line")
	}
	if d.TTL > 0 {
		text += fmt.Sprintf(", TTL %d", d.TTL)
	}
	return text
}

// whereText says where a workload runs.
func (d *workloadDoc) whereText() string {
	where := "at no node that there is"
	switch {
	case d.All:
		where = "at all nodes"
	case len(d.Nodes) > 0:
		where = "at " + nodesText(d.Nodes)
	}
	switch {
	case len(d.Paused) > 0 && len(d.Paused) == len(d.Nodes):
		where += ", paused"
	case len(d.Paused) > 0:
		where += ", paused at " + nodesText(d.Paused)
	}
	return where
}

// changedDoc is the JSON of start-workload, pause-workload and resume-workload.
type changedDoc struct {
	workloadDoc
	Changed bool            `json:"changed"` // it ran before
	Untold  []gossip.NodeID `json:"untold"`  // nodes that did not answer and will be told later
}

type startWorkload struct {
	*app
	every time.Duration
	list  string
	ttl   int
	nodes string
}

func newStartWorkload(a *app) *cobra.Command {
	o := &startWorkload{app: a}
	c := &cobra.Command{
		Use:   "start-workload KIND",
		Short: "Let nodes do something by themselves, or change how they do it",
		Long: `Let nodes do something by themselves: draw a favourite film, count, chat; list-workloads
says what there is. Each acts at once, and then about every --interval: from three quarters
of it to five quarters, so that nodes do not act in step.

For a workload that runs already the flags change how it runs, at once, and what is not given
stays as it is. Nodes that are added or started later run it too, unless --nodes says where;
it goes on when a network is resumed.`,
		Example:           "  gossipctl start-workload movies\n  gossipctl start-workload movies --interval 1s\n  gossipctl start-workload random-values --nodes 1-5,8 --ttl 4",
		Args:              a.args(1, 1, "the KIND of workload"),
		ValidArgsFunction: completeWorkload,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.DurationVar(&o.every, "interval", 0, "time between two acts of a node, about (default: the workload's own)")
	f.StringVar(&o.list, "list", "", "`FILE` to draw from, one thing in a line; empty: the built-in list again")
	f.IntVar(&o.ttl, "ttl", 0, "edges that news of a value travels at most by the protocol; 0: no limit")
	f.StringVar(&o.nodes, "nodes", "all", "where it runs: 3, 1-8, 1,4,9-12 or all")
	c.MarkFlagFilename("list")
	c.RegisterFlagCompletionFunc("nodes", a.completeNodes(netctl.Running, netctl.Paused, netctl.Dead))
	return c
}

func (o *startWorkload) run(c *cobra.Command, name string) error {
	kind, err := workload.Find(name)
	if err != nil {
		return api.WrapError(api.CodeUsage, err, "run gossipctl list-workloads")
	}
	req := netctl.WorkloadRequest{Name: kind.Name}
	settings := workload.Settings{Name: kind.Name}
	if c.Flags().Changed("interval") {
		if o.every <= 0 {
			return o.misuse(c, fmt.Errorf("--interval %v is not possible: it must be above 0", o.every))
		}
		req.Every, settings.Every = &o.every, o.every
	}
	if c.Flags().Changed("list") {
		list := []string{}
		if o.list != "" {
			if list, err = readLines(o.list); err != nil {
				return o.misuse(c, err)
			}
		}
		req.List, settings.List = &list, list
	}
	if c.Flags().Changed("ttl") {
		req.TTL, settings.TTL = &o.ttl, o.ttl
	}
	if err := settings.Check(); err != nil {
		return o.misuse(c, err)
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	if c.Flags().Changed("nodes") {
		if req.Nodes, req.All, err = o.where(n, o.nodes); err != nil {
			return err
		}
	}
	ctx, cancel := o.limit(c.Context())
	defer cancel()
	answer, err := n.StartWorkload(ctx, req)
	if err != nil {
		return err
	}
	verb := "runs"
	if answer.Changed {
		verb = "goes on"
	}
	return o.changed(n, answer, verb)
}

// where reads a set of nodes: numbers, or all of them, those to come too.
func (a *app) where(n *netctl.Network, text string) (ids []gossip.NodeID, all bool, err error) {
	switch text = strings.TrimSpace(text); text {
	case "":
		return nil, false, api.NewError(api.CodeUsage, "--nodes: no node is named; write all, or leave --nodes out, for all of them", "")
	case "all":
		return nil, true, nil
	}
	ids, drawn, err := a.pick(n, text, 0, netctl.Running, netctl.Paused, netctl.Dead)
	if err == nil && drawn {
		err = api.NewError(api.CodeUsage, fmt.Sprintf("--nodes %s is a share; name the nodes", text), "")
	}
	return ids, false, err
}

// changed says what a command has made of one workload.
func (a *app) changed(n *netctl.Network, answer netctl.WorkloadAnswer, verb string) error {
	if len(answer.Workloads) != 1 {
		return fmt.Errorf("the controller has changed %s, and not one", term.Plural(len(answer.Workloads), "workload"))
	}
	doc := changedDoc{docOfWorkload(&answer.Workloads[0], n.Present()), answer.Changed, answer.Untold}
	return a.print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s %s, %s.\n", a.OutColor.Strong(term.Escape(doc.Name)), verb, term.Escape(doc.whereText()), term.Escape(doc.settingsText()))
		a.warnWorkless(doc.Untold)
	}, func(t *term.Table) {
		t.Columns("workload")
		t.Row(doc.Name)
	})
}

// warnWorkless says which nodes do not know of a change yet.
func (a *app) warnWorkless(ids []gossip.NodeID) {
	if len(ids) > 0 {
		a.note("%s %s did not answer and will be told later", a.ErrColor.Warn("Warning:"), nodesText(ids))
	}
}

// maxListFile is the largest file of a list that is read: blank lines and ends of lines make it larger than what counts.
const maxListFile = 4 * workload.MaxListBytes

// readLines reads a list from a file: a line each, without blanks around it; lines that are blank are skipped.
func readLines(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err == nil && info.Size() > maxListFile {
		err = fmt.Errorf("%s has %s bytes, and at most %s are read", path, term.Count(info.Size()), term.Count(maxListFile))
	}
	if err != nil {
		return nil, fmt.Errorf("--list: %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--list: %w", err)
	}
	var list []string
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--list: nothing is in %s", path)
	}
	return list, nil
}

type stoppedDoc struct {
	Stopped []string        `json:"stopped"`
	Untold  []gossip.NodeID `json:"untold"`
}

func newStopWorkload(a *app) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:               "stop-workload KIND…",
		Short:             "Stop what nodes do by themselves",
		Long:              "Stop what nodes do by themselves, everywhere. The values that they have set stay. That a\nworkload does not run is no error.",
		Example:           "  gossipctl start-workload movies\n  gossipctl stop-workload movies\n  gossipctl stop-workload --all",
		Args:              a.args(0, workload.Max, "kinds of workloads, or --all"),
		ValidArgsFunction: a.completeRunning,
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return a.misuse(c, errors.New("stop-workload needs kinds of workloads, or --all"))
			}
			for _, name := range args {
				if _, err := workload.Find(name); err != nil {
					return api.WrapError(api.CodeUsage, err, "run gossipctl list-workloads")
				}
			}
			n, err := a.open()
			if err != nil {
				return err
			}
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			answer, err := n.StopWorkloads(ctx, args)
			if err != nil {
				return err
			}
			return a.print(stoppedDoc{answer.Stopped, answer.Untold}, func(w io.Writer) {
				switch {
				case len(answer.Stopped) > 0:
					fmt.Fprintf(w, "Stopped %s.\n", term.Escape(term.And(answer.Stopped)))
				case all:
					fmt.Fprintln(w, "Nothing to do: no workload runs.")
				default:
					fmt.Fprintf(w, "Nothing to do: %s does not run.\n", term.Escape(term.Or(args)))
				}
				a.warnWorkless(answer.Untold)
			}, func(t *term.Table) {
				t.Columns("workload")
				for _, name := range answer.Stopped {
					t.Row(name)
				}
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "stop all workloads")
	return c
}

func newPauseWorkload(a *app) *cobra.Command {
	return a.pausing(true, &cobra.Command{
		Use:     "pause-workload KIND",
		Short:   "Let a workload rest, everywhere or at some nodes",
		Long:    "Let a workload rest, everywhere or at some nodes, without a word to the others. What it\ncounts stays; resume-workload lets it go on.",
		Example: "  gossipctl start-workload movies\n  gossipctl pause-workload movies --nodes 3,5-7\n  gossipctl pause-workload movies",
	})
}

func newResumeWorkload(a *app) *cobra.Command {
	return a.pausing(false, &cobra.Command{
		Use:     "resume-workload KIND",
		Short:   "Let a workload that rests go on, everywhere or at some nodes",
		Example: "  gossipctl start-workload movies\n  gossipctl pause-workload movies\n  gossipctl resume-workload movies --nodes 3\n  gossipctl resume-workload movies",
	})
}

// pausing is a command that pauses a workload, or the one that lets it go on.
func (a *app) pausing(pause bool, c *cobra.Command) *cobra.Command {
	nodes := ""
	c.Args = a.args(1, 1, "the KIND of workload")
	c.ValidArgsFunction = a.completeRunning
	c.Flags().StringVar(&nodes, "nodes", "all", "where: 3, 1-8, 1,4,9-12 or all")
	c.RegisterFlagCompletionFunc("nodes", a.completeNodes(netctl.Running, netctl.Paused, netctl.Dead))
	c.RunE = func(c *cobra.Command, args []string) error {
		kind, err := workload.Find(args[0])
		if err != nil {
			return api.WrapError(api.CodeUsage, err, "run gossipctl list-workloads")
		}
		n, err := a.open()
		if err != nil {
			return err
		}
		ids, _, err := a.where(n, nodes)
		if err != nil {
			return err
		}
		ctx, cancel := a.limit(c.Context())
		defer cancel()
		answer, err := n.PauseWorkload(ctx, netctl.PauseRequest{Name: kind.Name, Nodes: ids, Paused: pause})
		if err != nil {
			return err
		}
		return a.changed(n, answer, "runs")
	}
	return c
}

func completeWorkload(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	var names []string
	for _, k := range workload.Table() {
		names = append(names, k.Name+"\t"+k.Summary)
	}
	return names, noFiles
}

// completeRunning completes the names of the workloads that run, each once.
func (a *app) completeRunning(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	n, err := a.open()
	if err != nil {
		return nil, noFiles
	}
	return slices.DeleteFunc(n.WorkloadNames(), func(name string) bool { return slices.Contains(args, name) }), noFiles
}
