package transport

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// waitingOverhead is what an envelope that waits costs beside its bytes, so that a bound on bytes
// bounds memory, however small the envelopes are.
const waitingOverhead = 64

// keptDelays is for how many copies a quiet node keeps room: 4 KiB, as a quiet link does.
const keptDelays = idleBuffer / waitingOverhead

// Faulty is a transport whose links suffer what a fault plan says: of the envelopes its node sends,
// some are lost, some come twice, some are damaged, and all take their time. What arrives is left alone,
// for the other end has judged it when it sent. The plan may be changed at any time; one that does
// nothing costs three nanoseconds. The zero value is not usable; see [NewFaulty].
//
// What waits for its time counts against the same bound as what waits for the peer in the transport
// beneath: together they are at most QueueBytes for each peer, so that an envelope which was taken in
// still finds room when its time has come.
type Faulty struct {
	inner booked
	self  gossip.NodeID
	calm  atomic.Bool   // the plan does nothing, and nothing waits
	wake  chan struct{} // holds a token when something else may be due first

	mu      sync.Mutex
	plan    *fault.Plan // never nil
	ends    time.Time   // when a rule of it ends by itself; zero: never
	closed  bool
	flows   map[gossip.NodeID]*flow // one small struct for each node that ever was a peer
	waiting delays
	number  uint64 // of the next in waiting
	dropped map[string]uint64
}

// booked is a transport that keeps accounts in which a transport round it can count too.
type booked interface {
	Transport
	Counting
	// room returns the account of a node, never nil, and how many more bytes may wait for it; with
	// ErrNoPeer or ErrClosed that none may. To be asked counts as nothing.
	room(to gossip.NodeID) (*account, int, error)
	// forward is Send for a packet that comes as it says.
	forward(to gossip.NodeID, e *gossip.Envelope, how handed) error
}

// flow is what goes to one peer.
type flow struct {
	to    gossip.NodeID
	bytes atomic.Int64 // that wait; added to under the lock, taken from without
	free  time.Time    // when a bound on bandwidth lets the next go
}

// FaultStats count what became of the envelopes that a node has sent. Sent and Repeated together are
// Lost, Passed, Waiting and all Dropped.
type FaultStats struct {
	Sent     uint64            // calls of Send
	Lost     uint64            // envelopes, because the plan said so
	Repeated uint64            // second copies, because the plan said so
	Passed   uint64            // copies handed to the transport beneath, which counts what becomes of them
	Waiting  uint64            // copies whose time has not come
	Dropped  map[string]uint64 // copies that were not taken in or that time ran out for, by reason
}

// NewFaulty puts a plan between node self and the transport it sends over. The plan must have passed
// its check and must not be changed any more; nil does nothing.
func NewFaulty(inner Transport, self gossip.NodeID, plan *fault.Plan) *Faulty {
	beneath, is := inner.(booked)
	if !is {
		beneath = &foreign{Transport: inner, accounts: make(map[gossip.NodeID]*account)}
	}
	f := &Faulty{
		inner: beneath, self: self,
		wake:    make(chan struct{}, 1),
		flows:   make(map[gossip.NodeID]*flow),
		dropped: make(map[string]uint64),
	}
	f.SetPlan(plan)
	return f
}

// SetPlan changes what the links do from the next envelope on. The plan must have passed its check and
// must not be changed any more; nil does nothing. The packets on a link keep their numbers. What waits
// for its time goes on waiting, but for what a bound on bandwidth held up: that goes on under the new
// one, or leaves at once.
func (f *Faulty) SetPlan(plan *fault.Plan) {
	if plan == nil {
		plan = new(fault.Plan)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follow(plan, time.Now())
}

// SetRules is SetPlan with the plan there is, but for its rules: these take the place of all others.
func (f *Faulty) SetRules(rules []fault.Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan := *f.plan
	plan.Rules = rules
	f.follow(&plan, time.Now())
}

// Plan returns the plan in force, without the rules that have ended. It must not be changed.
func (f *Faulty) Plan() *fault.Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plan.At(time.Now())
}

// follow puts a plan into force. The lock is held.
func (f *Faulty) follow(plan *fault.Plan, now time.Time) {
	f.plan, f.ends = plan.At(now), plan.Next(now)
	f.reschedule(now)
	f.settle()
	f.rouse() // there may be another end to wait for
}

// settle finds out whether everything may pass without a look. The lock is held.
func (f *Faulty) settle() {
	p := f.plan
	f.calm.Store(len(p.Rules) == 0 && p.Loss == 0 && p.Duplicate == 0 && p.Latency.Kind == fault.None && len(f.waiting) == 0)
}

func (f *Faulty) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// reschedule gives what a bound on bandwidth holds up the times that the plan in force says. The lock is
// held.
func (f *Faulty) reschedule(now time.Time) {
	held := make(map[*flow]delays)
	for _, d := range f.waiting {
		if d.leaves.After(now) {
			held[d.flow] = append(held[d.flow], d)
		}
	}
	for _, fl := range f.flows {
		fl.free = time.Time{}
	}
	if len(held) == 0 {
		return
	}
	rest := f.waiting
	f.waiting = make(delays, 0, len(rest))
	for _, d := range rest {
		if !d.leaves.After(now) {
			f.waiting.push(d)
		}
	}
	for fl, list := range held {
		bandwidth := f.plan.Judge(fault.Link{From: f.self, To: fl.to}, 0).Bandwidth
		for _, d := range list.inOrder() {
			after := d.due.Sub(d.leaves)
			d.leaves = fl.through(now, len(d.wire), bandwidth)
			d.due = d.leaves.Add(after)
			if bandwidth > 0 {
				fl.free = d.leaves
			}
			f.waiting.push(d)
		}
	}
}

// through is when an envelope of a size has left at a bandwidth in bytes a second; 0 is no bound.
func (fl *flow) through(now time.Time, size int, bandwidth int64) time.Time {
	if bandwidth <= 0 {
		return now
	}
	if fl.free.After(now) {
		now = fl.free
	}
	return now.Add(time.Duration(float64(size+gossip.FrameHeader) / float64(bandwidth) * float64(time.Second)))
}

// Stats returns the counts so far.
func (f *Faulty) Stats() FaultStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := FaultStats{Dropped: maps.Clone(f.dropped), Waiting: uint64(len(f.waiting))}
	for _, l := range f.inner.Links() {
		s.Sent += l.Sent
		s.Repeated += l.Repeated
		s.Lost += l.Dropped[DropLoss] + l.Dropped[DropPartition]
	}
	s.Passed = s.Sent + s.Repeated - s.Lost - s.Waiting
	for _, n := range s.Dropped {
		s.Passed -= n
	}
	return s
}

// Links implements [Counting].
func (f *Faulty) Links() []LinkStats {
	links := f.inner.Links()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range links {
		if fl := f.flows[links[i].Peer]; fl != nil {
			links[i].Queued += int(fl.bytes.Load())
		}
	}
	return links
}

// Heard implements [Counting].
func (f *Faulty) Heard() []Heard { return f.inner.Heard() }

// Send implements [Transport]. An envelope that the plan loses is no error: nobody sees a packet get
// lost. One that has to wait is copied; should the peer be taken away meanwhile, the transport beneath
// counts it as dropped.
func (f *Faulty) Send(to gossip.NodeID, e *gossip.Envelope) error {
	if f.calm.Load() {
		return f.inner.Send(to, e)
	}
	account, room, err := f.inner.room(to)
	fl, v, err := f.judge(to, account, err)
	if err != nil || v.Lost {
		return err
	}
	c := copied{flow: fl, account: account, bandwidth: v.Bandwidth}
	if v.Delay > 0 || v.Delay2 > 0 || v.Bandwidth > 0 {
		// Not under the lock, and not at all for a peer that takes nothing.
		if c.err = ErrQueueFull; fl.bytes.Load()+waitingOverhead <= int64(room) {
			c.wire, c.err = gossip.AppendEnvelope(make([]byte, 0, sizeOf(e)), e)
		}
	}
	if v.Twice {
		// What becomes of the second copy is only counted: the node is told of the first.
		f.dispatch(&c, e, v.Delay2, v.Corrupt2)
	}
	return f.dispatch(&c, e, v.Delay, v.Corrupt)
}

// judge says what becomes of the next envelope to a peer, and counts it: as lost, or as waiting above
// the transport beneath until that takes it. Err is why there can be none.
func (f *Faulty) judge(to gossip.NodeID, a *account, err error) (*flow, fault.Verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.closed {
		err = ErrClosed
	}
	if err != nil {
		f.dropped[reasonOf(err)]++
		return nil, fault.Verdict{}, a.refuse(handed{}, err)
	}
	if !f.ends.IsZero() {
		if now := time.Now(); !now.Before(f.ends) {
			f.follow(f.plan, now)
		}
	}
	fl := f.flows[to]
	if fl == nil {
		fl = &flow{to: to}
		f.flows[to] = fl
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	v := f.plan.Judge(fault.Link{From: f.self, To: to}, a.sent)
	a.sent++
	if v.Lost {
		a.drop(v.Reason(), 1)
		return fl, v, nil
	}
	a.held++
	if v.Twice {
		a.repeated++
		a.held++
	}
	return fl, v, nil
}

// copied is what the copies of one envelope have in common.
type copied struct {
	flow      *flow
	account   *account
	bandwidth int64
	wire      []byte // when one of them has to wait
	err       error  // why there is no wire
}

// dispatch sends one copy on, or keeps it until its time has come.
func (f *Faulty) dispatch(c *copied, e *gossip.Envelope, delay time.Duration, spoil bool) error {
	if delay <= 0 && c.bandwidth <= 0 {
		return f.inner.forward(c.flow.to, e, handed{held: true, spoil: spoil})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	d := delayed{due: now.Add(delay), number: f.number, flow: c.flow, account: c.account, wire: c.wire, spoil: spoil}
	if c.bandwidth > 0 {
		d.leaves = c.flow.through(now, len(c.wire), c.bandwidth)
		d.due = d.leaves.Add(delay)
	}
	err := c.err
	if err == nil && f.closed {
		err = ErrClosed
	}
	if err == nil {
		// In this order: what goes from here to the transport beneath meanwhile counts twice, and not never.
		waiting := c.flow.bytes.Load()
		var room int
		if _, room, err = f.inner.room(c.flow.to); err == nil && waiting+d.size() > int64(room) {
			err = ErrQueueFull
		}
	}
	if err != nil {
		f.dropped[reasonOf(err)]++
		return c.account.refuse(handed{held: true}, err)
	}
	if c.bandwidth > 0 {
		c.flow.free = d.leaves
	}
	f.number++
	c.flow.bytes.Add(d.size())
	f.waiting.push(d)
	if f.waiting[0].number == d.number {
		f.rouse()
	}
	return nil
}

// sizeOf is about how many bytes an envelope takes, seldom fewer.
func sizeOf(e *gossip.Envelope) int {
	size := 16 + 8*len(e.Packet.IDs)
	for i := range e.Packet.Messages {
		size += 24 + len(e.Packet.Messages[i].Body)
	}
	for _, route := range e.Routes {
		size += 3 * len(route)
	}
	for i := range e.Contacts {
		size += 8 + len(e.Contacts[i].Addr)
	}
	return size
}

// Serve implements [Transport]. It may be called once.
func (f *Faulty) Serve(ctx context.Context, recv func([]gossip.Envelope)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pump sync.WaitGroup
	pump.Go(func() { f.pump(ctx) })
	err := f.inner.Serve(ctx, recv)
	cancel()
	pump.Wait()

	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, d := range f.waiting {
		f.dropped[DropClosed]++
		d.account.refuse(handed{held: true}, ErrClosed)
	}
	f.waiting = nil
	f.calm.Store(false) // so that what comes now is refused here
	return err
}

// pump hands on what waits, each copy when its time has come, until ctx ends. It alone does, so
// copies of equal delays keep their order. It also ends what has an end.
func (f *Faulty) pump(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due []delayed
	var batch gossip.Batch
	for {
		var next time.Time
		due, next = f.due(due[:0])
		for i := range due {
			d := &due[i]
			batch.Reset()
			// What AppendEnvelope has made can be read. Should the transport beneath refuse it, it counts.
			if batch.Decode(d.wire) == nil {
				f.inner.forward(d.flow.to, &batch.Envelopes[0], handed{held: true, spoil: d.spoil})
			}
			// Only now, so that the copy has room in one of the two at any time.
			d.flow.bytes.Add(-d.size())
			*d = delayed{}
		}
		if len(due) > 0 {
			continue // time has passed
		}
		if cap(due) > keptDelays {
			due = nil
		}
		var ring <-chan time.Time
		if !next.IsZero() {
			timer.Reset(time.Until(next))
			ring = timer.C
		}
		select {
		case <-ring:
		case <-f.wake:
		case <-ctx.Done():
			return
		}
	}
}

// due appends to list what is due, in order; when nothing is, it returns when something will be, or
// the zero time.
func (f *Faulty) due(list []delayed) (_ []delayed, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.ends.IsZero() && !now.Before(f.ends) {
		f.follow(f.plan, now)
	}
	for len(f.waiting) > 0 && !f.waiting[0].due.After(now) {
		list = append(list, f.waiting.pop())
	}
	next = f.ends
	if len(f.waiting) > 0 {
		if first := f.waiting[0].due; next.IsZero() || first.Before(next) {
			next = first
		}
		return list, next
	}
	if len(list) == 0 {
		f.settle()
	}
	if cap(f.waiting) > keptDelays {
		f.waiting = nil
	}
	return list, next
}
