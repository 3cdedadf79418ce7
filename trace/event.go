package trace

import (
	"fmt"
	"strings"
	"time"

	"gossipctl/gossip"
)

// Kind says what sort of thing happened.
type Kind string

// What can happen at a node.
const (
	Publish Kind = "publish" // a person gave it a message
	Send    Kind = "send"    // it sent a copy to a peer
	Receive Kind = "receive" // a copy came from a peer
	Deliver Kind = "deliver" // the message was new and is in the inbox
	Drop    Kind = "drop"    // a copy was turned away; Reason says why
)

// Event is one thing that happened to one message at one node.
type Event struct {
	At      time.Time
	Node    gossip.NodeID
	Kind    Kind
	Message gossip.ID
	Peer    gossip.NodeID // the other end of a send, a receive or a drop
	Hops    int           // edges the copy had travelled
	Reason  string        // of a drop
}

// String is the event as a line of a log, without its time and node.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", e.Kind, e.Message)
	switch e.Kind {
	case Send:
		fmt.Fprintf(&b, " to %d", e.Peer)
	case Receive, Drop:
		fmt.Fprintf(&b, " from %d", e.Peer)
	}
	if e.Hops > 0 {
		fmt.Fprintf(&b, " hops %d", e.Hops)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	return b.String()
}
