package netctl

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// This file is the controller's side of a node that a person has started by hand: it is a node like the others,
// and no child of the controller's. It comes in two steps, because only the process itself can bind its port:
// first the controller gives it a number, a life and its configuration, and keeps both for it; then the process
// says that it serves, and the network takes it in.

// JoinRequest asks for a place in the network, for a process.
type JoinRequest struct {
	Node     gossip.NodeID `json:"node,omitempty"` // 0: that of its port, else the next one
	Addr     string        `json:"addr,omitempty"` // where it will listen; empty: the port of its number
	Process  proc.Identity `json:"process"`
	Contacts []string      `json:"contacts,omitempty"` // addresses of nodes it is to join; empty: random ones
}

// JoinAnswer is the place that was given.
type JoinAnswer struct {
	Addr   string         `json:"addr"`
	Config api.NodeConfig `json:"config"` // without tokens, which whoever has the secret derives
}

// ServingRequest says that a process serves in the place that was kept for it.
type ServingRequest struct {
	Node gossip.NodeID `json:"node"`
	Run  uint32        `json:"run"`
}

// LeaveRequest says that a node is about to end because its person wants it to.
type LeaveRequest struct {
	Node gossip.NodeID `json:"node"`
	Run  uint32        `json:"run"`
}

// LeaveAnswer says whether the node leaves a network that goes on.
type LeaveAnswer struct {
	Stopping bool `json:"stopping"`
}

// endedByHand is how a node ended whose exit status only its shell is told.
const endedByHand = "started by hand"

// place is a number that is kept for a process that does not serve yet.
type place struct {
	child    *child
	addr     string
	contacts []gossip.NodeID
}

// join keeps a place for a node.
func (c *controller) join(_ context.Context, req JoinRequest) (JoinAnswer, error) {
	c.change.Lock()
	defer c.change.Unlock()
	id, addr, err := c.findPlace(req)
	if err != nil {
		return JoinAnswer{}, err
	}
	contacts, err := c.contactsAt(id, req.Contacts)
	if err != nil {
		return JoinAnswer{}, err
	}
	p, err := proc.Open(req.Process)
	if err != nil {
		return JoinAnswer{}, usage(fmt.Errorf("the process that is to be node %d: %w", id, err), "")
	}
	ch := &child{node: id, run: c.nextRun(id), id: req.Process, byHand: p, gone: make(chan struct{})}
	c.launch.ports.free(id) // of a dead node, whose place it takes
	c.mu.Lock()
	c.children[id] = ch
	c.joining[id] = &place{ch, addr, contacts}
	c.contacts[id] = contacts
	c.mu.Unlock()
	c.launch.watch(ch)
	cfg := c.configOf(id)
	cfg.ControlToken, cfg.PeerToken, cfg.GuestToken = "", "", ""
	cfg.LogFile = ""         // it has a terminal to write to
	cfg.Peers = []api.Peer{} // it is told them once it can be called
	if !cfg.Durable {
		cfg.DataFile = "" // what is kept of such a network is for the nodes that come back with it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Spec.Assembles() {
		for _, contact := range contacts {
			cfg.Peers = append(cfg.Peers, api.Peer{ID: contact, Addr: c.state.addr(contact)})
		}
	}
	return JoinAnswer{Addr: addr, Config: cfg}, nil
}

// findPlace finds the number and the address of a node that joins, as far as they were not given, and makes sure
// that neither is anybody else's.
func (c *controller) findPlace(req JoinRequest) (gossip.NodeID, string, error) {
	id, base := req.Node, c.state.Spec.BasePort
	if req.Addr != "" {
		at, err := netip.ParseAddrPort(req.Addr)
		if err != nil || !at.Addr().IsLoopback() || at.Port() == 0 {
			return 0, "", usage(fmt.Errorf("%.80q is not a port on this machine", req.Addr), "")
		}
		if id == 0 {
			if id = gossip.NodeID(int(at.Port()) - base); id < 1 || id > topology.MaxNodes {
				return 0, "", numberless(c.state.Spec.Network, int(at.Port()), base)
			}
		}
	}
	if id == 0 {
		next, l, err := c.nextNode()
		if err != nil {
			return 0, "", err
		}
		l.Close() // the process binds it itself; should somebody be faster, it says so
		id = next
	}
	if id < 0 || id > topology.MaxNodes {
		return 0, "", usage(fmt.Errorf("node %d is not possible: numbers go from 1 to %d", id, topology.MaxNodes), "")
	}
	addr := req.Addr
	if addr == "" {
		if base+int(id) > 65535 {
			return 0, "", usage(fmt.Errorf("port %d of node %d is not possible: ports go up to 65535", base+int(id), id), "say where it is to listen with --listen")
		}
		addr = c.state.Spec.nodeAddr(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.state.node(id); c.joining[id] != nil || n != nil && !n.Removed && n.Ended == nil {
		return 0, "", takenNumber(c.state.Spec.Network, id)
	}
	if addr == loopback(base) {
		return 0, "", takenAddress(addr, "the controller", c.state.Spec.Network)
	}
	for i := range c.state.Nodes {
		if n := &c.state.Nodes[i]; n.ID != id && !n.Removed && c.state.addr(n.ID) == addr {
			return 0, "", takenAddress(addr, fmt.Sprintf("node %d", n.ID), c.state.Spec.Network)
		}
	}
	for other, p := range c.joining {
		if p.addr == addr {
			return 0, "", takenAddress(addr, fmt.Sprintf("node %d", other), c.state.Spec.Network)
		}
	}
	return id, addr, nil
}

func numberless(network string, port, base int) *api.Error {
	return usage(fmt.Errorf("port %d tells no node number: network %q counts them from port %d", port, network, base), "give the node a number with --id")
}

func takenNumber(network string, id gossip.NodeID) *api.Error {
	return api.NewError(api.CodeConflict, fmt.Sprintf("there is a node %d in network %q already", id, network), "choose another number with --id, or another port with --listen")
}

func takenAddress(addr, whose, network string) *api.Error {
	return api.NewError(api.CodePortInUse, fmt.Sprintf("%s belongs to %s of network %q", addr, whose, network), "choose another port with --listen")
}

// contactsAt are the nodes at addresses.
func (c *controller) contactsAt(self gossip.NodeID, addrs []string) ([]gossip.NodeID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []gossip.NodeID
	for _, addr := range addrs {
		at := slices.IndexFunc(c.state.Nodes, func(n NodeState) bool { return !n.Removed && n.ID != self && c.state.addr(n.ID) == addr })
		switch {
		case addr == loopback(c.state.Spec.BasePort): // whoever joins the controller joins anybody
		case at < 0:
			return nil, api.NewError(api.CodeNotFound, fmt.Sprintf("at %.80s is no node of network %q", addr, c.state.Spec.Network), "run gossipctl list-nodes -o wide"+Naming(c.state.Spec.Network))
		case c.state.Nodes[at].Ended != nil:
			return nil, deadNode(&c.state.Nodes[at])
		default:
			ids = append(ids, c.state.Nodes[at].ID)
		}
	}
	if len(ids) == 0 && c.state.Spec.Assembles() {
		ids = c.contactsAgain(self, nil, c.alive([]gossip.NodeID{self}), nil)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// serving takes a node in that has got a place and serves now.
func (c *controller) serving(ctx context.Context, req ServingRequest) (Change, error) {
	c.change.Lock()
	defer c.change.Unlock()
	c.mu.Lock()
	at := c.joining[req.Node]
	if at == nil || at.child.run != req.Run || c.ending {
		defer c.mu.Unlock()
		return Change{}, api.NewError(api.CodeConflict, fmt.Sprintf("nobody awaits node %d", req.Node), "start it again")
	}
	delete(c.joining, req.Node)
	n := c.state.node(req.Node)
	if n == nil {
		next := slices.IndexFunc(c.state.Nodes, func(n NodeState) bool { return n.ID > req.Node })
		if next < 0 {
			next = len(c.state.Nodes)
		}
		c.state.Nodes = slices.Insert(c.state.Nodes, next, NodeState{ID: req.Node})
		n = &c.state.Nodes[next]
	}
	kept := !n.Removed && len(n.Peers) > 0 // a dead one comes back where it was
	n.Run, n.Process, n.Joined, n.Addr = req.Run, at.child.id, true, ""
	n.Removed, n.Exit, n.Ended, n.Contacts = false, "", nil, at.contacts
	c.overlay.forget()
	if n.Peers == nil || !kept {
		n.Peers = []gossip.NodeID{}
	}
	if at.addr != c.state.Spec.nodeAddr(req.Node) {
		n.Addr = at.addr
	}
	c.graph = c.graph.Clone()
	c.graph.AddNode(int(req.Node))
	next := c.graph.Clone()
	c.mu.Unlock()
	if !c.state.Spec.Assembles() {
		for _, contact := range at.contacts {
			next.AddEdge(int(req.Node), int(contact))
		}
		if len(at.contacts) == 0 && !kept {
			c.attach(next, req.Node)
		}
	}
	change, err := c.rewired(ctx, next)
	change.Node = req.Node
	if len(change.Joined) == 0 { // it has the peers it had
		c.tell(ctx, []gossip.NodeID{req.Node})
	}
	c.tellFaults(ctx, []gossip.NodeID{req.Node}) // it may have missed some since it was given its place
	c.tellWorkloads(ctx, []gossip.NodeID{req.Node})
	c.log.Info("node joined", "node", req.Node, "run", req.Run, "address", at.addr)
	return change, err
}

// attach joins a node to as many random ones as add-node would.
func (c *controller) attach(next *topology.Graph, id gossip.NodeID) {
	live := c.liveGraph()
	live.RemoveNode(int(id))
	degree := 3
	if name, asked := c.state.Spec.parameter(); name == "DEGREE" {
		degree = asked
	}
	if degree = min(degree, live.Len()); degree < 1 {
		return // the last one left
	}
	live.AddNode(int(id))
	for _, e := range topology.Attach(live, int(id), degree, c.chance(1)) {
		next.AddEdge(e.A, e.B)
	}
}

// leave lets a node go that was started by hand. Its process ends itself.
func (c *controller) leave(ctx context.Context, req LeaveRequest) (LeaveAnswer, error) {
	c.mu.Lock()
	if at := c.joining[req.Node]; at != nil && at.child.run == req.Run { // it could not take its place
		delete(c.joining, req.Node)
		delete(c.children, req.Node)
		c.mu.Unlock()
		return LeaveAnswer{}, nil
	}
	n := c.state.node(req.Node)
	// Not to be waited for: whoever stops the network or removes the node holds the lock, and waits for its end.
	if c.ending || n == nil || n.Removed || !n.Joined || n.Run != req.Run {
		defer c.mu.Unlock()
		return LeaveAnswer{Stopping: c.ending}, nil
	}
	c.mu.Unlock()
	_, err := c.remove(ctx, RemoveRequest{Node: req.Node, ends: true})
	return LeaveAnswer{}, err
}

// watch waits for the end of a process that is nobody's child here.
func (l *launcher) watch(ch *child) {
	ctx, cancel := context.WithCancel(context.Background())
	l.reaper.Go(func() {
		select {
		case <-l.stop:
			cancel()
		case <-ctx.Done():
		}
	})
	l.reaper.Go(func() {
		defer cancel()
		ch.byHand.Wait(ctx)
		ch.exit = exit{At: time.Now().UTC(), What: endedByHand}
		l.onExit(ch)
		close(ch.gone)
		ch.byHand.Close()
	})
}

// guard binds the port of a node that was started by hand and has crashed, so that no stranger is shown the token
// that its peers have for each other. Between its end and this, some 20 ms, anybody could: only a child's socket can
// be kept all the time.
func (c *controller) guard(id gossip.NodeID, addr string) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		_, err = c.launch.ports.share(id, l.(*net.TCPListener))
		c.launch.ports.hold(id)
	}
	if err != nil {
		c.log.Warn("the port of a dead node is not kept", "node", id, "address", addr, "error", err)
	}
}

// addr is where a node listens.
func (s *State) addr(id gossip.NodeID) string {
	if n := s.node(id); n != nil && n.Addr != "" {
		return n.Addr
	}
	return s.Spec.nodeAddr(id)
}

// withoutJoined is a state whose nodes that were started by hand are gone: what is started again are children of
// the controller.
func (s State) withoutJoined() State {
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		if s.Nodes[i].Joined {
			s.Nodes[i].Removed = true
		}
	}
	return s
}

// ownNodes makes sure that none of the nodes was started by hand: the controller could not start it again.
func (c *controller) ownNodes(lives []Life) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lives {
		if n := c.state.node(l.ID); n != nil && n.Joined {
			return api.NewError(api.CodeConflict, fmt.Sprintf("node %d was started by hand, and is started again by hand", l.ID), n.again(c.state.Spec.Network)+"; name the others to restart them")
		}
	}
	return nil
}

// again is how a node that was started by hand is started again.
func (n *NodeState) again(network string) string {
	line := fmt.Sprintf("gossipctl run-node%s --id %d", Naming(network), n.ID)
	if n.Addr != "" {
		line += " --listen " + n.Addr
	}
	return "run " + line
}

func portOf(addr string) int {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(text)
	return port
}

// awaits reports whether a number is kept for a node that is being started by hand.
func (c *controller) awaits(id gossip.NodeID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joining[id] != nil
}

// deadByHand is the error about a node that was started by hand and has ended without leaving.
func deadByHand(n *NodeState) *api.Error {
	since := ""
	if !n.Ended.IsZero() {
		since = " since " + n.Ended.Local().Format(time.TimeOnly)
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("node %d is dead%s; it was started by hand", n.ID, since),
		fmt.Sprintf("run gossipctl run-node with --id %d to start it again, or gossipctl remove-node %d", n.ID, n.ID))
}
