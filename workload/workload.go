// Package workload is what nodes do by themselves when they are told to: they draw a favourite film, count, chat.
// Each is a row of one table, and pure: who runs it says when it is time, and carries out what it wants.
package workload

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gossipctl/gossip"
	"gossipctl/values"
)

// Action is what a node does at one tick: one of the two.
type Action struct {
	Set  *values.Change // change a value of its own
	Body []byte         // publish a message
}

// Environment is what a workload is born with at one node.
type Environment struct {
	Self gossip.NodeID
	Rand *rand.Rand
	List []string // to draw from; empty: the workload's own
	TTL  int      // of what it sets
	// Own returns the present value of a key in the node's own map; has is false where there is none. Without it a
	// workload knows only of what it has set itself.
	Own func(key string) (value []byte, has bool)
}

// Settings say how a workload runs at a node. They may change while it runs.
type Settings struct {
	Name   string        `json:"name"`
	Every  time.Duration `json:"every_ns"`       // 0 = the workload's own
	List   []string      `json:"list,omitempty"` // to draw from
	TTL    int           `json:"ttl,omitempty"`
	Paused bool          `json:"paused,omitempty"`
}

// Kind is one row of the table.
type Kind struct {
	Name    string
	Summary string
	Every   time.Duration // default, with its reason beside it in the table
	Draws   bool          // from a list, which may be somebody's own
	Sets    bool          // values, and not messages: only they have a TTL
	// Make returns what is called at each tick.
	Make func(Environment) func(tick int) Action
}

// Bounds of settings.
const (
	// Max is how many workloads run at one node: more than the table has rows.
	Max = 16
	// MinEvery is the shortest interval: a hundred draws a second at each of 16 nodes are what a small machine bears.
	MinEvery = 10 * time.Millisecond
	// MaxEvery is longer than any network on a desk lives.
	MaxEvery = 24 * time.Hour
	// MaxList is how many lines a list has at most: l3x's list of films has 2,600.
	MaxList = 10_000
	// MaxLine is how many bytes one of them has: the longest film titles have some 200.
	MaxLine = 1024
	// MaxListBytes bounds a list as a whole: what one node is told must fit one request.
	MaxListBytes = 128 << 10
)

// ErrUnknown is the error about a workload that is in no row of the table.
var ErrUnknown = errors.New("unknown workload")

// Find returns a row of the table by name.
func Find(name string) (Kind, error) {
	for _, k := range table {
		if k.Name == name {
			return k, nil
		}
	}
	names := make([]string, len(table))
	for i, k := range table {
		names[i] = k.Name
	}
	return Kind{}, fmt.Errorf("%w %.40q; there are %s", ErrUnknown, name, strings.Join(names, ", "))
}

// Table returns all rows, in the order in which people should meet them.
func Table() []Kind { return slices.Clone(table) }

// Check says what is wrong with settings.
func (s *Settings) Check() error {
	k, err := Find(s.Name)
	switch {
	case err != nil:
		return err
	case s.Every != 0 && (s.Every < MinEvery || s.Every > MaxEvery):
		return fmt.Errorf("an interval of %v is not possible: it must be from %v to %v", s.Every, MinEvery, MaxEvery)
	case len(s.List) > 0 && !k.Draws:
		return fmt.Errorf("%s draws from no list", k.Name)
	case s.TTL < 0 || s.TTL > gossip.MaxHops:
		return fmt.Errorf("a TTL of %d is not possible: it must be from 1 to %d, or 0 for no limit", s.TTL, gossip.MaxHops)
	case s.TTL > 0 && !k.Sets:
		return fmt.Errorf("%s publishes messages, and only values have a TTL", k.Name)
	}
	return CheckList(s.List)
}

// CheckList says what is wrong with a list to draw from.
func CheckList(list []string) error {
	if len(list) > MaxList {
		return fmt.Errorf("the list has %d lines, and at most %d are possible", len(list), MaxList)
	}
	size := 0
	for i, line := range list {
		switch {
		case line == "":
			return fmt.Errorf("line %d of the list is empty", i+1)
		case len(line) > MaxLine:
			return fmt.Errorf("line %d of the list has %d bytes, and at most %d are possible", i+1, len(line), MaxLine)
		case !utf8.ValidString(line):
			return fmt.Errorf("line %d of the list is not UTF-8 text", i+1)
		}
		if size += len(line); size > MaxListBytes {
			return fmt.Errorf("the list has more than %d bytes", MaxListBytes)
		}
	}
	return nil
}

// CheckAll says what is wrong with all the workloads of one node together.
func CheckAll(list []Settings) error {
	if len(list) > Max {
		return fmt.Errorf("%d workloads are too many: a node runs at most %d", len(list), Max)
	}
	for i := range list {
		if err := list[i].Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(list[:i], func(s Settings) bool { return s.Name == list[i].Name }) {
			return fmt.Errorf("workload %s stands twice", list[i].Name)
		}
	}
	return nil
}

// Interval is how long such a workload waits between two ticks, on average.
func (s *Settings) Interval() time.Duration {
	if s.Every > 0 {
		return s.Every
	}
	k, err := Find(s.Name)
	if err != nil {
		return MaxEvery
	}
	return k.Every
}

// Jitter draws the wait until the next tick: from three quarters to five quarters of the interval, so that nodes
// that began together do not go on in step.
func Jitter(every time.Duration, r *rand.Rand) time.Duration {
	return every*3/4 + time.Duration(r.Float64()*float64(every/2))
}

// workloadStream keeps the draws of workloads apart from those of all else.
const workloadStream = 0x776f726b6c6f6164

// Generator returns the generator of one workload in one life of a node.
func Generator(seed uint64, self gossip.NodeID, run uint32, name string) *rand.Rand {
	mixed := seed ^ workloadStream
	for i := range len(name) { // FNV-1a
		mixed = (mixed ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(mixed*0x9e3779b97f4a7c15+uint64(self), mixed^uint64(run)*0xbf58476d1ce4e5b9))
}
