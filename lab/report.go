package lab

import (
	"math"
	"time"

	"gossipctl/trace"
)

// Report is what an experiment has shown.
type Report struct {
	Experiment Experiment // with all defaults filled in
	Rounds     bool       // times are in rounds, else in milliseconds
	Interval   time.Duration
	Runs       int // that were finished

	Residue    Stat // share of the live nodes that lack a message when the run is over
	Traffic    Stat // copies of a message sent, per node
	TAve       Stat // from publishing to arrival, over the nodes that got it, the origin not counted
	T50        Stat // until half of the live nodes had it
	T90        Stat // until nine tenths had
	TLast      Stat // until the last node that got it
	Coverage   Stat // 1 − residue
	Packets    Stat // of any sort, per message
	Control    Stat // of them, those without a message
	Redundancy Stat // copies received per useful copy, minus one
	MeanHops   Stat
	MaxHops    Stat

	Each     []One        // every run, in order
	Tree     []trace.Step // of the last message in the first run, by arrival, if asked for
	Messages []Message    // each, in the mean over all runs, when there are several
	Curve    Curve
	Hops     []float64 // share of deliveries by edges travelled, in the mean over all runs
	Endings  map[Ending]int

	Events   uint64
	Wall     time.Duration
	Lost     uint64 // packets the links lost
	Missed   uint64 // packets that found their node down
	Refused  uint64 // packets a protocol turned away
	Unsent   int    // messages that nobody was there to publish
	Complete bool   // all runs were finished
}

// One is one run.
type One struct {
	Run    int // from 1
	Seed   uint64
	Ending Ending
	Events uint64
	Wall   time.Duration

	Residue, Traffic, TAve, T50, T90, TLast, Coverage, Packets, Control, Redundancy, MeanHops, MaxHops float64
}

// Message is what became of the messages of one number, in the mean over all runs that have a value;
// NaN where none has.
type Message struct {
	Coverage, Copies, Redundancy, TAve, TLast, MeanHops, MaxHops float64
}

// Curve is how coverage grew, over the runs: its mean, and what a tenth and nine tenths of them did
// not exceed.
type Curve struct{ At, Mean, Low, High []float64 }

// report sums up the outcomes of runs.
func (s *setup) report(outcomes []outcome, wall time.Duration) *Report {
	rep := &Report{Experiment: s.Experiment, Rounds: s.rounds, Interval: s.interval, Runs: len(outcomes), Wall: wall,
		Endings: make(map[Ending]int), Complete: len(outcomes) == s.Runs}
	for q, into := range map[quantity]*Stat{residue: &rep.Residue, traffic: &rep.Traffic, tAve: &rep.TAve, t50: &rep.T50, t90: &rep.T90, tLast: &rep.TLast,
		coverage: &rep.Coverage, packets: &rep.Packets, control: &rep.Control, redundancy: &rep.Redundancy,
		meanHops: &rep.MeanHops, maxHops: &rep.MaxHops} {
		values := make([]float64, len(outcomes))
		for i, o := range outcomes {
			values[i] = o.measures[q]
		}
		*into = newStat(values)
	}
	longest := 0
	for _, o := range outcomes {
		rep.Endings[o.ending]++
		m := &o.measures
		rep.Each = append(rep.Each, One{o.number, o.seed, o.ending, o.events, o.wall, m[residue], m[traffic], m[tAve], m[t50], m[t90], m[tLast],
			m[coverage], m[packets], m[control], m[redundancy], m[meanHops], m[maxHops]})
		rep.Events += o.events
		if o.tree != nil {
			rep.Tree = o.tree
		}
		rep.Lost += o.lost
		rep.Missed += o.missed
		rep.Refused += o.refused
		rep.Unsent += o.unsent
		longest = max(longest, len(o.messages))
		for len(rep.Hops) < len(o.hops) {
			rep.Hops = append(rep.Hops, 0)
		}
		for h, share := range o.hops {
			rep.Hops[h] += share / float64(len(outcomes))
		}
	}
	if longest > 1 {
		rep.Messages = perMessage(outcomes, longest)
	}
	rep.Curve = s.meanCurve(outcomes)
	return rep
}

func perMessage(outcomes []outcome, most int) []Message {
	list := make([]Message, most)
	for k := range list {
		var same []single
		for _, o := range outcomes {
			if k < len(o.messages) {
				same = append(same, o.messages[k])
			}
		}
		of := func(pick func(single) float64) float64 { return meanOf(same, pick) }
		list[k] = Message{
			Coverage: of(func(s single) float64 { return s.coverage }), Copies: of(func(s single) float64 { return s.copies }),
			Redundancy: of(func(s single) float64 { return s.redundancy }), TAve: of(func(s single) float64 { return s.tAve }),
			TLast: of(func(s single) float64 { return s.tLast }), MeanHops: of(func(s single) float64 { return s.meanHops }),
			MaxHops: of(func(s single) float64 { return s.maxHops }),
		}
	}
	return list
}

// curveSteps is into how many parts the time of a curve is cut when it is not counted in rounds.
const curveSteps = 240

// meanCurve lays the curves of all runs over each other.
func (s *setup) meanCurve(outcomes []outcome) Curve {
	end := 0.0
	for _, o := range outcomes {
		if n := len(o.spread.at); n > 0 {
			end = math.Max(end, o.spread.at[n-1])
		}
	}
	steps, width := curveSteps, end/curveSteps
	if s.rounds {
		steps, width = int(math.Ceil(end)), 1
	}
	if end == 0 {
		steps = 0
	}
	var c Curve
	values := make([]float64, len(outcomes))
	for k := range steps + 1 {
		at := float64(k) * width
		for i, o := range outcomes {
			values[i] = o.spread.by(at)
		}
		st := newStat(values)
		c.At, c.Mean = append(c.At, at), append(c.Mean, st.Mean)
		c.Low, c.High = append(c.Low, st.P10), append(c.High, st.P90)
	}
	return c
}
