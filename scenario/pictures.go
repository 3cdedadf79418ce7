package scenario

import (
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// pictures are what nodes had in the end of values and of each other, and when that changed last.
type pictures struct {
	values  map[gossip.NodeID]map[string]owned
	views   map[gossip.NodeID]map[gossip.NodeID]view
	sets    int       // changes that owners have made
	applied int       // changes of pictures, those of owners included
	last    time.Time // of them
	set     time.Time // the last by an owner
}

type owned struct {
	id     gossip.ID
	digest uint64
}

type view struct {
	run       uint32
	standing  string
	neighbour bool
}

func newPictures() pictures {
	return pictures{values: make(map[gossip.NodeID]map[string]owned), views: make(map[gossip.NodeID]map[gossip.NodeID]view)}
}

// observe takes in the next event.
func (p *pictures) observe(e *trace.Event) {
	switch e.Kind {
	case trace.Apply:
		p.applied++
		if e.At.After(p.last) {
			p.last = e.At
		}
		if e.Message.Origin == e.Node {
			p.sets++
			if e.At.After(p.set) {
				p.set = e.At
			}
		}
	case trace.Value:
		if p.values[e.Node] == nil {
			p.values[e.Node] = make(map[string]owned)
		}
		if e.Count == 0 { // who knows that a value is gone and who has forgotten it have the same
			p.values[e.Node][fmt.Sprint(e.Message.Origin, " ", e.Name)] = owned{e.Message, e.Digest}
		}
	case trace.View:
		if p.views[e.Node] == nil {
			p.views[e.Node] = make(map[gossip.NodeID]view)
		}
		p.views[e.Node][e.Peer] = view{e.PeerRun, e.Reason, e.Name == trace.Neighbour}
	}
}

// differ names a node whose values are not those of another; 0: all that were read have the same.
func (p *pictures) differ(read map[gossip.NodeID]uint32) (a, b gossip.NodeID) {
	for _, id := range sortedNodes(read) {
		if a == 0 {
			a = id
			continue
		}
		if !sameValues(p.values[a], p.values[id]) {
			return a, id
		}
	}
	return 0, 0
}

func sameValues(a, b map[string]owned) bool {
	if len(a) != len(b) {
		return false
	}
	for key, v := range a {
		if b[key] != v {
			return false
		}
	}
	return true
}

// wrong says who sees whom other than it is; empty: nobody does. Some may be asked for only: where nodes know a few
// others.
func (p *pictures) wrong(read map[gossip.NodeID]uint32, some bool) string {
	for _, n := range sortedNodes(read) {
		for _, m := range sortedNodes(read) {
			v, has := p.views[n][m]
			switch {
			case n == m || some:
			case !has:
				return fmt.Sprintf("node %d does not know of node %d", n, m)
			case v.run != read[m] || v.standing != "alive":
				return fmt.Sprintf("node %d takes life %d of node %d for %s", n, v.run, m, v.standing)
			}
		}
		for _, m := range sortedNodes(p.views[n]) {
			if v := p.views[n][m]; read[m] == 0 && (v.standing == "alive" || v.standing == "suspect") && (!some || v.neighbour) {
				return fmt.Sprintf("node %d takes node %d for %s, which is not there", n, m, v.standing)
			}
		}
	}
	return ""
}

func sortedNodes[T any](of map[gossip.NodeID]T) []gossip.NodeID {
	ids := make([]gossip.NodeID, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
