// Floodlimit is one node of the fastest flood this machine can do: no features, only what any
// flood must do. It keeps one TCP stream a peer with length-prefixed binary frames, drops what
// it has seen, relays the rest, and writes in one go whatever waits for a peer. `bench` starts
// one process a node and divides gossipctl's numbers by what it finds.
//
// It follows the packet rule of gossipctl's flood with relay limit 1: every directed edge carries
// each message once. A node relays a new message to all peers but the one it came from, and
// sends it back to that one when a second peer sends a copy too. On a connected graph without
// leaves that is exactly two packets an edge, nk on a k-regular graph of n nodes.
//
// Commands arrive as lines on stdin, answers leave as lines on stdout; the process ends when
// stdin closes, so no node outlives the harness.
//
//	                              listening ADDR        said first, unasked
//	peers ID=ADDR ID=ADDR …       ready                 once every link stands
//	publish COUNT SIZE                                  silent: an answer would disturb the measurement
//	report                        report PUBLISHED DELIVERED COPIES STARTED LAST
//
// A report counts since the process began: messages published here, distinct messages known here
// (its own included), copies received. STARTED is when the last publish command began, LAST when
// the newest message was taken in; both in nanoseconds since 1970, 0 for never.
package main
