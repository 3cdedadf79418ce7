package node

import (
	"iter"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// Shared yields what the last read of a network tells of the node's values, those that are gone too, and of how it
// sees others: events without their time and node, first all of [trace.Value], then all of [trace.View]. Nothing may
// happen at the node meanwhile.
func (n *Node) Shared() iter.Seq[trace.Event] {
	return func(yield func(trace.Event) bool) {
		if n.values != nil {
			entries := n.values.Entries(0, "", true)
			for i := range entries {
				x := &entries[i]
				e := trace.Event{
					Kind: trace.Value, Message: gossip.UpdateID(x.Owner, x.Run, x.Version), Name: x.Key, Digest: trace.Digest(x.Value), Size: len(x.Value),
				}
				if x.Deleted {
					e.Count = 1
				}
				if !yield(e) {
					return
				}
			}
		}
		members, _ := n.Members()
		neighbours, _ := n.Neighbours()
		for i := range members {
			m := &members[i]
			e := trace.Event{Kind: trace.View, Peer: m.Node, PeerRun: m.Run, Reason: m.Standing.String(), Count: uint64(m.Incarnation)}
			if neighbours.Has(m.Node) {
				e.Name = trace.Neighbour
			}
			if !yield(e) {
				return
			}
		}
	}
}
