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
	"time"

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
	Check    func(Values) error // what the settings must be together; may be nil
	// Make returns what makes the protocol of each node. All nodes of a network are made with the
	// same values: what is worked out of them is done once.
	Make func(Values) func(Environment) gossip.Protocol
	// Rounds says that the paper counts in synchronous rounds, so the simulator does so too unless
	// it is told how long packets take. Such a protocol has the settings interval and phase.
	Rounds bool
	// Apart is how long after its neighbours a node may hear of a message by what the protocol does about
	// lost packets itself; nil: no longer than by packets or rounds.
	Apart func(Values) time.Duration
	// Until is when a simulation of it is over, unless somebody asks otherwise: [Informed] or [Quiet].
	Until string
}

// When a simulation is over.
const (
	Informed = "informed" // every live node has every message
	Quiet    = "quiet"    // nobody would pass on anything any more
)

// New makes the protocol of one node.
func (k Kind) New(env Environment, values Values) gossip.Protocol { return k.Make(values)(env) }

// Table returns all protocols in the order people should read of them.
func Table() []Kind {
	return []Kind{
		floodKind,
		pushKind,
		pullKind,
		pushPullKind,
		rumorKind,
		antiEntropyKind,
		medianKind,
		quasirandomKind,
		mongeringKind,
		pushAckKind,
		transmitLimitedKind,
		plumtreeKind,
		gossipsubKind,
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
	return rand.New(Source(seed, self))
}

// LifeSeed is the seed of one life of a node, in the place of the network's: one that was started again does
// not repeat the choices of the life before. The first, 1, has the network's.
func LifeSeed(seed uint64, run uint32) uint64 {
	if run <= 1 {
		return seed
	}
	return seed ^ uint64(run-1)*0x9e3779b97f4a7c15
}

// Source is what [Generator] draws from. The numbers of nodes are neighbours, so they are scattered
// over all states there are: a million nodes must not draw alike.
func Source(seed uint64, self gossip.NodeID) *rand.PCG {
	return rand.NewPCG(scatter(seed+0x9e3779b97f4a7c15), scatter(seed^scatter(uint64(self))))
}

// scatter is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): it maps neighbours far apart.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
