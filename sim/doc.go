// Package sim is the deterministic world that protocols are tried in: virtual time, a queue of what
// will happen, and nodes. It drives exactly the machines that real processes run.
package sim
