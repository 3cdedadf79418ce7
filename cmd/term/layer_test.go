package term

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// options are flags of every kind gossipctl has.
type options struct {
	Nodes   int
	Network string
	Wait    time.Duration
	Loss    float64
	Seed    uint64
	Quiet   bool
	Time    int
	Set     []string
	Labels  map[string]string
	Output  Output
	Help    bool
	Color   ColorMode
}

func (o *options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("start-network", pflag.ContinueOnError)
	f.IntVarP(&o.Nodes, "num-nodes", "n", 16, "")
	f.StringVar(&o.Network, "network", "default", "")
	f.DurationVar(&o.Wait, "timeout", 30*time.Second, "")
	f.Float64Var(&o.Loss, "loss", 0, "")
	f.Uint64Var(&o.Seed, "seed", 0, "")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "")
	f.CountVarP(&o.Time, "time", "t", "")
	f.StringArrayVar(&o.Set, "set", []string{"k=2"}, "")
	f.StringToStringVar(&o.Labels, "label", nil, "")
	f.Var(&o.Color, "color", "")
	f.BoolVar(&o.Help, "help", false, "")
	o.Output.AddFlags(f)
	return f
}

func known(f *pflag.FlagSet) []string {
	var names []string
	f.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// writeConfig returns an environment whose config file holds text.
func writeConfig(t *testing.T, text string, vars map[string]string) (path string, env Env) {
	t.Helper()
	home := t.TempDir()
	path = filepath.Join(home, "gossipctl", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"XDG_CONFIG_HOME": home}
	for name, value := range vars {
		all[name] = value
	}
	return path, fakeEnv(all)
}

// apply runs a command line against an environment and a config file, as a command does.
func apply(t *testing.T, args []string, file string, vars map[string]string, except ...string) (options, string, error) {
	t.Helper()
	path, env := writeConfig(t, file, vars)
	var o options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	config, err := ReadConfig(env, known(flags))
	if err == nil {
		err = Apply(flags, env, config, except...)
	}
	return o, path, err
}

func TestPrecedence(t *testing.T) {
	const file = "num-nodes: 4\nnetwork: from-file\ntimeout: 5s\n"
	vars := map[string]string{"GOSSIPCTL_NUM_NODES": "8", "GOSSIPCTL_NETWORK": "from-env"}
	got, _, err := apply(t, []string{"-n", "12"}, file, vars)
	if err != nil {
		t.Fatal(err)
	}
	if got.Nodes != 12 || got.Network != "from-env" || got.Wait != 5*time.Second || got.Loss != 0 {
		t.Errorf("got %d from the flag, %q from the environment, %v from the file, %v by default", got.Nodes, got.Network, got.Wait, got.Loss)
	}
}

func TestEveryKindOfSetting(t *testing.T) {
	want := options{
		Nodes: 8, Network: "lab", Wait: 90 * time.Second, Loss: 0.25, Seed: 1<<64 - 1, Quiet: true, Time: 2,
		Set: []string{"k=1,2", "stop=coin"}, Labels: map[string]string{"a": "1", "b": "x"},
		Output: Output{Format: FormatWide, NoHeaders: true}, Color: ColorNever,
	}
	fromFile, _, err := apply(t, nil, `
# a comment
num-nodes: 8
network: "lab"
timeout: 1m30s
loss: 0.25
seed: 18446744073709551615
quiet: true
time: 2
set: ["k=1,2", stop=coin]
label: {a: 1, b: x}
output: wide
no-headers: true
color: never
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromFile); diff != "" {
		t.Errorf("from the file: -want +got\n%s", diff)
	}

	want.Set = []string{"k=1,2"}
	fromEnv, _, err := apply(t, nil, "", map[string]string{
		"GOSSIPCTL_NUM_NODES": "8", "GOSSIPCTL_NETWORK": "lab", "GOSSIPCTL_TIMEOUT": "90s", "GOSSIPCTL_LOSS": ".25",
		"GOSSIPCTL_SEED": "18446744073709551615", "GOSSIPCTL_QUIET": "1", "GOSSIPCTL_TIME": "2", "GOSSIPCTL_SET": "k=1,2",
		"GOSSIPCTL_LABEL": "a=1,b=x", "GOSSIPCTL_OUTPUT": "wide", "GOSSIPCTL_NO_HEADERS": "true", "GOSSIPCTL_COLOR": "never",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromEnv); diff != "" {
		t.Errorf("from the environment: -want +got\n%s", diff)
	}
}

func TestSettingsThatAreNot(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		vars map[string]string
		want func(*options)
	}{
		"nothing at all":     {"", nil, func(*options) {}},
		"an empty variable":  {"", map[string]string{"GOSSIPCTL_NUM_NODES": ""}, func(*options) {}},
		"a variable beats":   {"num-nodes: 4", map[string]string{"GOSSIPCTL_NUM_NODES": "5"}, func(o *options) { o.Nodes = 5 }},
		"an empty list":      {"set: []", nil, func(o *options) { o.Set = []string{} }},
		"an excepted flag":   {"help: true", map[string]string{"GOSSIPCTL_HELP": "true"}, func(*options) {}},
		"pairs for a list":   {"set:\n  k: 1\n  stop: coin\n", nil, func(o *options) { o.Set = []string{"k=1", "stop=coin"} }},
		"one value of many":  {"set: k=9", nil, func(o *options) { o.Set = []string{"k=9"} }},
		"a number in quotes": {"num-nodes: \"4\"", nil, func(o *options) { o.Nodes = 4 }},
		"a block of text":    {"network: |-\n  lab\n", nil, func(o *options) { o.Network = "lab" }},
		"as it is written":   {"network: 1.10", nil, func(o *options) { o.Network = "1.10" }},
	} {
		var want options
		want.flags()
		c.want(&want)
		got, _, err := apply(t, nil, c.file, c.vars, "help", "version")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestAppliedFlagsCountAsChanged(t *testing.T) {
	var o options
	flags := o.flags()
	if err := Apply(flags, fakeEnv(map[string]string{"GOSSIPCTL_SEED": "7"}), Config{}); err != nil {
		t.Fatal(err)
	}
	if !flags.Changed("seed") || flags.Changed("loss") {
		t.Errorf("changed: seed %t, loss %t; want only the seed", flags.Changed("seed"), flags.Changed("loss"))
	}
}

func TestBadValues(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"num-nodes", "abc", `"abc" is not a whole number`},
		{"num-nodes", "1.5", `"1.5" is not a whole number`},
		{"num-nodes", "99999999999999999999", `"99999999999999999999" is out of range`},
		{"seed", "-1", `"-1" is not a whole number of 0 or more`},
		{"loss", "much", `"much" is not a number`},
		{"quiet", "yes", `"yes" is neither true nor false`},
		{"timeout", "30", `"30" has no unit; write 30s for seconds`},
		{"timeout", "soon", `"soon" is not a duration such as 30s or 1m30s`},
		{"time", "x", `"x" is not a whole number`},
		{"output", "xml", `"xml" is not an output format; use table, wide, json, yaml, name or csv`},
		{"num-nodes", "\x1b[2J", `"\x1b[2J" is not a whole number`},
		{"num-nodes", strings.Repeat("x", 99), `"` + strings.Repeat("x", 59) + `…" is not a whole number`},
	} {
		name := EnvName(c.flag)
		_, _, err := apply(t, nil, "", map[string]string{name: c.value})
		var bad *ValueError
		if want := name + ": " + c.want; err == nil || err.Error() != want || !errors.As(err, &bad) || bad.Source != name {
			t.Errorf("error is %v, want %s", err, want)
		}
		_, path, err := apply(t, nil, fmt.Sprintf("color: auto\n%s: %s\n", c.flag, quoteYAML(c.value)), nil)
		if want := fmt.Sprintf("%s:2: %s: %s", path, c.flag, c.want); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
		var o options
		err = BadFlag(o.flags().Parse([]string{"--" + c.flag + "=" + c.value}))
		if want := "--" + c.flag + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	_, path, err := apply(t, nil, "num-nodes: [1, 2]", nil)
	if want := path + ":1: num-nodes: takes one value, not a list"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestBadFlagLeavesOthersAlone(t *testing.T) {
	if err := BadFlag(nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	other := errors.New("unknown flag: --x")
	if err := BadFlag(other); err != other {
		t.Errorf("%v became %v", other, err)
	}
}
