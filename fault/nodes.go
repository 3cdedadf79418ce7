package fault

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gossipctl/gossip"
)

// NodeSet is a set of nodes as a person writes it: 3, 1-8, 1,4,9-12, all, or 10%, a share of the nodes
// that there are. The zero value is nobody.
type NodeSet struct {
	spans []span // sorted and apart
	all   bool
	share float64 // percent
}

// span is the nodes from first to last.
type span struct{ first, last gossip.NodeID }

// ErrUnknown is wrapped when a set names a node that there is not.
var ErrUnknown = errors.New("no such node")

// nodeForms is what a person may write.
const nodeForms = "3, 1-8, 1,4,9-12, all, or 10% (of the live nodes)"

// maxSetText bounds what is read: thousands of numbers one by one are not written by people.
const maxSetText = 64 << 10

// ParseNodes reads a set of nodes. The error is one sentence that says what is wrong with which part.
func ParseNodes(text string) (NodeSet, error) {
	trimmed := strings.TrimSpace(text)
	if len(text) > maxSetText {
		return NodeSet{}, fmt.Errorf("a set of nodes in %d bytes is too long: %d may be written", len(text), maxSetText)
	}
	if trimmed == "all" {
		return NodeSet{all: true}, nil
	}
	if number, percent := strings.CutSuffix(trimmed, "%"); percent {
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		switch {
		case err != nil || math.IsNaN(v) || strings.ContainsAny(number, "xX"):
			return NodeSet{}, fmt.Errorf("nodes %q must be written as %s", text, nodeForms)
		case !(v > 0 && v <= 100):
			return NodeSet{}, fmt.Errorf("nodes %q: a share of the nodes is above 0%% and at most 100%%", text)
		}
		return NodeSet{share: v}, nil
	}
	var s NodeSet
	for item := range strings.SplitSeq(trimmed, ",") {
		one, err := parseSpan(strings.TrimSpace(item))
		if err != nil {
			return NodeSet{}, fmt.Errorf("nodes %q: %w", text, err)
		}
		s.spans = append(s.spans, one)
	}
	s.join()
	return s, nil
}

func parseSpan(item string) (span, error) {
	from, to, ranges := strings.Cut(item, "-")
	if !ranges {
		to = from
	}
	var s span
	for _, end := range []struct {
		text string
		is   *gossip.NodeID
	}{{from, &s.first}, {to, &s.last}} {
		v, err := strconv.ParseUint(end.text, 10, 31)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return span{}, fmt.Errorf("%s is too large for a node", end.text)
		case err != nil:
			return span{}, fmt.Errorf("%q must be written as %s", item, nodeForms)
		case v == 0:
			return span{}, fmt.Errorf("there is no node 0: they are numbered from 1")
		}
		*end.is = gossip.NodeID(v)
	}
	if s.first > s.last {
		return span{}, fmt.Errorf("%s is the wrong way round: write %d-%d", item, s.last, s.first)
	}
	return s, nil
}

// join sorts the spans and makes one of those that touch.
func (s *NodeSet) join() {
	slices.SortFunc(s.spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	kept := s.spans[:0]
	for _, one := range s.spans {
		if n := len(kept); n > 0 && int64(one.first) <= int64(kept[n-1].last)+1 {
			kept[n-1].last = max(kept[n-1].last, one.last)
			continue
		}
		kept = append(kept, one)
	}
	s.spans = kept
}

// Nodes is the set of just these nodes.
func Nodes(ids ...gossip.NodeID) NodeSet {
	var s NodeSet
	for _, id := range ids {
		s.spans = append(s.spans, span{id, id})
	}
	s.join()
	return s
}

// IsZero reports whether the set is nobody.
func (s NodeSet) IsZero() bool { return !s.all && s.share == 0 && len(s.spans) == 0 }

// String writes the set so that [ParseNodes] reads it again; nobody is an empty text.
func (s NodeSet) String() string {
	switch {
	case s.all:
		return "all"
	case s.share > 0:
		return strconv.FormatFloat(s.share, 'g', -1, 64) + "%"
	}
	return spansText(s.spans)
}

func spansText(spans []span) string {
	var b strings.Builder
	for i, one := range spans {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(one.first)))
		if one.last > one.first {
			b.WriteString("-" + strconv.Itoa(int(one.last)))
		}
	}
	return b.String()
}

// MarshalText is String: so a set is written in JSON and YAML.
func (s NodeSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseNodes.
func (s *NodeSet) UnmarshalText(text []byte) error {
	read, err := ParseNodes(string(text))
	if err == nil {
		*s = read
	}
	return err
}

// Resolve returns the nodes of the set, sorted, out of those that there are, which must be sorted, each
// once. A share is of them: to the nearest number, at least one, drawn with the seed, the same on every
// machine; with another share of the same seed the smaller is part of the larger. The error wraps
// [ErrUnknown] when the set names others, or when there are none.
func (s NodeSet) Resolve(live []gossip.NodeID, seed uint64) ([]gossip.NodeID, error) {
	if len(live) == 0 && (s.all || s.share > 0) {
		return nil, fmt.Errorf("%w: nobody is there", ErrUnknown)
	}
	if s.all {
		return slices.Clone(live), nil
	}
	if s.share > 0 {
		return draw(live, s.size(len(live)), seed), nil
	}
	ids, missing := []gossip.NodeID{}, []span(nil)
	for _, one := range s.spans {
		at, _ := slices.BinarySearch(live, one.first)
		next := one.first // the first of the span that was not looked at
		for ; at < len(live) && live[at] <= one.last; at++ {
			if live[at] > next {
				missing = append(missing, span{next, live[at] - 1})
			}
			ids, next = append(ids, live[at]), live[at]+1
		}
		if next <= one.last && next > 0 { // behind the largest number there is, it is below 0
			missing = append(missing, span{next, one.last})
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s%s", ErrUnknown, spansText(missing[:min(len(missing), maxNamed)]), more(len(missing) > maxNamed))
	}
	return ids, nil
}

// maxNamed is how many ranges of unknown nodes an error names: more are not read.
const maxNamed = 8

func more(is bool) string {
	if is {
		return " and more"
	}
	return ""
}

// size is how many nodes a share of n is.
func (s NodeSet) size(n int) int {
	return min(max(int(float64(s.share*float64(n))/100+0.5), 1), n)
}

// draw takes k nodes by the order that the seed puts all nodes in.
func draw(live []gossip.NodeID, k int, seed uint64) []gossip.NodeID {
	rank := func(id gossip.NodeID) uint64 { return scatter(scatter(seed) + uint64(id)*golden) }
	ids := slices.Clone(live)
	slices.SortFunc(ids, func(a, b gossip.NodeID) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	ids = ids[:k:k]
	slices.Sort(ids)
	return ids
}

// NodesText writes nodes, which must be sorted, as a person does: 1-3,7.
func NodesText(ids []gossip.NodeID) string { return Nodes(ids...).String() }
