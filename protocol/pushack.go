package protocol

import (
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// pushAck is what go-gossip's README promised in its first generation (October 2022), and what its
// code never did: no receiver ever passed anything on.
//
//   - Who learns a message, from a person or from a peer, pushes it to fanout random peers other than
//     the one it heard it from.
//   - A peer to whom a push was news answers with an ack. One that had the message says nothing.
//   - When the majority of those pushed to have acked within timeout, the push is done.
//   - Otherwise the message's name goes to sync more peers, chosen among all who did not say that they
//     have the message. So it also reaches those whose copy, or ack, was lost.
//   - Who lacks a message that is named asks the one who named it for it, and gets it.
//
// Acks get rarer as the news spreads, so most pushes of the last ones to hear it end with names. That
// is how it stops: everybody pushes a message once and names it at most once. Nothing is repeated
// after that, so what is lost then stays lost: a newcomer hears nothing of what was before.
type pushAck struct {
	*pushAckConfig
	rng   *rand.Rand
	peers gossip.Peers
	known memory[pushed]
	open  uint64 // number of the oldest message whose push may not be done yet
	// There is one alarm at a time, for the oldest push under way.
	waiting bool
}

// pushAckConfig is the same at all nodes.
type pushAckConfig struct {
	fanout, sync, remember int
	timeout                time.Duration
}

// pushed is a message, and how it stands with its push.
type pushed struct {
	message  gossip.Message
	deadline int64           // for the acks
	to       []gossip.NodeID // pushed to; nil when the push is done
	acked    int             // so many of them, the first ones, have answered
	from     gossip.NodeID   // the peer it was heard from, or 0
}

// The packets of pushAck, numbered as in go-gossip.
const (
	kindPush     gossip.Kind = 1 + iota // messages that may be news
	kindAck                             // names of those which were
	kindSync                            // names of messages the receiver may lack
	kindRequest                         // names of those it lacks
	kindResponse                        // the messages, and the names of more there was no room for
)

// pushTimeout is the timer of the acks.
const pushTimeout gossip.Timer = 1

var pushAckKind = Kind{
	Name:    "push-ack",
	Summary: "push to a few peers; unless most ack it as news, name it to more, who ask for it",
	Follows: "protocol-diver/go-gossip, the README of its first generation (2022), which its code did not keep",
	Settings: []Setting{
		whole("fanout", 3, 1, 64, "peers", "go-gossip's GossipNumber; two acks are then a majority"),
		whole("sync", 6, 0, 1024, "peers",
			"twice the fan-out, as go-gossip's code has it (its README says 5, for example): they cost only names, and each one more halves the share of nodes that are left out, 1 in 1,500 with 6"),
		duration("timeout", 300*time.Millisecond, time.Millisecond, time.Hour,
			"go-gossip's: far above a round trip on one machine or a LAN"),
		rememberSetting("go-gossip kept 512, fewer than a burst has; about 200 bytes each, and the body"),
	},
	Make:  makePushAck,
	Until: Quiet,
}

func makePushAck(v Values) func(Environment) gossip.Protocol {
	c := &pushAckConfig{fanout: v.Int("fanout"), sync: v.Int("sync"), remember: v.Int("remember"), timeout: v.Duration("timeout")}
	return func(env Environment) gossip.Protocol { return &pushAck{pushAckConfig: c, rng: env.Rand} }
}

func (a *pushAck) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) { a.peers = peers }

func (a *pushAck) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	a.learn(now, 0, m, out)
}

func (a *pushAck) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	carries := p.Kind == kindPush || p.Kind == kindResponse
	if carries != (len(p.Messages) > 0) || p.Kind != kindResponse && carries == (len(p.IDs) > 0) {
		out.Refuse(gossip.Malformed)
		return
	}
	switch p.Kind {
	case kindPush:
		if news := a.hear(now, from, p.Messages, out); news > 0 && a.peers.Has(from) {
			out.Send(from, gossip.Packet{Kind: kindAck, IDs: namesOf(out.Delivered, out)})
		}
	case kindResponse:
		a.hear(now, from, p.Messages, out)
		a.ask(from, p.IDs, out)
	case kindAck:
		a.count(from, p.IDs)
	case kindSync:
		a.ask(from, p.IDs, out)
	case kindRequest:
		a.answer(from, p.IDs, out)
	default:
		out.Refuse(gossip.Malformed)
	}
}

// hear takes in messages that a packet brought and returns how many were news.
func (a *pushAck) hear(now time.Time, from gossip.NodeID, messages []gossip.Message, out *gossip.Outbox) (news int) {
	stale := 0
	for _, m := range messages {
		switch {
		case a.known.find(m.ID) != nil:
		case a.known.forgot(m.ID):
			stale++
		default:
			a.learn(now, from, m, out)
			news++
		}
	}
	if stale == len(messages) {
		out.Refuse(gossip.Stale)
	}
	return news
}

// learn takes in a message that is news here, and pushes it.
func (a *pushAck) learn(now time.Time, from gossip.NodeID, m gossip.Message, out *gossip.Outbox) {
	p := a.known.learn(m.ID, a.remember)
	*p = pushed{message: m, from: from}
	out.Deliver(m)
	heardFrom := [1]gossip.NodeID{from}
	p.to = drawPartners(a.rng, a.peers, a.fanout, heardFrom[:], nil)
	if len(p.to) == 0 {
		p.to = nil
		return
	}
	p.deadline = now.Add(a.timeout).UnixNano()
	messages := out.One(m)
	for _, peer := range p.to {
		out.Send(peer, gossip.Packet{Kind: kindPush, Messages: messages})
	}
	if !a.waiting {
		a.setAlarm(now, out)
	}
}

// count notes acks. One that comes when the push is done, or from somebody who was not pushed to, or
// again from the same peer, changes nothing.
func (a *pushAck) count(from gossip.NodeID, names []gossip.ID) {
	for _, id := range names {
		p := a.known.find(id)
		if p == nil {
			continue
		}
		at := slices.Index(p.to, from)
		if at < p.acked {
			continue
		}
		p.to[at], p.to[p.acked] = p.to[p.acked], p.to[at]
		if p.acked++; p.acked > len(p.to)/2 {
			p.to = nil
		}
	}
}

// ask requests what is neither known nor forgotten of what a peer has named.
func (a *pushAck) ask(from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	lacks := func(id gossip.ID) bool { return a.known.find(id) == nil && !a.known.forgot(id) }
	n := 0
	for _, id := range names {
		if lacks(id) {
			n++
		}
	}
	if n == 0 || !a.peers.Has(from) {
		return
	}
	wanted := out.IDs(n)[:0]
	for _, id := range names {
		if lacks(id) {
			wanted = append(wanted, id)
		}
	}
	out.Send(from, gossip.Packet{Kind: kindRequest, IDs: wanted})
}

// answer sends what was requested: as much as one packet holds, and with it the names of the rest, to
// be requested again. What is forgotten is not to be had any more.
func (a *pushAck) answer(from gossip.NodeID, names []gossip.ID, out *gossip.Outbox) {
	if !a.peers.Has(from) {
		return
	}
	found, forgotten := 0, false
	for _, id := range names {
		if a.known.find(id) != nil {
			found++
		} else if a.known.forgot(id) {
			forgotten = true
		}
	}
	if found == 0 {
		if forgotten {
			out.Refuse(gossip.Stale)
		}
		return
	}
	b := room(out, found)
	var rest []gossip.ID
	for _, id := range names {
		p := a.known.find(id)
		if p == nil || b.add(p.message) {
			continue
		}
		if rest == nil {
			rest = out.IDs(found - len(b.messages))[:0]
		}
		rest = append(rest, id)
	}
	out.Send(from, gossip.Packet{Kind: kindResponse, Messages: b.messages, IDs: rest})
}

func (a *pushAck) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if t != pushTimeout || !a.waiting {
		return
	}
	a.waiting = false
	// Names that the same peer shall get go in one packet.
	type name struct {
		to gossip.NodeID
		id gossip.ID
	}
	var names []name
	var peers []gossip.NodeID
	for a.open = max(a.open, a.known.first()); a.open <= a.known.last(); a.open++ {
		id, p := a.known.at(a.open)
		if p.to == nil {
			continue
		}
		if p.deadline > now.UnixNano() {
			break
		}
		peers = drawPartners(a.rng, a.peers, a.sync, append(p.to[:p.acked:p.acked], p.from), peers[:0])
		for _, to := range peers {
			names = append(names, name{to, id})
		}
		p.to = nil
	}
	slices.SortStableFunc(names, func(a, b name) int { return int(a.to) - int(b.to) })
	for len(names) > 0 {
		n := 1
		for n < min(len(names), gossip.MaxIDs) && names[n].to == names[0].to {
			n++
		}
		ids := out.IDs(n)
		for i := range ids {
			ids[i] = names[i].id
		}
		out.Send(names[0].to, gossip.Packet{Kind: kindSync, IDs: ids})
		names = names[n:]
	}
	a.setAlarm(now, out)
}

// setAlarm has the node woken when the time for the oldest push under way is over.
func (a *pushAck) setAlarm(now time.Time, out *gossip.Outbox) {
	for a.open = max(a.open, a.known.first()); a.open <= a.known.last(); a.open++ {
		if _, p := a.known.at(a.open); p.to != nil {
			a.waiting = true
			out.Alarm(now.Add(time.Duration(p.deadline-now.UnixNano())), pushTimeout)
			return
		}
	}
}

// namesOf returns the names of messages in a list for a packet.
func namesOf(messages []gossip.Message, out *gossip.Outbox) []gossip.ID {
	ids := out.IDs(len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}
