package cmd

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gossipctl/cmd/term"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

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
	// A variable of a shell that is not set must not break the whole network.
	if strings.TrimSpace(nodes) == "" {
		return o.misuse(c, errors.New("no node is named: write all, or leave NODES out, for all of them"))
	}
	if c.Flags().Changed("to") && strings.TrimSpace(o.to) == "" {
		return o.misuse(c, errors.New("--to: no node is named: write all, or leave --to out, for all peers"))
	}
	n, err := o.open()
	if err != nil {
		return err
	}
	o.seed.take(c)
	drawn := false
	set := func(to *[]gossip.NodeID, text string, seed uint64) error {
		if text == "" || strings.TrimSpace(text) == "all" {
			return nil // also those that are yet to come
		}
		ids, chance, err := o.pick(n, text, seed, netctl.Running, netctl.Paused, netctl.Dead)
		*to, drawn = ids, drawn || chance
		return err
	}
	if err := set(&o.req.Rule.Nodes, nodes, o.seed.value); err != nil {
		return err
	}
	// With the same seed the smaller of two shares would be part of the larger.
	for try := range uint64(16) {
		if err := set(&o.req.Rule.Peers, o.to, ^o.seed.value-try); err != nil {
			return err
		}
		if !o.req.Rule.Itself() {
			break // else two small shares were the same node; other draws are not
		}
	}
	if err := o.req.Rule.Check(); err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		if text == "the fault does nothing" {
			text = "say what the fault is to do: --loss, --delay, --cut, …"
			for _, s := range shareNames {
				if c.Flags().Changed(s.name) {
					text = fmt.Sprintf("--%s 0 does nothing: say more than 0; clear-faults ends a fault", s.name)
				}
			}
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
	doc := docOfFault(answer.Fault, n.Present(), now)
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
		if answer.Links == 0 && answer.Fault.Clock == 0 {
			a.note("No link is like that now: the fault does nothing until such nodes become peers.")
		}
		if answer.Fell && len(answer.Parts) > max(groups, 1) {
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

// parseShare reads a share as people write it: 0.5 or 50%.
func parseShare(text string) (float64, error) {
	v, ok := fault.ParseShare(text)
	if !ok {
		return 0, fmt.Errorf("%q is not a share such as 0.5 or 50%%", text)
	}
	return v, nil
}

// parseRate reads bytes a second as people write them: 64KB, 1.5MiB, 64KB/s, or just a number.
func parseRate(text string) (int64, error) {
	amount := strings.TrimSuffix(strings.TrimSpace(text), "/s")
	v, ok := fault.ParseBytes(amount)
	if !ok {
		v, ok = fault.ParseBytes(amount + "B")
	}
	switch {
	case !ok:
		return 0, fmt.Errorf("%q is not a size such as 64KB or 1MiB", text)
	case !(v >= 1 && v <= fault.MaxBandwidth):
		return 0, fmt.Errorf("%q must be from 1 byte to 10 GB a second", text)
	}
	return int64(v), nil
}
