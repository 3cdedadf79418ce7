package sim

import "gossipctl/gossip"

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
