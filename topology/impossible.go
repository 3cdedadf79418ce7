package topology

import (
	"fmt"
	"strconv"
	"strings"
)

// ImpossibleError says that no graph answers a request, why not, and which near ones have an
// answer. Everything in Try and TryDegrees is certain to work.
type ImpossibleError struct {
	// Asked is the request, with the default filled in; for [Rewire] its Kind is "rewire" and
	// only Nodes is set besides.
	Asked Request
	// Reason is a clause such as "5 nodes cannot all have 3 peers, because 5 × 3 is odd".
	Reason string
	// Try lists the nearest requests that Generate can answer: at most two with another number
	// of nodes, two with another parameter, and one of another kind.
	Try []Request
	// TryDegrees lists the nearest ranges that Rewire can answer for the same nodes.
	TryDegrees []DegreeRange
}

// DegreeRange bounds the number of peers of every node, both ends included.
type DegreeRange struct{ Min, Max int }

// Error is one sentence: kind, reason and hint.
func (e *ImpossibleError) Error() string {
	text := e.Asked.Kind + ": " + e.Reason
	if hint := e.Hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

// Hint says what to try, as in "try 4 or 6 nodes, or degree 2 or 4"; it is empty if nothing near
// would work.
func (e *ImpossibleError) Hint() string {
	var nodes, params, others []string
	for _, r := range e.Try {
		switch {
		case r.Kind != e.Asked.Kind:
			others = append(others, r.Kind)
		case r.Nodes != e.Asked.Nodes:
			nodes = append(nodes, strconv.Itoa(r.Nodes))
		case r.Param == 0:
			others = append(others, r.Kind+" alone")
		default:
			params = append(params, strconv.Itoa(r.Param))
		}
	}
	var ways []string
	if len(nodes) > 0 {
		ways = append(ways, either(nodes, "node"))
	}
	if len(params) > 0 {
		k, _ := Find(e.Asked.Kind)
		ways = append(ways, strings.ToLower(k.Param.Name)+" "+strings.Join(params, " or "))
	}
	ways = append(ways, others...)
	var ranges []string
	for _, d := range e.TryDegrees {
		if d.Min == d.Max {
			ranges = append(ranges, strconv.Itoa(d.Min))
		} else {
			ranges = append(ranges, fmt.Sprintf("%d to %d", d.Min, d.Max))
		}
	}
	if len(ranges) > 0 {
		ways = append(ways, either(ranges, "peer"))
	}
	if len(ways) == 0 {
		return ""
	}
	return "try " + strings.Join(ways, ", or ")
}

// either joins numbers and their noun, as in "4 or 6 nodes".
func either(numbers []string, noun string) string {
	if last := numbers[len(numbers)-1]; last != "1" {
		noun += "s"
	}
	return strings.Join(numbers, " or ") + " " + noun
}

// count is a number and its noun, as in "1 node" and "5 nodes".
func count(n int, noun string) string { return either([]string{strconv.Itoa(n)}, noun) }

// impossible builds the error for a request that check turned down and looks for near ones that
// it lets through, by asking the same check.
func (k Kind) impossible(asked Request, reason string) error {
	e := &ImpossibleError{Asked: asked, Reason: reason}
	nodes, param, most := asked.Nodes, asked.Param, nodeLimit(asked.Most)
	offer := func(n, p int) bool {
		if !k.possible(n, p, asked.Most) {
			return false
		}
		e.Try = append(e.Try, Request{Kind: k.Name, Nodes: n, Most: asked.Most, Param: p})
		return true
	}
	if k.Param.Name == "" && param != 0 {
		if offer(nodes, 0) {
			return e
		}
		param = 0
	}
	at := max(min(nodes, most+1), 0) // no number is too far off to be near to something
	for n := at - 1; n >= 1 && !offer(n, param); n-- {
	}
	for n := at + 1; n <= most && !offer(n, param); n++ {
	}
	if nodes < 1 || nodes > most {
		return e // no other parameter and no other kind makes this number of nodes right
	}
	unhelped := len(e.Try)
	if k.Param.Name != "" {
		at := max(min(param, nodes+1), 0) // more than the number of nodes never helps
		for p := at - 1; p >= 1 && !offer(nodes, p); p-- {
		}
		for p := at + 1; p <= nodes && !offer(nodes, p); p++ {
		}
	}
	if other, ok := Find(k.instead); ok && len(e.Try) == unhelped && other.possible(nodes, other.Param.Default, asked.Most) {
		e.Try = append(e.Try, Request{Kind: other.Name, Nodes: nodes, Most: asked.Most, Param: other.Param.Default})
	}
	return e
}

// misread builds the error for an argument that could not be read; what is sure to be right then
// is the default.
func (k Kind) misread(nodes int, reason string) error {
	e := &ImpossibleError{Asked: Request{Kind: k.Name, Nodes: nodes}, Reason: reason}
	if k.possible(nodes, k.Param.Default, 0) {
		e.Try = []Request{{Kind: k.Name, Nodes: nodes, Param: k.Param.Default}}
	}
	return e
}
