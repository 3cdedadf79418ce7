package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
)

const ms = time.Millisecond

// chaos is a world in which everything goes wrong, drawn from one seed, and what it said.
type chaos struct {
	*World
	rng    *rand.Rand
	events []trace.Event
	lines  []string
}

// line is everything an event says. Maps are printed sorted.
func line(e trace.Event) string {
	return fmt.Sprintf("%v %d/%d %s %v peer %d/%d hops %d %q %q %x %d %d %v", e.At.Sub(Begin), e.Node, e.Run, e.Kind, e.Message,
		e.Peer, e.PeerRun, e.Hops, e.Reason, e.Name, e.Digest, e.Size, e.Count, e.Counts)
}

func newChaos(t *testing.T, seed uint64, change func(*Config)) *chaos {
	t.Helper()
	c := &chaos{rng: rand.New(rand.NewPCG(seed, 4))}
	table := protocol.Table()
	kind := table[int(seed)%len(table)]
	values, err := kind.Values(nil)
	if err != nil {
		t.Fatal(err)
	}
	born := kind.Make(values)
	n := 3 + c.rng.IntN(8)
	cfg := Config{
		Nodes: n, Peers: ring(n), Whole: true, Durable: seed%2 == 0, SyncEvery: 30 * ms,
		Plan: &fault.Plan{Seed: seed, Latency: fault.ExponentialLatency(5 * ms), Loss: 0.05, Duplicate: 0.05},
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			return born(protocol.Environment{Self: id, Rand: protocol.Generator(seed+uint64(run)<<32, id)})
		},
		Observe: func(e trace.Event) {
			c.events = append(c.events, e)
			c.lines = append(c.lines, line(e))
		},
	}
	if change != nil {
		change(&cfg)
	}
	c.World = New(cfg)
	return c
}

func (c *chaos) node() gossip.NodeID { return gossip.NodeID(1 + c.rng.IntN(c.cfg.Nodes)) }

// rule draws a fault of every kind.
func (c *chaos) rule(name string, n int) fault.Rule {
	r := fault.Rule{Name: name}
	if c.rng.IntN(2) == 0 {
		r.Nodes = []gossip.NodeID{c.node()}
		r.Direction = []fault.Direction{fault.Both, fault.In, fault.Out}[c.rng.IntN(3)]
	}
	switch n % 8 {
	case 0:
		r.Loss = 0.5
	case 1:
		r.Duplicate = 0.3
	case 2:
		r.Corrupt = 0.3
	case 3:
		r.Reorder = 0.3
	case 4:
		r.Delay, r.Jitter = fault.UniformLatency(10*ms, 100*ms), 0.5
	case 5:
		r.Bandwidth = 2000
	case 6:
		r.Nodes, r.Direction = nil, fault.Both
		r.Cut, r.Groups, r.OneWay = true, [][]gossip.NodeID{{1}, {2, 3}}, c.rng.IntN(2) == 0
	case 7:
		r.Direction = fault.Both
		r.Clock = time.Hour
	}
	if c.rng.IntN(3) == 0 {
		r.Until = Begin.Add(time.Duration(c.rng.IntN(3000)) * ms)
	}
	return r
}

// plan sets faults, pauses, crashes and messages in every order, and heals all of it at 3 s.
func (c *chaos) troubles(t *testing.T) {
	base := *c.cfg.Plan
	at := func() time.Duration { return time.Duration(c.rng.IntN(3000)) * ms }
	for k := range 8 {
		c.At(at(), func() {
			p := *c.Plan()
			p.Rules = append(slices.Clone(p.Rules), c.rule(fmt.Sprintf("f%d", k), k+c.rng.IntN(3)))
			if c.rng.IntN(4) == 0 {
				p.Rules = p.Rules[1:]
			}
			if err := p.Check(); err != nil {
				t.Error(err)
			}
			c.SetPlan(&p)
		})
	}
	for k := range 12 {
		c.At(at(), func() {
			c.Publish(c.node(), fmt.Appendf(nil, "message %d %s", k, strings.Repeat("x", c.rng.IntN(300))), 0)
		})
	}
	for range 3 {
		c.At(at(), func() { c.Crash(c.node()) })
		c.At(at(), func() { c.PowerFail(c.node()) })
		c.At(at(), func() { c.Stop(c.node()) })
		c.At(at(), func() { c.Pause(c.node()) })
		c.At(at(), func() { c.Resume(c.node()) })
	}
	for range 6 {
		c.At(at(), func() { c.Start(c.node()) })
	}
	c.At(3*time.Second, func() {
		c.SetPlan(&base)
		for id := gossip.NodeID(1); int(id) <= c.cfg.Nodes; id++ {
			c.Resume(id)
			c.Start(id)
		}
	})
}

func (c *chaos) runTo(t *testing.T, end time.Duration) {
	t.Helper()
	for !c.Idle() && c.Next() <= end && c.Step() {
	}
	c.RunUntil(end)
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
}

// conserved complains when a packet is nowhere, or in two places, among the last events.
func conserved(t *testing.T, what string, events []trace.Event) (kinds map[string]uint64) {
	t.Helper()
	type wire struct {
		from, to       gossip.NodeID
		fromRun, toRun uint32
	}
	passed, heard := make(map[wire]uint64), make(map[wire]uint64)
	kinds = make(map[string]uint64)
	for _, e := range events {
		switch e.Kind {
		case trace.Link:
			sum := uint64(0)
			for name, n := range e.Counts {
				kinds[name] += n
				if name != trace.CountSent && name != trace.CountRepeated {
					sum += n
				}
			}
			if sent := e.Counts[trace.CountSent] + e.Counts[trace.CountRepeated]; sent != sum {
				t.Errorf("%s: %d to %d: %v: %d came in and %d went out", what, e.Node, e.Peer, e.Counts, sent, sum)
			}
			if n := e.Counts[trace.CountPassed]; n > 0 {
				passed[wire{e.Node, e.Peer, e.Run, e.PeerRun}] = n
			}
		case trace.Heard:
			heard[wire{e.Peer, e.Node, e.PeerRun, e.Run}] = e.Counts[trace.CountReceived] + e.Counts[trace.CountCorrupt]
			kinds[trace.CountReceived] += e.Counts[trace.CountReceived]
			kinds[trace.CountCorrupt] += e.Counts[trace.CountCorrupt]
		}
	}
	last := make(map[gossip.NodeID]uint32) // the lives of those who tell
	for _, e := range events {
		if e.Kind == trace.End {
			last[e.Node] = e.Run
		}
	}
	for w, n := range passed {
		if last[w.to] == w.toRun && heard[w] != n {
			t.Errorf("%s: %+v: %d were passed and %d heard of", what, w, n, heard[w])
		}
	}
	for w, n := range heard {
		if last[w.from] == w.fromRun && passed[w] != n {
			t.Errorf("%s: %+v: %d were heard of and %d passed", what, w, n, passed[w])
		}
	}
	return kinds
}

// Whatever happens, every packet is somewhere: at any moment, and in the end.
func TestLawOfConservation(t *testing.T) {
	total := make(map[string]uint64)
	for seed := range uint64(200) {
		c := newChaos(t, seed, func(cfg *Config) {
			if seed%3 == 0 {
				cfg.QueueBytes = 200 // so that queues fill
			}
		})
		c.troubles(t)
		for _, end := range []time.Duration{1500 * ms, 2900 * ms, 12 * time.Second} {
			c.runTo(t, end)
			before := len(c.events)
			c.FinalRead()
			kinds := conserved(t, fmt.Sprintf("seed %d at %v", seed, end), c.events[before:])
			for name, n := range kinds {
				total[name] += n
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, name := range []string{trace.CountSent, trace.CountRepeated, trace.CountPassed, trace.CountInFlight, trace.CountReceived, trace.CountCorrupt,
		fault.ReasonLoss, fault.ReasonPartition, DropQueueFull, DropPeerDown, DropPeerEnded} {
		if total[name] == 0 {
			t.Errorf("nothing was %s in 200 worlds: %v", name, total)
		}
	}
}

// One seed gives one sequence of events, to the byte.
func TestLawOfRepetition(t *testing.T) {
	play := func(seed uint64) []string {
		c := newChaos(t, seed, nil)
		c.troubles(t)
		c.runTo(t, 8*time.Second)
		c.FinalRead()
		return c.lines
	}
	for seed := range uint64(60) {
		a, b := play(seed), play(seed)
		if !slices.Equal(a, b) {
			t.Fatalf("two runs of seed %d differ", seed)
		}
		if slices.Equal(a, play(seed+1000)) {
			t.Fatalf("seed %d is as another", seed)
		}
	}
}

// A plan without rules is no plan at all, and one that is set again changes nothing.
func TestLawOfEmptyPlans(t *testing.T) {
	for seed := range uint64(40) {
		play := func(set bool) []string {
			c := newChaos(t, seed, nil)
			base := c.cfg.Plan
			for k := range 5 {
				c.At(time.Duration(k)*50*ms, func() { c.Publish(c.node(), []byte("banana"), 0) })
			}
			if set {
				for k := range 50 {
					c.After(time.Duration(k)*7*ms, func() {
						same := *base
						same.Rules = []fault.Rule{}
						c.SetPlan(&same)
					})
				}
			}
			c.runTo(t, 3*time.Second)
			c.FinalRead()
			return c.lines
		}
		if !slices.Equal(play(false), play(true)) {
			t.Fatalf("seed %d: a plan without rules changes what happens", seed)
		}
	}
}

// Both drivers of a protocol suffer the same, rules that come and go, pauses and crashes included.
func TestLawOfBareAndWhole(t *testing.T) {
	for seed := range uint64(60) {
		play := func(whole bool) Counters {
			c := newChaos(t, seed, func(cfg *Config) { cfg.Whole, cfg.Durable = whole, false })
			for k := range 6 {
				c.At(time.Duration(k)*100*ms, func() {
					p := *c.Plan()
					if r := c.rule(fmt.Sprintf("f%d", k), k); r.Bandwidth == 0 { // bare packets have no routes, so their size differs
						p.Rules = append(slices.Clone(p.Rules), r)
					}
					c.SetPlan(&p)
				})
				c.At(time.Duration(k)*120*ms, func() { c.Publish(c.node(), []byte("banana"), 0) })
			}
			c.At(200*ms, func() { c.Pause(2) })
			c.At(900*ms, func() { c.Resume(2) })
			c.runTo(t, 5*time.Second)
			return c.Count
		}
		if bare, whole := play(false), play(true); bare != whole {
			t.Fatalf("seed %d: bare  %+v\nwhole %+v", seed, bare, whole)
		}
	}
}
