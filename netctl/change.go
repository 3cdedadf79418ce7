package netctl

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"

	"golang.org/x/sync/errgroup"
)

// Change is what a change of a running network has done.
type Change struct {
	Node     gossip.NodeID   `json:"node,omitempty"`   // that was added or removed
	Seed     uint64          `json:"seed,omitempty"`   // of a new wiring
	Joined   [][2]int        `json:"joined"`           // edges that are new
	Cut      [][2]int        `json:"cut"`              // edges that are gone
	Topology TopologyView    `json:"topology"`         // of the nodes that live, afterwards
	Parts    [][]int         `json:"parts"`            // into which they fall apart, if they do
	Untold   []gossip.NodeID `json:"untold"`           // nodes that did not answer and will be told later
	Silent   bool            `json:"silent,omitempty"` // where nodes find each other: the removed one could not say goodbye
	Dead     []gossip.NodeID `json:"dead,omitempty"`   // dead nodes that a new wiring gave peers, for when they are started again
}

// AddRequest asks for a node more.
type AddRequest struct {
	Peers  []gossip.NodeID `json:"peers,omitempty"`  // its peers; or
	Degree int             `json:"degree,omitempty"` // how many random ones; 0 = as many as its topology has, or 3
}

// RemoveRequest asks for a node to be removed.
type RemoveRequest struct {
	Node      gossip.NodeID `json:"node"`
	Reconnect bool          `json:"reconnect"` // give the peers it leaves behind new ones

	ends bool // its process ends by itself
}

// EdgeRequest names an edge to join or to cut.
type EdgeRequest struct {
	A gossip.NodeID `json:"a"`
	B gossip.NodeID `json:"b"`
}

// RewireRequest asks for a new random wiring.
type RewireRequest struct {
	MinPeers int    `json:"min_peers"`
	MaxPeers int    `json:"max_peers"`
	Seed     uint64 `json:"seed"`
}

// tell makes nodes know their present peers: those in ids, and those that could not be told before.
// It returns those that did not answer; keep tries them again.
func (c *controller) tell(ctx context.Context, ids []gossip.NodeID) []gossip.NodeID {
	if c.state.Spec.Assembles() { // nodes tell each other
		return []gossip.NodeID{}
	}
	return c.inform(ctx, c.untold, ids, func(id gossip.NodeID) wish {
		peers := c.peersOf(id)
		return func(ctx context.Context, node *api.Client) error { return node.SetPeers(ctx, peers) }
	})
}

// wish is something that is asked of one node.
type wish func(ctx context.Context, node *api.Client) error

// inform asks something of nodes: of those in ids, and of those that wait for it because they did not answer
// before. It returns who still waits. What says what to ask of a node; c.mu is held then.
func (c *controller) inform(ctx context.Context, waiting map[gossip.NodeID]bool, ids []gossip.NodeID, what func(gossip.NodeID) wish) []gossip.NodeID {
	type task struct {
		node NodeState
		ask  wish
	}
	var tasks []task
	c.mu.Lock()
	for _, id := range ids {
		waiting[id] = true
	}
	for id := range waiting {
		if n := c.state.node(id); n != nil && !n.Removed && n.Ended == nil {
			tasks = append(tasks, task{*n, what(id)})
		} else {
			delete(waiting, id) // it is told at its next birth
		}
	}
	c.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(tellAtOnce)
	for i := range tasks {
		t := &tasks[i]
		group.Go(func() error {
			if liveStatus(&t.node) != Running {
				return nil // a stopped node would only let the time run out
			}
			ctx, cancel := context.WithTimeout(ctx, tellTimeout)
			defer cancel()
			if t.ask(ctx, c.client(t.node.ID)) == nil {
				c.mu.Lock()
				delete(waiting, t.node.ID)
				c.mu.Unlock()
			}
			return nil
		})
	}
	group.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	late := make([]gossip.NodeID, 0, len(waiting))
	for id := range waiting {
		late = append(late, id)
	}
	slices.Sort(late)
	return late
}

// rewired puts a new graph in place, tells everybody whose peers have changed, and saves.
func (c *controller) rewired(ctx context.Context, next *topology.Graph) (Change, error) {
	c.mu.Lock()
	add, cut := topology.Diff(c.graph, next)
	if len(add) > 0 && len(cut) > 0 {
		// New edges first: no message under way then finds the network in pieces.
		both := next.Clone()
		for _, e := range cut {
			if both.HasNode(e.A) && both.HasNode(e.B) {
				both.AddEdge(e.A, e.B)
			}
		}
		c.setGraph(both)
		c.mu.Unlock()
		c.tell(ctx, ends(add))
		c.mu.Lock()
	}
	c.setGraph(next)
	c.mu.Unlock()
	change := Change{Joined: pairs(add), Cut: pairs(cut), Parts: [][]int{}, Untold: c.tell(ctx, append(ends(add), ends(cut)...))}
	if len(add) > 0 { // from now on messages may come by ways that there were none
		c.record(trace.Event{Kind: trace.Heal, Name: "wiring", Reason: count(len(add), "edge") + " more"})
	}
	c.awaitPeers(ctx)
	view := c.view()
	change.Topology = view.Topology
	if !view.Topology.Connected {
		change.Parts = topology.Components(view.Live())
	}
	if err := c.save(); err != nil {
		return change, fmt.Errorf("the network was changed, but its state could not be saved: %w", err)
	}
	return change, nil
}

// setGraph is called with c.mu held.
func (c *controller) setGraph(g *topology.Graph) {
	c.graph = g
	for i := range c.state.Nodes {
		if n := &c.state.Nodes[i]; !n.Removed {
			n.Peers = nodeIDs(g.Peers(int(n.ID))) // none where nodes choose them
		}
	}
}

func ends(edges []topology.Edge) []gossip.NodeID {
	var ids []gossip.NodeID
	for _, e := range edges {
		ids = append(ids, gossip.NodeID(e.A), gossip.NodeID(e.B))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func pairs(edges []topology.Edge) [][2]int {
	list := make([][2]int, len(edges))
	for i, e := range edges {
		list[i] = [2]int{e.A, e.B}
	}
	return list
}

// chance is the generator of one change. It follows the network's seed and how many nodes there
// have been, so that the same changes of the same network have the same outcome.
func (c *controller) chance(what uint64) *rand.Rand {
	return rand.New(rand.NewPCG(c.state.Spec.Seed, what<<32|uint64(len(c.state.Nodes))))
}

// nextNode finds the number of a new node and binds its port. A number is never used twice, and one
// whose port somebody else has is passed over.
func (c *controller) nextNode() (gossip.NodeID, *net.TCPListener, error) {
	first := c.state.Nodes[len(c.state.Nodes)-1].ID + 1
	const tries = 16 // a few ports may be taken; more of them mean that somebody lives there
	var busy *api.Error
	for id := first; id < first+tries && int(id) <= topology.MaxNodes && c.state.Spec.nodePort(id) <= 65535; id++ {
		if c.awaits(id) {
			continue
		}
		l, err := bind(c.state.Spec.nodePort(id))
		if err == nil {
			return id, l, nil
		}
		busy = err
	}
	if busy == nil {
		return 0, nil, api.NewError(api.CodeUsage, fmt.Sprintf("a network has at most %d node numbers, and they are used up", topology.MaxNodes), "")
	}
	return 0, nil, busy
}

func (c *controller) add(ctx context.Context, req AddRequest) (Change, error) {
	c.change.Lock()
	defer c.change.Unlock()
	if len(req.Peers) > 0 && req.Degree > 0 {
		return Change{}, api.NewError(api.CodeUsage, "give either the peers of a new node or how many", "")
	}
	id, l, err := c.nextNode()
	if err != nil {
		return Change{}, err
	}
	defer l.Close() // of no effect once the node has it
	next := c.graph.Clone()
	next.AddNode(int(id))
	live := c.view()
	candidates := live.Live()
	if c.state.Spec.Assembles() {
		return c.addContacts(ctx, id, l, req)
	}
	if len(req.Peers) == 0 {
		degree := req.Degree
		if degree == 0 {
			degree = 3
			if name, asked := c.state.Spec.parameter(); name == "DEGREE" {
				degree = asked
			}
			degree = min(degree, candidates.Len())
		}
		if degree < 1 || degree > candidates.Len() {
			return Change{}, api.NewError(api.CodeUsage, fmt.Sprintf("a new node cannot have %d peers: %s can be joined", degree, count(candidates.Len(), "node")), "")
		}
		candidates.AddNode(int(id))
		for _, e := range topology.Attach(candidates, int(id), degree, c.chance(1)) {
			next.AddEdge(e.A, e.B)
		}
	}
	for _, p := range req.Peers {
		if err := c.mustLive(p); err != nil {
			return Change{}, err
		}
		next.AddEdge(int(id), int(p))
	}
	return c.addWired(ctx, id, l, next)
}

// addWired starts a new node, which next holds with its edges. It is born with its peers; they are told of it when
// it is ready.
func (c *controller) addWired(ctx context.Context, id gossip.NodeID, l *net.TCPListener, next *topology.Graph) (Change, error) {
	before := c.graph
	c.mu.Lock()
	c.graph = next
	c.mu.Unlock()
	err := c.fork(ctx, []gossip.NodeID{id}, []*net.TCPListener{l}, func(int) {})
	c.mu.Lock()
	c.graph = before.Clone()
	c.graph.AddNode(int(id))
	ch := c.children[id]
	c.mu.Unlock()
	if err != nil {
		if ch != nil {
			c.launch.end([]*child{ch})
		}
		c.launch.ports.free(id)
		c.mu.Lock()
		c.graph = before
		c.state.Nodes = slices.DeleteFunc(c.state.Nodes, func(n NodeState) bool { return n.ID == id })
		c.mu.Unlock()
		return Change{}, err
	}
	change, err := c.rewired(ctx, next)
	change.Node = id
	c.log.Info("node added", "node", id)
	return change, err
}

func (c *controller) remove(ctx context.Context, req RemoveRequest) (Change, error) {
	c.change.Lock()
	defer c.change.Unlock()
	if req.Reconnect {
		if err := c.mustWire("--reconnect"); err != nil {
			return Change{}, err
		}
	}
	last, silent := c.farewell(ctx, req.Node)
	c.mu.Lock()
	n := c.state.node(req.Node)
	if n == nil || n.Removed {
		defer c.mu.Unlock()
		return Change{}, c.state.unknownNode(req.Node)
	}
	n.Removed = true // from here on its end is no accident
	if last == nil {
		last = slices.Clone(n.Peers)
	}
	ch := c.children[req.Node]
	next := c.graph.Clone()
	c.mu.Unlock()
	if ch != nil && !req.ends {
		c.launch.end([]*child{ch})
	}
	c.launch.ports.free(req.Node)
	next.RemoveNode(int(req.Node))
	if req.Reconnect {
		var orphans []int
		live := c.liveGraph()
		live.RemoveNode(int(req.Node))
		for _, p := range last {
			if live.HasNode(int(p)) {
				orphans = append(orphans, int(p))
			}
		}
		for _, e := range topology.Reconnect(live, orphans, c.chance(2)) {
			next.AddEdge(e.A, e.B)
		}
	}
	change, err := c.rewired(ctx, next)
	change.Node, change.Silent = req.Node, silent
	c.mu.Lock()
	c.state.node(req.Node).Peers = last // where it was, for pictures
	c.mu.Unlock()
	c.log.Info("node removed", "node", req.Node)
	if err == nil {
		err = c.save()
	}
	return change, err
}

func (c *controller) liveGraph() *topology.Graph {
	v := c.view()
	return v.Live()
}

func (c *controller) connect(ctx context.Context, req EdgeRequest) (Change, error) {
	return c.edge(ctx, req, func(g *topology.Graph) error {
		g.AddEdge(int(req.A), int(req.B))
		return nil
	})
}

func (c *controller) disconnect(ctx context.Context, req EdgeRequest) (Change, error) {
	return c.edge(ctx, req, func(g *topology.Graph) error {
		if !g.RemoveEdge(int(req.A), int(req.B)) {
			return api.NewError(api.CodeNotFound, fmt.Sprintf("nodes %d and %d are not peers", req.A, req.B), fmt.Sprintf("run gossipctl list-peers %d", req.A))
		}
		return nil
	})
}

func (c *controller) edge(ctx context.Context, req EdgeRequest, do func(*topology.Graph) error) (Change, error) {
	c.change.Lock()
	defer c.change.Unlock()
	if err := c.mustWire("joining or cutting an edge"); err != nil {
		return Change{}, err
	}
	if req.A == req.B {
		return Change{}, api.NewError(api.CodeUsage, "a node cannot be its own peer", "")
	}
	for _, id := range []gossip.NodeID{req.A, req.B} {
		c.mu.Lock()
		n := c.state.node(id)
		c.mu.Unlock()
		if n == nil || n.Removed {
			return Change{}, c.state.unknownNode(id)
		}
	}
	next := c.graph.Clone()
	if err := do(next); err != nil {
		return Change{}, err
	}
	return c.rewired(ctx, next)
}

func (c *controller) rewire(ctx context.Context, req RewireRequest) (Change, error) {
	c.change.Lock()
	defer c.change.Unlock()
	if err := c.mustWire("rewiring"); err != nil {
		return Change{}, err
	}
	live := c.liveGraph()
	wired, err := topology.Rewire(live, req.MinPeers, req.MaxPeers, rand.New(rand.NewPCG(req.Seed, 3)))
	if err != nil {
		return Change{}, usage(err, "")
	}
	next := topology.NewNodes(c.graph.Nodes())
	for _, e := range wired.Edges() {
		next.AddEdge(e.A, e.B)
	}
	// Dead nodes get peers among the living, who then keep trying them: restarted they are in the network.
	dead := []gossip.NodeID{}
	chance := rand.New(rand.NewPCG(req.Seed, 4))
	for _, v := range c.graph.Nodes() {
		if !live.HasNode(v) {
			for _, e := range topology.Attach(wired, v, min(req.MinPeers, wired.Len()), chance) {
				next.AddEdge(e.A, e.B)
			}
			dead = append(dead, gossip.NodeID(v))
		}
	}
	c.mu.Lock()
	c.state.Spec.Topology, c.state.Spec.Parameter = DefaultTopology, 0 // it is no longer what it was
	c.mu.Unlock()
	change, err := c.rewired(ctx, next)
	change.Seed, change.Dead = req.Seed, dead
	return change, err
}

// mustLive says why a node cannot be joined.
func (c *controller) mustLive(id gossip.NodeID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.state.node(id)
	switch {
	case n == nil || n.Removed:
		return c.state.unknownNode(id)
	case n.Ended != nil:
		return deadNode(n)
	}
	return nil
}

// deadNode is the error about a node whose process has ended.
func deadNode(n *NodeState) *api.Error {
	if n.Joined {
		return deadByHand(n)
	}
	return api.NewError(api.CodeNotRunning, fmt.Sprintf("node %d is dead (%s) since %s", n.ID, n.Exit, n.Ended.Local().Format(time.TimeOnly)),
		fmt.Sprintf("run gossipctl show-logs %d to see its last words, gossipctl restart-node %d to start it again, or gossipctl remove-node %d", n.ID, n.ID, n.ID))
}
