package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// shared is what is known of values, all nodes together.
type shared struct {
	number  gossip.IDMap // of an update in updates, plus one
	updates []update
	key     map[string]uint32 // of a key in keys, plus one
	keys    []string
	kept    int  // updates, keys, entries of all pictures and views
	most    int  // see maxShared
	full    bool // no more is looked at
}

// maxShared bounds updates and entries of pictures, which take some hundred bytes each: a thousand nodes with a
// thousand values.
const maxShared = 2_000_000

// update is what is known of one version of a map.
type update struct {
	id      gossip.ID
	truth   claim // as its owner has applied it
	set     mark  // where it did
	others  []told
	sends   int // packets with it
	tooMany mark
}

// claim is what somebody says that an update does.
type claim struct {
	key    uint32
	digest uint64
	size   int
	gone   bool
}

// told is what others than the owner said of an update, most often the same.
type told struct {
	claim
	first mark
	times int
}

// slot is a key of one owner's map.
type slot struct {
	owner gossip.NodeID
	key   uint32
}

func (a slot) compare(b slot) int {
	return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.key, b.key))
}

// entry is what a node has in a slot.
type entry struct {
	run, version uint32
	claim        claim
	mark         mark
}

func (a entry) compare(b entry) int {
	return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.version, b.version))
}

// picture is what one node says of values.
type picture struct {
	now    map[slot]entry // what it has applied in this life
	newest map[gossip.NodeID]uint32
	own    map[uint32]uint32 // of each life of its own map the last version, in all of its lives
	last   map[uint32]change // of each key of its own map the last change, in all of its lives

	rows map[slot]entry // of the final read
	read uint64
}

// change is what an owner did to a key of its map.
type change struct {
	entry
	accepted bool // whoever asked for it was told that it is kept
}

func (p *picture) newLife() { p.now, p.newest = nil, nil }

func (p *picture) forget() { p.rows, p.read = nil, 0 }

// room reports whether one entry more may be kept.
func (c *Checker) room() bool {
	s := &c.shared
	if s.kept >= s.most && !s.full {
		s.full = true
		c.doubt("%d values, versions and members are more than can be judged", s.kept)
	}
	if !s.full {
		s.kept++
	}
	return !s.full
}

// version returns what is known of an update; nil where no more can be kept.
func (c *Checker) version(id gossip.ID) *update {
	s := &c.shared
	if i := s.number.Get(id); i > 0 {
		return &s.updates[i-1]
	}
	if !c.room() {
		return nil
	}
	s.updates = append(s.updates, update{id: id})
	s.number.Set(id, uint64(len(s.updates)))
	return &s.updates[len(s.updates)-1]
}

// claim is what an event says of an update; ok is false where no more can be kept.
func (c *Checker) claim(e *trace.Event) (said claim, ok bool) {
	s := &c.shared
	i := s.key[e.Name]
	if i == 0 {
		if !c.room() {
			return said, false
		}
		if s.key == nil {
			s.key = make(map[string]uint32)
		}
		s.keys = append(s.keys, e.Name)
		i = uint32(len(s.keys))
		s.key[e.Name] = i
	}
	return claim{i - 1, e.Digest, e.Size, e.Count > 0}, true
}

// update takes in an event about an update of a value: it is a message to protocols, and to nobody else.
func (n *node) update(c *Checker, e *trace.Event) {
	switch e.Kind {
	case trace.Apply:
		n.apply(c, e)
	case trace.Accept:
		n.acceptUpdate(c, e)
	case trace.Publish:
		c.checked(Integrity, 1)
		if run, _, _ := e.Message.Update(); e.Message.Origin != n.id || run > n.run {
			c.violate(Integrity, e.Message, n.id, c.here(e), "life %d of node %d publishes update %v, which is not its own name", n.run, n.id, e.Message)
		}
	case trace.Deliver:
		c.violate(Integrity, e.Message, n.id, c.here(e), "node %d delivers update %v, as if it were a message", n.id, e.Message)
	case trace.Send:
		u := c.version(e.Message)
		if u == nil {
			return
		}
		u.sends++
		if over := float64(u.sends) > c.cond.Work*float64(max(len(c.nodes), 1)); over && !u.tooMany.is() {
			u.tooMany = c.mark(e)
		}
	}
}

// apply takes in that the node's picture changed.
func (n *node) apply(c *Checker, e *trace.Event) {
	run, version, is := e.Message.Update()
	c.checked(Values, 1)
	if !is {
		c.violate(Values, e.Message, n.id, c.here(e), "node %d applies %v, which is no update of a value", n.id, e.Message)
		return
	}
	u := c.version(e.Message)
	said, ok := c.claim(e)
	if u == nil || !ok {
		return
	}
	if e.Reason == trace.Vanished {
		n.vanish(c, e, said)
		return
	}
	here := c.mark(e)
	if e.Message.Origin == n.id {
		n.set(c, e, u, said)
	} else {
		u.tell(said, here)
	}
	p := &n.values
	if p.now == nil {
		p.now, p.newest = make(map[slot]entry), make(map[gossip.NodeID]uint32)
	}
	at := slot{e.Message.Origin, said.key}
	before, had := p.now[at]
	if !had && !c.room() {
		return
	}
	now := entry{run, version, said, here}
	switch {
	case run < p.newest[at.owner]:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d takes %v of key %q, though it has values of life %d of node %d", n.id, e.Message, e.Name, p.newest[at.owner], at.owner)
		return
	case had && now.compare(before) < 0:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d goes back to %v of key %q, after version %d", n.id, e.Message, e.Name, before.version)
		return
	}
	p.newest[at.owner], p.now[at] = run, now
}

// vanish takes in that a value is not there any more though no update has said so: its owner has begun a new life
// without it, or deleted it long ago. If that is not so, it will be missing in the end.
func (n *node) vanish(c *Checker, e *trace.Event, said claim) {
	at := slot{e.Message.Origin, said.key}
	run, version, _ := e.Message.Update()
	had, has := n.values.now[at]
	if !has || had.claim.gone || had.run != run || had.version != version {
		c.violate(Values, e.Message, n.id, c.here(e), "%v of key %q vanishes at node %d, which did not have it", e.Message, e.Name, n.id)
		return
	}
	had.claim.gone = true
	n.values.now[at] = had
}

// set takes in that an owner has changed its own map.
func (n *node) set(c *Checker, e *trace.Event, u *update, said claim) {
	run, version, _ := e.Message.Update()
	p := &n.values
	if p.own == nil {
		p.own, p.last = make(map[uint32]uint32), make(map[uint32]change)
	}
	switch {
	case run == 0 || run > n.run:
		c.violate(Values, e.Message, n.id, c.here(e), "life %d of node %d sets %v, which is of no life that it had", n.run, n.id, e.Message)
	case u.set.is() && u.truth != said:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d gives the version %v twice, to different changes", n.id, e.Message)
	case !u.set.is() && version <= p.own[run]:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d sets %v after version %d of its map", n.id, e.Message, p.own[run])
	}
	if !u.set.is() {
		u.set, u.truth = c.mark(e), said
	}
	p.own[run] = max(p.own[run], version)
	p.last[said.key] = change{entry: entry{run, version, said, c.mark(e)}}
}

// acceptUpdate takes in that somebody was told that a change of the node's map is kept.
func (n *node) acceptUpdate(c *Checker, e *trace.Event) {
	run, version, _ := e.Message.Update()
	i := c.shared.number.Get(e.Message)
	c.checked(Integrity, 1)
	if e.Message.Origin != n.id || i == 0 || !c.shared.updates[i-1].set.is() {
		if !c.shared.full {
			c.violate(Integrity, e.Message, n.id, c.here(e), "node %d accepts update %v, which nobody gave it", n.id, e.Message)
		}
		return
	}
	key := c.shared.updates[i-1].truth.key
	if last := n.values.last[key]; last.run == run && last.version == version {
		last.accepted = true
		n.values.last[key] = last
	}
}

// keepsItsOwn judges whether a durable node that lives has in its own map what it has accepted.
func (n *node) keepsItsOwn(c *Checker) {
	for _, key := range slices.Sorted(maps.Keys(n.values.last)) {
		last := n.values.last[key]
		if !last.accepted || last.claim.gone {
			continue
		}
		c.checked(Values, 1)
		if row, has := n.values.rows[slot{n.id, key}]; !has || row.claim.gone || row.compare(last.entry) < 0 {
			id := gossip.UpdateID(n.id, last.run, last.version)
			c.violate(Values, id, n.id, c.where(last.mark, id), "durable node %d has accepted %v of key %q, and does not have it any more", n.id, id, c.shared.keys[key])
		}
	}
}

// tell notes what another node than the owner says of an update.
func (u *update) tell(said claim, here mark) {
	if u.set.is() && u.truth == said {
		return // nothing to remember
	}
	for i := range u.others {
		if o := &u.others[i]; o.claim == said || i == maxBodies-1 {
			o.times++
			return
		}
	}
	u.others = append(u.others, told{said, here, 1})
}

// value takes in an entry of the picture that the final read has found.
func (n *node) value(c *Checker, e *trace.Event) {
	run, version, is := e.Message.Update()
	p := &n.values
	p.read++
	c.checked(Values, 1)
	if !is {
		c.violate(Values, e.Message, n.id, c.here(e), "node %d has a value by %v, which is no update", n.id, e.Message)
		return
	}
	u := c.version(e.Message)
	said, ok := c.claim(e)
	if u == nil || !ok || !c.room() {
		return
	}
	if p.rows == nil {
		p.rows = make(map[slot]entry)
	}
	row, at := entry{run, version, said, c.mark(e)}, slot{e.Message.Origin, said.key}
	u.tell(said, row.mark)
	before, had := p.now[at]
	restored := at.owner == n.id && run <= n.run && n.lives > 1 // from an earlier life of its own
	switch _, twice := p.rows[at]; {
	case twice:
		c.violate(Values, e.Message, n.id, c.here(e), "key %q of node %d is twice among the values of node %d", e.Name, at.owner, n.id)
	case had && row.compare(before) < 0:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d has %v of key %q in the end, after version %d", n.id, e.Message, e.Name, before.version)
	case (!had || row.compare(before) > 0) && !restored:
		c.violate(Values, e.Message, n.id, c.here(e), "node %d has %v of key %q, which it never applied", n.id, e.Message, e.Name)
	}
	p.rows[at] = row
}

// judgeValues judges G12 once all events are in.
func (c *Checker) judgeValues(live []*node) {
	for i := range c.shared.updates {
		c.judgeUpdate(&c.shared.updates[i])
	}
	if len(c.shared.updates) == 0 || c.shared.full {
		return
	}
	for _, n := range live {
		if c.cond.Durable && n.readable() {
			n.keepsItsOwn(c)
		}
	}
	parts := [][]*node{live}
	if len(c.cond.Parts) > 1 {
		parts = c.apart(live)
	}
	for _, part := range parts {
		c.samePictures(slices.DeleteFunc(slices.Clone(part), func(n *node) bool { return !n.readable() }))
	}
}

// judgeUpdate holds what others say of an update against what its owner did.
func (c *Checker) judgeUpdate(u *update) {
	for i := range u.others {
		o := &u.others[i]
		switch {
		case u.set.is() && u.truth == o.claim:
		case u.set.is():
			c.violate(Values, u.id, o.first.node, c.where(o.first, u.id), "%v at node %d (%s) is not what its owner has set (%s); so seen %s",
				u.id, o.first.node, c.text(o.claim), c.text(u.truth), times(o.times))
		case !c.tellsAll(u.id.Origin):
			c.doubt("whether node %d has set what others have from it cannot be told: its log is not whole", u.id.Origin)
		default:
			c.violate(Values, u.id, o.first.node, c.where(o.first, u.id), "%v at node %d (%s) was never set by its owner", u.id, o.first.node, c.text(o.claim))
		}
	}
}

func (c *Checker) text(said claim) string {
	if said.gone {
		return fmt.Sprintf("key %q deleted", c.shared.keys[said.key])
	}
	return fmt.Sprintf("key %q, %d bytes", c.shared.keys[said.key], said.size)
}

// samePictures judges whether nodes that live have the same values in the end. What is gone need not be
// there any more, but nothing may be in its place.
func (c *Checker) samePictures(nodes []*node) {
	wanted := c.wanted(nodes)
	slots := slices.SortedFunc(maps.Keys(wanted), slot.compare)
	open := len(c.control.final().active) > 0 || c.lost()
	early := c.cond.ValuesWithin == 0 && underWay(nodes)
	last := max(c.control.final().last, c.changed)
	for _, n := range nodes {
		c.checked(Values, len(slots))
		for _, at := range slots {
			want := wanted[at]
			got, has := n.values.rows[at]
			if has && got.claim.gone {
				has = false
			}
			if has == !want.claim.gone && (!has || got.compare(want) == 0) {
				continue
			}
			id := gossip.UpdateID(at.owner, want.run, want.version)
			set := want.mark
			if u := c.shared.number.Get(id); u > 0 && c.shared.updates[u-1].set.is() {
				set = c.shared.updates[u-1].set
			}
			key := c.shared.keys[at.key]
			switch {
			case open:
				if len(c.control.final().active) > 0 {
					c.doubt("the values of the nodes differ while faults are in force: G12 is promised without")
				}
			case c.cond.ValuesWithin > 0 && n.endAt < max(set.at, last)+int64(c.cond.ValuesWithin), early:
				c.doubt("the final read came soon after the last change or value, and some nodes do not have the same values yet: check it again later")
			case !has:
				c.violate(Values, id, n.id, c.where(set, id), "node %d does not have key %q of node %d, which is at %v", n.id, key, at.owner, id)
			case want.claim.gone:
				c.violate(Values, id, n.id, c.where(set, id), "node %d has key %q of node %d at %d.v%d, though it is gone", n.id, key, at.owner, got.run, got.version)
			default:
				c.violate(Values, id, n.id, c.where(set, id), "node %d has key %q of node %d at %d.v%d, which is at %d.v%d", n.id, key, at.owner, got.run, got.version, want.run, want.version)
			}
		}
	}
}

// wanted is what every one of the nodes must have: of owners among them what they say themselves, of others the
// newest that any has.
func (c *Checker) wanted(nodes []*node) map[slot]entry {
	wanted := make(map[slot]entry)
	newest := make(map[gossip.NodeID]uint32)
	spoken := make(map[gossip.NodeID]map[slot]entry) // what owners say of their own maps
	for _, n := range nodes {
		own := make(map[slot]entry)
		for at, row := range n.values.rows {
			newest[at.owner] = max(newest[at.owner], row.run)
			if at.owner == n.id {
				own[at] = row
			}
		}
		spoken[n.id] = own
	}
	for _, n := range nodes {
		for at, row := range n.values.rows {
			own, owned := spoken[at.owner]
			if owned {
				if said, has := own[at]; has {
					wanted[at] = said
					continue
				}
				row.claim.gone = true // deleted long ago, or of an earlier life
			} else if row.run < newest[at.owner] {
				row.claim.gone = true // a newer life has taken the place of that one
			}
			if best, has := wanted[at]; !has || row.compare(best) > 0 {
				wanted[at] = row
			}
		}
	}
	return wanted
}
