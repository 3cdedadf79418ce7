package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// lines are what happens in a plan besides publications.
func lines(p *Plan) (out []string) {
	for _, a := range p.Faults() {
		out = append(out, fmt.Sprintf("%s %v", brief(a.At), a))
	}
	return out
}

func TestAPlanIsWhatTheFileSays(t *testing.T) {
	s := written(t, `name: x
network: {nodes: 8}
workload: {messages: 4, every: 1s, from: 500ms, size: 16B, senders: 2}
timeline:
  - {at: 9s, heal: all}
  - {at: 1s, partition: 1-3 / 4-6, one_way: true, name: split}
  - {at: 2s, loss: 50%, delay: 20ms, nodes: 1-2, to: 3, direction: out, for: 3s}
  - {at: 3s, kill: 7, for: 2s}
  - {at: 3s, kill: 8, power: true}
  - {at: 4s, clear: split}
  - {at: 4s, pause: 1}
  - {at: 4500ms, clock: -1h, nodes: 1}
  - {at: 6s, restart: 3}
settle: 2s
`)
	p, err := s.Plan(1)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1s fault split: one-way partition 1-3 / 4-6",
		"2s fault loss-1: delay constant:20ms, loss 50 % of what nodes 1-2 send to 3",
		"3s kill node 7", "3s power off node 8",
		"4s clear split", "4s pause node 1",
		"4.5s fault clock-2: clock -1h0m0s of node 1",
		"5s clear loss-1", "5s restart node 7",
		"6s kill node 3", "6s restart node 3",
		"9s clear clock-2", "9s resume node 1", "9s restart node 8",
	}
	if got := lines(p); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p.Healed != 9*time.Second || p.End != 11*time.Second || p.Left != 0 || p.Unsent != 0 {
		t.Errorf("healed %v, end %v, left %d, unsent %d", p.Healed, p.End, p.Left, p.Unsent)
	}
	var bodies []string
	for _, a := range p.Actions {
		if a.Do == DoPublish {
			bodies = append(bodies, string(a.Body))
			if a.Nodes[0] != 2 || len(a.Body) != 16 {
				t.Errorf("%v %q", a, a.Body)
			}
		}
	}
	if slices.Sort(bodies); len(slices.Compact(bodies)) != 4 {
		t.Errorf("%q", bodies)
	}
}

// Chance is the seed's, and only the seed's.
func TestPlansRepeat(t *testing.T) {
	s := open(t, "chaos", Override{Nodes: 12})
	different := make(map[string]bool)
	kinds := make(map[string]bool)
	for seed := range uint64(200) {
		p, err := s.Plan(seed)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Plan(seed)
		if err != nil || fmt.Sprint(lines(p)) != fmt.Sprint(lines(again)) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		different[fmt.Sprint(lines(p))] = true
		begun := 0
		for _, a := range p.Faults() {
			switch a.Do {
			case DoSet:
				begun++
				name, _, _ := strings.Cut(a.Rule.Name, "-")
				kinds[name] = true
			case DoKill, DoPause:
				begun++
				kinds[string(a.Do)] = true
			}
			if a.At < 5*time.Second || a.At > 85*time.Second {
				t.Errorf("seed %d: %v at %v", seed, a, a.At)
			}
		}
		if p.Left != 0 {
			t.Errorf("seed %d: %d things are left broken", seed, p.Left)
		}
		if begun > 12 {
			t.Errorf("seed %d: %d faults", seed, begun)
		}
	}
	if len(different) != 200 || len(kinds) != 11 {
		t.Errorf("%d different plans of kinds %v", len(different), kinds)
	}
}

func TestChurnKillsAndRestarts(t *testing.T) {
	p := mustPlan(t, open(t, "churn", Override{}))
	dead := make(map[any]bool)
	kills := 0
	for _, a := range p.Faults() {
		for _, id := range a.Nodes {
			if (a.Do == DoKill) == dead[id] {
				t.Errorf("%v: %v", a.At, a)
			}
			dead[id] = a.Do == DoKill
			if a.Do == DoKill {
				kills++
			}
		}
	}
	if kills != 20 || p.Left != 0 {
		t.Errorf("%d deaths, %d left", kills, p.Left)
	}
}

// A rate is messages a second for a time.
func TestARate(t *testing.T) {
	p := mustPlan(t, written(t, "name: x\nworkload: {rate: 20/s, for: 2s, size: 0B}"))
	if n := len(p.Actions); n != 40 || p.Actions[39].At != 1950*time.Millisecond || len(p.Actions[0].Body) != 0 {
		t.Errorf("%d messages, the last at %v", n, p.Actions[n-1].At)
	}
}

// Nobody is asked to publish who is dead or stands still.
func TestSendersAreAwake(t *testing.T) {
	p := mustPlan(t, written(t, `name: x
network: {nodes: 4}
workload: {messages: 20, every: 100ms, senders: 1-2}
timeline:
  - {at: 500ms, kill: 1}
  - {at: 1s, pause: 2}
`))
	for _, a := range p.Actions {
		if a.Do == DoPublish && a.At >= 500*time.Millisecond && a.Nodes[0] != 2 {
			t.Errorf("%v at %v", a, a.At)
		}
	}
	if p.Unsent != 10 || p.Left != 2 {
		t.Errorf("%d unsent, %d left", p.Unsent, p.Left)
	}
}
