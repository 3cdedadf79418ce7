package main

import "fmt"

// Bound is a target: a number to stay under or to reach, given as it is or as a multiple of the
// limit measured in the same run.
type Bound struct {
	Value      float64 `json:"value"`
	TimesLimit bool    `json:"times_limit"`
	AtLeast    bool    `json:"at_least"`
}

func atMost(v float64) *Bound            { return &Bound{Value: v} }
func atLeast(v float64) *Bound           { return &Bound{Value: v, AtLeast: true} }
func atMostTimesLimit(v float64) *Bound  { return &Bound{Value: v, TimesLimit: true} }
func atLeastTimesLimit(v float64) *Bound { return &Bound{Value: v, TimesLimit: true, AtLeast: true} }

// goal is a target, and the stretch beyond it.
type goal struct{ target, stretch *Bound }

// The goals, with what they rest on. Ratios hold on any machine; the absolute ones were set on two
// quiet cores of a server.
var (
	// A node does more at birth than a bare net/http server: keys, peers, a report back.
	startGoal = goal{atMostTimesLimit(1.6), atMostTimesLimit(1.3)}
	// Frames are decoded, routes kept and events counted, which the limit does not do.
	singleGoal = goal{atMostTimesLimit(2), atMostTimesLimit(1.3)}
	// Three times the best other library (libp2p FloodSub with queues made large, all nodes in one
	// process, 117,800/s); and half the limit.
	burstGoal = goal{atLeast(350_000), atLeastTimesLimit(0.5)}
	// Nothing may be lost without being asked for.
	missingGoal = goal{target: atMost(0)}
	// One packet for each directed edge, as the limit sends; else the ratios would not be fair.
	packetsGoal = goal{target: atMostTimesLimit(1)}
	// The other libraries hold 0.7 to 3 MB a node, all in one process, and 4 to 7 as processes.
	idleGoal = goal{atMost(2), atMost(1.5)}
	// What a person takes for immediate in a shell loop; asking over HTTP alone takes 2.
	commandGoal = goal{atMost(8), atMost(5)}
)

// stopSteps are the goals of stop-network in milliseconds, by nodes: about 3.5 times what
// terminating and reaping took at 16, and half as much again at 1,000.
var stopSteps = []struct{ nodes, ms float64 }{{16, 15}, {256, 80}, {1000, 300}}

// stopGoal interpolates between the steps; fewer nodes than the first get no less time than it.
func stopGoal(nodes int) goal {
	n := float64(nodes)
	stretch := atMostTimesLimit(2)
	low := stopSteps[0]
	if n <= low.nodes {
		return goal{atMost(low.ms), stretch}
	}
	for _, high := range stopSteps[1:] {
		if n <= high.nodes {
			part := (n - low.nodes) / (high.nodes - low.nodes)
			return goal{atMost(low.ms + part*(high.ms-low.ms)), stretch}
		}
		low = high
	}
	return goal{atMost(low.ms * n / low.nodes), stretch}
}

// afterGoal allows a node after a burst what it held before and what it keeps of the messages for
// people who ask later, both in MB.
func afterGoal(idle, kept float64) goal { return goal{target: atMost(idle + kept)} }

// judge compares a number with the bound; limit may be nil when the bound is not a multiple of it.
func (b *Bound) judge(got float64, limit *float64) Verdict {
	if b == nil {
		return Stated
	}
	bound := b.Value
	if b.TimesLimit {
		if limit == nil {
			return Stated
		}
		bound *= *limit
	}
	if b.AtLeast && got >= bound || !b.AtLeast && got <= bound {
		return OK
	}
	return Short
}

// text shows the bound in the unit of its row, such as "≤ 1.6 × limit" or "≥ 350,000/s".
func (b *Bound) text(unit string) string {
	if b == nil {
		return ""
	}
	sign := "≤ "
	if b.AtLeast {
		sign = "≥ "
	}
	if b.TimesLimit {
		return fmt.Sprintf("%s%g × limit", sign, b.Value)
	}
	return sign + number(b.Value, unit)
}
