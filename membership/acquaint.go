package membership

import (
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

var acquaintKind = Kind{
	Name:    "acquaint",
	Summary: "everybody comes to know everybody; nobody is noticed to be dead",
	Make: func(v protocol.Values) func(gossip.Protocol, Environment) gossip.Membership {
		return func(inner gossip.Protocol, env Environment) gossip.Membership { return &acquaint{inner: inner} }
	},
}

var swimKind = Kind{Name: "swim", Make: acquaintKind.Make}

var hyparviewKind = Kind{Name: "hyparview", Make: acquaintKind.Make}

type acquaint struct {
	inner gossip.Protocol
	peers gossip.Peers
}

func (a *acquaint) Under() gossip.Protocol { return a.inner }

func (a *acquaint) Peers(now time.Time, contacts gossip.Peers, out *gossip.Outbox) {
	a.peers = contacts
	a.inner.Peers(now, contacts, out)
}

func (a *acquaint) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	a.inner.Publish(now, m, limit, out)
}

func (a *acquaint) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind >= gossip.KindMembership {
		out.Refuse(gossip.Malformed)
		return
	}
	a.inner.Receive(now, from, p, out)
}

func (a *acquaint) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) { a.inner.Wake(now, t, out) }

func (a *acquaint) Members() []gossip.Member {
	var all []gossip.Member
	for _, id := range a.peers.All() {
		all = append(all, gossip.Member{Node: id, Run: 1})
	}
	return all
}

func (a *acquaint) Neighbours() gossip.Peers                { return a.peers }
func (a *acquaint) Leave(now time.Time, out *gossip.Outbox) {}
