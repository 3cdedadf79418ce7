package protocol

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gossipctl/gossip"
)

// mate is a peer with whom there is something: a link of the mesh, a quarrel, or what it has said since
// the last heartbeat. With most peers there is nothing, and nothing is kept.
type mate struct {
	id       gossip.NodeID
	mesh     bool
	untold   bool   // that it is in the mesh
	fresh    bool   // in the mesh since the last heartbeat
	packets  uint16 // IHAVE it sent since the last heartbeat
	asked    uint16 // names it was asked for since then
	unwanted uint16 // names in IDONTWANT it sent since then
	backoff  int64  // before this the two do not graft each other, in Unix nanoseconds
}

// mate returns what there is with a peer. The pointer is good until the next call.
func (g *gossipsub) mate(id gossip.NodeID) *mate {
	at, is := slices.BinarySearchFunc(g.mates, id, func(m mate, id gossip.NodeID) int { return cmp.Compare(m.id, id) })
	if !is {
		g.mates = slices.Insert(g.mates, at, mate{id: id})
	}
	return &g.mates[at]
}

// links is how many mesh peers there are.
func (g *gossipsub) links() (n int) {
	for i := range g.mates {
		if g.mates[i].mesh {
			n++
		}
	}
	return n
}

// noQuarrel is a moment after all backoffs.
const noQuarrel = math.MaxInt64

// mesh lists the mesh peers, and with them those that are not grafted before some later moment.
func (g *gossipsub) mesh(after int64) []gossip.NodeID {
	list := make([]gossip.NodeID, 0, len(g.mates))
	for i := range g.mates {
		if m := &g.mates[i]; m.mesh || m.backoff > after {
			list = append(list, m.id)
		}
	}
	return list
}

// slack is the moment after which a backoff must end to count still: a heartbeat is added to each, so
// that who was told to wait does not come back a little too early.
func (g *gossipsub) slack(now time.Time) int64 { return now.Add(-g.clock.interval).UnixNano() }

// join enters the mesh.
func (g *gossipsub) join(now time.Time) {
	if !g.joined {
		g.joined = true
		g.graft(now, g.degree-g.links())
	}
}

// graft takes random peers into the mesh, who are to be told.
func (g *gossipsub) graft(now time.Time, n int) {
	if n <= 0 {
		return
	}
	for _, id := range drawPartners(g.rng, g.peers, n, g.mesh(g.slack(now)), nil) {
		m := g.mate(id)
		m.mesh, m.untold, m.fresh = true, true, true
	}
}

// tellMates says GRAFT to those who did not hear it yet.
func (g *gossipsub) tellMates(out *gossip.Outbox) {
	for i := range g.mates {
		if m := &g.mates[i]; m.untold {
			g.send(m, gossip.Packet{}, out)
		}
	}
}

// prune takes random peers out of the mesh.
func (g *gossipsub) prune(now time.Time, n int, out *gossip.Outbox) {
	list := g.mesh(noQuarrel)
	for i := range n {
		k := i + g.rng.IntN(len(list)-i)
		list[i], list[k] = list[k], list[i]
		g.part(now, g.mate(list[i]))
		out.Send(list[i], gossip.Packet{Kind: meshPrune})
	}
}

// part takes a peer out of the mesh, or keeps it out.
func (g *gossipsub) part(now time.Time, m *mate) {
	m.mesh, m.untold, m.fresh = false, false, false
	if g.minor >= 1 {
		m.backoff = now.Add(g.backoff).UnixNano()
	}
}

// heedGraft takes a peer into the mesh that says this node is in its own.
func (g *gossipsub) heedGraft(now time.Time, from gossip.NodeID, out *gossip.Outbox) {
	m := g.mate(from)
	switch {
	case m.mesh: // both have said it at once, or one of them twice
	case m.backoff > now.UnixNano(), g.minor >= 1 && g.links() >= g.high:
		g.part(now, m)
		out.Send(from, gossip.Packet{Kind: meshPrune})
	default:
		m.mesh, m.fresh = true, true
	}
}

func (g *gossipsub) setHeartbeat(now time.Time, out *gossip.Outbox) {
	next := g.clock.next(now)
	g.due = next.UnixNano()
	out.Alarm(next, meshHeartbeat)
}

// beat is the heartbeat.
func (g *gossipsub) beat(now time.Time, out *gossip.Outbox) {
	if g.due == 0 || now.UnixNano() < g.due {
		return
	}
	g.setHeartbeat(now, out)
	g.forget(now)
	g.joined = true
	switch links := g.links(); {
	case links < g.low:
		g.graft(now, g.degree-links)
	case links > g.high && links > g.degree:
		g.prune(now, links-g.degree, out)
	}
	g.tellMates(out)
	g.gossip(out)
	for i := range g.mates {
		g.mates[i].fresh = false
	}
	g.beats++
	old := 0
	for old < len(g.cache) && g.age(&g.cache[old]) >= g.windows {
		old++
	}
	if old > 0 {
		g.uncache(old)
	}
}

// forget drops what peers said since the last heartbeat, and with whom there is nothing any more.
func (g *gossipsub) forget(now time.Time) {
	slack := g.slack(now)
	g.mates = slices.DeleteFunc(g.mates, func(m mate) bool { return !m.mesh && m.backoff <= slack })
	for i := range g.mates {
		m := &g.mates[i]
		m.packets, m.asked, m.unwanted = 0, 0, 0
	}
	if g.extra != nil && g.extra.forget(now) {
		g.extra = nil
	}
}

// gossip tells names to random peers outside the mesh, and to all who are new in it.
func (g *gossipsub) gossip(out *gossip.Outbox) {
	first := len(g.cache)
	for first > 0 && g.age(&g.cache[first-1]) < g.announced {
		first--
	}
	recent := g.cache[first:]
	if len(recent) == 0 {
		return
	}
	names := out.IDs(len(recent))
	for i := range recent {
		names[i] = recent[i].ID
	}
	mesh := g.mesh(noQuarrel)
	n := g.lazy
	if g.minor >= 1 {
		n = max(n, int(g.factor*float64(g.peers.Len()-len(mesh))))
	}
	for _, peer := range drawPartners(g.rng, g.peers, n, mesh, nil) {
		out.Send(peer, gossip.Packet{Kind: meshIHave, IDs: g.some(names, out)})
	}
	for i := range g.mates {
		if m := &g.mates[i]; m.fresh {
			out.Send(m.id, gossip.Packet{Kind: meshIHave, IDs: g.some(names, out)})
		}
	}
}

// some returns the names, or as many random ones of them as one peer may be told. What one is not told
// another is, or the same one a heartbeat later.
func (g *gossipsub) some(names []gossip.ID, out *gossip.Outbox) []gossip.ID {
	if len(names) <= g.names {
		return names
	}
	for i := range g.names {
		k := i + g.rng.IntN(len(names)-i)
		names[i], names[k] = names[k], names[i]
	}
	list := out.IDs(g.names)
	copy(list, names)
	return list
}
