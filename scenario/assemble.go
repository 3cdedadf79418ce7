package scenario

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/membership"
)

// Ways in which the nodes of a scenario find each other. There are more, but they need a name server, a file or ports
// of their own.
const (
	discoverStatic    = "static"
	discoverBootstrap = "bootstrap"
)

// laterContacts is how many contacts a node is given at least that is started again, as by the controller of a
// network: it may be the contact of all others itself.
const laterContacts = 3

// Assembles reports whether the nodes find each other, and choose their peers themselves.
func (n *Network) Assembles() bool {
	return n.Discovery == discoverBootstrap || n.Membership != "" && n.Membership != membership.None
}

// layers is what a node is made of.
func (n *Network) layers() layers.Spec {
	return layers.Spec{
		Protocol: n.Protocol, Settings: n.Set, Repair: n.Repair, RepairEvery: n.RepairEvery, Refuse: true,
		ValuesEvery: n.ValuesEvery, ValuesKeep: n.ValuesKeep,
		Membership: n.Membership, MembershipSettings: n.MembershipSet, Assembles: n.Assembles(),
	}
}

// assembly reads how nodes find each other and who is there.
func (p *problems) assembly(f *NetworkFile, n *Network) {
	n.Contacts = p.whole(f.Contacts, "contacts", 1, n.Nodes, 1)
	n.ValuesEvery = p.duration(f.ValuesEvery, "values_every", 10*time.Millisecond, 0)
	n.ValuesKeep = p.duration(f.ValuesKeep, "values_keep", time.Millisecond, 0)
	n.Discovery = cmp.Or(f.Discovery.Value, discoverStatic)
	if n.Discovery != discoverStatic && n.Discovery != discoverBootstrap {
		p.add(f.Discovery.wrong("discovery %q must be static or bootstrap in a scenario", n.Discovery))
	}
	if n.Discovery == discoverBootstrap && f.Topology.there() {
		p.add(f.Topology.wrong("with discovery bootstrap nodes choose their peers themselves: there is no topology to ask for"))
	}
	if f.Contacts.there() && n.Discovery != discoverBootstrap {
		p.add(f.Contacts.wrong("contacts mean nothing without discovery: bootstrap"))
	}
	if n.Membership = f.Membership.Value; n.Reconnect && n.Assembles() {
		p.add(f.Reconnect.wrong("nodes that find each other choose new peers themselves"))
	}
	n.MembershipSet = make(map[string]string)
	where := f.Membership
	for _, key := range slices.Sorted(maps.Keys(f.MembershipSettings)) {
		n.MembershipSet[key] = f.MembershipSettings[key].Value
		if !where.there() {
			where = f.MembershipSettings[key]
		}
	}
	spec := n.layers()
	if _, err := spec.Promise(n.Nodes); err != nil || len(n.MembershipSet) > 0 && !n.Assembles() {
		why := "there is no membership that could have settings"
		if err != nil {
			why = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		p.add(where.wrong("%s", why))
	}
}

// promised puts into conditions what the network promises of members and values.
func (n *Network) promised(c *check.Conditions) {
	spec := n.layers()
	p, err := spec.Promise(n.Nodes)
	if err != nil {
		return // it was checked
	}
	c.Membership, c.DeadWithin, c.AliveWithin = p.Membership, p.DeadWithin, p.AliveWithin
	c.ValuesWithin = max(check.DefaultConverge(n.Nodes), p.ValuesRounds)
}

// contacts are the peers of a node by the topology or, where nodes find each other, whom it is given to begin with.
func (s *Simulated) contacts(id gossip.NodeID) gossip.Peers {
	n := &s.plan.Network
	if n.Discovery != discoverBootstrap {
		return s.peers(id)
	}
	var first []gossip.NodeID
	for k := gossip.NodeID(1); int(k) <= n.Contacts; k++ {
		if k != id {
			first = append(first, k)
		}
	}
	return gossip.NewPeers(first)
}

// contactsAgain gives a node that begins another life contacts that live: its own, and the first others.
func (s *Simulated) contactsAgain(id gossip.NodeID) {
	own := slices.Collect(maps.Values(maps.Collect(s.contacts(id).All())))
	want := max(len(own), laterContacts)
	var chosen []gossip.NodeID
	slices.Sort(own)
	for _, k := range slices.Concat(own, s.plan.everybody()) {
		if k != id && s.world.Alive(k) && len(chosen) < want && !slices.Contains(chosen, k) {
			chosen = append(chosen, k)
		}
	}
	slices.Sort(chosen)
	s.world.SetPeers(id, gossip.NewPeers(chosen))
}

func (p *Plan) everybody() []gossip.NodeID { return everybody(p.Network.Nodes) }
