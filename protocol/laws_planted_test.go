package protocol_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// broken is a flood with one fault in it. What is not planted behaves.
type broken struct {
	gossip.Protocol
	self    gossip.NodeID
	peers   gossip.Peers
	last    []gossip.Message
	memory  [1]gossip.Message
	publish func(b *broken, now time.Time, m gossip.Message, out *gossip.Outbox)
	receive func(b *broken, p gossip.Packet, out *gossip.Outbox)
	wake    func(b *broken, now time.Time, out *gossip.Outbox)
}

func (b *broken) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	b.peers = peers
	b.Protocol.Peers(now, peers, out)
}

func (b *broken) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	b.Protocol.Publish(now, m, limit, out)
	if b.publish != nil {
		b.publish(b, now, m, out)
	}
}

func (b *broken) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	b.Protocol.Receive(now, from, p, out)
	if b.receive != nil {
		b.receive(b, p, out)
	}
}

func (b *broken) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if b.wake != nil {
		b.wake(b, now, out)
	}
}

// one is an ordinary packet with one message.
func one(messages []gossip.Message) gossip.Packet {
	return gossip.Packet{Kind: 1, Messages: messages, Limit: 1, Hops: 1}
}

// TestLawsFindFaults plants one fault for each law, or each way to break it, and lets the trials find it.
func TestLawsFindFaults(t *testing.T) {
	runs := 0 // what no protocol may have: a memory outside its machines
	for _, c := range []struct {
		name  string
		law   int
		plant broken
	}{
		{"delivers every copy", 1, broken{receive: func(_ *broken, p gossip.Packet, out *gossip.Outbox) {
			out.Delivered = append(out.Delivered[:0], p.Messages...)
		}}},
		{"sends to itself", 2, broken{receive: func(b *broken, p gossip.Packet, out *gossip.Outbox) {
			if p.Hops == 2 {
				out.Send(b.self, one(bytesOf(p)))
			}
		}}},
		{"makes messages up", 3, broken{publish: func(_ *broken, _ time.Time, m gossip.Message, out *gossip.Outbox) {
			m.ID.Seq += 100
			out.Deliver(m)
		}}},
		{"changes a text", 3, broken{publish: func(_ *broken, _ time.Time, m gossip.Message, out *gossip.Outbox) {
			out.Delivered[0].Body = bytes.ToUpper(m.Body)
		}}},
		{"tells nobody", 4, broken{publish: func(_ *broken, _ time.Time, _ gossip.Message, out *gossip.Outbox) {
			out.Sends = nil
		}}},
		{"repeats itself for ever", 5, broken{
			publish: func(b *broken, now time.Time, m gossip.Message, out *gossip.Outbox) {
				b.last = []gossip.Message{m}
				out.Alarm(now.Add(5*time.Second), 0)
			},
			wake: func(b *broken, now time.Time, out *gossip.Outbox) {
				for _, peer := range b.peers.All() {
					out.Send(peer, one([]gossip.Message{b.last[0]}))
				}
				out.Alarm(now.Add(5*time.Second), 0)
			}}},
		{"echoes without end", 5, broken{receive: func(b *broken, p gossip.Packet, out *gossip.Outbox) {
			for _, peer := range b.peers.All() {
				out.Send(peer, one(bytesOf(p)))
			}
		}}},
		{"remembers other runs", 6, broken{publish: func(_ *broken, now time.Time, _ gossip.Message, out *gossip.Outbox) {
			runs++
			out.Alarm(now.Add(time.Duration(runs/2)*time.Millisecond), 0)
		}}},
		{"keeps the messages it was lent", 7, broken{receive: func(b *broken, p gossip.Packet, out *gossip.Outbox) {
			for i := range out.Sends {
				if len(b.last) > 0 {
					out.Sends[i].Packet.Messages = []gossip.Message{b.last[0]}
				}
			}
			b.last = p.Messages
		}}},
		{"answers in memory it uses again", 7, broken{receive: func(b *broken, p gossip.Packet, out *gossip.Outbox) {
			b.memory[0] = p.Messages[0]
			b.memory[0].Sent = b.memory[0].Sent.Add(time.Duration(p.Hops)) // differs from copy to copy
			for i := range out.Sends {
				out.Sends[i].Packet.Messages = b.memory[:]
			}
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs = 0
			kind := flood(t)
			healthy := kind.Make
			kind.Make = func(v protocol.Values) func(protocol.Environment) gossip.Protocol {
				return func(env protocol.Environment) gossip.Protocol {
					b := c.plant
					b.Protocol, b.self = healthy(v)(env), env.Self
					return &b
				}
			}
			for seed := range uint64(20) {
				for _, complaint := range try(kind, seed, 1).complaints {
					if strings.HasPrefix(complaint, fmt.Sprintf("law %d:", c.law)) {
						return
					}
				}
			}
			t.Errorf("law %d did not notice", c.law)
		})
	}
}

// bytesOf returns the messages of a packet in a slice that is not lent.
func bytesOf(p gossip.Packet) []gossip.Message { return append([]gossip.Message(nil), p.Messages...) }
