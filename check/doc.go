// Package check judges a run by what its nodes wrote down: it proves that every guarantee was kept, shows
// where one was not, or says why neither can be told. It shares no code with the nodes it judges.
//
// It reads events of [gossipctl/trace], of a real network and of a simulated one alike, and relies on
// nothing but this:
//
//   - A node writes an event down before anybody can notice it. So whatever others have of a node that
//     was killed stands in its log.
//   - Within the log of one node, events are in order. Between logs, order is never taken from times: a
//     clock may be wrong. A life of a node is told by its number, and that it ended by the controller,
//     who names the life.
//   - Whoever does things to nodes writes them down in order (faults, kills, pauses). Where that is a
//     log of its own, it is read before the nodes'.
//   - Times are used for G5 alone, for how soon a death is noticed (G8), and for whether the final read came too
//     early. They are those of one machine; where a node's clock was set back meanwhile, the times before that
//     are not used.
//   - At the final read the network was at rest: nothing was on its way.
//   - What an update of a value does is what its owner's log says of it (G12): nobody else changes a map.
//   - A life of a node is dead to others for good, unless it says so itself with a larger incarnation (G8).
//
// What it keeps is some bits for each message at each node, four bytes more where order or disks matter,
// and some hundred bytes for each message, each link, each version of a value, and each key and member at each node.
package check
