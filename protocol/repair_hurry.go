package protocol

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// contact is a peer that may lack what is known here, or the other way round, and is called again soon,
// until both have agreed that there is nothing more. That is what carries repaired messages on from node
// to node without waiting for the next interval, and what makes up for packets lost on the way. It is
// tried so often in one interval and no more, whatever the peer answers; only news from it begins the
// count anew. A peer that never answered is not tried again until it is heard of: what is left to it are
// its turns, which it always has.
type contact struct {
	peer  gossip.NodeID
	since int64       // when the tries were begun to be counted
	lacks []gossip.ID // messages that it may lack, up to alongMessages of them
	tries int         // since then
	open  bool        // there may be more to be exchanged
	heard bool        // it has sent something since then
	deaf  bool        // it let all tries go by
	spent int         // how often in a row all tries were used up and nothing came of it
}

const (
	// hurryEvery is how often hurried calls are made at most: many times what a packet takes in one
	// building, so that they seldom call twice for the same reason, while 64 nodes in a ring are still
	// crossed in two seconds.
	hurryEvery = 50 * time.Millisecond
	// hurryAfter is how soon there are the first: what comes in one go is told in one go.
	hurryAfter = 10 * time.Millisecond
	// hurryTries is how many are made to a peer in an interval without news from it: with half of all
	// packets lost, all but one in a million peers have heard by then.
	hurryTries = 20
	// hurryPeers is how many peers are told of news, drawn anew each time: this many reach everybody in
	// a network however large, and on a small one that is all.
	hurryPeers = 8
	// A hurried call that was not answered brings the messages along, if there are few: where packets
	// are lost, one that arrives then does the work of three. For lossyFor after that, and after a peer
	// has done so, the first call already does.
	lossyFor      = 10 * time.Second
	alongMessages = 32
	alongBytes    = 16 << 10
)

// tick makes the call of an interval.
func (r *repair) tick(now time.Time, out *gossip.Outbox) {
	r.ticking = false
	n := r.peers.Len()
	if n == 0 {
		return
	}
	// With few peers all have their turn within seconds. Of many, each second call goes to one drawn at
	// random: news is sooner everywhere when calls do not follow an order.
	r.calls++
	to := r.peers.At(r.next % n)
	if n > hurryPeers && r.calls%2 == 0 {
		to = r.peers.At(r.rng.IntN(n))
	} else {
		r.next = (r.next + 1) % n
	}
	r.call(now, to, nil, 0, out)
	r.contacts = slices.DeleteFunc(r.contacts, func(c contact) bool {
		return !c.open && !c.deaf && c.spent == 0 && now.UnixNano()-c.since > int64(r.rules.Every)
	})
	tenth := r.rules.Every / 10
	r.ticking = true
	out.Alarm(now.Add(max(1, r.rules.Every-tenth+time.Duration(r.rng.Int64N(int64(2*tenth)+1)))), repairTick)
}

// contact returns what is noted of a peer, or nil.
func (r *repair) contact(peer gossip.NodeID) *contact {
	for i := range r.contacts {
		if r.contacts[i].peer == peer {
			return &r.contacts[i]
		}
	}
	return nil
}

// mark sees to it that a peer is called soon, because the two may know different messages: it may lack
// these.
func (r *repair) mark(now time.Time, peer gossip.NodeID, lacks []gossip.Message, out *gossip.Outbox) {
	c := r.contact(peer)
	if c == nil {
		r.contacts = append(r.contacts, contact{peer: peer, since: now.UnixNano()})
		c = &r.contacts[len(r.contacts)-1]
	}
	if c.deaf {
		return
	}
	if now.UnixNano()-c.since > int64(r.rules.Every) {
		c.since, c.tries, c.heard = now.UnixNano(), 0, false
	}
	for _, m := range lacks {
		if len(c.lacks) < alongMessages && !slices.Contains(c.lacks, m.ID) {
			c.lacks = append(c.lacks, m.ID)
		}
	}
	if c.open = c.tries < c.allowed(); c.open && !r.hurrying {
		r.hurrying = true
		at := max(now.UnixNano()+int64(hurryAfter), r.hurried+int64(hurryEvery))
		out.Alarm(time.Unix(0, at), repairHurry)
	}
}

// allowed is how many tries a peer has in an interval: half as many each time that they came to nothing,
// down to one. So one that takes messages and never keeps them is not sent them twenty times a second.
func (c *contact) allowed() int { return max(1, hurryTries>>min(c.spent, 5)) }

// heardOf notes that a peer is there.
func (r *repair) heardOf(peer gossip.NodeID) {
	if c := r.contact(peer); c != nil {
		c.heard, c.deaf = true, false
	}
}

// agree notes that there is nothing more to be exchanged with a peer.
func (r *repair) agree(peer gossip.NodeID) {
	if c := r.contact(peer); c != nil {
		c.open, c.lacks, c.tries, c.spent = false, c.lacks[:0], 0, 0
	}
}

// passOn has peers called soon because of news that one of them has brought.
func (r *repair) passOn(now time.Time, from gossip.NodeID, news []gossip.Message, out *gossip.Outbox) {
	if c := r.contact(from); c != nil {
		c.tries, c.spent = 0, 0
	}
	if r.peers.Has(from) {
		r.mark(now, from, nil, out)
	}
	n := r.peers.Len()
	if n <= hurryPeers {
		for _, peer := range r.peers.All() {
			if peer != from {
				r.mark(now, peer, news, out)
			}
		}
		return
	}
	open := 0
	for i := range r.contacts {
		if r.contacts[i].open {
			open++
		}
	}
	for ; open < hurryPeers; open++ {
		if peer := r.peers.At(r.rng.IntN(n)); peer != from {
			r.mark(now, peer, news, out)
		}
	}
}

// greet has peers called soon that were none before.
func (r *repair) greet(now time.Time, before gossip.Peers, out *gossip.Outbox) {
	greeted := 0
	for _, peer := range r.peers.All() {
		if !before.Has(peer) {
			r.mark(now, peer, nil, out)
			if greeted++; greeted == hurryPeers {
				return
			}
		}
	}
}

// part lets go of those who are no peers any more.
func (r *repair) part() {
	r.contacts = slices.DeleteFunc(r.contacts, func(c contact) bool { return !r.peers.Has(c.peer) })
}

// hurry makes the hurried calls that are due.
func (r *repair) hurry(now time.Time, out *gossip.Outbox) {
	r.hurrying, r.hurried = false, now.UnixNano()
	for i := range r.contacts {
		c := &r.contacts[i]
		if !c.open {
			continue
		}
		if c.tries >= c.allowed() {
			c.open, c.deaf, c.lacks = false, !c.heard, c.lacks[:0]
			c.spent++
			continue
		}
		if c.tries++; c.tries > 1 {
			r.lossy = r.hurried
		}
		r.call(now, c.peer, r.along(now, c, out), asksBack, out)
		r.hurrying = true
	}
	if r.hurrying {
		out.Alarm(now.Add(hurryEvery), repairHurry)
	}
}

// along returns the messages that a hurried call brings along.
func (r *repair) along(now time.Time, c *contact, out *gossip.Outbox) []gossip.Message {
	if len(c.lacks) == 0 || r.lossy == 0 || now.UnixNano()-r.lossy > int64(lossyFor) {
		return nil
	}
	b, old, bytes := room(out, len(c.lacks)), r.ripe(now).Add(1), 0
	for _, id := range c.lacks {
		if m, has := r.message(id, old); has {
			if bytes += len(m.Body); bytes > alongBytes {
				break
			}
			b.add(m)
		}
	}
	return b.messages
}
