package netctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

const (
	// goodbyeTime bounds telling the controller that a node leaves. Peers are told within milliseconds; longer than
	// the grace that a node is given to end must not pass.
	goodbyeTime = stopGrace * 3 / 4
	// lockPatience is how long a node waits for others that join or leave at the same moment.
	lockPatience = 3 * time.Second
	lockPoll     = 10 * time.Millisecond
)

// RunOptions say how a node is started by hand.
type RunOptions struct {
	Root    string // of all state folders; empty = store.DefaultRoot()
	Network string
	Listen  string        // host and port; empty: the port of its number
	ID      gossip.NodeID // 0: that of its port, else the next one
	Join    []string      // addresses of nodes; empty: any of a network with a controller, else a network is begun
	Life    uint32        // the number of its life where no controller counts them: taken from the clock

	// Spec is what a network is made of that this node begins, and what one without a controller must be made of
	// as far as it was typed. Typed are the flags that say so.
	Spec  Spec
	Typed []string
	Note  func(string) // something the person should know
}

// ByHand is a node that a person has started, in this process: its place in a network.
type ByHand struct {
	Config   api.NodeConfig
	Listener net.Listener // bound; whoever serves it closes it
	Began    bool         // it is the first node of its network

	dir   *store.Dir
	owner *proc.Process // the controller; nil when there is none
	ask   *api.Client   // of the controller
	kept  bool          // it has said that it serves
}

// RunNode finds a place for a node in a network, or begins one, and binds its port. The caller serves
// [ByHand.Listener] as [ByHand.Config] says, calls [ByHand.Serving] when it does, and [ByHand.Leave] in any case.
func RunNode(ctx context.Context, o RunOptions) (*ByHand, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	root, err := rootOr(o.Root)
	if err != nil {
		return nil, err
	}
	// Whoever is joined is looked at first: a mistaken address is the likeliest mistake, and what is found there
	// says most.
	for _, addr := range o.Join {
		if err := checkContact(ctx, o.Network, addr); err != nil {
			return nil, err
		}
	}
	dir, err := store.Open(root, o.Network, len(o.Join) == 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, api.NewError(api.CodeNotFound, fmt.Sprintf("network %q runs at %s, but not from the state folder %s, so its secret is not known here", o.Network, o.Join[0], root),
			"run the node as the user who started it, with the same XDG_STATE_HOME")
	}
	if err != nil {
		return nil, storeError(err)
	}
	h, err := o.findNetwork(ctx, dir)
	if err != nil {
		dir.Close()
		return nil, err
	}
	return h, nil
}

// check tells what is wrong with the options by themselves.
func (o *RunOptions) check() error {
	if err := store.CheckName(o.Network); err != nil {
		return usage(err, "")
	}
	if o.Listen != "" {
		if err := checkLoopback("--listen", o.Listen); err != nil {
			return err
		}
	}
	for _, addr := range o.Join {
		if err := checkLoopback("--join", addr); err != nil {
			return err
		}
		if addr == o.Listen {
			return usage(fmt.Errorf("a node cannot join itself at %s", addr), "name another node with --join, or leave it out")
		}
	}
	return nil
}

// checkLoopback makes sure that a node can be reached at an address, and from this machine only: the guards of nodes
// answer for nothing else.
func checkLoopback(flag, addr string) error {
	at, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil:
		return usage(fmt.Errorf("%s %.80q is not an address with a port, such as 127.0.0.1:7005", flag, addr), "")
	case at.Port() == 0:
		return usage(fmt.Errorf("%s %s names no port", flag, addr), "leave out --listen, and the next free port is taken")
	case at.Addr() != netip.IPv6Loopback() && at.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return usage(fmt.Errorf("%s %s is not on this machine: nodes listen on 127.0.0.1 or [::1] only", flag, addr), "")
	}
	return nil
}

// checkContact asks who is at an address. It shows no token, and what it is told proves nothing.
func checkContact(ctx context.Context, network, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	shared := api.NewTransport()
	shared.DisableKeepAlives = true
	health, err := api.NewClient(shared, "http://"+addr, "", "", "the node at "+addr).Health(ctx)
	switch {
	case api.CodeOf(err) == api.CodeNotRunning:
		return api.NewError(api.CodeNotFound, fmt.Sprintf("nobody answers at %s", addr), "run gossipctl list-nodes -o wide to see where nodes are")
	case api.CodeOf(err) == api.CodeTimeout:
		return api.NewError(api.CodeNotFound, fmt.Sprintf("whoever has %s does not answer", addr), "run gossipctl list-nodes -o wide to see where nodes are")
	case err != nil || health.Service != "gossipctl":
		return api.NewError(api.CodeNotFound, fmt.Sprintf("at %s is %s, and no node", addr, portUser(portOf(addr))), "run gossipctl list-nodes -o wide to see where nodes are")
	case health.Network != network:
		what := fmt.Sprintf("node %d", health.Node)
		if health.Node == 0 {
			what = "the controller"
		}
		return api.NewError(api.CodeNotFound, fmt.Sprintf("at %s is %s of network %.40q, and not of %q", addr, what, health.Network, network), "name the network with --network, or another node with --join")
	}
	return nil
}

// findNetwork finds out what kind of network a folder holds.
func (o *RunOptions) findNetwork(ctx context.Context, dir *store.Dir) (*ByHand, error) {
	state, err := store.ReadState[State](dir, StateVersion)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, storeError(err)
	}
	if err == nil && state.Stopped == nil && isAlive(state.Controller) {
		return o.joinControlled(ctx, dir, state)
	}
	if len(o.Join) > 0 {
		return o.joinHands(ctx, dir)
	}
	return o.beginHands(ctx, dir)
}

// joinControlled gets a place in a network that has a controller.
func (o *RunOptions) joinControlled(ctx context.Context, dir *store.Dir, state State) (*ByHand, error) {
	if len(o.Typed) > 0 {
		return nil, usage(fmt.Errorf("network %q has a controller, which says what its nodes are: leave out %s", o.Network, strings.Join(o.Typed, ", ")), "")
	}
	n, err := networkOf(dir, state)
	if err != nil {
		return nil, err
	}
	owner, err := proc.Open(state.Controller)
	if err != nil {
		return nil, n.gone()
	}
	h := &ByHand{dir: dir, owner: owner, ask: n.controller()}
	self, err := proc.Self()
	if err != nil {
		return nil, fmt.Errorf("identifying this process: %w", err)
	}
	var at JoinAnswer
	err = h.ask.Do(ctx, http.MethodPost, "/v1/nodes/join", JoinRequest{Node: o.ID, Addr: o.Listen, Process: self, Contacts: o.Join}, &at)
	if err != nil {
		owner.Close()
		return nil, n.Explain(err)
	}
	h.Config = at.Config
	h.Config.ControlToken, h.Config.PeerToken, h.Config.GuestToken = n.keys.control, n.keys.peer, n.keys.guest
	if h.Listener, err = listenAt(at.Addr); err != nil {
		h.tellLeave()
		owner.Close()
		return nil, err
	}
	return h, nil
}

// listenAt binds the port of a node.
func listenAt(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		e := api.WrapError(api.CodePortInUse, err, "choose another one with --listen, or leave it out")
		e.Message = fmt.Sprintf("%s is in use by %s", addr, portUser(portOf(addr)))
		return nil, e
	}
	return nil, api.WrapError(api.CodeFailed, fmt.Errorf("listening on %s: %w", addr, err), "")
}

// Controlled reports whether the network has a controller, which ends the nodes that it removes.
func (h *ByHand) Controlled() bool { return h.owner != nil }

// Serving makes the node one of the network: it is called once calls at its listener are answered.
func (h *ByHand) Serving(ctx context.Context) error {
	h.kept = true
	if h.owner == nil {
		return nil // it stands in the folder since its port was bound
	}
	err := h.ask.Do(ctx, http.MethodPost, "/v1/nodes/serving", ServingRequest{Node: h.Config.ID, Run: h.Config.Run}, nil)
	if api.CodeOf(err) == api.CodeNotRunning { // its end shows in a moment, and what it was
		ctx, cancel := context.WithTimeout(ctx, stopGrace)
		defer cancel()
		if gone := h.Watch(ctx); gone != nil {
			return gone
		}
	}
	return err
}

// Watch returns when the network is gone that the node belongs to, or when ctx ends: nil then, and also when the
// network was stopped. A network without a controller is never gone as long as one of its nodes is there.
func (h *ByHand) Watch(ctx context.Context) error {
	if h.owner == nil {
		<-ctx.Done()
		return nil
	}
	if h.owner.Wait(ctx) != nil {
		return nil
	}
	state, err := store.ReadState[State](h.dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) || err == nil && (state.Stopped != nil || state.NetworkID != h.Config.NetworkID) {
		return nil
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("the controller of network %q died, and the network with it: node %d has ended, too", h.Config.Network, h.Config.ID),
		"run gossipctl stop-network"+Naming(h.Config.Network)+" to clear away what it has left")
}

// Leave takes the node out of the network, and lets go of it. It may be called twice, and reports whether the
// network ends at the same time.
func (h *ByHand) Leave() (ending bool) {
	if h.dir == nil {
		return false
	}
	if h.owner == nil {
		ending = h.leaveHands()
	} else {
		ending = h.tellLeave()
		h.owner.Close()
	}
	h.dir.Close()
	h.dir = nil
	return ending
}

// tellLeave tells the controller. One that does not answer notices the end of the process.
func (h *ByHand) tellLeave() (ending bool) {
	if !h.owner.Alive() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	var answer LeaveAnswer
	err := h.ask.Do(ctx, http.MethodPost, "/v1/nodes/leave", LeaveRequest{Node: h.Config.ID, Run: h.Config.Run}, &answer)
	return answer.Stopping || api.CodeOf(err) == api.CodeNotRunning && err != nil
}

// lockSoon takes the lock of a network, and waits a little for others who come or go.
func lockSoon[T any](ctx context.Context, lock func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		got, err := lock()
		if !errors.Is(err, store.ErrLocked) {
			return got, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return got, err
		}
	}
}
