package scenario

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/trace"
)

// Measures are what the events of a run say in numbers.
type Measures struct {
	Begin     time.Time // what moments are counted from
	Published int       // messages that somebody was given
	Accepted  int       // of them, those somebody was told that they are kept
	Live      int       // nodes that were read in the end
	Events    int

	Coverage   float64 // of the last read: see [Measurer.CoverageAt]
	Receives   int     // copies that came
	Deliveries int     // of them, those that were new
	Redundancy float64 // copies received per useful copy, minus one; 0 when nothing was received
	P50, P99   time.Duration
	Latencies  []time.Duration   // from publishing to arrival, sorted
	Dropped    map[string]uint64 // packets, by reason, as nodes said in the end
	InboxEqual bool              // all live nodes have the same messages, byte for byte

	Changes     int           // of values that owners have made
	ValuesEqual bool          // all live nodes have the same values
	ValuesLast  time.Duration // when any picture of values changed last, since Begin
	ValuesSet   time.Duration // when an owner changed a value last
	Misjudged   string        // who sees whom other than it is, in the end; empty: nobody does
	Partial     bool          // nodes know only some of the others

	Curve []Point // share of what has to be covered that is, over time
}

// Point is a value at a moment since Begin.
type Point struct {
	At    time.Duration
	Value float64
}

// placed is a message at a node.
type placed struct {
	node gossip.NodeID
	id   gossip.ID
}

// arrival is when a message was delivered at a node.
type arrival struct{ first, last time.Time }

// entry of an inbox as the last read says.
type held struct {
	id     gossip.ID
	digest uint64
}

// Measurer reads the events of a run, in any order of nodes, and says what they show.
type Measurer struct {
	m         Measures
	durable   bool
	published map[gossip.ID]time.Time
	accepted  map[gossip.ID]bool
	arrived   map[placed]arrival
	inbox     map[gossip.NodeID][]held
	read      map[gossip.NodeID]uint32 // nodes that were read in the end, and in which life
	last      time.Time
	pictures  pictures
}

// NewMeasurer begins to read a run. Durable says whether what a node accepted outlives it.
func NewMeasurer(durable bool) *Measurer {
	return &Measurer{durable: durable, m: Measures{Dropped: make(map[string]uint64)}, published: make(map[gossip.ID]time.Time),
		accepted: make(map[gossip.ID]bool), arrived: make(map[placed]arrival), inbox: make(map[gossip.NodeID][]held), read: make(map[gossip.NodeID]uint32), pictures: newPictures()}
}

// Observe takes in the next event.
func (o *Measurer) Observe(e *trace.Event) {
	m := &o.m
	m.Events++
	if e.At.After(o.last) {
		o.last = e.At
	}
	o.pictures.observe(e)
	if e.Message.IsUpdate() { // no message
		return
	}
	switch e.Kind {
	case trace.Publish:
		o.published[e.Message] = e.At
	case trace.Accept:
		o.accepted[e.Message] = true
	case trace.Receive:
		m.Receives++
	case trace.Deliver:
		key := placed{e.Node, e.Message}
		a, known := o.arrived[key]
		if a.last = e.At; !known {
			a.first = e.At
		}
		o.arrived[key] = a
		if e.Message.Origin != e.Node {
			m.Deliveries++
		}
	case trace.Inbox:
		o.inbox[e.Node] = append(o.inbox[e.Node], held{e.Message, e.Digest})
	case trace.End:
		if e.Node != 0 { // that of a controller says that its log is whole
			o.read[e.Node] = e.Run
		}
	case trace.Link:
		for reason, n := range e.Counts {
			switch reason {
			case trace.CountSent, trace.CountRepeated, trace.CountPassed, trace.CountInFlight:
			default:
				m.Dropped[reason] += n
			}
		}
	case trace.Heard:
		if n := e.Counts[trace.CountCorrupt]; n > 0 {
			m.Dropped[fault.ReasonCorrupt] += n
		}
	}
}

// Measures is what was found in a run that began at a moment. It may be asked once all events are read.
func (o *Measurer) Measures(began time.Time) *Measures {
	m := &o.m
	m.Begin = began
	m.Published, m.Accepted, m.Live = len(o.published), len(o.accepted), len(o.read)
	if m.Deliveries > 0 {
		m.Redundancy = float64(m.Receives)/float64(m.Deliveries) - 1
	}
	m.Latencies = m.Latencies[:0]
	for key, a := range o.arrived {
		if sent, known := o.published[key.id]; known && key.node != key.id.Origin {
			m.Latencies = append(m.Latencies, max(a.first.Sub(sent), 0))
		}
	}
	slices.Sort(m.Latencies)
	m.P50, m.P99 = trace.Percentile(m.Latencies, 0.5), trace.Percentile(m.Latencies, 0.99)
	m.Coverage = o.CoverageAt(time.Time{}, 0)
	m.InboxEqual = o.inboxesEqual()
	a, _ := o.pictures.differ(o.read)
	m.Changes, m.ValuesEqual = o.pictures.sets, a == 0
	if m.Changes > 0 {
		m.ValuesLast, m.ValuesSet = o.pictures.last.Sub(began), o.pictures.set.Sub(began)
	}
	m.Misjudged = o.pictures.wrong(o.read, m.Partial)
	m.Curve = o.curve()
	return m
}

// owed are the messages that every live node has to have, sorted: those accepted by a node that lives
// in the end (durable, or the same life as then), and those that any live node has.
func (o *Measurer) owed() []gossip.ID {
	all := make(map[gossip.ID]bool)
	for id := range o.accepted {
		if run, lives := o.read[id.Origin]; lives && (o.durable || run == id.Run) {
			all[id] = true
		}
	}
	for node := range o.read {
		for _, h := range o.inbox[node] {
			all[h.id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), compareIDs)
}

func compareIDs(a, b gossip.ID) int {
	return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Seq, b.Seq))
}

// CoverageAt is the share of what live nodes have to have that they had by a moment, or, when after is
// not 0, that long after each was published if that is later than the moment. The zero time is the end. It
// is 1 when there is nothing to have.
func (o *Measurer) CoverageAt(moment time.Time, after time.Duration) float64 {
	owed := o.owed()
	total, covered := 0, 0
	for node := range o.read {
		has := make(map[gossip.ID]bool, len(o.inbox[node]))
		for _, h := range o.inbox[node] {
			has[h.id] = true
		}
		for _, id := range owed {
			total++
			if !has[id] {
				continue
			}
			limit := moment
			if late := o.published[id].Add(after); after > 0 && late.After(limit) {
				limit = late
			}
			a, known := o.arrived[placed{node, id}]
			if limit.IsZero() || known && !a.last.After(limit) {
				covered++
			}
		}
	}
	if total == 0 {
		return 1
	}
	return float64(covered) / float64(total)
}

func (o *Measurer) inboxesEqual() bool {
	var first []held
	began := false
	for node := range o.read {
		list := slices.SortedFunc(slices.Values(o.inbox[node]), func(a, b held) int {
			return cmp.Or(compareIDs(a.id, b.id), cmp.Compare(a.digest, b.digest))
		})
		if began && !slices.Equal(first, list) {
			return false
		}
		first, began = list, true
	}
	return true
}

// curvePoints is how many points a curve has: more do not show in a picture.
const curvePoints = 200

// curve is what share of the messages published by each moment the live nodes had.
func (o *Measurer) curve() []Point {
	if len(o.read) == 0 || len(o.published) == 0 {
		return nil
	}
	owed := o.owed()
	var had, due []time.Time
	for _, id := range owed {
		sent, known := o.published[id]
		if !known {
			continue
		}
		for node := range o.read {
			due = append(due, sent)
			if a, known := o.arrived[placed{node, id}]; known {
				had = append(had, a.last)
			}
		}
	}
	slices.SortFunc(had, time.Time.Compare)
	slices.SortFunc(due, time.Time.Compare)
	length := o.last.Sub(o.m.Begin)
	var curve []Point
	for k := range curvePoints + 1 {
		moment := o.m.Begin.Add(length * time.Duration(k) / curvePoints)
		count := func(list []time.Time) int {
			n, _ := slices.BinarySearchFunc(list, moment, func(a, b time.Time) int {
				if a.After(b) {
					return 1
				}
				return -1
			})
			return n
		}
		if d := count(due); d > 0 {
			curve = append(curve, Point{moment.Sub(o.m.Begin), min(float64(count(had))/float64(d), 1)})
		}
	}
	return curve
}
