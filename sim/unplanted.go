//go:build !planted

package sim

import (
	"gossipctl/gossip"
	"gossipctl/node"
)

// Planted is nothing: only with the build tag planted can tests plant bugs in the nodes of a world.
type Planted struct{}

func (Planted) node(gossip.NodeID, uint32) node.Planted { return node.Planted{} }

// waits reports whether a publisher is told of its message only when the disk of node i has it.
func (w *World) waits(i int) bool { return w.disks != nil && w.disks[i].syncing }
