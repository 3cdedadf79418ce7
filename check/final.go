package check

import (
	"slices"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// forget drops what an earlier final read has told.
func (n *node) forget() {
	n.reading, n.ended, n.endAt, n.endLine = false, false, 0, 0
	clear(n.inbox)
	n.entries, n.entry = 0, 0
	n.links, n.heard = n.links[:0], n.heard[:0]
	n.values.forget()
	n.members.forget()
}

// final takes in an event of a final read. One that follows an earlier read begins a new one.
func (n *node) final(c *Checker, e *trace.Event) {
	if !n.reading {
		n.forget()
		n.reading, n.restless = true, false
	}
	switch e.Kind {
	case trace.Inbox:
		n.found(c, e)
	case trace.Value:
		n.value(c, e)
	case trace.View:
		n.view(c, e)
	case trace.Link:
		n.links = append(n.links, c.linkRead(e))
	case trace.Heard:
		n.heard = append(n.heard, c.linkRead(e))
	case trace.End:
		n.reading, n.ended, n.endAt, n.endLine, n.endMark = false, true, nanos(e.At), n.number, c.mark(e)
		if had, said := e.Counts[trace.CountLines]; said && had != uint64(n.number-1) {
			c.doubt("%s: line %d: the log of node %d had %d lines when it said that, and %d are here", c.logName(), c.line, n.id, had, n.number-1)
			n.broken, n.short = true, true
		}
		if e.Count != n.entries {
			c.doubt("the final read of node %d has %d messages of %d", n.id, n.entries, e.Count)
			n.broken = true
		}
		if values, views := e.Counts[trace.CountValues], e.Counts[trace.CountViews]; values != n.values.read || views != n.members.read {
			c.doubt("the final read of node %d has %d values of %d, and %d members of %d", n.id, n.values.read, values, n.members.read, views)
			n.broken = true
		}
	}
}

// found takes in an entry of the inbox.
func (n *node) found(c *Checker, e *trace.Event) {
	n.entries++
	if e.Message.IsUpdate() {
		c.violate(Integrity, e.Message, n.id, c.here(e), "update %v is in the inbox of node %d, as if it were a message", e.Message, n.id)
		n.entry = e.Count
		return
	}
	i := c.find(e.Message)
	c.checked(Integrity, 1)
	c.checked(Duplication, 1)
	c.messages[i].saw(e, c.mark(e))
	switch {
	case n.inbox.has(i):
		c.violate(Duplication, e.Message, n.id, c.here(e), "message %v is in the inbox of node %d twice", e.Message, n.id)
	case !n.has.has(i) && !n.blind:
		c.violate(Integrity, e.Message, n.id, c.here(e), "message %v is in the inbox of node %d, which never delivered it", e.Message, n.id)
	}
	n.inbox.add(i)
	if n.entry != 0 && e.Count != n.entry+1 || n.entry == 0 && e.Count != 1 && !c.cond.DropOldest {
		c.doubt("%s: line %d: entry %d of the inbox of node %d follows entry %d", c.logName(), c.line, e.Count, n.id, n.entry)
		n.broken = true
	}
	n.entry = e.Count
}

// Verdict judges all events so far. More may come afterwards, and another verdict.
func (c *Checker) Verdict() Verdict {
	k := *c // what is found only now is found anew next time
	k.judging = true
	k.violations, k.reasons = slices.Clone(c.violations), slices.Clone(c.reasons)
	k.counts = make(map[Guarantee]*Checked)
	for g, count := range c.counts {
		copied := *count
		k.counts[g] = &copied
	}
	return k.judge()
}

func (c *Checker) judge() Verdict {
	nodes := make([]*node, 0, len(c.nodes))
	lives := 0
	for _, n := range c.nodes {
		nodes = append(nodes, n)
		lives += max(n.lives, 1)
	}
	slices.SortFunc(nodes, func(a, b *node) int { return int(a.id) - int(b.id) })
	c.evidence(nodes)
	live := c.live(nodes)
	c.whole(nodes, live)
	c.bodies()
	c.inboxes(live)
	notes := c.paused(nodes, live)
	c.inTime()
	c.work(lives)
	notes = append(notes, c.judgeMembers(nodes, live)...)
	c.conserve(live)
	c.judgeValues(live)

	v := Verdict{
		Valid: True, Violations: c.violations, Unknown: c.reasons, Notes: notes, Nodes: len(nodes), Live: len(live),
		Messages: len(c.messages), Updates: len(c.shared.updates), Events: c.events, Checked: []Checked{},
	}
	if c.moreWhy > 0 {
		c.reasons = append(c.reasons, "and more, of the same kind")
		v.Unknown = c.reasons
	}
	if v.Violations == nil {
		v.Violations = []Violation{}
	}
	if v.Unknown == nil {
		v.Unknown = []string{}
	}
	if v.Notes == nil {
		v.Notes = []string{}
	}
	found, listed := 0, len(v.Violations)
	for _, g := range guarantees {
		v.Checked = append(v.Checked, *c.counts[g])
		found += c.counts[g].Violations
	}
	slices.SortStableFunc(v.Violations, func(a, b Violation) int {
		return slices.Index(guarantees, a.Guarantee) - slices.Index(guarantees, b.Guarantee)
	})
	v.More = found - listed
	switch {
	case listed > 0:
		v.Valid = False
	case len(v.Unknown) > 0:
		v.Valid = Unknown
	}
	return v
}

// evidence notes what is missing of the logs.
func (c *Checker) evidence(nodes []*node) {
	w := c.control.final()
	switch {
	case c.cond.Controlled && !c.control.began:
		c.doubt("the log of the controller is missing")
	case c.cond.Controlled && c.control.read == nil:
		c.doubt("there was no final read of the network")
	}
	if w.cuts {
		c.doubt("not everything that was done to the network was written down")
	}
	if len(nodes) == 0 {
		c.doubt("nothing is known of any node")
	}
	var silent []gossip.NodeID
	for _, n := range nodes {
		switch known := c.cond.Runs[n.id]; {
		case !n.began:
			silent = append(silent, n.id)
		case known > n.run && w.ended[n.id] < known:
			c.doubt("the log of life %d of node %d is missing", known, n.id)
		}
	}
	if len(silent) > 0 {
		c.doubt("no log of node %s", names(silent))
	}
}

// whole holds what logs say of their own lengths against what there is. Of a node whose log lacks lines nothing
// is held against it: what seems a violation may be what is missing.
func (c *Checker) whole(nodes, live []*node) {
	for _, n := range nodes {
		if !n.short {
			continue
		}
		for g, times := range n.blamed {
			c.counts[g].Violations -= times
		}
		c.violations = slices.DeleteFunc(c.violations, func(v Violation) bool { return v.Node == n.id })
	}
	w := c.control.read
	if w == nil || w.counts[trace.CountNodes] == 0 {
		return
	}
	lines := uint64(0)
	for _, n := range live {
		lines += uint64(n.endLine)
	}
	if uint64(len(live)) != w.counts[trace.CountNodes] || lines != w.counts[trace.CountLines] {
		c.doubt("the last read that the controller tells of is not the last read of the nodes")
		c.control.short = true
	}
}

// live are the nodes that lived at the final read. It notes of which the final read cannot be used.
func (c *Checker) live(nodes []*node) (live []*node) {
	w := c.control.final()
	var unread, restless, torn []gossip.NodeID
	for _, n := range nodes {
		if !w.live(n) {
			continue
		}
		live = append(live, n)
		switch {
		case n.torn:
			torn = append(torn, n.id)
		case n.silent():
		case !n.ended:
			unread = append(unread, n.id)
		case n.restless:
			restless = append(restless, n.id)
		}
	}
	if len(live) == 0 && len(nodes) > 0 {
		c.doubt("no node lived at the final read: of what nodes have nothing is known")
	}
	if len(torn) > 0 {
		c.doubt("the log of node %s ends in the middle of a line, though the node lived", names(torn))
	}
	if len(unread) > 0 {
		c.doubt("no final read of node %s", names(unread))
	}
	if len(restless) > 0 {
		c.doubt("node %s went on after the final read", names(restless))
	}
	return live
}

// readable reports whether the final read of a node tells how its inbox was.
func (n *node) readable() bool { return n.ended && !n.restless && !n.broken && !n.cut && !n.torn }

// bodies judges G1: everything seen was published, as it was seen.
func (c *Checker) bodies() {
	for i := range c.messages {
		m := &c.messages[i]
		if !m.published.is() {
			if len(m.bodies) > 0 {
				c.unpublished(m)
			}
			continue
		}
		for _, b := range m.bodies {
			if b.digest != m.digest || b.size != m.size {
				c.violate(Integrity, m.id, b.first.node, c.where(b.first, m.id), "message %v at node %d (%d bytes) is not what was published (%d bytes); so seen %s",
					m.id, b.first.node, b.size, m.size, times(b.times))
			}
		}
	}
}

// unpublished judges a message that nobody was seen to publish. It is forged, unless the origin's log may
// have lost that.
func (c *Checker) unpublished(m *message) {
	first := m.bodies[0].first
	if !c.tellsAll(m.id.Origin) {
		c.doubt("whether node %d has published what others have from it cannot be told: its log is not whole", m.id.Origin)
		return
	}
	c.violate(Integrity, m.id, first.node, c.where(first, m.id), "message %v at node %d was never published", m.id, first.node)
}

// tellsAll reports whether the logs have everything that a node has ever told. Where nodes find each other anybody may
// join who writes nothing down.
func (c *Checker) tellsAll(id gossip.NodeID) bool {
	origin := c.nodes[id]
	if origin == nil {
		return !c.lost() && c.cond.Membership == ""
	}
	live := c.control.final().live(origin)
	return !origin.silent() && (!live || origin.ended && !origin.torn) && c.cond.Runs[origin.id] <= origin.run
}

// inTime judges G5: nothing was delivered later than promised.
func (c *Checker) inTime() {
	w := c.control.final()
	if c.cond.Converge == 0 || len(w.active) > 0 || c.lost() {
		return
	}
	for i := range c.messages {
		m := &c.messages[i]
		if !m.last.is() || !m.published.is() || c.nodes[m.last.node].steady > m.lastEvent {
			continue // never delivered, or by a clock that was set back since
		}
		c.checked(Bound, 1)
		late := m.last.at - c.due(m)
		if late > 0 {
			c.violate(Bound, m.id, m.last.node, c.where(m.last, m.id), "node %d delivers message %v %s later than promised", m.last.node, m.id, span(late))
		}
	}
}

// due is when all live nodes must have a message: a while after it was published, and after the last change.
func (c *Checker) due(m *message) int64 {
	return max(m.published.at, c.control.final().last, c.changed) + int64(c.cond.Converge)
}

// work judges G7.
func (c *Checker) work(lives int) {
	judge := func(what string, id gossip.ID, sends int, relays uint64, tooMany mark) {
		c.checked(Work, 1)
		bound := c.cond.Work * float64(max(relays, 1))
		if float64(sends) > bound*float64(lives) && tooMany.is() {
			c.violate(Work, id, tooMany.node, c.where(tooMany, id), "%s %v was sent %s; allowed are %.0f, %.4g for each of %d lives of nodes",
				what, id, times(sends), bound*float64(lives), bound, lives)
		}
	}
	for i := range c.messages {
		m := &c.messages[i]
		judge("message", m.id, m.sends, m.relays, m.tooMany)
	}
	for i := range c.shared.updates {
		u := &c.shared.updates[i]
		judge("update", u.id, u.sends, 1, u.tooMany)
	}
}
