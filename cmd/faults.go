package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

// faultDoc is the JSON of a fault in force.
type faultDoc struct {
	Name      string            `json:"name"`
	What      string            `json:"what"`              // in words
	Nodes     []gossip.NodeID   `json:"nodes"`             // empty: all, unless there are groups
	Peers     []gossip.NodeID   `json:"peers"`             // only links between nodes and these; empty: all
	Direction string            `json:"direction"`         // in, out or both, seen from nodes
	Groups    [][]gossip.NodeID `json:"groups"`            // what passes between them; empty: no groups
	OneWay    bool              `json:"one_way"`           // only from a group to a later one
	Cut       bool              `json:"cut"`               // nothing passes
	Loss      float64           `json:"loss"`              // shares of the packets, 0 to 1
	Duplicate float64           `json:"duplicate"`         //
	Reorder   float64           `json:"reorder"`           //
	Corrupt   float64           `json:"corrupt"`           //
	Delay     string            `json:"delay"`             // none, constant:100ms, uniform:…, exponential:…, lognormal:…
	Jitter    float64           `json:"jitter"`            // share of the delay
	Bandwidth int64             `json:"bandwidth"`         // bytes a second on each link; 0: no bound
	ClockMS   float64           `json:"clock_offset_ms"`   // by how much the clocks of nodes are wrong
	Since     time.Time         `json:"since"`             //
	Until     *time.Time        `json:"until,omitempty"`   // when it ends by itself
	LeftMS    *float64          `json:"left_ms,omitempty"` // until then
	Parts     [][]int           `json:"parts,omitempty"`   // of a fault that was set: into which the nodes that live fall now
	Untold    []gossip.NodeID   `json:"untold,omitempty"`  // nodes that did not answer and will be told later
	Seed      uint64            `json:"seed,omitempty"`    // of nodes that were drawn
}

func docOfFault(f netctl.Fault, now time.Time) faultDoc {
	d := faultDoc{
		Name: f.Name, What: faultText(f), Nodes: f.Nodes, Peers: f.Peers, Direction: string(f.Direction), Groups: f.Groups, OneWay: f.OneWay,
		Cut: f.Cut, Loss: f.Loss, Duplicate: f.Duplicate, Reorder: f.Reorder, Corrupt: f.Corrupt, Delay: f.Delay.String(), Jitter: f.Jitter,
		Bandwidth: f.Bandwidth, ClockMS: float64(f.Clock) / float64(time.Millisecond), Since: f.Since,
	}
	if d.Direction == "" {
		d.Direction = "both"
	}
	if !f.Until.IsZero() {
		left := float64(max(f.Until.Sub(now), 0)) / float64(time.Millisecond)
		until := f.Until
		d.Until, d.LeftMS = &until, &left
	}
	return d
}

// faultText says what a fault does, without when it ends.
func faultText(f netctl.Fault) string {
	rule := f.Rule
	rule.Until = time.Time{}
	return rule.String()
}

// leftText says when a fault ends.
func leftText(f netctl.Fault, now time.Time) string {
	if f.Until.IsZero() {
		return "until cleared"
	}
	return term.Duration(max(f.Until.Sub(now), 0).Round(100 * time.Millisecond))
}

// setFault is the command line of set-fault.
type setFault struct {
	*app
	seed      seedFlag
	to        string
	direction string
	shares    [5]string // as in shareNames
	delay     string
	bandwidth string
	clock     string
	req       netctl.FaultRequest
}

// shareNames are the flags that take a share of the packets.
var shareNames = [5]struct{ name, use string }{
	{"loss", "share of packets that are lost: 0.5 or 50%"},
	{"duplicate", "share of packets that come twice"},
	{"reorder", "share of packets that later ones overtake"},
	{"corrupt", "share of packets that arrive damaged, which is noticed and counted"},
	{"jitter", "share of the delay by which each packet may be later still"},
}

func newSetFault(a *app) *cobra.Command {
	o := &setFault{app: a}
	c := &cobra.Command{
		Use:   "set-fault [NODES]",
		Short: "Break links or clocks of the running network",
		Long: `Break links of the running network: of NODES with all their peers or, with --to, with
those only. Several faults may be in force at once; then all of them happen. What
commands ask of nodes is never delayed or lost, only what nodes say to each other.
NODES (default: all) is 3, 1-8, 1,4,9-12, all, or a share such as 10%.`,
		Example: "  gossipctl set-fault --loss 50% --for 30s\n" +
			"  gossipctl set-fault 1-4 --delay lognormal:100ms,0.5 --jitter 0.1 --direction out\n" +
			"  gossipctl set-fault 3 --to 8 --cut\n" +
			"  gossipctl set-fault 10% --bandwidth 64KB --duplicate 5% --reorder 5% --corrupt 1%\n" +
			"  gossipctl set-fault 5 --clock-offset +1h",
		Args: a.args(0, 1, "the nodes it is about"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, append(args, "all")[0]) },
	}
	c.ValidArgsFunction = a.completeNode(1)
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "only links between NODES and these `nodes`")
	f.StringVar(&o.direction, "direction", "both", "seen from NODES: in, out or both")
	f.BoolVar(&o.req.Rule.Cut, "cut", false, "nothing passes")
	for i, s := range shareNames {
		f.StringVar(&o.shares[i], s.name, "", s.use)
	}
	f.StringVar(&o.delay, "delay", "", "how much later packets are: 100ms, uniform:10ms,150ms, exponential:10ms (`mean`), lognormal:10ms,0.5")
	f.StringVar(&o.bandwidth, "bandwidth", "", "bytes a second on each link: 64KB, 1MiB")
	f.StringVar(&o.clock, "clock-offset", "", "by how much the clocks of NODES are wrong: +1h, -90s")
	f.StringVar(&o.req.Rule.Name, "name", "", "what to call it (default: f1, f2, …)")
	f.DurationVar(&o.req.For, "for", 0, "how long it lasts (default: until it is cleared)")
	o.seed.add(c)
	c.RegisterFlagCompletionFunc("direction", cobra.FixedCompletions([]string{"in", "out", "both"}, noFiles))
	c.RegisterFlagCompletionFunc("delay", cobra.FixedCompletions([]string{"constant:", "uniform:", "exponential:", "lognormal:"}, noFiles|cobra.ShellCompDirectiveNoSpace))
	return c
}

// complete turns what was typed into a rule, but for the nodes.
func (o *setFault) complete(c *cobra.Command) error {
	r := &o.req.Rule
	var err error
	for i, to := range []*float64{&r.Loss, &r.Duplicate, &r.Reorder, &r.Corrupt, &r.Jitter} {
		if name := shareNames[i].name; c.Flags().Changed(name) {
			if *to, err = parseShare(o.shares[i]); err != nil {
				return o.misuse(c, fmt.Errorf("--%s: %w", name, err))
			}
		}
	}
	switch o.direction {
	case "both":
	case "in", "out":
		r.Direction = fault.Direction(o.direction)
	default:
		return o.misuse(c, fmt.Errorf("--direction %q is none of in, out and both", o.direction))
	}
	if c.Flags().Changed("delay") {
		if d, err := time.ParseDuration(o.delay); err == nil && d > 0 {
			o.delay = "constant:" + o.delay
		}
		if r.Delay, err = fault.ParseLatency(o.delay); err != nil {
			return o.misuse(c, fmt.Errorf("--delay: %w", err))
		}
	}
	if c.Flags().Changed("bandwidth") {
		if r.Bandwidth, err = parseRate(o.bandwidth); err != nil {
			return o.misuse(c, fmt.Errorf("--bandwidth: %w", err))
		}
	}
	if c.Flags().Changed("clock-offset") {
		if r.Clock, err = time.ParseDuration(o.clock); err != nil {
			return o.misuse(c, fmt.Errorf("--clock-offset: %q is not a span of time such as +1h or -90s", o.clock))
		}
	}
	return o.checkFor(c, o.req.For)
}

// checkFor makes sure that a fault that ends by itself lasts some time.
func (a *app) checkFor(c *cobra.Command, lasts time.Duration) error {
	if c.Flags().Changed("for") && lasts <= 0 {
		return a.misuse(c, fmt.Errorf("--for %v is not possible: it must be above 0", lasts))
	}
	return nil
}

func (o *setFault) run(c *cobra.Command, nodes string) error {
	if err := o.complete(c); err != nil {
		return err
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	o.seed.take(c)
	drawn := false
	set := func(to *[]gossip.NodeID, text string) error {
		if text == "" || strings.TrimSpace(text) == "all" {
			return nil // also those that are yet to come
		}
		ids, chance, err := o.pick(n, text, o.seed.value, netctl.Running, netctl.Paused, netctl.Dead)
		*to, drawn = ids, drawn || chance
		return err
	}
	if err := set(&o.req.Rule.Nodes, nodes); err != nil {
		return err
	}
	if err := set(&o.req.Rule.Peers, o.to); err != nil {
		return err
	}
	if err := o.req.Rule.Check(); err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		if text == "the fault does nothing" {
			text = "say what the fault is to do: --loss, --delay, --cut, …"
		}
		return o.misuse(c, fmt.Errorf("%s", text))
	}
	return o.setFault(c, n, o.req, &o.seed, drawn, 0)
}

// setFault sets a fault and says what has come of it. Into groups groups it is meant to divide the
// network.
func (a *app) setFault(c *cobra.Command, n *netctl.Network, req netctl.FaultRequest, seed *seedFlag, drawn bool, groups int) error {
	ctx, cancel := a.limit(c.Context())
	defer cancel()
	answer, err := n.Break(ctx, req)
	if err != nil {
		return err
	}
	now := time.Now()
	doc := docOfFault(answer.Fault, now)
	doc.Parts, doc.Untold = answer.Parts, answer.Untold
	if drawn {
		doc.Seed = seed.value
	}
	return a.print(doc, func(w io.Writer) {
		lasts := leftText(answer.Fault, answer.Fault.Since)
		if !answer.Fault.Until.IsZero() {
			lasts = "for " + lasts
		}
		fmt.Fprintf(w, "Fault %s is in force %s: %s.\n", a.OutColor.Strong(term.Escape(doc.Name)), lasts, term.Escape(doc.What))
		if drawn && !seed.given {
			a.note("drawn with --seed %d", seed.value)
		}
		if len(answer.Parts) > max(groups, 1) {
			var parts []string
			for _, part := range answer.Parts {
				parts = append(parts, term.Nodes(part))
			}
			a.note("%s the network is in %d parts now: %s", a.ErrColor.Warn("Warning:"), len(parts), term.And(parts))
		}
		a.warnUntold(answer.Untold)
	}, func(t *term.Table) {
		t.Columns("fault")
		t.Row(doc.Name)
	})
}

// warnUntold says which nodes do not know of the faults in force.
func (a *app) warnUntold(ids []gossip.NodeID) {
	if len(ids) > 0 {
		a.note("%s %s did not answer and will be told later", a.ErrColor.Warn("Warning:"), nodesText(ids))
	}
}

func newListFaults(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "list-faults",
		Short:             "List the faults in force",
		Example:           "  gossipctl set-fault --loss 50%\n  gossipctl list-faults\n  gossipctl list-faults -o json",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := a.open()
			if err != nil {
				return err
			}
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			faults, err := n.Faults(ctx)
			if err != nil {
				return err
			}
			now := time.Now()
			docs := []faultDoc{}
			for _, f := range faults {
				docs = append(docs, docOfFault(f, now))
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Empty = "no fault is in force"
				t.Columns("fault", "what", "left", "since")
				for _, f := range faults {
					t.Row(f.Name, faultText(f), leftText(f, now), term.Since(f.Since, now))
				}
			})
		},
	}
}

func newClearFaults(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "clear-faults [NAME…]",
		Short: "End faults, by name or all",
		Long: `End faults: those named, or all that are in force, partitions and wrong clocks too.
Nodes that are dead or paused stay so. That there is none is no error.`,
		Example: "  gossipctl set-fault --loss 50% --name lossy\n  gossipctl clear-faults lossy\n  gossipctl clear-faults",
		Args:    a.args(0, netctl.MaxFaults, "names of faults"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			n, err := a.open()
			if err != nil {
				return nil, noFiles
			}
			return n.FaultNames(), noFiles
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.end(c, func(n *netctl.Network) (netctl.Cleared, error) { return n.ClearFaults(c.Context(), args) }, "no fault is in force")
		},
	}
}

// end ends faults and says which; none is what to say when there were none.
func (a *app) end(c *cobra.Command, do func(*netctl.Network) (netctl.Cleared, error), none string) error {
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(c.Context())
	defer cancel()
	c.SetContext(ctx)
	cleared, err := do(n)
	if err != nil {
		return err
	}
	return a.print(cleared, func(w io.Writer) {
		if len(cleared.Cleared) == 0 {
			fmt.Fprintf(w, "Nothing to do: %s.\n", none)
		} else {
			verb := "has"
			if len(cleared.Cleared) > 1 {
				verb = "have"
			}
			fmt.Fprintf(w, "%s %s ended; %s left.\n", term.Escape(term.And(cleared.Cleared)), verb, term.Plural(cleared.Left, "fault"))
		}
		a.warnUntold(cleared.Untold)
	}, func(t *term.Table) {
		t.Columns("fault")
		for _, name := range cleared.Cleared {
			t.Row(name)
		}
	})
}

// shownFaults is how many faults show-network names: list-faults has them all.
const shownFaults = 5

// faultLines names the faults in force below what was said of a network as a whole.
func (a *app) faultLines(w io.Writer, view netctl.View) {
	now := time.Now()
	for i, f := range view.Faults {
		if i == shownFaults {
			fmt.Fprintf(w, "… and %s more: gossipctl list-faults\n", term.Plural(len(view.Faults)-i, "fault"))
			break
		}
		left := leftText(f, now)
		if !f.Until.IsZero() {
			left += " left"
		}
		fmt.Fprintf(w, "%s\n", a.OutColor.Warn(term.Escape(fmt.Sprintf("Fault %s: %s (%s)", f.Name, faultText(f), left))))
	}
}

// faultError gives the errors of parsing node sets their exit status.
func faultError(err error) error { return api.WrapError(api.CodeUsage, err, "") }
