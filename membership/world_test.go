package membership

import (
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/sim"
)

// thorough says that there is time for many seeds and large networks.
var thorough = true

// silent is a protocol that does nothing, and remembers its peers.
type silent struct {
	peers gossip.Peers
	told  int
}

func (s *silent) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) {
	s.peers = peers
	s.told++
}
func (s *silent) Publish(_ time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	out.Deliver(m)
}
func (*silent) Receive(time.Time, gossip.NodeID, gossip.Packet, *gossip.Outbox) {}
func (*silent) Wake(time.Time, gossip.Timer, *gossip.Outbox)                    {}

// change is a member as somebody sees it from a moment on.
type change struct {
	at   time.Duration
	node gossip.NodeID // who sees it
	gossip.Member
}

// network is a simulated network of machines, with all that they tell and send.
type network struct {
	*sim.World
	t       testing.TB
	n       int
	cores   []*core
	inner   []*silent
	changes []change
	packets [kindsEnd - kindNews]int
	names   int // in packets
	left    []bool
	leaving gossip.NodeID // is told to, the next time it is told its peers
	plan    fault.Plan
	deaf    bool // changes are not kept
	seen    func(from, to gossip.NodeID, p gossip.Packet)
}

// spy watches a machine.
type spy struct {
	*core
	net *network
}

func (s spy) note(now time.Time, out *gossip.Outbox) {
	for _, m := range out.Members {
		if !s.net.deaf {
			s.net.changes = append(s.net.changes, change{now.Sub(sim.Begin), s.me.node, m})
		}
	}
	out.Members = out.Members[:0]
	for _, send := range out.Sends {
		if send.To == s.me.node {
			s.net.t.Errorf("node %d sends to itself", send.To)
		}
		s.net.packets[send.Packet.Kind-kindNews]++
		s.net.names += len(send.Packet.IDs)
		if s.net.seen != nil {
			s.net.seen(s.me.node, send.To, send.Packet)
		}
	}
}

func (s spy) Peers(now time.Time, p gossip.Peers, out *gossip.Outbox) {
	if s.net.leaving == s.me.node {
		s.core.Leave(now, out)
	} else {
		s.core.Peers(now, p, out)
	}
	s.note(now, out)
}

func (s spy) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	s.core.Receive(now, from, p, out)
	if out.Refused == gossip.Malformed {
		s.net.t.Errorf("node %d takes for malformed what %d sends: %+v", s.me.node, from, p)
	}
	s.note(now, out)
}

func (s spy) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	s.core.Wake(now, t, out)
	s.note(now, out)
}

// trialSpec says what a network is like.
type trialSpec struct {
	kind     Kind
	n        int
	seed     uint64
	loss     float64
	latency  fault.Latency
	set      map[string]string
	contacts func(gossip.NodeID) gossip.Peers // nil: everybody has node 1
}

func open(t testing.TB, s trialSpec) *network {
	t.Helper()
	v, err := s.kind.Values(s.set)
	if err != nil {
		t.Fatal(err)
	}
	if s.latency.Kind == fault.None {
		s.latency = fault.UniformLatency(time.Millisecond, 5*time.Millisecond)
	}
	if s.contacts == nil {
		s.contacts = func(gossip.NodeID) gossip.Peers { return gossip.NewPeers([]gossip.NodeID{1}) }
	}
	w := &network{t: t, n: s.n, cores: make([]*core, s.n+1), inner: make([]*silent, s.n+1), left: make([]bool, s.n+1)}
	w.plan = fault.Plan{Seed: s.seed, Latency: s.latency, Loss: s.loss}
	born := s.kind.Make(v)
	w.World = sim.New(sim.Config{Nodes: s.n, Peers: s.contacts, Plan: &w.plan,
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			w.inner[id] = new(silent)
			seed := s.seed ^ uint64(run-1)*0x9e3779b97f4a7c15
			w.cores[id] = born(w.inner[id], Environment{Self: id, Run: run, Rand: Generator(seed, id), Seed: s.seed}).(*core)
			return spy{w.cores[id], w}
		}})
	return w
}

// run runs until a moment.
func (w *network) run(until time.Duration) {
	w.t.Helper()
	for !w.Idle() && w.Next() <= until {
		w.Step()
	}
	w.RunUntil(until)
	if err := w.Err(); err != nil {
		w.t.Fatal(err)
	}
}

// await runs until something is so, and tells when; at the latest at a moment, which is a mistake.
func (w *network) await(what string, latest time.Duration, is func() bool) time.Duration {
	w.t.Helper()
	for step := 10 * time.Millisecond; !is(); {
		if w.Now() >= latest {
			w.t.Fatalf("%s: not by %v", what, latest)
		}
		w.run(w.Now() + step)
	}
	return w.Now()
}

func (w *network) lives(id gossip.NodeID) bool { return w.Alive(id) && !w.left[id] }

// agreed reports whether every living node sees exactly the living ones as alive.
func (w *network) agreed() bool {
	here := w.count()
	for id := gossip.NodeID(1); int(id) <= w.n; id++ {
		if !w.lives(id) {
			continue
		}
		if len(w.cores[id].here) != here-1 {
			return false
		}
		for _, m := range w.cores[id].here {
			if !w.lives(m.node) || m.standing != gossip.Alive || m.run != w.cores[m.node].me.run {
				return false
			}
		}
	}
	return true
}

func (w *network) count() (here int) {
	for id := gossip.NodeID(1); int(id) <= w.n; id++ {
		if w.lives(id) {
			here++
		}
	}
	return here
}

// deaths counts, over all views, how often a living node was declared dead since a change.
func (w *network) deaths(since int) (deaths int, who map[gossip.NodeID]bool) {
	who = make(map[gossip.NodeID]bool)
	for _, c := range w.changes[since:] {
		if c.Standing == gossip.Dead && w.lives(c.Node) && c.Run == w.cores[c.Node].me.run {
			deaths++
			who[c.Node] = true
		}
	}
	return deaths, who
}

// sever cuts the network in two: the nodes up to a number, and the others. heal joins them.
func (w *network) sever(last int) {
	var groups [2][]gossip.NodeID
	for id := 1; id <= w.n; id++ {
		g := 0
		if id > last {
			g = 1
		}
		groups[g] = append(groups[g], gossip.NodeID(id))
	}
	p := w.plan
	p.Rules = []fault.Rule{{Name: "p", Cut: true, Groups: groups[:]}}
	w.SetPlan(&p)
}

func (w *network) heal() { p := w.plan; w.SetPlan(&p) }

func (w *network) clock() time.Time { return sim.Begin.Add(w.Now()) }

// leave has a node say goodbye.
func (w *network) leave(id gossip.NodeID) {
	w.leaving = id
	w.SetPeers(id, gossip.Peers{})
	w.leaving, w.left[id] = 0, true
}
