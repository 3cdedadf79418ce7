package membership

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

var swimKind = Kind{
	Name:     "swim",
	Summary:  "everybody knows everybody; each probes one other in turn, and who does not answer is suspected, then dead",
	Follows:  "SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2017), as in hashicorp/memberlist",
	Settings: slices.Concat(spreading, detecting),
	Check:    checkSwim,
	Make:     makeCore,
}

// checkSwim tells when a probe could not be over within its period.
func checkSwim(v protocol.Values) error {
	if period, timeout := v.Duration("period"), v.Duration("timeout"); 2*timeout > period {
		return fmt.Errorf("timeout=%v is more than half of period=%v: others would have no time to try", timeout, period)
	}
	return nil
}

// detector finds out who is dead: once a period it pings one member, asks others to do so if there is no answer, and
// suspects it if they have none either. A suspect that does not refute in time is dead.
//
// Lifeguard adds health: what this node fails to hear itself it first takes for its own fault, and probes more slowly.
type detector struct {
	*core
	phase  time.Duration // of the node's periods
	health int           // Lifeguard's local health multiplier, from 0, which is good
	number int           // of the last ping

	turns []gossip.NodeID // whose turn is still to come in this round
	trial trial
	relay []relayed
}

// trial is the probe under way.
type trial struct {
	target  gossip.NodeID // 0: none
	run     uint32
	number  int
	acked   bool
	helpers []gossip.NodeID
	nacks   int
}

// relayed is a probe that somebody else has asked for.
type relayed struct {
	asker, target gossip.NodeID
	theirs, mine  int // numbers
	until         int64
	nacked        bool // it is too late, but may still be of use to a patient one
}

// Bounds of a detector.
const (
	// healthMost is memberlist's AwarenessMaxMultiplier: nine times as slow is slow enough.
	healthMost = 8
	// relayMost is how many probes for others may be under way: everybody asking at once in a network of hundreds
	// finds three helpers each. What is beyond goes unanswered, as if it were lost.
	relayMost = 256
	// nackAfter, of ten, is the share of the timeout after which a helper says that it has no answer either: soon enough
	// to be heard before the probe is over (Lifeguard, section IV.A).
	nackAfter = 8
	// callsMore is how many dead are called at once when one has come back.
	callsMore = 3
	// asleep is how late, in parts of the period, a node must be to notice that it stood still: many times what a busy
	// machine lets a process wait.
	asleep = 4
)

func newDetector(c *core) *detector {
	d := &detector{core: c}
	if !c.aligned {
		d.phase = time.Duration(c.env.Rand.Int64N(int64(c.period)))
	}
	return d
}

// slowly stretches a time by the node's own health.
func (d *detector) slowly(t time.Duration) time.Duration { return t * time.Duration(d.health+1) }

// ail changes the score of the node's own health.
func (d *detector) ail(by int) {
	if d.lhaProbe {
		d.health = min(max(d.health+by, 0), healthMost)
	}
}

// settle sees to it that probes go on while there is anybody, and that the dead are called: at moments of chance, so
// that of many nodes one calls soon.
func (d *detector) settle(now time.Time, out *gossip.Outbox) {
	if len(d.here) > 0 && !d.agenda.wants(probe) {
		d.agenda.set(probe, nextBeat(now, d.phase, d.period), now, out)
	}
	if len(d.dead) > 0 && d.deadFor > 0 && !d.agenda.wants(callDead) {
		d.agenda.set(callDead, now.UnixNano()+1+d.env.Rand.Int64N(2*int64(d.deadCall)), now, out)
	}
}

// wakeUp notices, before anything else happens in a step, that the node stood still, and moves everything that others
// are waited for with by that long.
func (d *detector) wakeUp(now time.Time, out *gossip.Outbox) {
	first := int64(math.MaxInt64)
	for _, e := range [...]errand{probe, askOthers, giveUp, answerFor} {
		if due := d.agenda.due[e]; due != 0 {
			first = min(first, due)
		}
	}
	late := now.UnixNano() - first
	if first == math.MaxInt64 || late < int64(d.period)/asleep {
		return
	}
	d.stats.Slept++
	d.ail(1)
	for _, e := range [...]errand{probe, askOthers, giveUp, answerFor} {
		if due := d.agenda.due[e]; due != 0 {
			d.agenda.set(e, due+late, now, out)
		}
	}
	for _, m := range d.here {
		if m.suspicion != nil {
			m.suspicion.began += late
		}
	}
	for i := range d.relay {
		d.relay[i].until += late
	}
}

// begin begins a period: the probe of the last one is judged, and the next member has its turn.
func (d *detector) begin(now time.Time, out *gossip.Outbox) {
	d.judge(now, out)
	d.trial = trial{helpers: d.trial.helpers[:0]}
	target := d.nextTarget()
	length := d.slowly(d.period)
	if d.aligned {
		length += time.Duration(nextBeat(now, d.phase, d.period)-now.UnixNano()) - d.period
	}
	if target == nil {
		return // settle begins anew when somebody comes
	}
	d.trial.target, d.trial.run, d.trial.number = target.node, target.run, d.nextNumber()
	out.Send(target.node, d.packet(target, kindPing, d.trial.number, nil, out))
	d.agenda.set(probe, now.UnixNano()+int64(length), now, out)
	d.agenda.set(askOthers, now.UnixNano()+int64(d.slowly(d.timeout)), now, out)
}

func (d *detector) nextNumber() int {
	d.number = d.number%numbers + 1
	return d.number
}

// nextTarget chooses who is probed next: nil when nobody is there.
func (d *detector) nextTarget() *member {
	if len(d.here) == 0 {
		return nil
	}
	if d.random {
		return d.here[d.env.Rand.IntN(len(d.here))]
	}
	for {
		for len(d.turns) > 0 {
			last := len(d.turns) - 1
			m := d.find(d.turns[last])
			d.turns = d.turns[:last]
			if m != nil && m.here() {
				return m
			}
		}
		for _, m := range d.here {
			d.turns = append(d.turns, m.node)
		}
		d.env.Rand.Shuffle(len(d.turns), func(i, j int) { d.turns[i], d.turns[j] = d.turns[j], d.turns[i] })
	}
}

// met puts a new member at a random place among those whose turn is to come (SWIM, section 4.3).
func (d *detector) met(m *member) {
	if !d.random && m.here() && len(d.turns) > 0 && len(d.turns) < MaxMembers {
		d.turns = slices.Insert(d.turns, d.env.Rand.IntN(len(d.turns)+1), m.node)
	}
}

// askOthers asks others to probe whom the node did not hear from.
func (d *detector) askOthers(now time.Time, out *gossip.Outbox) {
	target := d.find(d.trial.target)
	if target == nil || d.trial.acked || !target.here() {
		return
	}
	for _, at := range d.draw(d.indirect, target.node) {
		helper := d.here[at]
		d.trial.helpers = append(d.trial.helpers, helper.node)
		head := [...]gossip.ID{target.id()}
		if target.standing != gossip.Alive { // a head holds no statement of a suspicion
			head[0] = record{target.node, target.run, target.incarnation, gossip.Alive}.id()
		}
		out.Send(helper.node, d.packet(helper, kindPingFor, d.trial.number, head[:], out))
	}
}

// acked takes in the answer to a ping: the node's own, or one for another.
func (d *detector) acked(now time.Time, from gossip.NodeID, number int, out *gossip.Outbox) {
	if d.trial.target == from && d.trial.number == number {
		d.trial.acked = true
	}
	at := slices.IndexFunc(d.relay, func(r relayed) bool { return r.target == from && r.mine == number })
	if at < 0 {
		return
	}
	r := d.relay[at]
	d.relay = slices.Delete(d.relay, at, at+1)
	d.tell(r, kindAckFor, out)
}

// tell tells who has asked for a probe what came of it.
func (d *detector) tell(r relayed, kind gossip.Kind, out *gossip.Outbox) {
	if target := d.find(r.target); target != nil {
		head := [...]gossip.ID{record{target.node, target.run, target.incarnation, gossip.Alive}.id()}
		out.Send(r.asker, d.packet(d.find(r.asker), kind, r.theirs, head[:], out))
	}
}

// probeFor probes a member for another one.
func (d *detector) probeFor(now time.Time, asker gossip.NodeID, number int, about record, out *gossip.Outbox) {
	d.learnAlive(now, about, out)
	target := d.find(about.node)
	if target == nil || len(d.relay) >= relayMost {
		return
	}
	r := relayed{asker: asker, target: about.node, theirs: number, mine: d.nextNumber(),
		until: now.UnixNano() + int64(d.timeout)*nackAfter/10}
	d.relay = append(d.relay, r)
	out.Send(target.node, d.packet(target, kindPing, r.mine, nil, out))
	if !d.agenda.wants(answerFor) {
		d.agenda.set(answerFor, r.until, now, out)
	}
}

// answerFor tells those who asked for probes that were not answered that at least this node is there. An answer that
// comes within a period is still passed on: some wait for longer.
func (d *detector) answerFor(now time.Time, out *gossip.Outbox) {
	at, first := now.UnixNano(), int64(math.MaxInt64)
	kept := d.relay[:0]
	for _, r := range d.relay {
		if r.until <= at && r.nacked {
			continue
		}
		if r.until <= at {
			d.tell(r, kindNackFor, out)
			r.nacked, r.until = true, at+int64(d.period)
		}
		first = min(first, r.until)
		kept = append(kept, r)
	}
	if d.relay = kept; len(kept) > 0 {
		d.agenda.set(answerFor, first, now, out)
	}
}

// answeredFor takes in what a helper says.
func (d *detector) answeredFor(from gossip.NodeID, number int, about gossip.NodeID, lives bool) {
	t := &d.trial
	at := slices.Index(t.helpers, from)
	if t.target != about || t.number != number || at < 0 {
		return
	}
	if lives {
		t.acked = true
		return
	}
	t.helpers[at] = 0 // counts once
	t.nacks++
}

// judge draws the conclusion from the probe of the period that ends.
func (d *detector) judge(now time.Time, out *gossip.Outbox) {
	t := &d.trial
	if t.target == 0 {
		return
	}
	if t.acked {
		d.ail(-1)
		return
	}
	m := d.find(t.target)
	if m == nil || !m.here() || m.run != t.run {
		return // others were faster, or it has begun anew
	}
	d.ail(1)
	if t.nacks < len(t.helpers) {
		d.ail(1) // not even those who helped were heard
	}
	s := statement{record{m.node, m.run, m.incarnation, gossip.Suspect}, d.me.id()}
	d.learn(now, s, false, out)
	if d.buddy && m.standing == gossip.Suspect {
		out.Send(m.node, d.packet(m, kindNews, 0, nil, out))
	}
}
