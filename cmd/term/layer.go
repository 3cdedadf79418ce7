package term

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix starts the name of every environment variable gossipctl reads for itself.
const envPrefix = "GOSSIPCTL_"

// EnvName is the environment variable that sets a flag: GOSSIPCTL_NUM_NODES for num-nodes.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Apply gives every flag that was not on the command line the value of its environment variable,
// or else of the config file; the others keep their defaults. An empty variable counts as not set.
// The flags named in except are left alone: those that have no meaning as a lasting setting (help,
// version) or that confirm one particular act.
//
// A flag set here counts as changed, as if it had been on the command line. The error is a
// [*ValueError] that names the place the bad value came from.
func Apply(flags *pflag.FlagSet, env Env, file Config, except ...string) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || slices.Contains(except, f.Name) {
			return
		}
		if value := env.get(EnvName(f.Name)); value != "" {
			if err := flags.Set(f.Name, value); err != nil {
				failed = newValueError(EnvName(f.Name), f, value, err)
			}
			return
		}
		if s, ok := file.settings[f.Name]; ok {
			failed = s.apply(flags, f, file.path)
		}
	})
	return failed
}

// apply sets a flag to what the config file says. A list needs a flag that may be repeated.
func (s setting) apply(flags *pflag.FlagSet, f *pflag.Flag, path string) error {
	source := s.source(path)
	list, repeats := f.Value.(pflag.SliceValue)
	if s.list && !repeats && !strings.HasPrefix(f.Value.Type(), "stringTo") {
		return &ValueError{Source: source, Reason: "takes one value, not a list"}
	}
	for _, value := range s.values {
		if err := flags.Set(f.Name, value); err != nil {
			return newValueError(source, f, value, err)
		}
	}
	if s.list && repeats { // Set may have split a value at its commas; a list is already split
		if err := list.Replace(s.values); err != nil {
			return newValueError(source, f, strings.Join(s.values, ", "), err)
		}
	}
	return nil
}
