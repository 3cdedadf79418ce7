// Package term is what gossipctl knows about printing: where output goes, in which format, in
// which colours, and how settings from the environment and the config file become flags.
// It knows nothing about gossip.
//
// Two rules hold for everything it prints. Results go to [Streams.Out] and all else to
// [Streams.Err]. And text that a person or a peer wrote reaches a terminal only as [Safe] text:
// a table escapes every plain string it is given, so forgetting to do so is not a way to be attacked.
package term
