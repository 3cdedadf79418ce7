package scenario

// File is a scenario as it is written. Every value is text: times as 1.5s, shares as 0.5 or 50%, sizes as
// 64B or 200MB, node sets as fault.ParseNodes reads them (3, 1-8, 1,4,9-12, all, 10%). Keys that are not
// listed here are errors.
type File struct {
	// Name is what reports call it: small letters, digits and dashes.
	Name Text `yaml:"name"`
	// About says what it shows, for people.
	About Text `yaml:"about"`
	// Matrix runs the file once for each combination of values: ${key} in the text stands for one of them.
	Matrix   map[string][]Text `yaml:"matrix"`
	Network  NetworkFile       `yaml:"network"`
	Workload WorkloadFile      `yaml:"workload"`
	// Timeline is what goes wrong, and when. Its order does not matter.
	Timeline []StepFile `yaml:"timeline"`
	// Settle is the time from the last event until the network is read for the last time. Default: 10s.
	Settle Text       `yaml:"settle"`
	Assert AssertFile `yaml:"assert"`
}

// NetworkFile is the network to start.
type NetworkFile struct {
	Nodes    Text            `yaml:"nodes"`    // how many; default 16
	Topology Text            `yaml:"topology"` // NAME or NAME:PARAMETER of list-topologies, or complete; default random
	Protocol Text            `yaml:"protocol"` // of list-protocols; default flood
	Set      map[string]Text `yaml:"set"`      // settings of the protocol
	Durable  Text            `yaml:"durable"`  // true: accepted means on disk; default false
	Repair   Text            `yaml:"repair"`   // anti-entropy or none; default anti-entropy
	// RepairEvery is the interval of the repair; default: that of start-network.
	RepairEvery Text `yaml:"repair_every"`
	Latency     Text `yaml:"latency"`   // of every packet, as start-network --latency; default: constant:1ms simulated, none live
	Reconnect   Text `yaml:"reconnect"` // true: those who lose a peer get a new one; default false

	// Discovery is static, where a node is told its peers, or bootstrap, where it is given contacts and finds the
	// others; default static.
	Discovery Text `yaml:"discovery"`
	Contacts  Text `yaml:"contacts"` // of bootstrap: nodes 1 to so many are the contacts of all; default 1
	// Membership finds out who is there, and chooses peers: none, swim or hyparview; default none.
	Membership         Text            `yaml:"membership"`
	MembershipSettings map[string]Text `yaml:"membership_settings"`
	ValuesEvery        Text            `yaml:"values_every"` // time between two reconciliations of values; default 1s
	ValuesKeep         Text            `yaml:"values_keep"`  // how long it is remembered that a value is gone; default 1h
}

// WorkloadFile is what is published. Either Messages or Rate.
type WorkloadFile struct {
	Messages Text `yaml:"messages"` // how many; default 20
	Every    Text `yaml:"every"`    // time between two of them; default 500ms
	Rate     Text `yaml:"rate"`     // messages a second, as 20/s, instead
	For      Text `yaml:"for"`      // with Rate, for how long
	From     Text `yaml:"from"`     // time of the first; default 0s
	Size     Text `yaml:"size"`     // of each body; default 64B
	Senders  Text `yaml:"senders"`  // nodes that publish, each time one of those alive is drawn; default all
}

// StepFile is an entry of the timeline: at a moment, one thing that happens.
type StepFile struct {
	At   Text `yaml:"at"`   // since the start
	For  Text `yaml:"for"`  // it ends by itself after this time: the fault is cleared, the node restarted or resumed
	Name Text `yaml:"name"` // what clear calls it; only faults of links and clocks

	// Faults of links, as set-fault: any of these together.
	Nodes     Text `yaml:"nodes"`     // whose links, whose value, or who works; default all
	To        Text `yaml:"to"`        // only links between nodes and these
	Direction Text `yaml:"direction"` // out: what nodes send; in: what they are sent; default both
	Cut       Text `yaml:"cut"`       // true: nothing arrives
	Loss      Text `yaml:"loss"`      // share lost
	Duplicate Text `yaml:"duplicate"` // share that comes twice
	Reorder   Text `yaml:"reorder"`   // share that later packets overtake
	Corrupt   Text `yaml:"corrupt"`   // share that arrives damaged
	Delay     Text `yaml:"delay"`     // 50ms, or a distribution as --latency takes it
	Jitter    Text `yaml:"jitter"`    // share of the delay
	Bandwidth Text `yaml:"bandwidth"` // of each link, as 100KB/s

	// Clock sets the clocks of Nodes wrong, as +1h or -30s.
	Clock Text `yaml:"clock"`

	// Partition cuts the links between groups: 1-8 / 9-16. Groups may be shares: 50% / 50%.
	Partition Text `yaml:"partition"`
	OneWay    Text `yaml:"one_way"` // true: only what goes from an earlier group to a later one is cut

	// Heal ends faults: partition those set by partition, faults all of links and clocks, all besides that
	// restarts who is dead and resumes who is paused.
	Heal  Text `yaml:"heal"`
	Clear Text `yaml:"clear"` // ends the fault of that name

	Kill    Text `yaml:"kill"`    // these nodes, as kill -9; shares are drawn of those alive
	Power   Text `yaml:"power"`   // true beside kill: as a power failure, what was not synced is lost; processes are only killed
	Restart Text `yaml:"restart"` // these nodes, or dead: all that are dead; who is alive is killed first
	Pause   Text `yaml:"pause"`   // these nodes stand still
	Resume  Text `yaml:"resume"`  // these nodes, or paused: all that are

	// SetValue has nodes set that key of their own map to Value; DeleteValue deletes it.
	SetValue    Text `yaml:"set_value"`
	DeleteValue Text `yaml:"delete_value"`
	Value       Text `yaml:"value"`
	Register    Text `yaml:"register"` // true: a key that all nodes write; the last counts
	TTL         Text `yaml:"ttl"`      // edges that the news may travel at most; default: any number

	// StartWorkload has nodes do something by themselves, of list-workloads, until it is stopped, or for the step's
	// for. What still runs after the last entry of the timeline is stopped then.
	StartWorkload Text `yaml:"start_workload"`
	Every         Text `yaml:"every"`         // of a workload: about how long each node waits between two; default: its own
	StopWorkload  Text `yaml:"stop_workload"` // the one of that name

	Churn *ChurnFile `yaml:"churn"`
	Chaos *ChaosFile `yaml:"chaos"`
}

// ChurnFile kills nodes one after the other, for the step's for, and restarts each.
type ChurnFile struct {
	Nodes Text `yaml:"nodes"` // among which; default all
	Every Text `yaml:"every"` // time between two deaths; default 1s
	Down  Text `yaml:"down"`  // how long each is dead; default 2s
}

// ChaosFile is random faults for the step's for. Each seed draws a subset of the kinds, and then faults of
// those, their moments, how long they last, and whom they hit. All of them end in that time.
type ChaosFile struct {
	Faults Text   `yaml:"faults"` // how many, as 9 or 8-12; default 8-12
	Kinds  []Text `yaml:"kinds"`  // default: all of chaos kinds
}

// AssertFile is what must hold. The checker's verdict always must. Comparisons are <=, <, >=, > or = and
// a value.
type AssertFile struct {
	// Guarantees that the checker judges, of G1 to G9 and G12; default: all that apply.
	Guarantees []Text `yaml:"guarantees"`
	// Coverage is the share of what live nodes must have (every accepted message at each) that they have:
	// ">= 0.999 within 5s after heal". Without within it is that of the last read.
	Coverage   Text `yaml:"coverage"`
	Redundancy Text `yaml:"redundancy"`  // copies received per useful copy, minus one: "<= 3"
	LatencyP50 Text `yaml:"latency_p50"` // from publishing to arrival, over all arrivals: "<= 50ms"
	LatencyP99 Text `yaml:"latency_p99"`
	Memory     Text `yaml:"memory"`  // the most any node takes: "<= 200MB"; only on processes
	Inboxes    Text `yaml:"inboxes"` // equal: all live nodes have the same messages, byte for byte
	// Values is equal: all live nodes have the same values, each as its owner has it. With "equal within 15s after
	// heal" no picture may change later than that, nor than that after the last value was set.
	Values  Text `yaml:"values"`
	Members Text `yaml:"members"` // agree: all live nodes see each other as alive, and nobody else
	Dropped Text `yaml:"dropped"` // packets dropped by any reason: "> 0" says that a fault did something
}
