package scenario

import (
	"slices"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// churn kills one node after the other and restarts each.
func (p *planner) churn(now time.Duration, s *Step) {
	p.drawn = true
	set := p.draw(s.Nodes, p.everybody())
	over := now + s.For
	for at := now; at < over; at += max(s.Every, s.For/(MaxSteps/4)) {
		p.push(at, begins, func(now time.Duration) error {
			able := slices.DeleteFunc(slices.Clone(set), func(id gossip.NodeID) bool { return p.dead[id] })
			if len(able) == 0 || p.awakeBut(able[:1]) == 0 {
				return nil
			}
			return p.kill(now, p.some(able, 1), false, min(s.Down, over-now), s.place)
		})
	}
}

// awakeBut is how many nodes are awake besides some.
func (p *planner) awakeBut(nodes []gossip.NodeID) int {
	return len(p.among(func(id gossip.NodeID) bool { return p.awake(id) && !slices.Contains(nodes, id) }))
}

// chaos draws a subset of the kinds of faults, and then faults of those. Few kinds at a time find more than
// all of them together, which hide what each of them does (swarm testing; Groce et al. 2012).
func (p *planner) chaos(now time.Duration, s *Step) {
	p.drawn = true
	var kinds []string
	for _, k := range s.Kinds {
		if p.rng.IntN(2) == 0 {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		kinds = []string{s.Kinds[p.rng.IntN(len(s.Kinds))]}
	}
	over := now + s.For
	for range s.Least + p.rng.IntN(s.Most-s.Least+1) {
		kind := kinds[p.rng.IntN(len(kinds))]
		at := now + p.between(0, s.For*9/10)
		length := min(p.between(s.For/20, s.For/4), over-at)
		p.push(at, begins, func(now time.Duration) error { return p.trouble(now, kind, max(length, time.Millisecond), s.place) })
	}
}

func (p *planner) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(p.rng.Int64N(int64(most-least)+1))).Round(time.Millisecond)
}

// trouble is one fault of chaos.
func (p *planner) trouble(now time.Duration, kind string, length time.Duration, place Text) error {
	n := p.Network.Nodes
	few := 1 + p.rng.IntN(max(n/3, 1))
	r := fault.Rule{}
	switch kind {
	case "kill", "power", "pause":
		able := p.among(p.awake)
		if few = min(few, len(able)-1); few < 1 {
			return nil // somebody has to be left
		}
		if kind != "pause" {
			return p.kill(now, p.some(able, few), kind == "power", length, place)
		}
		return p.pause(now, p.some(able, few), length, place)
	case "partition", "one-way":
		if n < 2 {
			return nil
		}
		r.Cut, r.OneWay = true, kind == "one-way"
		r.Groups = [][]gossip.NodeID{p.some(p.everybody(), 1+p.rng.IntN(n-1))}
		return p.set(now, r, "", length, place, true)
	case "clock":
		r.Clock = p.between(time.Minute, 2*time.Hour)
		if p.rng.IntN(2) == 0 {
			r.Clock = -r.Clock
		}
	case "loss":
		r.Loss = p.percent(10, 90)
	case "duplicate":
		r.Duplicate = p.percent(10, 90)
	case "reorder":
		r.Reorder = p.percent(10, 90)
	case "corrupt":
		r.Corrupt = p.percent(10, 70)
	case "delay":
		r.Delay = fault.ExponentialLatency(p.between(5*time.Millisecond, 500*time.Millisecond))
	case "bandwidth":
		r.Bandwidth = 2000 + p.rng.Int64N(50_000)
	case "cut":
		r.Cut = true
	}
	if kind != "clock" && p.rng.IntN(3) == 0 {
		r.Direction = []fault.Direction{fault.Out, fault.In}[p.rng.IntN(2)]
	}
	r.Nodes = p.some(p.everybody(), few)
	return p.set(now, r, "", length, place, false)
}

// percent draws a share in whole percents: one reads it more easily.
func (p *planner) percent(least, most int) float64 {
	return float64(least+p.rng.IntN(most-least+1)) / 100
}
