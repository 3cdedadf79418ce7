package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is what sort of value a setting takes.
type Type string

// The types of settings.
const (
	Whole    Type = "whole"    // a whole number within bounds
	Decimal  Type = "decimal"  // a number within bounds
	Duration Type = "duration" // a time such as 200ms, within bounds
	Switch   Type = "switch"   // true or false
	Choice   Type = "choice"   // one of a few words
)

// Setting describes one setting of a protocol.
type Setting struct {
	Name     string
	Type     Type
	Default  any      // int, float64, time.Duration, bool or string, by Type
	Min, Max any      // of a Whole, Decimal or Duration; the type of Default
	Choices  []string // of a Choice
	Unit     string
	Why      string // the reason for the default
}

func whole(name string, value, least, most int, unit, why string) Setting {
	return Setting{Name: name, Type: Whole, Default: value, Min: least, Max: most, Unit: unit, Why: why}
}

func decimal(name string, value, least, most float64, unit, why string) Setting {
	return Setting{Name: name, Type: Decimal, Default: value, Min: least, Max: most, Unit: unit, Why: why}
}

func duration(name string, value, least, most time.Duration, why string) Setting {
	return Setting{Name: name, Type: Duration, Default: value, Min: least, Max: most, Unit: "time", Why: why}
}

func toggle(name string, value bool, why string) Setting {
	return Setting{Name: name, Type: Switch, Default: value, Unit: "true or false", Why: why}
}

func choice(name, value string, choices []string, why string) Setting {
	return Setting{Name: name, Type: Choice, Default: value, Choices: choices, Unit: "one of " + strings.Join(choices, ", "), Why: why}
}

// Parse reads a value as a person writes it.
func (s Setting) Parse(text string) (any, error) {
	switch s.Type {
	case Whole:
		if v, err := strconv.Atoi(text); err == nil && v >= s.Min.(int) && v <= s.Max.(int) {
			return v, nil
		}
		return nil, fmt.Errorf("%s=%s: must be a whole number from %s (%s)", s.Name, text, s.Bounds(), s.Unit)
	case Decimal:
		// Written so that what is no number at all is outside too.
		if v, err := strconv.ParseFloat(text, 64); err == nil && v >= s.Min.(float64) && v <= s.Max.(float64) {
			return v, nil
		}
		return nil, fmt.Errorf("%s=%s: must be a number from %s (%s)", s.Name, text, s.Bounds(), s.Unit)
	case Duration:
		if v, err := time.ParseDuration(text); err == nil && v >= s.Min.(time.Duration) && v <= s.Max.(time.Duration) {
			return v, nil
		}
		return nil, fmt.Errorf("%s=%s: must be a time from %s, such as %s", s.Name, text, s.Bounds(), s.Text(s.Default))
	case Switch:
		if v, err := strconv.ParseBool(text); err == nil {
			return v, nil
		}
		return nil, fmt.Errorf("%s=%s: must be true or false", s.Name, text)
	case Choice:
		if slices.Contains(s.Choices, text) {
			return text, nil
		}
		return nil, fmt.Errorf("%s=%s: must be one of %s", s.Name, text, strings.Join(s.Choices, ", "))
	}
	return nil, fmt.Errorf("%s: no value can be given to a setting of type %q", s.Name, s.Type)
}

// Text writes a value so that Parse reads it again.
func (s Setting) Text(value any) string { return fmt.Sprint(value) }

// Bounds tells which values there are.
func (s Setting) Bounds() string {
	switch s.Type {
	case Switch:
		return "true or false"
	case Choice:
		return strings.Join(s.Choices, ", ")
	}
	return s.Text(s.Min) + " to " + s.Text(s.Max)
}

// Values are the settings of one protocol in force, by name: an int, float64, time.Duration, bool or
// string each. Asking for one that the protocol does not have, or as what it is not, is a mistake in
// the program and panics.
type Values map[string]any

// Int is the value of a [Whole] setting.
func (v Values) Int(name string) int { return v[name].(int) }

// Float is the value of a [Decimal] setting.
func (v Values) Float(name string) float64 { return v[name].(float64) }

// Duration is the value of a [Duration] setting.
func (v Values) Duration(name string) time.Duration { return v[name].(time.Duration) }

// Bool is the value of a [Switch] setting.
func (v Values) Bool(name string) bool { return v[name].(bool) }

// Choice is the value of a [Choice] setting.
func (v Values) Choice(name string) string { return v[name].(string) }

// Has reports whether the protocol has such a setting.
func (v Values) Has(name string) bool { return v[name] != nil }

// Values returns the kind's defaults with the given ones put in their place. All that is wrong with
// them is told at once; nothing is repaired silently.
func (k Kind) Values(set map[string]string) (Values, error) {
	return ReadSettings(k.Name, k.Settings, k.Check, set)
}

// ReadSettings is [Kind.Values] of anything that has settings: the owner's name is for errors, check may be nil.
func ReadSettings(owner string, settings []Setting, check func(Values) error, set map[string]string) (Values, error) {
	values := make(Values, len(settings))
	for _, s := range settings {
		values[s.Name] = s.Default
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	var problems []error
	for _, name := range names {
		at := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
		if at < 0 {
			problems = append(problems, fmt.Errorf("%s has no setting %q; it has %s", owner, name, settingNames(settings)))
			continue
		}
		v, err := settings[at].Parse(set[name])
		if err != nil {
			problems = append(problems, err)
			continue
		}
		values[name] = v
	}
	if len(problems) == 0 && check != nil {
		if err := check(values); err != nil {
			problems = append(problems, err)
		}
	}
	return values, errors.Join(problems...)
}

func settingNames(settings []Setting) string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

// Settings that several protocols have.

// rememberSetting bounds what is kept of messages, by name.
func rememberSetting(each string) Setting {
	return whole("remember", 131072, 1, 1<<24, "messages",
		"above the inbox's 100,000, so that no message still wanted is forgotten; "+each)
}

// phaseSetting says when the rounds of a node begin.
var phaseSetting = choice("phase", phaseRandom, []string{phaseRandom, phaseAligned},
	"nodes of a real network keep no common time; aligned makes all act at the same instants, as papers count rounds")

// intervalSetting is the length of a round.
var intervalSetting = duration("interval", 200*time.Millisecond, time.Millisecond, time.Hour,
	"what memberlist uses on a LAN: twenty rounds, enough for a hundred thousand nodes, are over in four seconds")
