package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Every setting of every protocol, with its default, its bounds and the reason for the default.

var floodSettings = []Setting{
	{Name: "relays", Default: 1, Min: 1, Max: 1000, Unit: "copies per directed edge",
		Why: "one copy each way already reaches every node of a connected network; used when a message names no limit of its own"},
	{Name: "remember", Default: 131072, Min: 1, Max: 1 << 24, Unit: "messages",
		Why: "above the inbox's 100,000, so that no message still wanted is forgotten; about 100 bytes each with 3 peers"},
}

// Setting describes one setting of a protocol: a whole number within bounds.
type Setting struct {
	Name     string
	Default  int
	Min, Max int
	Unit     string
	Why      string // the reason for the default
}

// Values are the settings of one protocol in force.
type Values map[string]int

// Values returns the kind's defaults with the given ones put in their place. All that is wrong with
// them is told at once; nothing is repaired silently.
func (k Kind) Values(set map[string]string) (Values, error) {
	values := make(Values, len(k.Settings))
	for _, s := range k.Settings {
		values[s.Name] = s.Default
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	var problems []error
	for _, name := range names {
		at := slices.IndexFunc(k.Settings, func(s Setting) bool { return s.Name == name })
		if at < 0 {
			problems = append(problems, fmt.Errorf("%s has no setting %q; it has %s", k.Name, name, k.settingNames()))
			continue
		}
		s := k.Settings[at]
		v, err := strconv.Atoi(set[name])
		if err != nil || v < s.Min || v > s.Max {
			problems = append(problems, fmt.Errorf("%s=%s: must be a whole number from %d to %d (%s)", name, set[name], s.Min, s.Max, s.Unit))
			continue
		}
		values[name] = v
	}
	return values, errors.Join(problems...)
}

func (k Kind) settingNames() string {
	names := make([]string, len(k.Settings))
	for i, s := range k.Settings {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
