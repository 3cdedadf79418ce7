package membership

import (
	"math"
	"slices"
	"time"

	"gossipctl/gossip"
)

// suspicion is what a node keeps of a member that is suspected.
type suspicion struct {
	began    int64
	accusers []gossip.NodeID // the first, and those that confirmed
	need     int             // how many have to confirm to make it as short as it can be
	n        int             // members when it began
}

// suspect begins a suspicion.
func (d *detector) suspect(now time.Time, m *member, out *gossip.Outbox) {
	n := len(d.here) + 1
	m.suspicion = &suspicion{began: now.UnixNano(), accusers: []gossip.NodeID{m.accuser.Origin}, need: d.confirmations(n), n: n}
	d.watch(now, out)
}

// clear ends one, whatever came of it.
func (d *detector) clear(m *member) { m.suspicion = nil }

// confirm takes in that one more suspects the same. The first few shorten the suspicion, and are passed on.
func (d *detector) confirm(now time.Time, m *member, accuser gossip.ID, out *gossip.Outbox) {
	s := m.suspicion
	if s == nil || len(s.accusers) > s.need || slices.Contains(s.accusers, accuser.Origin) {
		return
	}
	s.accusers = append(s.accusers, accuser.Origin)
	m.accuser = accuser
	d.queue.put(m)
	d.watch(now, out)
}

// ends is when a suspicion is over.
func (d *detector) ends(s *suspicion) int64 {
	return s.began + int64(d.suspected(s.n, len(s.accusers)-1, s.need))
}

// watch sets the alarm for the first suspicion that ends.
func (d *detector) watch(now time.Time, out *gossip.Outbox) {
	first := int64(math.MaxInt64)
	for _, m := range d.here {
		if m.suspicion != nil {
			first = min(first, d.ends(m.suspicion))
		}
	}
	if first == math.MaxInt64 {
		d.agenda.clear(giveUp)
		return
	}
	d.agenda.set(giveUp, first, now, out)
}

// giveUp declares those dead who had their time.
func (d *detector) giveUp(now time.Time, out *gossip.Outbox) {
	var over []*member
	for _, m := range d.here {
		if m.suspicion != nil && d.ends(m.suspicion) <= now.UnixNano() {
			over = append(over, m)
		}
	}
	for _, m := range over {
		r := m.record
		r.standing = gossip.Dead
		d.learn(now, statement{record: r}, false, out)
	}
	d.watch(now, out)
}

// callDead asks one of the dead for its view: perhaps it was only cut off, with others. It is told what is held
// against it, refutes, and then both have what the other one knows.
func (d *detector) callDead(now time.Time, out *gossip.Outbox) {
	for _, at := range d.drawDead(now, 1) {
		d.ask(d.dead[at].node, 1, out)
	}
}

// callMore tells a few of the dead what is held against them, since one of them has come back: where a network was in
// two halves, all come back within seconds, each bringing others.
func (d *detector) callMore(now time.Time, out *gossip.Outbox) {
	for _, at := range d.drawDead(now, callsMore) {
		to := d.dead[at]
		out.Send(to.node, d.packet(to, kindNews, 0, nil, out))
	}
}

func (d *detector) drawDead(now time.Time, k int) []int {
	d.drawn = sample(d.env.Rand.IntN, len(d.dead), k, func(i int) bool { return now.Sub(d.dead[i].since) < d.deadFor }, d.drawn[:0])
	return d.drawn
}
