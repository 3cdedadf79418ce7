package values

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"gossipctl/gossip"
)

// statement says what a delta tells of one owner: all that there is of the versions above from, up to to. As names:
//
//	(owner, life, from+1) (to+1, gone+1, floor+1)
//
// where gone and floor are the sender's. Entries above to may follow, for which nothing of the kind is said.
type statement struct {
	owner          gossip.NodeID
	run            uint32
	from, to       uint32
	gone, floor    uint32
	messages, upto int // places in the packet
}

// need is an owner of whom a peer lacks what is above from.
type need struct {
	of   *owned
	from uint32
}

const (
	// deltaBytes is how large a delta gets: a twentieth of a second on a line of 10 Mbit/s. One entry more may be in it,
	// so that the largest fits.
	deltaBytes = 64 << 10
	// deltaOwners is about how many owners a delta is at most: as many as a digest.
	deltaOwners = digestOwners
	// entryCost is what an entry takes besides its body, with some grace: so no more than gossip.MaxMessages fit.
	entryCost = 64
)

// tell sends a peer what it lacks, as much as fits one packet. Room is shared out fairly (max-min): who needs least is
// served first, and nobody gets more than an equal share of what is left as long as others want it. The paper serves
// those with most changes first; then one busy owner would keep all others waiting where changes come faster than they
// can be told.
func (v *Values) tell(to gossip.NodeID, lacks []need, out *gossip.Outbox) {
	if len(lacks) == 0 {
		return
	}
	limit := 0
	if len(lacks) > deltaOwners {
		lacks, limit = lacks[:deltaOwners], cutShort
	}
	order := make([]int, len(lacks))
	cost := make([]int, len(lacks))
	for i, l := range lacks {
		order[i], cost[i] = i, l.cost()
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cost[a], cost[b]) })
	share := make([]int, len(lacks)) // how many entries of each
	left, total := deltaBytes, 0
	for done, i := range order {
		share[i] = lacks[i].upto(left / (len(order) - done))
		if share[i] == 0 && left > 0 {
			share[i] = lacks[i].first() // larger than its share, and would never be told
		}
		for _, e := range lacks[i].entries()[:share[i]] {
			if e.body != nil {
				left -= len(e.body) + entryCost
				total++
			}
		}
		left = max(left, 0)
	}
	messages, ids := out.Messages(total)[:0], out.IDs(2 * len(lacks))[:0]
	for i, l := range lacks {
		entries, end := l.entries(), l.of.floor
		if share[i] < len(entries) {
			end, limit = min(end, entries[share[i]].version-1), cutShort
		}
		for _, e := range entries[:share[i]] {
			if e.body != nil {
				messages = append(messages, e.message())
			}
		}
		if end == l.from && l.from < l.of.floor {
			continue // nothing of it fits
		}
		ids = append(ids, gossip.ID{Origin: l.of.owner, Run: l.of.run, Seq: l.from + 1},
			gossip.ID{Origin: gossip.NodeID(end + 1), Run: l.of.gone + 1, Seq: l.of.floor + 1})
	}
	if len(ids) > 0 {
		out.Send(to, gossip.Packet{Kind: kindDelta, Messages: messages, IDs: ids, Limit: limit})
	}
}

// entries are what is to be told, those that were replaced among them.
func (n need) entries() []*entry {
	first, _ := n.of.above(n.from)
	return n.of.order[first:]
}

// cost is how many bytes all of it takes; of more than fit a packet it does not matter how much more.
func (n need) cost() (bytes int) {
	for _, e := range n.entries() {
		if bytes > deltaBytes {
			break
		}
		if e.body != nil {
			bytes += len(e.body) + entryCost
		}
	}
	return bytes
}

// upto is how many entries fit so many bytes.
func (n need) upto(bytes int) int {
	entries := n.entries()
	for i, e := range entries {
		if e.body != nil {
			if bytes -= len(e.body) + entryCost; bytes < 0 {
				return i
			}
		}
	}
	return len(entries)
}

// first is how many entries there are up to the first that was not replaced, with it.
func (n need) first() int {
	entries := n.entries()
	for i, e := range entries {
		if e.body != nil {
			return i + 1
		}
	}
	return len(entries)
}

// readDelta takes the statements out of a packet, and sees that everything makes sense. The contents are those of the
// messages.
func readDelta(p gossip.Packet) (said []statement, contents []content, ok bool) {
	if len(p.IDs) == 0 || len(p.IDs)%2 != 0 || len(p.IDs) > 2*deltaOwners || len(p.Messages) > gossip.MaxMessages || p.Limit < 0 || p.Limit > cutShort {
		return nil, nil, false
	}
	said, contents = make([]statement, len(p.IDs)/2), make([]content, len(p.Messages))
	next := 0
	for i := range said {
		who, what := p.IDs[2*i], p.IDs[2*i+1]
		if !isRow(who) || !isNumbers(what) || i > 0 && said[i-1].owner >= who.Origin {
			return nil, nil, false
		}
		s := statement{
			owner: who.Origin, run: who.Run, from: who.Seq - 1, to: uint32(what.Origin) - 1, gone: what.Run - 1, floor: what.Seq - 1,
			messages: next,
		}
		if s.from > s.to || s.to > s.floor || s.gone > s.floor || s.floor > MaxVersion {
			return nil, nil, false
		}
		for last := s.from; next < len(p.Messages) && p.Messages[next].ID.Origin == s.owner; next++ {
			run, version, is := p.Messages[next].ID.Update()
			if !is || run != s.run || version <= last || version > MaxVersion {
				return nil, nil, false
			}
			last = version
			if contents[next], ok = parseBody(p.Messages[next].Body); !ok {
				return nil, nil, false
			}
		}
		s.upto = next
		said[i] = s
	}
	return said, contents, next == len(p.Messages)
}

// hear takes in a delta, and asks for more if there is more.
func (v *Values) hear(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) bool {
	said, contents, ok := readDelta(p)
	if !ok {
		return false
	}
	v.answered(from)
	before := v.sum
	for i := range said {
		s := &said[i]
		if s.owner == v.env.Self {
			v.echo(now, s.run, s.floor, out)
		} else if o := v.life(s.owner, s.run, out); o != nil {
			v.learn(now, o, s, p.Messages[s.messages:s.upto], contents[s.messages:s.upto], out)
			v.summed(o)
		}
	}
	if v.sum == before {
		return true
	}
	v.soon(now, from, out)
	if p.Limit == cutShort && v.peers.Has(from) {
		v.tellDigest(from, 0, out)
	}
	return true
}

// learn takes in what a delta tells of an owner.
func (v *Values) learn(now time.Time, o *owned, s *statement, messages []gossip.Message, contents []content, out *gossip.Outbox) {
	w := &o.whole
	follows := s.from <= o.reached()
	if s.gone > o.floor && !(w.on && w.gone >= s.gone) {
		// Marks are gone that were never told here.
		if follows = s.from == 0; follows {
			*w = whole{on: true, gone: s.gone}
			for _, e := range o.order {
				e.doubt = e.body != nil && e.version <= s.gone
			}
		}
	}
	all := true
	for i := range messages {
		m := messages[i]
		_, version, _ := m.ID.Update()
		if e := o.entries[string(contents[i].key)]; e != nil && e.version == version {
			e.doubt = false
		}
		if version <= o.floor || o.has(version) {
			continue
		}
		m.Body = bytes.Clone(m.Body)
		c := contents[i]
		c.value = m.Body[len(m.Body)-len(c.value):]
		refused := v.stats.Refused
		v.place(now, o, version, m, c, true, out)
		all = all && v.stats.Refused == refused
	}
	switch {
	case !follows || !all:
	case w.on:
		w.told, w.until = max(w.told, s.to), max(w.until, s.floor)
		if w.told >= w.until {
			v.finish(o, out)
		}
	default:
		o.raise(s.to)
	}
}

// finish is for a map that was told to its end: what was not in it is gone.
func (v *Values) finish(o *owned, out *gossip.Outbox) {
	w := o.whole
	o.whole = whole{}
	for _, e := range slices.Clone(o.order) {
		if e.body != nil && e.doubt {
			v.vanish(o, e, out)
		}
	}
	o.raise(w.told)
	o.gone = max(o.gone, w.gone)
}
