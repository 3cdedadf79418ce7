package scenario

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
)

func openAll(t testing.TB, name string, o Override) []*Scenario {
	t.Helper()
	text, err := os.ReadFile("../scenarios/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := Read(name+".yaml", string(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func open(t testing.TB, name string, o Override) *Scenario {
	t.Helper()
	return openAll(t, name, o)[0]
}

func written(t testing.TB, text string) *Scenario {
	t.Helper()
	cases, err := Read("test.yaml", text, Override{})
	if err != nil {
		t.Fatal(err)
	}
	return cases[0]
}

func simulateWith(t testing.TB, e *Simulated, s *Scenario, seed uint64, o Options) *Result {
	t.Helper()
	p, err := s.Plan(seed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), e, p, o)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return r
}

func simulate(t testing.TB, s *Scenario, seed uint64, o Options) *Result {
	t.Helper()
	return simulateWith(t, &Simulated{}, s, seed, o)
}

// Every scenario that comes along holds in the simulator, with several seeds.
func TestReadyScenariosHold(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range openAll(t, name, Override{}) {
				if s.Base != name || s.About == "" || !strings.HasPrefix(s.Text(), "# ") {
					t.Errorf("%s: its name is %q, and it is to say what it shows", name, s.Base)
				}
				seeds := uint64(3)
				if s.Network.Nodes > 50 && (raceEnabled || testing.Short()) {
					seeds = 1 // a million events
				}
				for seed := range seeds {
					r := simulate(t, s, seed+1, Options{})
					if r.State() != Held {
						t.Errorf("%s, seed %d: %s", s.Name, seed+1, r.Why())
					}
					if r.Verdict.Valid != check.True || r.Measures.Live == 0 || r.Measures.Accepted == 0 {
						t.Errorf("%s, seed %d: %v, %+v", s.Name, seed+1, r.Verdict.Valid, r.Measures)
					}
				}
			}
		})
	}
}

// A scenario and a seed give the same log, to the byte, however often and however many run beside it.
func TestASeedRepeatsToTheByte(t *testing.T) {
	s := open(t, "chaos", Override{})
	logs := make(map[uint64][]byte)
	sums := make(map[string]bool)
	for seed := range uint64(20) {
		var log bytes.Buffer
		r := simulate(t, s, seed+1, Options{Hash: true, Log: &log})
		logs[seed+1] = log.Bytes()
		sums[r.Hash] = true
		if log.Len() < 100_000 || len(r.Hash) != 64 {
			t.Errorf("seed %d: %d bytes, hash %q", seed+1, log.Len(), r.Hash)
		}
	}
	if len(sums) != 20 {
		t.Errorf("20 seeds gave %d different runs", len(sums))
	}
	seen := 0
	err := Many(context.Background(), []*Scenario{s}, Range{1, 20}, 3, Options{Hash: true}, func(o Outcome) {
		if seen++; o.Seed != uint64(seen) {
			t.Errorf("seed %d came in turn %d", o.Seed, seen)
		}
		if !sums[o.Result.Hash] {
			t.Errorf("seed %d: another run beside others", o.Seed)
		}
		var log bytes.Buffer
		simulate(t, s, o.Seed, Options{Log: &log})
		if !bytes.Equal(log.Bytes(), logs[o.Seed]) {
			t.Errorf("seed %d: another log", o.Seed)
		}
	})
	if err != nil || seen != 20 {
		t.Errorf("%d runs, %v", seen, err)
	}
	t.Logf("seed 1: %s", simulate(t, s, 1, Options{Hash: true}).Hash)
}

// Nothing is found where nothing was planted.
func TestCleanSeedsAreClean(t *testing.T) {
	s := open(t, "chaos", Override{})
	seeds := uint64(5000)
	if testing.Short() || raceEnabled {
		seeds = 300
	}
	began, sum := time.Now(), Summary{}
	if err := Many(context.Background(), []*Scenario{s}, Range{1, seeds}, 0, Options{}, sum.Add); err != nil {
		t.Fatal(err)
	}
	if sum.OK != int(seeds) {
		for _, b := range sum.First {
			t.Errorf("gossipctl run-scenario chaos --simulate --seed %d: %s: %s", b.Seed, b.State, b.Why)
		}
	}
	t.Logf("%d seeds, %.0f a second, %d events each", seeds, float64(seeds)/time.Since(began).Seconds(), sum.Events/seeds)
}

// The devices with which bugs are planted do nothing by themselves.
func TestPlantingWithoutABugIsClean(t *testing.T) {
	s := open(t, "chaos", Override{})
	for name, p := range map[string]plant{
		"slow disk": {sync: 500 * time.Millisecond},
		"echo": {protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
			return &echoing{whole}
		}},
		"log": {observe: func(_ *Plan, tell func(*trace.Event)) func(*trace.Event) {
			return func(e *trace.Event) { tell(e) }
		}},
	} {
		for seed := range uint64(30) {
			if r := simulateWith(t, &Simulated{plant: p}, s, seed+1, Options{}); r.State() != Held {
				t.Errorf("%s, seed %d: %s", name, seed+1, r.Why())
			}
		}
	}
}

// A storm is stopped by its budget, soon, and called by its name.
func TestAStormIsStopped(t *testing.T) {
	s := open(t, "chaos", Override{Nodes: 20})
	began := time.Now()
	r := simulateWith(t, &Simulated{plant: bugs()[0].plant()}, s, 1, Options{})
	if r.State() != Failed || !slices.Contains(broken(&r.Verdict), string(check.Work)) || !strings.Contains(r.Why(), "stopped") && r.Verdict.Violations == nil {
		t.Errorf("%v: %s", r.Verdict.Valid, r.Why())
	}
	if r.Measures.Events > 2_000_000 || time.Since(began) > time.Minute {
		t.Errorf("%d events in %v", r.Measures.Events, time.Since(began))
	}
	r = simulateWith(t, &Simulated{MaxEvents: 1000}, s, 1, Options{})
	if r.Verdict.Valid != check.False || !strings.Contains(r.Why(), "budget of 1000 events") {
		t.Error(r.Why())
	}
}

// What was asserted and is not so is told, with what was.
func TestAssertionsCanFail(t *testing.T) {
	s := written(t, `name: x
network: {nodes: 8, repair: none}
timeline:
  - {at: 1s, loss: 60%, for: 9s}
settle: 1s
assert:
  guarantees: [G1, G2, G7, G9]
  coverage: ">= 1 within 1s after heal"
  redundancy: "< 0.1"
  latency_p50: "<= 1ns"
  latency_p99: "<= 1ns"
  dropped: "= 0"
  memory: "<= 1B"
  inboxes: equal
`)
	r := simulate(t, s, 1, Options{})
	states := make(map[string]State)
	for _, a := range r.Assertions {
		states[a.Name] = a.State
		if a.Was == "" || a.Wanted == "" {
			t.Errorf("%+v", a)
		}
	}
	for name, want := range map[string]State{"verdict": Held, "coverage": Failed, "redundancy": Failed, "latency_p50": Failed, "latency_p99": Failed,
		"dropped": Failed, "memory": Skipped, "inboxes": Failed} {
		if states[name] != want {
			t.Errorf("%s is %q, should be %q", name, states[name], want)
		}
	}
	if r.State() != Failed || r.Measures.Coverage >= 1 || r.Measures.Coverage < 0.3 {
		t.Errorf("%s, %+v", r.State(), r.Measures)
	}
	// Without the exception the verdict is what the checker says.
	s.Assert.Guarantees = nil
	if r := simulate(t, s, 1, Options{}); r.Assertions[0].State != Failed {
		t.Errorf("%+v", r.Assertions[0])
	}
}

// Coverage counts at the moment that was asked for: half way through a partition it is not what it is
// in the end.
func TestCoverageInTime(t *testing.T) {
	s := written(t, `name: x
network: {nodes: 8, topology: complete}
workload: {messages: 10, every: 100ms, senders: 1-4, from: 1s}
timeline:
  - {at: 500ms, partition: 1-4 / 5-8, for: 10s}
  - {at: 600ms, loss: 1%, for: 1ms}
assert:
  coverage: ">= 1 within 1s after publish"
`)
	r := simulate(t, s, 1, Options{})
	if a := r.Assertions[1]; a.State != Failed || a.Was != "0.5" {
		t.Errorf("%+v", a)
	}
	if r.Measures.Coverage != 1 || !r.Measures.InboxEqual || r.Verdict.Valid != check.True {
		t.Errorf("%+v", r.Measures)
	}
	half := r.Measures.Curve[len(r.Measures.Curve)/4]
	if half.Value < 0.45 || half.Value > 0.55 {
		t.Errorf("in the partition %+v", half)
	}
}

// A run that nobody wants any more ends.
func TestARunCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	err := Many(ctx, []*Scenario{open(t, "chaos", Override{})}, Range{1, 1_000_000}, 2, Options{}, func(Outcome) {
		if seen++; seen == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || seen != 5 {
		t.Errorf("%v after %d", err, seen)
	}
	if _, err := Run(ctx, &Simulated{}, mustPlan(t, open(t, "hard-times", Override{})), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func mustPlan(t testing.TB, s *Scenario) *Plan {
	t.Helper()
	p, err := s.Plan(1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseSeeds(t *testing.T) {
	for text, want := range map[string]Range{"1..500": {1, 500}, "7": {7, 7}, "3..3": {3, 3}} {
		if got, err := ParseSeeds(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5..1", "a..b", "1-5", "1..99999999999", "-1..3"} {
		if got, err := ParseSeeds(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// Whoever loses all peers, one after the other, is given new ones: the live graph hangs together to the last.
func TestReconnectingKeepsTheLiveTogether(t *testing.T) {
	s := written(t, `name: x
network: {nodes: 24, topology: circular, reconnect: true}
workload: {messages: 30, every: 300ms}
timeline:
  - {at: 1s, kill: 2-6}
  - {at: 2s, kill: 10-14}
  - {at: 3s, kill: 30%}
  - {at: 4s, kill: 20%}
  - {at: 5s, restart: dead}
  - {at: 6s, kill: 50%}
assert: {inboxes: equal}
`)
	for seed := range uint64(20) {
		r := simulate(t, s, seed+1, Options{})
		if r.State() != Held || len(r.Conditions.Parts) > 0 || r.Measures.Live != 12 {
			t.Errorf("seed %d: %s; parts %v, %d live", seed+1, r.Why(), r.Conditions.Parts, r.Measures.Live)
		}
	}
	// Without it they fall apart, and the verdict says what it cannot know.
	s.Network.Reconnect = false
	if r := simulate(t, s, 1, Options{}); len(r.Conditions.Parts) < 2 || r.Verdict.Valid == check.True {
		t.Errorf("%v: parts %v", r.Verdict.Valid, r.Conditions.Parts)
	}
}
