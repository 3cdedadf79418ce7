package scenario

import (
	"errors"
	"fmt"
	"slices"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/workload"
)

// setValue has nodes change a value of their own in the simulator.
func (s *Simulated) setValue(a *Action) error {
	var refused error
	for _, id := range a.Nodes {
		if err := s.world.SetValue(id, a.Change); err != nil {
			if errors.Is(err, node.ErrNoValues) {
				return err
			}
			refused = fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return refused
}

// employed is a workload that runs in the simulator.
type employed struct {
	settings workload.Settings
	nodes    []gossip.NodeID
}

// employ has a workload run at its nodes until it is dismissed, and in every life that they begin meanwhile.
func (s *Simulated) employ(a *Action) {
	e := &employed{a.Workload, a.Nodes}
	s.employed = append(s.employed, e)
	for _, id := range a.Nodes {
		if s.world.Alive(id) {
			s.occupy(e, id)
		}
	}
}

func (s *Simulated) dismiss(name string) {
	s.employed = slices.DeleteFunc(s.employed, func(e *employed) bool { return e.settings.Name == name })
}

// employAgain lets a node that was started again do what it is to do.
func (s *Simulated) employAgain(id gossip.NodeID) {
	for _, e := range s.employed {
		if slices.Contains(e.nodes, id) {
			s.occupy(e, id)
		}
	}
}

// occupy runs a workload in the present life of one node: its first tick is now, as in a process.
func (s *Simulated) occupy(e *employed, id gossip.NodeID) {
	kind, err := workload.Find(e.settings.Name)
	if err != nil {
		return // it was checked
	}
	world, run := s.world, max(s.lives[id], 1)
	rng := workload.Generator(s.plan.Seed, id, run, kind.Name)
	act := kind.Make(workload.Environment{
		Self: id, Rand: rng, List: e.settings.List, TTL: e.settings.TTL,
		Own: func(key string) ([]byte, bool) {
			if v := world.Node(id).Values(); v != nil {
				for _, own := range v.Entries(id, key, false) {
					return own.Value, true
				}
			}
			return nil, false
		},
	})
	ticks := 0
	var tick func()
	tick = func() {
		if !slices.Contains(s.employed, e) || !world.Alive(id) || max(s.lives[id], 1) != run {
			return
		}
		ticks++
		if !world.Paused(id) { // who stands still does nothing
			if action := act(ticks); action.Set != nil {
				world.SetValue(id, *action.Set) // what is refused is no news
			} else if _, err := world.Publish(id, action.Body, 0); err != nil {
				s.unsaid++
			}
		}
		world.After(workload.Jitter(e.settings.Interval(), rng), tick)
	}
	world.After(0, tick)
}
