//go:build planted

package node

import (
	"time"

	"gossipctl/gossip"
)

// Planted is a bug that tests plant in a node, to see whether the checker finds it. The zero value is none.
type Planted struct {
	// Dedup takes the place of the node's own memory of what it had: it is told of each message that is
	// restored or that a protocol delivers, with the time of day by the node's clock, and says whether it
	// takes it for new.
	Dedup func(at time.Time, id gossip.ID) (isNew bool)
}

// isNew notes that a message is here, and reports whether the node takes it for new.
func (n *Node) isNew(now time.Time, id gossip.ID) bool {
	first := n.seen.Add(id)
	if n.cfg.Planted.Dedup != nil {
		return n.cfg.Planted.Dedup(now.Add(n.wrong), id)
	}
	return first
}
