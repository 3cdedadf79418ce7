package netctl

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/trace"

	"golang.org/x/sync/errgroup"
)

// saveTime bounds how long one node may take to bring its inbox to disk. A full one of a quarter of a
// gigabyte takes a second or two.
const saveTime = 10 * time.Second

// StopRequest asks a controller to end its network.
type StopRequest struct {
	Keep bool `json:"keep,omitempty"` // so that it can be resumed
}

// StopAnswer is what stopping a network has done.
type StopAnswer struct {
	Stopped int             `json:"stopped"`
	Killed  int             `json:"killed"`  // that did not end when asked
	Unsaved []gossip.NodeID `json:"unsaved"` // whose inboxes are lost, though the network is kept
}

// stop ends the network. When it is to be kept and cannot be, the error says why, and it goes on.
func (c *controller) stop(ctx context.Context, req StopRequest, cease func()) (StopAnswer, error) {
	out := StopAnswer{Unsaved: []gossip.NodeID{}}
	if !req.Keep {
		cease() // a change under way need not be finished
	}
	c.change.Lock()
	defer c.change.Unlock()
	if req.Keep {
		unsaved, err := c.saveInboxes(ctx)
		if err == nil {
			err = c.keepState()
		}
		if err != nil {
			return out, err
		}
		out.Unsaved = unsaved
	}
	cease()
	out.Stopped, out.Killed = c.stopAll()
	return out, nil
}

// saveInboxes has every node bring its inbox to disk. Those that stand still are woken for it, and stand
// still again when the network goes on. It returns those that cannot be asked, because they are dead or do
// not answer; one that answers and cannot do it is an error. The inboxes of a durable network are on disk,
// whatever has become of the nodes.
func (c *controller) saveInboxes(ctx context.Context) (unsaved []gossip.NodeID, err error) {
	unsaved = []gossip.NodeID{}
	if c.state.Spec.Durable {
		return unsaved, nil
	}
	c.mu.Lock()
	nodes := slices.Clone(c.state.Nodes)
	c.mu.Unlock()
	lost := make([]bool, len(nodes))
	woken := c.signalPaused(nodes)
	defer func() {
		for _, ch := range woken {
			if err != nil {
				c.launch.signal(ch, syscall.SIGSTOP)
				c.record(trace.Event{Kind: trace.Pause, Node: ch.node, Run: ch.run})
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(tellAtOnce)
	for i := range nodes {
		n := &nodes[i]
		if n.Removed || n.Joined {
			continue
		}
		group.Go(func() error {
			if lost[i] = liveStatus(n) == Dead; lost[i] {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, saveTime)
			defer cancel()
			_, err := c.client(n.ID).Save(ctx)
			switch api.CodeOf(err) {
			case api.CodeNotRunning, api.CodeTimeout:
				lost[i], err = true, nil
			}
			if err != nil {
				return fmt.Errorf("node %d could not save its inbox: %w", n.ID, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, api.WrapError(api.CodeFailed, fmt.Errorf("%w; the network goes on", err), "free some space where it keeps its data, or stop it without --keep")
	}
	for i, n := range nodes {
		if lost[i] {
			unsaved = append(unsaved, n.ID)
		}
	}
	return unsaved, nil
}

// signalPaused wakes those of nodes that stand still, and returns them.
func (c *controller) signalPaused(nodes []NodeState) (woken []*child) {
	for i := range nodes {
		if liveStatus(&nodes[i]) != Paused {
			continue
		}
		c.mu.Lock()
		ch := c.children[nodes[i].ID]
		c.mu.Unlock()
		if ch != nil {
			c.record(trace.Event{Kind: trace.Resume, Node: ch.node, Run: ch.run})
			c.launch.signal(ch, syscall.SIGCONT)
			woken = append(woken, ch)
		}
	}
	return woken
}

// keepState writes down that the network is stopped and can be resumed.
func (c *controller) keepState() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	state, now := c.state.withoutJoined(), time.Now().UTC()
	state.Stopped = &now
	if err := store.WriteState(c.dir, StateVersion, state); err != nil {
		c.log.Error("writing down that the network is kept", "error", err)
		return storeError(err)
	}
	c.state.Stopped, c.kept = &now, true
	return nil
}

// comeBack makes a controller that of a network that was there before. It is called before any node is
// started. Of a network that is recorded it writes down that a life of each node is used up: what is in the
// record of it stays there, also when the resume fails.
func (c *controller) comeBack(prior *State) error {
	was := *prior
	was.NetworkID, was.Controller, was.Stopped = c.state.NetworkID, c.state.Controller, nil
	was.Nodes = slices.Clone(prior.Nodes)
	if prior.Stopped == nil {
		// The controller was killed. A node may have begun a life just then of which the state file does not
		// know; the name of no message of that life must be given again.
		for i := range was.Nodes {
			was.Nodes[i].Run++
		}
	}
	c.state, c.resumed = was, true
	if !was.Spec.Record {
		return nil
	}
	spent := *prior
	spent.Nodes = slices.Clone(prior.Nodes)
	for i := range spent.Nodes {
		spent.Nodes[i].Run++
	}
	return storeError(store.WriteState(c.dir, StateVersion, spent))
}

// markStopped writes down that a network is stopped whose controller is gone.
func markStopped(dir *store.Dir, state State) error {
	state = state.withoutJoined()
	now := time.Now().UTC()
	state.Stopped = &now
	return storeError(store.WriteState(dir, StateVersion, state))
}
