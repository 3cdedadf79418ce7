package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// errAbandoned ends a node to whose goodbye nobody would listen: all others end as well.
var errAbandoned = errors.New("the controller is gone")

// learn takes in where the sender of a packet says that nodes listen. The packet has come on a link.
func (a *Agent) learn(from gossip.NodeID, contacts []gossip.Contact) {
	for i := range contacts {
		c := &contacts[i]
		by := hearsay
		if c.Node == from {
			by = own
		}
		if a.book.learn(c.Node, c.Run, c.Addr, by) && a.neighbours.Has(c.Node) {
			a.moved = true
		}
	}
}

// contacts are what a packet is to say of where nodes listen; nothing, unless it is about membership.
func (a *Agent) contacts(p *gossip.Packet, to gossip.NodeID) []gossip.Contact {
	if a.book == nil || p.Kind < gossip.KindMembership {
		return nil
	}
	a.named = a.book.name(a.named[:0], p.IDs, to)
	return a.named
}

// rewire has the links follow when the node has chosen other peers, or one of them has moved. It is called in every
// step, before anything is sent.
func (a *Agent) rewire(changed []gossip.Member) {
	if a.book == nil {
		return
	}
	for _, m := range changed {
		if m.Standing == gossip.Dead || m.Standing == gossip.Left {
			a.book.gone(m.Node, m.Run)
		}
	}
	peers, _ := a.node.Neighbours()
	if !a.moved && a.neighbours.Same(peers) {
		return
	}
	a.neighbours, a.moved = peers, false
	a.rewired(peers)
}

// rewired is told the peers that the node has chosen. The agent's lock is held.
func (s *server) rewired(peers gossip.Peers) {
	routes := make([]transport.Peer, 0, peers.Len())
	ids := make([]gossip.NodeID, 0, peers.Len())
	for _, id := range peers.All() {
		if addr, known := s.book.find(id); known {
			routes, ids = append(routes, transport.Peer{ID: id, Addr: addr}), append(ids, id)
		}
	}
	s.wire.SetPeers(routes)
	s.tellPeers(len(routes))
	s.log.Info("peers", "are", fmt.Sprint(ids))
}

// meet tells the node its contacts.
func (s *server) meet(contacts []api.Peer, ids []gossip.NodeID) {
	s.Step(func(now time.Time, n *node.Node) node.Effects {
		for _, p := range contacts {
			if s.book.learn(p.ID, 0, p.Addr, given) && s.neighbours.Has(p.ID) {
				s.moved = true
			}
		}
		return n.SetPeers(now, gossip.NewPeers(ids))
	})
	s.log.Info("contacts", "are", fmt.Sprint(ids))
}

// members returns the node's view.
func (s *server) members() []api.Member {
	var list []api.Member
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		members, _ := n.Members()
		list = api.TellMembers(members, s.Where)
		return node.Effects{}
	})
	return list
}

// Contacts implements api.Assembly.
func (s *server) Contacts(most int) []api.Peer {
	list := []api.Peer{{ID: s.cfg.ID, Addr: s.addr}}
	if s.book == nil {
		for _, p := range s.wire.Peers() {
			if len(list) < most {
				list = append(list, api.Peer{ID: p.ID, Addr: p.Addr})
			}
		}
		return list
	}
	over := make(map[gossip.NodeID]bool)
	s.Step(func(_ time.Time, n *node.Node) node.Effects {
		members, _ := n.Members()
		for _, m := range members {
			over[m.Node] = m.Standing == gossip.Dead || m.Standing == gossip.Left
		}
		return node.Effects{}
	})
	return append(list, s.book.sample(most-1, over)...)
}

// Where implements api.Assembly.
func (s *server) Where(id gossip.NodeID) string {
	if s.book == nil {
		return ""
	}
	addr, _ := s.book.find(id)
	return addr
}

// Membership implements api.Assembly.
func (s *server) Membership() string {
	if s.cfg.Membership == "" {
		return "none"
	}
	return s.cfg.Membership
}

// Leave implements api.Assembly.
func (s *server) Leave(ctx context.Context) {
	s.goodbye()
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.wire.Drained(ctx)
	if s.gone != nil {
		s.gone()
	}
}

// goodbye says goodbye to the others, once.
func (s *server) goodbye() {
	if s.book == nil {
		return
	}
	s.bye.Do(func() {
		s.Step(func(now time.Time, n *node.Node) node.Effects { return n.Leave(now) })
		s.log.Info("said goodbye")
		close(s.left)
	})
}

// departed reports whether the node has said goodbye.
func (s *server) departed() bool {
	select {
	case <-s.left:
		return true
	default:
		return false
	}
}

// prove answers a challenge as this node.
func (s *server) prove(challenge string) string {
	return transport.Prove(s.cfg.PeerToken, s.cfg.NetworkID, s.cfg.ID, s.addr, challenge)
}

// askNumber returns the number of the node that listens at an address.
func (s *server) askNumber(ctx context.Context, addr string) (gossip.NodeID, error) {
	return api.Identify(ctx, once(), addr, s.cfg.NetworkID, s.cfg.Network, s.cfg.PeerToken)
}

// askContacts returns whom the node at an address knows, itself included. The token is shown to nobody who has not
// proved to know it.
func (s *server) askContacts(ctx context.Context, addr string) ([]Peer, error) {
	id, err := s.askNumber(ctx, addr)
	if err != nil {
		return nil, err
	}
	answer, err := api.NewClient(once(), "http://"+addr, s.cfg.NetworkID, s.cfg.PeerToken, "the node at "+addr).Contacts(ctx)
	if err != nil {
		return nil, err
	}
	list := answer.Contacts[:min(len(answer.Contacts), api.MaxTold)]
	return append([]Peer{{ID: id, Addr: addr}}, list...), nil
}
