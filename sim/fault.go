package sim

import (
	"time"

	"gossipctl/fault"
	"gossipctl/trace"
)

// SetPlan changes what links do to packets, and how wrong clocks are, from now on; nil does nothing to
// them. What is under way stays under way; what waits before a narrow link leaves at the new pace. Packets
// keep their numbers, so what happens to one does not depend on when the plan was set. The plan must have
// passed its check, and must not be changed any more.
// Rules end by themselves when virtual time, [Begin] and what has passed since, comes to their end.
//
// Observers are told of every rule that was not there before, and of every one that no longer is.
func (w *World) SetPlan(p *fault.Plan) {
	if p == nil {
		p = new(fault.Plan)
	}
	before := w.plan
	w.plan = p.At(w.clock)
	w.links.use(&w.cfg, w.plan, w.peers)
	w.widen()
	w.tell(before, w.plan)
	w.setClocks(before)
	w.expires = eternity
	if next := w.plan.Next(w.clock); !next.IsZero() {
		pause := min(next.Sub(w.clock), time.Duration(eternity/2))
		w.expires = w.now + int64(pause)
		w.After(pause, func() {}) // that time comes there; see Step
	}
}

// Plan is what links do to packets now. It must not be changed.
func (w *World) Plan() *fault.Plan { return w.plan }

// tell reports which rules have gone and come.
func (w *World) tell(before, now *fault.Plan) {
	if w.cfg.Observe == nil || len(before.Rules)+len(now.Rules) == 0 {
		return
	}
	has := func(p *fault.Plan, rule *fault.Rule) bool {
		for i := range p.Rules {
			if p.Rules[i].Equal(rule) {
				return true
			}
		}
		return false
	}
	for i := range before.Rules {
		if r := &before.Rules[i]; !has(now, r) {
			w.report(trace.Event{Kind: trace.Heal, Name: r.Name})
		}
	}
	for i := range now.Rules {
		if r := &now.Rules[i]; !has(before, r) {
			w.report(trace.Event{Kind: trace.Fault, Name: r.Name, Reason: r.String()})
		}
	}
}

// report tells the observer what happens now.
func (w *World) report(e trace.Event) {
	if w.cfg.Observe != nil {
		e.At = w.clock
		w.cfg.Observe(e)
	}
}

// setClocks tells nodes how wrong their clocks are, if any rule is or was about them.
func (w *World) setClocks(before *fault.Plan) {
	if w.nodes == nil || !before.Clocks() && !w.plan.Clocks() {
		return
	}
	for i, n := range w.nodes {
		if n != nil {
			n.SetClock(w.plan.Clock(w.id(i)))
		}
	}
}

// dispatch puts a packet on its way as the plan says.
func (w *World) dispatch(i int, f *inFlight) {
	wi := w.wire(i, f.to)
	var n uint64
	if wi != nil {
		n = wi.packets
		wi.packets++
		wi.sent++
		f.run = wi.run
	} else {
		n = w.links.number(i, f.to)
	}
	v := w.plan.Judge(fault.Link{From: f.from, To: f.to}, n)
	if v.Lost {
		if v.Cut {
			w.Count.Cut++
		} else {
			w.Count.Lost++
		}
		wi.drop(v.Reason())
		w.payloads.back(f.load)
		return
	}
	if v.Twice {
		again := *f
		if f.load != nil && !f.load.lone {
			again.load = w.payloads.take()
			if w.nodes != nil { // a node may change what it is handed
				own(again.load, f.load.messages, f.load.ids, f.load.routes)
			} else {
				again.load.messages, again.load.ids, again.load.hops = f.load.messages, f.load.ids, f.load.hops
			}
		}
		w.Count.Repeated++
		if wi != nil {
			wi.repeated++
		}
		again.damaged = v.Corrupt2
		w.emit(wi, &again, int64(v.Delay2), v.Bandwidth)
	}
	f.damaged = v.Corrupt
	w.emit(wi, f, int64(v.Delay), v.Bandwidth)
}

// emit launches one copy, through the queue before a narrow link.
func (w *World) emit(wi *wire, f *inFlight, delay, bandwidth int64) {
	if bandwidth > 0 {
		if !w.enqueue(f, delay, bandwidth) {
			w.Count.Overflow++
			wi.drop(DropQueueFull)
			w.payloads.back(f.load)
			return
		}
	} else {
		w.launch(f, delay)
	}
	if wi != nil {
		wi.inFlight++
	}
}
