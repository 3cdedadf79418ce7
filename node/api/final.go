package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gossipctl/gossip"
)

// MaxHold bounds how long a node stands still when it is asked to: a final read of hundreds of nodes is
// over in less, and if whoever asked has died the network goes on by itself.
const MaxHold = 10 * time.Second

// Recording is a node that writes down what happens at it.
type Recording interface {
	// Accepted is told which messages whoever gave them is about to be told are accepted, and the relay
	// limit that was asked for.
	Accepted(ids []gossip.ID, relays int)
	// Hold lets no timer of the node come due for a while: it only answers to what comes.
	Hold(d time.Duration)
	// Final tells how the node stands, and writes it down if it is asked to, through to the disk.
	Final(write bool) (FinalAnswer, error)
}

// FinalRequest asks for the final read of a node.
type FinalRequest struct {
	Hold  time.Duration `json:"hold_ns,omitempty"` // first let no timer come due for so long; at most MaxHold
	Write bool          `json:"write,omitempty"`   // append the inbox, the values, the view of others, the accounts of links and the end to the event log
}

// FinalAnswer is how a node stands.
type FinalAnswer struct {
	Node   gossip.NodeID `json:"node"`
	Run    uint32        `json:"run"`
	Last   uint64        `json:"last"`   // number of the newest entry of the inbox
	Events uint64        `json:"events"` // there were, without those of final reads
	Lost   uint64        `json:"lost"`   // of them, those that could not be written down
	Why    string        `json:"why,omitempty"`
	Bytes  int64         `json:"bytes"` // length of the event log
	Lines  uint64        `json:"lines"` // of the event log
	Sent   []LinkCount   `json:"sent"`  // by peer
	Heard  []HeardCount  `json:"heard"` // by peer
}

// LinkCount is what became of the packets for a peer. Sent and Repeated are together what all the others are.
type LinkCount struct {
	Peer     gossip.NodeID     `json:"peer"`
	Run      uint32            `json:"run"` // the peer's life that Passed is about
	Sent     uint64            `json:"sent"`
	Repeated uint64            `json:"repeated"`
	Passed   uint64            `json:"passed"`
	InFlight uint64            `json:"in_flight"`
	Dropped  map[string]uint64 `json:"dropped"` // by reason
}

// HeardCount is what came from one life of a peer.
type HeardCount struct {
	Peer     gossip.NodeID `json:"peer"`
	Run      uint32        `json:"run"`
	Received uint64        `json:"received"`
	Corrupt  uint64        `json:"corrupt"`
}

func (h *Handler) final(w http.ResponseWriter, r *http.Request) (any, error) {
	var req FinalRequest
	if err := DecodeRequest(w, r, &req); err != nil {
		return nil, err
	}
	if req.Hold < 0 || req.Hold > MaxHold {
		return nil, NewError(CodeUsage, fmt.Sprintf("hold_ns must be from 0 to %d", MaxHold), "")
	}
	if h.Record == nil {
		return nil, NewError(CodeConflict, fmt.Sprintf("node %d does not record what happens", h.Node), "start the network with --record")
	}
	if req.Hold > 0 {
		h.Record.Hold(req.Hold)
	}
	answer, err := h.Record.Final(req.Write)
	if err != nil {
		return nil, WrapError(CodeFailed, err, "")
	}
	return answer, nil
}

// Final asks the node how it stands at the end of a run.
func (c *Client) Final(ctx context.Context, req FinalRequest) (FinalAnswer, error) {
	var out FinalAnswer
	err := c.Do(ctx, http.MethodPost, "/v1/final", req, &out)
	return out, err
}
