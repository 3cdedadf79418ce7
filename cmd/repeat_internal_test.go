package cmd

import (
	"slices"
	"testing"

	"gossipctl/scenario"
)

// The words that repeat a run are written down as they are, and quoted only where a shell is to read them.
func TestTheCommandThatRepeatsARun(t *testing.T) {
	o := &runScenario{name: "my file.yaml", simulate: true}
	s := &scenario.Scenario{Case: "share=10% of all"}
	want := []string{"gossipctl", "run-scenario", "my file.yaml", "--simulate", "--case", "share=10% of all", "--seed", "7"}
	if got := o.repeatArgs(s, 7); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := o.repeat(s, 7); got != "gossipctl run-scenario 'my file.yaml' --simulate --case 'share=10% of all' --seed 7" {
		t.Error(got)
	}
}
