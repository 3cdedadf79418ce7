package membership

import (
	"time"

	"gossipctl/gossip"
)

// The packets of hyparview. Each begins with the life of who speaks: the sender, but in walks, where it is who started
// them. Hops are the steps that a walk still has to go.
const (
	hpvJoin         gossip.Kind = 240 + iota
	hpvForwardJoin              // a walk that finds neighbours for a newcomer
	hpvNeighbor                 // be my neighbour; Limit 1: with high priority
	hpvAccept                   // I have you as one: to JOIN and NEIGHBOR
	hpvReject                   // I have no room
	hpvDisconnect               // you are none of mine; or, of one that has left, goodbye
	hpvShuffle                  // a walk with a sample of what is known
	hpvShuffleReply             // another one for it
	hpvKeepAlive                // I live, and take you for a neighbour; Limit 1: do you?
	hpvCheck                    // do you live?
	hpvLive                     // I do
)

// me is the life of the node, for a packet.
func (h *hyparview) me(out *gossip.Outbox) []gossip.ID {
	list := out.IDs(1)
	list[0] = gossip.ID{Origin: h.self, Run: h.run, Seq: uint32(gossip.Alive) + 1}
	return list
}

func (h *hyparview) say(to gossip.NodeID, kind gossip.Kind, limit int, out *gossip.Outbox) {
	out.Send(to, gossip.Packet{Kind: kind, IDs: h.me(out), Limit: limit})
}

// hpvSound reports whether a packet is one that some node of the same settings, or other ones, may send.
func hpvSound(from gossip.NodeID, p *gossip.Packet) bool {
	names := 1
	walk := p.Kind == hpvForwardJoin || p.Kind == hpvShuffle
	if p.Kind == hpvShuffle || p.Kind == hpvShuffleReply {
		names = hpvSampleMost
	}
	if p.Kind < hpvJoin || p.Kind > hpvLive || len(p.Messages) > 0 || len(p.IDs) < 1 || len(p.IDs) > names ||
		p.Limit < 0 || p.Limit > 1 || p.Hops < 0 || p.Hops > hpvWalkMost || !walk && (p.IDs[0].Origin != from || p.Hops > 0) {
		return false
	}
	for i, id := range p.IDs {
		goodbye := i == 0 && p.Kind == hpvDisconnect && id.Seq == uint32(gossip.Left)+1
		if id.Origin < 1 || id.Run < 1 || id.Run > gossip.MaxRun || id.Seq != uint32(gossip.Alive)+1 && !goodbye {
			return false
		}
	}
	return true
}

// receive takes in a packet of membership.
func (h *hyparview) receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if from == h.self || !hpvSound(from, &p) {
		out.Refuse(gossip.Malformed)
		return
	}
	speaker := p.IDs[0]
	if at := h.inActive(from); at >= 0 && speaker.Origin != from {
		h.alive(now, at, out)
	}
	if speaker.Origin == h.self {
		return // a walk of its own that has come back
	}
	revived := false
	if speaker.Origin == from {
		var fresh bool
		if fresh, revived = h.hear(now, speaker, p.Kind != hpvDisconnect, out); !fresh {
			out.Refuse(gossip.Stale)
			return
		}
	}
	switch p.Kind {
	case hpvJoin:
		h.takeIn(now, speaker, out)
	case hpvForwardJoin:
		h.forwardJoin(now, from, speaker, p.Hops, out)
	case hpvNeighbor:
		h.neighbor(now, speaker, p.Limit == 1, out)
	case hpvAccept:
		h.accepted(now, speaker, revived, out)
	case hpvCheck:
		h.say(from, hpvLive, 0, out)
	case hpvReject, hpvLive:
		if h.asked.node == from && h.asked.check == (p.Kind == hpvLive) {
			h.asked.node = 0
			h.fill(now, out)
		}
	case hpvDisconnect:
		h.disconnected(now, speaker, out)
	case hpvShuffle:
		h.shuffleOn(now, from, p, out)
	case hpvShuffleReply:
		if h.shuffled {
			h.shuffled = false
			h.learn(now, p.IDs[1:], h.sample, out)
		}
	case hpvKeepAlive:
		h.keptAlive(now, speaker, p.Limit == 1, out)
	}
}

// hear notes that a life of a node is there, by its own word. It is not fresh if a later life of it has spoken before,
// or if it has said goodbye; revived says that it was dead and asked with high priority. A new life takes the place of
// the old one; where it is not in the active view, and talks is true, it comes into the passive one.
func (h *hyparview) hear(now time.Time, id gossip.ID, talks bool, out *gossip.Outbox) (fresh, revived bool) {
	if at := h.inActive(id.Origin); at >= 0 {
		switch p := &h.active[at]; {
		case id.Run < p.run:
			return false, false
		case id.Run == p.run:
			h.alive(now, at, out)
			return true, false
		}
		h.remove(at)
		h.settle(now, out) // the new life is another neighbour to the protocol within, if it becomes one
		h.step(now, id, 0, out)
		h.tell(gossip.Member{Node: id.Origin, Run: id.Run, Since: now}, out)
		return true, false
	}
	if at := h.inGone(id.Origin); at >= 0 {
		g := h.gone[at]
		if g.heard && id.Run < g.run || g.left && id.Run == g.run {
			return false, false
		}
		if talks || id.Run > g.run {
			h.comeBack(now, at, id, out)
		}
		return true, !g.left && g.high
	}
	if at := h.inPassive(id.Origin); at >= 0 {
		e := &h.passive[at]
		if e.run != id.Run {
			e.run, e.told = id.Run, false
		}
		e.misses, e.sure = 0, now.UnixNano()
	}
	return true, false
}

// alive notes that a neighbour was heard.
func (h *hyparview) alive(now time.Time, at int, out *gossip.Outbox) {
	p := &h.active[at]
	p.heard = now.UnixNano()
	if p.suspect {
		p.suspect, p.since = false, p.heard
		h.tell(p.member(), out)
	}
}

// tell reports a change of standing. What is merely hearsay, that is who comes into the passive view, is none.
func (h *hyparview) tell(m gossip.Member, out *gossip.Outbox) { out.Members = append(out.Members, m) }

// takeIn takes in a newcomer, whether there is room or not, and finds it more neighbours.
func (h *hyparview) takeIn(now time.Time, id gossip.ID, out *gossip.Outbox) {
	if h.inActive(id.Origin) < 0 {
		h.admit(now, id, out)
		for i := range h.active {
			if to := h.active[i].node; to != id.Origin {
				names := out.IDs(1)
				names[0] = id
				out.Send(to, gossip.Packet{Kind: hpvForwardJoin, IDs: names, Hops: h.arwl})
			}
		}
	}
	h.say(id.Origin, hpvAccept, 0, out)
}

// forwardJoin passes on the walk of a newcomer, or ends it and becomes its neighbour.
func (h *hyparview) forwardJoin(now time.Time, from gossip.NodeID, id gossip.ID, steps int, out *gossip.Outbox) {
	steps = min(steps, h.arwl)
	if next := h.anotherThan(from, id.Origin); steps > 0 && len(h.active) > 1 && next != 0 {
		if steps == h.prwl {
			h.store(now, id, nil, out)
		}
		names := out.IDs(1)
		names[0] = id
		out.Send(next, gossip.Packet{Kind: hpvForwardJoin, IDs: names, Hops: steps - 1})
		return
	}
	if h.inActive(id.Origin) >= 0 {
		return
	}
	if at := h.inGone(id.Origin); at >= 0 && (h.gone[at].left && h.gone[at].run == id.Run || h.gone[at].heard && h.gone[at].run > id.Run) {
		return // the walk has taken longer than its life
	}
	h.admit(now, id, out)
	h.say(id.Origin, hpvNeighbor, 1, out)
}

// neighbor answers a NEIGHBOR.
func (h *hyparview) neighbor(now time.Time, id gossip.ID, high bool, out *gossip.Outbox) {
	if h.inActive(id.Origin) < 0 {
		if !high && len(h.active) >= h.activeSize {
			h.say(id.Origin, hpvReject, 0, out)
			return
		}
		h.admit(now, id, out)
	}
	h.say(id.Origin, hpvAccept, 0, out)
}

// accepted takes somebody that has this node as a neighbour for one too. Only when it was asked for somebody else has
// to make room.
func (h *hyparview) accepted(now time.Time, id gossip.ID, revived bool, out *gossip.Outbox) {
	wanted := revived || h.knocked == id.Origin && len(h.active) == 0
	if h.asked.node == id.Origin {
		wanted = wanted || h.asked.high
		h.asked.node = 0
	}
	switch {
	case h.inActive(id.Origin) >= 0:
	case wanted || len(h.active) < h.activeSize:
		h.admit(now, id, out)
		h.active[len(h.active)-1].revived = revived
	default:
		h.say(id.Origin, hpvDisconnect, 0, out)
	}
	h.fill(now, out)
}

// disconnected notes that somebody does not have this node as a neighbour, or has left.
func (h *hyparview) disconnected(now time.Time, id gossip.ID, out *gossip.Outbox) {
	if h.asked.node == id.Origin {
		h.asked.node = 0
	}
	at := h.inActive(id.Origin)
	if at >= 0 {
		h.remove(at)
	}
	if id.Seq == uint32(gossip.Left)+1 {
		h.bury(now, id, true, true, out)
	} else if at >= 0 {
		h.step(now, id, h.pass, out) // it has just said no
	}
	h.fill(now, out)
}

// keptAlive answers who takes this node for a neighbour.
func (h *hyparview) keptAlive(now time.Time, id gossip.ID, answer bool, out *gossip.Outbox) {
	if h.inActive(id.Origin) < 0 {
		if len(h.active) >= h.activeSize {
			h.say(id.Origin, hpvDisconnect, 0, out)
			return
		}
		h.admit(now, id, out)
	}
	if answer {
		h.say(id.Origin, hpvKeepAlive, 0, out)
	}
}
