package api

import (
	"fmt"
	"net/netip"

	"gossipctl/gossip"
)

// CheckPeers makes sure that a list of peers can be dialled without harm: other nodes, each once,
// at literal loopback addresses. Nothing is ever resolved, so a name cannot lead elsewhere.
func CheckPeers(self gossip.NodeID, peers []Peer) error {
	seen := make(map[gossip.NodeID]bool, len(peers))
	for _, p := range peers {
		addr, err := netip.ParseAddrPort(p.Addr)
		switch {
		case p.ID < 1 || p.ID == self:
			return NewError(CodeUsage, fmt.Sprintf("node %d cannot be a peer of node %d", p.ID, self), "")
		case seen[p.ID]:
			return NewError(CodeUsage, fmt.Sprintf("peer %d stands twice", p.ID), "")
		case err != nil || addr.Port() == 0:
			return NewError(CodeUsage, fmt.Sprintf("peer %d: %q is not a literal address with a port", p.ID, p.Addr), "")
		case !addr.Addr().IsLoopback() || addr.Addr().Zone() != "":
			return NewError(CodeUsage, fmt.Sprintf("peer %d: %s is not on this machine", p.ID, p.Addr), "")
		}
		seen[p.ID] = true
	}
	return nil
}
