package sim

import (
	"gossipctl/gossip"
	"gossipctl/values"
)

// SetValue changes the map of values of a live node, and returns the name of the update. One that stands still refuses
// with [ErrPaused]; the other errors are those of [node.Node.SetValue]. Needs Config.Whole.
func (w *World) SetValue(id gossip.NodeID, c values.Change) (gossip.ID, error) {
	if err := w.awake(id); err != nil {
		return gossip.ID{}, err
	}
	i := int(id - 1)
	w.Count.Events++
	m, fx, err := w.nodes[i].SetValue(w.clock, c)
	if err != nil {
		return gossip.ID{}, err
	}
	w.carryOut(i, fx)
	return m.ID, w.err
}

// Leave has a live node say goodbye to the others. It lives on, but takes part in nothing any more: it is to be
// stopped next. One that stands still refuses with [ErrPaused]. Needs Config.Whole.
func (w *World) Leave(id gossip.NodeID) error {
	if err := w.awake(id); err != nil {
		return err
	}
	i := int(id - 1)
	w.Count.Events++
	w.carryOut(i, w.nodes[i].Leave(w.clock))
	return w.err
}
