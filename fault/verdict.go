package fault

import (
	"slices"
	"time"

	"gossipctl/gossip"
)

// Verdict is what becomes of one packet. The zero value lets it arrive at once. It is put together of parts
// so that the compiler keeps it in registers: there may be one for each of a billion packets.
type Verdict struct {
	Fate
	Delay     time.Duration // how long the packet is under way
	Delay2    time.Duration // how long the second copy is; it may overtake the first
	Bandwidth int64         // bytes a second that the link carries; 0: no bound. Whoever carries out queues
}

// Fate is whether a packet arrives, and how.
type Fate struct {
	Lost  bool // nothing of it arrives, and nothing else is said but Cut
	Cut   bool // it is lost because the link is cut, and not by chance
	Twice bool // a second copy arrives
	Damage
}

// Damage is which copies of a packet arrive damaged.
type Damage struct {
	Corrupt  bool // the packet, or its first copy
	Corrupt2 bool // the second copy
}

// Reasons for which packets do not arrive, as drops are counted and written down.
const (
	ReasonLoss      = "loss"      // by chance
	ReasonPartition = "partition" // the link is cut
	ReasonCorrupt   = "corrupt"   // it arrived damaged, which was noticed
)

// Reason is why the packet is lost, empty when it is not.
func (v Verdict) Reason() string {
	switch {
	case v.Cut:
		return ReasonPartition
	case v.Lost:
		return ReasonLoss
	}
	return ""
}

// HeldBack is for how long a packet that is to be overtaken waits beside everything else: every time
// between half of this and all of it as likely. Half is more than a round of 200 ms, so that whoever says
// something to a peer in every round overtakes itself; all of it is short of the seconds after which a
// packet is taken for lost.
const HeldBack = 500 * time.Millisecond

// judgeRules adds what rules do to what the plan itself does. Losses are chances independent of each
// other, delays add up, and the narrowest bandwidth holds.
func (p *Plan) judgeRules(l Link, n uint64) Verdict {
	v := p.base(l, n)
	none := true
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.Matches(l) {
			continue
		}
		if r.Cut {
			return Verdict{Fate: Fate{Lost: true, Cut: true}}
		}
		if v.Lost {
			continue // only a cut would say more
		}
		none = false
		on := r.stream(p.Seed, l)
		if r.Loss > 0 && share(on.draw(n, forLoss)) < r.Loss {
			v = Verdict{Fate: Fate{Lost: true}}
			continue
		}
		v.Twice = v.Twice || r.Duplicate > 0 && share(on.draw(n, forDuplicate)) < r.Duplicate
		v.Corrupt = v.Corrupt || r.Corrupt > 0 && share(on.draw(n, forCorrupt)) < r.Corrupt
		v.Delay += r.delay(on, n, forLatency, forJitter, forReorder)
		if r.Bandwidth > 0 && (v.Bandwidth == 0 || r.Bandwidth < v.Bandwidth) {
			v.Bandwidth = r.Bandwidth
		}
	}
	if v.Lost || !v.Twice || none {
		return v
	}
	v.Delay2 = p.delay(l, newStream(p.Seed, l), n, forLatency2, forJitter2)
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Matches(l) {
			on := r.stream(p.Seed, l)
			v.Corrupt2 = v.Corrupt2 || r.Corrupt > 0 && share(on.draw(n, forCorrupt2)) < r.Corrupt
			v.Delay2 += r.delay(on, n, forLatency2, forJitter2, forReorder2)
		}
	}
	return v
}

// stream is the rule's own chance on a link, by its name: it stays what it is when other rules come and go.
func (r *Rule) stream(seed uint64, l Link) stream {
	sum := uint64(14695981039346656037) // FNV-1a
	for i := range len(r.Name) {
		sum = (sum ^ uint64(r.Name[i])) * 1099511628211
	}
	return newStream(scatter(seed^sum), l)
}

// delay is by how much the rule makes one copy of a packet later.
func (r *Rule) delay(on stream, n uint64, latency, jitter, reorder purpose) time.Duration {
	var d time.Duration
	if r.Delay.Kind != None {
		d = r.Delay.draw(on.draw(n, latency))
		if r.Jitter > 0 && d > 0 {
			d += scale(d, float64(r.Jitter*share(on.draw(n, jitter))))
		}
	}
	if r.Reorder > 0 {
		// One draw decides whether, and what is left of it for how long.
		if u := share(on.draw(n, reorder)); u < r.Reorder {
			d += HeldBack/2 + scale(HeldBack/2, u/r.Reorder)
		}
	}
	return d
}

// Ended reports whether the rule has ended by itself.
func (r *Rule) Ended(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// At returns the plan as it is at a moment: without the rules that have ended. It is the plan itself
// when none has; the plan is not changed.
func (p *Plan) At(now time.Time) *Plan {
	if !slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Ended(now) }) {
		return p
	}
	left := *p
	left.Rules = nil
	for _, r := range p.Rules {
		if !r.Ended(now) {
			left.Rules = append(left.Rules, r)
		}
	}
	return &left
}

// Next is when the next of the rules ends that have not ended at a moment; the zero time when none will.
func (p *Plan) Next(now time.Time) time.Time {
	var next time.Time
	for i := range p.Rules {
		if r := &p.Rules[i]; !r.Until.IsZero() && !r.Ended(now) && (next.IsZero() || r.Until.Before(next)) {
			next = r.Until
		}
	}
	return next
}

// Bandwidth is the bytes a second that a link carries, 0 without a bound: what every verdict about it says
// that lets a packet arrive.
func (p *Plan) Bandwidth(l Link) int64 {
	least := int64(0)
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Bandwidth > 0 && (least == 0 || r.Bandwidth < least) && r.Matches(l) {
			least = r.Bandwidth
		}
	}
	return least
}

// Clocks reports whether any rule is about clocks.
func (p *Plan) Clocks() bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Clock != 0 })
}

// Clock is by how much the clock of a node is wrong: the sum of what the rules about it say, within
// [MaxClock] on both sides.
func (p *Plan) Clock(id gossip.NodeID) time.Duration {
	var sum time.Duration
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Clock != 0 && among(r.Nodes, id) {
			sum = max(min(sum+r.Clock, MaxClock), -MaxClock) // at every step, so that nothing overflows
		}
	}
	return sum
}
