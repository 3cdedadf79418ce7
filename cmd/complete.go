package cmd

import (
	"strconv"

	"gossipctl/netctl"
	"gossipctl/protocol"
	"gossipctl/topology"

	"github.com/spf13/cobra"
)

// Completions come from tables and from the state file, never from a process that might not answer,
// and an error completes to nothing.

const noFiles = cobra.ShellCompDirectiveNoFileComp

func completeNetworks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	list, err := netctl.List("")
	if err != nil {
		return nil, noFiles
	}
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.Network
	}
	return names, noFiles
}

// completeNode completes the first `most` arguments as node numbers, then those in rest.
func (a *app) completeNode(most int, rest ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			if len(args) == most {
				return rest, noFiles
			}
			return nil, noFiles
		}
		n, err := a.open()
		if err != nil {
			return nil, noFiles
		}
		var ids []string
		for _, id := range n.Present() {
			ids = append(ids, strconv.Itoa(int(id)))
		}
		return ids, noFiles | cobra.ShellCompDirectiveKeepOrder
	}
}

func completeTopology(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	var names []string
	for _, k := range topology.Kinds() {
		names = append(names, k.Name+"\t"+k.Summary)
	}
	return append(names, netctl.TopologyBootstrap+"\tnodes are given contacts, and find each other"), noFiles
}

func completeProtocol(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, k := range protocol.Table() {
		names = append(names, k.Name+"\t"+k.Summary)
	}
	return names, noFiles
}

// nothing completes to nothing, not even files.
func nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, noFiles
}

// completeRepair completes what closes the gaps that a protocol leaves.
func completeRepair(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{protocol.RepairAntiEntropy, protocol.RepairNone}, noFiles
}
