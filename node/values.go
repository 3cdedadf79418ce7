package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
	"gossipctl/values"
)

// ErrNoValues is returned by a node whose protocol has no values around it.
var ErrNoValues = errors.New("this node keeps no values")

// Reasons told of a change of the picture.
const (
	reconciled = "reconciled" // it came by reconciliation
	vanished   = trace.Vanished
)

// Reasons for which a node drops an update before its protocol sees it.
const (
	dropTTL      = "ttl"       // it has travelled as far as its owner wanted; reconciliation brings it
	dropNoValues = "no_values" // nobody here keeps any
	dropCredit   = "too_large" // so many large ones came that the protocol could not remember them all; reconciliation brings it
)

// Values is what the node keeps of everybody's values; nil where its protocol has none around it. It may be read.
func (n *Node) Values() *values.Values { return n.values }

// SetValue changes the node's own map and spreads the news. The errors are [ErrNoValues] and those of
// [values.Values.Set], and [ErrNotKept]; nothing has happened then.
func (n *Node) SetValue(now time.Time, c values.Change) (gossip.Message, Effects, error) {
	n.begin()
	if n.values == nil {
		return gossip.Message{}, Effects{}, ErrNoValues
	}
	m, err := n.values.Set(now, now.Add(n.wrong), c)
	if err != nil {
		return gossip.Message{}, Effects{}, err
	}
	if refusal := n.keep(len(m.Body), 1); refusal != "" {
		n.count.Dropped[refusal]++
		return gossip.Message{}, Effects{}, fmt.Errorf("%w: %s", ErrNotKept, refusal)
	}
	n.eventOf(trace.Event{At: now, Kind: trace.Publish, Message: m.ID}, m.Body)
	n.arrive(m.ID, nil, nil)
	n.cfg.Protocol.Publish(now, m, 0, &n.out)
	return m, n.finish(now, n.cfg.ID), nil
}

// Members is the node's own view of who else is there; is is false where it has none.
func (n *Node) Members() (members []gossip.Member, is bool) {
	if n.membership == nil {
		return nil, false
	}
	return n.membership.Members(), true
}

// Neighbours are the peers of the node's protocol, where its membership chooses them.
func (n *Node) Neighbours() (peers gossip.Peers, is bool) {
	if n.membership == nil {
		return gossip.Peers{}, false
	}
	return n.membership.Neighbours(), true
}

// Leave says goodbye to everybody, where there is a membership that could hear of it.
func (n *Node) Leave(now time.Time) Effects {
	n.begin()
	if n.membership != nil {
		n.membership.Leave(now, &n.out)
	}
	return n.finish(now, 0)
}

// admitUpdate makes an arriving update fit to keep, or says why it is dropped.
func (n *Node) admitUpdate(m *gossip.Message, route gossip.Route, from gossip.NodeID) string {
	if n.values == nil {
		return dropNoValues
	}
	if len(route) == 0 || len(route) >= gossip.MaxHops || route[0] != m.ID.Origin || route[len(route)-1] != from {
		return dropRoute
	}
	if ttl := values.TTL(m.Body); ttl > 0 && len(route) > ttl {
		return dropTTL
	}
	if n.values.Forged(m.ID) {
		return dropForged
	}
	if body := n.values.Body(m.ID); body != nil {
		m.Body = body // the first copy's word stands
	} else if !n.values.Afford(len(m.Body)) {
		return dropCredit
	} else {
		m.Body = bytes.Clone(m.Body)
	}
	return ""
}

// heldFor is where the way of something is kept that is not in the inbox: of an update for as long as there is room, and
// beyond that it counts as come straight from its owner.
func (n *Node) heldFor(id gossip.ID) *held {
	if id.IsUpdate() {
		return &n.updates
	}
	return &n.held
}

// tell makes events of what the layers around the protocol say.
func (n *Node) tell(now time.Time) {
	for i := range n.out.Applied {
		a := &n.out.Applied[i]
		e := trace.Event{At: now, Kind: trace.Apply, Message: a.ID, Name: a.Key}
		if a.Deleted {
			e.Count = 1
		}
		switch {
		case a.Vanished:
			e.Reason = vanished
		case a.Reconciled:
			e.Reason = reconciled
		}
		n.eventOf(e, a.Value)
	}
	for _, m := range n.out.Members {
		n.event(trace.Event{
			At: now, Kind: trace.Member, Peer: m.Node, PeerRun: m.Run, Reason: m.Standing.String(), Count: uint64(m.Incarnation),
		})
	}
	n.fx.Applied, n.fx.Members = n.out.Applied, n.out.Members
}
