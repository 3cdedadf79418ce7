package netctl

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/membership"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// TopologyBootstrap is the topology of networks whose nodes find each other: which edges there are only they know.
const TopologyBootstrap = "bootstrap"

const (
	// DefaultContacts is what it takes: one node that is known to everybody else.
	DefaultContacts = 1
	// laterContacts is how many nodes that live are named to one that joins a running network: one or two of
	// them may die, or be cut off, just then.
	laterContacts = 3
	// maxPlaces and maxPlace bound what discovery is told to look at.
	maxPlaces = 64
	maxPlace  = 1024
	// listName is the file of addresses in the state folder that discovery by file reads where it is told no other.
	listName = "contacts"
)

// DiscoveryKind is one way for nodes to find each other.
type DiscoveryKind struct{ Name, Summary string }

// Discoveries are all of them, in the order people should read of them.
func Discoveries() []DiscoveryKind {
	return []DiscoveryKind{
		{api.DiscoverStatic, "the controller tells every node its peers"},
		{api.DiscoverBootstrap, "every node is given contacts, and asks them whom they know"},
		{api.DiscoverScan, "every node tries ranges of addresses"},
		{api.DiscoverDNS, "every node resolves a name again and again"},
		{api.DiscoverFile, "every node watches a list of addresses in a file"},
	}
}

// checkAssembly says what is impossible about how nodes are to find each other.
func (s *Spec) checkAssembly() error {
	bad := func(hint, format string, args ...any) error { return usage(fmt.Errorf(format, args...), hint) }
	how := cmp.Or(s.Discovery, api.DiscoverStatic)
	kinds := Discoveries()
	if !slices.ContainsFunc(kinds, func(k DiscoveryKind) bool { return k.Name == how }) {
		var names []string
		for _, k := range kinds {
			names = append(names, k.Name)
		}
		return bad("", "there is no discovery %.40q; there is %s", how, strings.Join(names, ", "))
	}
	switch {
	case how == api.DiscoverStatic && s.Topology == TopologyBootstrap:
		return bad("leave out --discovery static, or choose a topology with gossipctl list-topologies", "topology bootstrap means that nodes find each other, and --discovery static that they are told their peers")
	case how != api.DiscoverStatic && s.Topology != TopologyBootstrap:
		return bad("leave out the topology; to have a topology's edges as contacts, leave out --discovery", "--discovery %s leaves nothing for topology %.40q to say: nodes choose their peers themselves", how, s.Topology)
	case s.Contacts != 0 && how != api.DiscoverBootstrap:
		return bad("", "--contacts is how many contacts every node is given, which only --discovery bootstrap does, and not %s", how)
	case s.Contacts < 0 || s.Contacts > max(s.Nodes, 1):
		return bad("", "%d contacts are not possible: nodes 1 to K are the contacts, so K goes from 1 to %d here", s.Contacts, s.Nodes)
	case s.Contacts > maxPlaces:
		return bad("", "%d contacts are too many: at most %d are asked, and one that answers is enough", s.Contacts, maxPlaces)
	case s.Assembles() && s.Reconnect:
		return bad("", "--reconnect is for networks that are wired for their nodes; these nodes choose their peers themselves, also when some die")
	}
	if err := s.checkPlaces(how); err != nil {
		return err
	}
	if !s.Assembles() && len(s.MembershipSettings) > 0 {
		return bad("choose one with --membership, see gossipctl list-memberships", "--membership-set is of no use: there is no membership whose settings these could be")
	}
	if s.Membership != "" && s.Membership != membership.None {
		if _, err := membership.Find(s.Membership); err != nil {
			return usage(err, "run gossipctl list-memberships")
		}
	}
	_, err := layers.New(layers.Spec{
		Protocol: s.Protocol, Settings: s.Settings, Repair: s.Repair, RepairEvery: s.RepairEvery, ValuesEvery: s.ValuesEvery, ValuesKeep: s.ValuesKeep,
		Membership: s.Membership, MembershipSettings: s.MembershipSettings, Assembles: s.Assembles(),
	})
	if err != nil {
		return usage(err, "run gossipctl list-memberships -o wide")
	}
	return nil
}

// checkPlaces says what is impossible about where discovery is to look. What a place must look like the nodes know.
func (s *Spec) checkPlaces(how string) error {
	bad := func(format string, args ...any) error { return usage(fmt.Errorf(format, args...), "") }
	switch how {
	case api.DiscoverStatic, api.DiscoverBootstrap:
		if len(s.Places) > 0 {
			return bad("--discover-at says where discovery by scan, dns or file looks; --discovery %s does not look", how)
		}
	case api.DiscoverDNS:
		if len(s.Places) != 1 {
			return bad("--discovery dns needs one name with a port, such as --discover-at localhost:%d", s.BasePort+1)
		}
	case api.DiscoverFile:
		if len(s.Places) > 1 {
			return bad("--discovery file watches one file, not %d", len(s.Places))
		}
		if len(s.Places) == 1 && !filepath.IsAbs(s.Places[0]) {
			return bad("%.80q is not the whole path of a file: nodes run in a folder of their own", s.Places[0])
		}
	}
	if len(s.Places) > maxPlaces {
		return bad("--discover-at names %d places: at most %d are possible", len(s.Places), maxPlaces)
	}
	for _, p := range s.Places {
		if p == "" || len(p) > maxPlace || strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return bad("%.80q is no place to look for nodes at", p)
		}
	}
	return nil
}

// wiring makes the graph of a spec, of contacts where nodes find each other.
func (s *Spec) wiring() (*topology.Graph, error) {
	if s.Topology != TopologyBootstrap {
		return topology.Generate(topology.Request{Kind: s.Topology, Nodes: s.Nodes, Param: s.Parameter, Seed: s.Seed})
	}
	// What can be said of a ring can be said of nodes alone, too: how many there may be.
	g, err := topology.Generate(topology.Request{Kind: "circular", Nodes: s.Nodes, Seed: s.Seed})
	var impossible *topology.ImpossibleError
	if errors.As(err, &impossible) {
		impossible.Asked.Kind = s.Topology
		for i := range impossible.Try {
			impossible.Try[i].Kind = s.Topology
		}
	}
	if err != nil {
		return nil, err
	}
	return topology.NewNodes(g.Nodes()), nil
}

// firstContacts are whom each node is given at the first start of a network: by bootstrap nodes 1 to K; where a
// topology was asked for, its edges; by other kinds of discovery nobody.
func (s *Spec) firstContacts(g *topology.Graph) map[gossip.NodeID][]gossip.NodeID {
	all := make(map[gossip.NodeID][]gossip.NodeID)
	for _, v := range g.Nodes() {
		id := gossip.NodeID(v)
		switch s.Discovery {
		case "", api.DiscoverStatic:
			all[id] = nodeIDs(g.Peers(v))
		case api.DiscoverBootstrap:
			for k := gossip.NodeID(1); int(k) <= cmp.Or(s.Contacts, DefaultContacts); k++ {
				if k != id {
					all[id] = append(all[id], k)
				}
			}
		}
	}
	return all
}

// begin notes that nodes are about to be started, and finds their contacts.
func (c *controller) begin(ids []gossip.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.state.Spec
	c.overlay.forget()
	if !s.Assembles() || s.Discovery != "" && s.Discovery != api.DiscoverStatic && s.Discovery != api.DiscoverBootstrap {
		return
	}
	living := c.alive(ids)
	for _, id := range ids {
		if n := c.state.node(id); n != nil { // in its first life it has those that were chosen for it
			c.contacts[id] = c.contactsAgain(id, n.Contacts, slices.Clone(living), ids)
		}
	}
}

// contactsAgain are the contacts of a node that begins another life: those of its contacts that live, and others
// that live; where these are too few, those that are started with it. Whoever is dead would keep it out: the
// contact of all may be the very node that is started again. Living is reordered.
func (c *controller) contactsAgain(id gossip.NodeID, had, living, batch []gossip.NodeID) []gossip.NodeID {
	want := max(len(had), laterContacts)
	var chosen []gossip.NodeID
	take := func(from []gossip.NodeID) {
		for _, p := range from {
			if len(chosen) < want && p != id && !slices.Contains(chosen, p) {
				chosen = append(chosen, p)
			}
		}
	}
	among := func(ids, set []gossip.NodeID) []gossip.NodeID {
		return slices.DeleteFunc(slices.Clone(ids), func(p gossip.NodeID) bool { return !slices.Contains(set, p) })
	}
	take(among(had, living))
	chance := c.chance(32 + uint64(id))
	chance.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
	take(living)
	take(among(had, batch))
	take(batch) // the same ones for all, so that they do not find each other in groups
	return chosen
}

// alive are the nodes whose processes live, without those of a list. It is called with c.mu held.
func (c *controller) alive(without []gossip.NodeID) []gossip.NodeID {
	var ids []gossip.NodeID
	for i := range c.state.Nodes {
		n := &c.state.Nodes[i]
		if c.children[n.ID] != nil && !n.Removed && !slices.Contains(without, n.ID) && liveStatus(n) == Running {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// assemble adds to the configuration of a node how it finds the others.
func (c *controller) assemble(cfg *api.NodeConfig) {
	s := &c.state.Spec
	if !s.Assembles() {
		return
	}
	cfg.Discovery, cfg.Membership, cfg.MembershipSettings = s.Discovery, s.Membership, s.MembershipSettings
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg.Peers, cfg.Contacts = []api.Peer{}, slices.Clone(s.Places)
	switch s.Discovery {
	case "", api.DiscoverStatic, api.DiscoverBootstrap:
		for _, p := range c.contacts[cfg.ID] {
			addr := c.state.addr(p)
			cfg.Peers = append(cfg.Peers, api.Peer{ID: p, Addr: addr})
			if s.Discovery == api.DiscoverBootstrap {
				cfg.Contacts = append(cfg.Contacts, addr)
			}
		}
	case api.DiscoverScan:
		if len(s.Places) == 0 {
			last := gossip.NodeID(s.Nodes) // or later, where nodes were added
			if n := len(c.state.Nodes); n > 0 {
				last = max(last, c.state.Nodes[n-1].ID, cfg.ID)
			}
			cfg.Contacts = []string{fmt.Sprintf("%s-%d", s.nodeAddr(1), s.nodePort(last))}
		}
	case api.DiscoverFile:
		if len(s.Places) == 0 {
			cfg.Contacts = []string{filepath.Join(c.dir.Path(), listName)}
		}
	}
}

// writeList brings the list up to date that discovery by file reads, if it is this controller's: those that are
// there and not known to be dead, one address a line. It is called with c.mu held.
func (c *controller) writeList() error {
	s := &c.state.Spec
	if s.Discovery != api.DiscoverFile || len(s.Places) > 0 {
		return nil
	}
	ids := nodeIDs(c.graph.Nodes()) // at the first start no node has a state yet
	var text strings.Builder
	for _, id := range ids {
		if n := c.state.node(id); n == nil || !n.Removed && n.Ended == nil {
			fmt.Fprintln(&text, c.state.addr(id))
		}
	}
	if text.String() == c.listed {
		return nil
	}
	if err := c.dir.WriteAtomic(listName, []byte(text.String()), 0o600); err != nil {
		return storeError(err)
	}
	c.listed = text.String()
	return nil
}
