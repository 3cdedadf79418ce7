package lab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/topology"
)

// Experiment is what is to be simulated.
type Experiment struct {
	Protocol string
	Settings map[string]string // of the protocol, other than its defaults
	Nodes    int
	Overlay  string // a topology, or [Complete]
	Degree   int    // the topology's parameter; 0: its own default
	Runs     int
	Seed     uint64 // the first run's; the others' are drawn from it

	Repair      string        // [protocol.RepairAntiEntropy]: nodes repair what the protocol leaves; else none
	RepairEvery time.Duration // 0: [protocol.RepairEvery]

	Latency fault.Latency
	Jitter  float64 // share of the latency by which each packet is later, drawn up to this
	PerLink bool    // latency is drawn once for each link and not for each packet
	Loss    float64 // share of packets
	Churn   Churn

	Messages int           // published
	Discard  int           // of them, how many first ones are not measured
	Every    time.Duration // between two of them
	Origins  int           // nodes that take turns to publish, drawn at random; 0: one
	WarmUp   time.Duration // before the first one
	Relays   int           // relay limit of each message; 0: the protocol's own
	Body     int           // bytes of each message

	Tree bool // tell the way of the last message in the first run

	Until     Until
	MaxEvents uint64        // of all runs together
	MaxTime   time.Duration // virtual, of one run, after its last message
	MaxMemory uint64        // bytes the whole program may take; 0: three quarters of the machine's
	Workers   int           // runs at a time; 0: one for each core, as far as memory allows
}

// Until says when a run is over.
type Until struct {
	When  string        // [protocol.Informed], [protocol.Quiet], or empty: the protocol's own
	After time.Duration // if above 0, so long after the last message instead
}

// Churn makes nodes crash and come back without memory.
type Churn struct {
	Rate float64       // share of the live nodes that crash in a second of virtual time
	Down time.Duration // mean time until one comes back, exponentially distributed; 0: never
}

// Complete is the overlay in which everybody knows everybody. It takes no memory.
const Complete = "complete"

// Defaults of an experiment, each with its reason.
const (
	// DefaultNodes is what the tables of the literature are for.
	DefaultNodes = 1000
	// DefaultRuns shows how far apart runs are, and takes no time.
	DefaultRuns = 10
	// DefaultLatency is that of protocols that do not count in rounds: a packet between two machines
	// in one building takes about this long, and one hop can be read off the result.
	DefaultLatency = time.Millisecond
	// DefaultEvents is the budget of events: half an hour's work of one core. A million nodes take
	// some fifty million until all know.
	DefaultEvents = 10_000_000_000
	// DefaultTime is how long, in virtual time, a run waits for what it waits for.
	DefaultTime = 10 * time.Minute
	// DefaultRounds is the same where time is counted in rounds: twenty times what the slowest
	// protocol takes at ten million nodes.
	DefaultRounds = 1000
	// DefaultBody is the size of a message that a person writes.
	DefaultBody = 64

	// longest is the longest virtual time of a run: what is reckoned in nanoseconds ends after 146 years.
	longest = 30 * 365 * 24 * time.Hour

	// MaxNodes is a hundred million: each takes at least a hundred bytes.
	MaxNodes = 100_000_000
	// MaxRuns is a bound against typing errors.
	MaxRuns = 1_000_000
)

// ErrMisuse is wrapped by errors about an experiment that cannot be done as it was asked for.
var ErrMisuse = errors.New("this cannot be simulated")

// misuse is an error that is told as it is, without ErrMisuse's own words.
type misuse struct{ error }

func (misuse) Is(target error) bool { return target == ErrMisuse }

func wrong(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// setup is an experiment that was looked at, with all that follows from it.
type setup struct {
	Experiment
	kind     protocol.Kind
	values   protocol.Values
	rounds   bool          // time is counted in rounds
	interval time.Duration // of a round, 0 for protocols without
	plan     *fault.Plan
	topology topology.Kind
	complete bool
}

// Check tells what cannot be done as it was asked for, without doing anything. Its errors are [ErrMisuse].
func (x Experiment) Check() error {
	_, err := x.check()
	return err
}

// Rounds reports whether the experiment's times will be counted in rounds.
func (x Experiment) Rounds() bool {
	s, err := x.check()
	return err == nil && s.rounds
}

// check fills in defaults and tells what cannot be done.
func (x Experiment) check() (*setup, error) {
	s := &setup{Experiment: x}
	kind, err := protocol.Find(x.Protocol)
	if err != nil {
		return nil, misuse{err}
	}
	s.kind = kind
	if err := s.fill(); err != nil {
		return nil, err
	}
	settings := make(map[string]string, len(s.Settings)+1)
	if s.hasSetting("phase") && s.kind.Rounds && s.plan.Latency.Kind == fault.None {
		settings["phase"] = "aligned"
	}
	for name, value := range s.Settings {
		settings[name] = value
	}
	if s.values, err = kind.Values(settings); err != nil {
		return nil, misuse{err}
	}
	if s.values.Has("interval") {
		s.interval = s.values.Duration("interval")
	}
	if s.values.Has("heartbeat") {
		s.interval = s.values.Duration("heartbeat")
	}
	s.rounds = settings["phase"] == "aligned" && s.kind.Rounds && s.plan.Latency.Kind == fault.None
	if s.MaxTime == 0 {
		s.MaxTime = DefaultTime
		if s.rounds {
			s.MaxTime = DefaultRounds * s.interval
		}
	}
	return s, nil
}

// repaired reports whether repair goes on around the protocol.
func (s *setup) repaired() bool { return s.Repair == protocol.RepairAntiEntropy }

func (s *setup) hasSetting(name string) bool {
	return slices.ContainsFunc(s.kind.Settings, func(set protocol.Setting) bool { return set.Name == name })
}

func (s *setup) fill() error {
	orElse(&s.Nodes, DefaultNodes)
	orElse(&s.Runs, DefaultRuns)
	orElse(&s.Messages, 1)
	orElse(&s.Origins, 1)
	orElse(&s.MaxEvents, DefaultEvents)
	if s.Overlay == "" {
		s.Overlay = Complete
	}
	if s.Until.When == "" && s.Until.After == 0 {
		s.Until.When = s.kind.Until
		if s.repaired() {
			s.Until.When = protocol.Informed // those who repair are never quiet
		}
	}
	if s.Latency.Kind == fault.None && !s.kind.Rounds {
		s.Latency = fault.ConstantLatency(DefaultLatency)
	}
	s.plan = &fault.Plan{Latency: s.Latency, Jitter: s.Jitter, PerLink: s.PerLink, Symmetric: s.PerLink, Loss: s.Loss}
	switch {
	case s.Nodes < 1 || s.Nodes > MaxNodes:
		return wrong("%d nodes: a simulation has 1 to %d", s.Nodes, MaxNodes)
	case s.Runs < 1 || s.Runs > MaxRuns:
		return wrong("%d runs: there are 1 to %d", s.Runs, MaxRuns)
	case s.Messages < 1 || s.Messages > 1_000_000:
		return wrong("%d messages: there are 1 to 1000000", s.Messages)
	case s.Discard < 0 || s.Discard >= s.Messages:
		return wrong("of %d messages 0 to %d can be left out of the measurement, not %d", s.Messages, s.Messages-1, s.Discard)
	case uint64(s.Messages)*uint64(s.Nodes) > 2_000_000_000:
		return wrong("%d messages at %d nodes are more deliveries than can be followed; 2000000000 can", s.Messages, s.Nodes)
	case s.Origins < 1 || s.Origins > s.Nodes:
		return wrong("%d origins among %d nodes: there are 1 to %d", s.Origins, s.Nodes, s.Nodes)
	case s.Every < 0 || s.WarmUp < 0 || s.MaxTime < 0 || s.Until.After < 0:
		return wrong("a time below 0 makes no sense")
	case s.WarmUp.Hours()+s.Every.Hours()*float64(s.Messages)+s.MaxTime.Hours()+s.Until.After.Hours() > longest.Hours():
		return wrong("warm-up, messages and the time after them take more than %.0f years together", longest.Hours()/24/365)
	case s.Degree < 0 || s.Degree > s.Nodes:
		return wrong("%s:%d makes no sense with %d nodes", s.Overlay, s.Degree, s.Nodes)
	case s.Body < 0 || s.Body > gossip.MaxBody:
		return wrong("a message has 0 to %d bytes, not %d", gossip.MaxBody, s.Body)
	case s.Relays < 0 || s.Relays > gossip.MaxRelays:
		return wrong("relay limit %d: possible are 1 to %d", s.Relays, gossip.MaxRelays)
	case s.Churn.Rate < 0 || s.Churn.Rate > 100 || math.IsNaN(s.Churn.Rate) || s.Churn.Down < 0:
		return wrong("churn of %v a second, down for %v: the rate is from 0 to 100, the time not below 0", s.Churn.Rate, s.Churn.Down)
	case s.Until.When == protocol.Quiet && s.repaired():
		return wrong("with repair nodes are never quiet: a run can end when all are %s, or after a time", protocol.Informed)
	case s.Until.When != "" && s.Until.When != protocol.Informed && s.Until.When != protocol.Quiet:
		return wrong("%q is neither %s nor %s nor a time", s.Until.When, protocol.Informed, protocol.Quiet)
	}
	if err := protocol.CheckRepair(s.Repair, s.RepairEvery); err != nil {
		return misuse{err}
	}
	if err := s.plan.Check(); err != nil {
		return misuse{err}
	}
	return s.chooseOverlay()
}

func (s *setup) chooseOverlay() error {
	if s.Overlay == Complete {
		s.complete = true
		return nil
	}
	kind, known := topology.Find(s.Overlay)
	if !known {
		return wrong("there is no topology %q; there is %s", s.Overlay, strings.Join(topologies(), ", "))
	}
	s.topology = kind
	if s.Degree == 0 {
		s.Degree = kind.Param.Default
	}
	return nil
}

func topologies() []string {
	var names []string
	for _, k := range topology.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

func orElse[T comparable](value *T, instead T) {
	var zero T
	if *value == zero {
		*value = instead
	}
}

// ParseUntil reads informed, quiet or a time.
func ParseUntil(text string) (Until, error) {
	switch text {
	case protocol.Informed, protocol.Quiet:
		return Until{When: text}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return Until{}, wrong("%q is neither %s nor %s nor a time such as 10s", text, protocol.Informed, protocol.Quiet)
	}
	return Until{After: d}, nil
}

// ParseChurn reads RATE or RATE:DOWN, for example 1%:5s: each second one node of a hundred crashes,
// and comes back after 5 seconds in the mean.
func ParseChurn(text string) (Churn, error) {
	rate, down, comes := strings.Cut(text, ":")
	share, err := ParseShare(rate)
	c := Churn{Rate: share}
	if err == nil && comes {
		c.Down, err = time.ParseDuration(down)
	}
	if err != nil || c.Rate < 0 || c.Down < 0 {
		return Churn{}, wrong("churn %q is not of the form RATE or RATE:DOWN, such as 1%%:5s", text)
	}
	return c, nil
}

// ParseShare reads a share as 0.05 or as 5%.
func ParseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
		return 0, wrong("%q is no share: 0 to 1, or 0%% to 100%%", text)
	}
	return v, nil
}

// ParseBytes reads an amount of memory: a number with KiB, MiB, GiB, KB, MB or GB behind it, or bytes.
func ParseBytes(text string) (uint64, error) {
	number, unit := text, 1.0
	for _, u := range []struct {
		name string
		is   float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if n, has := strings.CutSuffix(text, u.name); has {
			number, unit = n, u.is
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v*unit >= 1<<20 && v*unit < 1<<60) {
		return 0, wrong("%q is no amount of memory from 1MiB on, such as 4GiB", text)
	}
	return uint64(v * unit), nil
}
