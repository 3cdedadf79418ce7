package protocol_test

import (
	"slices"
	"strings"
	"testing"

	"gossipctl/gossip"
	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

func flood(t *testing.T) protocol.Kind {
	t.Helper()
	kind, err := protocol.Find("flood")
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      map[string]string
		want     protocol.Values
		problems []string // a word of each, in order; all are told at once
	}{
		{name: "nothing set", want: protocol.Values{"relays": 1, "remember": 131072}},
		{name: "one set", set: map[string]string{"relays": "3"}, want: protocol.Values{"relays": 3, "remember": 131072}},
		{name: "both bounds", set: map[string]string{"relays": "1000", "remember": "1"}, want: protocol.Values{"relays": 1000, "remember": 1}},
		{name: "below", set: map[string]string{"relays": "0"}, problems: []string{"relays=0"}},
		{name: "above", set: map[string]string{"relays": "1001"}, problems: []string{"relays=1001"}},
		{name: "negative", set: map[string]string{"relays": "-1"}, problems: []string{"relays=-1"}},
		{name: "no number", set: map[string]string{"relays": "many"}, problems: []string{"relays=many"}},
		{name: "not whole", set: map[string]string{"relays": "1.5"}, problems: []string{"relays=1.5"}},
		{name: "empty", set: map[string]string{"relays": ""}, problems: []string{"relays="}},
		{name: "larger than any integer", set: map[string]string{"remember": "99999999999999999999"}, problems: []string{"remember=9"}},
		{name: "unknown", set: map[string]string{"relay": "1"}, problems: []string{`"relay"`}},
		{name: "everything wrong", set: map[string]string{"remember": "0", "colour": "red", "relays": "x", "age": "1"},
			problems: []string{`"age"`, `"colour"`, "relays=x", "remember=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := flood(t).Values(c.set)
			if len(c.problems) == 0 {
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Errorf("%v\n%s", err, diff)
				}
				return
			}
			if err == nil {
				t.Fatalf("accepted as %v", got)
			}
			told := strings.Split(err.Error(), "\n")
			if !slices.EqualFunc(c.problems, told, func(word, line string) bool { return strings.Contains(line, word) }) {
				t.Errorf("told %q, want a line each about %q", told, c.problems)
			}
			if _, err := protocol.New("flood", protocol.Environment{Self: 1}, c.set); err == nil {
				t.Error("New takes what Values refuses")
			}
		})
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	for _, kind := range protocol.Table() {
		names := make(map[string]bool)
		for _, s := range kind.Settings {
			if s.Name == "" || s.Unit == "" || s.Why == "" {
				t.Errorf("%s: %+v lacks a name, a unit or the reason for its default", kind.Name, s)
			}
			if s.Min > s.Default || s.Default > s.Max {
				t.Errorf("%s: %s=%d by default, possible are %d to %d", kind.Name, s.Name, s.Default, s.Min, s.Max)
			}
			if names[s.Name] {
				t.Errorf("%s: two settings %q", kind.Name, s.Name)
			}
			names[s.Name] = true
		}
	}
}

func TestRelaysGoAsFarAsTheWireCarriesThem(t *testing.T) {
	for _, s := range flood(t).Settings {
		if s.Name == "relays" && s.Max != gossip.MaxRelays {
			t.Errorf("relays go to %d, packets carry %d", s.Max, gossip.MaxRelays)
		}
	}
}

func TestTable(t *testing.T) {
	names := make(map[string]bool)
	for _, kind := range protocol.Table() {
		if kind.Name == "" || kind.Summary == "" || kind.Follows == "" || kind.New == nil || names[kind.Name] {
			t.Errorf("%+v lacks something, or has a name that another one has", kind)
		}
		names[kind.Name] = true
		if found, err := protocol.Find(kind.Name); err != nil || found.Name != kind.Name {
			t.Errorf("looked for %s, found %q, %v", kind.Name, found.Name, err)
		}
	}
	if !names[protocol.Default] {
		t.Errorf("the default %q is not in the table", protocol.Default)
	}
	if _, err := protocol.New("fluud", protocol.Environment{}, nil); err == nil || !strings.Contains(err.Error(), "flood") {
		t.Errorf("asked for fluud: %v", err)
	}
}

func TestGeneratorsArePromises(t *testing.T) {
	draw := func(seed uint64, self gossip.NodeID) (numbers [4]uint64) {
		rng := protocol.Generator(seed, self)
		for i := range numbers {
			numbers[i] = rng.Uint64()
		}
		return numbers
	}
	// A seed that somebody wrote down must mean the same with the next release.
	if got := draw(7, 3); got[0] != 14815518934105843905 || got[1] != 15758030716541696318 {
		t.Errorf("seed 7 at node 3 draws %v", got)
	}
	if draw(7, 3) == draw(7, 4) || draw(7, 3) == draw(8, 3) {
		t.Error("another seed or node draws the same numbers")
	}
}
