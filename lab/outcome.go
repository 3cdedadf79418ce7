package lab

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/sim"
	"gossipctl/trace"
)

// outcome is what one run has come to, in numbers.
type outcome struct {
	number   int // of the run, from 1
	seed     uint64
	ending   Ending
	events   uint64
	wall     time.Duration
	measures [quantities]float64
	messages []single  // those measured, in order
	spread   curve     // of all of them together
	hops     []float64 // share of the deliveries by the edges they had travelled
	tree     []trace.Step
	unsent   int
	lost     uint64
	missed   uint64
	refused  uint64
}

// single is what became of one message.
type single struct {
	coverage, copies, redundancy, tAve, t50, t90, tLast, meanHops, maxHops float64
}

// quantity is what a run is summed up by.
type quantity int

// The quantities; see the fields of [Report].
const (
	residue quantity = iota
	traffic
	tAve
	t50
	t90
	tLast
	coverage
	packets
	control
	redundancy
	meanHops
	maxHops
	quantities // how many there are
)

// sum sums up a run that is over.
func (r *run) sum(ending Ending, wall time.Duration) outcome {
	w := r.world
	o := outcome{ending: ending, events: w.Count.Events, wall: wall, seed: r.seed, unsent: r.unsent,
		lost: w.Count.Lost, missed: w.Count.Missed, refused: w.Count.Refused}
	tracks := w.Tracks()
	measured := r.messages[min(r.Discard, len(r.messages)):]
	var times []float64
	live := 0
	for id := gossip.NodeID(1); id <= gossip.NodeID(r.Nodes); id++ {
		if w.Alive(id) {
			live++
		}
	}
	for _, number := range measured {
		t := &tracks[number]
		one, arrivals := r.one(t, live, &o.hops)
		times = append(times, arrivals...)
		o.messages = append(o.messages, one)
	}
	if s := len(measured); s > 0 && r.Tree && r.number == 0 {
		o.tree = r.tree(&tracks[measured[s-1]])
	}
	n := float64(max(len(measured), 1))
	of := func(pick func(single) float64) float64 { return meanOf(o.messages, pick) }
	o.measures[coverage] = of(func(s single) float64 { return s.coverage })
	o.measures[residue] = 1 - o.measures[coverage]
	o.measures[traffic] = of(func(s single) float64 { return s.copies }) / float64(r.Nodes)
	o.measures[packets] = float64(w.Count.Packets-r.before.Packets) / n
	o.measures[control] = float64(w.Count.Control-r.before.Control) / n
	o.measures[redundancy] = of(func(s single) float64 { return s.redundancy })
	o.measures[tAve], o.measures[tLast] = of(func(s single) float64 { return s.tAve }), of(func(s single) float64 { return s.tLast })
	o.measures[t50], o.measures[t90] = of(func(s single) float64 { return s.t50 }), of(func(s single) float64 { return s.t90 })
	o.measures[meanHops], o.measures[maxHops] = of(func(s single) float64 { return s.meanHops }), of(func(s single) float64 { return s.maxHops })
	o.spread = r.newCurve(times, float64(live*len(measured)))
	total := 0.0
	for _, count := range o.hops {
		total += count
	}
	for h := range o.hops {
		o.hops[h] /= max(total, 1)
	}
	return o
}

// meanOf is the mean of one quantity over messages, without those that have none; no number if none has.
func meanOf(messages []single, pick func(single) float64) float64 {
	sum, n := 0.0, 0
	for _, m := range messages {
		if v := pick(m); !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// tree is the way a message first came to every node.
func (r *run) tree(t *sim.Track) []trace.Step {
	var steps []trace.Step
	for id := gossip.NodeID(1); id <= gossip.NodeID(r.Nodes); id++ {
		if after, hops, has := t.Arrived(id); has {
			steps = append(steps, trace.Step{Node: id, From: t.From(id), Hop: hops, After: after, Received: sim.Begin.Add(t.Published + after)})
		}
	}
	slices.SortStableFunc(steps, func(a, b trace.Step) int { return cmp.Or(cmp.Compare(a.After, b.After), cmp.Compare(a.Hop, b.Hop)) })
	return steps
}

// one sums up what became of one message, adds its hops to the histogram, and returns when it arrived.
func (r *run) one(t *sim.Track, live int, hops *[]float64) (single, []float64) {
	one := single{copies: float64(t.Copies)}
	var times []float64
	reached, useful := 0, 0
	for id := gossip.NodeID(1); id <= gossip.NodeID(r.Nodes); id++ {
		after, far, has := t.Arrived(id)
		if !has {
			continue
		}
		reached++
		at := r.inUnits(after)
		times = append(times, at)
		if id == t.ID.Origin && after == 0 {
			continue // in a second life it may hear its own message like anybody
		}
		useful++
		one.tAve += at
		one.tLast = math.Max(one.tLast, at)
		one.meanHops += float64(far)
		one.maxHops = math.Max(one.maxHops, float64(far))
		for len(*hops) <= far {
			*hops = append(*hops, 0)
		}
		(*hops)[far]++
	}
	slices.Sort(times)
	one.t50, one.t90 = reach(times, 0.5, live), reach(times, 0.9, live)
	one.coverage = float64(reached) / float64(max(live, 1))
	if useful > 0 {
		one.tAve /= float64(useful)
		one.meanHops /= float64(useful)
	} else {
		one.tAve, one.tLast, one.meanHops, one.maxHops = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	}
	one.redundancy = math.NaN()
	if t.Delivered > 0 {
		one.redundancy = float64(t.Received)/float64(t.Delivered) - 1
	}
	return one, times
}

// reach is when so much of the live nodes had the message; no number if so many never had.
func reach(times []float64, share float64, live int) float64 {
	i := max(int(math.Ceil(share*float64(live)))-1, 0)
	if i >= len(times) {
		return math.NaN()
	}
	return times[i]
}

// inUnits is a time in rounds or in milliseconds.
func (r *run) inUnits(d time.Duration) float64 {
	if r.rounds {
		return float64(d) / float64(r.interval)
	}
	return float64(d) / float64(time.Millisecond)
}

// curve is how coverage grew in one run. Where there are few deliveries it has every one, else so
// many that between two of them lies less than what can be seen in a picture.
type curve struct {
	at    []float64 // when
	share []float64 // of all deliveries there might have been, had happened by then
}

// curvePoints is how many points a curve keeps: a thousand runs of it still take no memory, and a
// picture is not wider.
const curvePoints = 512

// newCurve makes the curve of deliveries at the given times, of so many that were owed. Times are sorted.
func (r *run) newCurve(times []float64, owed float64) curve {
	slices.Sort(times)
	var c curve
	for i := 0; i < len(times); {
		last := i // of those at the same moment, all count
		for last+1 < len(times) && times[last+1] == times[i] {
			last++
		}
		c.at, c.share = append(c.at, times[i]), append(c.share, float64(last+1)/math.Max(owed, 1))
		i = last + 1
	}
	if len(c.at) <= curvePoints {
		return c
	}
	thin := curve{}
	for k := range curvePoints {
		i := k * (len(c.at) - 1) / (curvePoints - 1)
		thin.at, thin.share = append(thin.at, c.at[i]), append(thin.share, c.share[i])
	}
	return thin
}

// by is the share of deliveries that had happened by a moment.
func (c curve) by(at float64) float64 {
	i, found := slices.BinarySearch(c.at, at)
	if found {
		return c.share[i]
	}
	if i == 0 {
		return 0
	}
	return c.share[i-1]
}
