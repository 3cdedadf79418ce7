// Package fault says what a network does to packets: which are lost, which come twice, and how long
// each is under way. A [Plan] is the wish, [Plan.Judge] the one judgement; the transport of real
// processes and the simulator both carry it out.
//
// Chance comes from no generator that somebody draws from. A judgement is a function of the plan's
// seed, the link and the number of the packet on it, so the fate of a packet does not depend on what
// happens elsewhere, nor on who asks first, and a plan repeats exactly, on every machine.
package fault

import (
	"errors"
	"fmt"
	"time"

	"gossipctl/gossip"
)

// Link is one direction between two nodes.
type Link struct{ From, To gossip.NodeID }

// Plan is what the links of a network do to packets. The zero value does nothing to them. Each sort
// of fault has a chance of its own: to change one leaves what the others do to a packet as it was.
type Plan struct {
	// Seed chooses among all that may happen.
	Seed uint64
	// Latency is how long packets are under way. It is drawn for each anew, unless PerLink, so that
	// they overtake each other.
	Latency Latency
	// PerLink draws the latency once for each link; all its packets take that long.
	PerLink bool
	// Symmetric gives both directions between two nodes the same latency. It needs PerLink.
	Symmetric bool
	// Jitter makes each packet later by up to this share of its latency: 0.1 is 0 to 10 % more,
	// every amount as likely. From 0 to MaxJitter.
	Jitter float64
	// Loss is the share of packets that are lost, from 0 to 1.
	Loss float64
	// Duplicate is the share of packets not lost that come twice, from 0 to 1. The second copy has
	// a latency and a jitter of its own.
	Duplicate float64
	// Rules are faults on top of that, as people set and clear them while a network runs. Each has a
	// chance of its own, told apart by its name.
	Rules []Rule
}

// MaxJitter is the largest jitter. What varies more is said better by a latency with a wide spread.
const MaxJitter = 10

// MaxRules bounds the rules in force at once: every packet is held against each of them.
const MaxRules = 1000

// Check tells everything that is wrong with the plan at once, one sentence each. What it has not
// passed may be judged in any way.
func (p Plan) Check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if err := p.Latency.Check(); err != nil {
		wrong = append(wrong, err)
	}
	// Written so that what is no number at all is outside too.
	if !(p.Jitter >= 0 && p.Jitter <= MaxJitter) {
		bad("jitter %v must be a share of the latency, from 0 to %d", p.Jitter, MaxJitter)
	}
	if !(p.Loss >= 0 && p.Loss <= 1) {
		bad("loss %v must be a share of the packets, from 0 to 1", p.Loss)
	}
	if !(p.Duplicate >= 0 && p.Duplicate <= 1) {
		bad("duplicate %v must be a share of the packets, from 0 to 1", p.Duplicate)
	}
	if p.Symmetric && !p.PerLink {
		bad("only latencies that are drawn per link can be symmetric")
	}
	if len(p.Rules) > MaxRules {
		bad("%d faults at once are too many: there may be %d", len(p.Rules), MaxRules)
		return errors.Join(wrong...)
	}
	names := make(map[string]bool, len(p.Rules))
	for i := range p.Rules {
		r := &p.Rules[i]
		if names[r.Name] {
			bad("two faults have the name %q, by which they are told apart", r.Name)
		}
		names[r.Name] = true
		if err := r.Check(); err != nil {
			bad("fault %s: %w", r.Name, err)
		}
	}
	return errors.Join(wrong...)
}

// Judge says what becomes of the n-th packet on a link, counted from 0. It is a pure function, so it
// may be asked by several goroutines at once, and the same answer comes to the same question. The
// numbers of a link's packets have to differ; that they are without gaps does not matter. They are
// below 2^60.
func (p *Plan) Judge(l Link, n uint64) Verdict {
	if p.Loss == 0 && p.Duplicate == 0 && p.Latency.Kind == None && len(p.Rules) == 0 {
		return Verdict{}
	}
	return p.judge(l, n)
}

func (p *Plan) judge(l Link, n uint64) Verdict {
	if len(p.Rules) > 0 {
		return p.judgeRules(l, n)
	}
	return p.base(l, n)
}

// base is what the plan does without its rules.
func (p *Plan) base(l Link, n uint64) (v Verdict) {
	if p.Loss == 0 && p.Duplicate == 0 && p.Jitter == 0 && p.Latency.Kind <= Constant {
		v.Delay = p.Latency.Base
		return v
	}
	on := newStream(p.Seed, l)
	if p.Loss > 0 && share(on.draw(n, forLoss)) < p.Loss {
		v.Lost = true
		return v
	}
	v.Delay = p.delay(l, on, n, forLatency, forJitter)
	if p.Duplicate > 0 && share(on.draw(n, forDuplicate)) < p.Duplicate {
		v.Twice = true
		v.Delay2 = p.delay(l, on, n, forLatency2, forJitter2)
	}
	return v
}

// delay is how long one copy of a packet is under way.
func (p *Plan) delay(l Link, on stream, n uint64, latency, jitter purpose) time.Duration {
	var d time.Duration
	switch {
	case p.Latency.Kind <= Constant:
		d = p.Latency.draw(0)
	case !p.PerLink:
		d = p.Latency.draw(on.draw(n, latency))
	case p.Symmetric:
		pair := newStream(p.Seed, Link{min(l.From, l.To), max(l.From, l.To)})
		d = p.Latency.draw(pair.draw(noPacket, forPair))
	default:
		d = p.Latency.draw(on.draw(noPacket, forLink))
	}
	if p.Jitter > 0 && d > 0 {
		d += scale(d, float64(p.Jitter*share(on.draw(n, jitter))))
	}
	return d
}
