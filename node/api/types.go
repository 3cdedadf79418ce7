// Package api is a node's HTTP face: what requests and answers look like, the handler that serves
// them, the guard that stands before every handler of a network, and the client that asks.
//
// Every request carries the network's bearer token, except GET /v1/health. No GET changes anything.
package api

import (
	"time"

	"gossipctl/gossip"
)

// PublishRequest asks a node to take in messages; the answer comes after it has stored them. Give
// exactly one of Body for text, BodyBase64 for any bytes, and Batch for many at once; nil is not
// given, empty is.
type PublishRequest struct {
	Body       *string  `json:"body,omitempty"`
	BodyBase64 []byte   `json:"body_base64,omitzero"`
	Batch      [][]byte `json:"batch_base64,omitzero"`
	Relays     int      `json:"relays,omitempty"` // relay limit; 0 = the protocol's own
}

// PublishAnswer names the message that was stored; of a batch, the first, the others follow it.
type PublishAnswer struct {
	ID       string        `json:"id"`
	Origin   gossip.NodeID `json:"origin"`
	Sent     time.Time     `json:"sent"`
	Accepted int           `json:"accepted"`
}

// SaveAnswer says what a node that was told to save its inbox has on disk now.
type SaveAnswer struct {
	Node     gossip.NodeID `json:"node"`
	Messages int           `json:"messages"`
}

// ReadRequest asks for a page of the inbox and marks it as read, unless it peeks or asks for what
// is read already.
type ReadRequest struct {
	Status string `json:"status"` // unread, read or all
	Peek   bool   `json:"peek,omitempty"`
	After  uint64 `json:"after,omitempty"` // only messages that arrived after this number
	Until  uint64 `json:"until,omitempty"` // and not after this one; 0 = no end
}

// ReadAnswer is a page of the inbox.
type ReadAnswer struct {
	Messages []Message `json:"messages"`
	More     bool      `json:"more"` // ask again after the last number
	Last     uint64    `json:"last"` // number of the newest message in the inbox
}

// Message is one message as one node has it.
type Message struct {
	Number    uint64        `json:"number"` // order of arrival at this node
	ID        string        `json:"id"`
	Origin    gossip.NodeID `json:"origin"`
	Body      []byte        `json:"body_base64"`
	Sent      time.Time     `json:"sent"`
	Received  time.Time     `json:"received"` // of the first copy
	Read      bool          `json:"read"`
	Copies    int           `json:"copies"` // that arrived; the origin's own is the first of its
	FromPeers int           `json:"from_peers"`
	Packets   int           `json:"packets_sent"`
	Arrivals  []Arrival     `json:"arrivals"` // of the copies that were kept
}

// Arrival is one copy: the way it took, origin first, and when it came.
type Arrival struct {
	Path     gossip.Route `json:"path"`
	Received time.Time    `json:"received"`
}

// Inbox is how full the inbox is.
type Inbox struct {
	Messages  int       `json:"messages"`
	Unread    int       `json:"unread"`
	Last      uint64    `json:"last"`            // messages that ever arrived
	Newest    time.Time `json:"newest,omitzero"` // when the newest of them came
	Room      int       `json:"room"`            // messages it takes before old ones go or new ones are refused
	RoomBytes int       `json:"room_bytes"`      // and bytes of their bodies
}

// Peer is a neighbour of a node.
type Peer struct {
	ID   gossip.NodeID `json:"id"`
	Addr string        `json:"addr"` // host:port
}

// PeersRequest replaces a node's peers.
type PeersRequest struct {
	Peers []Peer `json:"peers"`
}

// PeersAnswer is a node's peers as it sees them.
type PeersAnswer struct {
	Node  gossip.NodeID `json:"node"`
	Peers []Link        `json:"peers"`
}

// Link is a peer and the way to it. Messages travel on it in one direction; the peer has another. At any
// moment
//
//	sent + repeated = passed + in_flight + dropped
type Link struct {
	Peer
	PeerRun   uint32            `json:"peer_run"`  // the life of the peer that passed is about; 0 before one was met
	Connected bool              `json:"connected"` // opened at the first packet
	Stalled   bool              `json:"stalled"`   // something waits, and the peer takes nothing
	Queued    int               `json:"queued_bytes"`
	Depth     uint64            `json:"queue_depth"` // packets in a queue, or waiting for their time
	Packets   uint64            `json:"packets"`     // sent, by its first name
	Sent      uint64            `json:"sent"`        // packets handed to the link
	Repeated  uint64            `json:"repeated"`    // second copies that a fault made
	Passed    uint64            `json:"passed"`      // written to the peer's present life
	InFlight  uint64            `json:"in_flight"`   // queue_depth, and what a broken connection leaves open
	Dropped   uint64            `json:"dropped"`
	Drops     map[string]uint64 `json:"drops"` // the same by reason
	// What came from the peer. Received and corrupt together are what heard_run, the peer's present life as
	// far as it is known, says was passed to this life of the node.
	HeardRun        uint32 `json:"heard_run"`
	Received        uint64 `json:"received"`
	Corrupt         uint64 `json:"corrupt"` // damaged ones, which were thrown away
	EarlierReceived uint64 `json:"earlier_received"`
	EarlierCorrupt  uint64 `json:"earlier_corrupt"` // both from all its lives before
	Error           string `json:"last_error,omitempty"`
}

// Heard is what came from a node, which need not be a peer. Received and corrupt together are what the
// sender's life says was passed to this life of the node.
type Heard struct {
	Peer            gossip.NodeID `json:"peer"`
	Run             uint32        `json:"run"` // the life of the sender
	Received        uint64        `json:"received"`
	Corrupt         uint64        `json:"corrupt"`
	EarlierReceived uint64        `json:"earlier_received"` // from all its lives before
	EarlierCorrupt  uint64        `json:"earlier_corrupt"`
}

// Traffic is what all links of a node have carried together, those to former peers too.
type Traffic struct {
	Sent     uint64            `json:"sent"`
	Repeated uint64            `json:"repeated"`
	Passed   uint64            `json:"passed"`
	InFlight uint64            `json:"in_flight"`
	Depth    uint64            `json:"queue_depth"`
	Queued   int               `json:"queued_bytes"`
	Dropped  map[string]uint64 `json:"dropped"` // by reason
	Received uint64            `json:"received"`
	Corrupt  uint64            `json:"corrupt"`
}

// Wires is what a node's transport knows.
type Wires struct {
	Links   []Link            // to its peers, by number
	Former  []Link            // to nodes that are no peers (any more), and with number 0 to those that never were reached
	Heard   []Heard           // by number
	Dropped map[string]uint64 // packets and streams that were turned away, by reason
}

// Traffic sums it up.
func (w *Wires) Traffic() Traffic {
	t := Traffic{Dropped: make(map[string]uint64)}
	for _, list := range [][]Link{w.Links, w.Former} {
		for _, l := range list {
			t.Sent += l.Sent
			t.Repeated += l.Repeated
			t.Passed += l.Passed
			t.InFlight += l.InFlight
			t.Depth += l.Depth
			t.Queued += l.Queued
			for reason, n := range l.Drops {
				t.Dropped[reason] += n
			}
		}
	}
	for _, h := range w.Heard {
		t.Received += h.Received + h.EarlierReceived
		t.Corrupt += h.Corrupt + h.EarlierCorrupt
	}
	return t
}

// Stats are a node's counters since it started, and what it uses.
type Stats struct {
	Node        gossip.NodeID     `json:"node"`
	Run         uint32            `json:"run"`
	Started     time.Time         `json:"started"`
	Inbox       Inbox             `json:"inbox"`
	Published   uint64            `json:"published"`
	Sent        uint64            `json:"sent"`     // copies of messages
	Received    uint64            `json:"received"` // copies of messages
	Delivered   uint64            `json:"delivered"`
	Duplicates  uint64            `json:"duplicates"`
	Repaired    uint64            `json:"repaired"` // of those delivered, what the protocol had missed
	Expired     uint64            `json:"expired"`
	Dropped     map[string]uint64 `json:"dropped"` // copies, packets, streams and requests, by reason
	Traffic     Traffic           `json:"traffic"` // packets
	Links       []Link            `json:"links"`
	FormerLinks []Link            `json:"former_links"`
	Heard       []Heard           `json:"heard"`
	Values      ValuesStats       `json:"values"`
	Faults      int               `json:"faults"` // in force
	HeapBytes   uint64            `json:"heap_bytes"`
	Goroutines  int               `json:"goroutines"`
}

// PacketRequest is a packet from a peer that does not hold a link open, such as a program written
// by hand: one envelope as JSON.
type PacketRequest struct {
	From     gossip.NodeID   `json:"from"`
	Kind     gossip.Kind     `json:"kind"`
	Limit    int             `json:"limit"`
	Hops     int             `json:"hops"`
	Messages []PacketMessage `json:"messages"`
	IDs      []string        `json:"ids,omitzero"`
}

// PacketMessage is a message in a packet, with the way it took: its origin first, From last.
type PacketMessage struct {
	ID    string       `json:"id"`
	Body  []byte       `json:"body_base64"`
	Sent  time.Time    `json:"sent"`
	Route gossip.Route `json:"route"`
}

// Health says that somebody is at home. It needs no token and tells no secret.
type Health struct {
	Service string        `json:"service"` // always "gossipctl"
	Network string        `json:"network"`
	Node    gossip.NodeID `json:"node"` // 0 is the controller
}
