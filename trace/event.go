package trace

import (
	"fmt"
	"strings"
	"time"

	"gossipctl/gossip"
)

// Kind says what sort of thing happened.
type Kind string

// What can happen to a message at a node. A node writes each down before anybody can notice it.
const (
	Publish Kind = "publish" // a person gave it a message; Digest and Size are of its body
	Accept  Kind = "accept"  // whoever gave it the message is told that it has it; a durable node has it on disk. Count is the relay limit asked for, if any
	Send    Kind = "send"    // it sent a copy to a peer
	Receive Kind = "receive" // a copy came from a peer
	Deliver Kind = "deliver" // the message was new and is in the inbox; Digest and Size are of its body
	Drop    Kind = "drop"    // a copy was turned away; Reason says why
)

// What can happen to values and to the view of who is there. Updates of values are also published, sent, received
// and dropped as messages are, under names of their own (see gossip.UpdateID), but never delivered: they are applied.
const (
	Apply  Kind = "apply"  // the node's picture of all values changed: Message is the update, Name the key, Digest and Size are of the value; Reason is "reconciled" where it came by reconciliation; Count is 1 when the value is gone, and Reason then [Vanished] when no update says so
	Member Kind = "member" // the node's view of Peer's life PeerRun changed: Reason is what it is now (alive, suspect, dead, left), Count the incarnation
)

// What can happen to a node. Start, Stop and Sync the node tells of itself; Kill, Pause, Resume, Fault
// and Heal whoever does it to the nodes: the controller, or the simulator.
const (
	Start  Kind = "start"  // a life begins, Run; its inbox has the first Count entries of the life before
	Stop   Kind = "stop"   // it ended as it was told to
	Kill   Kind = "kill"   // it ended in another way; Reason says how
	Pause  Kind = "pause"  // it stands still
	Resume Kind = "resume" // it goes on
	Sync   Kind = "sync"   // the first Count entries of its inbox are on disk for sure
	Fault  Kind = "fault"  // a fault was set; Name is its name, Reason says which
	Heal   Kind = "heal"   // the fault of that Name was cleared
)

// The last read of a network, by which it is judged. All of it is about one moment at rest.
const (
	Inbox Kind = "inbox" // an entry of the node's inbox, in order: Count is its number
	Link  Kind = "link"  // what the node says became of the packets it sent to Peer, by Counts
	Heard Kind = "heard" // what the node says came from Peer's life PeerRun, by Counts
	Value Kind = "value" // an entry of the node's picture of all values, fields as of Apply; those that are gone too
	View  Kind = "view"  // how the node sees another, fields as of Member; Name is "neighbour" where that is a peer of its protocol
	End   Kind = "end"   // all about this node was read; Count entries, Counts lines. Of node 0: of all nodes; Count lines of the controller's own
	Cut   Kind = "cut"   // no more was written down, because a bound was reached
)

// Counts of Link. Sent and repeated together are all the others together: that is the law of
// conservation. Every other name that may occur is the reason of a drop.
const (
	CountSent     = "sent"      // packets handed to the link
	CountRepeated = "repeated"  // second copies that a fault made
	CountPassed   = "passed"    // written to the peer's present life
	CountInFlight = "in_flight" // wait in a queue or for their time
)

// Counts of Heard. Together they are what the sender says was passed to this life.
const (
	CountReceived = "received" // good, and handed to the node
	CountCorrupt  = "corrupt"  // damaged on the way, noticed, and thrown away
)

// Counts of End, by which it can be told whether lines of a log are missing.
const (
	CountLines = "lines" // of a node: before this in its log, all lives together. Of the controller: those nodes had, with their ends
	CountNodes = "nodes" // of the controller: that were read

	// Of a node, how many lines of that kind its final read has; none where they are not there.
	CountValues = "values"
	CountViews  = "views"
)

// Vanished is the reason of an Apply when a value is gone because its owner has begun a new life without it, or has
// deleted it so long ago that nobody has kept the mark. The update is the one that is gone.
const Vanished = "vanished"

// Neighbour is the name of a View of one of the node's peers.
const Neighbour = "neighbour"

// Shared makes the counts of an End from how many lines of each kind a final read has; nil where there are none of
// values and members.
func Shared(lines map[Kind]uint64) map[string]uint64 {
	counts := make(map[string]uint64)
	for _, c := range [...]struct {
		kind Kind
		name string
	}{{Value, CountValues}, {View, CountViews}} {
		if n := lines[c.kind]; n > 0 {
			counts[c.name] = n
		}
	}
	if len(counts) == 0 {
		return nil
	}
	return counts
}

// Event is one thing that happened at one node. Fields that a kind does not name are empty.
type Event struct {
	At      time.Time
	Node    gossip.NodeID // 0: the whole network
	Run     uint32        // which life of the node
	Kind    Kind
	Message gossip.ID
	Peer    gossip.NodeID // the other end of a send, a receive, a drop, a link
	PeerRun uint32
	Hops    int    // edges the copy had travelled
	Reason  string // of a drop, a kill, a fault, a cut; "repaired" of a delivery that repair brought about
	Name    string // of a fault; the key of a value
	Digest  uint64 // of a body, see [Digest]
	Size    int    // of a body, in bytes
	Count   uint64
	Counts  map[string]uint64
}

// Digest is the sum by which bodies are compared (FNV-1a, 64 bits): two bodies that a mistake has made
// different have the same with a probability of 2⁻⁶⁴.
func Digest(body []byte) uint64 {
	sum := uint64(14695981039346656037)
	for _, b := range body {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum
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
