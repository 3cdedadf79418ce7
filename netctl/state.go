package netctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// StateVersion is the version of the state file this program writes, and the only one it reads.
const StateVersion = 2

// State is what exists, as the state file keeps it: renaming that file into place is what makes a
// network exist. It holds no secret.
type State struct {
	FileVersion int           `json:"version"`
	NetworkID   string        `json:"network_id"` // drawn anew at every start
	Spec        Spec          `json:"spec"`
	Started     time.Time     `json:"started"`
	Controller  proc.Identity `json:"controller"`
	Nodes       []NodeState   `json:"nodes"`                // by number; removed ones stay, as pictures show them
	Faults      []FaultState  `json:"faults,omitempty"`     // in force, in the order in which they were set
	FaultsSet   int           `json:"faults_set,omitempty"` // ever: the next one is named after their number
	Workloads   []Workload    `json:"workloads,omitempty"`  // what nodes are to do by themselves

	// Assembled is how long it took the nodes to find each other, where they do and somebody waited for it.
	Assembled *Assembled `json:"assembled,omitempty"`

	// Stopped is when the network was stopped and kept: nothing of it runs, and it can be resumed.
	Stopped *time.Time `json:"stopped,omitempty"`

	byHand bool // it has no controller, and no state file
}

// NodeState is one node in the state file.
type NodeState struct {
	ID      gossip.NodeID   `json:"id"`
	Run     uint32          `json:"run"`
	Process proc.Identity   `json:"process"`
	Peers   []gossip.NodeID `json:"peers"` // of a removed node: those it had; where nodes find each other: none
	// Contacts are whom the node was given to begin with in its present life, where nodes find each other.
	Contacts []gossip.NodeID `json:"contacts,omitempty"`
	Removed  bool            `json:"removed,omitempty"`
	Exit     string          `json:"exit,omitempty"` // how a dead node ended
	Ended    *time.Time      `json:"ended,omitempty"`
	Joined   bool            `json:"joined,omitempty"` // it was started by hand, and is no child of the controller's
	Addr     string          `json:"addr,omitempty"`   // where it listens, if not at the port of its number
}

// Validate says what is wrong with a state that was read.
func (s State) Validate() error {
	switch {
	case s.NetworkID == "":
		return errors.New("network_id is missing")
	case store.CheckName(s.Spec.Network) != nil:
		return fmt.Errorf("spec.network is %.40q", s.Spec.Network)
	case s.Spec.BasePort < 1 || s.Spec.BasePort > 65535:
		return fmt.Errorf("spec.base_port is %d", s.Spec.BasePort)
	case s.Stopped != nil && s.Stopped.IsZero():
		return errors.New("stopped is no moment")
	case len(s.Nodes) > 10*topology.MaxNodes:
		return fmt.Errorf("it names %d nodes", len(s.Nodes))
	}
	if err := s.Controller.Validate(); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if len(s.Faults) > MaxFaults {
		return fmt.Errorf("it names %d faults", len(s.Faults))
	}
	for _, f := range s.Faults {
		if err := f.Rule.Check(); err != nil {
			return fmt.Errorf("fault %.40q: %w", f.Rule.Name, err)
		}
	}
	if err := validateWorkloads(s.Workloads); err != nil {
		return fmt.Errorf("workloads: %w", err)
	}
	last := gossip.NodeID(0)
	for _, n := range s.Nodes {
		if n.ID <= last {
			return fmt.Errorf("node %d comes after node %d", n.ID, last)
		}
		last = n.ID
		if slices.ContainsFunc(n.Peers, func(p gossip.NodeID) bool { return p < 1 || p == n.ID }) {
			return fmt.Errorf("the peers of node %d are %d", n.ID, n.Peers)
		}
		if slices.ContainsFunc(n.Contacts, func(p gossip.NodeID) bool { return p < 1 || p == n.ID }) {
			return fmt.Errorf("the contacts of node %d are %d", n.ID, n.Contacts)
		}
		if n.Addr != "" && api.CheckPeers(0, []api.Peer{{ID: n.ID, Addr: n.Addr}}) != nil {
			return fmt.Errorf("the address of node %d is %.40q", n.ID, n.Addr)
		}
		if err := n.Process.Validate(); err != nil {
			return fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	return nil
}

// node finds a node by number.
func (s *State) node(id gossip.NodeID) *NodeState {
	for i := range s.Nodes {
		if s.Nodes[i].ID == id {
			return &s.Nodes[i]
		}
	}
	return nil
}

// present are the nodes that were not removed, dead ones included.
func (s *State) present() []gossip.NodeID {
	var ids []gossip.NodeID
	for _, n := range s.Nodes {
		if !n.Removed {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// processes are the identities of every node that may still run.
func (s *State) processes() []proc.Identity {
	var ids []proc.Identity
	for _, n := range s.Nodes {
		if !n.Removed && n.Ended == nil {
			ids = append(ids, n.Process)
		}
	}
	return ids
}

// unknownNode is the error about a node number that is not in the network.
func (s *State) unknownNode(id gossip.NodeID) *api.Error {
	if n := s.node(id); n != nil && n.Removed {
		return api.NewError(api.CodeNotFound, fmt.Sprintf("node %d was removed from network %q", id, s.Spec.Network), "run gossipctl list-nodes to see those that are left")
	}
	return api.NewError(api.CodeNotFound, fmt.Sprintf("there is no node %d in network %q; it has %s", id, s.Spec.Network, ranges(s.present())), "")
}

// ranges writes sorted node numbers as people do: 1-8,12.
func ranges(ids []gossip.NodeID) string {
	if len(ids) == 0 {
		return "no nodes"
	}
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", ids[i])
		if j > i {
			fmt.Fprintf(&b, "-%d", ids[j])
		}
		i = j + 1
	}
	noun := "nodes "
	if len(ids) == 1 {
		noun = "node "
	}
	return noun + b.String()
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }
