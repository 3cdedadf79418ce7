package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// This file is what commands do with a network without a controller.

// WasByHand is the state of a network whose nodes were all started by hand.
const WasByHand = "by hand"

// openHands opens a network without a controller. The error is os.ErrNotExist when there is none.
func openHands(dir *store.Dir) (*Network, error) {
	network, nodes, err := readHands(dir)
	if err != nil {
		return nil, err
	}
	if len(living(nodes)) == 0 {
		return nil, os.ErrNotExist // what a crash of the last one has left
	}
	return networkOf(dir, network.state(nodes))
}

// ByHand reports whether the network has no controller.
func (n *Network) ByHand() bool { return n.state.byHand }

// needsController is the error about what only a controller can do.
func (n *Network) needsController() error {
	if !n.state.byHand {
		return nil
	}
	return api.NewError(api.CodeUsage, fmt.Sprintf("network %q has no controller, because its nodes were started by hand: this command needs one", n.Name()),
		fmt.Sprintf("run-node%s --join %s adds a node; start-network makes a network with a controller", Naming(n.Name()), n.state.contact()))
}

// contact is the address of a node that lives.
func (s *State) contact() string {
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Ended == nil && !n.Removed {
			return s.addr(n.ID)
		}
	}
	return "ADDRESS"
}

// handsView asks every node of a network without a controller who its peers are.
func (n *Network) handsView(ctx context.Context) (View, error) {
	state := n.state
	state.Nodes = slices.Clone(n.state.Nodes)
	ids := make([]gossip.NodeID, len(state.Nodes))
	for i := range state.Nodes {
		ids[i] = state.Nodes[i].ID
	}
	silent := make(map[gossip.NodeID]bool)
	answers, errs := Each(ids, func(id gossip.NodeID) (api.PeersAnswer, error) {
		if liveStatus(state.node(id)) != Running {
			return api.PeersAnswer{}, nil
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return n.client(id).Peers(ctx)
	})
	for i := range state.Nodes {
		silent[ids[i]] = errs[i] != nil
		for _, p := range answers[i].Peers {
			if p.ID >= 1 && p.ID != ids[i] {
				state.Nodes[i].Peers = append(state.Nodes[i].Peers, p.ID)
			}
		}
	}
	v := state.view(func(node *NodeState) NodeStatus {
		if is := liveStatus(node); is != Running || !silent[node.ID] {
			return is
		}
		return Unreachable
	})
	v.Controller = ControllerView{}
	for i := range v.Nodes {
		if ended := v.Nodes[i].Ended; ended != nil && ended.IsZero() {
			v.Nodes[i].Ended = nil // nobody knows
		}
	}
	return v, ctx.Err()
}

// removeHand makes a node of a network without a controller leave it.
func (n *Network) removeHand(ctx context.Context, req RemoveRequest) (Change, error) {
	node := n.state.node(req.Node)
	if node == nil {
		return Change{}, n.state.unknownNode(req.Node)
	}
	if req.Reconnect {
		return Change{}, usage(errors.New("nodes of a network without a controller choose their peers themselves"), "leave out --reconnect")
	}
	if err := endAll(ctx, []proc.Identity{node.Process}); err != nil {
		return Change{}, err
	}
	release, err := lockSoon(ctx, n.dir.Lock)
	if err == nil { // it has crashed, or had to be killed, and has taken nothing back
		_, nodes, err := readHands(n.dir)
		for _, left := range nodes {
			if err == nil && left.Node == req.Node && left.Process == node.Process {
				os.Remove(filepath.Join(n.dir.Path(), handName(left.Node)))
			}
		}
		if err == nil && len(living(nodes)) == 0 {
			n.dir.Remove()
		}
		release()
	} else if !errors.Is(err, os.ErrNotExist) {
		return Change{}, storeError(err)
	}
	node.Removed = true
	change := Change{Node: req.Node, Joined: [][2]int{}, Cut: [][2]int{}, Parts: [][]int{}, Untold: []gossip.NodeID{}}
	view, err := n.handsView(ctx)
	if err != nil {
		return change, err
	}
	live := view.Live()
	change.Topology = view.Topology
	if !view.Topology.Connected && live.Len() > 0 {
		change.Parts = topology.Components(live)
	}
	return change, nil
}

// goneHands says, if it is so, that a network without a controller is gone.
func (n *Network) goneHands() error {
	_, nodes, err := readHands(n.dir)
	if err == nil && len(living(nodes)) > 0 {
		return nil
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("network %q is not running: the last of its nodes has ended", n.Name()), "")
}

// logsElsewhere is the error about a node that writes no log here.
func (l *logs) logsElsewhere(id gossip.NodeID) error {
	if l.state == nil {
		return nil
	}
	if n := l.state.node(id); n != nil && n.Joined {
		return logsByHand(fmt.Sprintf("node %d was", id))
	}
	return nil
}

func logsByHand(whose string) error {
	return api.NewError(api.CodeNotFound, whose+" started by hand: what is logged there goes to the terminal", "")
}

// handsLeft reports whether a folder holds what a network without a controller has left. The error is about one that
// runs.
func handsLeft(dir *store.Dir) (bool, error) {
	_, nodes, err := readHands(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, storeError(err)
	}
	there := living(nodes)
	if len(there) == 0 {
		return true, nil
	}
	return false, api.NewError(api.CodeConflict, fmt.Sprintf("network %q runs already, started by hand (node %d at %s)", dir.Name(), there[0].Node, there[0].Addr),
		fmt.Sprintf("join it with gossipctl run-node%s --join %s, stop it with gossipctl stop-network%[1]s, or choose another --network", Naming(dir.Name()), there[0].Addr))
}

// stopHands ends every node of a network without a controller, and removes it. It reports false when there is none.
func stopHands(ctx context.Context, dir *store.Dir, how ending, out *Stopped) (bool, error) {
	_, nodes, err := readHands(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, storeError(err)
	}
	there := living(nodes)
	if how == toKeep && len(there) > 0 {
		return true, usage(fmt.Errorf("network %q has no controller that could keep it", dir.Name()), "leave out --keep")
	}
	if err := dir.WriteAtomic(stoppingName, nil, 0o600); err != nil {
		return true, storeError(err)
	}
	out.Was, out.Note = WasGone, "its nodes, started by hand, have ended"
	if out.Nodes = len(there); out.Nodes > 0 {
		out.Was, out.Note = WasRunning, ""
	}
	ids := make([]proc.Identity, len(there))
	for i, n := range there {
		ids[i] = n.Process
	}
	for _, ended := range proc.TerminateAll(ctx, ids, stopGrace) {
		switch ended.Outcome {
		case proc.Failed:
			return true, api.WrapError(api.CodeFailed, fmt.Errorf("ending process %v: %w", ended.Identity, ended.Err), "")
		case proc.Killed:
			out.Killed++
		}
	}
	return true, storeError(dir.Remove())
}

// hands looks at a network without a controller, and reports whether the folder is of one.
func (d *doctor) hands(dir *store.Dir) bool {
	l := Listed{Network: dir.Name()}
	err := listHands(dir, &l)
	naming := Naming(l.Network)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false
	case err != nil:
		d.add(checkNetwork, FindingFail, fmt.Sprintf("%q: %v", l.Network, err), d.nextStep(err))
	case l.State == WasGone:
		d.add(checkNetwork, FindingWarn, fmt.Sprintf("%q does not run any more: %s", l.Network, l.Problem), "run gossipctl stop-network"+naming+" to clear away what they have left")
	default:
		if network, nodes, err := readHands(dir); err == nil {
			d.running = append(d.running, network.state(nodes))
		}
		d.add(checkNetwork, FindingOK, fmt.Sprintf("%q runs: %s, started by hand", l.Network, count(l.Nodes, "node")), "")
	}
	return true
}

// listHands describes a network without a controller, for a list.
func listHands(dir *store.Dir, l *Listed) error {
	network, nodes, err := readHands(dir)
	if err != nil {
		return err
	}
	there := living(nodes)
	l.State, l.Topology, l.Protocol, l.Nodes = WasByHand, network.Spec.Topology, network.Spec.Protocol, len(there)
	l.BasePort, l.Started = network.Spec.BasePort, &network.Started
	if len(there) == 0 {
		l.State, l.Problem = WasGone, "its nodes, started by hand, have ended"
	}
	return nil
}
