// Package cmd is the command line of gossipctl, and nothing but: each command is a form that is
// filled in from flags, makes one call below, and prints one result.
package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"gossipctl/cmd/term"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/netctl"
	"gossipctl/node/live"
)

// Main runs the program and returns its exit status. The two kinds of process a network consists of
// are this same program; they are told apart before anything of the command line is set up.
func Main() int {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case netctl.NodeCommand:
			return process(live.Child(newProtocol))
		case netctl.ControllerCommand:
			return process(netctl.Controller())
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, os.Args[1:], term.FromFiles(os.Stdin, os.Stdout, os.Stderr), os.LookupEnv)
}

// process ends a process of a network: what it has to say goes to the file its stderr is.
func process(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// newProtocol makes the protocol of a node process, with all that stands around it.
func newProtocol(cfg live.Config) (gossip.Protocol, error) {
	maker, err := layers.New(layers.Spec{
		Protocol: cfg.Protocol, Settings: cfg.Settings,
		Repair: cfg.Repair, RepairEvery: cfg.RepairEvery, Remember: cfg.Capacity, Refuse: !cfg.DropOldest,
		ValuesEvery: cfg.ValuesEvery, ValuesKeep: cfg.ValuesKeep,
		Membership: cfg.Membership, MembershipSettings: cfg.MembershipSettings, Assembles: cfg.Assembles(),
	})
	if err != nil {
		return nil, err
	}
	return maker.Make(cfg.Seed, cfg.ID, cfg.Run), nil
}
