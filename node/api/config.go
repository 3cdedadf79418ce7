package api

import (
	"log/slog"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/workload"
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
	GuestToken   string            `json:"guest_token,omitempty"` // of programs that are no nodes; empty: there are none
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

	// How nodes find each other: by one of the Discovery words. All but DiscoverStatic make Peers contacts.
	Discovery string `json:"discovery,omitempty"`
	// Contacts are where discovery begins, by its kind: addresses of nodes (bootstrap), ranges of addresses (scan),
	// a name with a port (dns), a path (file).
	Contacts       []string      `json:"contacts,omitempty"`
	DiscoveryEvery time.Duration `json:"discovery_every_ns,omitempty"` // 0 = the kind's own

	// Silent says that the node ends without saying goodbye to the others, even if nobody has killed it.
	Silent bool `json:"silent,omitempty"`

	Membership         string            `json:"membership,omitempty"` // none, swim, hyparview
	MembershipSettings map[string]string `json:"membership_settings,omitempty"`

	ValuesEvery time.Duration `json:"values_every_ns,omitempty"` // 0 = values.Every
	ValuesKeep  time.Duration `json:"values_keep_ns,omitempty"`  // 0 = values.Keep

	Workloads []workload.Settings `json:"workloads,omitempty"` // what the node does by itself from its birth on
}

// Kinds of discovery.
const (
	DiscoverStatic    = "static"    // the controller tells a node its peers
	DiscoverBootstrap = "bootstrap" // nodes at known addresses are asked whom they know
	DiscoverScan      = "scan"      // ranges of addresses are tried
	DiscoverDNS       = "dns"       // a name is resolved again and again
	DiscoverFile      = "file"      // a file with a list is watched
)

// Assembles reports whether the nodes of the network find each other.
func (c *NodeConfig) Assembles() bool {
	return c.Discovery != "" && c.Discovery != DiscoverStatic || c.Membership != "" && c.Membership != "none"
}
