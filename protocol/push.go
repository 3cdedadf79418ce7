package protocol

import (
	"time"

	"gossipctl/gossip"
)

// push is the oldest rumor spreading there is: once a round, a node that has a message passes it on to a
// random peer, whether that peer has it already or not.
//
//   - A node that learns a message begins to pass it on in its next round, to fanout different peers.
//   - It goes on for so many rounds (stop=rounds), for ever (stop=never), or for one (stop=die: infect
//     and die, Kermarrec, Massoulié, Ganesh 2003).
//   - With relay=true it also passes news on at once. With fanout=3, interval=10s and stop=never this
//     is lant.
//
// On the complete graph a message reaches all of n nodes in log2 n + ln n + O(1) rounds (Frieze and
// Grimmett 1985, Pittel 1987), by when it was sent about 15 n times for a million nodes: the first half
// of the rounds doubles those who know, the second finds the last who do not. Infect-and-die with fan-out
// f reaches all with probability exp(−n e^−f).
//
// Only nodes with something to pass on have alarms: a network without is silent. Nothing is repaired: on
// a graph where a node has many peers, some of them may be told nothing in all those rounds.
//
// It is also the machine of quasirandom, which differs in whom a node takes for its partners.
type push struct{ epidemic }

var pushKind = Kind{
	Name:    "push",
	Summary: "every round, what came lately goes to a random peer",
	Follows: "Frieze and Grimmett 1985, Pittel 1987; with stop=die Kermarrec, Massoulié and Ganesh 2003; with relay=true lant",
	Settings: epidemicSettings(32, "a node is passed over in all rounds of the others with probability e^−32: at a million nodes, even "+
		"if half of all packets are lost, one network in nine misses anybody"),
	Make:   func(v Values) func(Environment) gossip.Protocol { return makePush(newEpidemicRules(v), v) },
	Rounds: true,
	Until:  Informed,
}

func makePush(rules *epidemicRules, v Values) func(Environment) gossip.Protocol {
	return func(env Environment) gossip.Protocol { return &push{rules.born(v, env)} }
}

func (p *push) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	p.meet(peers)
	p.resume(now, out)
}

func (p *push) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	p.publish(now, m, out)
	p.resume(now, out)
}

func (p *push) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	if packet.Kind != kindRelay || len(packet.Messages) == 0 || len(packet.IDs) > 0 {
		out.Refuse(gossip.Malformed)
		return
	}
	p.attend(now)
	p.hear(now, from, packet.Messages, out)
	p.resume(now, out)
}

func (p *push) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if !p.wake(t) {
		return
	}
	var few [8]gossip.NodeID
	partners := p.partners(nil, few[:0])
	for range packetsToOne {
		messages, more := p.batch(now, out)
		for _, to := range partners {
			if len(messages) > 0 {
				out.Send(to, gossip.Packet{Kind: kindRelay, Messages: messages})
			}
		}
		if !more {
			break
		}
	}
	if p.turned && p.rounds > 0 {
		p.oldest = p.skip(p.oldest, p.rounds-1) // what had its last round needs no other alarm
	}
	p.resume(now, out)
}

// resume asks for a round if there is something to pass on.
func (p *push) resume(now time.Time, out *gossip.Outbox) {
	if p.infective() {
		p.arm(now, out)
	}
}
