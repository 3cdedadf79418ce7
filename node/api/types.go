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

// Link is a peer and the way to it. Messages travel on it in one direction; the peer has another.
type Link struct {
	Peer
	Connected bool   `json:"connected"` // opened at the first packet
	Stalled   bool   `json:"stalled"`   // something waits, and the peer takes nothing
	Queued    int    `json:"queued_bytes"`
	Packets   uint64 `json:"packets"`
	Dropped   uint64 `json:"dropped"`
	Error     string `json:"last_error,omitempty"`
}

// Stats are a node's counters since it started, and what it uses.
type Stats struct {
	Node       gossip.NodeID     `json:"node"`
	Run        uint32            `json:"run"`
	Started    time.Time         `json:"started"`
	Inbox      Inbox             `json:"inbox"`
	Published  uint64            `json:"published"`
	Sent       uint64            `json:"sent"`
	Received   uint64            `json:"received"`
	Delivered  uint64            `json:"delivered"`
	Duplicates uint64            `json:"duplicates"`
	Expired    uint64            `json:"expired"`
	Dropped    map[string]uint64 `json:"dropped"` // by reason
	Links      []Link            `json:"links"`
	HeapBytes  uint64            `json:"heap_bytes"`
	Goroutines int               `json:"goroutines"`
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
