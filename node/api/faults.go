package api

import (
	"context"
	"net/http"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// FaultsRequest replaces the faults in force at a node, all of them.
type FaultsRequest struct {
	Rules []fault.Rule `json:"rules"`
}

// FaultsAnswer is the faults in force at a node, without those that have ended by themselves.
type FaultsAnswer struct {
	Node  gossip.NodeID `json:"node"`
	Rules []fault.Rule  `json:"rules"`
	Clock time.Duration `json:"clock_ns"` // by how much they make the node's clock wrong
}

func (h *Handler) faults(http.ResponseWriter, *http.Request) (any, error) {
	plan := fault.Plan{Rules: h.Backend.Faults()}
	return FaultsAnswer{Node: h.Node, Rules: append([]fault.Rule{}, plan.Rules...), Clock: plan.Clock(h.Node)}, nil
}

func (h *Handler) setFaults(w http.ResponseWriter, r *http.Request) (any, error) {
	var req FaultsRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	if err := (fault.Plan{Rules: req.Rules}).Check(); err != nil {
		return nil, WrapError(CodeUsage, err, "")
	}
	h.Backend.SetFaults(req.Rules)
	return h.faults(w, r)
}

// SetFaults replaces the faults in force at the node. To ask again does nothing.
func (c *Client) SetFaults(ctx context.Context, rules []fault.Rule) error {
	return c.Do(ctx, http.MethodPut, "/v1/faults", FaultsRequest{append([]fault.Rule{}, rules...)}, nil)
}

// Faults returns the faults in force at the node.
func (c *Client) Faults(ctx context.Context) (FaultsAnswer, error) {
	var out FaultsAnswer
	err := c.Do(ctx, http.MethodGet, "/v1/faults", nil, &out)
	return out, err
}
