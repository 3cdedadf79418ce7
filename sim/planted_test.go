//go:build planted

package sim

import (
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// A hasty node answers before its disk has the message, and has lost it after a power failure.
func TestPlantedHaste(t *testing.T) {
	for _, hasty := range []bool{false, true} {
		w, events := pairs(t, 2, func(cfg *Config) {
			cfg.Durable, cfg.Planted.Hasty = true, hasty
		})
		w.Crash(2)
		publish(t, w, 1)
		accepted := slices.ContainsFunc(*events, func(e trace.Event) bool { return e.Kind == trace.Accept })
		w.PowerFail(1)
		w.Start(1)
		if finish(t, w); accepted != hasty || has(w, 1, 0) {
			t.Errorf("hasty %v: accepted %v, still there %v", hasty, accepted, has(w, 1, 0))
		}
	}
}

// A node that takes everything for new has a message twice in its inbox, and says so.
func TestPlantedForgetting(t *testing.T) {
	w := New(Config{Nodes: 2, Peers: ring(2), Whole: true,
		Born: func(gossip.NodeID, uint32) gossip.Protocol {
			return odd{receive: func(_ gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
				for _, m := range p.Messages {
					out.Deliver(m)
				}
			}, publish: func(m gossip.Message, out *gossip.Outbox) {
				for range 3 {
					out.Send(2, gossip.Packet{Kind: 1, Messages: []gossip.Message{m}})
				}
			}}
		},
		Planted: Planted{Node: func(gossip.NodeID, uint32) node.Planted {
			return node.Planted{Dedup: func(time.Time, gossip.ID) bool { return true }}
		}},
	})
	publish(t, w, 1)
	finish(t, w)
	page, _ := w.Node(2).Messages(node.Query{Status: node.All})
	if len(page) != 3 || page[0].Message.ID != page[2].Message.ID {
		t.Errorf("%d entries: %+v", len(page), page)
	}
}
