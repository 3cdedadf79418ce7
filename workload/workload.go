// Package workload is what nodes do by themselves when they are told to: they draw a favourite film, count, chat.
// Each is a row of one table, and pure: who runs it says when it is time, and carries out what it wants.
package workload

import (
	"math/rand/v2"
	"time"

	"gossipctl/gossip"
	"gossipctl/values"
)

// Action is what a node does at one tick: one of the two.
type Action struct {
	Set  *values.Change // change a value of its own
	Body []byte         // publish a message
}

// Environment is what a workload is born with at one node.
type Environment struct {
	Self gossip.NodeID
	Rand *rand.Rand
	List []string // to draw from; empty: the workload's own
	TTL  int      // of what it sets
}

// Settings say how a workload runs at a node. They may change while it runs.
type Settings struct {
	Name   string        `json:"name"`
	Every  time.Duration `json:"every_ns"`       // 0 = the workload's own
	List   []string      `json:"list,omitempty"` // to draw from
	TTL    int           `json:"ttl,omitempty"`
	Paused bool          `json:"paused,omitempty"`
}

// Kind is one row of the table.
type Kind struct {
	Name    string
	Summary string
	Every   time.Duration // default, with its reason beside it in the table
	// Make returns what is called at each tick.
	Make func(Environment) func(tick int) Action
}
