package netctl

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"gossipctl/gossip"
)

const someState = `{
  "version": 2, "network_id": "0123456789abcdef", "started": "2026-01-02T03:04:05Z",
  "spec": {"network": "lab", "topology": "random", "parameter": 2, "nodes": 4, "seed": 7, "protocol": "flood", "base_port": 7000, "log_level": "INFO"},
  "controller": {"boot_id": "b", "pid": 10, "start_time": 1},
  "nodes": [
    {"id": 1, "run": 1, "process": {"boot_id": "b", "pid": 11, "start_time": 1}, "peers": [2, 3]},
    {"id": 2, "run": 1, "process": {"boot_id": "b", "pid": 12, "start_time": 1}, "peers": [1], "exit": "killed, signal 9", "ended": "2026-01-02T03:04:06Z"},
    {"id": 3, "run": 1, "process": {"boot_id": "b", "pid": 13, "start_time": 1}, "peers": [1]},
    {"id": 9, "run": 1, "process": {"boot_id": "b", "pid": 14, "start_time": 1}, "peers": [1, 3], "removed": true}
  ]
}`

// FuzzState reads anything as a state file. Whatever passes for a state can be shown as a network,
// asked about, written and read again, however its nodes are; nothing of that panics.
func FuzzState(f *testing.F) {
	f.Add([]byte(someState))
	for old, changed := range map[string]string{
		`"peers": [2, 3]`:      `"peers": [1]`, // itself
		`"peers": [1, 3]`:      `"peers": [0, -1, 2147483647, 1, 1]`,
		`"id": 9`:              `"id": 2147483647`,
		`"id": 2`:              `"id": 1`,
		`"topology": "random"`: `"topology": ""`,
		`"parameter": 2`:       `"parameter": -9223372036854775808`,
		`"base_port": 7000`:    `"base_port": 65535`,
		`"network": "lab"`:     `"network": "../lab"`,
		`"peers": [1]`:         `"peers": null`,
		`"pid": 13`:            `"pid": -1`,
		`"controller"`:         `"stopped": "2026-01-02T03:04:07Z", "controller"`,
		`"network_id"`:         `"stopped": "0001-01-01T00:00:00Z", "network_id"`,
	} {
		f.Add([]byte(strings.ReplaceAll(someState, old, changed)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(data []byte) (s State, err error) {
			strict := json.NewDecoder(bytes.NewReader(data))
			strict.DisallowUnknownFields()
			if err = strict.Decode(&s); err == nil {
				err = s.Validate()
			}
			return s, err
		}
		s, err := read(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		again, err := read(text)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%+v was written as %s and read as %+v, %v", s, text, again, err)
		}
		for _, status := range []NodeStatus{Running, Paused, Dead, Removed, Unreachable} {
			v := s.view(func(n *NodeState) NodeStatus {
				if n.Removed {
					return Removed
				}
				return status
			})
			if v.Live().Len() != v.Topology.Nodes || len(v.Nodes) != len(s.Nodes) || v.Describe() == "" {
				t.Errorf("%+v is shown as %+v", s, v)
			}
			total := 0
			for _, status := range []NodeStatus{Running, Paused, Dead, Removed, Unreachable} {
				total += v.Count(status)
			}
			if total != len(s.Nodes) {
				t.Errorf("%d nodes in all states, %d in the file", total, len(s.Nodes))
			}
			if err := v.check(s.Spec.Network); err != nil && !strings.Contains(err.Error(), "cannot be shown") {
				t.Errorf("a client would refuse it: %v", err)
			}
		}
		g := s.graph() // what it would be resumed with
		if g.Len() != len(s.present()) || len(s.edges()) != g.NumEdges() {
			t.Errorf("%+v would come back with %d nodes", s, g.Len())
		}
		present := s.present()
		if len(s.processes()) > len(present) {
			t.Errorf("%d processes of %d nodes", len(s.processes()), len(present))
		}
		for _, id := range append(present, 0, -1, 1<<31-1) {
			if n := s.node(id); n != nil && n.ID != id {
				t.Errorf("node %d is %+v", id, n)
			}
		}
		if s.unknownNode(gossip.NodeID(77)).Error() == "" {
			t.Error("nothing is said of a node that is not there")
		}
	})
}
