package cmd

import (
	"context"
	"fmt"
	"io"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/netctl"

	"github.com/spf13/cobra"
)

// change does something to the network, and tells what it has come to.
func (a *app) change(ctx context.Context, do func(context.Context, *netctl.Network) (netctl.Change, error), what func(netctl.Change) string) error {
	n, err := a.open()
	if err != nil {
		return err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	change, err := do(ctx, n)
	if err != nil {
		return err
	}
	return a.print(change, func(w io.Writer) {
		fmt.Fprintln(w, what(change))
		for _, e := range change.Joined {
			fmt.Fprintf(w, "  %s %s – %s\n", a.OutColor.Good("+"), a.nodeName(e[0]), a.nodeName(e[1]))
		}
		for _, e := range change.Cut {
			fmt.Fprintf(w, "  %s %s – %s\n", a.OutColor.Bad("-"), a.nodeName(e[0]), a.nodeName(e[1]))
		}
		a.warn(change)
	}, func(t *term.Table) {
		t.Columns("node")
		if change.Node > 0 {
			t.Row(change.Node)
		}
	})
}

// warn says what about a change a person should know.
func (a *app) warn(change netctl.Change) {
	if change.Silent {
		a.note("%s node %d could not say goodbye: the others have to find out that it is gone", a.ErrColor.Warn("Warning:"), change.Node)
	}
	if !change.Topology.Connected {
		var parts []string
		for _, part := range change.Parts {
			parts = append(parts, term.Nodes(part))
		}
		a.note("%s the network is in %d parts now: %s", a.ErrColor.Warn("Warning:"), len(parts), term.And(parts))
		hint := "connect-nodes or rewire-network can join them."
		if n, err := a.open(); err == nil {
			if spec := n.Spec(); spec.Assembles() {
				hint = "its nodes look for new peers themselves."
			}
		}
		a.note("Messages cannot pass from one to another; %s", hint)
	}
	if len(change.Dead) > 0 {
		a.note("%s: dead, and given peers all the same, for restart-node", nodesText(change.Dead))
	}
	if len(change.Untold) > 0 {
		a.note("%s %s did not answer and will be told of new peers later", a.ErrColor.Warn("Warning:"), term.Plural(len(change.Untold), "node"))
	}
}

func newRemoveNode(a *app) *cobra.Command {
	reconnect := false
	c := &cobra.Command{
		Use:   "remove-node NODE",
		Short: "Stop a node and take it out of the network",
		Long: `Stop a node and take it out of the network: its process ends, its peers are told, the
others go on. It also works for a node that has crashed. If the network falls
apart, that is said; --reconnect gives the peers it leaves behind new ones.`,
		Example:           "  gossipctl remove-node 9\n  gossipctl remove-node 4 --reconnect",
		Args:              a.args(1, 1, "NODE"),
		ValidArgsFunction: a.completeNode(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseNode(args[0])
			if err != nil {
				return err
			}
			return a.change(c.Context(), func(ctx context.Context, n *netctl.Network) (netctl.Change, error) {
				return n.Remove(ctx, netctl.RemoveRequest{Node: id, Reconnect: reconnect})
			}, func(ch netctl.Change) string {
				return fmt.Sprintf("Node %s removed; %s left.", a.nodeName(int(id)), term.Plural(ch.Topology.Nodes, "node"))
			})
		},
	}
	c.Flags().BoolVar(&reconnect, "reconnect", false, "give the peers it leaves behind new random ones")
	return c
}

func newAddNode(a *app) *cobra.Command {
	var req netctl.AddRequest
	peers := ""
	c := &cobra.Command{
		Use:   "add-node",
		Short: "Add a node to the running network",
		Long: `Add a node to the running network. Where nodes find each other, as in a network started
with bootstrap, --peers and --degree say whom it is given as contacts.`,
		Example:           "  gossipctl add-node\n  gossipctl add-node --peers 1,3,8",
		Args:              a.args(0, 0, "no argument; say who its peers are with --peers"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("degree") && req.Degree < 1 {
				return a.misuse(c, fmt.Errorf("--degree %d is not possible: it must be at least 1", req.Degree))
			}
			if peers != "" {
				var err error
				if req.Peers, err = parseNodes(peers); err != nil {
					return err
				}
			}
			return a.change(c.Context(), func(ctx context.Context, n *netctl.Network) (netctl.Change, error) {
				return n.Add(ctx, req)
			}, func(ch netctl.Change) string {
				return fmt.Sprintf("Node %s added; there are %s now.", a.nodeName(int(ch.Node)), term.Plural(ch.Topology.Nodes, "node"))
			})
		},
	}
	c.Flags().StringVar(&peers, "peers", "", "its peers, such as 1,3,8-10 (default: random ones)")
	c.Flags().IntVar(&req.Degree, "degree", 0, "how many random peers (default: the topology's degree, or 3)")
	c.MarkFlagsMutuallyExclusive("peers", "degree")
	return c
}

func newConnectNodes(a *app) *cobra.Command {
	return edgeCommand(a, &cobra.Command{
		Use:     "connect-nodes A B",
		Short:   "Make two nodes peers",
		Example: "  gossipctl connect-nodes 1 9",
	}, (*netctl.Network).Connect, func(ch netctl.Change, x, y term.Safe) string {
		if len(ch.Joined) == 0 {
			return fmt.Sprintf("Nodes %s and %s are peers already.", x, y)
		}
		return fmt.Sprintf("Nodes %s and %s are peers now.", x, y)
	})
}

func newDisconnectNodes(a *app) *cobra.Command {
	return edgeCommand(a, &cobra.Command{
		Use:     "disconnect-nodes A B",
		Short:   "Cut the edge between two nodes",
		Example: "  gossipctl connect-nodes 1 9\n  gossipctl disconnect-nodes 1 9",
	}, (*netctl.Network).Disconnect, func(_ netctl.Change, x, y term.Safe) string {
		return fmt.Sprintf("Nodes %s and %s are no longer peers.", x, y)
	})
}

// edgeCommand completes a command about the edge between two nodes.
func edgeCommand(a *app, c *cobra.Command, do func(*netctl.Network, context.Context, netctl.EdgeRequest) (netctl.Change, error), what func(ch netctl.Change, x, y term.Safe) string) *cobra.Command {
	c.Args = a.args(2, 2, "two node numbers")
	c.ValidArgsFunction = a.completeNode(2)
	c.RunE = func(c *cobra.Command, args []string) error {
		var ends [2]gossip.NodeID
		for i := range ends {
			var err error
			if ends[i], err = parseNode(args[i]); err != nil {
				return err
			}
		}
		return a.change(c.Context(), func(ctx context.Context, n *netctl.Network) (netctl.Change, error) {
			return do(n, ctx, netctl.EdgeRequest{A: ends[0], B: ends[1]})
		}, func(ch netctl.Change) string {
			return what(ch, a.nodeName(int(ends[0])), a.nodeName(int(ends[1])))
		})
	}
	return c
}

func newRewireNetwork(a *app) *cobra.Command {
	var req netctl.RewireRequest
	c := &cobra.Command{
		Use:   "rewire-network",
		Short: "Wire the running network anew, at random",
		Long: `Wire the running network anew, at random: every node gets from --min-peers to
--max-peers peers, and the network is connected before, meanwhile and afterwards.
Dead nodes get --min-peers of the living besides, for when they are started again.`,
		Example:           "  gossipctl rewire-network --min-peers 3 --max-peers 5",
		Args:              a.args(0, 0, "no argument"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			if req.MinPeers < 1 {
				return a.misuse(c, fmt.Errorf("--min-peers %d is not possible: a node without peers is cut off", req.MinPeers))
			}
			if !c.Flags().Changed("seed") {
				req.Seed = netctl.Seed()
			}
			return a.change(c.Context(), func(ctx context.Context, n *netctl.Network) (netctl.Change, error) {
				return n.Rewire(ctx, req)
			}, func(ch netctl.Change) string {
				return fmt.Sprintf("Rewired with seed %d: %s, %s, diameter %d.", req.Seed, term.Plural(ch.Topology.Nodes, "node"), term.Plural(ch.Topology.Edges, "edge"), ch.Topology.Diameter)
			})
		},
	}
	// Three peers keep a random network of any size connected; five leave room for it to differ.
	c.Flags().IntVar(&req.MinPeers, "min-peers", 3, "fewest peers of a node")
	c.Flags().IntVar(&req.MaxPeers, "max-peers", 5, "most peers of a node")
	c.Flags().Uint64Var(&req.Seed, "seed", 0, "same seed, same wiring (default: drawn, and printed)")
	return c
}
