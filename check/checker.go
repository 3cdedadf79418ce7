package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/trace"
)

// Checker judges a run while its events come in. No sequence of events makes it fail; what makes no sense
// is a reason why the verdict is unknown, or a violation.
type Checker struct {
	cond Conditions

	logs   []string // names; the last is being read
	line   int
	events int

	number   gossip.IDMap // of a message in messages, plus one
	messages []message
	nodes    map[gossip.NodeID]*node
	lately   *node // whose event came last, most likely the next as well
	control  control
	shared   shared
	changed  int64 // when the last life of any node began, or ended as it was told to

	violations []Violation
	counts     map[Guarantee]*Checked
	reasons    []string
	moreWhy    int
	judging    bool  // all events are in
	most       int64 // see maxPairs
	full       bool  // what comes is not looked at any more
}

// maxPairs bounds nodes times messages: several bits are kept for each pair, and what is judged may come from
// anybody. It is a thousand nodes with four million messages, and half a gigabyte for each of those bits.
const maxPairs int64 = 4_000_000_000

// grown is called when there is a node or a message more.
func (c *Checker) grown() {
	if !c.full && int64(len(c.nodes))*int64(len(c.messages)) > c.most {
		c.full = true
		c.Damaged(fmt.Sprintf("%d messages at %d nodes are more than can be judged", len(c.messages), len(c.nodes)))
	}
}

// New returns a checker of a run.
func New(c Conditions) *Checker {
	if c.Work <= 0 {
		c.Work = DefaultWork
	}
	k := &Checker{cond: c, most: maxPairs, shared: shared{most: maxShared}, logs: []string{""}, nodes: make(map[gossip.NodeID]*node), counts: make(map[Guarantee]*Checked)}
	for _, g := range guarantees {
		k.counts[g] = &Checked{Guarantee: g}
	}
	for _, id := range c.Nodes {
		k.node(id)
	}
	if c.Incomplete != "" {
		k.doubt("the run is not complete: %s", c.Incomplete)
	}
	return k
}

// Know tells what is known only in the end of a run whose events have come in: which lives there were, what was allowed,
// in what parts the network fell, and why it is not whole. Nothing else of the conditions may have changed.
func (c *Checker) Know(end Conditions) {
	c.cond.Runs, c.cond.Parts = end.Runs, end.Parts
	if end.Work > 0 {
		c.cond.Work = end.Work
	}
	if end.Incomplete != "" && end.Incomplete != c.cond.Incomplete {
		c.doubt("the run is not complete: %s", end.Incomplete)
	}
}

// Log says that the next events come from a log of that name, beginning with its first line. Without it
// all events are of one log without a name. The log of a controller must come before those of nodes.
func (c *Checker) Log(name string) { c.logs, c.line = append(c.logs, name), 0 }

// Damaged says that the log that is being read cannot be read on, and why. Its owners are the nodes that
// it is about, 0 the controller; none means that it is about all of them.
func (c *Checker) Damaged(why string, owners ...gossip.NodeID) {
	c.doubt("%s: %s", c.logName(), why)
	for _, id := range owners {
		if id == 0 {
			c.control.broken = true
		} else {
			c.node(id).broken = true
		}
	}
	if len(owners) == 0 {
		c.control.broken = true
		for _, n := range c.nodes {
			n.broken = true
		}
	}
}

// Torn says that the log of a node ends in the middle of a line. That is as it should be where the node
// was killed while it wrote: nobody has seen what the line was about.
func (c *Checker) Torn(owner gossip.NodeID) { c.node(owner).torn = true }

func (c *Checker) logName() string {
	if name := c.logs[len(c.logs)-1]; name != "" {
		return name
	}
	return "the log"
}

// Event takes in the next event, which is only lent.
func (c *Checker) Event(e *trace.Event) {
	c.line++
	c.events++
	if c.full {
		return
	}
	switch e.Kind {
	case trace.Fault, trace.Heal, trace.Kill, trace.Pause, trace.Resume:
		c.control.event(c, e)
		return
	}
	if e.Node == 0 {
		c.control.event(c, e)
		return
	}
	n := c.lately
	if n == nil || n.id != e.Node {
		n = c.node(e.Node)
		c.lately = n
	}
	n.event(c, e)
}

func (c *Checker) node(id gossip.NodeID) *node {
	n := c.nodes[id]
	if n == nil {
		n = &node{id: id}
		c.nodes[id] = n
		c.grown()
	}
	return n
}

// message is what is known of one message, all nodes together.
type message struct {
	id        gossip.ID
	published mark
	digest    uint64
	size      int
	accepted  mark
	last      mark   // the latest of its deliveries
	lastEvent int    // of the node, see node.steady
	sends     int    // packets with it
	relays    uint64 // the relay limit it was given with, if it was
	tooMany   mark   // the send that was one too many
	bodies    []body // that were delivered or are in inboxes; most often one
}

// body is one of the bodies with which a message was seen.
type body struct {
	digest uint64
	size   int
	first  mark
	times  int
}

// maxBodies bounds the different bodies of one message that are told apart: the last stands for the rest.
const maxBodies = 4

// mark is a place in the logs. The zero value is none.
type mark struct {
	at   int64 // Unix nanoseconds
	log  int32
	line int32
	node gossip.NodeID
	run  uint32
	kind trace.Kind
}

func (m mark) is() bool { return m.kind != "" }

func (c *Checker) mark(e *trace.Event) mark {
	return mark{nanos(e.At), int32(len(c.logs) - 1), int32(c.line), e.Node, e.Run, e.Kind}
}

// nanos are Unix nanoseconds; 0 for the zero time, which has none.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// where is the event at a mark, as far as it was kept.
func (c *Checker) where(m mark, id gossip.ID) Where {
	e := trace.Event{Node: m.node, Run: m.run, Kind: m.kind, Message: id}
	if m.at != 0 {
		e.At = time.Unix(0, m.at).UTC()
	}
	return Where{c.logs[m.log], int(m.line), e}
}

// here is the event at hand. Its map is not kept.
func (c *Checker) here(e *trace.Event) Where {
	w := Where{c.logs[len(c.logs)-1], c.line, *e}
	w.Event.Counts = nil
	return w
}

// find returns the number of a message, which it has from now on if it had none.
func (c *Checker) find(id gossip.ID) uint32 {
	if i := c.number.Get(id); i > 0 {
		return uint32(i - 1)
	}
	c.messages = append(c.messages, message{id: id})
	c.number.Set(id, uint64(len(c.messages)))
	c.grown()
	return uint32(len(c.messages) - 1)
}

// violate notes that a guarantee was not kept.
func (c *Checker) violate(g Guarantee, id gossip.ID, n gossip.NodeID, first Where, format string, args ...any) {
	count := c.counts[g]
	count.Violations++
	if n := c.nodes[n]; n != nil && !c.judging {
		if n.blamed == nil {
			n.blamed = make(map[Guarantee]int)
		}
		n.blamed[g]++
	}
	if count.Violations > MaxViolations {
		return
	}
	v := Violation{Guarantee: g, Node: n, First: first, What: fmt.Sprintf(format, args...)}
	if id != (gossip.ID{}) {
		v.Message = id.String()
	}
	c.violations = append(c.violations, v)
}

func (c *Checker) checked(g Guarantee, facts int) { c.counts[g].Facts += facts }

// doubt notes why not everything can be told. The same reason counts once.
func (c *Checker) doubt(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	switch {
	case slices.Contains(c.reasons, why):
	case len(c.reasons) >= MaxReasons:
		c.moreWhy++
	default:
		c.reasons = append(c.reasons, why)
	}
}

// names lists some node numbers for people.
func names(ids []gossip.NodeID) string {
	const most = 10
	var b strings.Builder
	for i, id := range ids {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(ids)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, id)
	}
	return b.String()
}
