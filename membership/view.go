package membership

import (
	"slices"
	"sort"
	"time"

	"gossipctl/gossip"
)

// MaxMembers is how many members a view holds: twice the largest network, so that those that have gone fit too. What
// is beyond is counted and not taken in.
const MaxMembers = 10_000

// member is a node as this one sees it.
type member struct {
	record
	accuser   gossip.ID // who told last that it suspects, while it is suspected
	since     time.Time // when the standing became so
	suspicion *suspicion
	at        int  // its place in the pool of those that are here, or of those that are dead
	waits     bool // its record is among the updates to be told
	told      int  // how often that was transmitted
}

func (m *member) statement() statement { return statement{m.record, m.accuser} }

// pool holds members without an order that means anything, so that any of them is drawn, put in and taken out alike
// fast.
type pool []*member

func (p *pool) add(m *member) {
	m.at = len(*p)
	*p = append(*p, m)
}

func (p *pool) remove(m *member) {
	last := len(*p) - 1
	moved := (*p)[last]
	(*p)[m.at], moved.at = moved, m.at
	(*p)[last] = nil
	*p = (*p)[:last]
}

// view is everybody that a node knows of besides itself.
type view struct {
	all  []*member // sorted by number
	here pool      // alive or suspected
	dead pool      // and not left
	sum  uint64    // of all records
}

// find returns a member, or nil.
func (v *view) find(id gossip.NodeID) *member {
	if at, is := v.place(id); is {
		return v.all[at]
	}
	return nil
}

func (v *view) place(id gossip.NodeID) (int, bool) {
	at := sort.Search(len(v.all), func(i int) bool { return v.all[i].node >= id })
	return at, at < len(v.all) && v.all[at].node == id
}

// add takes in a node that is not known. Where there is no room, the one that is gone for longest makes some; it
// returns nil when nobody is gone.
func (v *view) add(now time.Time, r record) (m, gone *member) {
	if len(v.all) >= MaxMembers {
		if gone = v.oldestGone(); gone == nil || !r.here() {
			return nil, nil
		}
		v.forget(gone)
	}
	m = &member{record: r, since: now}
	at, _ := v.place(r.node)
	v.all = slices.Insert(v.all, at, m)
	v.sum += r.sum()
	v.enter(m)
	return m, gone
}

func (v *view) oldestGone() (oldest *member) {
	for _, m := range v.all {
		if !m.here() && (oldest == nil || m.since.Before(oldest.since)) {
			oldest = m
		}
	}
	return oldest
}

func (v *view) forget(m *member) {
	v.leave(m)
	v.sum -= m.sum()
	at, _ := v.place(m.node)
	v.all = slices.Delete(v.all, at, at+1)
}

// change gives a member another record.
func (v *view) change(now time.Time, m *member, r record) {
	v.leave(m)
	v.sum += r.sum() - m.sum()
	if m.run != r.run || m.standing != r.standing {
		m.since = now
	}
	m.record = r
	v.enter(m)
}

func (v *view) enter(m *member) {
	switch {
	case m.here():
		v.here.add(m)
	case m.standing == gossip.Dead:
		v.dead.add(m)
	}
}

func (v *view) leave(m *member) {
	switch {
	case m.here():
		v.here.remove(m)
	case m.standing == gossip.Dead:
		v.dead.remove(m)
	}
}
