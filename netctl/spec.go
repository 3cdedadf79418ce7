package netctl

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"
)

// Defaults of a network, each with its reason.
const (
	DefaultNetwork  = "default"
	DefaultTopology = "random"
	// DefaultNodes fit a screen and a lecture, and are what the job that began all this asked for.
	DefaultNodes = 16
	// DefaultBasePort leaves node k at 7000 + k, which can be told without looking it up.
	DefaultBasePort = 7000
	// DefaultTimeout is ample for 1,000 nodes, which take 2 to 4 seconds.
	DefaultTimeout = 30 * time.Second
)

// Spec is what was asked of a network.
type Spec struct {
	Network    string            `json:"network"`
	Topology   string            `json:"topology"`
	Parameter  int               `json:"parameter,omitempty"` // of the topology: degree, parts; 0 = its default
	Nodes      int               `json:"nodes"`
	Seed       uint64            `json:"seed"` // of the graph and of every node's choices
	Protocol   string            `json:"protocol"`
	Settings   map[string]string `json:"settings,omitempty"` // of the protocol
	BasePort   int               `json:"base_port"`          // the controller's; node k has BasePort + k
	Capacity   int               `json:"capacity,omitempty"` // messages in an inbox; 0 = node.Capacity
	DropOldest bool              `json:"drop_oldest,omitempty"`
	Latency    string            `json:"latency,omitempty"` // that every packet between nodes takes besides; empty: none
	LogLevel   slog.Level        `json:"log_level"`

	Repair      string        `json:"repair,omitempty"`          // anti-entropy or none
	RepairEvery time.Duration `json:"repair_every_ns,omitempty"` // 0 = protocol.RepairEvery
	Durable     bool          `json:"durable,omitempty"`         // accepted means on disk
	Record      bool          `json:"record,omitempty"`          // write down every event, for check-run
	// How nodes find each other; see api.NodeConfig. Discovery is empty or static where the controller tells them.
	Discovery          string            `json:"discovery,omitempty"`
	Contacts           int               `json:"contacts,omitempty"`   // bootstrap: how many contacts each node is given; 0 = 1
	Places             []string          `json:"places,omitempty"`     // scan: ranges; dns: a name; file: a path
	Membership         string            `json:"membership,omitempty"` // none, swim, hyparview
	MembershipSettings map[string]string `json:"membership_settings,omitempty"`

	ValuesEvery time.Duration `json:"values_every_ns,omitempty"` // 0 = values.Every
	ValuesKeep  time.Duration `json:"values_keep_ns,omitempty"`  // 0 = values.Keep

	Reconnect bool `json:"reconnect,omitempty"` // give the peers that a dead node leaves behind new ones
}

// Repairs reports whether nodes close the gaps that the protocol leaves.
func (s *Spec) Repairs() bool { return s.Repair != "" && s.Repair != "none" }

// Assembles reports whether the nodes find each other, and choose their peers themselves.
func (s *Spec) Assembles() bool {
	return s.Discovery != "" && s.Discovery != api.DiscoverStatic || s.Membership != "" && s.Membership != "none"
}

// Seed draws a seed that is easy to read out and type in again.
func Seed() uint64 { return uint64(1 + rand.Uint32N(999_999_999)) }

// graph checks the spec and makes its graph: of the edges, or, where nodes find each other, of the contacts
// between them, if the controller is to name these. Everything that can be known to be impossible is told
// here, before anything is begun.
func (s *Spec) graph() (*topology.Graph, error) {
	if err := store.CheckName(s.Network); err != nil {
		return nil, usage(err, "")
	}
	if s.Latency != "" {
		if _, err := fault.ParseLatency(s.Latency); err != nil {
			return nil, usage(err, "")
		}
	}
	if _, err := protocol.Find(s.Protocol); err != nil {
		return nil, usage(err, "run gossipctl list-protocols")
	}
	if _, err := protocol.New(s.Protocol, protocol.Environment{Self: 1, Rand: protocol.Generator(s.Seed, 1)}, s.Settings); err != nil {
		return nil, usage(err, "run gossipctl list-protocols -o wide")
	}
	if err := protocol.CheckRepair(s.Repair, s.RepairEvery); err != nil {
		return nil, usage(err, "")
	}
	if err := s.checkValues(); err != nil {
		return nil, usage(err, "")
	}
	if s.Capacity < 0 {
		return nil, usage(fmt.Errorf("an inbox of %d messages is impossible", s.Capacity), "")
	}
	if err := s.checkAssembly(); err != nil {
		return nil, err
	}
	g, err := s.wiring()
	var impossible *topology.ImpossibleError
	switch {
	case errors.As(err, &impossible):
		return nil, usage(err, "")
	case err != nil:
		return nil, usage(err, "run gossipctl list-topologies")
	}
	if s.BasePort < 1 || s.BasePort+s.Nodes > 65535 {
		return nil, usage(fmt.Errorf("ports %d to %d are not possible: they go from 1 to 65535", s.BasePort, s.BasePort+s.Nodes), "")
	}
	return g, nil
}

// Bounds of how values are kept the same.
const (
	leastValuesEvery = 10 * time.Millisecond // as that of repair
	mostValuesEvery  = time.Hour
	leastValuesKeep  = time.Second          // less, and a value that is gone could come back by the next call
	mostValuesKeep   = 365 * 24 * time.Hour // longer than any network lives
)

func (s *Spec) checkValues() error {
	if every := s.ValuesEvery; every != 0 && (every < leastValuesEvery || every > mostValuesEvery) {
		return fmt.Errorf("an interval of %v between comparisons of values is not from %v to %v", every, leastValuesEvery, mostValuesEvery)
	}
	if keep := s.ValuesKeep; keep != 0 && (keep < leastValuesKeep || keep > mostValuesKeep) {
		return fmt.Errorf("to remember for %v that a value is gone is not possible: it must be from %v to %v", keep, leastValuesKeep, mostValuesKeep)
	}
	return nil
}

// degree is what random graphs call their parameter, in force.
func (s *Spec) parameter() (name string, value int) {
	kind, ok := topology.Find(s.Topology)
	if !ok || kind.Param.Name == "" {
		return "", 0
	}
	if s.Parameter != 0 {
		return kind.Param.Name, s.Parameter
	}
	return kind.Param.Name, kind.Param.Default
}

// nodePort is where a node listens.
func (s *Spec) nodePort(id gossip.NodeID) int { return s.BasePort + int(id) }

func (s *Spec) nodeAddr(id gossip.NodeID) string { return loopback(s.nodePort(id)) }

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// usage makes a misuse of an error. Lines of a joined error become one sentence.
func usage(err error, hint string) *api.Error {
	e := api.WrapError(api.CodeUsage, err, hint)
	e.Message = oneLine(e.Message)
	return e
}
