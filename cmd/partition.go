package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/netctl"
	"gossipctl/node/api"

	"github.com/spf13/cobra"
)

func newPartitionNetwork(a *app) *cobra.Command {
	var seed seedFlag
	var lasts time.Duration
	oneWay := false
	c := &cobra.Command{
		Use:   "partition-network GROUP / GROUP…",
		Short: "Cut the network into groups that cannot reach each other",
		Long: `Cut the network into groups of nodes: nothing passes from one to another. Nodes in no
group form a last one. A group is written as nodes are: 3, 1-8, 1,4,9-12, 25%.
With --one-way only what goes from a group to a later one is cut.`,
		Example: "  gossipctl partition-network 1-8 / 9-16\n  gossipctl heal-network\n" +
			"  gossipctl partition-network 1-4 / 5-8 / 9-12 --for 30s\n  gossipctl partition-network 25% --one-way --seed 7",
		Args:              a.args(1, 1000, "groups of nodes, such as 1-8 / 9-16"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.checkFor(c, lasts); err != nil {
				return err
			}
			sets, err := fault.ParseGroups(args)
			if err != nil {
				return faultError(err)
			}
			n, err := a.open()
			if err != nil {
				return err
			}
			seed.take(c)
			present := n.Present()
			groups, err := fault.ResolveGroups(sets, present, seed.value)
			switch {
			case errors.Is(err, fault.ErrUnknown):
				return api.WrapError(api.CodeNotFound, fmt.Errorf("network %q: %w; it has %s", n.Name(), err, nodesText(present)), "run gossipctl list-nodes")
			case err != nil:
				return faultError(err)
			}
			named := 0
			for _, g := range groups {
				named += len(g)
			}
			parts := len(groups)
			if named < len(present) {
				parts++ // the rest
			}
			if parts < 2 {
				return a.misuse(c, fmt.Errorf("%s is all there is: name at least one group that leaves somebody out, or two", strings.Join(args, " ")))
			}
			drawn := slices.ContainsFunc(sets, func(s fault.NodeSet) bool { return strings.HasSuffix(s.String(), "%") })
			req := netctl.FaultRequest{Rule: fault.Rule{Groups: groups, OneWay: oneWay, Cut: true}, For: lasts}
			return a.setFault(c, n, req, &seed, drawn, parts)
		},
	}
	c.Flags().BoolVar(&oneWay, "one-way", false, "cut only what goes from a group to a later one")
	c.Flags().DurationVar(&lasts, "for", 0, "how long it lasts (default: until it is healed)")
	seed.add(c)
	return c
}

func newHealNetwork(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "heal-network",
		Short: "End every partition",
		Long: `End every partition. Other faults stay in force; clear-faults ends them. That there is
no partition is no error.`,
		Example:           "  gossipctl partition-network 1-8 / 9-16\n  gossipctl heal-network",
		Args:              a.args(0, 0, "no argument; clear-faults takes names"),
		ValidArgsFunction: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.end(c, func(ctx context.Context, n *netctl.Network) (netctl.Cleared, error) { return n.Heal(ctx) }, "the network is not partitioned")
		},
	}
}
