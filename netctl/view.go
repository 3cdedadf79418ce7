package netctl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"gossipctl/gossip"
	"gossipctl/membership"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"
)

// NodeStatus says how a node is.
type NodeStatus string

// What a node can be.
const (
	Running     NodeStatus = "running"
	Paused      NodeStatus = "paused" // its process is stopped
	Dead        NodeStatus = "dead"
	Removed     NodeStatus = "removed"
	Unreachable NodeStatus = "unreachable" // its process lives but does not answer
)

// View is a network as it is at a moment: the JSON of start-network and show-network.
type View struct {
	Network    string         `json:"network"`
	Protocol   string         `json:"protocol"`
	Repair     string         `json:"repair"` // what closes the gaps it leaves: anti-entropy or none
	Topology   TopologyView   `json:"topology"`
	Discovery  string         `json:"discovery,omitempty"`  // how nodes find each other, where they do
	Membership string         `json:"membership,omitempty"` // and what notices who is there; none: nothing does
	Assembled  *Assembled     `json:"assembled,omitempty"`  // how long that took at the start, where somebody waited for it
	Seed       uint64         `json:"seed"`
	Started    time.Time      `json:"started"`
	Controller ControllerView `json:"controller"`
	Plot       string         `json:"plot,omitempty"`
	Nodes      []NodeView     `json:"nodes"`
	Faults     []Fault        `json:"faults"` // in force
}

// TopologyView is how the nodes that live are wired.
type TopologyView struct {
	Kind      string `json:"kind"`
	Degree    int    `json:"degree,omitempty"` // asked of a random graph
	Parts     int    `json:"parts,omitempty"`  // asked of a turan graph
	Dials     int    `json:"dials,omitempty"`  // asked of a dialled graph: others that each node called
	Branching int    `json:"branching,omitempty"`
	Nodes     int    `json:"nodes"`
	Edges     int    `json:"edges"`
	Diameter  int    `json:"diameter"` // 0 when not connected
	Connected bool   `json:"connected"`
}

// ControllerView says where the controller is.
type ControllerView struct {
	PID int    `json:"pid"`
	URL string `json:"url"`
}

// NodeView is one node as it is at a moment.
type NodeView struct {
	ID       gossip.NodeID   `json:"id"`
	State    NodeStatus      `json:"state"`
	Run      uint32          `json:"run"` // which life of the node this is, from 1
	PID      int             `json:"pid"`
	URL      string          `json:"url"`
	Peers    []gossip.NodeID `json:"peers"`
	Messages int             `json:"messages"`
	Unread   int             `json:"unread"`
	Exit     string          `json:"exit,omitempty"`    // how a dead node ended
	Ended    *time.Time      `json:"ended,omitempty"`   // and when
	Joined   bool            `json:"joined,omitempty"`  // it was started by hand
	Traffic  *NodeTraffic    `json:"traffic,omitempty"` // where it was asked for; see Network.Count
	Sees     *Opinion        `json:"view,omitempty"`    // its own view of the others, where it has one and was asked; see Network.Ask
}

// view makes a view of a state; status tells how each node is.
func (s *State) view(status func(*NodeState) NodeStatus) View {
	v := View{
		Network: s.Spec.Network, Protocol: s.Spec.Protocol, Repair: cmp.Or(s.Spec.Repair, protocol.RepairNone), Seed: s.Spec.Seed, Started: s.Started.UTC(),
		Controller: ControllerView{PID: s.Controller.PID, URL: "http://" + loopback(s.Spec.BasePort)},
		Nodes:      make([]NodeView, 0, len(s.Nodes)), Faults: s.faults(),
	}
	if s.Spec.Assembles() {
		v.Discovery, v.Membership = cmp.Or(s.Spec.Discovery, api.DiscoverStatic), cmp.Or(s.Spec.Membership, membership.None)
		v.Assembled = s.Assembled
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		v.Nodes = append(v.Nodes, NodeView{
			ID: n.ID, State: status(n), Run: n.Run, PID: n.Process.PID, URL: "http://" + s.addr(n.ID),
			Peers: append([]gossip.NodeID{}, n.Peers...), Exit: n.Exit, Ended: n.Ended, Joined: n.Joined,
		})
	}
	v.Topology = topologyView(&s.Spec, v.Live())
	return v
}

// check says what is wrong with a view that was received: when a controller was killed, whoever has
// taken its port may have sent it.
func (v *View) check(network string) error {
	if v.Network != network {
		return fmt.Errorf("it is about network %.40q", v.Network)
	}
	texts := v.Protocol + v.Repair + v.Topology.Kind + v.Discovery + v.Membership + v.Controller.URL
	last := gossip.NodeID(0)
	for _, n := range v.Nodes {
		if n.ID <= last {
			return fmt.Errorf("node %d comes after node %d", n.ID, last)
		}
		last = n.ID
		if slices.ContainsFunc(n.Peers, func(p gossip.NodeID) bool { return p < 1 || p == n.ID }) {
			return fmt.Errorf("the peers of node %d are %d", n.ID, n.Peers)
		}
		texts += string(n.State) + n.URL + n.Exit
	}
	for _, f := range v.Faults {
		if err := f.Check(); err != nil {
			return fmt.Errorf("fault %.40q: %w", f.Name, err)
		}
		texts += f.Name
	}
	if strings.ContainsFunc(texts, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("some of it cannot be shown")
	}
	return nil
}

func topologyView(spec *Spec, g *topology.Graph) TopologyView {
	t := TopologyView{Kind: spec.Topology, Nodes: g.Len(), Edges: g.NumEdges()}
	t.Diameter, t.Connected = topology.Diameter(g)
	switch name, value := spec.parameter(); name {
	case "DEGREE": // as long as it is true
		if degree, regular := topology.Regular(g); regular && degree == value {
			t.Degree = value
		}
	case "PARTS":
		t.Parts = value
	case "BRANCHING":
		t.Branching = value
	case "DIALS":
		t.Dials = value
	}
	return t
}

// Live is the graph of the nodes that are neither dead nor removed.
func (v *View) Live() *topology.Graph {
	g := topology.New(0)
	for _, n := range v.Nodes {
		if n.State != Dead && n.State != Removed {
			g.AddNode(int(n.ID))
		}
	}
	for _, n := range v.Nodes {
		for _, p := range n.Peers {
			if g.HasNode(int(n.ID)) && g.HasNode(int(p)) {
				g.AddEdge(int(n.ID), int(p))
			}
		}
	}
	return g
}

// Count is how many nodes are in a state.
func (v *View) Count(state NodeStatus) int {
	count := 0
	for _, n := range v.Nodes {
		if n.State == state {
			count++
		}
	}
	return count
}

// Node finds a node by number.
func (v *View) Node(id gossip.NodeID) (NodeView, bool) {
	for _, n := range v.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return NodeView{}, false
}

// Describe is the topology in a few words: random 3 · 16 nodes · 24 edges · diameter 4.
func (v *View) Describe() string {
	t := v.Topology
	kind := t.Kind
	if p := max(t.Degree, t.Parts, t.Branching, t.Dials); p > 0 {
		kind = fmt.Sprintf("%s %d", kind, p)
	}
	text := fmt.Sprintf("%s · %s · %s", kind, count(t.Nodes, "node"), count(t.Edges, "edge"))
	if t.Connected {
		return text + fmt.Sprintf(" · diameter %d", t.Diameter)
	}
	return text + " · NOT connected"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
