package protocol

import "gossipctl/gossip"

// batch collects the messages of one packet, within bounds.
type batch struct {
	messages []gossip.Message
	bytes    int
}

// batchBytes bounds the bodies of one packet, unless it has only one: a quarter of what an envelope
// may have leaves room for the routes, which a protocol never sees.
const batchBytes = gossip.MaxEnvelope / 4

// batchMessages bounds the messages of one packet: more than a burst brings within one round at one
// node, and the routes of as many still fit.
const batchMessages = 256

// room is a new batch for up to n messages.
func room(out *gossip.Outbox, n int) batch {
	return batch{messages: out.Messages(min(n, batchMessages))[:0]}
}

// add puts a message into the batch and reports whether there was room.
func (b *batch) add(m gossip.Message) bool {
	if len(b.messages) == cap(b.messages) || len(b.messages) > 0 && b.bytes+len(m.Body) > batchBytes {
		return false
	}
	b.messages = append(b.messages, m)
	b.bytes += len(m.Body)
	return true
}
