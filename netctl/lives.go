package netctl

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"
)

// LivesRequest names nodes to whose processes something is to happen.
type LivesRequest struct {
	Nodes     []gossip.NodeID `json:"nodes"`
	Reconnect bool            `json:"reconnect,omitempty"` // when they are killed: give the peers they leave behind new ones
}

// Lives is what a command about the processes of nodes has done: to each, and to the network.
type Lives struct {
	Change
	Nodes []Life `json:"nodes"` // those that were named, by number
	Alive int    `json:"alive"` // nodes whose processes live, afterwards
	Of    int    `json:"of"`    // nodes that were not removed

	Lost []string `json:"lost,omitempty"` // what restarted nodes have not found again of their inboxes on disk, in sentences
}

// Life is what has become of one node.
type Life struct {
	ID    gossip.NodeID `json:"id"`
	Was   NodeStatus    `json:"was"`
	State NodeStatus    `json:"state"`
	Run   uint32        `json:"run"` // which life of the node this is, from 1
	PID   int           `json:"pid"`
}

// stateTime bounds how long a process may take to stand still, or to go on, after the signal. The
// kernel takes microseconds, unless the process is in the middle of a slow system call.
const stateTime = time.Second

// named looks up the nodes of a request. When one of them is not in the network nothing is done.
func (c *controller) named(ids []gossip.NodeID) ([]Life, error) {
	if ids == nil {
		return nil, api.NewError(api.CodeUsage, "say which nodes", "")
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	c.mu.Lock()
	nodes := make([]NodeState, len(ids))
	for i, id := range ids {
		n := c.state.node(id)
		if n == nil || n.Removed {
			defer c.mu.Unlock()
			return nil, c.state.unknownNode(id)
		}
		nodes[i] = *n
	}
	c.mu.Unlock()
	lives := make([]Life, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		lives[i] = Life{ID: n.ID, Was: liveStatus(n), Run: n.Run, PID: n.Process.PID}
	}
	return lives, nil
}

// living looks up the nodes of a request, one of which at least must live: what is asked of dead nodes alone
// is a mistake.
func (c *controller) living(ids []gossip.NodeID) ([]Life, error) {
	lives, err := c.named(ids)
	if err != nil || len(lives) == 0 || slices.ContainsFunc(lives, func(l Life) bool { return l.Was != Dead }) {
		return lives, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	dead := deadNode(c.state.node(lives[0].ID))
	if len(lives) > 1 {
		dead.Message = fmt.Sprintf("all of the %d nodes are dead: %s", len(lives), dead.Message)
	}
	return nil, dead
}

// processes are those of the nodes that live.
func (c *controller) processes(lives []Life) []*child {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*child
	for _, l := range lives {
		if ch := c.children[l.ID]; ch != nil {
			all = append(all, ch)
		}
	}
	return all
}

// kill ends nodes the hard way, all at once. Their peers are not told: that is what a crash is.
func (c *controller) kill(ctx context.Context, req LivesRequest) (Lives, error) {
	c.change.Lock()
	defer c.change.Unlock()
	if req.Reconnect {
		if err := c.mustWire("--reconnect"); err != nil {
			return Lives{}, err
		}
	}
	lives, err := c.living(req.Nodes)
	if err != nil {
		return Lives{}, err
	}
	children := c.processes(lives)
	for _, ch := range children {
		c.launch.signal(ch, syscall.SIGKILL)
	}
	dead := make([]gossip.NodeID, 0, len(children))
	for _, ch := range children {
		<-ch.gone // nothing withstands that signal
		dead = append(dead, ch.node)
	}
	c.log.Info("nodes killed", "nodes", ranges(dead))
	if req.Reconnect || c.state.Spec.Reconnect {
		change, err := c.mend(ctx, append(dead, c.unmended()...)) // here, and not once more in a moment
		return c.told(lives, change), err
	}
	return c.written(lives)
}

// pause stops the processes of nodes: they keep their connections and do nothing.
func (c *controller) pause(ctx context.Context, req LivesRequest) (Lives, error) {
	return c.hold(ctx, req, syscall.SIGSTOP, Paused)
}

// wake lets nodes that stand still go on.
func (c *controller) wake(ctx context.Context, req LivesRequest) (Lives, error) {
	return c.hold(ctx, req, syscall.SIGCONT, Running)
}

// hold sends a signal to processes and waits until it has worked.
func (c *controller) hold(ctx context.Context, req LivesRequest, sig syscall.Signal, until NodeStatus) (Lives, error) {
	c.change.Lock()
	defer c.change.Unlock()
	lives, err := c.living(req.Nodes)
	if err != nil {
		return Lives{}, err
	}
	kind := trace.Pause
	if until == Running {
		kind = trace.Resume
	}
	for _, ch := range c.processes(lives) {
		c.record(trace.Event{Kind: kind, Node: ch.node, Run: ch.run})
		c.launch.signal(ch, sig)
	}
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for waiting := slices.Clone(lives); ctx.Err() == nil; {
		c.mu.Lock()
		waiting = slices.DeleteFunc(waiting, func(l Life) bool {
			n := *c.state.node(l.ID)
			is := liveStatus(&n)
			return is == until || is == Dead
		})
		c.mu.Unlock()
		if len(waiting) == 0 {
			break
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	if until == Running { // they may have missed what the others were told meanwhile
		c.tell(ctx, nil)
		c.tellFaults(ctx, nil)
		c.tellWorkloads(ctx, nil)
	}
	return c.told(lives, c.unchanged()), nil
}

// unchanged is a change of nothing, for what it says of the network as it is.
func (c *controller) unchanged() Change {
	change := Change{Joined: [][2]int{}, Cut: [][2]int{}, Parts: [][]int{}, Untold: []gossip.NodeID{}}
	view := c.view()
	change.Topology = view.Topology
	if !view.Topology.Connected {
		change.Parts = topology.Components(view.Live())
	}
	return change
}

// told completes the account of what has become of nodes.
func (c *controller) told(lives []Life, change Change) Lives {
	out := Lives{Change: change, Nodes: lives}
	view := c.view()
	for _, n := range view.Nodes {
		if n.State == Removed {
			continue
		}
		out.Of++
		if n.State != Dead {
			out.Alive++
		}
	}
	for i := range lives {
		l := &lives[i]
		if n, ok := view.Node(l.ID); ok {
			l.State, l.Run, l.PID = n.State, n.Run, n.PID
		}
	}
	return out
}

// written is told once the state file says it too, so that the next command knows.
func (c *controller) written(lives []Life) (Lives, error) {
	select {
	case <-c.dirty: // it is written here
	default:
	}
	out := c.told(lives, c.unchanged())
	if err := c.save(); err != nil {
		return out, fmt.Errorf("it was done, but the state of the network could not be saved: %w", err)
	}
	return out, nil
}
