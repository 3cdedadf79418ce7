package cmd

import (
	"fmt"
	"io"

	"gossipctl/cmd/term"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

func newStopNetwork(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "stop-network",
		Short: "Stop the network",
		Long: `Stop the network: every node, the controller, and everything they left. It also works
when some or all of the nodes, or the controller, are gone already. Stopping what is
not running is no error.`,
		Example:           "  gossipctl stop-network\n  gossipctl stop-network --network ring",
		Args:              a.args(0, 0, "no argument; name the network with --network"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.limit(c.Context())
			defer cancel()
			stopped, err := netctl.Stop(ctx, "", a.network)
			if err != nil {
				return err
			}
			return a.print(stopped, func(w io.Writer) {
				switch stopped.Was {
				case netctl.WasNotRunning:
					fmt.Fprintf(w, "Network %q is not running.\n", stopped.Network)
				case netctl.WasGone:
					fmt.Fprintf(w, "Network %q was not running any more: %s. Its state was cleared.\n", stopped.Network, stopped.Note)
				default:
					fmt.Fprintf(w, "Network %q stopped: %s.\n", stopped.Network, term.Plural(stopped.Nodes, "node"))
					if stopped.Killed > 0 {
						a.note("%s did not end when asked and had to be killed", term.Plural(stopped.Killed, "node"))
					}
					if stopped.Note != "" {
						a.note("%s", stopped.Note)
					}
				}
			}, func(t *term.Table) {
				t.Columns("network")
				t.Row(stopped.Network)
			})
		},
	}
}
