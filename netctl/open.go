package netctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/protocol"

	"golang.org/x/sync/errgroup"
)

const (
	// askTimeout is how long a node may take to say how full its inbox is before it counts as
	// unreachable; an idle one takes a tenth of a millisecond.
	askTimeout = time.Second
	// askAtOnce bounds how many nodes are asked at the same time.
	askAtOnce = 64
)

// Network is a running network, seen from a command.
type Network struct {
	dir    *store.Dir
	state  State
	keys   keys
	shared *http.Transport
}

// Open finds a network by name. It does not ask anybody yet: commands that speak to one node only
// need not wait for the controller. Root may be empty.
func Open(root, name string) (*Network, error) {
	dir, root, err := folderOf(root, name, notRunning)
	if err != nil {
		return nil, err
	}
	state, err := store.ReadState[State](dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) {
		n, err := openHands(dir)
		if errors.Is(err, os.ErrNotExist) {
			return nil, notRunning(root, name)
		}
		return n, storeError(err)
	}
	if err != nil {
		return nil, storeError(err)
	}
	if state.Stopped != nil {
		return nil, isStopped(api.CodeNotRunning, dir, &state)
	}
	return networkOf(dir, state)
}

// folderOf opens the folder of a network that is there, below root, which may be empty, and returns the root that
// is used then. Missing makes the error about one that is not there.
func folderOf(root, name string, missing func(root, name string) *api.Error) (dir *store.Dir, used string, err error) {
	if err := store.CheckName(name); err != nil {
		return nil, "", usage(err, "")
	}
	if root, err = rootOr(root); err != nil {
		return nil, "", err
	}
	dir, err = store.Open(root, name, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", missing(root, name)
	}
	if err != nil {
		return nil, "", storeError(err)
	}
	return dir, root, nil
}

// networkOf makes a network of its folder and state.
func networkOf(dir *store.Dir, state State) (*Network, error) {
	secret, err := dir.Secret()
	if err != nil {
		return nil, storeError(err)
	}
	k, err := deriveKeys(secret)
	if err != nil {
		return nil, err
	}
	return &Network{dir: dir, state: state, keys: k, shared: api.NewTransport()}, nil
}

// notRunning names the networks that do run, for somebody who forgot --network.
func notRunning(root, name string) *api.Error {
	hint := "start it with gossipctl start-network"
	others, err := store.Networks(root)
	others = slices.DeleteFunc(others, func(other string) bool { return other == name })
	if err == nil && len(others) > 0 {
		hint = fmt.Sprintf("there is %s; choose one with --network", strings.Join(others, ", "))
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("network %q is not running", name), hint)
}

// Name is the network's name.
func (n *Network) Name() string { return n.state.Spec.Network }

// Spec is what was asked of the network.
func (n *Network) Spec() Spec { return n.state.Spec }

// Relays is the relay limit of messages that name none of their own.
func (n *Network) Relays() int { return relaysOf(&n.state.Spec) }

func relaysOf(s *Spec) int {
	kind, err := protocol.Find(s.Protocol)
	if err != nil {
		return 1
	}
	values, err := kind.Values(s.Settings)
	if err != nil {
		return 1
	}
	if !values.Has("relays") {
		return 1
	}
	return values.Int("relays")
}

// GuestToken opens no more of a node than GET /peers/ and POST /gossip/: what a program of anybody's is given that
// is to join the network.
func (n *Network) GuestToken() string { return n.keys.guest }

// URL is where a node listens.
func (n *Network) URL(id gossip.NodeID) string { return "http://" + n.state.Spec.nodeAddr(id) }

// Dir is the path of the network's state folder.
func (n *Network) Dir() string { return n.dir.Path() }

// Present are the numbers of the nodes that were not removed, as of the state file.
func (n *Network) Present() []gossip.NodeID { return n.state.present() }

// Knows reports whether a node of that number is or was in the network, as of the state file.
func (n *Network) Knows(id gossip.NodeID) bool { return n.state.node(id) != nil }

// Edges is the number of edges among the nodes that were not removed, as of the state file.
func (n *Network) Edges() int {
	ends := 0
	for _, node := range n.state.Nodes {
		if !node.Removed {
			ends += len(node.Peers)
		}
	}
	return ends / 2
}

// Node returns a client of one node, or says why there is none.
func (n *Network) Node(id gossip.NodeID) (*api.Client, error) {
	node := n.state.node(id)
	switch {
	case node == nil || node.Removed:
		return nil, n.state.unknownNode(id)
	case node.Ended != nil:
		return nil, deadNode(node)
	}
	return n.client(id), nil
}

func (n *Network) client(id gossip.NodeID) *api.Client {
	return api.NewClient(n.shared, "http://"+n.state.addr(id), n.state.NetworkID, n.keys.control, fmt.Sprintf("node %d", id))
}

func (n *Network) controller() *api.Client {
	return api.NewClient(n.shared, "http://"+loopback(n.state.Spec.BasePort), n.state.NetworkID, n.keys.control, "the controller")
}

// Explain improves on an error that a node's client returned: when nobody answered, it finds out
// whether the node or the whole network is gone.
func (n *Network) Explain(err error) error {
	if err == nil {
		return nil
	}
	switch api.CodeOf(err) {
	case api.CodeTimeout:
		return n.explainSilence(err)
	case api.CodeNotRunning, api.CodeWrongNetwork, api.CodeUnauthorized:
	case api.CodeFailed: // perhaps a stranger has answered, on the port of one that is gone
	default:
		return err
	}
	if gone := n.gone(); gone != nil {
		return gone
	}
	if fresh, freshErr := store.ReadState[State](n.dir, StateVersion); freshErr == nil {
		for i := range fresh.Nodes {
			if node := &fresh.Nodes[i]; node.Ended != nil && err.Error() == fmt.Sprintf("node %d is not running", node.ID) {
				return deadNode(node)
			}
		}
	}
	return err
}

// explainSilence says, if it is so, that whoever did not answer in time is stopped.
func (n *Network) explainSilence(err error) error {
	paused := func(id proc.Identity) bool {
		p, err := proc.Open(id)
		if err != nil {
			return false
		}
		defer p.Close()
		return p.State() == proc.Stopped
	}
	told := api.WrapError(api.CodeTimeout, err, "")
	for _, node := range n.state.Nodes {
		if strings.HasPrefix(err.Error(), fmt.Sprintf("node %d did not answer", node.ID)) && paused(node.Process) {
			told.Message += fmt.Sprintf(": it is paused (pid %d is stopped)", node.Process.PID)
			told.Hint = fmt.Sprintf("gossipctl resume-node %d lets it go on", node.ID)
			return told
		}
	}
	if strings.HasPrefix(err.Error(), "the controller did not answer") && paused(n.state.Controller) {
		told.Message += fmt.Sprintf(": it is paused (pid %d is stopped)", n.state.Controller.PID)
		told.Hint = fmt.Sprintf("kill -CONT %d lets it go on", n.state.Controller.PID)
		return told
	}
	return err
}

// gone says, if it is so, that the controller is dead and with it the network.
func (n *Network) gone() error {
	if n.state.byHand {
		return n.goneHands()
	}
	p, err := proc.Open(n.state.Controller)
	if err == nil {
		defer p.Close()
		if p.Alive() {
			return nil
		}
	}
	now, readErr := store.ReadState[State](n.dir, StateVersion)
	switch {
	case errors.Is(readErr, os.ErrNotExist):
		return api.NewError(api.CodeNotRunning, fmt.Sprintf("network %q is not running: it was stopped a moment ago", n.Name()), "")
	case readErr == nil && now.Stopped != nil:
		return isStopped(api.CodeNotRunning, n.dir, &now)
	case n.state.Spec.Durable:
		return isBereft(api.CodeNotRunning, n.dir, &n.state, err)
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("network %q is not running: %s, and its %s ended with it", n.Name(), whyGone(err), count(len(n.state.present()), "node")),
		"run gossipctl stop-network to clear its state, or gossipctl start-network to start it anew")
}

// View asks the controller how the network is, and every node that runs how full its inbox is.
func (n *Network) View(ctx context.Context) (View, error) {
	v, err := n.Wiring(ctx)
	if err != nil {
		return v, err
	}
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for i := range v.Nodes {
		node := &v.Nodes[i]
		if node.State != Running {
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			inbox, err := n.client(node.ID).Inbox(ctx, 0, 0)
			if err != nil {
				node.State = Unreachable
				return nil
			}
			node.Messages, node.Unread = inbox.Messages, inbox.Unread
			return nil
		})
	}
	group.Wait()
	return v, ctx.Err()
}

// Wiring asks the controller how the network is, and nobody else: message counts are zero.
func (n *Network) Wiring(ctx context.Context) (View, error) {
	if n.state.byHand {
		return n.handsView(ctx)
	}
	var v View
	err := n.controller().Do(ctx, http.MethodGet, "/v1/network", nil, &v)
	if err == nil {
		if err = v.check(n.Name()); err != nil {
			err = fmt.Errorf("the controller gave an answer that makes no sense: %w", err)
		}
	}
	return v, n.Explain(err)
}

// Add adds a node.
func (n *Network) Add(ctx context.Context, req AddRequest) (Change, error) {
	return n.ask(ctx, "/v1/nodes", req)
}

// Remove removes a node, also one that is dead.
func (n *Network) Remove(ctx context.Context, req RemoveRequest) (Change, error) {
	if n.state.byHand {
		return n.removeHand(ctx, req)
	}
	return n.ask(ctx, "/v1/nodes/remove", req)
}

// Connect joins two nodes.
func (n *Network) Connect(ctx context.Context, req EdgeRequest) (Change, error) {
	return n.ask(ctx, "/v1/edges", req)
}

// Disconnect cuts the edge between two nodes.
func (n *Network) Disconnect(ctx context.Context, req EdgeRequest) (Change, error) {
	return n.ask(ctx, "/v1/edges/cut", req)
}

// Rewire wires the nodes that live anew.
func (n *Network) Rewire(ctx context.Context, req RewireRequest) (Change, error) {
	return n.ask(ctx, "/v1/rewire", req)
}

func (n *Network) ask(ctx context.Context, path string, req any) (Change, error) {
	return post[Change](ctx, n, path, req)
}

// mayBeDone adds to an error about a change that the change may have been made all the same: the controller
// finishes what it has begun, also when nobody waits for it any more.
func mayBeDone(err error) error {
	var told *api.Error
	if api.CodeOf(err) != api.CodeTimeout || !errors.As(err, &told) {
		return err
	}
	out := api.WrapError(api.CodeTimeout, err, "look with gossipctl show-network or list-faults before you try again")
	out.Message += "; what was asked may have been done, or may be done yet"
	if told.Hint != "" {
		out.Hint = told.Hint + "; " + out.Hint
	}
	return out
}

// Each asks nodes, many at once, and returns in their order what they answered; where a node gave
// an error, the error.
func Each[T any](ids []gossip.NodeID, ask func(id gossip.NodeID) (T, error)) ([]T, []error) {
	answers, errs := make([]T, len(ids)), make([]error, len(ids))
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			answers[i], errs[i] = ask(id)
			return nil
		})
	}
	group.Wait()
	return answers, errs
}
