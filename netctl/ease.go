package netctl

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What one core can do for nodes that share it. To send to a node that is no neighbour they open a link, which costs
// both ends together about half a millisecond.
const (
	// linksEase opens links for half of the time. Beyond it answers come late, and where they are waited for, what
	// is taken for dead makes for more of them: 256 nodes with memberlist's settings never found each other on two cores.
	linksEase = 500 // a second
	// probesEase is a quarter of that with all that comes with a probe when its answer is late: three nodes that are
	// asked for help, the suspicion, and that it is denied.
	probesEase = 32 // a second
)

// ease slows down the membership of a network that is too large for so many cores, unless the settings say how fast it
// is to be. It returns what it has set, for the person to know.
func (s *Spec) ease(cores int) string {
	if !s.Assembles() {
		return ""
	}
	values, err := s.membershipValues()
	if err != nil {
		return "" // whoever checks the spec says so
	}
	set := make(map[string]string)
	free := func(name string) bool {
		_, given := s.MembershipSettings[name]
		return values.Has(name) && !given
	}
	if free("fanout") && values.Has("gossip") {
		fanout := int(float64(linksEase*cores) * values.Duration("gossip").Seconds() / float64(s.Nodes))
		if fanout < values.Int("fanout") {
			set["fanout"] = strconv.Itoa(max(1, fanout))
		}
	}
	if free("period") && free("timeout") {
		period := time.Duration((s.Nodes+probesEase*cores-1)/(probesEase*cores)) * time.Second
		if period > values.Duration("period") {
			set["period"], set["timeout"] = period.String(), (period / 2).String()
		}
	}
	if len(set) == 0 {
		return ""
	}
	all := maps.Clone(set)
	maps.Copy(all, s.MembershipSettings)
	s.MembershipSettings = all
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		texts = append(texts, name+"="+set[name])
	}
	return fmt.Sprintf("%s share %s: their membership takes it easy with %s; --membership-set says otherwise.", count(s.Nodes, "node"), count(cores, "core"), strings.Join(texts, ","))
}
