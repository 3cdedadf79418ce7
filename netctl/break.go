package netctl

import (
	"context"
	"net/http"
	"slices"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// Kill ends nodes with SIGKILL, all at once, and returns when they are gone. Those that were dead are
// passed over; when all of them were, that is an error.
func (n *Network) Kill(ctx context.Context, ids []gossip.NodeID) (Lives, error) {
	return n.lives(ctx, "kill", LivesRequest{Nodes: ids})
}

// KillAndReconnect is Kill; then the peers that the nodes leave behind get new ones.
func (n *Network) KillAndReconnect(ctx context.Context, ids []gossip.NodeID) (Lives, error) {
	return n.lives(ctx, "kill", LivesRequest{Nodes: ids, Reconnect: true})
}

// Pause stops the processes of nodes with SIGSTOP. They keep their connections and do nothing.
func (n *Network) Pause(ctx context.Context, ids []gossip.NodeID) (Lives, error) {
	return n.lives(ctx, "pause", LivesRequest{Nodes: ids})
}

// Resume lets nodes that were paused go on.
func (n *Network) Resume(ctx context.Context, ids []gossip.NodeID) (Lives, error) {
	return n.lives(ctx, "resume", LivesRequest{Nodes: ids})
}

// Restart gives nodes a new life, dead or alive, and returns when they are ready. Number, port and
// peers stay; the run is the next.
func (n *Network) Restart(ctx context.Context, ids []gossip.NodeID) (Lives, error) {
	return n.lives(ctx, "restart", LivesRequest{Nodes: ids})
}

func (n *Network) lives(ctx context.Context, what string, req LivesRequest) (Lives, error) {
	if req.Nodes == nil {
		req.Nodes = []gossip.NodeID{}
	}
	return post[Lives](ctx, n, "/v1/nodes/"+what, req)
}

// SetFault sets a fault; it ends by itself after lasts, unless that is 0. A rule without a name gets one.
func (n *Network) SetFault(ctx context.Context, rule fault.Rule, lasts time.Duration) (Fault, error) {
	answer, err := n.Break(ctx, FaultRequest{Rule: rule, For: lasts})
	return answer.Fault, err
}

// Break is SetFault, and says more of what has come of it.
func (n *Network) Break(ctx context.Context, req FaultRequest) (FaultAnswer, error) {
	return post[FaultAnswer](ctx, n, "/v1/faults", req)
}

// Faults are those in force, in the order in which they were set.
func (n *Network) Faults(ctx context.Context) ([]Fault, error) {
	var answer FaultsAnswer
	if err := n.needsController(); err != nil {
		return nil, err
	}
	err := n.controller().Do(ctx, http.MethodGet, "/v1/faults", nil, &answer)
	return answer.Faults, n.Explain(err)
}

// ClearFaults ends faults by name; without names all of them, partitions too.
func (n *Network) ClearFaults(ctx context.Context, names []string) (Cleared, error) {
	return post[Cleared](ctx, n, "/v1/faults/clear", ClearRequest{Names: names})
}

// Heal ends every partition. That there is none is no error.
func (n *Network) Heal(ctx context.Context) (Cleared, error) {
	return post[Cleared](ctx, n, "/v1/faults/clear", ClearRequest{Partitions: true})
}

// post asks the controller for a change.
func post[Answer any](ctx context.Context, n *Network, path string, req any) (answer Answer, err error) {
	if err := n.needsController(); err != nil {
		return answer, err
	}
	err = n.controller().Do(ctx, http.MethodPost, path, req, &answer)
	return answer, mayBeDone(n.Explain(err))
}

// In are the nodes that are in one of the states, as of the state file and the processes there are:
// nobody is asked.
func (n *Network) In(states ...NodeStatus) []gossip.NodeID {
	ids := []gossip.NodeID{}
	for i := range n.state.Nodes {
		if node := &n.state.Nodes[i]; slices.Contains(states, liveStatus(node)) {
			ids = append(ids, node.ID)
		}
	}
	return ids
}

// Alive is how many nodes live, of those that were not removed, as of the state file.
func (n *Network) Alive() (alive, of int) { return len(n.state.processes()), len(n.state.present()) }

// FaultNames are the names of the faults in force, as of the state file.
func (n *Network) FaultNames() []string {
	names := make([]string, len(n.state.Faults))
	for i, f := range n.state.Faults {
		names[i] = f.Rule.Name
	}
	return names
}
