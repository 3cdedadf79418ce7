package sim

import (
	"cmp"
	"fmt"
	"slices"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/values"
)

// ownMap is a node's own map of values on its disk. It is synced with every change: of a version that anybody has
// heard of there must never be another one.
type ownMap struct {
	run, version uint32
	entries      map[string]values.Entry
}

// SetValue changes a live node's own map of values and spreads the news. One that stands still refuses with
// [ErrPaused]; the other errors are those of [node.Node.SetValue]. Needs Config.Whole.
func (w *World) SetValue(id gossip.NodeID, change values.Change) error {
	if err := w.awake(id); err != nil {
		return err
	}
	if w.nodes == nil {
		return fmt.Errorf("a bare protocol: %w", node.ErrNoValues)
	}
	i := int(id - 1)
	w.Count.Events++
	m, fx, err := w.nodes[i].SetValue(w.clock, change)
	if err != nil {
		return err
	}
	w.carryOut(i, fx)
	w.accept(i, m.ID)
	return w.err
}

// storeValues writes what a step has changed in a node's own map to its disk.
func (w *World) storeValues(i int, applied []gossip.Applied) {
	if w.disks == nil {
		return
	}
	for _, a := range applied {
		if a.ID.Origin != w.id(i) || a.Vanished {
			continue
		}
		run, version, _ := a.ID.Update()
		own := &w.disks[i].own
		if run > own.run {
			*own = ownMap{run: run, entries: make(map[string]values.Entry)}
		}
		own.version = version
		if e, there := w.nodes[i].Values().OwnEntry(version); there {
			own.entries[a.Key] = e
		}
	}
}

// restoreValues gives a node back the map that its disk has.
func (w *World) restoreValues(i int) {
	if w.disks == nil || w.disks[i].own.version == 0 || w.nodes[i].Values() == nil {
		return
	}
	own := &w.disks[i].own
	entries := make([]values.Entry, 0, len(own.entries))
	for _, e := range own.entries {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b values.Entry) int { return cmp.Compare(a.Version, b.Version) })
	w.nodes[i].Values().Restore(own.run, own.version, entries)
}

// Differ tells in what the pictures of values of two live nodes differ, those that stand still included; empty: all
// have the same. Of many differences it tells one. Needs Config.Whole.
func (w *World) Differ() string {
	var first *values.Values
	for i := range w.nodes {
		if !w.Alive(w.id(i)) || w.nodes[i].Values() == nil {
			continue
		}
		if v := w.nodes[i].Values(); first == nil {
			first = v
		} else if difference := values.Same(first, v); difference != "" {
			return difference
		}
	}
	return ""
}
