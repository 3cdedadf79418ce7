package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
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
	Rest      []gossip.NodeID   `json:"rest"`              // who is in no group, which is a group of their own; empty without groups
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

func docOfFault(f netctl.Fault, present []gossip.NodeID, now time.Time) faultDoc {
	d := faultDoc{
		Name: f.Name, What: faultText(f, present), Nodes: f.Nodes, Peers: f.Peers, Direction: string(f.Direction), Groups: f.Groups, Rest: rest(f, present), OneWay: f.OneWay,
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

// faultText says what a fault does, without when it ends. Present are the nodes there are, of which those
// in none of its groups are told, too.
func faultText(f netctl.Fault, present []gossip.NodeID) string {
	rule := f.Rule
	rule.Until = time.Time{}
	if rest := rest(f, present); len(rest) > 0 {
		return fmt.Sprintf("%v / the rest (%s)", rule, fault.NodesText(rest))
	}
	return rule.String()
}

// rest are the nodes that a fault between groups keeps apart without naming them.
func rest(f netctl.Fault, present []gossip.NodeID) []gossip.NodeID {
	if len(f.Groups) == 0 {
		return []gossip.NodeID{}
	}
	named := slices.Concat(f.Groups...)
	return slices.DeleteFunc(slices.Clone(present), func(id gossip.NodeID) bool { return slices.Contains(named, id) })
}

// leftText says when a fault ends.
func leftText(f netctl.Fault, now time.Time) string {
	if f.Until.IsZero() {
		return "until cleared"
	}
	return term.Duration(max(f.Until.Sub(now), 0).Round(100 * time.Millisecond))
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
				docs = append(docs, docOfFault(f, n.Present(), now))
			}
			return a.print(docs, nil, func(t *term.Table) {
				t.Empty = "no fault is in force"
				if a.out.Format == term.FormatCSV { // for programs, which want moments
					t.Columns("fault", "what", "until", "since")
					for _, f := range faults {
						until := ""
						if !f.Until.IsZero() {
							until = f.Until.UTC().Format(time.RFC3339Nano)
						}
						t.Row(f.Name, faultText(f, n.Present()), until, f.Since.UTC().Format(time.RFC3339Nano))
					}
					return
				}
				t.Columns("fault", "what", "left", "since")
				for _, f := range faults {
					t.Row(f.Name, faultText(f, n.Present()), leftText(f, now), term.Since(f.Since, now))
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
			return a.end(c, func(ctx context.Context, n *netctl.Network) (netctl.Cleared, error) { return n.ClearFaults(ctx, args) }, "no fault is in force")
		},
	}
}

// end ends faults and says which; none is what to say when there were none.
func (a *app) end(c *cobra.Command, do func(context.Context, *netctl.Network) (netctl.Cleared, error), none string) error {
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(c.Context())
	defer cancel()
	cleared, err := do(ctx, n)
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
	var present []gossip.NodeID
	for _, n := range view.Nodes {
		if n.State != netctl.Removed {
			present = append(present, n.ID)
		}
	}
	for i, f := range view.Faults {
		if i == shownFaults {
			fmt.Fprintf(w, "… and %s more: gossipctl list-faults\n", term.Plural(len(view.Faults)-i, "fault"))
			break
		}
		left := leftText(f, now)
		if !f.Until.IsZero() {
			left += " left"
		}
		fmt.Fprintf(w, "%s\n", a.OutColor.Warn(term.Escape(fmt.Sprintf("Fault %s: %s (%s)", f.Name, faultText(f, present), left))))
	}
}

// faultError gives the errors of parsing node sets their exit status.
func faultError(err error) error { return api.WrapError(api.CodeUsage, err, "") }
