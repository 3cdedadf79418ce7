package protocol

import "gossipctl/gossip"

// quasirandomKind is push in which hardly anything is left to chance (Doerr, Friedrich, Sauerwald,
// "Quasirandom Rumor Spreading", SODA 2008): all nodes have the same cyclic list, here their peers in
// the order of their numbers, and each walks it from a place drawn at random, one step for each call.
//
// It needs log2 n + ln n + O(1) rounds on the complete graph like push with random partners, and is a
// little faster at small n. What it gains is certainty: no peer is called twice before all others were
// called once. A node with no more peers than fanout × rounds misses none of them, whatever the graph.
//
// The papers spread one message. Here a node walks on from message to message: the place where it
// begins is drawn once, before its first call.
var quasirandomKind = Kind{
	Name:    "quasirandom",
	Summary: "push that goes through its peers in order, from a random start",
	Follows: "Doerr, Friedrich and Sauerwald 2008",
	Settings: epidemicSettings(32, "as for push, with which it is to be compared; nodes with at most 32 peers tell all of them, and random graphs "+
		"have few nodes with more"),
	Make: func(v Values) func(Environment) gossip.Protocol {
		rules := newEpidemicRules(v)
		rules.walk = true
		return makePush(rules, v)
	},
	Rounds: true,
	Until:  Informed,
}
