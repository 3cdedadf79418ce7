package values

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// The packets of reconciliation.
const (
	// kindSum tells the checksum of all floors, as the numbers of one name.
	kindSum = gossip.KindValues + iota
	// kindDigest tells floors, by owner: each as owner, life and floor plus 1. A second row of the same life says that
	// its map is being told as a whole, and up to which mark.
	kindDigest
	// kindDelta tells entries; for each owner two names say what they are, see statement.
	kindDelta
)

// What Packet.Limit says of a sum.
const (
	wantsAnswer = 1 // it is to be answered even if it is the same
	isAnswer    = 2 // it is the same
)

// What Packet.Limit says of a digest.
const (
	asks      = 1 // the other one may be told what it lacks, and be asked for what is lacking here
	moreBelow = 2 // there are owners before the first one of this part
	moreAbove = 4 // and after the last
	only      = 8 // it is about those it names, and nobody else
	allLimits = asks | moreBelow | moreAbove | only
)

// cutShort, as the limit of a delta, says that there is more.
const cutShort = 1

// The timers of values.
const (
	timerTick  = gossip.TimerValues | 1
	timerHurry = gossip.TimerValues | 2
)

const (
	// digestOwners is how many owners a digest is about, some 5 bytes each; of more it tells a part, another one each
	// time.
	digestOwners = 1024
	// hurryAfter is how long news waits for more of it, before it is passed on.
	hurryAfter = 25 * time.Millisecond
	// againAfter is when a peer is called again that has not answered: packets are lost, and on most networks an exchange
	// of four takes less. Of three calls one comes through where half of all packets are lost.
	againAfter  = 100 * time.Millisecond
	hurriedMost = 3
	// hurryPeers is to how many peers news is passed on at once.
	hurryPeers = 4
	// hurries is how often in one interval news is passed on so: where updates come all the time, reconciliation must not
	// outrun a protocol that takes its time.
	hurries = 2
	// shuffledPeers is up to how many peers are called in turn, in an order that is drawn anew each time; of more
	// each is drawn.
	shuffledPeers = 4096
)

// calls are when a node reconciles with whom.
type calls struct {
	ticking bool // the alarm of the next call is set
	left    int  // times that news may be passed on before the next call
	hurried []contact
	hurryAt int64    // when the next of them is due; 0: there is none
	order   []uint32 // places of the peers that are still to be called
	turn    int      // place among all owners where the next digest begins
}

// contact is a peer that is called soon, or again.
type contact struct {
	peer  gossip.NodeID
	due   int64
	tries int
}

// begin has calls made from now on, if there is something to tell and somebody to tell it.
func (v *Values) begin(now time.Time, out *gossip.Outbox) {
	if !v.ticking && len(v.sorted) > 0 && v.peers.Len() > 0 {
		v.ticking, v.left = true, hurries
		out.Alarm(now.Add(1+time.Duration(v.env.Rand.Int64N(int64(v.rules.Every)))), timerTick)
	}
}

// tick calls the next peer.
func (v *Values) tick(now time.Time, out *gossip.Outbox) {
	if v.ticking = v.ticking && v.peers.Len() > 0; !v.ticking {
		return
	}
	v.sweep(now)
	v.left = hurries
	v.tellSum(v.next(), 0, out)
	// Give or take a tenth: nodes that began together are not to call together for ever.
	pause := v.rules.Every - v.rules.Every/10 + time.Duration(v.env.Rand.Int64N(int64(v.rules.Every)/5+1))
	out.Alarm(now.Add(pause), timerTick)
}

// next is the peer whose turn it is.
func (v *Values) next() gossip.NodeID {
	n := v.peers.Len()
	if n > shuffledPeers {
		return v.peers.At(v.env.Rand.IntN(n))
	}
	if len(v.order) == 0 {
		v.order = slices.Grow(v.order, n)[:n]
		for i := range v.order {
			v.order[i] = uint32(i)
		}
		v.env.Rand.Shuffle(n, func(i, j int) { v.order[i], v.order[j] = v.order[j], v.order[i] })
	}
	last := len(v.order) - 1
	at := v.order[last]
	v.order = v.order[:last]
	return v.peers.At(int(at))
}

// soon has news passed on, but not to whom it came from.
func (v *Values) soon(now time.Time, from gossip.NodeID, out *gossip.Outbox) {
	if v.left == 0 {
		return
	}
	v.left--
	n := v.peers.Len()
	for i := range min(n, hurryPeers+1) {
		peer := v.peers.At(i)
		if n > hurryPeers+1 {
			peer = v.peers.At(v.env.Rand.IntN(n))
		}
		if peer != from {
			v.call(now.Add(hurryAfter), peer, out)
		}
	}
}

// greet has peers called soon that were none before.
func (v *Values) greet(now time.Time, before gossip.Peers, out *gossip.Outbox) {
	if len(v.sorted) == 0 {
		return
	}
	greeted := 0
	for _, peer := range v.peers.All() {
		if !before.Has(peer) {
			v.call(now.Add(hurryAfter), peer, out)
			if greeted++; greeted == hurryPeers {
				return
			}
		}
	}
}

// call has a peer called at a moment, unless it is anyway.
func (v *Values) call(at time.Time, peer gossip.NodeID, out *gossip.Outbox) {
	for i := range v.hurried {
		if v.hurried[i].peer == peer {
			return
		}
	}
	if len(v.hurried) >= 2*hurryPeers {
		return
	}
	v.hurried = append(v.hurried, contact{peer: peer, due: at.UnixNano()})
	if v.hurryAt == 0 || at.UnixNano() < v.hurryAt {
		v.hurryAt = at.UnixNano()
		out.Alarm(at, timerHurry)
	}
}

// answered is for a peer that need not be called again.
func (v *Values) answered(peer gossip.NodeID) {
	v.hurried = slices.DeleteFunc(v.hurried, func(c contact) bool { return c.peer == peer })
}

// hurry makes the hurried calls that are due.
func (v *Values) hurry(now time.Time, out *gossip.Outbox) {
	if v.hurryAt == 0 || now.UnixNano() < v.hurryAt {
		return // an earlier one was set since
	}
	v.hurried = slices.DeleteFunc(v.hurried, func(c contact) bool { return c.tries >= hurriedMost || !v.peers.Has(c.peer) })
	v.hurryAt = 0
	for i := range v.hurried {
		c := &v.hurried[i]
		if c.due <= now.UnixNano() {
			v.tellSum(c.peer, wantsAnswer, out)
			c.tries++
			c.due = now.Add(againAfter).UnixNano()
		}
		if v.hurryAt == 0 || c.due < v.hurryAt {
			v.hurryAt = c.due
		}
	}
	if v.hurryAt != 0 {
		out.Alarm(now.Add(time.Duration(v.hurryAt-now.UnixNano())), timerHurry)
	}
}

// tellSum tells a peer the checksum.
func (v *Values) tellSum(to gossip.NodeID, limit int, out *gossip.Outbox) {
	ids := out.IDs(1)
	ids[0] = v.sumName()
	out.Send(to, gossip.Packet{Kind: kindSum, IDs: ids, Limit: limit})
}

// sumName is the checksum, 60 bits of it, and how many owners there are, as the numbers of a name.
func (v *Values) sumName() gossip.ID {
	const half = 1<<30 - 1
	return gossip.ID{Origin: gossip.NodeID(1 + v.sum&half), Run: uint32(1 + v.sum>>30&half), Seq: uint32(1 + len(v.sorted))}
}

// attend takes in a packet of reconciliation.
func (v *Values) attend(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	switch {
	case p.Kind == kindSum && len(p.IDs) == 1 && len(p.Messages) == 0 && isNumbers(p.IDs[0]) && p.Limit >= 0 && p.Limit <= isAnswer:
		same := p.IDs[0] == v.sumName()
		switch {
		case same || p.Limit == isAnswer:
			v.answered(from)
			if p.Limit == wantsAnswer && v.peers.Has(from) {
				v.tellSum(from, isAnswer, out)
			}
		case v.peers.Has(from):
			v.tellDigest(from, asks, out)
			v.call(now.Add(againAfter), from, out)
		}
	case p.Kind == kindDigest && len(p.Messages) == 0 && v.compare(now, from, p, out):
	case p.Kind == kindDelta && v.hear(now, from, p, out):
	default:
		out.Refuse(gossip.Malformed)
	}
}

func isNumbers(id gossip.ID) bool {
	return id.Origin >= 1 && id.Run >= 1 && id.Run <= 1<<31-1 && id.Seq >= 1 && id.Seq <= 1<<31-1
}

// isRow reports whether a name can be a row of a digest.
func isRow(id gossip.ID) bool {
	return id.Origin >= 1 && id.Run >= 1 && id.Run <= gossip.MaxRun && id.Seq >= 1 && id.Seq <= MaxVersion+1
}

// tellDigest tells a peer the floors of all owners, or of the part whose turn it is.
func (v *Values) tellDigest(to gossip.NodeID, limit int, out *gossip.Outbox) {
	all := v.sorted
	if n := len(all); n > digestOwners {
		start := min(v.turn, n-digestOwners)
		all = all[start : start+digestOwners]
		if start > 0 {
			limit |= moreBelow
		}
		if start+digestOwners < n {
			limit |= moreAbove
			v.turn = start + digestOwners
		} else {
			v.turn = 0
		}
	}
	ids := out.IDs(2 * len(all))[:0]
	for _, o := range all {
		ids = appendRow(ids, o)
	}
	out.Send(to, gossip.Packet{Kind: kindDigest, IDs: ids, Limit: limit})
}

func appendRow(ids []gossip.ID, o *owned) []gossip.ID {
	ids = append(ids, gossip.ID{Origin: o.owner, Run: o.run, Seq: o.reached() + 1})
	if o.whole.on {
		ids = append(ids, gossip.ID{Origin: o.owner, Run: o.run, Seq: o.whole.gone + 1})
	}
	return ids
}

// row is what a digest says about one owner.
type row struct {
	owner gossip.NodeID
	run   uint32
	floor uint32
	gone  uint32 // of a map that it is being told as a whole
}

// readRow takes the next row off a list of names.
func readRow(ids []gossip.ID) (row, []gossip.ID) {
	r := row{owner: ids[0].Origin, run: ids[0].Run, floor: ids[0].Seq - 1}
	if ids = ids[1:]; len(ids) > 0 && ids[0].Origin == r.owner {
		r.gone = ids[0].Seq - 1
		ids = ids[1:]
	}
	return r, ids
}

// isDigest reports whether a packet is one: owners in order, each with a row or two.
func isDigest(p gossip.Packet) bool {
	if p.Limit < 0 || p.Limit > allLimits || p.Limit&(moreBelow|moreAbove) != 0 && len(p.IDs) == 0 || len(p.IDs) > 2*digestOwners {
		return false
	}
	for i, id := range p.IDs {
		if !isRow(id) {
			return false
		}
		if i == 0 || id.Origin > p.IDs[i-1].Origin {
			continue
		}
		second := id.Origin == p.IDs[i-1].Origin && id.Run == p.IDs[i-1].Run && (i < 2 || p.IDs[i-2].Origin < id.Origin)
		if !second {
			return false
		}
	}
	return true
}

// compare takes in a digest: it tells the peer what it lacks, and asks it for what is lacking here.
func (v *Values) compare(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) bool {
	if !isDigest(p) {
		return false
	}
	if !v.peers.Has(from) {
		return true
	}
	v.answered(from)
	for _, id := range p.IDs {
		if id.Origin == v.env.Self {
			v.echo(now, id.Run, id.Seq-1, out)
			break
		}
	}
	at, end := 0, len(v.sorted)
	switch {
	case p.Limit&only != 0:
		at = end
	default:
		if p.Limit&moreBelow != 0 {
			at, _ = v.find(p.IDs[0].Origin)
		}
		if p.Limit&moreAbove != 0 {
			end, _ = v.find(p.IDs[len(p.IDs)-1].Origin)
		}
	}
	var lacks []need
	var wants []gossip.ID
	strangers := 0
	for ids := p.IDs; len(ids) > 0; {
		var r row
		r, ids = readRow(ids)
		for ; at < end && v.sorted[at].owner < r.owner; at++ {
			lacks = append(lacks, need{of: v.sorted[at]})
		}
		if at < end && v.sorted[at].owner == r.owner {
			at++
		}
		switch o := v.owners[r.owner]; {
		case o == nil && len(v.sorted)+strangers < MaxOwners && r.owner != v.env.Self:
			wants = append(wants, gossip.ID{Origin: r.owner, Run: r.run, Seq: 1})
			strangers++
		case o == nil:
		case r.run < o.run:
			lacks = append(lacks, need{of: o})
		case r.run == o.run && r.floor < o.floor:
			from := r.floor
			if from < o.gone && r.gone < o.gone {
				from = 0 // marks are gone that it may lack: it is told the whole map
			}
			lacks = append(lacks, need{o, from})
		case r.run == o.run && (p.Limit&only != 0 || o.ahead(max(o.floor, r.floor))):
			// Nothing of the kind, or what came early: of a life that has only begun, that it has begun.
			lacks = append(lacks, need{o, o.floor})
			fallthrough
		default:
			wants = v.wanted(wants, o, r)
		}
	}
	for ; at < end; at++ {
		lacks = append(lacks, need{of: v.sorted[at]})
	}
	v.tell(from, lacks, out)
	if len(wants) > 0 && p.Limit&asks != 0 {
		ids := out.IDs(len(wants))
		copy(ids, wants)
		out.Send(from, gossip.Packet{Kind: kindDigest, IDs: ids, Limit: only})
		v.call(now.Add(againAfter), from, out)
	}
	return true
}

// wanted adds what is to be asked for of an owner of whom a peer may have more.
func (v *Values) wanted(wants []gossip.ID, o *owned, r row) []gossip.ID {
	switch {
	case r.owner == v.env.Self:
	case r.run > o.run:
		wants = append(wants, gossip.ID{Origin: r.owner, Run: r.run, Seq: 1})
	case r.floor > o.reached():
		wants = appendRow(wants, o)
	}
	return wants
}
