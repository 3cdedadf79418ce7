package netctl

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gossipctl/gossip"
	"gossipctl/topology"

	"golang.org/x/sync/errgroup"
)

// overlayFresh is how long what nodes have said of their peers stands: several looks of one command are one.
const overlayFresh = 100 * time.Millisecond

// overlay is the edges of a network whose nodes choose their peers, as they were told a moment ago.
type overlay struct {
	stale atomic.Bool // something has changed since

	mu    sync.Mutex // held by whoever asks; others wait for the answer
	at    time.Time
	peers map[gossip.NodeID][]gossip.NodeID
}

// forget has the nodes asked again, when somebody wants to know.
func (o *overlay) forget() { o.stale.Store(true) }

// chosen puts into a copy of the state which peers its nodes have: an edge is there if either end says so.
func (c *controller) chosen(s *State) {
	c.overlay.mu.Lock()
	defer c.overlay.mu.Unlock()
	if time.Since(c.overlay.at) > overlayFresh || c.overlay.stale.Swap(false) {
		c.overlay.peers, c.overlay.at = c.askPeers(s), time.Now()
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; !n.Removed { // those keep the ones they had, for pictures
			n.Peers = slices.Clone(c.overlay.peers[n.ID])
		}
	}
}

// askPeers asks every node that runs for its peers. One that does not answer has the edges others have to it.
func (c *controller) askPeers(s *State) map[gossip.NodeID][]gossip.NodeID {
	g := topology.New(0)
	for i := range s.Nodes {
		if !s.Nodes[i].Removed {
			g.AddNode(int(s.Nodes[i].ID))
		}
	}
	said := make([][]gossip.NodeID, len(s.Nodes))
	var group errgroup.Group
	group.SetLimit(tellAtOnce)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Removed || n.Ended != nil {
			continue
		}
		group.Go(func() error {
			if liveStatus(n) != Running {
				return nil // a stopped node would only let the time run out
			}
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			answer, err := c.client(n.ID).Peers(ctx)
			if err != nil {
				return nil
			}
			for _, l := range answer.Peers {
				said[i] = append(said[i], l.ID)
			}
			return nil
		})
	}
	group.Wait()
	for i, peers := range said {
		for _, p := range peers {
			if id := s.Nodes[i].ID; p != id && g.HasNode(int(p)) {
				g.AddEdge(int(id), int(p))
			}
		}
	}
	peers := make(map[gossip.NodeID][]gossip.NodeID, g.Len())
	for _, v := range g.Nodes() {
		peers[gossip.NodeID(v)] = nodeIDs(g.Peers(v))
	}
	return peers
}
