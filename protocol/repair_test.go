package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/topology"
)

// repaired is a simulated network of repaired protocols, with an eye on repair's packets.
type repaired struct {
	*sim.World
	t       *testing.T
	name    string
	n       int
	edges   [][]gossip.NodeID // by node
	cut     func(a, b gossip.NodeID) bool
	packets int // of repair
	copies  int // of messages in them
}

// spy counts the packets of repair that a node sends.
type spy struct {
	gossip.Restless
	net *repaired
}

func (s *spy) count(out *gossip.Outbox) {
	for _, send := range out.Sends {
		if protocol.IsRepair(send.Packet.Kind) {
			s.net.packets++
			s.net.copies += len(send.Packet.Messages)
		}
	}
}

func (s *spy) Peers(now time.Time, p gossip.Peers, out *gossip.Outbox) {
	s.Restless.Peers(now, p, out)
	s.count(out)
}

func (s *spy) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	s.Restless.Receive(now, from, p, out)
	s.count(out)
}

func (s *spy) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	s.Restless.Wake(now, t, out)
	s.count(out)
}

// hand is a bare protocol that spreads nothing: all that gets about is repair's doing.
type hand struct{}

func (hand) Peers(time.Time, gossip.Peers, *gossip.Outbox) {}
func (hand) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
}
func (hand) Receive(time.Time, gossip.NodeID, gossip.Packet, *gossip.Outbox) {}
func (hand) Wake(time.Time, gossip.Timer, *gossip.Outbox)                    {}

// newRepaired makes a network. Without a kind its nodes spread nothing by themselves.
func newRepaired(t *testing.T, kind *protocol.Kind, topo string, param, n int, seed uint64, plan fault.Plan, rules protocol.RepairRules) *repaired {
	t.Helper()
	g, err := topology.Generate(topology.Request{Kind: topo, Nodes: n, Param: param, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	r := &repaired{t: t, n: n, edges: make([][]gossip.NodeID, n)}
	first, list := g.Adjacency()
	for i := range n {
		for _, v := range list[first[i]:first[i+1]] {
			r.edges[i] = append(r.edges[i], gossip.NodeID(v))
		}
	}
	plan.Seed = seed
	r.name = "nothing"
	if kind != nil {
		r.name = kind.Name
	}
	r.World = sim.New(sim.Config{
		Nodes: n, Plan: &plan, Resting: true,
		Peers: func(id gossip.NodeID) gossip.Peers { return gossip.NewPeers(r.edges[id-1]) },
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			var inner gossip.Protocol = hand{}
			rules := rules
			life := seed + uint64(run)<<32
			if kind != nil {
				values, err := kind.Values(nil)
				if err != nil {
					t.Fatal(err)
				}
				inner = kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(life, id)}, values)
				if rules.Grace == 0 {
					rules.Grace = kind.Grace(values, rules.Every)
				}
			}
			p := protocol.WithRepair(inner, protocol.Environment{Self: id, Rand: protocol.RepairGenerator(life, id)}, rules)
			return &spy{p.(gossip.Restless), r}
		},
	})
	return r
}

// part cuts every edge that the function says, until it is told another one; nil cuts none.
func (r *repaired) part(cut func(a, b gossip.NodeID) bool) {
	r.cut = cut
	for i := range r.n {
		r.tell(gossip.NodeID(i + 1))
	}
}

func (r *repaired) tell(id gossip.NodeID) {
	var list []gossip.NodeID
	for _, peer := range r.edges[id-1] {
		if r.cut == nil || !r.cut(id, peer) {
			list = append(list, peer)
		}
	}
	r.SetPeers(id, gossip.NewPeers(list))
}

// until lets things happen until a moment.
func (r *repaired) until(at time.Duration) {
	for !r.Idle() && r.Next() <= at {
		r.Step()
	}
	r.RunUntil(at)
	if err := r.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// informed lets things happen until everybody has everything, and returns how long that took.
func (r *repaired) informed(within time.Duration) time.Duration {
	r.t.Helper()
	began := r.Now()
	for !r.Informed() && r.Next() <= began+within && r.Step() {
	}
	if err := r.Err(); err != nil {
		r.t.Fatal(err)
	}
	if !r.Informed() {
		r.t.Fatalf("%s: %v after the faults were over, not everybody has everything", r.name, within)
	}
	return r.Now() - began
}

func (r *repaired) publish(id gossip.NodeID) {
	if _, err := r.Publish(id, []byte("hello"), 0); err != nil {
		r.t.Fatal(err)
	}
}

// eachProtocol tries something with every protocol, and with several seeds.
func eachProtocol(t *testing.T, seeds int, try func(t *testing.T, kind protocol.Kind, seed uint64)) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			for seed := range seeds {
				try(t, kind, uint64(seed))
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

var lan = fault.Plan{Latency: fault.ConstantLatency(time.Millisecond), Jitter: 1}

// reaching are protocols that leave nobody out on a calm network: there repair has nothing to send.
var reaching = []string{"flood", "quasirandom", "mongering", "plumtree", "anti-entropy", "gossipsub", "median-counter", "push-pull"}

// TestRepairLeavesACalmNetworkAlone has messages published all the time, while nothing goes wrong.
func TestRepairLeavesACalmNetworkAlone(t *testing.T) {
	eachProtocol(t, 20, func(t *testing.T, kind protocol.Kind, seed uint64) {
		if !slices.Contains(reaching, kind.Name) {
			t.Skip("leaves some out by itself")
		}
		r := newRepaired(t, &kind, "random", 3, 16, seed, lan, protocol.RepairRules{})
		rng := rand.New(rand.NewPCG(seed, 9))
		at := 3 * time.Second
		r.until(at)
		for range 100 {
			r.publish(gossip.NodeID(1 + rng.IntN(r.n)))
			at += time.Duration(rng.ExpFloat64() * float64(50*time.Millisecond))
			r.until(at)
		}
		r.until(at + 10*time.Second)
		if r.copies > 0 {
			t.Errorf("repair sent %d messages where nothing was lost", r.copies)
		}
		r.packets = 0
		before := r.Now()
		r.until(before + 10*time.Second)
		if per := float64(r.packets) / 10 / float64(r.n); per > 1.2 {
			t.Errorf("%.2f packets of repair a node and second at rest; one is called", per)
		}
	})
}

// TestRepairClosesEveryGap has a network go through a bad time, and then lets it be: within ten seconds
// everybody has everything, each message once in each life, which the simulator sees to.
func TestRepairClosesEveryGap(t *testing.T) {
	for name, trouble := range map[string]func(r *repaired, rng *rand.Rand){
		"partition": func(r *repaired, rng *rand.Rand) {
			half := gossip.NodeID(1 + rng.IntN(r.n))
			r.part(func(a, b gossip.NodeID) bool { return (a <= half) != (b <= half) })
			r.busy(rng, 30*time.Second, 40)
			r.part(nil)
		},
		"one way": func(r *repaired, rng *rand.Rand) {
			half := gossip.NodeID(1 + rng.IntN(r.n))
			r.part(func(a, b gossip.NodeID) bool { return a <= half && b > half })
			r.busy(rng, 10*time.Second, 40)
			r.part(nil)
		},
		"downtime": func(r *repaired, rng *rand.Rand) {
			for range 3 {
				r.Crash(gossip.NodeID(1 + rng.IntN(r.n)))
			}
			r.busy(rng, 10*time.Second, 40)
			for i := range r.n {
				r.Start(gossip.NodeID(i + 1))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, 4, func(t *testing.T, kind protocol.Kind, seed uint64) {
				r := newRepaired(t, &kind, "random", 3, 16, seed, lan, protocol.RepairRules{})
				trouble(r, rand.New(rand.NewPCG(seed, 9)))
				took := r.informed(10 * time.Second)
				if most := 40 * r.n * 12; r.copies > most {
					t.Errorf("repair sent %d copies of 40 messages to %d nodes", r.copies, r.n)
				}
				if testing.Verbose() {
					t.Logf("%v, %d copies", took, r.copies)
				}
			})
		})
	}
}

// TestRepairUnderLoss loses half of all packets for ever: everybody gets everything all the same.
func TestRepairUnderLoss(t *testing.T) {
	eachProtocol(t, 4, func(t *testing.T, kind protocol.Kind, seed uint64) {
		plan := lan
		plan.Loss = 0.5
		r := newRepaired(t, &kind, "random", 3, 16, seed, plan, protocol.RepairRules{})
		r.busy(rand.New(rand.NewPCG(seed, 9)), 5*time.Second, 40)
		took := r.informed(10 * time.Second)
		if most := 40 * r.n * 12; r.copies > most {
			t.Errorf("repair sent %d copies of 40 messages to %d nodes", r.copies, r.n)
		}
		if testing.Verbose() {
			t.Logf("%v, %d copies", took, r.copies)
		}
	})
}

// busy has live nodes publish so many messages in a time.
func (r *repaired) busy(rng *rand.Rand, during time.Duration, messages int) {
	began := r.Now()
	for k := range messages {
		id := gossip.NodeID(1 + rng.IntN(r.n))
		for !r.Alive(id) {
			id = id%gossip.NodeID(r.n) + 1
		}
		r.publish(id)
		r.until(began + during*time.Duration(k+1)/time.Duration(messages))
	}
}

// TestRepairCrossesARing measures what it says in the docs: how long a message that nobody has passed on
// needs around a ring of 64.
func TestRepairCrossesARing(t *testing.T) {
	for loss, most := range map[float64][2]time.Duration{ // in the middle of all seeds, and at the most
		0: {1500 * time.Millisecond, 3 * time.Second}, 0.2: {2500 * time.Millisecond, 4 * time.Second}, 0.5: {5 * time.Second, 10 * time.Second},
	} {
		var all []time.Duration
		for seed := range uint64(20) {
			plan := lan
			plan.Loss = loss
			r := newRepaired(t, nil, "circular", 0, 64, seed, plan, protocol.RepairRules{})
			r.until(2 * time.Second)
			r.publish(1)
			r.until(3 * time.Second)
			all = append(all, r.informed(10*time.Second))
		}
		slices.Sort(all)
		t.Logf("%v lost: %v in the middle, %v at the most", loss, all[len(all)/2], all[len(all)-1])
		if all[len(all)/2] > most[0] || all[len(all)-1] > most[1] {
			t.Errorf("%v lost: a ring took %v", loss, all)
		}
	}
}

func TestRepairFillsAnEmptyNode(t *testing.T) {
	for _, loss := range []float64{0, 0.5} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			plan := lan
			plan.Loss = loss
			r := newRepaired(t, nil, "complete", 0, 5, 1, plan, protocol.RepairRules{})
			const most = 20_000
			for range most {
				r.publish(1)
			}
			took := r.informed(time.Minute)
			t.Logf("%d messages to all: %v, %d copies in %d packets", most, took, r.copies, r.packets)
			r.Crash(5)
			r.until(r.Now() + time.Second)
			r.packets, r.copies = 0, 0
			r.Start(5)
			took = r.informed(time.Minute)
			t.Logf("%d messages to one: %v, %d copies in %d packets", most, took, r.copies, r.packets)
			if limit := 2*time.Second + time.Duration(loss*60)*time.Second; took > limit {
				t.Errorf("%d messages took %v", most, took)
			}
			if loss == 0 && r.copies > most*3/2 {
				t.Errorf("%d messages took %d copies", most, r.copies)
			}
		})
	}
}

// repairedSuffix ends the names of kinds that have repair around them.
const repairedSuffix = "-repaired"

// repairedKind is a kind with repair around it.
func repairedKind(kind protocol.Kind) protocol.Kind {
	bare := kind.Make
	kind.Name += repairedSuffix
	kind.Make = func(v protocol.Values) func(protocol.Environment) gossip.Protocol {
		make := bare(v)
		return func(env protocol.Environment) gossip.Protocol {
			rules := protocol.RepairRules{Grace: kind.Grace(v, 0)}
			if v.Has("remember") {
				rules.Remember = v.Int("remember")
			}
			seed := env.Rand.Uint64()
			return protocol.WithRepair(make(env), protocol.Environment{Self: env.Self, Rand: protocol.RepairGenerator(seed, env.Self)}, rules)
		}
	}
	return kind
}

// TestRepairDoesNotStorm has a message that only repair spreads among many who all know each other: what
// it takes grows with the nodes and not with their links, and ends.
func TestRepairDoesNotStorm(t *testing.T) {
	for _, n := range []int{50, 200} {
		r := newRepaired(t, nil, "complete", 0, n, 1, lan, protocol.RepairRules{})
		r.publish(1)
		r.until(time.Second)
		r.packets, r.copies = 0, 0
		took := r.informed(10 * time.Second)
		r.until(r.Now() + 2*time.Second)
		calls := float64(n) * (took + 2*time.Second).Seconds() // of the intervals
		each, copies := (float64(r.packets)-calls)/float64(n), float64(r.copies)/float64(n)
		t.Logf("%d nodes: %v, %.1f packets and %.2f copies a node", n, took, each, copies)
		if each > 60 || copies > 4 {
			t.Errorf("%d nodes: %.1f packets and %.2f copies a node for one message", n, each, copies)
		}
	}
}
