package scenario

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what testdata says of seeds")

// golden holds the sums of the logs of the first seeds of chaos.
const golden = "testdata/chaos.sha256"

// The first seeds of chaos have the logs that they had when testdata was written: on every system, every
// processor, with every version of Go. Whoever changes what nodes, protocols, the simulator or the scenario
// do changes these logs, and then -update is right; where nothing of that was changed, some system or Go
// reckons otherwise, and seeds found there cannot be repeated elsewhere.
func TestSeedsAreTheSameEverywhere(t *testing.T) {
	s := open(t, "chaos", Override{})
	var got strings.Builder
	for seed := range uint64(5) {
		fmt.Fprintf(&got, "%s  seed %d\n", simulate(t, s, seed+1, Options{Hash: true}).Hash, seed+1)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the logs of chaos are not those of %s.\nIf the behaviour of nodes, the simulator or the scenario was changed on purpose: go test ./scenario -run %s -update\n"+
			"If not, this system or version of Go gives other logs for the same seeds.\ngot\n%swant\n%s", golden, t.Name(), got.String(), want)
	}
}
