package gossip_test

import (
	"slices"
	"testing"

	"gossipctl/gossip"
)

func TestPeers(t *testing.T) {
	for _, c := range []struct {
		name  string
		peers gossip.Peers
		want  []gossip.NodeID
	}{
		{"nobody", gossip.Peers{}, nil},
		{"an empty list", gossip.NewPeers([]gossip.NodeID{}), nil},
		{"a list", gossip.NewPeers([]gossip.NodeID{2, 5, 9}), []gossip.NodeID{2, 5, 9}},
		{"everyone but the first", gossip.Everyone(4, 1), []gossip.NodeID{2, 3, 4}},
		{"everyone but one in the middle", gossip.Everyone(4, 3), []gossip.NodeID{1, 2, 4}},
		{"everyone but the last", gossip.Everyone(4, 4), []gossip.NodeID{1, 2, 3}},
		{"everyone, from outside", gossip.Everyone(3, 9), []gossip.NodeID{1, 2, 3}},
		{"alone", gossip.Everyone(1, 1), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []gossip.NodeID
			for i, id := range c.peers.All() {
				if at, is := c.peers.Index(id); at != i || !is {
					t.Errorf("Index(%d) = %d, %v, want %d", id, at, is, i)
				}
				got = append(got, id)
			}
			if !slices.Equal(got, c.want) || c.peers.Len() != len(c.want) {
				t.Errorf("%d: %v, want %v", c.peers.Len(), got, c.want)
			}
			for id := gossip.NodeID(-1); id < 12; id++ {
				if c.peers.Has(id) != slices.Contains(c.want, id) {
					t.Errorf("Has(%d) = %v", id, c.peers.Has(id))
				}
			}
		})
	}
}
