package api

import (
	"log/slog"

	"gossipctl/gossip"
)

// NodeConfig is what a node process is told by its controller, as JSON on a pipe, at its birth.
type NodeConfig struct {
	Network      string            `json:"network"`    // its name
	NetworkID    string            `json:"network_id"` // its identity, different at every start
	ID           gossip.NodeID     `json:"id"`
	Run          uint32            `json:"run"`
	Seed         uint64            `json:"seed"`
	Protocol     string            `json:"protocol"`
	Settings     map[string]string `json:"settings,omitempty"`
	Peers        []Peer            `json:"peers"`
	ControlToken string            `json:"control_token"`
	PeerToken    string            `json:"peer_token"`
	LogFile      string            `json:"log_file"`
	LogLevel     slog.Level        `json:"log_level"`
	Capacity     int               `json:"capacity,omitempty"` // messages in the inbox; 0 = node.Capacity
	DropOldest   bool              `json:"drop_oldest,omitempty"`
	Latency      string            `json:"latency,omitempty"` // that every packet to a peer takes, as fault.ParseLatency reads it
}
