package cmd

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

func newStopNetwork(a *app) *cobra.Command {
	var keep, discard bool
	c := &cobra.Command{
		Use:   "stop-network",
		Short: "Stop the network",
		Long: `Stop the network: every node, the controller, and everything they left. It also works
when some or all of the nodes, or the controller, are gone already. Stopping what is
not running is no error.

With --keep its nodes, its wiring and their inboxes stay on disk, and start-network
--resume brings it back. A network that is kept stays until stop-network --discard
removes it; so does a durable one whose controller has died.`,
		Example:           "  gossipctl stop-network\n  gossipctl stop-network --network ring\n  gossipctl stop-network --keep\n  gossipctl stop-network --discard",
		Args:              a.args(0, 0, "no argument; name the network with --network"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			how := netctl.Stop
			switch {
			case keep && discard:
				return a.misuse(c, fmt.Errorf("--keep and --discard cannot both be meant"))
			case keep:
				how = netctl.Keep
			case discard:
				how = netctl.Discard
			}
			return a.stopNetwork(ctx, how)
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "keep nodes, wiring and inboxes, so that start-network --resume brings them back")
	c.Flags().BoolVar(&discard, "discard", false, "remove the network with all its data, also when it was kept")
	return c
}

func (a *app) stopNetwork(ctx context.Context, how func(ctx context.Context, root, name string) (netctl.Stopped, error)) error {
	stopped, err := how(ctx, "", a.network)
	if err != nil {
		return err
	}
	if stopped.Record && !stopped.Kept {
		a.note("what was recorded of it is gone, unless export-network has packed it before")
	}
	if len(stopped.Unsaved) > 0 {
		older := ""
		if stopped.Older {
			older = ": each comes back as it was when the network was last kept"
		}
		a.note("memory inbox was lost of %s%s", nodeList(stopped.Unsaved), older)
	}
	return a.print(stopped, func(w io.Writer) {
		name, nodes := stopped.Network, term.Plural(stopped.Nodes, "node")
		switch {
		case stopped.Stateless:
			fmt.Fprintf(w, "Network %q is not running, and its state file is missing. Its inboxes stay in %s; stop-network --discard%s removes them.\n", name, term.Escape(stopped.Data), netctl.Naming(name))
		case stopped.Was == netctl.WasNotRunning && stopped.Removed > 0:
			fmt.Fprintf(w, "Network %q is not running; %s without a state file were removed.\n", name, inboxCount(stopped.Removed))
		case stopped.Was == netctl.WasNotRunning:
			fmt.Fprintf(w, "Network %q is not running.\n", name)
		case stopped.Was == netctl.WasStopped && stopped.Kept:
			fmt.Fprintf(w, "Network %q was stopped before.\n", name)
		case stopped.Was == netctl.WasStopped:
			fmt.Fprintf(w, "Network %q was stopped before; what was kept of it is removed now: %s.\n", name, nodes)
		case stopped.Was == netctl.WasGone && stopped.Kept:
			fmt.Fprintf(w, "Network %q was not running any more: %s.\n", name, stopped.Note)
		case stopped.Was == netctl.WasGone:
			fmt.Fprintf(w, "Network %q was not running any more: %s. Its state was cleared.\n", name, stopped.Note)
		default:
			fmt.Fprintf(w, "Network %q stopped: %s.\n", name, nodes)
			if stopped.Killed > 0 {
				a.note("%s did not end when asked and had to be killed", term.Plural(stopped.Killed, "node"))
			}
			if stopped.Note != "" {
				a.note("%s", stopped.Note)
			}
		}
		if stopped.Kept {
			fmt.Fprintf(w, "Its data is kept in %s: start-network --resume%[2]s brings it back, stop-network --discard%[2]s removes it.\n", term.Escape(stopped.Data), netctl.Naming(name))
		}
	}, func(t *term.Table) {
		t.Columns("network")
		t.Row(stopped.Network)
	})
}

func inboxCount(n int) string {
	if n == 1 {
		return "1 inbox"
	}
	return fmt.Sprintf("%d inboxes", n)
}

// nodeList names nodes: node 3, or nodes 3, 5, 8.
func nodeList(ids []gossip.NodeID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strconv.Itoa(int(id))
	}
	noun := "node "
	if len(ids) > 1 {
		noun = "nodes "
	}
	return noun + strings.Join(names, ", ")
}
