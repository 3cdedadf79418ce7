package sim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/topology"
	"gossipctl/trace"
)

// The rows of the table of faults (docs/reliability.md) that are tried in the simulator: the protocols as they come, with
// repair around them, and the checker as the judge. What is tried here with many seeds is tried in netctl on real processes.

// network is a simulated network under judgement.
type network struct {
	*sim.World
	t        *testing.T
	graph    *topology.Graph
	nodes    int
	seed     uint64
	bodies   int // that were published
	repaired uint64
	checker  *check.Checker
	runs     map[gossip.NodeID]uint32
	base     fault.Plan
}

// setup says what is not as usual: 16 nodes, three random peers each, flood, one to twenty milliseconds a packet.
type setup struct {
	nodes   int
	topo    string
	param   int
	kind    string
	durable bool
	bare    bool // without repair
	queue   int
	plant   func(gossip.Protocol) gossip.Protocol
}

func open(t *testing.T, seed uint64, s setup) *network {
	t.Helper()
	if s.nodes == 0 {
		s.nodes = 16
	}
	if s.topo == "" {
		s.topo, s.param = "random", 3
	}
	if s.kind == "" {
		s.kind = "flood"
	}
	g, err := topology.Generate(topology.Request{Kind: s.topo, Nodes: s.nodes, Param: s.param, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	kind, err := protocol.Find(s.kind)
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{
		t: t, graph: g, nodes: s.nodes, seed: seed, runs: make(map[gossip.NodeID]uint32),
		base: fault.Plan{Seed: seed, Latency: fault.UniformLatency(time.Millisecond, 20*time.Millisecond)},
	}
	c := check.Conditions{Nodes: n.all(), Runs: n.runs, Durable: s.durable, Converge: check.DefaultConverge(s.nodes)}
	n.checker = check.New(c)
	n.World = sim.New(sim.Config{
		Nodes: s.nodes, Peers: n.peers, Plan: n.plan(), Whole: true, Durable: s.durable, QueueBytes: s.queue,
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			life := seed + uint64(run)<<32
			p := kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(life, id)}, values)
			if !s.bare {
				p = kind.Repaired(p, values, life, id, protocol.RepairRules{Refuse: true})
			}
			if s.plant != nil {
				p = s.plant(p)
			}
			return p
		},
		Observe: func(e trace.Event) {
			if e.Kind == trace.Deliver && e.Reason == "repaired" {
				n.repaired++
			}
			n.checker.Event(&e)
		},
	})
	return n
}

func (n *network) all() (ids []gossip.NodeID) {
	for id := 1; id <= n.nodes; id++ {
		ids = append(ids, gossip.NodeID(id))
	}
	return ids
}

func (n *network) peers(id gossip.NodeID) gossip.Peers {
	var ids []gossip.NodeID
	for _, v := range n.graph.Peers(int(id)) {
		ids = append(ids, gossip.NodeID(v))
	}
	slices.Sort(ids)
	return gossip.NewPeers(ids)
}

// plan is what links do besides what they always do. A world keeps what it is given.
func (n *network) plan(rules ...fault.Rule) *fault.Plan {
	p := n.base
	p.Rules = rules
	if err := p.Check(); err != nil {
		n.t.Fatal(err)
	}
	return &p
}

func (n *network) suffer(rules ...fault.Rule) { n.SetPlan(n.plan(rules...)) }

// until lets things happen until a moment.
func (n *network) until(at time.Duration) {
	n.t.Helper()
	for !n.Idle() && n.Next() <= at && n.Step() {
	}
	if err := n.Err(); err != nil {
		n.t.Fatal(err)
	}
	n.RunUntil(at)
}

// pass lets some time go by.
func (n *network) pass(d time.Duration) {
	n.t.Helper()
	n.until(n.Now() + d)
}

// publish has nodes that can take one publish so many messages, evenly over a time.
func (n *network) publish(messages int, during time.Duration) {
	n.t.Helper()
	rng := rand.New(rand.NewPCG(n.seed, uint64(n.bodies)))
	began := n.Now()
	for k := range messages {
		id := gossip.NodeID(1 + rng.IntN(n.nodes))
		for !n.Alive(id) || n.Paused(id) {
			id = id%gossip.NodeID(n.nodes) + 1
		}
		n.bodies++
		if _, err := n.Publish(id, fmt.Appendf(nil, "message %d", n.bodies), 0); err != nil {
			n.t.Fatal(err)
		}
		n.until(began + during*time.Duration(k+1)/time.Duration(messages))
	}
}

func (n *network) start(id gossip.NodeID) {
	n.runs[id] = max(n.runs[id], 1) + 1
	n.Start(id)
}

// verdict lets the network come to rest, reads it for the last time and judges it.
func (n *network) verdict() check.Verdict {
	n.t.Helper()
	n.pass(check.DefaultConverge(n.nodes) + 3*time.Second)
	n.FinalRead()
	return n.checker.Verdict()
}

// valid wants every guarantee kept, and every live node to have so many messages.
func (n *network) valid(messages int) {
	n.t.Helper()
	v := n.verdict()
	if v.Valid != check.True {
		n.t.Errorf("seed %d: %v: %v %+v", n.seed, v.Valid, v.Unknown, first(v.Violations))
	}
	for _, c := range v.Checked {
		if c.Facts == 0 && slices.Contains([]check.Guarantee{check.Integrity, check.Duplication, check.Agreement, check.Conservation}, c.Guarantee) {
			n.t.Errorf("seed %d: nothing of %s was looked at", n.seed, c.Guarantee)
		}
	}
	for _, id := range n.all() {
		if have := n.has(id); n.Alive(id) && have != messages {
			n.t.Errorf("seed %d: node %d has %d of %d messages", n.seed, id, have, messages)
		}
	}
}

func first[T any](list []T) []T { return list[:min(len(list), 1)] }

// has is how many messages are in the inbox of a node.
func (n *network) has(id gossip.NodeID) int {
	messages, _, _ := n.Node(id).Size()
	return messages
}

// seeds tries something with several seeds.
func seeds(t *testing.T, many int, try func(t *testing.T, seed uint64)) {
	t.Helper()
	for seed := range many {
		if try(t, uint64(seed)+1); t.Failed() {
			t.Fatalf("with seed %d", seed+1)
		}
	}
}

// A node that stands still is dead to nobody: what it missed waits for it, and what found its queue full is repaired.
func TestRow02PausedNodeInTheSimulator(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed uint64) {
		n := open(t, seed, setup{queue: 2000})
		n.publish(5, time.Second)
		n.Pause(3)
		n.publish(100, 10*time.Second)
		n.Resume(3)
		n.valid(105)
		if n.Count.Overflow == 0 || n.repaired == 0 {
			t.Errorf("%d packets found a queue full, %d messages were repaired", n.Count.Overflow, n.repaired)
		}
	})
}

// A node that is started again has what it had, from its disk or from its peers, each message once.
func TestRow03RestartInTheSimulator(t *testing.T) {
	for _, durable := range []bool{false, true} {
		seeds(t, 20, func(t *testing.T, seed uint64) {
			n := open(t, seed, setup{durable: durable})
			n.publish(30, 3*time.Second)
			n.pass(2 * time.Second) // what only a node that dies has seen is promised to nobody
			for round := range 3 {
				id := gossip.NodeID(1 + (int(seed)+round*5)%n.nodes)
				n.Crash(id)
				n.publish(5, time.Second)
				had := n.has(id)
				n.start(id)
				if now := n.has(id); durable && now != had || !durable && now != 0 {
					t.Errorf("it had %d messages, and has %d at its birth", had, now)
				}
				n.publish(5, time.Second)
				n.pass(3 * time.Second)
			}
			n.valid(60)
		})
	}
}

// A tenth, up to 95 % of the nodes die at once. Those that are left go on, in pieces, are joined as the controller does it,
// and agree on what was published before, meanwhile and afterwards.
func TestRow20MassFailureInTheSimulator(t *testing.T) {
	for _, percent := range []int{10, 30, 50, 80, 95} {
		t.Run(fmt.Sprintf("%d%%", percent), func(t *testing.T) {
			seeds(t, 5, func(t *testing.T, seed uint64) {
				n := open(t, seed, setup{nodes: 64, param: 4})
				n.publish(20, 2*time.Second)
				n.pass(2 * time.Second)
				doomed := rand.New(rand.NewPCG(seed, 5)).Perm(n.nodes)[:(n.nodes*percent+50)/100]
				live := n.graph.Clone()
				var orphans []int
				for _, v := range doomed {
					n.Crash(gossip.NodeID(v + 1))
				}
				for _, v := range doomed {
					for _, peer := range n.graph.Peers(v + 1) {
						if n.Alive(gossip.NodeID(peer)) {
							orphans = append(orphans, int(peer))
						}
					}
					live.RemoveNode(v + 1)
				}
				n.publish(10, time.Second)
				slices.Sort(orphans)
				for _, e := range topology.Reconnect(live, slices.Compact(orphans), rand.New(rand.NewPCG(seed, 6))) {
					n.graph.AddEdge(e.A, e.B)
					live.AddEdge(e.A, e.B)
				}
				if parts := topology.Components(live); len(parts) != 1 {
					t.Fatalf("%d live nodes are in %d parts", live.Len(), len(parts))
				}
				for _, id := range n.all() {
					n.SetPeers(id, n.peers(id))
				}
				n.publish(10, time.Second)
				if n.Live() != n.nodes-len(doomed) {
					t.Errorf("%d live", n.Live())
				}
				n.valid(40)
			})
		})
	}
}

// Two halves that cannot hear each other, for a second or for ten minutes: each goes on by itself, and after healing all
// are equal.
func TestRow21PartitionInTheSimulator(t *testing.T) {
	for _, long := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute} {
		t.Run(long.String(), func(t *testing.T) {
			seeds(t, 5, func(t *testing.T, seed uint64) {
				n := open(t, seed, setup{topo: "complete"})
				n.publish(10, time.Second)
				n.suffer(fault.Rule{Name: "p", Cut: true, Groups: [][]gossip.NodeID{n.all()[:8], n.all()[8:]}})
				n.publish(20, long)
				n.pass(2 * time.Second)
				for k, track := range n.Tracks()[10:] {
					for _, id := range n.all() {
						if _, _, is := track.Arrived(id); is != ((id <= 8) == (track.ID.Origin <= 8)) {
							t.Errorf("message %d of %d: node %d has it: %v", k, track.ID.Origin, id, is)
						}
					}
				}
				n.suffer()
				n.valid(30)
				if n.Count.Cut == 0 {
					t.Error("nothing was cut")
				}
			})
		})
	}
}

// Half of the nodes are heard by nobody else, and hear all. That is no storm: what is sent stays near what is sent without it,
// with every protocol, and all are equal afterwards.
func TestRow22OneWayInTheSimulator(t *testing.T) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			seeds(t, 3, func(t *testing.T, seed uint64) {
				sends := func(rules ...fault.Rule) uint64 {
					n := open(t, seed, setup{kind: kind.Name})
					n.publish(5, time.Second)
					n.suffer(rules...)
					before := n.Count.Packets
					n.publish(40, 20*time.Second)
					n.pass(10 * time.Second)
					during := n.Count.Packets - before
					n.suffer()
					n.valid(45)
					return during
				}
				calm := sends()
				oneWay := sends(fault.Rule{Name: "p", Cut: true, OneWay: true, Groups: [][]gossip.NodeID{{1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 16}}})
				if oneWay > 2*calm {
					t.Errorf("%d packets, and %d when nothing is cut", oneWay, calm)
				}
				if testing.Verbose() {
					t.Logf("seed %d: %d packets, %d when calm", seed, oneWay, calm)
				}
			})
		})
	}
}

// Half of all packets are lost, and that does not end: everything arrives all the same, later, and the losses are counted.
// (The checker promises nothing while a fault is in force, so the loss ends before the last read.)
func TestRow23HalfIsLostInTheSimulator(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		n := open(t, seed, setup{nodes: 10})
		n.suffer(fault.Rule{Name: "l", Loss: 0.5})
		n.publish(50, 5*time.Second)
		n.pass(15 * time.Second)
		if !n.Informed() {
			t.Error("not everybody has everything while half is lost")
		}
		if share := float64(n.Count.Lost) / float64(n.Count.Packets); share < 0.45 || share > 0.55 {
			t.Errorf("%.2f of all packets are counted as lost", share)
		}
		n.suffer()
		n.valid(50)
	})
}

// A second for every packet: everything arrives, and nobody is taken for dead.
func TestRow24OneSecondInTheSimulator(t *testing.T) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			seeds(t, 2, func(t *testing.T, seed uint64) {
				n := open(t, seed, setup{kind: kind.Name})
				n.suffer(fault.Rule{Name: "d", Delay: fault.ConstantLatency(time.Second)})
				n.publish(20, 10*time.Second)
				n.pass(40 * time.Second)
				if !n.Informed() {
					t.Error("not everybody has everything")
				}
				for _, track := range n.Tracks() {
					for _, id := range n.all() {
						if after, _, is := track.Arrived(id); is && id != track.ID.Origin && after < time.Second {
							t.Errorf("node %d has %v after %v", id, track.ID, after)
						}
					}
				}
				n.suffer()
				n.valid(20)
			})
		})
	}
}

// What comes twice, late, in another order or damaged is in every inbox once and whole.
func TestRow26RepetitionInTheSimulator(t *testing.T) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			seeds(t, 3, func(t *testing.T, seed uint64) {
				n := open(t, seed, setup{kind: kind.Name})
				n.suffer(fault.Rule{Name: "d", Duplicate: 0.5, Reorder: 0.3, Corrupt: 0.1})
				n.publish(40, 5*time.Second)
				n.suffer()
				n.valid(40)
				if n.Count.Repeated == 0 || n.Count.Corrupt == 0 {
					t.Errorf("%+v", n.Count)
				}
			})
		})
	}
}

// Clocks that jump by an hour, forth and back, change nothing but the times that are shown: the same packets at the same
// moments, with every protocol.
func TestRow27ClockJumpsInTheSimulator(t *testing.T) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			seeds(t, 2, func(t *testing.T, seed uint64) {
				play := func(jump time.Duration) sim.Counters {
					n := open(t, seed, setup{kind: kind.Name})
					n.publish(10, 2*time.Second)
					if jump != 0 {
						n.suffer(fault.Rule{Name: "a", Nodes: n.all()[:4], Clock: jump}, fault.Rule{Name: "b", Nodes: n.all()[4:6], Clock: -jump})
					}
					n.publish(10, 2*time.Second)
					n.suffer()
					n.publish(10, 2*time.Second)
					n.valid(30)
					return n.Count
				}
				if right, wrong := play(0), play(time.Hour); right != wrong {
					t.Errorf("%+v with right clocks, %+v with wrong ones", right, wrong)
				}
			})
		})
	}
}

// forgetful passes on everything it hears to all its peers, again and again.
type forgetful struct{ peers gossip.Peers }

func (f *forgetful) Peers(_ time.Time, p gossip.Peers, _ *gossip.Outbox) { f.peers = p }

func (f *forgetful) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
	f.pass(m, out)
}

func (f *forgetful) Receive(_ time.Time, _ gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	for _, m := range p.Messages {
		f.pass(m, out)
	}
}

func (*forgetful) Wake(time.Time, gossip.Timer, *gossip.Outbox) {}

func (f *forgetful) pass(m gossip.Message, out *gossip.Outbox) {
	for _, id := range f.peers.All() {
		out.Send(id, gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{m}})
	}
}

// A protocol that does not know what it has seen already is stopped by a budget, and its work is what is found (G7).
func TestRow28StormInTheSimulator(t *testing.T) {
	n := open(t, 1, setup{bare: true, plant: func(gossip.Protocol) gossip.Protocol { return &forgetful{} }})
	if _, err := n.Publish(1, []byte("for ever"), 0); err != nil {
		t.Fatal(err)
	}
	const budget = 20_000
	for n.Count.Events < budget && n.Step() {
	}
	if err := n.Err(); err != nil || n.Count.Events != budget {
		t.Fatalf("%d events, %v", n.Count.Events, err)
	}
	v := n.checker.Verdict()
	if v.Valid != check.False || !slices.ContainsFunc(v.Violations, func(v check.Violation) bool { return v.Guarantee == check.Work }) {
		t.Errorf("%v: %+v", v.Valid, v.Violations)
	}
	// What a healthy network does is far from it.
	n = open(t, 1, setup{})
	n.publish(1, time.Second)
	n.valid(1)
}
