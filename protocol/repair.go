package protocol

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"gossipctl/gossip"
)

// What closes the gaps that a protocol leaves.
const (
	RepairAntiEntropy = "anti-entropy"
	RepairNone        = "none"
)

// Bounds of how often repair may be asked to go by: shorter, and calls would be the load; longer, and
// nobody could tell it from none.
const (
	leastRepairEvery = 10 * time.Millisecond
	mostRepairEvery  = 24 * time.Hour
)

// CheckRepair tells what is wrong with a way to repair and its interval: an empty way is none, an interval
// of 0 is [RepairEvery].
func CheckRepair(way string, every time.Duration) error {
	if way != "" && way != RepairNone && way != RepairAntiEntropy {
		return fmt.Errorf("there is no repair %q; there is %s and %s", way, RepairAntiEntropy, RepairNone)
	}
	if every != 0 && (every < leastRepairEvery || every > mostRepairEvery) {
		return fmt.Errorf("a repair interval of %v is not from %v to %v", every, leastRepairEvery, mostRepairEvery)
	}
	return nil
}

// RepairEvery is how often a node compares what it knows with one of its peers. A second is shorter than
// people wait before they look again, and what it costs at rest, one packet of a hundred bytes, cannot be
// felt: that of a ring of 64 whose every gap is found within some seconds.
const RepairEvery = time.Second

// RepairRules are the same at all nodes of a network.
type RepairRules struct {
	// Every is how long a node waits between two calls, give or take a tenth; 0 = [RepairEvery].
	Every time.Duration
	// Grace is how long a message is left to the protocol before a gap is believed; 0 = Every. Neighbours
	// may hear of it half of that apart: many times what a message takes on a link, and longer than a busy
	// machine lets a process wait. [Kind.Grace] knows which protocols take longer.
	Grace time.Duration
	// Remember is how many messages are kept to be handed out: as many as the inbox holds, or it would
	// ask for what the inbox has no room for. Each takes about 230 bytes besides its body, which is the
	// inbox's own and not copied. 0 = 100,000, as many as an inbox holds unless it is told otherwise.
	Remember int
	// RememberBytes bounds their bodies; 0 = 256 MiB, like those of an inbox.
	RememberBytes int
	// Refuse says that a full inbox refuses what is new. Nothing is asked for then.
	Refuse bool
}

// Bounds of rules that do not say any.
const (
	repairRemember      = 100_000
	repairRememberBytes = 256 << 20
	// repairPage is how many stretches of names a page tells, as anti-entropy's.
	repairPage = 512
)

// apartRounds is how many rounds neighbours may hear of a message apart, with a protocol that has rounds.
const apartRounds = 5

// Grace is how long a message should be left to the protocol before its gaps are repaired, when repair
// goes by the given interval.
func (k Kind) Grace(values Values, every time.Duration) time.Duration {
	grace := cmp.Or(every, RepairEvery)
	if k.Rounds {
		grace = max(grace, 2*apartRounds*values.Duration("interval"))
	}
	if k.Apart != nil {
		grace = max(grace, 2*k.Apart(values))
	}
	return grace
}

// repair adds anti-entropy to another protocol, which goes about its business undisturbed: its packets
// and timers pass through, and what it delivers is learned. Once an interval, and for ever, a node tells
// one of its peers a checksum of all names of messages it knows. If that peer's is another, the two find
// out what is missing on both sides, page by page as [reconciler] does, and hand it over.
//
//   - What is young is let alone, for it may still be on its way: a message is told once it has been here
//     for half the grace time, and handed out once it has been here for the whole of it. So nodes may hear
//     of a message half the grace time apart before any is sent twice.
//   - What was repaired is passed on at once: see contact.
//   - It never ends. Whatever the peers do or do not do, the calls go on, and every peer has its turn.
//
// Nothing is kept about an exchange under way but that it should be tried again soon.
type repair struct {
	reconciler
	inner gossip.Protocol
	rules RepairRules
	rng   *rand.Rand
	peers gossip.Peers

	known  stretches // all names, those of the young too
	young  gossip.Shelf[youngster]
	bytes  int   // of the bodies of all that is held, old and young
	latest int64 // what the clock said last

	met     bool // it was told its peers before
	ticking bool // the alarm of the next call is set
	next    int  // whose turn it is
	calls   int

	contacts []contact
	hurrying bool  // the alarm of the next hurried calls is set
	hurried  int64 // when there were the last ones
	source   gossip.NodeID
	sourced  int64 // when the source was last asked for what is lacking
	lossy    int64 // when a hurried call was last seen to need another
}

// youngster is a message that came lately.
type youngster struct {
	gossip.Message
	came int64
}

// Repair's timers have the bit that no protocol's own timer has: those are moments in Unix nanoseconds, or
// small numbers.
const (
	repairTimer = gossip.TimerRepair
	repairTick  = repairTimer | 1
	repairHurry = repairTimer | 2
)

// repairKinds is the first of the kinds of repair's packets, above all that protocols have.
const repairKinds = gossip.KindRepair

// IsRepair reports whether packets of a kind are repair's.
func IsRepair(kind gossip.Kind) bool { return kind >= repairKinds && kind < gossip.KindValues }

// WithRepair adds anti-entropy to a protocol, by rules that are the same at all nodes. The environment's
// generator must be another one than the protocol's, so that this one draws as if it were alone; see
// [RepairGenerator].
func WithRepair(inner gossip.Protocol, env Environment, rules RepairRules) gossip.Protocol {
	rules.Every = cmp.Or(rules.Every, RepairEvery)
	rules.Grace = cmp.Or(rules.Grace, rules.Every)
	rules.Remember = cmp.Or(rules.Remember, repairRemember)
	rules.RememberBytes = cmp.Or(rules.RememberBytes, repairRememberBytes)
	return &repair{
		reconciler: reconciler{reconcileRules: &reconcileRules{
			kinds: repairKinds, give: true, take: true, compare: compareFull, page: repairPage, remember: rules.Remember,
		}},
		inner: inner, rules: rules, rng: env.Rand,
	}
}

// Repaired makes the protocol of one node with anti-entropy around it, by rules that are filled in with
// what suits the protocol. The seed is the network's.
func (k Kind) Repaired(inner gossip.Protocol, values Values, seed uint64, self gossip.NodeID, rules RepairRules) gossip.Protocol {
	rules.Grace = cmp.Or(rules.Grace, k.Grace(values, rules.Every))
	return WithRepair(inner, Environment{Self: self, Rand: RepairGenerator(seed, self)}, rules)
}

// repairStream keeps repair's draws apart from those of the protocol.
const repairStream = 0x7265706169720000

// RepairGenerator returns the generator of one node's repair, as [Generator] does that of its protocol.
func RepairGenerator(seed uint64, self gossip.NodeID) *rand.Rand {
	return Generator(seed^repairStream, self)
}

// Under implements [gossip.Layer].
func (r *repair) Under() gossip.Protocol { return r.inner }

func (r *repair) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	r.inner.Peers(now, peers, out)
	r.learned(now, out)
	r.settle(now)
	before := r.peers
	r.peers = peers
	r.part()
	if r.met {
		r.greet(now, before, out)
	}
	r.met = true
	if !r.ticking && peers.Len() > 0 {
		r.ticking = true
		r.next = r.rng.IntN(peers.Len())
		out.Alarm(now.Add(1+time.Duration(r.rng.Int64N(int64(r.rules.Every)))), repairTick)
	}
}

func (r *repair) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	r.inner.Publish(now, m, limit, out)
	r.learned(now, out)
	r.grow(now, m)
}

func (r *repair) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if !IsRepair(p.Kind) {
		r.inner.Receive(now, from, p, out)
		r.learned(now, out)
		return
	}
	r.settle(now)
	r.attend(now, from, p, out)
}

func (r *repair) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if t&repairTimer == 0 {
		r.inner.Wake(now, t, out)
		r.learned(now, out)
		return
	}
	r.settle(now)
	switch {
	case t == repairTick && r.ticking:
		r.tick(now, out)
	case t == repairHurry && r.hurrying:
		r.hurry(now, out)
	}
}

// Recall takes in a message that the node has from an earlier life.
func (r *repair) Recall(now time.Time, m gossip.Message) {
	if inner, is := r.inner.(gossip.Recaller); is {
		inner.Recall(now, m)
	}
	if _, known := r.known.find(m.ID); !known && isName(m.ID) {
		r.admit(r.ripe(now), m)
	}
}

// Forget takes in a row of names of one life that the node had and has let go of. They are told as such,
// and asked for no more. Of more names than are ever let go of one by one a checksum is not made.
func (r *repair) Forget(first, last gossip.ID) {
	if inner, is := r.inner.(gossip.Forgetter); is {
		inner.Forget(first, last)
	}
	if !isName(first) || !isName(last) || first.Origin != last.Origin || first.Run != last.Run {
		return
	}
	for id := first; id.Compare(last) <= 0; {
		at, is := r.known.find(id)
		if is {
			id.Seq = r.known[at].last + 1
			continue
		}
		row := stretch{origin: id.Origin, run: id.Run, first: id.Seq, last: last.Seq}
		if at < len(r.known) && r.known[at].begin().Compare(last) <= 0 {
			row.last = r.known[at].first - 1
		}
		id.Seq = row.last + 1
		r.known = r.known.put(at, row)
		if row.count() > forgetMost {
			continue
		}
		at, _ = r.names.find(row.begin())
		r.names = r.names.put(at, row)
		for name := row.begin(); name.Seq <= row.last; name.Seq++ {
			r.sum += nameSum(name)
		}
	}
}

// forgetMost is how long a row of forgotten names may be that is made part of a checksum: what that takes
// is some milliseconds.
const forgetMost = 1 << 20

// Infective reports whether there is a message it would hand out to whoever lacks it: always, once it has
// one and a peer.
func (r *repair) Infective() bool {
	if inner, is := r.inner.(gossip.Restless); is && inner.Infective() {
		return true
	}
	return r.held.len()+r.young.Len() > 0 && r.peers.Len() > 0
}

// learned takes in what the protocol delivers. What repair has delivered before it is no news.
func (r *repair) learned(now time.Time, out *gossip.Outbox) {
	kept := out.Delivered[:0]
	for _, m := range out.Delivered {
		if m.ID.IsUpdate() { // values are reconciled by themselves
			kept = append(kept, m)
			continue
		}
		if _, known := r.known.find(m.ID); !known {
			kept = append(kept, m)
			r.grow(now, m)
		}
	}
	out.Delivered = kept
}

// grow takes in a message that came by the protocol, unless it is known.
func (r *repair) grow(now time.Time, m gossip.Message) {
	if _, known := r.known.find(m.ID); known || !isName(m.ID) || m.ID.IsUpdate() || !r.known.fits(m.ID, r.stretchesMost()) {
		return
	}
	if r.young.Len() >= r.remember {
		r.mature()
	}
	r.makeRoom(len(m.Body))
	y, _ := r.young.Add()
	*y = youngster{m, now.UnixNano()}
	r.bytes += len(m.Body)
	at, _ := r.known.find(m.ID)
	r.known = r.known.put(at, single(m.ID))
}

// admit takes in a message that is not known and is to be told and handed out at once, because it came at
// the given moment.
func (r *repair) admit(came time.Time, m gossip.Message) {
	r.makeRoom(len(m.Body))
	r.bytes += len(m.Body)
	at, _ := r.known.find(m.ID)
	r.known = r.known.put(at, single(m.ID))
	r.enter(came, m, r.remember)
}

// makeRoom forgets the oldest messages until there is room for one more, with a body of so many bytes.
func (r *repair) makeRoom(size int) {
	for r.held.len() > 0 && (r.held.len()+r.young.Len() >= r.remember || r.bytes+size > r.rules.RememberBytes) {
		_, oldest := r.held.at(r.held.first())
		r.bytes -= len(oldest.body)
		r.known = r.known.forget(r.forgetOldest())
	}
}

// full reports whether the inbox takes nothing more.
func (r *repair) full() bool {
	return r.rules.Refuse && (r.held.len()+r.young.Len() >= r.remember || r.bytes >= r.rules.RememberBytes)
}

// settle brings everything up to now: whoever is no longer young is told of from here on.
func (r *repair) settle(now time.Time) {
	if now.UnixNano() < r.latest {
		r.turnBack(now)
	}
	r.latest = now.UnixNano()
	for r.young.Len() > 0 && r.latest-r.young.At(r.young.Oldest()).came > int64(r.rules.Grace/2) {
		r.mature()
	}
}

// mature makes the oldest of the young one of the others.
func (r *repair) mature() {
	y := r.young.At(r.young.Oldest())
	m, came := y.Message, y.came
	r.young.Drop()
	for r.held.len() > 0 && r.held.len() >= r.remember {
		_, oldest := r.held.at(r.held.first())
		r.bytes -= len(oldest.body)
		r.known = r.known.forget(r.forgetOldest())
	}
	r.enter(time.Unix(0, came), m, r.remember)
}

// turnBack is for a clock that was set back. What came at moments that are now to come would be young
// until then: for hours.
func (r *repair) turnBack(now time.Time) {
	old := r.ripe(now).UnixNano()
	for r.young.Len() > 0 {
		r.young.At(r.young.Oldest()).came = old
		r.mature()
	}
	for number := r.held.last(); number >= r.held.first() && number > 0; number-- {
		_, h := r.held.at(number)
		if h.came <= old {
			break
		}
		h.came = old
	}
	r.hurried, r.sourced, r.lossy = 0, 0, 0
	for i := range r.contacts {
		r.contacts[i].since = now.UnixNano()
	}
}

// ripe is the moment by which a message must have come to be handed out now.
func (r *repair) ripe(now time.Time) time.Time { return now.Add(-r.rules.Grace - 1) }
