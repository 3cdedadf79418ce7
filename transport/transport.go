// Package transport carries envelopes between nodes. There is one for real processes ([HTTP]) and
// one for nodes that live in one process ([Mem]); every one of them passes the same contract suite.
package transport

import (
	"context"
	"errors"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// Transport may lose, delay, repeat or reorder envelopes; it never alters one, and it counts what
// it loses.
type Transport interface {
	// Send queues an envelope for a peer. It never waits for the peer, and keeps nothing of e.
	// The errors are ErrNoPeer, ErrQueueFull, ErrClosed, and gossip.ErrTooLarge; the envelope is
	// lost and counted then.
	Send(to gossip.NodeID, e *gossip.Envelope) error
	// Serve hands over what arrives, in batches, until ctx ends; it returns when everything it
	// started has ended. Recv may be called by several goroutines at once, and what it is handed
	// is only lent to it.
	Serve(ctx context.Context, recv func([]gossip.Envelope)) error
}

// Errors of Send.
var (
	ErrNoPeer    = errors.New("not a peer")
	ErrQueueFull = errors.New("queue full")
	ErrClosed    = errors.New("transport closed")
)

// Reasons for which a transport drops an envelope, as they are counted.
const (
	DropQueueFull      = "queue_full"
	DropPeerRemoved    = "peer_removed" // waited for a peer that was taken away
	DropTooLarge       = "too_large"
	DropNoPeer         = "no_peer"
	DropClosed         = "closed"          // waited when its transport ended, or came too early or too late
	DropPeerEnded      = "peer_ended"      // was written to a life of the peer that has ended; nobody can tell whether it was read
	DropUnreachable    = "unreachable"     // waited for a node that is no peer, and that could not be reached
	DropConnectionLost = "connection_lost" // was written to a connection that broke; the peer lacks it, and the sender does not have it any more

	// Those that a fault plan makes; see [fault.Verdict].
	DropLoss      = fault.ReasonLoss
	DropPartition = fault.ReasonPartition
	DropCorrupt   = fault.ReasonCorrupt // only where a transport does not write the frames; else the other end counts it
)
