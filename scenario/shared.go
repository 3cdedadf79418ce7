package scenario

import (
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/values"
	"gossipctl/workload"
)

// shares reads the entries of a timeline that are about values and workloads.
func (p *problems) shares(f *StepFile, s *Step, nodes int) {
	if s.Nodes = p.set(f.Nodes, "nodes", nodes); s.Nodes.IsZero() {
		s.Nodes.NodeSet = everyone()
	}
	ttl := p.whole(f.TTL, "ttl", 0, gossip.MaxHops, 0)
	switch s.Deed {
	case SetValue, DeleteValue:
		key := firstOf(f.SetValue, f.DeleteValue)
		s.Change = values.Change{Key: key.Value, Value: []byte(f.Value.Value), Delete: s.Deed == DeleteValue, Register: p.flag(f.Register, "register"), TTL: ttl}
		if len(key.Value) > values.MaxKey || len(s.Change.Value) > values.MaxValue {
			p.add(key.wrong("a key may have %d bytes and a value %d", values.MaxKey, values.MaxValue))
		}
		if s.Deed == SetValue && !f.Value.there() {
			p.add(key.wrong("set_value needs a value: set_value: colour, value: red"))
		}
	case StartWorkload:
		s.Workload = workload.Settings{Name: f.StartWorkload.Value, Every: p.duration(f.Every, "every", workload.MinEvery, 0), TTL: ttl}
		if err := s.Workload.Check(); err != nil {
			p.add(f.StartWorkload.wrong("start_workload: %v", err))
		}
	case StopWorkload:
		s.Workload = workload.Settings{Name: f.StopWorkload.Value}
		if _, err := workload.Find(s.Workload.Name); err != nil {
			p.add(f.StopWorkload.wrong("stop_workload: %v", err))
		}
	}
}

// change has nodes change a value of their own: those of the set that are awake.
func (p *planner) change(now time.Duration, s *Step) {
	nodes := slices.DeleteFunc(p.draw(s.Nodes, p.everybody()), func(id gossip.NodeID) bool { return !p.awake(id) })
	if len(nodes) > 0 {
		p.ticks += len(nodes)
		p.act(Action{At: now, Do: DoSetValue, Nodes: nodes, Change: s.Change})
	}
}

// employ starts a workload, and plans its end.
func (p *planner) employ(now time.Duration, s *Step) error {
	name := s.Workload.Name
	if slices.ContainsFunc(p.busy, func(a Action) bool { return a.Workload.Name == name }) {
		return s.place.wrong("workload %s runs already at %s", name, brief(now))
	}
	a := Action{At: now, Do: DoStartWorkload, Nodes: p.draw(s.Nodes, p.everybody()), Workload: s.Workload}
	p.busy = append(p.busy, a)
	p.act(a)
	if s.For > 0 {
		p.push(now+s.For, ends, func(now time.Duration) error { p.dismiss(now, name); return nil })
	}
	return nil
}

// dismiss ends a workload, if it still runs, and reports whether it did.
func (p *planner) dismiss(now time.Duration, name string) bool {
	i := slices.IndexFunc(p.busy, func(a Action) bool { return a.Workload.Name == name })
	if i < 0 {
		return false
	}
	began := p.busy[i]
	p.ticks += len(began.Nodes) * (1 + int((now-began.At)*4/3/began.Workload.Interval()))
	p.busy = slices.Delete(p.busy, i, i+1)
	p.act(Action{At: now, Do: DoStopWorkload, Workload: workload.Settings{Name: name}})
	return true
}
