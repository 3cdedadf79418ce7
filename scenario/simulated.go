package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/check"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/topology"
	"gossipctl/trace"
)

// Simulated is an engine in virtual time: a seed and a scenario give the same events, to the byte.
type Simulated struct {
	// MaxEvents bounds what a run may do; 0: a bound by its size, ten times what protocols take with their
	// default settings. A run that comes to it is stopped: its work was not bounded.
	MaxEvents uint64

	plan   *Plan
	world  *sim.World
	rules  fault.Plan
	graph  *topology.Graph
	rng    *rand.Rand // of the reconnecting
	over   string     // why it was stopped
	broken string     // what a protocol did that none may do
	budget uint64
	crowd  int // packets under way at a time
	lives  map[gossip.NodeID]uint32

	employed []*employed // workloads that run
	unsaid   int         // messages of workloads that nodes did not take

	plant plant
}

// plant is what tests break, to see whether it is noticed. The zero value breaks nothing.
type plant struct {
	protocol func(env protocol.Environment, run uint32, inner, whole gossip.Protocol) gossip.Protocol
	observe  func(p *Plan, tell func(*trace.Event)) func(*trace.Event)
	amnesia  bool          // disks are not read at birth
	sync     time.Duration // between two; 0: the default
	nodes    sim.Planted   // nothing without the build tag planted
}

// Name is simulated.
func (s *Simulated) Name() string { return "simulated" }

// pulseSteps is how many steps are taken between two looks at the context.
const pulseSteps = 1 << 12

// Start makes the world.
func (s *Simulated) Start(_ context.Context, p *Plan, tell func(*trace.Event)) error {
	n := &p.Network
	kind := n.Topology
	if n.Discovery == discoverBootstrap {
		kind = "complete" // anybody may become anybody's peer
	}
	g, err := topology.Generate(topology.Request{Kind: kind, Nodes: n.Nodes, Most: MaxNodes, Param: n.Parameter, Seed: p.Seed})
	if err != nil {
		return err
	}
	born, err := s.birth(p)
	if err != nil {
		return err
	}
	text := n.Latency
	if text == "" {
		text = DefaultLatency
	}
	latency, err := fault.ParseLatency(text)
	if err != nil {
		return err
	}
	tell = numbered(n.Nodes, tell)
	if s.plant.observe != nil {
		tell = s.plant.observe(p, tell)
	}
	s.plan, s.graph, s.lives = p, g, make(map[gossip.NodeID]uint32)
	s.rng = rand.New(rand.NewPCG(p.Seed, 0x7265636f6e))
	s.rules = fault.Plan{Seed: p.Seed, Latency: latency}
	size := uint64(n.Nodes) * (uint64(p.Workload.Messages) + uint64(p.Changes) + uint64(p.End/time.Second) + 10)
	if s.budget = s.MaxEvents; s.budget == 0 {
		s.budget = 50_000 + 200*size
	}
	s.crowd = int(min(2_000+10*size, 2_000_000))
	s.world = sim.New(sim.Config{
		Nodes: n.Nodes, Peers: s.contacts, Born: born, Plan: s.links(), Whole: true, Durable: n.Durable && !s.plant.amnesia, SyncEvery: s.plant.sync,
		Observe: func(e trace.Event) { tell(&e) }, Planted: s.plant.nodes,
	})
	return s.world.Err()
}

// numbered has the end of each node's final read say how many lines about the node were before, as a node's
// log does.
func numbered(nodes int, tell func(*trace.Event)) func(*trace.Event) {
	lines := make([]uint64, nodes+1)
	return func(e *trace.Event) {
		switch e.Kind {
		case trace.Fault, trace.Heal, trace.Kill, trace.Pause, trace.Resume: // whoever does it says so
		case trace.End:
			counts := map[string]uint64{trace.CountLines: lines[e.Node]}
			maps.Copy(counts, e.Counts)
			e.Counts = counts
			lines[e.Node]++
		default:
			lines[e.Node]++
		}
		tell(e)
	}
}

// links is a copy of what links do now: a world keeps what it is given.
func (s *Simulated) links() *fault.Plan {
	plan := s.rules
	plan.Rules = slices.Clone(s.rules.Rules)
	return &plan
}

func (s *Simulated) peers(id gossip.NodeID) gossip.Peers {
	var ids []gossip.NodeID
	for _, v := range s.graph.Peers(int(id)) {
		ids = append(ids, gossip.NodeID(v))
	}
	slices.Sort(ids)
	return gossip.NewPeers(ids)
}

// birth returns what makes the protocol of a node in one of its lives.
func (s *Simulated) birth(p *Plan) (func(gossip.NodeID, uint32) gossip.Protocol, error) {
	maker, err := layers.New(p.Network.layers())
	if err != nil {
		return nil, err
	}
	return func(id gossip.NodeID, run uint32) gossip.Protocol {
		inner := maker.Inner(p.Seed, id, run)
		whole := maker.Around(inner, p.Seed, id, run)
		if s.plant.protocol != nil {
			seed := protocol.LifeSeed(p.Seed, run)
			return s.plant.protocol(protocol.Environment{Self: id, Rand: protocol.Generator(seed, id)}, run, inner, whole)
		}
		return whole
	}, nil
}

// Wait lets virtual time pass.
func (s *Simulated) Wait(ctx context.Context, until time.Duration) error {
	for steps := 1; s.over == "" && s.broken == "" && !s.world.Idle() && s.world.Next() <= until; steps++ {
		s.world.Step()
		if steps%pulseSteps == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch err := s.world.Err(); {
		case errors.Is(err, sim.ErrEndless):
			s.over = err.Error()
		case errors.Is(err, sim.ErrBroken):
			s.broken = err.Error()
			return nil
		case err != nil:
			return err
		case s.world.Count.Events > s.budget:
			s.over = fmt.Sprintf("the budget of %d events was used up after %s", s.budget, brief(s.world.Now().Round(time.Millisecond)))
		case s.world.UnderWay() > s.crowd:
			s.over = fmt.Sprintf("more than %d packets were under way at once after %s", s.crowd, brief(s.world.Now().Round(time.Millisecond)))
		}
	}
	if s.over == "" && s.broken == "" {
		s.world.RunUntil(until)
	}
	return nil
}

// Do carries out one action.
func (s *Simulated) Do(_ context.Context, a *Action) error {
	if s.over != "" || s.broken != "" {
		return nil
	}
	switch a.Do {
	case DoPublish:
		if _, err := s.world.Publish(a.Nodes[0], a.Body, 0); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	case DoSetValue:
		if err := s.setValue(a); err != nil {
			return err
		}
	case DoStartWorkload:
		s.employ(a)
	case DoStopWorkload:
		s.dismiss(a.Workload.Name)
	case DoSet:
		s.rules.Rules = append(s.rules.Rules, a.Rule)
		s.world.SetPlan(s.links())
	case DoClear:
		s.rules.Rules = slices.DeleteFunc(s.rules.Rules, func(r fault.Rule) bool { return r.Name == a.Rule.Name })
		s.world.SetPlan(s.links())
	case DoKill:
		for _, id := range a.Nodes {
			if a.Power {
				s.world.PowerFail(id)
			} else {
				s.world.Crash(id)
			}
		}
		if s.plan.Network.Reconnect {
			s.reconnect(a.Nodes)
		}
	case DoStart:
		for _, id := range a.Nodes {
			s.lives[id] = max(s.lives[id], 1) + 1
			if s.plan.Network.Assembles() {
				s.contactsAgain(id)
			}
			s.world.Start(id)
			s.employAgain(id)
		}
	case DoPause:
		for _, id := range a.Nodes {
			s.world.Pause(id)
		}
	case DoResume:
		for _, id := range a.Nodes {
			s.world.Resume(id)
		}
	}
	if err := s.world.Err(); errors.Is(err, sim.ErrBroken) {
		s.broken = err.Error()
	} else if err != nil && !errors.Is(err, sim.ErrEndless) {
		return err
	}
	return nil
}

// live is the graph of the nodes that are alive.
func (s *Simulated) live() *topology.Graph {
	g := s.graph.Clone()
	for _, v := range s.graph.Nodes() {
		if !s.world.Alive(gossip.NodeID(v)) {
			g.RemoveNode(v)
		}
	}
	return g
}

// reconnect gives new peers to those that dead nodes leave behind, as the controller of a network does.
// The dead keep their edges, for when they are started again.
func (s *Simulated) reconnect(dead []gossip.NodeID) {
	numbers := make([]int, len(dead))
	for i, id := range dead {
		numbers[i] = int(id)
	}
	touched := make(map[int]bool)
	for _, e := range topology.Mend(s.graph, s.live(), numbers, s.rng) {
		s.graph.AddEdge(e.A, e.B)
		touched[e.A], touched[e.B] = true, true
	}
	for _, v := range s.graph.Nodes() {
		if touched[v] {
			s.world.SetPeers(gossip.NodeID(v), s.peers(gossip.NodeID(v)))
		}
	}
}

// Finish reads all inboxes and accounts.
func (s *Simulated) Finish(context.Context) (Ending, error) {
	end := Ending{Began: sim.Begin, Runs: s.lives, Work: s.work(), Overwork: s.over, Broken: s.broken, Incomplete: s.over + s.broken}
	if s.over == "" {
		s.world.FinalRead()
	}
	if s.plan.Network.Assembles() {
		return end, nil // that nodes find each other is their own business
	}
	awake := s.live()
	for _, v := range awake.Nodes() {
		if s.world.Paused(gossip.NodeID(v)) {
			awake.RemoveNode(v) // it passes nothing on
		}
	}
	if parts := topology.Components(awake); len(parts) > 1 {
		for _, part := range parts {
			var ids []gossip.NodeID
			for _, v := range part {
				ids = append(ids, gossip.NodeID(v))
			}
			end.Parts = append(end.Parts, ids)
		}
	}
	return end, nil
}

// degree is how many peers nodes have on average, or choose.
func (s *Simulated) degree() float64 {
	if s.plan.Network.Assembles() {
		spec := s.plan.Network.layers()
		return float64(spec.Degree(s.plan.Network.Nodes))
	}
	return 2 * float64(s.graph.NumEdges()) / float64(max(s.graph.Len(), 1))
}

// work is four times what flooding costs, where that is more than what is allowed anyway.
func (s *Simulated) work() float64 {
	relays := 1
	if kind, err := protocol.Find(s.plan.Network.Protocol); err == nil {
		if values, err := kind.Values(s.plan.Network.Set); err == nil && values.Has("relays") {
			relays = max(values.Int("relays"), 1)
		}
	}
	return max(check.DefaultWork, 4*s.degree()) * float64(relays)
}

// Close lets go of the world.
func (s *Simulated) Close() error {
	s.world = nil
	return nil
}
