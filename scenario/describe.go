package scenario

import (
	"fmt"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// String is what happens, in a few words.
func (a Action) String() string {
	switch a.Do {
	case DoPublish:
		return fmt.Sprintf("publish message %d at node %d", a.Message, a.Nodes[0])
	case DoSet:
		return fmt.Sprintf("fault %s: %v", a.Rule.Name, a.Rule)
	case DoClear:
		return "clear " + a.Rule.Name
	case DoSetValue:
		if a.Change.Delete {
			return fmt.Sprintf("delete value %q of %s", a.Change.Key, nodesOf(a.Nodes))
		}
		return fmt.Sprintf("set value %q of %s to %.40q", a.Change.Key, nodesOf(a.Nodes), a.Change.Value)
	case DoStartWorkload:
		return fmt.Sprintf("start workload %s, every %s, at %s", a.Workload.Name, brief(a.Workload.Interval()), nodesOf(a.Nodes))
	case DoStopWorkload:
		return "stop workload " + a.Workload.Name
	}
	what := string(a.Do)
	if a.Power {
		what = "power off"
	}
	return what + " " + nodesOf(a.Nodes)
}

// nodesOf is some nodes in a sentence.
func nodesOf(ids []gossip.NodeID) string {
	noun := "nodes"
	if len(ids) == 1 {
		noun = "node"
	}
	return noun + " " + fault.NodesText(ids)
}
