package protocol

import (
	"time"

	"gossipctl/gossip"
)

// pull turns push round: once a round every node asks a random peer what is new.
//
//   - A request names the messages that the asker had lately. The peer answers with those of its own
//     that are not among them and came no more than so many rounds ago. So each node gets each message
//     once, if it asks one peer at a time.
//   - All nodes ask, for ever, whether there is anything to hear or not: nobody can know. At rest a
//     request names nothing.
//   - When there is more than fits an answer, the asker is told so and asks again at once. Requests
//     that would name more than fits one are about a share of all names: each name belongs to one
//     share, and the shares take turns. Such rounds do not count against the messages, as in push.
//
// On the complete graph all of n nodes know a message after log2 n + log2 ln n + O(1) rounds (Demers et
// al. 1987, Doerr and Kostrygin 2017). It starts as slowly as push does, but the share of those who do not
// know is squared with every round in the end.
//
// A node may be asked by nobody for as long as it would answer; on a graph where its only peer has d
// others, with probability (1 − 1/d)^rounds.
type pull struct {
	epidemic
	lately  uint64 // number of the oldest message that requests name, unless that is forgotten
	request uint32 // how many came so far
	share   uint32 // whose turn it is
}

// pullRequest is a packet that asks what is new. Answers, and what is relayed, are of kindRelay.
const pullRequest gossip.Kind = 2

// pullMore is the Limit of an answer that could not take all there is to tell.
const pullMore = 1

// shareNames is how many names of a share are expected when there are several: half of what fits a
// packet, because they are not all of a size.
const shareNames = gossip.MaxIDs / 2

var pullKind = Kind{
	Name:    "pull",
	Summary: "every round each node asks a random peer what came lately",
	Follows: "Demers et al. 1987, section 1.3; Doerr and Kostrygin 2017",
	Settings: epidemicSettings(32, "costs nothing, since each node gets a message once: the first one is asked in time by anybody but with "+
		"probability e^−32, and a million nodes know after 25 rounds; names are told twice as long"),
	Make: func(v Values) func(Environment) gossip.Protocol {
		rules := newEpidemicRules(v)
		return func(env Environment) gossip.Protocol { return &pull{epidemic: rules.born(v, env)} }
	},
	Rounds: true,
	Until:  Informed,
}

func (p *pull) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	p.meet(peers)
	p.arm(now, out)
}

func (p *pull) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	p.publish(now, m, out)
}

// Infective reports whether a peer that asks might be told something.
func (p *pull) Infective() bool { return p.peers.Len() > 0 && p.infective() }

func (p *pull) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	switch {
	case packet.Kind == pullRequest && len(packet.Messages) == 0 && aboutShare(packet):
		p.attend(now)
		if p.peers.Has(from) {
			p.answer(now, from, packet, out)
		}
	case packet.Kind == kindRelay && len(packet.Messages) > 0 && len(packet.IDs) == 0:
		p.attend(now)
		if p.hear(now, from, packet.Messages, out) && packet.Limit == pullMore && p.peers.Has(from) {
			out.Send(from, p.ask(out))
		}
	default:
		out.Refuse(gossip.Malformed)
	}
}

func (p *pull) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if !p.wake(t) {
		return
	}
	p.share++
	var few [8]gossip.NodeID
	if partners := p.partners(nil, few[:0]); len(partners) > 0 {
		request := p.ask(out)
		if request.Hops+1 < request.Limit {
			p.cut = true // the round is over when every share had its turn
		}
		for _, to := range partners {
			out.Send(to, request)
		}
	}
	p.arm(now, out)
}

// ask makes a request. Where it is about a share, Limit is how many there are, and Hops which one.
func (p *pull) ask(out *gossip.Outbox) gossip.Packet {
	memorable := p.rounds
	if memorable < endless/2 {
		memorable *= 2 // others may have learnt a message later, and tell it for longer
	}
	p.lately = p.skip(p.lately, memorable)
	request := gossip.Packet{Kind: pullRequest}
	n := int(p.known.last() + 1 - p.lately)
	if n > gossip.MaxIDs {
		request.Limit = min((n+shareNames-1)/shareNames, gossip.MaxRelays)
		request.Hops = int(p.share) % request.Limit
	}
	ids := out.IDs(min(n, gossip.MaxIDs))[:0]
	for number := p.lately; number <= p.known.last() && len(ids) < cap(ids); number++ {
		if id, _ := p.known.at(number); request.Limit <= 1 || inShare(id, request.Hops, request.Limit) {
			ids = append(ids, id)
		}
	}
	request.IDs = ids
	return request
}

// aboutShare tells whether a request is about all names, or about a share there is.
func aboutShare(request gossip.Packet) bool {
	return request.Limit == 0 && request.Hops == 0 ||
		request.Limit > 0 && request.Limit <= gossip.MaxRelays && request.Hops >= 0 && request.Hops < request.Limit
}

// inShare tells whether a name belongs to a share when there are so many. The names of one life of an
// origin take turns.
func inShare(id gossip.ID, share, shares int) bool {
	return int((id.Seq+id.Run+uint32(id.Origin))%uint32(shares)) == share
}

// answer sends what is hot and was not named.
func (p *pull) answer(now time.Time, to gossip.NodeID, request gossip.Packet, out *gossip.Outbox) {
	from, end := p.hot(now)
	if from >= end {
		return
	}
	p.request++
	for _, id := range request.IDs {
		if r := p.known.find(id); r != nil {
			r.named = p.request
		}
	}
	var b batch
	limit := 0
	for ; from < end; from++ {
		id, r := p.known.at(from)
		if r.named == p.request || request.Limit > 1 && !inShare(id, request.Hops, request.Limit) {
			continue
		}
		if b.messages == nil {
			b = room(out, int(end-from))
		}
		if !b.add(r.Message) {
			limit, p.cut = pullMore, true
			break
		}
	}
	if len(b.messages) > 0 {
		out.Send(to, gossip.Packet{Kind: kindRelay, Messages: b.messages, Limit: limit})
	}
}
