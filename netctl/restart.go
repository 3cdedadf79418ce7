package netctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// restart gives nodes a new life, all at once: those that run are asked to end, and killed when they
// do not; then each is started where it was, with the same number, port and peers.
func (c *controller) restart(ctx context.Context, req LivesRequest) (Lives, error) {
	c.change.Lock()
	defer c.change.Unlock()
	lives, err := c.named(req.Nodes)
	if err != nil {
		return Lives{}, err
	}
	if err := c.ownNodes(lives); err != nil {
		return Lives{}, err
	}
	c.launch.end(c.processes(lives))
	ids := make([]gossip.NodeID, len(lives))
	for i, l := range lives {
		ids[i] = l.ID
	}
	var missing []gossip.NodeID
	if c.state.Spec.Durable {
		missing = missingInboxes(c.dir, ids)
	}
	before := damagedInboxes(c.dir)
	failed := c.revive(ctx, ids)
	lost := inboxLoss(c.dir, missing, newlyDamaged(c.dir, before))
	c.log.Info("nodes restarted", "nodes", ranges(ids), "failed", failed)
	// Their peers may have changed while they were born; and they have missed nothing else, because the
	// faults in force were with their configuration.
	c.tell(ctx, ids)
	if c.state.Spec.Reconnect {
		if _, err := c.mend(ctx, c.unmended()); err != nil {
			c.log.Error("joining what was left behind", "error", err)
		}
	}
	c.awaitPeers(ctx)
	out, err := c.written(lives)
	out.Lost = lost
	if failed != nil {
		err = failed
	}
	return out, err
}

// revive forks nodes that have had a life before, and waits until they are ready. One that does not
// become ready is dead again; the error is about the first of them.
func (c *controller) revive(ctx context.Context, ids []gossip.NodeID) error {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return limitError(err)
	}
	defer readyR.Close()
	defer readyW.Close()
	var born []gossip.NodeID
	var failed error
	lost := 0
	c.begin(ids)
	for _, id := range ids {
		if err = ctx.Err(); err == nil {
			err = c.forkAgain(id, readyW)
		}
		if err == nil {
			born = append(born, id)
			continue
		}
		if lost++; failed == nil {
			e := limitError(err)
			e.Code = api.CodeOf(err)
			e.Message = fmt.Sprintf("node %d could not be started again: %s", id, e.Message)
			failed = e
		}
	}
	readyW.Close()
	missing, cause := awaitReady(ctx, readyR, born, func(int) {})
	for _, id := range c.ended(born) { // ready is not enough: some may have died of what came next
		if !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		what := c.howEnded(missing[0], cause)
		var late []*child
		c.mu.Lock()
		for _, id := range missing {
			if ch := c.children[id]; ch != nil {
				late = append(late, ch)
			}
		}
		c.mu.Unlock()
		c.launch.end(late)
		lost += len(missing)
		if failed == nil {
			failed = api.NewError(api.CodeFailed, fmt.Sprintf("node %d did not start again: %s", missing[0], what),
				fmt.Sprintf("run gossipctl show-logs %d, and gossipctl restart-node %d to try again", missing[0], missing[0]))
		}
	}
	var told *api.Error
	if errors.As(failed, &told) && lost > 1 {
		told.Message += fmt.Sprintf(" (and %d more)", lost-1)
	}
	return failed
}

// forkAgain forks one node on the port that was kept for it.
func (c *controller) forkAgain(id gossip.NodeID, ready *os.File) error {
	var listener *net.TCPListener // nil: the one that is held
	if !c.launch.ports.holds(id) {
		l, err := bind(c.state.Spec.nodePort(id))
		if err != nil {
			return err
		}
		listener = l
	}
	err := c.forkOne(id, listener, ready)
	if err != nil {
		c.launch.ports.hold(id) // nobody would answer there
	}
	return err
}
