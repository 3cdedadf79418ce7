//go:build !planted

package node

import (
	"time"

	"gossipctl/gossip"
)

// Planted is nothing: only with the build tag planted can tests plant a bug in a node.
type Planted struct{}

// isNew notes that a message is here, and reports whether it never was before.
func (n *Node) isNew(_ time.Time, id gossip.ID) bool { return n.seen.Add(id) }
