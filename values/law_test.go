package values_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/sim"
	"gossipctl/topology"
	"gossipctl/trace"
	"gossipctl/values"
)

const ms = time.Millisecond

// net is a simulated network whose nodes have values, with an eye on all that must never happen.
type net struct {
	*sim.World
	t     *testing.T
	n     int
	rng   *rand.Rand
	edges [][]gossip.NodeID
	seen  map[slot]gossip.ID // what a life of a node has last applied of a key
	gone  map[slot]gossip.ID // the last deletion that it has applied
	spent spent
}

type slot struct {
	node  gossip.NodeID
	run   uint32
	owner gossip.NodeID
	key   string
}

type spent struct{ packets, bytes, largest int }

// spy counts the packets of reconciliation, and sees how large they are.
type spy struct {
	gossip.Protocol
	net   *net
	birth func(now time.Time, p gossip.Protocol, out *gossip.Outbox)
}

func (s *spy) Under() gossip.Protocol { return s.Protocol }
func (s *spy) look(out *gossip.Outbox) {
	for i := range out.Sends {
		p := &out.Sends[i].Packet
		if p.Kind < gossip.KindValues || p.Kind >= gossip.KindMembership {
			continue
		}
		data, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: 1, Packet: *p, Routes: make([]gossip.Route, len(p.Messages))})
		if err != nil {
			s.net.t.Fatalf("a packet of reconciliation that no wire carries: %v", err)
		}
		s.net.spent.packets++
		s.net.spent.bytes += len(data)
		s.net.spent.largest = max(s.net.spent.largest, len(data))
	}
}

func (s *spy) Peers(now time.Time, p gossip.Peers, out *gossip.Outbox) {
	s.Protocol.Peers(now, p, out)
	if s.birth != nil {
		s.birth(now, s.Protocol, out)
		s.birth = nil
	}
	s.look(out)
}

func (s *spy) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	s.Protocol.Receive(now, from, p, out)
	s.look(out)
}

func (s *spy) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	s.Protocol.Wake(now, t, out)
	s.look(out)
}

// mute spreads nothing, and delivers what the node itself publishes.
type mute struct{}

func (mute) Peers(time.Time, gossip.Peers, *gossip.Outbox) {}
func (mute) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
}
func (mute) Receive(time.Time, gossip.NodeID, gossip.Packet, *gossip.Outbox) {}
func (mute) Wake(time.Time, gossip.Timer, *gossip.Outbox)                    {}

type setup struct {
	spec    layers.Spec // without a protocol: nothing is spread by itself
	topo    string
	n       int
	seed    uint64
	durable bool
	plan    fault.Plan
	// birth is called once a node knows its peers.
	birth func(now time.Time, id gossip.NodeID, p gossip.Protocol, out *gossip.Outbox)
}

func newNet(t *testing.T, s setup) *net {
	t.Helper()
	g, err := topology.Generate(topology.Request{Kind: cmp.Or(s.topo, "random"), Nodes: s.n, Param: map[string]int{"": 3}[s.topo], Seed: s.seed})
	if err != nil {
		t.Fatal(err)
	}
	w := &net{t: t, n: s.n, rng: rand.New(rand.NewPCG(s.seed, 77)), edges: make([][]gossip.NodeID, s.n), seen: make(map[slot]gossip.ID), gone: make(map[slot]gossip.ID)}
	first, list := g.Adjacency()
	for i := range s.n {
		for _, v := range list[first[i]:first[i+1]] {
			w.edges[i] = append(w.edges[i], gossip.NodeID(v))
		}
	}
	var maker *layers.Maker
	if s.spec.Protocol != "" {
		if maker, err = layers.New(s.spec); err != nil {
			t.Fatal(err)
		}
	}
	s.plan.Seed = s.seed
	w.World = sim.New(sim.Config{
		Nodes: s.n, Whole: true, Durable: s.durable, Plan: &s.plan, Observe: w.observe,
		Peers: func(id gossip.NodeID) gossip.Peers { return gossip.NewPeers(w.edges[id-1]) },
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			p := &spy{net: w}
			if s.birth != nil {
				p.birth = func(now time.Time, p gossip.Protocol, out *gossip.Outbox) { s.birth(now, id, p, out) }
			}
			if maker != nil {
				p.Protocol = maker.Make(s.seed, id, run)
			} else {
				env := values.Environment{Self: id, Run: run, Rand: values.Generator(s.seed+uint64(run)<<32, id)}
				p.Protocol = values.Around(mute{}, env, values.Rules{Every: s.spec.ValuesEvery, Keep: s.spec.ValuesKeep})
			}
			return p
		},
	})
	return w
}

// observe holds what nodes tell against the laws: no version of a key goes back, nothing that was deleted comes back,
// nothing is delivered to an inbox.
func (w *net) observe(e trace.Event) {
	if e.Message.IsUpdate() && e.Kind == trace.Deliver {
		w.t.Errorf("update %v is in the inbox of node %d", e.Message, e.Node)
	}
	if e.Kind != trace.Apply {
		return
	}
	at := slot{e.Node, e.Run, e.Message.Origin, e.Name}
	if before, has := w.seen[at]; has && e.Message.Compare(before) < 0 || has && e.Message == before && e.Reason != "vanished" {
		w.t.Errorf("node %d goes from %v back to %v of key %q", e.Node, before, e.Message, e.Name)
	}
	w.seen[at] = e.Message
}

func (w *net) set(id gossip.NodeID, c values.Change) {
	w.t.Helper()
	if err := w.SetValue(id, c); err != nil && !(c.Delete && errors.Is(err, values.ErrGone)) {
		w.t.Fatalf("node %d: %v", id, err)
	}
}

func (w *net) until(at time.Duration) {
	w.t.Helper()
	for !w.Idle() && w.Next() <= at {
		w.Step()
	}
	w.RunUntil(at)
	if err := w.Err(); err != nil {
		w.t.Fatal(err)
	}
}

// converged lets things happen until all live nodes have the same, and returns how long that took.
func (w *net) converged(within time.Duration) time.Duration {
	w.t.Helper()
	began := w.Now()
	for w.Differ() != "" {
		if w.Now() > began+within {
			w.t.Fatalf("%v after the faults were over: %s", within, w.Differ())
		}
		w.until(w.Now() + 10*ms)
	}
	return w.Now() - began
}

// truthful sees that what nodes have of each live owner is what it has itself.
func (w *net) truthful() {
	w.t.Helper()
	for id := gossip.NodeID(1); int(id) <= w.n; id++ {
		if !w.Alive(id) {
			continue
		}
		for other := gossip.NodeID(1); int(other) <= w.n; other++ {
			if !w.Alive(other) {
				continue
			}
			mine, theirs := alive(w.Node(id).Values().Entries(id, "", true)), alive(w.Node(other).Values().Entries(id, "", true))
			if mine != theirs {
				w.t.Fatalf("node %d has\n%s\nnode %d has of it\n%s", id, mine, other, theirs)
			}
		}
	}
}

func alive(entries []values.Entry) (s string) {
	for _, e := range entries {
		if !e.Deleted {
			s += fmt.Sprintf("%s=%s %d.%d @%d\n", e.Key, e.Value, e.Run, e.Version, e.Stamp)
		}
	}
	return s
}

// part cuts all links between two halves, or none.
func (w *net) part(half gossip.NodeID) {
	for i := range w.n {
		id := gossip.NodeID(i + 1)
		var list []gossip.NodeID
		for _, peer := range w.edges[i] {
			if (id <= half) == (peer <= half) || half == 0 {
				list = append(list, peer)
			}
		}
		w.SetPeers(id, gossip.NewPeers(list))
	}
}

// change has a random live node do something to its map.
func (w *net) change(k int) {
	id := gossip.NodeID(1 + w.rng.IntN(w.n))
	for !w.Alive(id) {
		id = id%gossip.NodeID(w.n) + 1
	}
	c := values.Change{Key: fmt.Sprint("key", w.rng.IntN(5)), Value: fmt.Appendf(nil, "%d", k)}
	switch w.rng.IntN(10) {
	case 0, 1:
		c.Delete, c.Value = true, nil
	case 2, 3:
		c.Key, c.Register = fmt.Sprint("shared", w.rng.IntN(2)), true
		if w.rng.IntN(4) == 0 {
			c.Delete, c.Value = true, nil
		}
	case 4:
		c.TTL = 1
	}
	w.set(id, c)
}

// TestEverybodyHasTheSame goes through bad times with every kind of protocol, and lets the network be then.
func TestEverybodyHasTheSame(t *testing.T) {
	for _, protocol := range []string{"", "flood", "push", "push-pull", "plumtree", "anti-entropy", "mongering", "gossipsub", "transmit-limited"} {
		t.Run(cmp.Or(protocol, "nothing"), func(t *testing.T) {
			t.Parallel()
			seeds := uint64(24)
			if testing.Short() {
				seeds = 6
			}
			for seed := range seeds {
				s := setup{spec: layers.Spec{Protocol: protocol, ValuesKeep: 3 * time.Second}, n: 6 + 2*int(seed%6), seed: seed, durable: seed%2 == 0,
					plan: fault.Plan{Latency: fault.ExponentialLatency(15 * ms), Jitter: 0.5, Loss: 0.2, Duplicate: 0.1}}
				if seed%3 == 0 {
					s.spec.Repair = "anti-entropy"
				}
				w := newNet(t, s)
				for k := range 120 {
					w.change(k)
					w.until(w.Now() + time.Duration(w.rng.IntN(150))*ms)
					switch w.rng.IntN(12) {
					case 0:
						w.part(gossip.NodeID(1 + w.rng.IntN(w.n)))
					case 1:
						w.part(0)
					case 2:
						if w.Live() > w.n-2 {
							id := gossip.NodeID(1 + w.rng.IntN(w.n))
							if w.rng.IntN(2) == 0 {
								w.Crash(id)
							} else {
								w.PowerFail(id)
							}
						}
					case 3:
						for id := range w.n {
							w.Start(gossip.NodeID(id + 1))
						}
					}
				}
				w.part(0)
				for id := range w.n {
					w.Start(gossip.NodeID(id + 1))
				}
				took := w.converged(20 * time.Second)
				w.until(w.Now() + 2*time.Second)
				w.converged(0)
				w.truthful()
				if testing.Verbose() {
					t.Logf("seed %d: %v", seed, took)
				}
				if w.spent.largest > 64<<10+33<<10 {
					t.Errorf("a packet of %d bytes", w.spent.largest)
				}
				for id := range w.n {
					if s := w.Node(gossip.NodeID(id + 1)).Values().Stats(); s.Refused+s.Forged > 0 {
						t.Errorf("node %d: %+v", id+1, s)
					}
				}
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}
