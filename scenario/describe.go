package scenario

import (
	"fmt"

	"gossipctl/fault"
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
	}
	what, noun := string(a.Do), "nodes"
	if a.Power {
		what = "power off"
	}
	if len(a.Nodes) == 1 {
		noun = "node"
	}
	return fmt.Sprintf("%s %s %s", what, noun, fault.NodesText(a.Nodes))
}
