package cmd

import (
	"context"
	"errors"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
)

// peersDoc is the JSON of list-peers.
type peersDoc struct {
	Node  gossip.NodeID `json:"node"`
	Peers []peerDoc     `json:"peers"`
}

type peerDoc struct {
	ID       gossip.NodeID `json:"id"`
	URL      string        `json:"url"`
	Distance int           `json:"distance"`
}

// patience is how long a node that lies on the way may take to answer; it takes a tenth of a
// millisecond unless it is stopped.
const patience = time.Second

// peers asks a node for its peers, these for theirs, and so on up to a depth. Nodes are asked
// themselves, so that the answer is what they believe; one that does not answer is listed, but
// nothing beyond it.
func (a *app) peers(ctx context.Context, id gossip.NodeID, depth int) (peersDoc, error) {
	doc := peersDoc{Node: id, Peers: []peerDoc{}}
	n, err := a.open()
	if err != nil {
		return doc, err
	}
	ctx, cancel := a.limit(ctx)
	defer cancel()
	seen := map[gossip.NodeID]bool{id: true}
	ring := []gossip.NodeID{id}
	for distance := 1; distance <= depth && len(ring) > 0; distance++ {
		answers, errs := netctl.Each(ring, func(id gossip.NodeID) (api.PeersAnswer, error) {
			node, err := n.Node(id)
			if err != nil {
				return api.PeersAnswer{}, err
			}
			ask, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if distance == 1 {
				ask = ctx // the node in question may take its time
			}
			return node.Peers(ask)
		})
		if distance == 1 && errs[0] != nil {
			return doc, n.Explain(errs[0])
		}
		if err := context.Cause(ctx); err != nil {
			return doc, err
		}
		ring = nil
		for i, answer := range answers {
			var known *api.Error
			if errs[i] != nil && !errors.As(errs[i], &known) {
				return doc, errs[i]
			}
			for _, p := range answer.Peers {
				if seen[p.ID] {
					continue
				}
				seen[p.ID] = true
				ring = append(ring, p.ID)
				doc.Peers = append(doc.Peers, peerDoc{ID: p.ID, URL: "http://" + p.Addr, Distance: distance})
			}
		}
	}
	return doc, nil
}
