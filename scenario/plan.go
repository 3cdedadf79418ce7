package scenario

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/values"
	"gossipctl/workload"
)

// Do is what happens at one moment of a plan.
type Do string

// What can happen. Nothing else is ever asked of an engine.
const (
	DoPublish Do = "publish" // Body is given to the first of Nodes
	DoSet     Do = "set-fault"
	DoClear   Do = "clear-fault" // the one called Rule.Name
	DoKill    Do = "kill"
	DoStart   Do = "restart" // who is dead
	DoPause   Do = "pause"
	DoResume  Do = "resume"

	DoSetValue      Do = "set-value" // Nodes each make Change
	DoStartWorkload Do = "start-workload"
	DoStopWorkload  Do = "stop-workload" // the one called Workload.Name
)

// breaks reports whether this breaks or mends something.
func (d Do) breaks() bool {
	switch d {
	case DoSet, DoClear, DoKill, DoStart, DoPause, DoResume:
		return true
	}
	return false
}

// Action is one moment of a plan.
type Action struct {
	At      time.Duration
	Do      Do
	Nodes   []gossip.NodeID // sorted
	Rule    fault.Rule
	Power   bool // of DoKill: what was not synced is lost
	Message int  // number of the message published, from 1
	Body    []byte

	Change   values.Change
	Workload workload.Settings

	partition bool // set by partition
}

// Plan is a scenario with everything drawn that was left to chance. The same scenario and seed give the
// same plan.
type Plan struct {
	*Scenario
	Seed    uint64
	Actions []Action      // in order of time
	Healed  time.Duration // of the last action that breaks or mends something; 0: there was none
	End     time.Duration // when the network is read for the last time
	Unsent  int           // messages that nobody was alive to publish
	Left    int           // faults in force, and nodes dead or paused, at the end
	Changes int           // of values that are made, at the most
}

// planner draws a plan: it goes through time once and remembers who is alive.
type planner struct {
	*Scenario
	rng     *rand.Rand
	queue   []entry
	order   int
	out     []Action
	drawn   bool // chance has decided who is dead: what does not fit is nobody's mistake
	senders []gossip.NodeID

	dead, paused map[gossip.NodeID]bool
	active       []Action // faults in force
	busy         []Action // workloads that run
	ticks        int      // of workloads that have ended, and other changes of values
	names        int
	unsent       int
}

// entry is something that will happen while a plan is drawn.
type entry struct {
	at    time.Duration
	class int // ends first, then what begins, then publications
	order int
	do    func(now time.Duration) error
}

const (
	ends = iota
	begins
	publishes
)

// Plan draws a plan. Its errors are about what does not fit together in time.
func (s *Scenario) Plan(seed uint64) (*Plan, error) {
	p := &planner{Scenario: s, rng: rand.New(rand.NewPCG(seed, 0x5ce0a210)), dead: make(map[gossip.NodeID]bool), paused: make(map[gossip.NodeID]bool)}
	p.senders = p.draw(s.Workload.Senders, p.everybody())
	for i := range s.Steps {
		step := &s.Steps[i]
		p.push(step.At, begins, func(now time.Duration) error { return p.begin(now, step) })
	}
	for i := range s.Workload.Messages {
		p.push(s.Workload.From+time.Duration(i)*s.Workload.Every, publishes, func(now time.Duration) error { p.publish(now, i+1); return nil })
	}
	for steps := 0; len(p.queue) > 0; steps++ {
		next := p.queue[0]
		p.queue = p.queue[1:]
		if steps > MaxSteps+2*MaxMessages {
			return nil, fmt.Errorf("more than %d things happen", MaxSteps)
		}
		if err := next.do(next.at); err != nil {
			return nil, p.locate(err)
		}
	}
	for len(p.busy) > 0 { // whose end nobody has set; there was a beginning, so something is there
		p.dismiss(p.out[len(p.out)-1].At, p.busy[0].Workload.Name)
	}
	plan := &Plan{Scenario: s, Seed: seed, Actions: p.out, Unsent: p.unsent, Left: len(p.active) + len(p.dead) + len(p.paused), Changes: p.ticks}
	for _, a := range p.out {
		plan.End = a.At
		if a.Do.breaks() {
			plan.Healed = a.At
		}
	}
	plan.End += s.Settle
	return plan, nil
}

// locate gives an error its place in the file, once the file is known.
func (p *planner) locate(err error) error {
	if p.file == "" {
		return err
	}
	return locate(p.file, p.text, err)
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.class, b.class), cmp.Compare(a.order, b.order))
}

// push adds to the queue, which is kept sorted.
func (p *planner) push(at time.Duration, class int, do func(now time.Duration) error) {
	p.order++
	e := entry{at, class, p.order, do}
	i, _ := slices.BinarySearchFunc(p.queue, e, compareEntries)
	p.queue = slices.Insert(p.queue, i, e)
}

func (p *planner) act(a Action) { p.out = append(p.out, a) }

func (p *planner) everybody() []gossip.NodeID { return everybody(p.Network.Nodes) }

// among are the nodes for which keep holds.
func (p *planner) among(keep func(gossip.NodeID) bool) []gossip.NodeID {
	return slices.DeleteFunc(p.everybody(), func(id gossip.NodeID) bool { return !keep(id) })
}

func (p *planner) alive(id gossip.NodeID) bool { return !p.dead[id] }
func (p *planner) awake(id gossip.NodeID) bool { return !p.dead[id] && !p.paused[id] }

// draw chooses the nodes of a set. Shares and all are of some, which may be nobody.
func (p *planner) draw(s Set, of []gossip.NodeID) []gossip.NodeID {
	if s.chance() {
		p.drawn = true
	} else if !s.all() {
		of = p.everybody()
	}
	nodes, err := s.Resolve(of, p.rng.Uint64())
	if err != nil {
		return nil // nobody is there: which numbers there are was checked
	}
	return nodes
}

// some draws n of nodes, at least one, and sorts them.
func (p *planner) some(from []gossip.NodeID, n int) []gossip.NodeID {
	from = slices.Clone(from)
	p.rng.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	from = from[:min(max(n, 1), len(from))]
	slices.Sort(from)
	return from
}

func (p *planner) publish(now time.Duration, number int) {
	able := slices.DeleteFunc(slices.Clone(p.senders), func(id gossip.NodeID) bool { return !p.awake(id) })
	if len(able) == 0 {
		p.unsent++
		return
	}
	at := able[p.rng.IntN(len(able))]
	p.act(Action{At: now, Do: DoPublish, Nodes: []gossip.NodeID{at}, Message: number, Body: body(number, p.Workload.Size)})
}

// body is the text of a message: its number, and something of which no two messages have the same.
func body(number, size int) []byte {
	text := fmt.Appendf(make([]byte, 0, size), "message %d ", number)
	for i := 0; len(text) < size; i++ {
		text = append(text, "abcdefghijklmnopqrstuvwxyz"[(number*7+i*(number%25+1))%26])
	}
	return text[:size]
}

// begin does what a step says.
func (p *planner) begin(now time.Duration, s *Step) error {
	switch s.Deed {
	case SetFault:
		r := s.Rule
		if nodes := p.draw(s.Nodes, p.everybody()); !s.Nodes.all() {
			r.Nodes = nodes
		}
		if !s.To.IsZero() && !s.To.all() {
			r.Peers = p.draw(s.To, p.everybody())
		}
		return p.set(now, r, s.Name, s.For, s.place, false)
	case Partition:
		r := s.Rule
		var err error
		if r.Groups, err = fault.ResolveGroups(s.Groups, p.everybody(), p.rng.Uint64()); err != nil {
			return s.place.wrong("partition: %v", err)
		}
		return p.set(now, r, s.Name, s.For, s.place, true)
	case Heal:
		return p.heal(now, s)
	case Clear:
		i := slices.IndexFunc(p.active, func(a Action) bool { return a.Rule.Name == s.Name })
		if i < 0 {
			return s.place.wrong("there is no fault %q to clear at %s", s.Name, brief(s.At))
		}
		p.clear(now, s.Name)
	case Kill:
		return p.kill(now, p.draw(s.Nodes, p.among(p.alive)), s.Power, s.For, s.place)
	case Restart:
		return p.restart(now, s)
	case Pause:
		return p.pause(now, p.draw(s.Nodes, p.among(p.awake)), s.For, s.place)
	case Resume:
		return p.resume(now, s)
	case SetValue, DeleteValue:
		p.change(now, s)
	case StartWorkload:
		return p.employ(now, s)
	case StopWorkload:
		if !p.dismiss(now, s.Workload.Name) {
			return s.place.wrong("workload %s does not run at %s", s.Workload.Name, brief(now))
		}
	case Churn:
		p.churn(now, s)
	case Chaos:
		p.chaos(now, s)
	}
	return nil
}

// set sets a fault, and plans its end.
func (p *planner) set(now time.Duration, r fault.Rule, name string, length time.Duration, at Text, partition bool) error {
	if r.Name = name; name == "" {
		p.names++
		r.Name = fmt.Sprintf("%s-%d", sortOf(&r), p.names)
	}
	if slices.ContainsFunc(p.active, func(a Action) bool { return a.Rule.Name == r.Name }) {
		return at.wrong("there is a fault %q already at %s", r.Name, brief(now))
	}
	a := Action{At: now, Do: DoSet, Rule: r, partition: partition}
	p.active = append(p.active, a)
	p.act(a)
	if length > 0 {
		p.push(now+length, ends, func(now time.Duration) error { p.clear(now, r.Name); return nil })
	}
	return nil
}

// sortOf is what a fault without a name is called by.
func sortOf(r *fault.Rule) string {
	switch {
	case len(r.Groups) > 0:
		return "partition"
	case r.Clock != 0:
		return "clock"
	case r.Cut:
		return "cut"
	case r.Loss > 0:
		return "loss"
	case r.Delay.Kind != fault.None:
		return "delay"
	case r.Duplicate > 0:
		return "duplicate"
	case r.Reorder > 0:
		return "reorder"
	case r.Corrupt > 0:
		return "corrupt"
	}
	return "bandwidth"
}

// clear ends a fault, if it is still there.
func (p *planner) clear(now time.Duration, name string) {
	i := slices.IndexFunc(p.active, func(a Action) bool { return a.Rule.Name == name })
	if i < 0 {
		return
	}
	p.active = slices.Delete(p.active, i, i+1)
	p.act(Action{At: now, Do: DoClear, Rule: fault.Rule{Name: name}})
}

func (p *planner) heal(now time.Duration, s *Step) error {
	before := len(p.out)
	for _, a := range slices.Clone(p.active) {
		if a.partition || s.Heals != healPartition {
			p.clear(now, a.Rule.Name)
		}
	}
	if s.Heals == healAll {
		p.wake(now, p.among(func(id gossip.NodeID) bool { return p.paused[id] }))
		p.raise(now, p.among(func(id gossip.NodeID) bool { return p.dead[id] }))
	}
	if len(p.out) == before && !p.drawn {
		what := map[string]string{healPartition: "there is no partition", healFaults: "there is no fault", healAll: "nothing is broken"}[s.Heals]
		return s.place.wrong("%s to heal at %s", what, brief(now))
	}
	return nil
}

// able are those of the nodes to which something can be done. That there are others, of whom is said what they are
// already, is an error, unless chance has had a hand in it.
func (p *planner) able(now time.Duration, nodes []gossip.NodeID, can func(gossip.NodeID) bool, are string, at Text) (able []gossip.NodeID, err error) {
	for _, id := range nodes {
		switch {
		case can(id):
			able = append(able, id)
		case !p.drawn:
			return nil, at.wrong("node %d is %s already at %s", id, are, brief(now))
		}
	}
	return able, nil
}

func (p *planner) kill(now time.Duration, nodes []gossip.NodeID, power bool, length time.Duration, at Text) error {
	nodes, err := p.able(now, nodes, p.alive, "dead", at)
	if len(nodes) == 0 {
		return err
	}
	for _, id := range nodes {
		p.dead[id] = true
		delete(p.paused, id)
	}
	p.act(Action{At: now, Do: DoKill, Nodes: nodes, Power: power})
	if length > 0 {
		p.push(now+length, ends, func(now time.Duration) error { p.raise(now, nodes); return nil })
	}
	return nil
}

// raise starts those of the nodes that are dead.
func (p *planner) raise(now time.Duration, nodes []gossip.NodeID) {
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(id gossip.NodeID) bool { return !p.dead[id] })
	if len(nodes) == 0 {
		return
	}
	for _, id := range nodes {
		delete(p.dead, id)
	}
	p.act(Action{At: now, Do: DoStart, Nodes: nodes})
}

func (p *planner) restart(now time.Duration, s *Step) error {
	if s.Nodes.Dead {
		if len(p.dead) == 0 && !p.drawn {
			return s.place.wrong("nobody is dead at %s", brief(now))
		}
		p.raise(now, p.everybody())
		return nil
	}
	nodes := p.draw(s.Nodes, p.everybody())
	alive := slices.DeleteFunc(slices.Clone(nodes), func(id gossip.NodeID) bool { return p.dead[id] })
	if err := p.kill(now, alive, false, 0, s.place); err != nil {
		return err
	}
	p.raise(now, nodes)
	return nil
}

func (p *planner) pause(now time.Duration, nodes []gossip.NodeID, length time.Duration, at Text) error {
	nodes, err := p.able(now, nodes, p.awake, "dead or paused", at)
	if len(nodes) == 0 {
		return err
	}
	for _, id := range nodes {
		p.paused[id] = true
	}
	p.act(Action{At: now, Do: DoPause, Nodes: nodes})
	if length > 0 {
		p.push(now+length, ends, func(now time.Duration) error { p.wake(now, nodes); return nil })
	}
	return nil
}

// wake lets those of the nodes go on that are paused.
func (p *planner) wake(now time.Duration, nodes []gossip.NodeID) {
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(id gossip.NodeID) bool { return !p.paused[id] })
	if len(nodes) == 0 {
		return
	}
	for _, id := range nodes {
		delete(p.paused, id)
	}
	p.act(Action{At: now, Do: DoResume, Nodes: nodes})
}

func (p *planner) resume(now time.Duration, s *Step) error {
	nodes := p.everybody()
	if !s.Nodes.Paused {
		nodes = p.draw(s.Nodes, p.among(func(id gossip.NodeID) bool { return p.paused[id] }))
	}
	before := len(p.out)
	p.wake(now, nodes)
	if len(p.out) == before && !p.drawn {
		return s.place.wrong("nobody of these is paused at %s", brief(now))
	}
	return nil
}

// Faults are the actions that break or mend something.
func (p *Plan) Faults() []Action {
	return slices.DeleteFunc(slices.Clone(p.Actions), func(a Action) bool { return !a.Do.breaks() })
}
