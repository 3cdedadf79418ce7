package scenario

import (
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/topology"
	"gossipctl/values"
	"gossipctl/workload"
)

// Scenario is a file, checked, with numbers instead of text, for one combination of its matrix.
type Scenario struct {
	Name     string // with the values of the matrix: mass-failure[share=10%]
	Base     string // without
	Case     string // what stands in the brackets
	About    string
	Network  Network
	Workload Workload
	Steps    []Step // in order of the file
	Settle   time.Duration
	Assert   Assertions

	file string // for errors
	text string
}

// Network is the network to start.
type Network struct {
	Nodes       int
	Topology    string
	Parameter   int // of the topology; 0 = its default
	Protocol    string
	Set         map[string]string
	Durable     bool
	Repair      string        // anti-entropy or none
	RepairEvery time.Duration // 0 = protocol.RepairEvery
	Latency     string        // as fault.ParseLatency reads it; empty: the engine's default
	Reconnect   bool

	Discovery     string            // static or bootstrap
	Contacts      int               // of bootstrap
	Membership    string            // empty: none
	MembershipSet map[string]string // its settings
	ValuesEvery   time.Duration     // 0 = values.Every
	ValuesKeep    time.Duration     // 0 = values.Keep
}

// Workload is what is published.
type Workload struct {
	Messages int
	Every    time.Duration
	From     time.Duration // of the first
	Size     int           // of a body, in bytes
	Senders  Set
}

// Deed is what a step does.
type Deed string

// What a step can do.
const (
	SetFault  Deed = "set-fault"
	Partition Deed = "partition"
	Heal      Deed = "heal"
	Clear     Deed = "clear"
	Kill      Deed = "kill"
	Restart   Deed = "restart"
	Pause     Deed = "pause"
	Resume    Deed = "resume"
	Churn     Deed = "churn"
	Chaos     Deed = "chaos"

	SetValue      Deed = "set-value"
	DeleteValue   Deed = "delete-value"
	StartWorkload Deed = "start-workload"
	StopWorkload  Deed = "stop-workload"
)

// Whom heals.
const (
	healPartition = "partition"
	healFaults    = "faults"
	healAll       = "all"
)

// Step is an entry of the timeline.
type Step struct {
	At, For time.Duration // For 0: until something ends it
	Deed    Deed
	Name    string // of a fault, for Clear
	Nodes   Set    // whom it hits
	Power   bool   // of Kill
	To      Set    // of SetFault: the other ends; zero: all
	Rule    fault.Rule
	Groups  []fault.NodeSet // of Partition
	Heals   string          // of Heal
	Every   time.Duration   // of Churn
	Down    time.Duration   // of Churn
	Least   int             // of Chaos: faults
	Most    int
	Kinds   []string // of Chaos

	Change   values.Change     // of SetValue and DeleteValue
	Workload workload.Settings // of StartWorkload; of StopWorkload only its name

	place Text
}

// Assertions are what must hold afterwards. Nil: not asked for.
type Assertions struct {
	Guarantees []string // empty: all that apply
	Coverage   *Bound
	Redundancy *Bound
	LatencyP50 *Bound // in nanoseconds
	LatencyP99 *Bound // in nanoseconds
	Memory     *Bound // in bytes
	Dropped    *Bound
	Inboxes    bool // must be equal
	Members    bool // must see each other as they are
	Values     *Bound
}

// Bound is a comparison with a value.
type Bound struct {
	Text   string // as it was written
	Op     string // <=, <, >=, >, =
	Value  float64
	Within time.Duration // of coverage: how long after; 0: in the end
	After  string        // of Within: heal or publish
}

// After what coverage is looked at.
const (
	afterHeal    = "heal"
	afterPublish = "publish"
)

// Holds reports whether a value is as wanted.
func (b *Bound) Holds(v float64) bool {
	switch b.Op {
	case "<=":
		return v <= b.Value
	case "<":
		return v < b.Value
	case ">=":
		return v >= b.Value
	case ">":
		return v > b.Value
	}
	return v == b.Value
}

// Bounds of a scenario, so that no file asks for what no machine can do.
const (
	// MaxNodes is what start-network makes: a scenario is simulated with what could be tried for real.
	MaxNodes = topology.MaxNodes
	// MaxMessages fill an inbox.
	MaxMessages = 100_000
	// MaxLength is a day of virtual time.
	MaxLength = 24 * time.Hour
	// MaxSteps bounds what churn and chaos expand to.
	MaxSteps = 10_000
	// MaxCases bounds the combinations of a matrix.
	MaxCases = 100
)

// Defaults of a scenario, each with its reason.
const (
	// DefaultNodes is that of start-network.
	DefaultNodes = 16
	// DefaultMessages make one lost message five percent, which nobody overlooks.
	DefaultMessages = 20
	// DefaultEvery spreads them over ten seconds: before, in and after most faults.
	DefaultEvery = 500 * time.Millisecond
	// DefaultSize is a line of text.
	DefaultSize = 64
	// DefaultSettle is the time in which up to 50 nodes agree after everything is healed.
	DefaultSettle = 10 * time.Second
	// DefaultLatency of the simulator is about what loopback takes with some load.
	DefaultLatency = "constant:1ms"
)

// Set is a set of nodes as it is written.
type Set struct {
	fault.NodeSet
	Dead   bool // those that are dead
	Paused bool // those that are paused
	place  Text
}

// all reports whether it is everybody.
func (s Set) all() bool { return s.String() == "all" }

// chance reports whether it has to be drawn.
func (s Set) chance() bool { return strings.HasSuffix(s.String(), "%") }

// everyone is the set of all nodes.
func everyone() fault.NodeSet {
	all, _ := fault.ParseNodes("all")
	return all
}

// Text is the file as it was read, with the values of the matrix filled in.
func (s *Scenario) Text() string { return s.text }
