// Package protocol holds the gossip protocols: pure state machines, one file each, listed in one
// table. None of them knows who drives it, a real process or the simulator.
//
// To add one, write its file, add a row to [Table], and tell its story in testdata.
package protocol

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gossipctl/gossip"
)

// Environment is what a protocol is born with.
type Environment struct {
	Self gossip.NodeID
	Rand *rand.Rand // its own; drawn from the network's seed and the node's number
}

// Kind is one row of the table.
type Kind struct {
	Name     string
	Summary  string // one line for list-protocols
	Follows  string // the paper or system whose rules it keeps
	Settings []Setting
	New      func(Environment, Values) gossip.Protocol
}

// Table returns all protocols in the order people should read of them.
func Table() []Kind {
	return []Kind{
		{
			Name:     "flood",
			Summary:  "relay to every peer, at most LIMIT times per directed edge",
			Follows:  "jyscao/gossip-network-example, its --relays",
			Settings: floodSettings,
			New:      newFlood,
		},
	}
}

// Default is the protocol of a network that was asked for without one: it reaches every node of a
// connected network, and what it does can be followed with a pencil.
const Default = "flood"

// Find returns the protocol with that name, or an error that lists the names there are.
func Find(name string) (Kind, error) {
	kinds := Table()
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if at < 0 {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = k.Name
		}
		return Kind{}, fmt.Errorf("there is no protocol %q; there is %s", name, strings.Join(names, ", "))
	}
	return kinds[at], nil
}

// New makes a protocol by name, with some of its settings overridden. The error tells everything
// that is wrong with the settings at once.
func New(name string, env Environment, set map[string]string) (gossip.Protocol, error) {
	kind, err := Find(name)
	if err != nil {
		return nil, err
	}
	values, err := kind.Values(set)
	if err != nil {
		return nil, err
	}
	return kind.New(env, values), nil
}

// Generator returns the generator of one node's protocol: the same network seed and node number
// give the same choices, in a process and in the simulator.
func Generator(seed uint64, self gossip.NodeID) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(self)))
}
