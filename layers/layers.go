// Package layers puts together what decides who hears of what at one node: a gossip protocol, and what stands around
// it. Processes, scenarios and experiments make their nodes here, so that all have the same.
//
// From the inside to the outside: the protocol, repair, values, membership.
package layers

import (
	"fmt"
	"time"

	"gossipctl/gossip"
	"gossipctl/membership"
	"gossipctl/protocol"
	"gossipctl/values"
)

// Spec says what the nodes of a network are made of. The zero value of a field is its default.
type Spec struct {
	Protocol string
	Settings map[string]string

	Repair      string // protocol.RepairAntiEntropy, or none
	RepairEvery time.Duration
	Remember    int  // messages that repair keeps: as many as the inbox holds
	Refuse      bool // a full inbox refuses what is new

	ValuesEvery time.Duration // between two reconciliations of values
	ValuesKeep  time.Duration // of the mark that a value is gone

	Membership         string // by name; empty: none
	MembershipSettings map[string]string
	// Assembles says that nodes find each other: what they are told as their peers are contacts. Without a
	// membership of its own the network then has membership.Acquainted.
	Assembles bool
}

// A Maker makes the stack of any node of one network, in any of its lives. Seed is the network's.
type Maker struct {
	spec       Spec
	kind       protocol.Kind
	values     protocol.Values
	make       func(protocol.Environment) gossip.Protocol
	membership func(gossip.Protocol, membership.Environment) gossip.Membership // nil: none
}

// New checks a spec. The error tells everything that is wrong with one part of it.
func New(s Spec) (*Maker, error) {
	m := &Maker{spec: s}
	var err error
	if m.kind, err = protocol.Find(s.Protocol); err != nil {
		return nil, err
	}
	if m.values, err = m.kind.Values(s.Settings); err != nil {
		return nil, err
	}
	if err = protocol.CheckRepair(s.Repair, s.RepairEvery); err != nil {
		return nil, err
	}
	m.make = m.kind.Make(m.values)
	around := membership.Acquainted()
	switch {
	case s.Membership != "" && s.Membership != membership.None:
		if around, err = membership.Find(s.Membership); err != nil {
			return nil, err
		}
	case !s.Assembles && len(s.MembershipSettings) > 0:
		return nil, fmt.Errorf("there is no membership that could have settings")
	case !s.Assembles:
		return m, nil
	}
	set, err := around.Values(s.MembershipSettings)
	if err != nil {
		return nil, err
	}
	m.membership = around.Make(set)
	return m, nil
}

// Inner makes only the protocol within.
func (m *Maker) Inner(seed uint64, self gossip.NodeID, run uint32) gossip.Protocol {
	seed = protocol.LifeSeed(seed, run)
	return m.make(protocol.Environment{Self: self, Rand: protocol.Generator(seed, self)})
}

// Make makes the whole stack of a node.
func (m *Maker) Make(seed uint64, self gossip.NodeID, run uint32) gossip.Protocol {
	return m.Around(m.Inner(seed, self, run), seed, self, run)
}

// Around puts everything else around the protocol within, which [Maker.Inner] has made.
func (m *Maker) Around(inner gossip.Protocol, network uint64, self gossip.NodeID, run uint32) gossip.Protocol {
	seed := protocol.LifeSeed(network, run)
	p := inner
	if m.spec.Repair == protocol.RepairAntiEntropy {
		p = m.kind.Repaired(p, m.values, seed, self, protocol.RepairRules{
			Every: m.spec.RepairEvery, Remember: m.spec.Remember, Refuse: m.spec.Refuse,
		})
	}
	p = values.Around(p, values.Environment{Self: self, Run: run, Rand: values.Generator(seed, self)},
		values.Rules{Every: m.spec.ValuesEvery, Keep: m.spec.ValuesKeep})
	if m.membership == nil {
		return p
	}
	return m.membership(p, membership.Environment{Self: self, Run: run, Rand: membership.Generator(seed, self), Seed: network})
}
