package scenario

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// The functions below read a value, or take the default when it is not there.

func (p *problems) whole(t Text, what string, least, most, otherwise int) int {
	if !t.there() {
		return otherwise
	}
	v, err := strconv.Atoi(t.Value)
	if err != nil || v < least || v > most {
		p.add(t.wrong("%s %q must be a whole number from %d to %d", what, t.Value, least, most))
		return otherwise
	}
	return v
}

func (p *problems) flag(t Text, what string) bool {
	if !t.there() || t.Value == "false" {
		return false
	}
	if t.Value != "true" {
		p.add(t.wrong("%s must be true or false, not %q", what, t.Value))
	}
	return true
}

func (p *problems) duration(t Text, what string, least, otherwise time.Duration) time.Duration {
	if !t.there() {
		return otherwise
	}
	d, err := time.ParseDuration(t.Value)
	switch {
	case err != nil:
		p.add(t.wrong("%s %q is no time: it needs a number and a unit, such as 500ms, 5s or 1m30s", what, t.Value))
	case d < least || d > MaxLength:
		p.add(t.wrong("%s %s must be from %s to %s", what, t.Value, brief(least), brief(MaxLength)))
	default:
		return d
	}
	return otherwise
}

// brief is a time without zeros at its end: 24h and not 24h0m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func parseShare(text string) (float64, bool) {
	v, ok := fault.ParseShare(text)
	return v, ok && v >= 0 && v <= 1
}

func (p *problems) share(t Text, what string) float64 {
	if !t.there() {
		return 0
	}
	v, ok := parseShare(t.Value)
	if !ok {
		p.add(t.wrong("%s %q is no share: it must be from 0 to 1, or from 0%% to 100%%", what, t.Value))
	}
	return v
}

func parseBytes(text string) (float64, bool) {
	v, ok := fault.ParseBytes(text)
	return v, ok && v >= 0 && v < 1<<50
}

func (p *problems) bytes(t Text, what string, least, most int64, otherwise int64) int64 {
	if !t.there() {
		return otherwise
	}
	v, ok := parseBytes(t.Value)
	if !ok {
		p.add(t.wrong("%s %q is no size: it needs a number and a unit, such as 64B, 10KB or 200MiB", what, t.Value))
		return otherwise
	}
	if int64(v) < least || int64(v) > most {
		p.add(t.wrong("%s %s must be from %dB to %dB", what, t.Value, least, most))
		return otherwise
	}
	return int64(v)
}

func (p *problems) latency(t Text, what string) (l fault.Latency) {
	if !t.there() {
		return l
	}
	text := t.Value
	if _, err := time.ParseDuration(text); err == nil {
		text = fault.Constant.String() + ":" + text
	}
	l, err := fault.ParseLatency(text)
	if err != nil {
		p.add(t.wrong("%s: %v", what, err))
	}
	return l
}

// set reads a set of nodes of a network of n.
func (p *problems) set(t Text, what string, n int) Set {
	s := Set{place: t}
	if !t.there() {
		return s
	}
	nodes, err := fault.ParseNodes(t.Value)
	if err == nil {
		err = s.fits(nodes, n)
	}
	if err != nil {
		p.add(t.wrong("%s: %v", what, err))
	}
	return s
}

// fits takes the nodes when a network of n has them.
func (s *Set) fits(nodes fault.NodeSet, n int) error {
	if _, err := nodes.Resolve(everybody(n), 1); err != nil {
		return fmt.Errorf("%w; the network has %d", err, n)
	}
	s.NodeSet = nodes
	return nil
}

// groups reads the groups of a partition: 1-8 / 9-16, or 30% / 70%.
func (p *problems) groups(t Text, n int) []fault.NodeSet {
	groups, err := fault.ParseGroups([]string{t.Value})
	if err == nil {
		var resolved [][]gossip.NodeID
		resolved, err = fault.ResolveGroups(groups, everybody(n), 1)
		if err == nil && len(resolved) == 1 && len(resolved[0]) == n {
			err = errors.New("all nodes in one group leave nobody for another")
		}
	}
	if err != nil {
		p.add(t.wrong("partition: %v", err))
		return nil
	}
	return groups
}

func everybody(n int) []gossip.NodeID {
	all := make([]gossip.NodeID, n)
	for i := range all {
		all[i] = gossip.NodeID(i + 1)
	}
	return all
}

var comparison = regexp.MustCompile(`^(<=|>=|<|>|=)\s*(\S+)(?:\s+within\s+(\S+)(?:\s+after\s+(\S+))?)?$`)

// bound reads a comparison. parse makes a number of its value.
func (p *problems) bound(t Text, what, example string, parse func(string) (float64, bool)) *Bound {
	if !t.there() {
		return nil
	}
	m := comparison.FindStringSubmatch(strings.TrimSpace(t.Value))
	if m == nil {
		p.add(t.wrong("%s %q must be a comparison, such as %q", what, t.Value, example))
		return nil
	}
	b := &Bound{Text: strings.TrimSpace(t.Value), Op: m[1], After: m[4]}
	var ok bool
	if b.Value, ok = parse(m[2]); !ok || math.IsNaN(b.Value) || math.IsInf(b.Value, 0) {
		p.add(t.wrong("%s: %q is no value for it; write such as %q", what, m[2], example))
	}
	if m[3] == "" {
		return b
	}
	d, err := time.ParseDuration(m[3])
	if what != "coverage" {
		p.add(t.wrong("%s: only coverage has a time within which", what))
	} else if err != nil || d <= 0 || d > MaxLength {
		p.add(t.wrong("%s: %q is no time such as 5s", what, m[3]))
	}
	b.Within = d
	if b.After == "" {
		b.After = afterHeal
	}
	if b.After != afterHeal && b.After != afterPublish {
		p.add(t.wrong("%s: after %q must be after heal or after publish", what, b.After))
	}
	return b
}

// equal reads that values are equal, and perhaps by when.
func (p *problems) equal(t Text) *Bound {
	if !t.there() {
		return nil
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(t.Value), " ")
	b := &Bound{Text: strings.TrimSpace(t.Value), After: afterHeal}
	if word != "equal" {
		p.add(t.wrong("values can only be asserted to be equal, perhaps \"equal within 15s after heal\", not %q", t.Value))
		return nil
	}
	if rest == "" {
		return b
	}
	var err error
	late, after := strings.CutSuffix(strings.TrimPrefix(strings.TrimSpace(rest), "within "), " after heal")
	if b.Within, err = time.ParseDuration(late); err != nil || !after || b.Within <= 0 || b.Within > MaxLength {
		p.add(t.wrong("values %q must be equal, or such as \"equal within 15s after heal\"", t.Value))
	}
	return b
}

func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

func nanoseconds(text string) (float64, bool) {
	d, err := time.ParseDuration(text)
	return float64(d), err == nil
}

// span reads 9 or 8-12.
func (p *problems) span(t Text, what string, most, least, highest int) (int, int) {
	if !t.there() {
		return least, highest
	}
	a, b, isRange := strings.Cut(t.Value, "-")
	low, errA := strconv.Atoi(strings.TrimSpace(a))
	high, errB := low, error(nil)
	if isRange {
		high, errB = strconv.Atoi(strings.TrimSpace(b))
	}
	if errA != nil || errB != nil || low < 1 || high < low || high > most {
		p.add(t.wrong("%s %q must be a number such as 9, or a range such as 8-12, up to %d", what, t.Value, most))
		return least, highest
	}
	return low, high
}

// listing is words with commas and an or.
func listing(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return fmt.Sprintf("%s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}
