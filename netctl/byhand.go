package netctl

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/membership"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"
)

// This file is about networks without a controller: every node is started by hand. What holds such a network together
// is a folder, as with any other. The first node writes the secret and what the network is made of; each writes down
// where it is, and takes that back when it leaves. Whoever is last removes the folder.

const (
	handsName    = "byhand.json" // what the network is made of
	stoppingName = "stopping"    // is there while all nodes are being ended
	handsVersion = 1
	maxHands     = 64 << 10 // bytes of one of these files
	// handsRound is what numbers of nodes are counted from, when the first node tells no number: the thousand below
	// its port, so that 7005 is node 5, as in a network that start-network makes.
	handsRound = 1000
	// MembershipByHand is what nodes started by hand find out with who is there: nobody else would tell them that one
	// of them has crashed.
	MembershipByHand = "swim"
)

// hands is a network without a controller, as its first node has written it down.
type hands struct {
	Version   int       `json:"version"`
	NetworkID string    `json:"network_id"`
	Spec      Spec      `json:"spec"`
	Started   time.Time `json:"started"`
}

// hand is one node of it.
type hand struct {
	Version int           `json:"version"`
	Node    gossip.NodeID `json:"node"`
	Run     uint32        `json:"run"`
	Addr    string        `json:"addr"`
	Process proc.Identity `json:"process"`
}

func handName(id gossip.NodeID) string { return fmt.Sprintf("node-%d.json", id) }

// readHands reads what the folder of a network without a controller holds. The error is os.ErrNotExist when it is
// none of these.
func readHands(dir *store.Dir) (h hands, nodes []hand, err error) {
	data, err := dir.ReadBounded(handsName, maxHands)
	if err != nil {
		return h, nil, err
	}
	if err = json.Unmarshal(data, &h); err == nil {
		err = h.check(dir.Name())
	}
	if err != nil {
		return h, nil, damagedHands(dir, handsName, err)
	}
	entries, err := os.ReadDir(dir.Path())
	if err != nil {
		return h, nil, &store.AccessError{Verb: "read", Path: dir.Path(), Err: err}
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "node-") || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		data, err := dir.ReadBounded(e.Name(), maxHands)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has left just now
		}
		var n hand
		if err == nil {
			err = json.Unmarshal(data, &n)
		}
		if err == nil {
			err = n.check(e.Name())
		}
		if err != nil {
			return h, nil, damagedHands(dir, e.Name(), err)
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b hand) int { return cmp.Compare(a.Node, b.Node) })
	return h, nodes, nil
}

func damagedHands(dir *store.Dir, name string, err error) error {
	return api.NewError(api.CodeDamaged, fmt.Sprintf("%s cannot be used: %v", filepath.Join(dir.Path(), name), oneLine(err.Error())),
		"end the nodes with Ctrl-C, and remove "+dir.Path())
}

func (h *hands) check(network string) error {
	switch {
	case h.Version != handsVersion:
		return fmt.Errorf("its version is %d, and this program reads %d", h.Version, handsVersion)
	case h.Spec.Network != network:
		return fmt.Errorf("it is about network %.40q", h.Spec.Network)
	case h.NetworkID == "" || h.Spec.BasePort < 0 || h.Spec.BasePort > 65535:
		return errors.New("parts of it are missing")
	}
	return h.Spec.checkHands()
}

func (n *hand) check(name string) error {
	switch {
	case n.Version != handsVersion:
		return fmt.Errorf("its version is %d, and this program reads %d", n.Version, handsVersion)
	case n.Node < 1 || handName(n.Node) != name || n.Run > gossip.MaxRun:
		return errors.New("it is about another node")
	case api.CheckPeers(0, []api.Peer{{ID: n.Node, Addr: n.Addr}}) != nil:
		return fmt.Errorf("%.40q is no address on this machine", n.Addr)
	}
	return n.Process.Validate()
}

// checkHands tells what is wrong with what nodes are to be made of.
func (s *Spec) checkHands() error {
	_, err := layers.New(layers.Spec{
		Protocol: s.Protocol, Settings: s.Settings, Repair: s.Repair, RepairEvery: s.RepairEvery,
		Membership: s.Membership, MembershipSettings: s.MembershipSettings, Assembles: true,
	})
	return err
}

// state is the network as other commands see it.
func (h *hands) state(nodes []hand) State {
	s := State{FileVersion: StateVersion, NetworkID: h.NetworkID, Spec: h.Spec, Started: h.Started, byHand: true}
	for _, n := range nodes {
		node := NodeState{ID: n.Node, Run: n.Run, Process: n.Process, Peers: []gossip.NodeID{}, Joined: true, Addr: n.Addr}
		if !isAlive(n.Process) {
			node.Exit, node.Ended = endedByHand, &time.Time{} // nobody has seen when
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}

func living(nodes []hand) []hand {
	return slices.DeleteFunc(slices.Clone(nodes), func(n hand) bool { return !isAlive(n.Process) })
}

// beginHands makes this process the first node of a network without a controller.
func (o *RunOptions) beginHands(ctx context.Context, dir *store.Dir) (*ByHand, error) {
	spec := o.Spec
	spec.Network, spec.Seed = o.Network, cmp.Or(spec.Seed, Seed())
	spec.Membership = cmp.Or(spec.Membership, MembershipByHand)
	spec.Discovery, spec.Topology = api.DiscoverBootstrap, api.DiscoverBootstrap
	if err := spec.checkHands(); err != nil {
		return nil, usage(err, "run gossipctl list-protocols -o wide")
	}
	release, err := lockSoon(ctx, func() (func(), error) { return claim(ctx, dir, o.Note) })
	if err != nil {
		return nil, err
	}
	defer release()
	n := hand{Node: o.ID, Addr: o.Listen}
	if spec.BasePort, err = n.placeFirst(); err != nil {
		dir.Remove()
		return nil, err
	}
	id := make([]byte, 8)
	rand.Read(id)
	network := hands{handsVersion, hex.EncodeToString(id), spec, time.Now().UTC()}
	h, err := func() (*ByHand, error) {
		if _, err := dir.NewSecret(); err != nil {
			return nil, storeError(err)
		}
		if err := writeHands(dir, handsName, network); err != nil {
			return nil, err
		}
		return o.takePlace(dir, &network, n, nil)
	}()
	if err != nil {
		dir.Remove()
		return nil, err
	}
	h.Began = true
	return h, nil
}

// placeFirst finds the number and the address of the first node, as far as they were not given, and the port that
// the network counts from.
func (n *hand) placeFirst() (base int, err error) {
	switch {
	case n.Addr == "":
		n.Node = max(n.Node, 1)
		n.Addr = loopback(DefaultBasePort + int(n.Node))
		return DefaultBasePort, n.checkNumber()
	case n.Node > 0:
		return max(portOf(n.Addr)-int(n.Node), 0), n.checkNumber()
	}
	base = portOf(n.Addr) / handsRound * handsRound
	n.Node = gossip.NodeID(portOf(n.Addr) - base)
	if n.Node < 1 {
		return 0, usage(fmt.Errorf("port %d tells no node number", portOf(n.Addr)), "give the node a number with --id, or take port "+fmt.Sprint(base+1))
	}
	return base, nil
}

func (n *hand) checkNumber() error {
	if n.Node < 1 || n.Node > topology.MaxNodes {
		return usage(fmt.Errorf("node %d is not possible: numbers go from 1 to %d", n.Node, topology.MaxNodes), "")
	}
	if portOf(n.Addr) > 65535 {
		return usage(fmt.Errorf("port %d of node %d is not possible", portOf(n.Addr), n.Node), "say where it is to listen with --listen")
	}
	return nil
}

// joinHands makes this process a further node of a network without a controller.
func (o *RunOptions) joinHands(ctx context.Context, dir *store.Dir) (*ByHand, error) {
	release, err := lockSoon(ctx, dir.Lock)
	if errors.Is(err, os.ErrNotExist) {
		return nil, o.notHere()
	}
	if err != nil {
		return nil, storeError(err)
	}
	defer release()
	network, nodes, err := readHands(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, o.notHere()
	}
	if err != nil {
		return nil, storeError(err)
	}
	if err := o.sameNetwork(&network.Spec); err != nil {
		return nil, err
	}
	there := living(nodes)
	var contacts []api.Peer
	for _, addr := range o.Join {
		at := slices.IndexFunc(there, func(n hand) bool { return sameAddr(n.Addr, addr) })
		if at < 0 {
			return nil, o.notHere()
		}
		contacts = append(contacts, api.Peer{ID: there[at].Node, Addr: there[at].Addr})
	}
	n := hand{Node: o.ID, Addr: o.Listen}
	if err := n.placeNext(&network.Spec, there); err != nil {
		return nil, err
	}
	for _, known := range nodes { // a crash has left it; its next life has to have a higher number
		if known.Node == n.Node {
			n.Run = known.Run + 1
		}
	}
	return o.takePlace(dir, &network, n, contacts)
}

// placeNext finds the number and the address of a further node, as far as they were not given.
func (n *hand) placeNext(spec *Spec, there []hand) error {
	if n.Node == 0 && n.Addr != "" {
		if n.Node = gossip.NodeID(portOf(n.Addr) - spec.BasePort); n.Node < 1 || n.Node > topology.MaxNodes {
			return numberless(spec.Network, portOf(n.Addr), spec.BasePort)
		}
	}
	if n.Node == 0 {
		last := there[len(there)-1].Node // sorted, and the contact is one of them
		n.Node = last + 1
		for tries := 0; tries < 16 && !isFree(spec.nodeAddr(n.Node)); tries++ {
			n.Node++
		}
	}
	n.Addr = cmp.Or(n.Addr, spec.nodeAddr(n.Node))
	for _, other := range there {
		if other.Node == n.Node {
			return takenNumber(spec.Network, n.Node)
		}
		if sameAddr(other.Addr, n.Addr) {
			return takenAddress(n.Addr, fmt.Sprintf("node %d", other.Node), spec.Network)
		}
	}
	return n.checkNumber()
}

func isFree(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		l.Close()
	}
	return err == nil
}

func sameAddr(a, b string) bool {
	x, errX := netip.ParseAddrPort(a)
	y, errY := netip.ParseAddrPort(b)
	return errX == nil && errY == nil && x == y
}

// notHere is the error about a contact that is no node of the network in this state folder.
func (o *RunOptions) notHere() error {
	return api.NewError(api.CodeNotFound, fmt.Sprintf("at %s is no node of the network %q that this state folder knows, so its secret is not known here", strings.Join(o.Join, ", "), o.Network),
		"run the node as the user who started the network, with the same XDG_STATE_HOME; gossipctl list-nodes -o wide shows where its nodes are")
}

// sameNetwork makes sure that what was typed is what the network is made of: nodes that differ would not understand
// each other.
func (o *RunOptions) sameNetwork(spec *Spec) error {
	for _, flag := range o.Typed {
		var same bool
		var is string
		switch flag {
		case "--protocol":
			same, is = o.Spec.Protocol == spec.Protocol, spec.Protocol
		case "--set":
			same, is = maps.Equal(o.Spec.Settings, spec.Settings), settingsText(spec.Settings)
		case "--repair":
			same, is = o.Spec.Repair == spec.Repair, spec.Repair
		case "--membership":
			same, is = o.Spec.Membership == spec.Membership, spec.Membership
		case "--membership-set":
			same, is = maps.Equal(o.Spec.MembershipSettings, spec.MembershipSettings), settingsText(spec.MembershipSettings)
		}
		if !same {
			return usage(fmt.Errorf("network %q was begun with %s %s, and all its nodes have to be alike", o.Network, flag, is), "leave out "+flag)
		}
	}
	return nil
}

func settingsText(set map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, key+"="+set[key])
	}
	return cmp.Or(strings.Join(parts, ","), "as by default")
}

// takePlace binds the port of a node and writes down that it is there. The lock is held.
func (o *RunOptions) takePlace(dir *store.Dir, network *hands, n hand, contacts []api.Peer) (*ByHand, error) {
	secret, err := dir.Secret()
	if err != nil {
		return nil, storeError(err)
	}
	k, err := deriveKeys(secret)
	if err != nil {
		return nil, err
	}
	self, err := proc.Self()
	if err != nil {
		return nil, fmt.Errorf("identifying this process: %w", err)
	}
	l, err := listenAt(n.Addr)
	if err != nil {
		return nil, err
	}
	n.Version, n.Run, n.Process = handsVersion, max(n.Run, o.Life), self
	if err := writeHands(dir, handName(n.Node), n); err != nil {
		l.Close()
		return nil, err
	}
	spec := &network.Spec
	cfg := api.NodeConfig{
		Network: o.Network, NetworkID: network.NetworkID, ID: n.Node, Run: n.Run, Seed: spec.Seed,
		Protocol: spec.Protocol, Settings: spec.Settings, Peers: append([]api.Peer{}, contacts...),
		ControlToken: k.control, PeerToken: k.peer, GuestToken: k.guest,
		Repair: cmp.Or(spec.Repair, protocol.RepairNone), RepairEvery: spec.RepairEvery,
		Discovery: spec.Discovery, Membership: cmp.Or(spec.Membership, membership.None), MembershipSettings: spec.MembershipSettings,
	}
	for _, c := range contacts {
		cfg.Contacts = append(cfg.Contacts, c.Addr)
	}
	return &ByHand{Config: cfg, Listener: l, dir: dir}, nil
}

func writeHands(dir *store.Dir, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return storeError(dir.WriteAtomic(name, append(data, '\n'), 0o600))
}

// leaveHands takes back what the node has written down. The last one removes the network.
func (h *ByHand) leaveHands() (ending bool) {
	network, _, err := readHands(h.dir)
	if err != nil || network.NetworkID != h.Config.NetworkID {
		return true // cleared away, and perhaps begun anew
	}
	os.Remove(filepath.Join(h.dir.Path(), handName(h.Config.ID))) // what stays is known by its process
	last := func() bool {
		_, nodes, err := readHands(h.dir)
		return err == nil && len(living(nodes)) == 0
	}
	stopping := func() bool {
		_, err := os.Lstat(filepath.Join(h.dir.Path(), stoppingName))
		return err == nil
	}
	release, err := lockSoon(context.Background(), func() (func(), error) {
		if stopping() || !last() { // whoever has the lock waits for this process, or stays
			return nil, nil
		}
		return h.dir.Lock()
	})
	switch {
	case err != nil:
		return errors.Is(err, os.ErrNotExist) // removed by another one that left at the same moment
	case release == nil:
		return stopping()
	}
	defer release()
	if network, _, err := readHands(h.dir); err == nil && network.NetworkID == h.Config.NetworkID && last() {
		h.dir.Remove()
	}
	return true
}
