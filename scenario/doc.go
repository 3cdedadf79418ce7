// Package scenario reads what somebody wants a network to go through, and puts it through that: a file
// says which network, which messages, which faults at which moments, and what must hold afterwards.
//
// A [File] is what stands in the YAML. [Read] checks it and makes a [Scenario] of every case in it, with
// numbers instead of text. [Scenario.Plan] draws everything that is left to chance from a seed: a [Plan]
// is a list of moments and of what happens at each. [Run] carries a plan out on an [Engine], of which
// there are two: [Simulated] in virtual time, and package live on processes. Both give the same events,
// from which the checker and the assertions judge.
package scenario
