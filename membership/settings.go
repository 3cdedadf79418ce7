package membership

import (
	"time"

	"gossipctl/protocol"
)

// Settings that acquaint and swim have in common.
var spreading = []protocol.Setting{
	{Name: "peers", Type: protocol.Whole, Default: 4, Min: 0, Max: 64, Unit: "neighbours",
		Why: "neighbours that the protocol gets, two for each random ring through all members: two rings make an expander; 0 is everybody"},
	{Name: "gossip", Type: protocol.Duration, Default: 200 * time.Millisecond, Min: 5 * time.Millisecond, Max: time.Minute, Unit: "time",
		Why: "memberlist's GossipInterval on a LAN: news is told that often, and nothing while there is none"},
	{Name: "fanout", Type: protocol.Whole, Default: 3, Min: 1, Max: 64, Unit: "members",
		Why: "memberlist's GossipNodes on a LAN: how many are told each time"},
	{Name: "lambda", Type: protocol.Whole, Default: 4, Min: 1, Max: 100, Unit: "transmissions",
		Why: "memberlist's RetransmitMult; times ⌈log10(n+1)⌉, after which n^-(2λ-2) of the members have not heard (SWIM, section 4.1)"},
	{Name: "updates", Type: protocol.Whole, Default: 32, Min: 2, Max: 256, Unit: "names",
		Why: "with their addresses, some 28 bytes each, and a sample they stay below the 1,400 bytes that any Ethernet carries in one frame"},
	{Name: "sample", Type: protocol.Whole, Default: 4, Min: 0, Max: 64, Unit: "members",
		Why: "drawn at random, they fill what room news leaves in a packet: enough that every member is heard of again and again, and pings stay below 200 bytes"},
	{Name: "sync", Type: protocol.Duration, Default: 30 * time.Second, Min: 10 * time.Millisecond, Max: 24 * time.Hour, Unit: "time",
		Why: "memberlist's PushPullInterval on a LAN: the longest pause between two comparisons of whole views; who learns of members that way looks again a gossip later"},
	{Name: "phase", Type: protocol.Choice, Default: phaseRandom, Choices: []string{phaseRandom, phaseAligned}, Unit: "one of random, aligned",
		Why: "nodes of a real network keep no common time; aligned makes all act at the same instants, as papers count periods"},
}

// Values of the setting phase.
const (
	phaseRandom  = "random"
	phaseAligned = "aligned"
)

// Settings of swim alone.
var detecting = []protocol.Setting{
	{Name: "period", Type: protocol.Duration, Default: time.Second, Min: 20 * time.Millisecond, Max: time.Hour, Unit: "time",
		Why: "memberlist's ProbeInterval on a LAN: each member probes one other, at the cost of four small packets"},
	{Name: "timeout", Type: protocol.Duration, Default: 500 * time.Millisecond, Min: 5 * time.Millisecond, Max: time.Hour, Unit: "time",
		Why: "memberlist's ProbeTimeout on a LAN: more than a round trip nearly everywhere, and half the period is left for others to try"},
	{Name: "indirect", Type: protocol.Whole, Default: 3, Min: 0, Max: 64, Unit: "members",
		Why: "memberlist's IndirectChecks: asked to probe who does not answer. With 25 % loss, they halve what is suspected wrongly twice"},
	{Name: "order", Type: protocol.Choice, Default: orderRoundRobin, Choices: []string{orderRoundRobin, orderRandom}, Unit: "one of round-robin, random",
		Why: "each member has its turn in a random order, so that all are probed within 2n-1 periods (SWIM, section 4.3); random draws anew each time, as the paper reckons with"},
	{Name: "suspicion", Type: protocol.Whole, Default: 4, Min: 1, Max: 100, Unit: "periods",
		Why: "memberlist's SuspicionMult on a LAN: times max(1, log10 n) periods, a suspect has at least to prove that it lives"},
	{Name: "patience", Type: protocol.Whole, Default: 6, Min: 1, Max: 100, Unit: "times",
		Why: "memberlist's SuspicionMaxTimeoutMult: so much longer it has while nobody else suspects it (Lifeguard)"},
	{Name: "lifeguard", Type: protocol.Switch, Default: true, Unit: "true or false",
		Why: "a slow or cut-off member should doubt itself before others; false is SWIM as its paper has it, whatever the three parts say"},
	{Name: "lha-probe", Type: protocol.Switch, Default: true, Unit: "true or false",
		Why: "Lifeguard, section IV.A: who fails to reach others probes more slowly and waits for longer, up to nine times"},
	{Name: "lha-suspicion", Type: protocol.Switch, Default: true, Unit: "true or false",
		Why: "Lifeguard, section IV.B: a suspicion that nobody confirms lasts for longer"},
	{Name: "buddy", Type: protocol.Switch, Default: true, Unit: "true or false",
		Why: "Lifeguard, section IV.C: a suspect is told first of all, in every packet it gets, and by who suspects it at once"},
	{Name: "dead-call", Type: protocol.Duration, Default: 10 * time.Second, Min: 100 * time.Millisecond, Max: time.Hour, Unit: "time",
		Why: "so often a node calls one of the dead: two halves of a network that are joined again notice within a fraction of it, and it costs one small packet"},
	{Name: "dead-for", Type: protocol.Duration, Default: 24 * time.Hour, Min: 0 * time.Second, Max: 30 * 24 * time.Hour, Unit: "time",
		Why: "so long the dead are called: longer than any partition that is repaired by people who sleep at night"},
}

// Values of the setting order.
const (
	orderRoundRobin = "round-robin"
	orderRandom     = "random"
)

// rules are the settings in force, alike at all nodes.
type rules struct {
	peers, fanout, lambda, updates, sample int

	gossip, sync time.Duration
	aligned      bool

	// Of swim.
	detects                       bool
	period, timeout               time.Duration
	indirect, suspicion, patience int
	random                        bool
	lhaProbe, lhaSuspicion, buddy bool
	deadCall, deadFor             time.Duration
}

func readRules(v protocol.Values) *rules {
	r := &rules{
		peers: v.Int("peers"), fanout: v.Int("fanout"), lambda: v.Int("lambda"), updates: v.Int("updates"), sample: v.Int("sample"),
		gossip: v.Duration("gossip"), sync: v.Duration("sync"), aligned: v.Choice("phase") == phaseAligned,
	}
	if r.detects = v.Has("period"); !r.detects {
		return r
	}
	r.period, r.timeout = v.Duration("period"), v.Duration("timeout")
	r.indirect, r.suspicion, r.patience = v.Int("indirect"), v.Int("suspicion"), v.Int("patience")
	r.random = v.Choice("order") == orderRandom
	all := v.Bool("lifeguard")
	r.lhaProbe, r.lhaSuspicion, r.buddy = all && v.Bool("lha-probe"), all && v.Bool("lha-suspicion"), all && v.Bool("buddy")
	r.deadCall, r.deadFor = v.Duration("dead-call"), v.Duration("dead-for")
	return r
}
