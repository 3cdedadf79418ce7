package netctl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// probesEase is how many probes a second one core can do for nodes that share it. A probe goes to a node that is mostly
// no neighbour: it and its answer open a link each, about half a millisecond for both ends together. When an answer is
// late there come three nodes that are asked for help, the suspicion, and that it is denied, which all open links and
// make other answers late: this is where that does not begin, also while the nodes find each other.
const probesEase = 32

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
