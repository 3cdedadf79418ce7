//go:build planted

package sim

import (
	"gossipctl/gossip"
	"gossipctl/node"
)

// Planted are bugs that tests plant in the nodes of a world, to see whether the checker finds them. The
// zero value is none.
type Planted struct {
	// Node makes the bug of a node in its run-th life. May be nil.
	Node func(id gossip.NodeID, run uint32) node.Planted
	// Hasty says that publishers are told of a message at once, before the disk has it.
	Hasty bool
}

func (p Planted) node(id gossip.NodeID, run uint32) node.Planted {
	if p.Node == nil {
		return node.Planted{}
	}
	return p.Node(id, run)
}

// waits reports whether a publisher is told of its message only when the disk of node i has it.
func (w *World) waits(i int) bool {
	return w.disks != nil && w.disks[i].syncing && !w.cfg.Planted.Hasty
}
