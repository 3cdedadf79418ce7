package api

import (
	"log/slog"
	"time"

	"gossipctl/fault"
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

	Repair      string        `json:"repair,omitempty"`          // what closes the gaps that the protocol leaves: anti-entropy, or none
	RepairEvery time.Duration `json:"repair_every_ns,omitempty"` // 0 = protocol.RepairEvery
	Durable     bool          `json:"durable,omitempty"`         // accepted means on disk
	DataFile    string        `json:"data_file,omitempty"`       // where the inbox is kept, if it is; read at birth if it is there
	EventFile   string        `json:"event_file,omitempty"`      // where events are written, if they are
	Rules       []fault.Rule  `json:"rules,omitempty"`           // faults in force at birth
}
