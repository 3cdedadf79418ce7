package scenario

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/check"
	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/topology"
)

var scenarioName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// compile turns text into numbers and tells everything that is wrong with it.
func compile(f *File, o Override) (*Scenario, error) {
	p := &problems{}
	s := &Scenario{Base: f.Name.Value, Name: f.Name.Value, About: strings.TrimSpace(f.About.Value)}
	if !f.Name.there() {
		p.add(&place{1, 1, "a scenario needs a name"})
	} else if !scenarioName.MatchString(s.Name) {
		p.add(f.Name.wrong("name %q must be of up to 32 small letters, digits and dashes", s.Name))
	}
	s.Network = p.network(&f.Network, o)
	s.Workload = p.workload(&f.Workload, s.Network.Nodes)
	for i := range f.Timeline {
		s.Steps = append(s.Steps, p.step(&f.Timeline[i], s.Network.Nodes))
	}
	s.Settle = p.duration(f.Settle, "settle", 0, DefaultSettle)
	s.Assert = p.assert(&f.Assert)
	if s.Assert.Members && !s.Network.Assembles() {
		p.add(f.Assert.Members.wrong("nothing tells nodes who is there: members can only agree with a membership, or with discovery"))
	}
	return s, p.err()
}

func (p *problems) network(f *NetworkFile, o Override) Network {
	n := Network{
		Nodes:    p.whole(f.Nodes, "nodes", 1, MaxNodes, DefaultNodes),
		Topology: "random", Protocol: protocol.Default, Repair: protocol.RepairAntiEntropy,
		Durable: p.flag(f.Durable, "durable"), Reconnect: p.flag(f.Reconnect, "reconnect"),
		RepairEvery: p.duration(f.RepairEvery, "repair_every", time.Millisecond, 0),
		Set:         map[string]string{},
	}
	if o.Nodes > 0 {
		n.Nodes = o.Nodes
	}
	if f.Topology.there() {
		name, parameter, has := strings.Cut(f.Topology.Value, ":")
		n.Topology = name
		kind, known := topology.Find(name)
		switch {
		case !known:
			var names []string
			for _, k := range topology.Kinds() {
				names = append(names, k.Name)
			}
			p.add(f.Topology.wrong("there is no topology %q; there is %s", name, listing(names)))
		case has:
			var err error
			if n.Parameter, err = kind.ParseParam(parameter, n.Nodes); err != nil {
				p.add(f.Topology.wrong("topology: %v", err))
			}
		}
	}
	if len(p.list) == 0 {
		if _, err := topology.Generate(topology.Request{Kind: n.Topology, Nodes: n.Nodes, Param: n.Parameter, Seed: 1}); err != nil {
			where := f.Topology
			if !where.there() {
				where = f.Nodes
			}
			p.add(where.wrong("topology: %v", err))
		}
	}
	if f.Protocol.there() {
		n.Protocol = f.Protocol.Value
	}
	for _, key := range slices.Sorted(maps.Keys(f.Set)) {
		n.Set[key] = f.Set[key].Value
	}
	if _, err := protocol.Find(n.Protocol); err != nil {
		p.add(f.Protocol.wrong("%v", err))
	} else if _, err := protocol.New(n.Protocol, protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, n.Set); err != nil {
		where := f.Protocol
		for _, t := range f.Set {
			if !where.there() || t.Line < where.Line || where == f.Protocol {
				where = t
			}
		}
		p.add(where.wrong("%s", strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	if f.Repair.there() {
		n.Repair = f.Repair.Value
		if err := protocol.CheckRepair(n.Repair, 0); err != nil {
			p.add(f.Repair.wrong("repair: %v", err))
		}
	}
	if err := protocol.CheckRepair("", n.RepairEvery); err != nil {
		p.add(f.RepairEvery.wrong("repair_every: %v", err))
	}
	if f.Latency.there() {
		n.Latency = p.latency(f.Latency, "latency").String()
	}
	p.assembly(f, &n)
	return n
}

func (p *problems) workload(f *WorkloadFile, nodes int) Workload {
	w := Workload{
		Messages: p.whole(f.Messages, "messages", 0, MaxMessages, DefaultMessages),
		Every:    p.duration(f.Every, "every", 0, DefaultEvery),
		From:     p.duration(f.From, "from", 0, 0),
		Size:     int(p.bytes(f.Size, "size", 0, gossip.MaxBody, DefaultSize)),
		Senders:  p.set(f.Senders, "senders", nodes),
	}
	if w.Senders.IsZero() {
		w.Senders.NodeSet = everyone()
	}
	switch {
	case f.Rate.there() && (f.Messages.there() || f.Every.there()):
		p.add(f.Rate.wrong("a workload has a rate, or messages and every, not both"))
	case f.Rate.there() != f.For.there():
		p.add(Text{Line: max(f.Rate.Line, f.For.Line), Column: max(f.Rate.Column, f.For.Column)}.wrong("rate and for belong together: rate: 20/s, for: 10s"))
	case f.Rate.there():
		text, per := strings.CutSuffix(f.Rate.Value, "/s")
		v, err := strconv.ParseFloat(text, 64)
		if !per || err != nil || !(v > 0 && v <= 1e6) {
			p.add(f.Rate.wrong("rate %q must be messages a second, such as 20/s", f.Rate.Value))
			break
		}
		length := p.duration(f.For, "for", time.Nanosecond, 0)
		w.Every = time.Duration(float64(time.Second) / v)
		count := math.Floor(float64(length) / float64(w.Every))
		if count > MaxMessages {
			p.add(f.Rate.wrong("these are %.0f messages, more than %d", count, MaxMessages))
			break
		}
		w.Messages = int(count)
	}
	if time.Duration(w.Messages)*w.Every > MaxLength {
		p.add(f.Messages.wrong("the messages take longer than %s", brief(MaxLength)))
	}
	return w
}

func (p *problems) assert(f *AssertFile) Assertions {
	a := Assertions{
		Coverage:   p.bound(f.Coverage, "coverage", ">= 0.999 within 5s after heal", parseShare),
		Redundancy: p.bound(f.Redundancy, "redundancy", "<= 3", number),
		LatencyP50: p.bound(f.LatencyP50, "latency_p50", "<= 50ms", nanoseconds),
		LatencyP99: p.bound(f.LatencyP99, "latency_p99", "<= 200ms", nanoseconds),
		Memory:     p.bound(f.Memory, "memory", "<= 200MB", parseBytes),
		Dropped:    p.bound(f.Dropped, "dropped", "> 0", number),
	}
	if f.Inboxes.there() {
		if a.Inboxes = f.Inboxes.Value == "equal"; !a.Inboxes {
			p.add(f.Inboxes.wrong("inboxes can only be asserted to be equal, not %q", f.Inboxes.Value))
		}
	}
	if f.Members.there() {
		if a.Members = f.Members.Value == "agree"; !a.Members {
			p.add(f.Members.wrong("members can only be asserted to agree, not %q", f.Members.Value))
		}
	}
	a.Values = p.equal(f.Values)
	var judged []string
	for _, g := range check.Guarantees() {
		judged = append(judged, string(g))
	}
	for _, g := range f.Guarantees {
		if !slices.Contains(judged, g.Value) {
			p.add(g.wrong("guarantee %q must be one of %s", g.Value, listing(judged)))
		}
		a.Guarantees = append(a.Guarantees, g.Value)
	}
	return a
}

// chaosKinds are the faults that chaos draws from.
var chaosKinds = []string{"loss", "delay", "duplicate", "reorder", "corrupt", "bandwidth", "cut", "partition", "one-way", "kill", "power", "pause", "clock"}

// step reads an entry of the timeline.
func (p *problems) step(f *StepFile, nodes int) Step {
	s := Step{place: f.At}
	link := firstOf(f.Cut, f.Loss, f.Duplicate, f.Reorder, f.Corrupt, f.Delay, f.Jitter, f.Bandwidth)
	type deedAt struct {
		deed Deed
		at   Text
	}
	deeds := []deedAt{{SetFault, link}, {SetFault, f.Clock}, {Partition, f.Partition}, {Heal, f.Heal}, {Clear, f.Clear}, {Kill, f.Kill}, {Restart, f.Restart},
		{Pause, f.Pause}, {Resume, f.Resume}, {SetValue, f.SetValue}, {DeleteValue, f.DeleteValue},
		{StartWorkload, f.StartWorkload}, {StopWorkload, f.StopWorkload}}
	if f.Churn != nil {
		deeds = append(deeds, deedAt{Churn, firstOf(f.At, f.Churn.Every)})
	}
	if f.Chaos != nil {
		deeds = append(deeds, deedAt{Chaos, firstOf(f.At, f.Chaos.Faults)})
	}
	found := 0
	for _, d := range deeds {
		if d.at.there() {
			s.Deed = d.deed
			if found++; s.place.Line == 0 {
				s.place = d.at
			}
		}
	}
	if s.place.Line == 0 {
		s.place = firstOf(f.For, f.Nodes, f.Name, f.To, f.Direction, f.OneWay, Text{Line: 1, Column: 1})
	}
	if !f.At.there() {
		p.add(s.place.wrong("an entry of the timeline needs a moment: at: 5s"))
	}
	s.At = p.duration(f.At, "at", 0, 0)
	s.For = p.duration(f.For, "for", time.Millisecond, 0)
	switch {
	case found == 0:
		p.add(s.place.wrong("nothing happens in this entry: it needs one of loss, delay, duplicate, reorder, corrupt, bandwidth, cut, clock, " +
			"partition, heal, clear, kill, restart, pause, resume, set_value, delete_value, start_workload, stop_workload, churn or chaos"))
		return s
	case found > 1:
		p.add(s.place.wrong("one entry of the timeline is one thing that happens; make two of it"))
		return s
	}
	p.stray(f, s.Deed, f.Clock.there())
	switch s.Deed {
	case SetFault:
		p.linkFault(f, &s, nodes)
	case Partition:
		s.Groups = p.groups(f.Partition, nodes)
		s.Rule.OneWay = p.flag(f.OneWay, "one_way")
		s.Rule.Cut = true
	case Heal:
		if s.Heals = f.Heal.Value; s.Heals == "true" {
			s.Heals = healPartition
		}
		if s.Heals != healPartition && s.Heals != healFaults && s.Heals != healAll {
			p.add(f.Heal.wrong("heal %q must be partition, faults or all", f.Heal.Value))
		}
	case Clear:
		s.Name = f.Clear.Value
	case Kill:
		s.Nodes, s.Power = p.set(f.Kill, "kill", nodes), p.flag(f.Power, "power")
	case Restart:
		if s.Nodes = (Set{Dead: f.Restart.Value == "dead", place: f.Restart}); !s.Nodes.Dead {
			s.Nodes = p.set(f.Restart, "restart", nodes)
		}
	case Pause:
		s.Nodes = p.set(f.Pause, "pause", nodes)
	case Resume:
		if s.Nodes = (Set{Paused: f.Resume.Value == "paused", place: f.Resume}); !s.Nodes.Paused {
			s.Nodes = p.set(f.Resume, "resume", nodes)
		}
	case SetValue, DeleteValue, StartWorkload, StopWorkload:
		p.shares(f, &s, nodes)
	case Churn:
		s.Nodes = p.set(f.Churn.Nodes, "churn", nodes)
		if s.Nodes.IsZero() {
			s.Nodes.NodeSet = everyone()
		}
		s.Every = p.duration(f.Churn.Every, "every", time.Millisecond, time.Second)
		s.Down = p.duration(f.Churn.Down, "down", time.Millisecond, 2*time.Second)
	case Chaos:
		s.Least, s.Most = p.span(f.Chaos.Faults, "faults", 1000, 8, 12)
		s.Kinds = chaosKinds
		if f.Chaos.Kinds != nil {
			s.Kinds = nil
		}
		for _, k := range f.Chaos.Kinds {
			if !slices.Contains(chaosKinds, k.Value) {
				p.add(k.wrong("chaos does not know %q; it knows %s", k.Value, listing(chaosKinds)))
			}
			s.Kinds = append(s.Kinds, k.Value)
		}
	}
	if f.Name.there() {
		s.Name = f.Name.Value
		if err := fault.CheckName(s.Name); err != nil {
			p.add(f.Name.wrong("name: %v", err))
		}
	}
	if (s.Deed == Churn || s.Deed == Chaos) && s.For == 0 {
		p.add(s.place.wrong("%s needs to know for how long: for: 30s", s.Deed))
	}
	return s
}

// stray tells of keys that have no meaning beside what the entry does.
func (p *problems) stray(f *StepFile, deed Deed, clock bool) {
	for _, k := range []struct {
		name string
		at   Text
		fits bool
	}{
		{"for", f.For, deed != Heal && deed != Clear && deed != Restart && deed != Resume && deed != SetValue && deed != DeleteValue && deed != StopWorkload},
		{"name", f.Name, deed == SetFault || deed == Partition},
		{"nodes", f.Nodes, deed == SetFault || deed == SetValue || deed == DeleteValue || deed == StartWorkload},
		{"value", f.Value, deed == SetValue},
		{"register", f.Register, deed == SetValue || deed == DeleteValue},
		{"ttl", f.TTL, deed == SetValue || deed == DeleteValue || deed == StartWorkload},
		{"every", f.Every, deed == StartWorkload},
		{"to", f.To, deed == SetFault && !clock},
		{"direction", f.Direction, deed == SetFault && !clock},
		{"one_way", f.OneWay, deed == Partition},
		{"power", f.Power, deed == Kill},
	} {
		if k.at.there() && !k.fits {
			what := string(deed)
			if clock {
				what = "clock"
			}
			p.add(k.at.wrong("%s means nothing beside %s", k.name, what))
		}
	}
}

func (p *problems) linkFault(f *StepFile, s *Step, nodes int) {
	r := &s.Rule
	s.Nodes, s.To = p.set(f.Nodes, "nodes", nodes), p.set(f.To, "to", nodes)
	if s.Nodes.IsZero() {
		s.Nodes.NodeSet = everyone()
	}
	before := len(p.list)
	r.Cut = p.flag(f.Cut, "cut")
	r.Loss, r.Duplicate = p.share(f.Loss, "loss"), p.share(f.Duplicate, "duplicate")
	r.Reorder, r.Corrupt = p.share(f.Reorder, "reorder"), p.share(f.Corrupt, "corrupt")
	r.Delay = p.latency(f.Delay, "delay")
	r.Jitter = p.share(f.Jitter, "jitter")
	r.Direction = fault.Direction(f.Direction.Value)
	if r.Direction == "both" {
		r.Direction = fault.Both
	}
	if f.Bandwidth.there() {
		text, per := strings.CutSuffix(f.Bandwidth.Value, "/s")
		v, ok := parseBytes(text)
		if r.Bandwidth = int64(v); !per || !ok || v < 1 {
			p.add(f.Bandwidth.wrong("bandwidth %q must be bytes a second, such as 100KB/s", f.Bandwidth.Value))
		}
	}
	if f.Clock.there() {
		d, err := time.ParseDuration(f.Clock.Value)
		if err != nil || d == 0 {
			p.add(f.Clock.wrong("clock %q must be by how much it is wrong, such as +1h or -30s", f.Clock.Value))
		}
		r.Clock = d
	}
	if len(p.list) == before {
		if err := r.Check(); err != nil {
			p.add(s.place.wrong("%s", strings.ReplaceAll(err.Error(), "\n", "; ")))
		}
	}
}

// firstOf is the first text that is there.
func firstOf(texts ...Text) Text {
	for _, t := range texts {
		if t.there() {
			return t
		}
	}
	return Text{}
}
