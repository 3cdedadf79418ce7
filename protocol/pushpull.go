package protocol

import (
	"time"

	"gossipctl/gossip"
)

// pushPull calls in both directions: every round, every node calls a random peer and sends it what it
// would pass on, and the one that is called answers with what it would.
//
//   - Nodes call whether they have something to say or not: only so do they hear what is new. A call
//     with nothing in it is one packet without messages, and a node with nothing to say does not answer.
//   - Neither says what it knows already. Who is called, and what is sent, depends on nothing but chance and on
//     what came in earlier rounds: "address-oblivious" (Karp, Schindelhauer, Shenker, Vöcking 2000).
//   - A message is passed on for so many rounds after it came, in every call and every answer.
//
// On the complete graph all of n nodes know a message after log3 n + log2 ln n + O(1) rounds. The first
// half is push, the second pull: few are left who do not know, and most of those they call do. By then
// it was sent about 7 n times for a million nodes.
//
// The nodes cannot know when that is, and every round more costs 2 n messages. The median counter is the
// answer of the same paper.
type pushPull struct{ epidemic }

// pushPullCall is a packet that is answered. Answers, and what is relayed, are of kindRelay.
const pushPullCall gossip.Kind = 2

var pushPullKind = Kind{
	Name:    "push-pull",
	Summary: "every round each node calls a random peer, and both say what came lately",
	Follows: "Karp, Schindelhauer, Shenker and Vöcking 2000",
	Settings: epidemicSettings(16, "each passes a message on twice, in a call and in an answer, so it costs what 32 rounds of push do; the "+
		"million nodes that the last one needs 16 rounds to be among all know it in time to tell it"),
	Make: func(v Values) func(Environment) gossip.Protocol {
		rules := newEpidemicRules(v)
		return func(env Environment) gossip.Protocol { return &pushPull{rules.born(v, env)} }
	},
	Rounds: true,
	Until:  Informed,
}

func (p *pushPull) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	p.meet(peers)
	p.arm(now, out)
}

func (p *pushPull) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	p.publish(now, m, out)
}

// Infective reports whether the next call or answer will have a message in it.
func (p *pushPull) Infective() bool { return p.peers.Len() > 0 && p.infective() }

func (p *pushPull) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	call := packet.Kind == pushPullCall
	if !call && (packet.Kind != kindRelay || len(packet.Messages) == 0) || len(packet.IDs) > 0 {
		out.Refuse(gossip.Malformed)
		return
	}
	p.attend(now)
	p.hear(now, from, packet.Messages, out)
	if !call || !p.peers.Has(from) {
		return
	}
	if messages, _ := p.batch(now, out); len(messages) > 0 {
		out.Send(from, gossip.Packet{Kind: kindRelay, Messages: messages})
	}
}

func (p *pushPull) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if !p.wake(t) {
		return
	}
	var few [8]gossip.NodeID
	partners := p.partners(nil, few[:0])
	for range packetsToOne {
		messages, more := p.batch(now, out)
		for _, to := range partners {
			out.Send(to, gossip.Packet{Kind: pushPullCall, Messages: messages})
		}
		if !more {
			break
		}
	}
	p.arm(now, out)
}
