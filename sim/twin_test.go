package sim_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/live"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/trace"
	"gossipctl/transport"
	"gossipctl/values"
)

var (
	oneTwin = flag.Int64("twin", -1, "compare the drivers with this seed only, and show all that happened")
	twins   = flag.Int64("twins", 40, "with how many seeds to compare the drivers; a tenth of them with -short")
)

// TestTwins lets every protocol live through the same troubles twice, in the agents that run real
// processes and in the simulator, and compares all that the nodes saw, did and said, to the
// nanosecond. It is what makes a number from the simulator a statement about real networks.
//
// Latencies are jittered, because two things at one instant have no promised order.
func TestTwins(t *testing.T) {
	for _, kind := range protocol.Table() {
		t.Run(kind.Name, func(t *testing.T) { tellTwice(t, kind, false, false) })
		t.Run(kind.Name+"-repaired", func(t *testing.T) { tellTwice(t, kind, true, false) })
		t.Run(kind.Name+"-values", func(t *testing.T) { tellTwice(t, kind, false, true) })
	}
}

func tellTwice(t *testing.T, kind protocol.Kind, repaired, shared bool) {
	t.Parallel()
	first, last := int64(0), *twins
	if testing.Short() {
		last = (last + 9) / 10
	}
	if *oneTwin >= 0 {
		first, last = *oneTwin, *oneTwin+1
	}
	delivered, lost := 0, uint64(0)
	for seed := first; seed < last; seed++ {
		s := newStory(t, kind, repaired, uint64(seed))
		if shared {
			s.share()
		}
		simulated, real := s.simulate(t), s.live(t)
		if *oneTwin >= 0 {
			t.Logf("%v\n%s", s, strings.Join(simulated.lines, "\n"))
		}
		if difference := compare(simulated, real); difference != "" {
			t.Fatalf("%v\n%s\nto see it all: go test ./sim -run '%s$' -twin %d", s, difference, t.Name(), seed)
		}
		delivered += simulated.delivered
		lost += simulated.packets.lost
	}
	// Two logs of nothing are the same too.
	if *oneTwin < 0 && (delivered < int(last-first) || lost < uint64(last-first)) {
		t.Errorf("in %d stories %d messages were delivered and %d packets lost", last-first, delivered, lost)
	}
}

// story is one network with its weather and what happens to it, all drawn from one seed.
type story struct {
	kind  protocol.Kind
	seed  uint64
	make  func(protocol.Environment) gossip.Protocol
	plan  fault.Plan
	peers [][]gossip.NodeID // by node number less one, in the beginning
	turns []turn            // by time
	end   time.Duration
}

// turn is what happens to one node at a moment: it is given a message, or told other peers.
type turn struct {
	at    time.Duration
	node  gossip.NodeID
	body  string
	peers []gossip.NodeID // when body is empty
	value bool            // body becomes a value of the node's, and no message
}

// change is what happens to a node's map.
func (t turn) change() values.Change {
	return values.Change{Key: t.body[len(t.body)-1:], Value: []byte(t.body), TTL: int(t.node) % 3, Register: t.node%4 == 0}
}

// share gives the nodes values, and makes one out of every other message.
func (s *story) share() {
	within := s.make
	s.make = func(env protocol.Environment) gossip.Protocol {
		return values.Around(within(env), values.Environment{Self: env.Self, Run: 1, Rand: values.Generator(s.seed, env.Self)},
			values.Rules{Every: 400 * time.Millisecond})
	}
	for i := range s.turns {
		s.turns[i].value = s.turns[i].body != "" && i%2 == 0
	}
}

func (s *story) String() string {
	return fmt.Sprintf("%s, seed %d: %d nodes, %v, per link %t, jitter %v, loss %v, duplicate %v, rules %v",
		s.kind.Name, s.seed, len(s.peers), s.plan.Latency, s.plan.PerLink, s.plan.Jitter, s.plan.Loss, s.plan.Duplicate, s.plan.Rules)
}

func newStory(t *testing.T, kind protocol.Kind, repaired bool, seed uint64) *story {
	t.Helper()
	set, err := kind.Values(nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	s := &story{kind: kind, seed: seed, make: kind.Make(set), end: 8 * time.Second}
	if repaired {
		s.make = func(env protocol.Environment) gossip.Protocol {
			// Often, and soon: in eight seconds repair has to meet with everything there is.
			rules := protocol.RepairRules{Every: 300 * time.Millisecond, Grace: 400 * time.Millisecond}
			return kind.Repaired(kind.New(env, set), set, seed, env.Self, rules)
		}
	}
	s.plan = fault.Plan{
		Seed: seed, Loss: 0.2, Jitter: 0.1, Duplicate: float64(rng.IntN(2)) * 0.1,
		Latency: []fault.Latency{
			fault.UniformLatency(10*time.Millisecond, 150*time.Millisecond),
			fault.ExponentialLatency(50 * time.Millisecond),
			fault.LognormalLatency(30*time.Millisecond, 1),
		}[rng.IntN(3)],
	}
	if s.plan.PerLink = rng.IntN(2) == 0; s.plan.PerLink {
		s.plan.Symmetric = rng.IntN(2) == 0
	}
	if rng.IntN(2) == 0 { // and what a person does to it besides
		s.plan.Rules = []fault.Rule{
			{Name: "f1", Nodes: []gossip.NodeID{1}, Direction: fault.Out, Loss: 0.3},
			{Name: "f2", Nodes: []gossip.NodeID{2}, Direction: fault.In, Delay: fault.ExponentialLatency(20 * time.Millisecond), Jitter: 0.5},
			{Name: "f3", Duplicate: 0.1, Reorder: 0.1},
		}
	}
	if err := s.plan.Check(); err != nil {
		t.Fatal(err)
	}

	// A tree with some edges more.
	n := 2 + rng.IntN(15)
	edges := make(map[[2]int]bool)
	edge := func(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }
	for a := 1; a < n; a++ {
		edges[edge(a, rng.IntN(a))] = true
	}
	for range rng.IntN(2 * n) {
		if a, b := rng.IntN(n), rng.IntN(n); a != b {
			edges[edge(a, b)] = true
		}
	}
	neighbours := func(a int) []gossip.NodeID {
		list := []gossip.NodeID{}
		for b := range n {
			if edges[edge(a, b)] {
				list = append(list, gossip.NodeID(b+1))
			}
		}
		return list
	}
	for a := range n {
		s.peers = append(s.peers, neighbours(a))
	}

	moment := func() time.Duration { return time.Duration(rng.Int64N(int64(3 * time.Second))) }
	for k := range 2 + rng.IntN(6) {
		s.turns = append(s.turns, turn{at: moment(), node: gossip.NodeID(1 + rng.IntN(n)), body: fmt.Sprintf("message %d", k)})
	}
	// Once some edges go and others come. The nodes hear of it one by one.
	before := make([][]gossip.NodeID, n)
	copy(before, s.peers)
	for range 1 + rng.IntN(3) {
		if a, b := rng.IntN(n), rng.IntN(n); a != b {
			edges[edge(a, b)] = !edges[edge(a, b)]
		}
	}
	for a := range n {
		if now := neighbours(a); !slices.Equal(now, before[a]) {
			s.turns = append(s.turns, turn{at: moment(), node: gossip.NodeID(a + 1), peers: now})
		}
	}
	slices.SortStableFunc(s.turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	return s
}

func (s *story) born(id gossip.NodeID, log *diary) gossip.Protocol {
	one := s.make(protocol.Environment{Self: id, Rand: protocol.Generator(s.seed, id)})
	w := watched{one, log}
	if r, is := one.(gossip.Restless); is {
		return restless{w, r}
	}
	return w
}

// diary is what one node saw, did and said, in order.
type diary struct {
	node    gossip.NodeID
	entries []entry
}

type entry struct {
	at   time.Time
	text string
}

func (d *diary) write(at time.Time, format string, args ...any) {
	d.entries = append(d.entries, entry{at, fmt.Sprintf(format, args...)})
}

// account is a whole run.
type account struct {
	lines     []string // of all diaries, by time and node
	delivered int
	packets   packets
}

// packets are the counts of a whole run.
type packets struct{ sent, lost uint64 }

func newAccount(diaries []*diary, counts packets) account {
	type line struct {
		entry
		node gossip.NodeID
	}
	var all []line
	for _, d := range diaries {
		for _, e := range d.entries {
			all = append(all, line{e, d.node})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.node, b.node)) })
	acc := account{packets: counts}
	for _, l := range all {
		acc.lines = append(acc.lines, fmt.Sprintf("%14v node %d: %s", l.at.Sub(sim.Begin), l.node, l.text))
		if strings.HasPrefix(l.text, string(trace.Deliver)) {
			acc.delivered++
		}
	}
	return acc
}

// compare tells where two accounts part, or nothing.
func compare(simulated, real account) string {
	a, b := simulated.lines, real.lines
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	if at == len(a) && at == len(b) {
		if simulated.packets != real.packets {
			return fmt.Sprintf("%d lines agree, but the counts of packets do not: %+v simulated, %+v live", at, simulated.packets, real.packets)
		}
		return ""
	}
	return fmt.Sprintf("%d lines agree, the last of them:\n%s\nthen, simulated:\n%s\nlive:\n%s", at,
		strings.Join(a[max(at-5, 0):at], "\n"), strings.Join(a[at:min(at+5, len(a))], "\n"), strings.Join(b[at:min(at+5, len(b))], "\n"))
}

// simulate runs the story in a world.
func (s *story) simulate(t *testing.T) account {
	t.Helper()
	var diaries []*diary
	for i := range s.peers {
		diaries = append(diaries, &diary{node: gossip.NodeID(i + 1)})
	}
	w := sim.New(sim.Config{
		Nodes: len(s.peers), Plan: &s.plan, Whole: true,
		Peers: func(id gossip.NodeID) gossip.Peers { return gossip.NewPeers(slices.Clone(s.peers[id-1])) },
		Born:  func(id gossip.NodeID, _ uint32) gossip.Protocol { return s.born(id, diaries[id-1]) },
		Observe: func(e trace.Event) {
			if e.Kind != trace.Start && e.Kind != trace.Accept && e.Kind != trace.Fault { // the agent's log does not tell of these
				diaries[e.Node-1].write(e.At, "%s", e)
			}
		},
	})
	for _, turn := range s.turns {
		w.At(turn.at, func() {
			if turn.body == "" {
				w.SetPeers(turn.node, gossip.NewPeers(slices.Clone(turn.peers)))
			} else if turn.value {
				if err := w.SetValue(turn.node, turn.change()); err != nil {
					t.Error(err)
				}
			} else if _, err := w.Publish(turn.node, []byte(turn.body), 0); err != nil {
				t.Error(err)
			}
		})
	}
	for !w.Idle() && w.Next() <= s.end && w.Step() {
	}
	if err := w.Err(); err != nil {
		t.Fatalf("%v: %v", s, err)
	}
	return newAccount(diaries, packets{w.Count.Packets, w.Count.Lost})
}

// live runs the story with agents and a transport, in the virtual time of a bubble.
func (s *story) live(t *testing.T) (acc account) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(sim.Begin)) // rounds count from 1970: both shall be at the same point of them
		var diaries []*diary
		var agents []*live.Agent
		var wires []*transport.Faulty
		net := transport.NewMem()
		for i := range s.peers {
			id := gossip.NodeID(i + 1)
			d := &diary{node: id}
			wire := transport.NewFaulty(net.Join(id), id, &s.plan)
			n := node.New(node.Config{ID: id, Run: 1, Protocol: s.born(id, d), Events: true})
			diaries, wires = append(diaries, d), append(wires, wire)
			agents = append(agents, live.NewAgent(n, wire, slog.New(d)))
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for _, a := range agents {
			running.Go(func() {
				if err := a.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i, a := range agents {
			a.SetPeers(slices.Clone(s.peers[i]))
		}
		for _, turn := range s.turns {
			time.Sleep(time.Until(sim.Begin.Add(turn.at)))
			a := agents[turn.node-1]
			if turn.body == "" {
				a.SetPeers(slices.Clone(turn.peers))
				continue
			}
			a.Step(func(now time.Time, n *node.Node) node.Effects {
				var fx node.Effects
				var err error
				if turn.value {
					_, fx, err = n.SetValue(now, turn.change())
				} else {
					_, fx, err = n.Publish(now, []byte(turn.body), 0)
				}
				if err != nil {
					t.Error(err)
				}
				return fx
			})
		}
		time.Sleep(time.Until(sim.Begin.Add(s.end)))
		synctest.Wait()
		var counts packets
		for _, w := range wires {
			stats := w.Stats()
			counts.sent += stats.Sent
			counts.lost += stats.Lost
			if len(stats.Dropped) > 0 {
				t.Errorf("%v: the transport drops %v", s, stats.Dropped)
			}
		}
		cancel()
		running.Wait()
		acc = newAccount(diaries, counts)
	})
	return acc
}

// A diary is a handler of the agent's log, where events go.
func (d *diary) Enabled(context.Context, slog.Level) bool { return true }
func (d *diary) Handle(_ context.Context, r slog.Record) error {
	d.write(r.Time, "%s", r.Message)
	return nil
}
func (d *diary) WithAttrs([]slog.Attr) slog.Handler { return d }
func (d *diary) WithGroup(string) slog.Handler      { return d }

// watched notes what comes to a protocol. Events tell of messages only; this tells of requests,
// digests and timers too.
type watched struct {
	gossip.Protocol
	log *diary
}

type restless struct {
	watched
	rest gossip.Restless
}

func (w watched) Under() gossip.Protocol { return w.Protocol }

func (r restless) Infective() bool { return r.rest.Infective() }

func (w watched) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	var ids []gossip.NodeID
	for _, id := range peers.All() {
		ids = append(ids, id)
	}
	w.log.write(now, "peers %v", ids)
	w.Protocol.Peers(now, peers, out)
	w.said(now, out)
}

func (w watched) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	w.log.write(now, "is given %v %q, limit %d, sent %v", m.ID, m.Body, limit, m.Sent.Sub(sim.Begin))
	w.Protocol.Publish(now, m, limit, out)
	w.said(now, out)
}

func (w watched) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	w.log.write(now, "hears from %d %s", from, words(p))
	w.Protocol.Receive(now, from, p, out)
	w.said(now, out)
}

func (w watched) Wake(now time.Time, timer gossip.Timer, out *gossip.Outbox) {
	w.log.write(now, "wakes for %d", timer)
	w.Protocol.Wake(now, timer, out)
	w.said(now, out)
}

func (w watched) said(now time.Time, out *gossip.Outbox) {
	for _, s := range out.Sends {
		w.log.write(now, "says to %d %s", s.To, words(s.Packet))
	}
	for _, a := range out.Alarms {
		w.log.write(now, "will wake at %v for %d", a.At.Sub(sim.Begin), a.Timer)
	}
	if out.Refused != "" {
		w.log.write(now, "refuses: %s", out.Refused)
	}
}

// words writes a packet out.
func words(p gossip.Packet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind %d limit %d hops %d", p.Kind, p.Limit, p.Hops)
	for _, m := range p.Messages {
		fmt.Fprintf(&b, " %v %q sent %v", m.ID, m.Body, m.Sent.Sub(sim.Begin))
	}
	if len(p.IDs) > 0 {
		fmt.Fprintf(&b, " names %v", p.IDs)
	}
	return b.String()
}
