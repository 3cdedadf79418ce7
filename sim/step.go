package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// wake hands a node its timer.
func (w *World) wake(i int, t gossip.Timer) {
	w.Count.Events++
	if w.nodes != nil {
		w.carryOut(i, w.nodes[i].Wake(w.clock, t))
		return
	}
	w.out.Detach()
	w.protocols[i].Wake(w.clock, t, &w.out)
	w.apply(i)
}

// arrive hands the packet at hand to the node it is for.
func (w *World) arrive() {
	f := &w.taken
	w.Count.Events++
	i := int(f.to - 1)
	switch {
	case i < 0 || i >= len(w.protocols):
		w.Count.ToNobody++
		w.landed(f, DropNoPeer)
	case w.protocols[i] == nil:
		w.Count.Missed++
		w.landed(f, DropPeerDown)
	case w.doors != nil && w.doors[i].shut:
		w.wait(i, f)
		return
	case f.damaged:
		w.Count.Corrupt++
		w.landed(f, "")
	default:
		w.landed(f, "")
		w.hand(i)
	}
	w.payloads.back(f.load)
}

// hand gives the packet at hand, which has arrived, to the node at place i.
func (w *World) hand(i int) {
	f := &w.taken
	w.Count.Received += uint64(len(f.messages()))
	w.takeIn(i)
	if w.nodes != nil {
		e := gossip.Envelope{From: f.from, Packet: f.packet(), Routes: f.load.routes}
		w.carryOut(i, w.nodes[i].Receive(w.clock, &e))
		return
	}
	w.out.Detach()
	w.protocols[i].Receive(w.clock, f.from, f.packet(), &w.out)
	if w.out.Refused != "" {
		w.Count.Refused++
	}
	w.reacting = true
	w.apply(i)
	w.reacting = false
}

// apply does what the bare protocol of a node wants done.
func (w *World) apply(i int) {
	for k := range w.out.Delivered {
		w.deliver(i, w.out.Delivered[k].ID)
	}
	kept := false
	for k := range w.out.Sends {
		s := &w.out.Sends[k]
		p := &s.Packet
		f := inFlight{from: gossip.NodeID(i + 1), to: s.To, kind: p.Kind, limit: int32(p.Limit), hops: int32(p.Hops)}
		if len(p.Messages)+len(p.IDs) > 0 {
			if f.load = w.lone(p); f.load == nil {
				f.load = w.payloads.take()
				f.load.messages, f.load.ids, kept = p.Messages, p.IDs, true
			}
			w.depart(i, &f)
		}
		w.send(i, &f)
	}
	if !kept {
		w.out.TakeBack()
	}
	w.set(i, w.out.Alarms)
	if w.infective != nil {
		w.ask(i)
	}
}

// carryOut does what a whole node wants done.
func (w *World) carryOut(i int, fx node.Effects) {
	w.storeValues(i, fx.Applied)
	for _, e := range fx.Events {
		switch e.Kind {
		case trace.Deliver:
			w.deliver(i, e.Message)
			if w.disks != nil {
				w.store(i, e.Message)
			}
		case trace.Drop:
			w.Count.Refused++
		}
		if w.cfg.Observe != nil {
			w.cfg.Observe(e)
		}
	}
	for to, e := range fx.Envelopes() {
		p := &e.Packet
		f := inFlight{from: gossip.NodeID(i + 1), to: to, kind: p.Kind, limit: int32(p.Limit), hops: int32(p.Hops), load: w.payloads.take()}
		own(f.load, p.Messages, p.IDs, e.Routes)
		for k := range f.load.messages {
			if number := w.tracks.find(f.load.messages[k].ID); number >= 0 {
				w.tracks.list[number].Copies++
			}
		}
		w.send(i, &f)
	}
	w.set(i, fx.Alarms)
	if w.infective != nil {
		w.ask(i)
	}
}

// own copies what an envelope carries, which is only lent, as a wire would.
func own(l *payload, messages []gossip.Message, ids []gossip.ID, routes []gossip.Route) {
	l.messages, l.ids = slices.Clone(messages), slices.Clone(ids)
	l.hops, l.routes = make([]uint16, len(routes)), make([]gossip.Route, len(routes))
	for k := range routes {
		l.messages[k].Body = bytes.Clone(messages[k].Body)
		l.routes[k] = slices.Clone(routes[k])
		l.hops[k] = uint16(min(len(routes[k]), math.MaxUint16))
	}
}

// send puts a packet on its way.
func (w *World) send(i int, f *inFlight) {
	c := &w.Count
	c.Packets++
	if f.load != nil {
		c.Copies += uint64(len(f.load.messages))
		c.Names += uint64(len(f.load.ids))
	}
	if len(f.messages()) == 0 {
		c.Control++
	}
	if w.links.steady {
		w.launch(f, w.links.delay)
		return
	}
	w.dispatch(i, f)
}

func (w *World) launch(f *inFlight, delay int64) {
	w.count(f)
	w.put(f, delay)
}

// count counts a packet that is under way from now on.
func (w *World) count(f *inFlight) {
	w.packets++
	if isValues(f.kind) {
		w.reconciling++
	} else if len(f.messages()) > 0 {
		w.cargo++
	}
}

// isValues tells the packets by which nodes reconcile values. They go on for ever, and carry no messages of people.
func isValues(kind gossip.Kind) bool {
	return kind >= gossip.KindValues && kind < gossip.KindMembership
}

// isAside tells whether an alarm is for such packets.
func isAside(t gossip.Timer) bool {
	return t&gossip.TimerValues != 0 && t&(gossip.TimerRepair|gossip.TimerMembership) == 0
}

// put has a packet arrive after a delay.
func (w *World) put(f *inFlight, delay int64) {
	if delay <= 0 {
		w.payloads.pack(f, w.instant.add(f.to))
		return
	}
	w.push(event{at: w.now + min(delay, eternity/2), kind: flight, data: w.park(f)})
}

// park puts away a packet that is under way for some time, and returns its number.
func (w *World) park(f *inFlight) uint64 {
	number := w.flights.add()
	w.payloads.pack(f, &w.flights.slots[number])
	return uint64(number)
}

// set takes a node's alarms.
func (w *World) set(i int, alarms []gossip.Alarm) {
	for _, a := range alarms {
		if !isAside(a.Timer) {
			w.alarms++
		}
		at := max(a.At.UnixNano()-beginNano, w.now)
		w.alarm(at, sleeper{int32(i), w.lives[i]}, uint64(a.Timer))
	}
}

// ask asks a node whether it is infective.
func (w *World) ask(i int) {
	if w.restless {
		restless, is := w.protocols[i].(gossip.Restless)
		if !is {
			restless, _ = gossip.Find[gossip.Restless](w.protocols[i])
		}
		w.setInfective(i, restless.Infective())
	}
}

func (w *World) setInfective(i int, is bool) {
	if w.infective == nil || w.infective[i] == is {
		return
	}
	w.infective[i] = is
	if is {
		w.hot++
	} else {
		w.hot--
	}
}

// deliver notes that a node has a message.
func (w *World) deliver(i int, id gossip.ID) {
	number := w.tracks.find(id)
	if number < 0 {
		w.fail(fmt.Errorf("%w: node %d delivers %v, which nobody published", ErrBroken, i+1, id))
		return
	}
	t := &w.tracks.list[number]
	if t.has(i) {
		if w.nodes != nil {
			return // a whole node sees to it itself; if it ever does not, its log is to tell
		}
		w.fail(fmt.Errorf("%w: node %d delivers %v twice", ErrBroken, i+1, id))
		return
	}
	t.arrived[i] = w.now + 1
	w.owed--
	if id.Origin != gossip.NodeID(i+1) {
		w.Count.Delivered++
		t.Delivered++
	}
}

// ErrBroken says that a protocol did what none may do.
var ErrBroken = errors.New("broken protocol")

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
