package sim

import (
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// DefaultSync is how long a durable node gathers what it has written before it is synced: an fsync of a
// solid state disk takes a few milliseconds.
const DefaultSync = 5 * time.Millisecond

// How lives end other than by themselves, as events tell.
const (
	ReasonKilled = "killed" // by the system or a person, with SIGKILL
	ReasonPower  = "power"  // the machine lost power
)

// disk is what outlives the lives of a durable node.
type disk struct {
	written []kept      // by the process, in order: a power failure takes what is not synced
	synced  int         // how many of them are
	syncing bool        // soon all will be
	accepts []gossip.ID // published, to be told of when synced
	own     ownMap
}

// kept is an entry of an inbox on disk.
type kept struct {
	node.Saved
	at int64 // when it was delivered, as in Track
}

// store writes a delivered message to the node's disk.
func (w *World) store(i int, id gossip.ID) {
	saved, is := w.nodes[i].Saved(id)
	if !is {
		return
	}
	d := &w.disks[i]
	d.written = append(d.written, kept{saved, w.now + 1})
	if !d.syncing {
		d.syncing = true
		w.push(event{at: w.now + int64(w.cfg.SyncEvery), kind: flush, node: int32(i), life: w.lives[i]})
	}
}

// sync makes sure of all that a node has written, and tells who waits for it.
func (w *World) sync(i int) {
	d := &w.disks[i]
	d.syncing, d.synced = false, len(d.written)
	w.report(trace.Event{Kind: trace.Sync, Node: w.id(i), Run: w.run(i), Count: uint64(d.synced)})
	for _, id := range d.accepts {
		w.accept(i, id)
	}
	d.accepts = d.accepts[:0]
}

func (w *World) accept(i int, id gossip.ID) {
	w.report(trace.Event{Kind: trace.Accept, Node: w.id(i), Run: w.run(i), Message: id})
}

// Crash ends a life as SIGKILL does. A node that is not durable forgets everything; what is under way
// to it is lost.
func (w *World) Crash(id gossip.NodeID) {
	w.end(id, trace.Event{Kind: trace.Kill, Reason: ReasonKilled})
}

// PowerFail ends a life as the loss of power does: even a durable node forgets what was not synced.
func (w *World) PowerFail(id gossip.NodeID) {
	if w.end(id, trace.Event{Kind: trace.Kill, Reason: ReasonPower}) && w.disks != nil {
		d := &w.disks[id-1]
		clear(d.written[d.synced:])
		d.written = d.written[:d.synced]
	}
}

// Stop ends a life in order: a durable node syncs what it has written before. One that stands still goes
// on first, because it could not be told otherwise.
func (w *World) Stop(id gossip.NodeID) {
	w.Resume(id)
	if w.disks != nil && w.Alive(id) && w.disks[id-1].syncing {
		w.sync(int(id - 1))
	}
	w.end(id, trace.Event{Kind: trace.Stop})
}

// end ends a life, if it is one.
func (w *World) end(id gossip.NodeID, how trace.Event) bool {
	i := int(id - 1)
	if !w.Alive(id) {
		return false
	}
	how.Node, how.Run = id, w.run(i)
	w.report(how)
	w.clear(i)
	w.abandon(id)
	w.lives[i]++
	w.live--
	for t := range w.tracks.list {
		if !w.tracks.list[t].has(i) {
			w.owed--
		}
		w.tracks.list[t].forget(i)
	}
	w.setInfective(i, false)
	w.protocols[i] = nil
	if w.disks != nil {
		w.disks[i].syncing, w.disks[i].accepts = false, nil
	}
	return true
}

// Start begins a new life of a node that has ended. Unless it is durable it has heard of nothing.
func (w *World) Start(id gossip.NodeID) {
	i := int(id - 1)
	if w.Alive(id) {
		return
	}
	w.live++
	w.owed += len(w.tracks.list)
	w.bear(i, w.run(i))
}

// bear starts a life of a node.
func (w *World) bear(i int, run uint32) {
	id := w.id(i)
	p := w.cfg.Born(id, run)
	w.protocols[i] = p
	w.lives[i]++
	_, w.restless = gossip.Find[gossip.Restless](p)
	if w.nodes == nil {
		w.out.Detach()
		p.Peers(w.clock, w.peers[i], &w.out)
		w.apply(i)
		return
	}
	n := node.New(node.Config{ID: id, Run: run, Protocol: p, Events: true, Planted: w.cfg.Planted.node(id, run)})
	n.SetClock(w.plan.Clock(id))
	w.nodes[i] = n
	w.forgetHeard(i, run)
	restored := w.restore(i)
	w.report(trace.Event{Kind: trace.Start, Node: id, Run: run, Count: uint64(restored)})
	if restored > 0 {
		w.sync(i) // what it reads at its birth it makes sure of
	}
	w.restoreValues(i)
	w.carryOut(i, n.SetPeers(w.clock, w.peers[i]))
}

// restore gives a node back what its disk has, and returns how many messages these are.
func (w *World) restore(i int) int {
	if w.disks == nil {
		return 0
	}
	d := &w.disks[i]
	saved := make([]node.Saved, len(d.written))
	for k := range d.written {
		s := &d.written[k]
		saved[k] = s.Saved
		if number := w.tracks.find(s.Message.ID); number >= 0 {
			t := &w.tracks.list[number]
			t.arrived[i], t.hops[i] = s.at, uint16(len(s.Route)-1)
			w.owed--
		}
	}
	w.nodes[i].Restore(w.clock, saved)
	return len(saved)
}
