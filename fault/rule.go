package fault

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"gossipctl/gossip"
)

// Direction says which packets of a node a rule is about.
type Direction string

// The directions, seen from the nodes of a rule. The zero value means Both.
const (
	Both Direction = ""
	Out  Direction = "out" // packets they send
	In   Direction = "in"  // packets they are sent
)

// Rule is one fault as a person set it: which links it is about, and what happens to packets there.
// Several rules may be about one link; then all of them happen to its packets.
type Rule struct {
	Name string `json:"name"` // what list-faults calls it: f1

	// Which links. Either Nodes, Direction and Peers, or Groups and OneWay.
	Nodes     []gossip.NodeID `json:"nodes,omitempty"` // sorted; empty: all
	Direction Direction       `json:"direction,omitempty"`
	Peers     []gossip.NodeID `json:"peers,omitempty"` // sorted; only links between Nodes and these; empty: all
	// Groups are for every link between nodes of different groups: with Cut, a partition. Who is in none
	// of them is apart from all groups, but not from others like it.
	Groups [][]gossip.NodeID `json:"groups,omitempty"`
	// OneWay is only about what goes from one group to a later one; who is in no group counts as the last.
	OneWay bool `json:"one_way,omitempty"`

	// What happens there.
	Cut       bool    `json:"cut,omitempty"`       // nothing arrives
	Loss      float64 `json:"loss,omitempty"`      // share of packets that are lost, 0 to 1
	Duplicate float64 `json:"duplicate,omitempty"` // share of packets that come twice, 0 to 1
	Corrupt   float64 `json:"corrupt,omitempty"`   // share of packets that arrive damaged, 0 to 1
	Reorder   float64 `json:"reorder,omitempty"`   // share of packets that later ones overtake, 0 to 1
	Delay     Latency `json:"delay,omitzero"`      // comes to the latency there is
	Jitter    float64 `json:"jitter,omitempty"`    // share of Delay, as in Plan
	Bandwidth int64   `json:"bandwidth,omitempty"` // bytes a second on each link; 0: no bound
	// Clock is by how much the clocks of Nodes are wrong: what they write down as the time of day. It is
	// about no link and stands alone.
	Clock time.Duration `json:"clock_ns,omitempty"`

	Until time.Time `json:"until,omitzero"` // when it ends by itself; zero: never
}

// Bounds of a rule.
const (
	// MaxBandwidth is ten gigabytes a second, more than loopback carries.
	MaxBandwidth = 10_000_000_000
	// MaxClock is ten years: more does not make a clock more wrong, and times have to stay writable.
	MaxClock = 10 * 365 * 24 * time.Hour
	// MaxName is the most bytes of a name, which has to fit a column of a table.
	MaxName = 64
)

var (
	personsName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	givenName   = regexp.MustCompile(`^f[0-9]+$`)
)

// CheckName tells what is wrong with a name that a person gives a fault. Those that faults get by themselves,
// f1, f2, …, are none.
func CheckName(name string) error {
	if !personsName.MatchString(name) || givenName.MatchString(name) {
		return fmt.Errorf("%.40q cannot be the name of a fault: a letter and up to 31 small letters, digits and dashes, and not f1, f2, …, which are given out", name)
	}
	return nil
}

// Matches reports whether the rule is about a link.
func (r *Rule) Matches(l Link) bool {
	if r.Clock != 0 {
		return false
	}
	if len(r.Groups) > 0 {
		from, to := r.group(l.From), r.group(l.To)
		return from < to || from > to && !r.OneWay
	}
	out := among(r.Nodes, l.From) && among(r.Peers, l.To)
	in := among(r.Nodes, l.To) && among(r.Peers, l.From)
	return r.Direction != In && out || r.Direction != Out && in
}

// among reports whether a set that a rule names has a node; one without nodes has all.
func among(set []gossip.NodeID, id gossip.NodeID) bool {
	if len(set) == 0 {
		return true
	}
	_, is := slices.BinarySearch(set, id)
	return is
}

// group is the number of a node's group; who is in none has the last.
func (r *Rule) group(id gossip.NodeID) int {
	for i, g := range r.Groups {
		if _, is := slices.BinarySearch(g, id); is {
			return i
		}
	}
	return len(r.Groups)
}

// Itself reports whether the rule is only about what a node says to itself, which is nothing.
func (r *Rule) Itself() bool { return len(r.Nodes) == 1 && slices.Equal(r.Nodes, r.Peers) }

// Equal reports whether two rules are the same in all that they say.
func (r *Rule) Equal(other *Rule) bool {
	return slices.Equal(r.Nodes, other.Nodes) && slices.Equal(r.Peers, other.Peers) &&
		slices.EqualFunc(r.Groups, other.Groups, slices.Equal[[]gossip.NodeID]) && r.Until.Equal(other.Until) && plain(r) == plain(other)
}

// plain is a rule's fields that can be compared as they are.
func plain(r *Rule) any {
	return struct {
		name                              string
		direction                         Direction
		oneWay, cut                       bool
		loss, duplicate, corrupt, reorder float64
		delay                             Latency
		jitter                            float64
		bandwidth                         int64
		clock                             time.Duration
	}{r.Name, r.Direction, r.OneWay, r.Cut, r.Loss, r.Duplicate, r.Corrupt, r.Reorder, r.Delay, r.Jitter, r.Bandwidth, r.Clock}
}

// Check tells everything that is wrong with the rule at once.
func (r *Rule) Check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, s := range []struct {
		name  string
		value float64
	}{{"loss", r.Loss}, {"duplicate", r.Duplicate}, {"corrupt", r.Corrupt}, {"reorder", r.Reorder}} {
		if !(s.value >= 0 && s.value <= 1) {
			bad("%s %v must be a share of the packets, from 0 to 1", s.name, s.value)
		}
	}
	if !(r.Jitter >= 0 && r.Jitter <= MaxJitter) {
		bad("jitter %v must be a share of the delay, from 0 to %d", r.Jitter, MaxJitter)
	}
	if r.Jitter > 0 && r.Delay.Kind == None {
		bad("jitter is a share of the delay, and there is none")
	}
	if err := r.Delay.Check(); err != nil {
		wrong = append(wrong, err)
	}
	if r.Bandwidth < 0 || r.Bandwidth > MaxBandwidth {
		bad("bandwidth %d must be from 1 to %d bytes a second", r.Bandwidth, int64(MaxBandwidth))
	}
	if r.Clock < -MaxClock || r.Clock > MaxClock {
		bad("a clock cannot be wrong by %v, only by up to ten years", r.Clock)
	}
	links := r.Cut || r.Loss > 0 || r.Duplicate > 0 || r.Corrupt > 0 || r.Reorder > 0 || r.Delay.Kind != None || r.Bandwidth > 0
	switch {
	case !links && r.Clock == 0 && len(wrong) == 0: // else it would do something if it were right
		bad("the fault does nothing")
	case links && r.Clock != 0:
		bad("a wrong clock is a fault of nodes and not of links: set it alone")
	case r.Clock != 0 && (r.Direction != Both || len(r.Peers) > 0 || len(r.Groups) > 0):
		bad("a wrong clock has no direction, peers or groups")
	}
	if len(r.Name) > MaxName {
		bad("a name of %d bytes is too long: it may have %d", len(r.Name), MaxName)
	}
	if r.Direction != Both && r.Direction != Out && r.Direction != In {
		bad("direction %q must be out, in or both", r.Direction)
	}
	if len(r.Groups) > 0 && (len(r.Nodes) > 0 || len(r.Peers) > 0 || r.Direction != Both) {
		bad("a rule is about groups, or about nodes and their peers")
	}
	if r.OneWay && len(r.Groups) == 0 {
		bad("only what separates groups can be one-way")
	}
	sets := append([][]gossip.NodeID{r.Nodes, r.Peers}, r.Groups...)
	seen := make(map[gossip.NodeID]bool)
	for i, set := range sets {
		for k, id := range set {
			if id < 1 || k > 0 && id <= set[k-1] {
				bad("nodes %v must be numbers from 1, sorted, each once", set)
				break
			}
			if i >= 2 && seen[id] {
				bad("node %d is in two groups", id)
			}
			seen[id] = seen[id] || i >= 2
		}
		if i >= 2 && len(set) == 0 {
			bad("a group has no nodes")
		}
	}
	return errors.Join(wrong...)
}
