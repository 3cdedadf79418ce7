package api

import (
	"time"

	"gossipctl/gossip"
	"gossipctl/workload"
)

// Value is one key in a node's picture of everybody's values.
type Value struct {
	Owner    gossip.NodeID `json:"owner"`
	Run      uint32        `json:"run"` // which life of the owner's map
	Key      string        `json:"key"`
	Value    []byte        `json:"value_base64"`
	Version  uint32        `json:"version"` // of the owner's map, by the last change of the key
	Deleted  bool          `json:"deleted,omitempty"`
	Register bool          `json:"register,omitempty"` // all nodes write it; this is the entry that counts
	Stamp    uint64        `json:"stamp,omitempty"`    // of a register
	Updated  time.Time     `json:"updated"`            // by the owner's clock
	Received time.Time     `json:"received"`           // at this node
}

// ValuesAnswer is what GET /v1/values?owner=N&key=K&all=true tells; all parts may be left out. Where More is set the
// rest follows on asking again with after_key and after_owner of the last one.
type ValuesAnswer struct {
	Node    gossip.NodeID `json:"node"`
	Values  []Value       `json:"values"`
	Version uint64        `json:"version"` // changes of the picture in this life of the node so far; see WatchAnswer
	Run     uint32        `json:"run"`     // that life
	More    bool          `json:"more,omitempty"`
}

// SetValueRequest is what POST /v1/values takes: one of Value, ValueBase64 and Delete.
type SetValueRequest struct {
	Key         string  `json:"key"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitzero"`
	Delete      bool    `json:"delete,omitempty"`
	Register    bool    `json:"register,omitempty"`
	TTL         int     `json:"ttl,omitempty"`
}

// SetValueAnswer says which version the change is.
type SetValueAnswer struct {
	ID      string        `json:"id"` // of the update, owner.run.vVERSION
	Owner   gossip.NodeID `json:"owner"`
	Key     string        `json:"key"`
	Version uint32        `json:"version"`
	Updated time.Time     `json:"updated"`
}

// WatchAnswer is what GET /v1/values/watch?after=N tells: the changes after the N-th, as soon as there is one, or
// none after some seconds. Only the newest are kept: Missed is how many were wanted and are not there any more.
type WatchAnswer struct {
	Node    gossip.NodeID `json:"node"`
	Changes []Value       `json:"changes"`
	Last    uint64        `json:"last"` // ask for what comes after it
	Missed  uint64        `json:"missed"`
	Run     uint32        `json:"run"` // the life of the node in which they are numbered
}

// ValuesStats are what a node has counted about values.
type ValuesStats struct {
	Owners     int    `json:"owners"`     // whose maps it has
	Keys       int    `json:"keys"`       // those that are gone included
	Bytes      int    `json:"bytes"`      // of keys and values
	Applied    uint64 `json:"applied"`    // changes of its picture
	Reconciled uint64 `json:"reconciled"` // of them, those that came by reconciliation
	Ignored    uint64 `json:"ignored"`    // updates that were no news
	Refused    uint64 `json:"refused"`    // updates beyond a bound, or not from their owner
}

// Member is one node as another one sees it.
type Member struct {
	ID          gossip.NodeID `json:"id"`
	Run         uint32        `json:"run"`
	Incarnation uint32        `json:"incarnation"`
	State       string        `json:"state"` // alive, suspect, dead, left
	Since       time.Time     `json:"since"`
	Addr        string        `json:"addr"` // empty where it is not known
}

// MembersAnswer is a node's own view of who is there: GET /v1/members.
type MembersAnswer struct {
	Node       gossip.NodeID   `json:"node"`
	Run        uint32          `json:"run"`
	Membership string          `json:"membership"` // none, swim, hyparview
	Members    []Member        `json:"members"`    // the others, by number
	Neighbours []gossip.NodeID `json:"neighbours"` // the protocol's peers
}

// LeaveAnswer is what POST /v1/leave answers, once the node has said goodbye. A node that was started by hand then
// ends; one that a controller owns waits to be ended.
type LeaveAnswer struct {
	Node gossip.NodeID `json:"node"`
}

// WorkloadStatus is a workload at a node: GET /v1/workloads tells all, PUT /v1/workloads replaces them by a list of
// workload.Settings.
type WorkloadStatus struct {
	workload.Settings
	Ticks uint64    `json:"ticks"`
	Next  time.Time `json:"next,omitzero"`
	Error string    `json:"error,omitempty"` // why the last tick did nothing
}

// WorkloadsAnswer tells what a node does by itself.
type WorkloadsAnswer struct {
	Node      gossip.NodeID    `json:"node"`
	Workloads []WorkloadStatus `json:"workloads"`
}
