// Package gossip is the vocabulary of the laboratory: what a node, a message, a packet and an
// envelope are, what a protocol must be able to do, and how an envelope looks on a wire.
//
// It is the floor everything else stands on. It does no input or output, starts nothing, and
// knows no clock: time is always an argument, and chance is a generator somebody hands over.
//
// A tour, following one message:
//
//   - A person gives a text to one node. The node names it with an [ID] and makes it a [Message].
//   - The node's [Protocol] decides who should hear of it and says so in its [Outbox]: packets to
//     send, messages to deliver, moments to be woken at.
//   - The node puts each [Packet] in an [Envelope], beside the [Route] every message in it has
//     taken so far. Protocols never see routes, so tracing a path cannot change what is measured.
//   - A wire carries the envelope as bytes ([AppendEnvelope], [Batch.Decode]); every length in
//     them is bounded, because the other end may be hostile.
package gossip
