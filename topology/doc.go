// Package topology makes the graphs a network is wired by, checks them and changes them.
//
// A [Graph] is undirected, simple (no loops, no double edges) and lists everything in ascending
// order. [Generate] makes one of the [Kinds] from a [Request]; the same request, seed included,
// makes the same graph on every machine. Every graph it makes is connected, and a request that no
// connected graph can answer is an [*ImpossibleError], which names the nearest ones that work:
//
//	g, err := topology.Generate(topology.Request{Kind: "random", Nodes: 16, Seed: 42})
//
// A simulation asks for more nodes than a machine has room for as processes with [Request].Most, and
// reads them through [Graph.Adjacency]. A million nodes of three peers take half a second.
//
// [Connected], [Components], [Diameter], [Distances], [Bridges] and [Regular] look at a graph.
// [Reconnect], [Attach] and [Rewire] say how to change one while the network runs, and [Diff] what
// has to be joined and cut to get from one graph to the next.
//
// The package is pure: no clock, no files, no goroutines, and chance only from the caller's seed or
// generator. A graph may be read by several goroutines at once, but not while one changes it.
// To add a kind, add a row to the table in kinds.go, with a function that makes its edges.
package topology
