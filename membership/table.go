// Package membership finds out who is in a network: pure state machines that stand around a gossip protocol and tell
// it its peers. They know nodes by number; where these listen is the business of whoever drives them.
package membership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// None is the name of no membership: the protocol has the peers that somebody else gives it.
const None = "none"

// Environment is what the machine of one node is born with.
type Environment struct {
	Self gossip.NodeID
	Run  uint32     // which life of the node
	Rand *rand.Rand // its own; see [Generator]
	// Seed is the network's: what all nodes must draw alike, such as the rings that peers are chosen by, follows it.
	Seed uint64
}

// Kind is one row of the table.
type Kind struct {
	Name     string
	Summary  string // one line for list-memberships
	Follows  string // the paper or system whose rules it keeps
	Settings []protocol.Setting
	Check    func(protocol.Values) error // what the settings must be together; may be nil
	Make     func(protocol.Values) func(inner gossip.Protocol, env Environment) gossip.Membership
}

// Table returns all kinds but none, in the order people should read of them.
func Table() []Kind { return []Kind{swimKind, hyparviewKind} }

// Acquainted is what a network without membership has whose nodes find each other: everybody comes to know
// everybody, and nobody is noticed to be dead.
func Acquainted() Kind { return acquaintKind }

// Values returns the kind's defaults with the given ones put in their place.
func (k Kind) Values(set map[string]string) (protocol.Values, error) {
	asked := k.Name
	if asked == acquaintKind.Name {
		asked = None // what its user knows it by
	}
	return protocol.ReadSettings("membership "+asked, k.Settings, k.Check, set)
}

// Find returns a kind by name.
func Find(name string) (Kind, error) {
	kinds := Table()
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if at < 0 {
		names := []string{None}
		for _, k := range kinds {
			names = append(names, k.Name)
		}
		return Kind{}, fmt.Errorf("there is no membership %q; there is %s", name, strings.Join(names, ", "))
	}
	return kinds[at], nil
}

// memberStream keeps the draws of membership apart from those of the protocol and of repair.
const memberStream = 0x6d656d6265720000

// Generator returns the generator of one node's membership, as [protocol.Generator] does that of its protocol.
func Generator(seed uint64, self gossip.NodeID) *rand.Rand {
	return protocol.Generator(seed^memberStream, self)
}
