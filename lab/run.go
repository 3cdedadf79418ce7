package lab

import (
	"math/rand/v2"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/topology"
)

// run is one run of an experiment, and what came out of it.
type run struct {
	*setup
	number int // from 0
	seed   uint64
	rng    *rand.Rand // of what happens to the network: who publishes, who crashes
	world  *sim.World
	began  time.Duration // when the first message was published

	origins  []gossip.NodeID
	messages []int        // the numbers of those that were published in the world
	unsent   int          // because nobody was there to publish them
	before   sim.Counters // when the first message that is measured was published
}

// streamOf keeps the draws of the surroundings apart from those of the protocols and of the graph.
const streamOf = 0x6c61626f7261746f

// seedOf is the seed of a run: the first has the experiment's own, so that it can be seen alone.
func seedOf(seed uint64, number int) uint64 {
	if number == 0 {
		return seed
	}
	return rand.NewPCG(seed, uint64(number)^streamOf).Uint64()
}

// newRun makes the world of a run.
func newRun(s *setup, number int, pulse func() error) (*run, error) {
	seed := seedOf(s.Seed, number)
	r := &run{setup: s, number: number, seed: seed, rng: rand.New(rand.NewPCG(seed, streamOf))}
	peers, err := r.peers()
	if err != nil {
		return nil, err
	}
	plan := *s.plan
	plan.Seed = seed
	make := s.kind.Make(s.values)
	generators := newGenerators(seed, s.Nodes)
	r.world = sim.New(sim.Config{
		Nodes: s.Nodes, Peers: peers, Complete: s.complete, Plan: &plan,
		Born: func(id gossip.NodeID, life uint32) gossip.Protocol {
			p := make(protocol.Environment{Self: id, Rand: generators.of(id, life)})
			if s.repaired() {
				p = s.kind.Repaired(p, s.values, seed+uint64(life-1), id, protocol.RepairRules{Every: s.RepairEvery, Remember: max(1, s.Messages)})
			}
			return p
		},
		Resting: s.Until.After == 0, Trees: s.Tree && number == 0, Pulse: pulse,
	})
	if err := r.world.Err(); err != nil {
		return nil, err
	}
	for range s.Origins {
		r.origins = append(r.origins, gossip.NodeID(1+r.rng.IntN(s.Nodes)))
	}
	r.schedule()
	return r, nil
}

// peers draws the overlay.
func (r *run) peers() (func(gossip.NodeID) gossip.Peers, error) {
	if r.complete {
		return func(id gossip.NodeID) gossip.Peers { return gossip.Everyone(r.Nodes, id) }, nil
	}
	g, err := topology.Generate(topology.Request{Kind: r.Overlay, Nodes: r.Nodes, Most: max(r.Nodes, topology.MaxNodes), Param: r.Degree, Seed: r.seed})
	if err != nil {
		return nil, misuse{err}
	}
	first, list := g.Adjacency()
	ids := make([]gossip.NodeID, len(list))
	for i, v := range list {
		ids[i] = gossip.NodeID(v)
	}
	return func(id gossip.NodeID) gossip.Peers {
		return gossip.NewPeers(ids[first[id-1]:first[id]:first[id]])
	}, nil
}

// schedule plans the messages and the crashes.
func (r *run) schedule() {
	w := r.world
	body := make([]byte, r.Body)
	start := r.WarmUp
	if r.rounds && r.WarmUp > 0 {
		start = (r.WarmUp + r.interval - 1) / r.interval * r.interval // rounds begin together
	}
	r.began = start
	for k := range r.Messages {
		w.At(start+time.Duration(k)*r.Every, func() { r.publish(k, body) })
	}
	if r.Churn.Rate > 0 {
		w.At(start, r.churn)
	}
}

// publish gives one of the origins its message, or the next live node if it is down.
func (r *run) publish(k int, body []byte) {
	id := r.origins[k%len(r.origins)]
	for range r.Nodes {
		if r.world.Alive(id) {
			break
		}
		id = id%gossip.NodeID(r.Nodes) + 1
	}
	if k == r.Discard {
		r.before = r.world.Count
	}
	number, err := r.world.Publish(id, body, r.Relays)
	if err != nil {
		r.unsent++
		return
	}
	r.messages = append(r.messages, number)
}

// churn crashes one node, and comes back for the next after a time that depends on how many live.
func (r *run) churn() {
	w := r.world
	if live := w.Live(); live > 1 {
		id := gossip.NodeID(1 + r.rng.IntN(r.Nodes))
		for !w.Alive(id) {
			id = id%gossip.NodeID(r.Nodes) + 1
		}
		w.Crash(id)
		if r.Churn.Down > 0 {
			down := time.Duration(r.rng.ExpFloat64() * float64(r.Churn.Down))
			w.After(down, func() { w.Start(id) })
		}
	}
	pause := r.rng.ExpFloat64() / (r.Churn.Rate * float64(max(w.Live(), 1)))
	w.After(time.Duration(pause*float64(time.Second)), r.churn)
}

// over reports whether the run has come to its end, and the end it came to.
func (r *run) over() (bool, Ending) {
	w := r.world
	last := r.began + time.Duration(r.Messages-1)*r.Every
	switch {
	case r.Until.After > 0:
		if w.Idle() || w.Next() > last+r.Until.After {
			w.RunUntil(last + r.Until.After)
			return true, EndTime
		}
	case w.Planned() > 0 || !w.Idle() && w.Next() == w.Now():
		return false, "" // what belongs to this instant, or round, is still done and counted
	case r.Until.When == protocol.Informed && w.Informed():
		return true, EndInformed
	case w.Quiet():
		return true, EndQuiet
	case w.Idle():
		return true, EndQuiet
	case w.Now() > last+r.MaxTime:
		return true, EndLate
	}
	return false, ""
}

// Ending is how a run ended.
type Ending string

// The endings.
const (
	EndInformed Ending = "informed" // every live node had every message
	EndQuiet    Ending = "quiet"    // nobody would have passed on anything any more
	EndTime     Ending = "time"     // the time asked for was over
	EndLate     Ending = "late"     // it went on for longer than it may
)

// generators gives each node a generator of its own without an allocation for each.
type generators struct {
	seed    uint64
	sources []rand.PCG
	rands   []rand.Rand
}

func newGenerators(seed uint64, n int) *generators {
	return &generators{seed, make([]rand.PCG, n), make([]rand.Rand, n)}
}

// of returns the generator of a life. Lives after the first draw from other streams.
func (g *generators) of(id gossip.NodeID, life uint32) *rand.Rand {
	seed := g.seed
	if life > 1 {
		seed = seedOf(seed, int(life))
	}
	g.sources[id-1] = *protocol.Source(seed, id)
	g.rands[id-1] = *rand.New(&g.sources[id-1])
	return &g.rands[id-1]
}
