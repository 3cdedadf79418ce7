//go:build planted

package scenario

import (
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/protocol"
	"gossipctl/sim"
)

// nodeBugs are those in what a node remembers and in when it answers, which nobody can exchange from
// outside: the nodes and the simulator have places for them when they are built with the tag planted.
func nodeBugs() []bug {
	return []bug{
		{"small dedup cache", forgetful(newCache)},
		{"acknowledged before fsync", func() plant {
			return plant{sync: slowDisk, nodes: sim.Planted{Hasty: true}}
		}},
		{"dedup expires by wall clock", forgetful(newExpiring)},
	}
}

// slowDisk gathers for half a second before it syncs: it is in this time that an answer is early.
const slowDisk = 500 * time.Millisecond

// Every bug that is planted in nodes is found by the checker within 500 seeds of chaos.
func TestPlantedNodeBugsAreFound(t *testing.T) { find(t, nodeBugs()) }

// The same nodes, with a memory that is long enough, are clean: it is not the devices that are found.
func TestPlantedNodesWithoutABugAreClean(t *testing.T) {
	s := open(t, "chaos", Override{})
	whole := forgetful(func() func(time.Time, gossip.ID) bool {
		return (&cache{most: 1000}).isNew
	})
	for name, p := range map[string]func() plant{"cache": whole, "slow disk": func() plant { return plant{sync: slowDisk} }} {
		for seed := range uint64(30) {
			if r := simulateWith(t, &Simulated{plant: p()}, s, seed+1, Options{}); r.State() != Held {
				t.Errorf("%s, seed %d: %s", name, seed+1, r.Why())
			}
		}
	}
}

// forgetful plants another memory of what was delivered, in every life of every node: protocols leave it
// to the node to know what it has.
func forgetful(memory func() func(time.Time, gossip.ID) bool) func() plant {
	return func() plant {
		return plant{
			protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
				return &echoing{whole}
			},
			nodes: sim.Planted{Node: func(gossip.NodeID, uint32) node.Planted {
				return node.Planted{Dedup: memory()}
			}},
		}
	}
}

// cache knows the last few messages.
type cache struct {
	most int
	ids  []gossip.ID
}

func newCache() func(time.Time, gossip.ID) bool { return (&cache{most: 8}).isNew }

func (c *cache) isNew(_ time.Time, id gossip.ID) bool {
	if slices.Contains(c.ids, id) {
		return false
	}
	if c.ids = append(c.ids, id); len(c.ids) > c.most {
		c.ids = c.ids[1:]
	}
	return true
}

// expiring lets go of what it has known for half an hour by the time of day.
type expiring map[gossip.ID]time.Time

func newExpiring() func(time.Time, gossip.ID) bool { return make(expiring).isNew }

func (x expiring) isNew(at time.Time, id gossip.ID) bool {
	if since, known := x[id]; known && at.Sub(since) <= 30*time.Minute {
		return false
	}
	x[id] = at
	return true
}
