package check

import (
	"encoding/json"
	"strings"
	"time"

	"gossipctl/gossip"
)

// Order says in which order messages of one origin are to be delivered.
type Order string

// The orders.
const (
	NoOrder Order = "none"
	FIFO    Order = "fifo" // messages of one life of an origin as they were published, gaps allowed
)

// What [Conditions] say of a membership.
const (
	Acquainted = "acquainted" // everybody comes to know everybody; who dies without a goodbye is not noticed
	Swim       = "swim"       // everybody knows everybody, and who is dead
	Hyparview  = "hyparview"  // everybody knows some: only that no neighbour is dead can be told
)

// DefaultWork bounds the packets with one message by a hundred for each life of a node. A protocol sends at
// most one for each peer and allowed relay; this leaves room for graphs of fifty peers a node and for what
// is lost to be sent again, and a storm is past it in a moment.
const DefaultWork = 100

// DefaultConverge is how long a network of that many nodes may take after the last fault until all agree:
// ten seconds, in which anti-entropy once a second has gone round ten times, up to fifty nodes; beyond,
// one second more for every ten nodes, because real ones share a machine.
func DefaultConverge(nodes int) time.Duration {
	return 10*time.Second + time.Duration(max(nodes-50, 0))*time.Second/10
}

// Conditions say what a run is to be judged by: what was promised, and what whoever ran it knows.
type Conditions struct {
	Nodes      []gossip.NodeID          `json:"nodes"`          // all there ever were; each must have a log
	Runs       map[gossip.NodeID]uint32 `json:"runs,omitempty"` // the newest life of nodes that were started again
	Durable    bool                     `json:"durable"`        // accepted means on disk
	DropOldest bool                     `json:"drop_oldest"`    // a full inbox lets its oldest entry go
	Order      Order                    `json:"order"`          // empty: none
	Converge   time.Duration            `json:"converge_ns"`    // from the last fault or start until all agree; 0: G5 is not promised
	Work       float64                  `json:"work"`           // packets with a message for each life of a node, times the relay limit it was given; 0 = DefaultWork
	Controlled bool                     `json:"controlled"`     // a controller has a log of its own, from its start (node 0) to its end
	// Membership is how nodes find out who is there: one of the words below. Empty: they do not.
	Membership string `json:"membership,omitempty"`
	// DeadWithin is how long after a death, or after the last change, no node may count the dead one as alive;
	// 0: that is not promised.
	DeadWithin time.Duration `json:"dead_within_ns,omitempty"`
	// AliveWithin is how long after the last change every node counts every one that lives as alive; 0: that is
	// not promised.
	AliveWithin time.Duration `json:"alive_within_ns,omitempty"`
	// ValuesWithin is how long after the last change all nodes have the same values; 0: nobody promises when.
	ValuesWithin time.Duration `json:"values_within_ns,omitempty"`
	// Parts are the live nodes at the final read, where they have fallen apart by no fault but because of
	// who was killed, paused or removed. Empty: they have not.
	Parts [][]gossip.NodeID `json:"parts,omitempty"`
	// Incomplete says why the run is not whole, if whoever ran it knows.
	Incomplete string `json:"incomplete,omitempty"`
}

// Manifest is a run's run.json: the conditions, and what is needed to repeat it.
type Manifest struct {
	FileVersion int             `json:"file_version"` // ManifestVersion
	Version     string          `json:"version"`      // of gossipctl
	Command     []string        `json:"command"`      // that repeats it, word by word, from gossipctl on
	Seed        uint64          `json:"seed"`
	Started     time.Time       `json:"started"`
	Spec        json.RawMessage `json:"spec,omitempty"` // of the network, or the scenario
	Conditions  Conditions      `json:"conditions"`
}

// CommandLine is a command as a shell takes it: words are quoted that it would take apart.
func CommandLine(words []string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=%,:+@", r)
	}
	line := make([]string, len(words))
	for i, word := range words {
		line[i] = word
		if word == "" || strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) >= 0 {
			line[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(line, " ")
}

// ManifestVersion is that of run.json.
const ManifestVersion = 1

// Names in a run folder.
const (
	ManifestName   = "run.json"
	EventsFolder   = "events"
	ControllerName = "controller.ndjson"
)
