package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is gossipctl as people run it.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	folder, err := os.MkdirTemp("", "scenario-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	program = filepath.Join(folder, "gossipctl")
	if out, err := exec.Command("go", "build", "-o", program, "gossipctl/cmd/gossipctl").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// answer is what the tests read of the JSON of run-scenario.
type answer struct {
	Engine  string
	State   string
	Results []struct {
		Seed       uint64
		Live       int
		Published  int
		Accepted   int
		Coverage   float64
		Memory     int64 `json:"memory_bytes"`
		Dropped    map[string]uint64
		Repeat     string
		Assertions []struct{ Name, Wanted, Was, State string }
		Verdict    struct {
			Valid      any
			Violations []struct{ Guarantee, What string }
			Unknown    []string
			Updates    int
			Checked    []struct {
				Guarantee  string
				Facts      int
				Violations int
			}
		}
	}
}

// run runs a scenario to its end and returns what it says. Its folders must be gone then.
func run(t *testing.T, args ...string) (answer, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	temp := t.TempDir()
	c := exec.CommandContext(ctx, program, append([]string{"run-scenario", "-o", "json"}, args...)...)
	c.Env = append(os.Environ(), "TMPDIR="+temp, "XDG_STATE_HOME="+temp+"/state")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
		t.Errorf("%v: left behind: %v", args, left)
	}
	if errs.Len() > 0 {
		t.Logf("%v: %s", args, errs.String())
	}
	return a, c.ProcessState.ExitCode()
}

// holds complains unless everything held.
func holds(t *testing.T, a answer, status int) {
	t.Helper()
	if status == 0 && a.State == "ok" && len(a.Results) == 1 && a.Results[0].Verdict.Valid == true {
		return
	}
	t.Errorf("exit status %d, %s: %+v", status, a.State, a.Results)
}

// facts is how much of a guarantee was looked at.
func (a answer) facts(guarantee string) int {
	for _, c := range a.Results[0].Verdict.Checked {
		if c.Guarantee == guarantee {
			return c.Facts
		}
	}
	return 0
}

// Random faults on real processes, round after round; afterwards everybody has everything, once.
func TestRoundsOfChaos(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 2
	}
	for seed := 1; seed <= rounds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			a, status := run(t, "chaos-live", "--seed", fmt.Sprint(seed))
			holds(t, a, status)
		})
	}
}

// The hardest that was promised: 500 messages to ten durable nodes while three of them are killed and come
// back, half of all packets are lost, and the network is in two parts for forty seconds.
func TestHardTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	t.Parallel()
	a, status := run(t, "hard-times", "--seed", "1")
	holds(t, a, status)
	r := a.Results[0]
	if r.Live != 10 || r.Accepted < 490 || r.Coverage != 1 || r.Dropped["loss"] < 100 || r.Dropped["partition"] < 100 {
		t.Errorf("%+v", r)
	}
	if facts := a.facts("G9"); facts < 30 {
		t.Errorf("of conservation only %d facts were looked at", facts)
	}
}

// Every second a new favourite film at each of 64 nodes, for a minute, with loss and a partition: then all have the same
// table, and no version ever went back.
func TestMovies(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	a, status := run(t, "movies", "--seed", "1")
	holds(t, a, status)
	r := a.Results[0]
	if r.Live != 64 || r.Verdict.Updates < 3000 || r.Dropped["loss"] < 1000 || r.Dropped["partition"] < 1000 {
		t.Errorf("%+v", r)
	}
	if facts := a.facts("G12"); facts < 64*3000*8/10 { // of most updates every node has told; the newer may come first
		t.Errorf("of values only %d facts were looked at", facts)
	}
	for _, one := range r.Assertions {
		t.Log(one)
	}
}

// Nodes that find each other set and delete values while packets are lost, the network is in two halves, and one of
// them dies and comes back, in twenty seconds.
const shared = `name: shared
network:
  nodes: 8
  discovery: bootstrap
  membership: swim
  membership_settings: {period: 300ms, timeout: 150ms, dead-call: 1s, sync: 5s}
  values_every: 300ms
workload: {messages: 10, every: 300ms}
timeline:
  - {at: 0s, start_workload: random-values, every: 200ms, for: 6s}
  - {at: 500ms, set_value: colour, value: red, nodes: 1-3}
  - {at: 1s, loss: 20%, for: 4s}
  - {at: 1500ms, partition: 50% / 50%, for: 2s}
  - {at: 2s, delete_value: colour, nodes: 2}
  - {at: 4s, kill: 5, for: 2s}
settle: 20s
assert:
  values: equal within 15s after heal
  members: agree
  dropped: "> 0"
`

// The same file of values and members runs both ways, and holds both ways.
func TestValuesAndMembersBothWays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shared.yaml")
	if err := os.WriteFile(file, []byte(shared), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{file, "--seed", "3", "--simulate"}, {file, "--seed", "3"}} {
		a, status := run(t, how...)
		holds(t, a, status)
		r := a.Results[0]
		if r.Live != 8 || r.Verdict.Updates < 100 {
			t.Errorf("%s: %+v", a.Engine, r)
		}
		for guarantee, least := range map[string]int{"G8": 100, "G12": 800} {
			if facts := a.facts(guarantee); facts < least {
				t.Errorf("%s: only %d facts of %s were looked at", a.Engine, facts, guarantee)
			}
		}
	}
}

// One of everything that a timeline can have, in ten seconds.
const short = `name: short
network: {nodes: 6, topology: random:3, durable: %v, repair_every: 300ms}
workload: {messages: 30, every: 150ms}
timeline:
  - {at: 500ms, partition: 1-3 / 4-6, for: 1500ms}
  - {at: 800ms, loss: 40%%, nodes: 1-2, direction: out, for: 2s}
  - {at: 1s, kill: 6, for: 1s}
  - {at: 1200ms, clock: +1h, nodes: 2, for: 2s}
  - {at: 2200ms, partition: 1-2 / 3-6, one_way: true, for: 1s}
  - {at: 2500ms, pause: 4, for: 1s}
  - {at: 2600ms, duplicate: 30%%, corrupt: 20%%, reorder: 20%%, delay: 10ms, for: 1s}
  - {at: 4s, restart: 5}
settle: 5s
assert:
  coverage: ">= 1 within 5s after heal"
  memory: "<= 200MB"
  dropped: "> 0"
  inboxes: equal
`

// The same file runs both ways, and holds both ways.
func TestAFileRunsBothWays(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %v", durable), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "short.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, short, durable), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, how := range [][]string{{file, "--seed", "3", "--simulate"}, {file, "--seed", "3"}} {
				a, status := run(t, how...)
				holds(t, a, status)
				r := a.Results[0]
				if a.Engine == "live" && r.Memory == 0 {
					if _, err := os.Stat("/proc/self/status"); err == nil {
						t.Error("the memory was not measured")
					}
				}
				for _, reason := range []string{"partition", "loss", "corrupt"} {
					if r.Dropped[reason] == 0 {
						t.Errorf("%s: nothing was dropped because of %s: %v", a.Engine, reason, r.Dropped)
					}
				}
				if r.Live != 6 || r.Published < 25 {
					t.Errorf("%s: %+v", a.Engine, r)
				}
			}
		})
	}
}

// Whoever interrupts a run leaves nothing behind: no process, no folder. One that is killed cannot clear
// its folder away, but no process outlives it.
func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		temp := t.TempDir()
		c := exec.Command(program, "run-scenario", "calm", "--seed", "1")
		c.Env = append(os.Environ(), "TMPDIR="+temp)
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Process.Kill()
		var pids []int
		wait(t, "the network to run", func() bool {
			states, _ := filepath.Glob(temp + "/*/scenario/state.json")
			if len(states) == 0 {
				return false
			}
			pids = processes(t, states[0])
			return len(pids) == 17
		})
		if err := c.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		wait(t, "the processes to end", func() bool {
			return !slices.ContainsFunc(pids, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
		})
		if how == syscall.SIGKILL {
			continue
		}
		if status := c.ProcessState.ExitCode(); status != 130 {
			t.Errorf("%v: exit status %d: %s", how, status, errs.String())
		}
		if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
			t.Errorf("%v: left behind: %v", how, left)
		}
	}
}

// processes are the numbers of all processes that a state file names.
func processes(t *testing.T, path string) (pids []int) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var find func(v any)
	find = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if n, is := inner.(float64); is && strings.EqualFold(key, "pid") && n > 0 {
					pids = append(pids, int(n))
				}
				find(inner)
			}
		case []any:
			for _, inner := range v {
				find(inner)
			}
		}
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil // it is just being written
	}
	find(doc)
	return pids
}

func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-tick.C
	}
}

// A network that cannot be had is an error before anything is begun.
func TestTakenPortsAreSaid(t *testing.T) {
	t.Parallel()
	c := exec.Command(program, "run-scenario", "calm", "--seed", "1", "--base-port", "65530")
	out, err := c.CombinedOutput()
	if err == nil || c.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "65530") {
		t.Errorf("%v: %s", err, out)
	}
}
