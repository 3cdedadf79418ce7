package gossip

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a network carries. They are part of the wire format: both ends refuse more.
const (
	// MaxBody is the largest message in bytes. 64 KiB is room for any text a person sends and
	// small enough that a thousand of them in a queue are still only 64 MiB.
	MaxBody = 64 << 10
	// MaxMessages is how many messages one packet may hold.
	MaxMessages = 1024
	// MaxIDs is how many message names one packet may hold (digests, requests).
	MaxIDs = 4096
	// MaxHops is the longest route. A ring of 5,000 nodes needs 5,000; a relay limit of 1,000 on
	// a ring of 16 runs round it until 16,000.
	MaxHops = 16384
	// MaxRelays is the largest relay limit. Every directed edge may carry a message this often,
	// so 1,000 already means 48,000 packets for one message on 16 nodes with 3 peers each.
	MaxRelays = 1000
	// MaxEnvelope is the largest encoded envelope in bytes: any one message with its route fits
	// with room to spare, and a reader never buffers more for one frame.
	MaxEnvelope = 1 << 20
)

// NodeID numbers a node: 1…n. Zero names no node.
type NodeID int32

// ID names a message for ever: its origin, which life of that origin (Run grows by one at every
// restart, so that a restarted node never reuses a name), and a number that starts at 1 in every life.
type ID struct {
	Origin   NodeID
	Run, Seq uint32
}

// String returns the name as people write it: origin.run.seq, for example 8.1.3.
func (id ID) String() string {
	return fmt.Sprintf("%d.%d.%d", id.Origin, id.Run, id.Seq)
}

// Compare orders names by origin, run and sequence.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Origin, other.Origin), cmp.Compare(id.Run, other.Run), cmp.Compare(id.Seq, other.Seq))
}

// ParseID reads what [ID.String] writes, and nothing else.
func ParseID(s string) (ID, error) {
	var field [3]uint32
	parts := strings.Split(s, ".")
	if len(parts) != len(field) {
		return ID{}, fmt.Errorf("message %q is not of the form ORIGIN.RUN.SEQ, such as 8.1.1", s)
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 10, 31)
		if err != nil || v == 0 || part[0] == '0' || part[0] == '+' {
			return ID{}, fmt.Errorf("message %q is not of the form ORIGIN.RUN.SEQ, such as 8.1.1", s)
		}
		field[i] = uint32(v)
	}
	return ID{NodeID(field[0]), field[1], field[2]}, nil
}

// Message is what a person wrote, with its name and the moment its origin took it in.
type Message struct {
	ID   ID
	Body []byte
	Sent time.Time
}

// Kind tells the packets of one protocol apart. Each protocol numbers its own from 1.
type Kind uint8

// Packet is what protocols say to each other. One type serves them all, so that one codec and one
// fuzz target cover every protocol and their traffic is counted alike.
type Packet struct {
	Kind     Kind
	Messages []Message
	IDs      []ID
	Limit    int // the sender's relay limit; 0 where a protocol has none
	Hops     int // edges travelled so far by what the packet carries
}

// Route is the way a copy took: its origin first, the node that holds it last.
type Route []NodeID

// Envelope is what wires carry: a packet, who sent it, and for each of the packet's messages the
// route it had taken when it left the sender.
type Envelope struct {
	From   NodeID
	Packet Packet
	Routes []Route // as many as Packet.Messages
}
