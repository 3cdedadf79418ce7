package live

import (
	"context"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
)

// Bounds of the changes of values that are kept for those who watch. At 64 nodes that change a value every second they
// last a quarter of a minute, and whoever watches asks again at once.
const (
	keptChanges     = 1024
	keptChangeBytes = 1 << 20 // of keys and values; the newest change is kept in any case
)

// changes are the newest changes of the node's picture of all values.
type changes struct {
	list  []api.Value // the oldest first
	bytes int
	last  uint64 // number of the newest; they are numbered from 1
}

// add notes what a step has changed.
func (c *changes) add(n *node.Node, applied []gossip.Applied) {
	for i := range applied {
		v := api.ChangeOf(n, &applied[i], time.Now())
		c.list = append(c.list, v)
		c.bytes += changeSize(&v)
		c.last++
	}
	gone := 0
	for len(c.list)-gone > 1 && (len(c.list)-gone > keptChanges || c.bytes > keptChangeBytes) {
		c.bytes -= changeSize(&c.list[gone])
		c.list[gone] = api.Value{} // its bytes can go, though the slice stays
		gone++
	}
	c.list = c.list[gone:]
}

func changeSize(v *api.Value) int { return len(v.Key) + len(v.Value) }

// since returns the changes after the first after. A number that is yet to come is of an earlier life.
func (c *changes) since(after uint64) api.Changes {
	if after > c.last {
		after = 0
	}
	out := api.Changes{Last: c.last}
	kept := uint64(len(c.list))
	wanted := c.last - after
	if wanted > kept {
		out.Missed, wanted = wanted-kept, kept
	}
	out.List = append(out.List, c.list[kept-wanted:]...)
	return out
}

// Changes implements api.Backend.
func (a *Agent) Changes(ctx context.Context, after uint64) (out api.Changes) {
	a.Wait(ctx, func(*node.Node) bool { // that it timed out shows in what there is
		out = a.changes.since(after)
		return len(out.List) > 0 || out.Missed > 0
	})
	return out
}

// Changed implements api.Backend.
func (a *Agent) Changed() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changes.last
}
