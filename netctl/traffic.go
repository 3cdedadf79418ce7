package netctl

import (
	"context"
	"net/http"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// NodeTraffic is what a node has counted, as show-network tells it.
type NodeTraffic struct {
	api.Traffic
	Duplicates uint64     `json:"duplicates"` // copies of messages that the inbox had
	Repaired   uint64     `json:"repaired"`   // messages that the protocol had missed
	Links      []api.Link `json:"links"`      // to its peers
	Former     []api.Link `json:"former_links"`
}

// Count asks every node of a view that runs what it has counted. One that does not answer has counted
// nothing that is known.
func (n *Network) Count(ctx context.Context, v *View) {
	var ids []gossip.NodeID
	at := make(map[gossip.NodeID]*NodeView)
	for i := range v.Nodes {
		if node := &v.Nodes[i]; node.State == Running {
			ids = append(ids, node.ID)
			at[node.ID] = node
		}
	}
	for _, s := range statsOf(ctx, ids, n.client) {
		at[s.Node].Traffic = &NodeTraffic{
			Traffic: s.Traffic, Duplicates: s.Duplicates, Repaired: s.Repaired, Links: s.Links, Former: s.FormerLinks,
		}
	}
}

// statsOf asks nodes for their counters, and returns those of the nodes that answer.
func statsOf(ctx context.Context, ids []gossip.NodeID, client func(gossip.NodeID) *api.Client) []api.Stats {
	answers, errs := Each(ids, func(id gossip.NodeID) (api.Stats, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return client(id).Stats(ctx)
	})
	stats := []api.Stats{}
	for i, s := range answers {
		if errs[i] == nil && s.Node == ids[i] { // else a stranger has answered
			stats = append(stats, s)
		}
	}
	return stats
}

// Metrics asks the controller for the counters of all nodes, in the text format of Prometheus.
func (n *Network) Metrics(ctx context.Context) ([]byte, error) {
	var page []byte
	if err := n.needsController(); err != nil {
		return nil, err
	}
	err := n.controller().Do(ctx, http.MethodGet, "/metrics", nil, &page)
	return page, n.Explain(err)
}

// metrics answers with the counters of all nodes that answer.
func (c *controller) metrics(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	var ids []gossip.NodeID
	for i := range c.state.Nodes {
		if n := &c.state.Nodes[i]; !n.Removed && n.Ended == nil {
			ids = append(ids, n.ID)
		}
	}
	c.mu.Unlock()
	api.AnswerMetrics(w, statsOf(r.Context(), ids, c.client))
}
