package check

import (
	"maps"
	"slices"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// control is what was done to the network and its nodes.
type control struct {
	world
	began, broken bool
	lines         uint64 // so far
	short         bool   // it has not as many as it says itself
	read          *world // as it was at the final read, if the controller has said when that was

	kills   int
	deaths  []mark     // the first of them, in order
	trouble []interval // in which faults were in force or nodes stood still
	since   int64      // that is so now; 0: it is not
}

// interval is a while.
type interval struct{ from, to int64 }

// calm reports whether no fault was in force, and nobody stood still, from one moment to another.
func (k *control) calm(from, to int64) bool {
	if k.since != 0 && k.since <= to {
		return false
	}
	return !slices.ContainsFunc(k.trouble, func(i interval) bool { return i.from <= to && from <= i.to })
}

// world is how the network stands.
type world struct {
	active map[string]mark          // faults, by name
	ended  map[gossip.NodeID]uint32 // the newest life that was killed
	paused map[gossip.NodeID]uint32 // the life that stands still
	last   int64                    // when the last of all this changed
	cuts   bool                     // not all of it was written down
	counts map[string]uint64        // of the final read
}

func (w *world) clone() *world {
	return &world{maps.Clone(w.active), maps.Clone(w.ended), maps.Clone(w.paused), w.last, w.cuts, nil}
}

// maxKept bounds the deaths and the intervals of trouble that are told apart: beyond, how soon a death was noticed is
// not judged, and the last interval lasts.
const maxKept = 10_000

// died is how many nodes were killed from one moment to another.
func (k *control) died(from, to int64) (n int) {
	for _, d := range k.deaths {
		if from <= d.at && d.at <= to {
			n++
		}
	}
	return n
}

func (k *control) event(c *Checker, e *trace.Event) {
	if k.active == nil {
		k.active, k.ended, k.paused = make(map[string]mark), make(map[gossip.NodeID]uint32), make(map[gossip.NodeID]uint32)
	}
	if e.Kind == trace.End && e.Count > 0 && e.Count != k.lines {
		c.doubt("%s: line %d: the log of the controller had %d lines when it said that, and %d are here", c.logName(), c.line, e.Count, k.lines)
		k.short = true
	}
	k.lines++
	if e.Kind != trace.End {
		k.last = max(k.last, nanos(e.At))
	}
	switch e.Kind {
	case trace.Start:
		// A controller that comes back finds the faults in force as they were, and nobody paused.
		k.began, k.read = true, nil
		clear(k.paused)
	case trace.End:
		k.read = k.clone()
		k.read.counts = maps.Clone(e.Counts) // the event is only lent
	case trace.Cut:
		k.cuts = true
	case trace.Fault:
		k.active[e.Name] = c.mark(e)
	case trace.Heal:
		delete(k.active, e.Name)
	case trace.Kill:
		if k.kills++; len(k.deaths) < maxKept {
			k.deaths = append(k.deaths, c.mark(e))
		}
		if e.Run == 0 {
			c.doubt("node %d was killed, but in which life is not told", e.Node)
		}
		k.ended[e.Node] = max(k.ended[e.Node], e.Run)
		delete(k.paused, e.Node)
	case trace.Pause:
		k.paused[e.Node] = e.Run
	case trace.Resume:
		delete(k.paused, e.Node)
	case trace.Stop: // of the controller
	default:
		c.doubt("%s: a %s of no node", c.logName(), e.Kind)
	}
	switch troubled := len(k.active)+len(k.paused) > 0; {
	case troubled && k.since == 0:
		k.since = nanos(e.At)
	case !troubled && k.since != 0:
		if k.trouble = append(k.trouble, interval{k.since, nanos(e.At)}); len(k.trouble) > maxKept {
			k.trouble[maxKept-1].to = max(k.trouble[maxKept-1].to, nanos(e.At))
			k.trouble = k.trouble[:maxKept]
		}
		k.since = 0
	}
}

// final is how the network stood at the final read.
func (k *control) final() *world {
	if k.read != nil {
		return k.read
	}
	return &k.world
}

// live reports whether a node lived at the final read, and was not paused.
func (w *world) live(n *node) bool { return w.alive(n) && !w.standing(n) }

// still reports whether a node was paused at the final read.
func (w *world) still(n *node) bool { return w.alive(n) && w.standing(n) }

func (w *world) alive(n *node) bool { return n.began && !n.stopped && w.ended[n.id] < n.run }

func (w *world) standing(n *node) bool {
	run, paused := w.paused[n.id]
	return paused && (run == 0 || run == n.run)
}

// lost reports whether things may have been done of which nothing is known: faults set, nodes killed. What
// depends on who lived, or on what links did, cannot be judged then.
func (c *Checker) lost() bool {
	k := &c.control
	return k.broken || k.short || k.final().cuts || c.cond.Controlled && (!k.began || k.read == nil)
}
