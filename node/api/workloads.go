package api

import (
	"context"
	"net/http"

	"gossipctl/workload"
)

// WorkloadsRequest replaces what a node does by itself, all of it. What ran before under the same name goes on with
// the new settings.
type WorkloadsRequest struct {
	Workloads []workload.Settings `json:"workloads"`
}

func (h *Handler) workloads(http.ResponseWriter, *http.Request) (any, error) {
	return WorkloadsAnswer{Node: h.Node, Workloads: append([]WorkloadStatus{}, h.Backend.Workloads()...)}, nil
}

func (h *Handler) setWorkloads(w http.ResponseWriter, r *http.Request) (any, error) {
	var req WorkloadsRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	if err := workload.CheckAll(req.Workloads); err != nil {
		return nil, WrapError(CodeUsage, err, "")
	}
	h.Backend.SetWorkloads(req.Workloads)
	return h.workloads(w, r)
}

// SetWorkloads replaces what the node does by itself. To ask again does nothing.
func (c *Client) SetWorkloads(ctx context.Context, list []workload.Settings) error {
	return c.Do(ctx, http.MethodPut, "/v1/workloads", WorkloadsRequest{append([]workload.Settings{}, list...)}, nil)
}

// Workloads returns what the node does by itself.
func (c *Client) Workloads(ctx context.Context) (WorkloadsAnswer, error) {
	var out WorkloadsAnswer
	err := c.Do(ctx, http.MethodGet, "/v1/workloads", nil, &out)
	return out, err
}
