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
// Updates of a node's values have names of the same form, see [UpdateID].
type ID struct {
	Origin   NodeID
	Run, Seq uint32
}

// MaxRun is the largest number of a life.
const MaxRun = updateBit - 1

// updateBit in Run marks the names of updates. So the updates of a life are, to every protocol, the messages of
// another life, numbered from 1 without gaps as all are.
const updateBit = 1 << 30

// UpdateID names a version of the map of values that a node owns: every change of the map is one version more.
func UpdateID(owner NodeID, run, version uint32) ID { return ID{owner, run | updateBit, version} }

// Update takes the name of an update apart; is tells it from that of a message.
func (id ID) Update() (run, version uint32, is bool) {
	return id.Run &^ updateBit, id.Seq, id.Run&updateBit != 0
}

// IsUpdate reports whether this names an update of a value, and not a message of a person's.
func (id ID) IsUpdate() bool { return id.Run&updateBit != 0 }

// String returns the name as people write it: origin.run.seq, for example 8.1.3, of an update 8.1.v3.
func (id ID) String() string {
	if run, version, is := id.Update(); is {
		return fmt.Sprintf("%d.%d.v%d", id.Origin, run, version)
	}
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
	mark := uint32(0)
	if version, is := strings.CutPrefix(parts[2], "v"); is {
		parts[2], mark = version, updateBit
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 10, 31)
		if err != nil || v == 0 || part[0] == '0' || part[0] == '+' || i == 1 && v > MaxRun {
			return ID{}, fmt.Errorf("message %q is not of the form ORIGIN.RUN.SEQ, such as 8.1.1", s)
		}
		field[i] = uint32(v)
	}
	return ID{NodeID(field[0]), field[1] | mark, field[2]}, nil
}

// Message is what a person wrote, with its name and the moment its origin took it in.
type Message struct {
	ID   ID
	Body []byte
	Sent time.Time
}

// Kind tells the packets of one protocol apart. Each protocol numbers its own from 1; what may stand around any
// protocol has kinds of its own.
type Kind uint8

// The first kinds of what may stand around a protocol. A kind belongs to the row it falls into.
const (
	KindRepair     Kind = 200 // anti-entropy of messages
	KindValues     Kind = 210 // reconciliation of values
	KindMembership Kind = 220 // and all above: who is there
)

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

	// Contacts tell where nodes listen that the packet names. Whoever drives the node adds them and takes them
	// off again: a state machine knows numbers only.
	Contacts []Contact
}

// Contact says where one life of a node listens.
type Contact struct {
	Node NodeID
	Run  uint32
	Addr string // host:port, at most MaxAddr bytes
}

// Bounds of contacts.
const (
	MaxContacts = 1024 // in one envelope
	MaxAddr     = 64   // bytes of an address
)
