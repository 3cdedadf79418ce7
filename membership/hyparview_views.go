package membership

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

func (h *hyparview) inActive(id gossip.NodeID) int {
	for i := range h.active {
		if h.active[i].node == id {
			return i
		}
	}
	return -1
}

func (h *hyparview) inPassive(id gossip.NodeID) int {
	for i := range h.passive {
		if h.passive[i].node == id {
			return i
		}
	}
	return -1
}

func (h *hyparview) inGone(id gossip.NodeID) int {
	for i := range h.gone {
		if h.gone[i].node == id {
			return i
		}
	}
	return -1
}

// anotherThan draws a neighbour that is neither of two nodes; 0: there is none.
func (h *hyparview) anotherThan(a, b gossip.NodeID) gossip.NodeID {
	open := 0
	for i := range h.active {
		if id := h.active[i].node; id != a && id != b {
			open++
		}
	}
	if open == 0 {
		return 0
	}
	k := h.rng.IntN(open)
	for i := range h.active {
		if id := h.active[i].node; id != a && id != b {
			if k == 0 {
				return id
			}
			k--
		}
	}
	return 0
}

// admit makes somebody who is no neighbour one, the last of the active view. Others at random make room.
func (h *hyparview) admit(now time.Time, id gossip.ID, out *gossip.Outbox) {
	for len(h.active) >= h.activeSize {
		at := h.rng.IntN(len(h.active))
		dropped := h.active[at]
		h.remove(at)
		h.say(dropped.node, hpvDisconnect, 0, out)
		if dropped.suspect {
			h.tell(gossip.Member{Node: dropped.node, Run: dropped.run, Since: now}, out)
		}
		h.step(now, gossip.ID{Origin: dropped.node, Run: dropped.run}, h.pass, out) // it will hardly have room at once
	}
	told := false
	if at := h.inPassive(id.Origin); at >= 0 {
		told = h.passive[at].told && h.passive[at].run == id.Run
		h.passive = slices.Delete(h.passive, at, at+1)
	}
	if at := h.inGone(id.Origin); at >= 0 {
		h.gone = slices.Delete(h.gone, at, at+1)
	}
	p := hpvPeer{node: id.Origin, run: id.Run, since: now.UnixNano(), heard: now.UnixNano()}
	h.active, h.changed = append(h.active, p), true
	if !told {
		h.tell(p.member(), out)
	}
}

// step puts one that is alive by its own word, and was told to be, into the passive view. It counts as asked in a pass.
func (h *hyparview) step(now time.Time, id gossip.ID, pass uint32, out *gossip.Outbox) {
	h.store(now, id, nil, out)
	if at := h.inPassive(id.Origin); at >= 0 {
		e := &h.passive[at]
		e.run, e.pass, e.misses, e.told, e.sure = id.Run, pass, 0, true, now.UnixNano()
	}
}

// remove takes a neighbour out of the active view.
func (h *hyparview) remove(at int) {
	h.active, h.changed = slices.Delete(h.active, at, at+1), true
}

// store puts a node into the passive view, unless it is in the active one, or gone in that life. Where there is no
// room one of those in spare makes it, who were told to somebody else, or anybody.
func (h *hyparview) store(now time.Time, id gossip.ID, spare []gossip.NodeID, out *gossip.Outbox) {
	if id.Origin == h.self || h.inActive(id.Origin) >= 0 {
		return
	}
	back := false
	if at := h.inGone(id.Origin); at >= 0 {
		if id.Run <= h.gone[at].run {
			return
		}
		h.gone, back = slices.Delete(h.gone, at, at+1), true // in a new life
		h.tell(gossip.Member{Node: id.Origin, Run: id.Run, Since: now}, out)
	}
	if at := h.inPassive(id.Origin); at >= 0 {
		if e := &h.passive[at]; id.Run > e.run {
			e.run, e.misses, e.told, e.since, e.sure = id.Run, 0, false, now.UnixNano(), now.UnixNano()
		}
		return
	}
	entry := hpvEntry{node: id.Origin, run: id.Run, told: back, since: now.UnixNano(), sure: now.UnixNano()}
	if len(h.passive) < h.passiveSize {
		h.passive = append(h.passive, entry)
		return
	}
	at := h.rng.IntN(len(h.passive))
	for _, told := range spare {
		if i := h.inPassive(told); i >= 0 {
			at = i
			break
		}
	}
	h.passive[at] = entry
}

// bury notes that a node is dead or has left. Heard says that its run is known from itself.
func (h *hyparview) bury(now time.Time, id gossip.ID, heard, left bool, out *gossip.Outbox) {
	if at := h.inPassive(id.Origin); at >= 0 {
		h.passive = slices.Delete(h.passive, at, at+1)
	}
	if at := h.inGone(id.Origin); at >= 0 {
		h.gone = slices.Delete(h.gone, at, at+1)
	}
	if len(h.gone) >= h.passiveSize {
		h.gone = slices.Delete(h.gone, 0, 1)
	}
	g := hpvGone{node: id.Origin, run: id.Run, heard: heard, left: left, since: now.UnixNano()}
	g.probe = g.since + int64(h.probe/2+h.draw(h.probe))
	h.gone = append(h.gone, g)
	h.tell(g.member(), out)
}

// comeBack puts one that was gone into the passive view, by its own word.
func (h *hyparview) comeBack(now time.Time, at int, id gossip.ID, out *gossip.Outbox) {
	h.gone = slices.Delete(h.gone, at, at+1)
	h.step(now, id, 0, out)
	h.tell(gossip.Member{Node: id.Origin, Run: id.Run, Since: now}, out)
}

// tick tells neighbours that the node lives, and looks after all that waits for time to pass.
func (h *hyparview) tick(now time.Time, out *gossip.Outbox) {
	at, beat := now.UnixNano(), int64(h.beatEvery)
	if late := at - h.due; late > beat/2 {
		// The node itself stood still. What neighbours said meanwhile may still wait to be read.
		for i := range h.active {
			h.active[i].heard = min(h.active[i].heard+late, at)
		}
	}
	for i := 0; i < len(h.active); i++ {
		p := &h.active[i]
		silent := at - p.heard - beat/2 // half an interval is for the packet to come
		switch {
		case silent >= int64(h.missed)*beat:
			id := gossip.ID{Origin: p.node, Run: p.run}
			h.remove(i)
			i--
			h.bury(now, id, true, false, out)
			if h.seek = (hpvPause{}); 2*len(h.active) < h.activeSize {
				h.hurry(now)
			}
			continue
		case silent < beat:
			h.say(p.node, hpvKeepAlive, 0, out)
			continue
		case !p.suspect:
			p.suspect, p.since = true, at
			h.tell(p.member(), out)
		}
		h.say(p.node, hpvKeepAlive, 1, out)
	}
	h.probeGone(now, out)
	if at >= h.walk.at && len(h.active) > 0 {
		if to := h.contact(); to != 0 {
			// Now and then a shorter one: at 25 % loss one walk of six steps in eight arrives, and of three one in three.
			steps := h.arwl - h.rng.IntN(h.arwl/2+1)
			out.Send(to, gossip.Packet{Kind: hpvForwardJoin, IDs: h.me(out), Hops: steps})
		}
		h.tried(&h.walk, now, hpvWalkFirst, h.rejoin)
	}
	switch alone, over := len(h.active) == 0, at >= h.knock.at; {
	case !alone:
		if h.alone = 0; over {
			h.knock.pause = 0
		}
	case h.alone == 0:
		h.alone = at
	case over && at-h.alone >= int64(hpvAloneFor):
		h.join(now, out) // and need not ask all of the passive view first
	}
	h.fill(now, out)
	if at >= h.seek.at && len(h.active) < h.activeSize && h.asked.node == 0 {
		h.shuffle(out) // there is nobody left to ask
		h.tried(&h.seek, now, h.beatEvery, h.shuffleEvery)
	}
	h.verify(now, out)
}

// hurry makes walks from contacts frequent again: so many neighbours are gone that perhaps the network was cut.
func (h *hyparview) hurry(now time.Time) {
	h.walk = hpvPause{}
	h.tried(&h.walk, now, hpvWalkFirst, h.rejoin)
}

// probeGone asks the dead again, and forgets those that are gone for long. While no neighbour is one that was dead, the
// question has high priority.
func (h *hyparview) probeGone(now time.Time, out *gossip.Outbox) {
	at := now.UnixNano()
	high := !slices.ContainsFunc(h.active, func(p hpvPeer) bool { return p.revived })
	kept := h.gone[:0]
	for _, g := range h.gone {
		if at-g.since > int64(h.keep) && (g.left || !h.contacts.Has(g.node)) {
			continue
		}
		if !g.left && at >= g.probe {
			g.high, g.probe = high, at+int64(h.probe*3/4+h.draw(h.probe/2+1))
			limit := 0
			if high {
				limit = 1
			}
			h.say(g.node, hpvNeighbor, limit, out)
		}
		kept = append(kept, g)
	}
	h.gone = kept
}

// contact draws one; 0: there is none.
func (h *hyparview) contact() gossip.NodeID {
	if n := h.contacts.Len(); n > 0 {
		at := h.rng.IntN(n)
		if id := h.contacts.At(at); id != h.self {
			return id
		}
		if n > 1 {
			return h.contacts.At((at + 1 + h.rng.IntN(n-1)) % n)
		}
	}
	return 0
}

// fill asks for another neighbour if there is room for one: somebody of the passive view who was not yet asked in this
// pass, first of all those that have answered until now. When nobody is left, and there is no neighbour at all, a
// contact is told JOIN.
func (h *hyparview) fill(now time.Time, out *gossip.Outbox) {
	if h.asked.node != 0 && !h.asked.check || len(h.active) >= h.activeSize {
		return
	}
	chosen, alike := -1, 0
	for i := range h.passive {
		e := &h.passive[i]
		switch {
		case e.pass == h.pass || chosen >= 0 && e.misses > h.passive[chosen].misses:
			continue
		case chosen < 0 || e.misses < h.passive[chosen].misses:
			chosen, alike = i, 1
			continue
		}
		if alike++; h.rng.IntN(alike) == 0 {
			chosen = i
		}
	}
	alone := len(h.active) == 0
	if chosen >= 0 {
		e := &h.passive[chosen]
		e.pass = h.pass
		limit := 0
		if alone {
			limit = 1
		}
		h.say(e.node, hpvNeighbor, limit, out)
		h.await(now, hpvQuestion{node: e.node, high: alone}, out)
		return
	}
	if alone && now.UnixNano() >= h.knock.at {
		h.join(now, out)
		h.pass++
	}
}

// join tells a contact to take the node in.
func (h *hyparview) join(now time.Time, out *gossip.Outbox) {
	if to := h.contact(); to != 0 {
		h.knocked = to
		h.say(to, hpvJoin, 0, out)
	}
	h.tried(&h.knock, now, hpvKnockFirst, hpvKnockMost)
}

// verify asks the one of the passive view that was not heard of for longest whether it lives.
func (h *hyparview) verify(now time.Time, out *gossip.Outbox) {
	at := now.UnixNano()
	if h.asked.node != 0 || at < h.check || len(h.passive) == 0 {
		return
	}
	h.check = at + int64(h.probe/hpvChecks)
	oldest := 0
	for i := range h.passive {
		if h.passive[i].sure < h.passive[oldest].sure {
			oldest = i
		}
	}
	if e := &h.passive[oldest]; at-e.sure >= int64(h.probe) {
		h.say(e.node, hpvCheck, 0, out)
		h.await(now, hpvQuestion{node: e.node, check: true}, out)
	}
}

// await waits for the answer to a question.
func (h *hyparview) await(now time.Time, q hpvQuestion, out *gossip.Outbox) {
	q.number = h.asked.number + 1
	h.asked = q
	out.Alarm(now.Add(h.timeout), gossip.TimerMembership|gossip.Timer(q.number)<<hpvTimerBits|hpvTimeout)
}

// unanswered gives up a question.
func (h *hyparview) unanswered(now time.Time, number uint64, out *gossip.Outbox) {
	if h.asked.node == 0 || h.asked.number != number {
		return
	}
	if at := h.inPassive(h.asked.node); at >= 0 {
		e := &h.passive[at]
		if e.misses++; e.misses >= hpvMisses {
			h.bury(now, gossip.ID{Origin: e.node, Run: e.run}, false, false, out)
		}
	}
	h.asked.node = 0
	h.fill(now, out)
}

// shuffle starts a walk with a sample of what the node knows.
func (h *hyparview) shuffle(out *gossip.Outbox) {
	to := h.anotherThan(h.self, h.self)
	if to == 0 {
		return
	}
	fromActive, fromPassive := min(h.sampleActive, len(h.active)), min(h.samplePassive, len(h.passive))
	h.rng.Shuffle(len(h.active), func(i, j int) { h.active[i], h.active[j] = h.active[j], h.active[i] })
	h.mix(fromPassive)
	names := out.IDs(1 + fromActive + fromPassive)
	names = append(names[:0], gossip.ID{Origin: h.self, Run: h.run, Seq: uint32(gossip.Alive) + 1})
	h.sample = h.sample[:0]
	for _, p := range h.active[:fromActive] {
		names = append(names, gossip.ID{Origin: p.node, Run: p.run, Seq: uint32(gossip.Alive) + 1})
	}
	for _, e := range h.passive[:fromPassive] {
		names = append(names, gossip.ID{Origin: e.node, Run: e.run, Seq: uint32(gossip.Alive) + 1})
		h.sample = append(h.sample, e.node)
	}
	h.shuffled = true
	out.Send(to, gossip.Packet{Kind: hpvShuffle, IDs: names, Hops: h.shuffleWalk})
}

// mix puts k of the passive view, drawn at random, before the others.
func (h *hyparview) mix(k int) {
	for i := range k {
		j := i + h.rng.IntN(len(h.passive)-i)
		h.passive[i], h.passive[j] = h.passive[j], h.passive[i]
	}
}

// shuffleOn passes on the walk of a shuffle, or ends it and answers with as many nodes as it has told.
func (h *hyparview) shuffleOn(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	origin := p.IDs[0].Origin
	steps := min(p.Hops, h.shuffleWalk) - 1
	if next := h.anotherThan(from, origin); steps > 0 && next != 0 {
		names := out.IDs(len(p.IDs))
		copy(names, p.IDs)
		out.Send(next, gossip.Packet{Kind: hpvShuffle, IDs: names, Hops: steps})
		return
	}
	told := min(len(p.IDs), len(h.passive), hpvSampleMost-1)
	h.mix(told)
	names := append(out.IDs(1 + told)[:0], h.me(out)...)
	h.spare = h.spare[:0]
	for _, e := range h.passive[:told] {
		names = append(names, gossip.ID{Origin: e.node, Run: e.run, Seq: uint32(gossip.Alive) + 1})
		h.spare = append(h.spare, e.node)
	}
	out.Send(origin, gossip.Packet{Kind: hpvShuffleReply, IDs: names})
	h.learn(now, p.IDs, h.spare, out)
}

// learn puts a sample of somebody else's into the passive view.
func (h *hyparview) learn(now time.Time, sample []gossip.ID, spare []gossip.NodeID, out *gossip.Outbox) {
	for _, id := range sample {
		h.store(now, id, spare, out)
	}
}
