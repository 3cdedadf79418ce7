package transport

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// DropClosed is the reason for dropping what still waited when its transport ended.
const DropClosed = "closed"

// waitingOverhead is what an envelope that waits costs beside its bytes, so that a bound on bytes
// bounds memory, however small the envelopes are.
const waitingOverhead = 64

// keptDelays is for how many copies a quiet node keeps room: 4 KiB, as a quiet link does.
const keptDelays = idleBuffer / waitingOverhead

// Faulty is a transport whose links suffer what a fault plan says: of the envelopes its node sends,
// some are lost, some come twice, and all take their time. What arrives is left alone, for the other
// end has judged it when it sent. The zero value is not usable; see [NewFaulty].
//
// What waits for its time counts against the same bound as what waits for the peer in the transport
// beneath: together they are at most QueueBytes for each peer, so that an envelope which was taken in
// still finds room when its time has come.
type Faulty struct {
	inner Transport
	self  gossip.NodeID
	plan  *fault.Plan
	wake  chan struct{} // holds a token when something else may be due first

	mu      sync.Mutex
	closed  bool
	flows   map[gossip.NodeID]*flow // one small struct for each node that ever was a peer
	waiting delays
	number  uint64 // of the next in waiting
	stats   FaultStats
}

// flow is what goes to one peer.
type flow struct {
	to      gossip.NodeID
	packets uint64       // judged so far
	bytes   atomic.Int64 // that wait; added to under the lock, taken from without
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
	if plan == nil {
		plan = new(fault.Plan)
	}
	return &Faulty{
		inner: inner, self: self, plan: plan,
		wake:  make(chan struct{}, 1),
		flows: make(map[gossip.NodeID]*flow),
		stats: FaultStats{Dropped: make(map[string]uint64)},
	}
}

// Stats returns the counts so far.
func (f *Faulty) Stats() FaultStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Waiting = uint64(len(f.waiting))
	s.Dropped = maps.Clone(s.Dropped)
	return s
}

// Send implements [Transport]. An envelope that the plan loses is no error: nobody sees a packet get
// lost. One that has to wait is copied; should the peer be taken away meanwhile, the transport beneath
// counts it as dropped.
func (f *Faulty) Send(to gossip.NodeID, e *gossip.Envelope) error {
	room, err := f.below(to)
	fl, verdict, err := f.judge(to, err)
	if err != nil || verdict.Lost {
		return err
	}
	var wire []byte
	if verdict.Delay > 0 || verdict.Delay2 > 0 {
		// Not under the lock, and not at all for a peer that takes nothing.
		if err = ErrQueueFull; fl.bytes.Load()+waitingOverhead <= int64(room) {
			wire, err = gossip.AppendEnvelope(make([]byte, 0, sizeOf(e)), e)
		}
	}
	if verdict.Twice {
		// What becomes of the second copy is only counted: the node is told of the first.
		f.dispatch(fl, e, verdict.Delay2, wire, err, room)
	}
	return f.dispatch(fl, e, verdict.Delay, wire, err, room)
}

// judge says what becomes of the next envelope to a peer, and counts what that decides. Err is why
// there can be none.
func (f *Faulty) judge(to gossip.NodeID, err error) (*flow, fault.Verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Sent++
	if err == nil && f.closed {
		err = ErrClosed
	}
	if err != nil {
		f.drop(err)
		return nil, fault.Verdict{}, err
	}
	fl := f.flows[to]
	if fl == nil {
		fl = &flow{to: to}
		f.flows[to] = fl
	}
	v := f.plan.Judge(fault.Link{From: f.self, To: to}, fl.packets)
	fl.packets++
	if v.Lost {
		f.stats.Lost++
		return fl, v, nil
	}
	if v.Delay <= 0 {
		f.stats.Passed++
	}
	if v.Twice {
		f.stats.Repeated++
		if v.Delay2 <= 0 {
			f.stats.Passed++
		}
	}
	return fl, v, nil
}

// dispatch sends one copy on, or keeps it until its time has come: wire, unless that failed with err.
func (f *Faulty) dispatch(fl *flow, e *gossip.Envelope, delay time.Duration, wire []byte, err error, room int) error {
	if delay <= 0 {
		return f.inner.Send(fl.to, e)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := delayed{time.Now().Add(delay), f.number, fl, wire}
	switch {
	case err != nil:
	case f.closed:
		err = ErrClosed
	case fl.bytes.Load()+d.size() > int64(room):
		err = ErrQueueFull
	}
	if err != nil {
		f.drop(err)
		return err
	}
	f.number++
	fl.bytes.Add(d.size())
	f.waiting.push(d)
	if f.waiting[0].number == d.number {
		select {
		case f.wake <- struct{}{}:
		default:
		}
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
	return size
}

// drop counts a copy that was not taken in.
func (f *Faulty) drop(err error) {
	reason := DropTooLarge
	switch {
	case errors.Is(err, ErrNoPeer):
		reason = DropNoPeer
	case errors.Is(err, ErrQueueFull):
		reason = DropQueueFull
	case errors.Is(err, ErrClosed):
		reason = DropClosed
	}
	f.stats.Dropped[reason]++
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
	if left := len(f.waiting); left > 0 {
		f.stats.Dropped[DropClosed] += uint64(left)
	}
	f.waiting = nil
	return err
}

// pump hands on what waits, each copy when its time has come, until ctx ends. It alone does, so
// copies of equal delays keep their order.
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
				f.inner.Send(d.flow.to, &batch.Envelopes[0])
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
func (f *Faulty) due(list []delayed) ([]delayed, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for len(f.waiting) > 0 && !f.waiting[0].due.After(now) {
		list = append(list, f.waiting.pop())
	}
	f.stats.Passed += uint64(len(list))
	if len(f.waiting) > 0 {
		return list, f.waiting[0].due
	}
	if cap(f.waiting) > keptDelays {
		f.waiting = nil
	}
	return list, time.Time{}
}

// spacious is a transport that can tell before a Send how many more bytes may wait for a peer, and
// with ErrNoPeer or ErrClosed that none may. To be asked counts as nothing. A transport round another
// one passes the question on.
type spacious interface {
	space(to gossip.NodeID) (int, error)
}

// below asks the transport beneath how much room it has; one that cannot tell is taken to have some.
func (f *Faulty) below(to gossip.NodeID) (int, error) {
	if inner, tells := f.inner.(spacious); tells {
		return inner.space(to)
	}
	return QueueBytes, nil
}

func (t *HTTP) space(to gossip.NodeID) (int, error) {
	t.mu.Lock()
	l, open := t.links[to], t.ctx != nil && !t.closed
	t.mu.Unlock()
	switch {
	case !open:
		return 0, ErrClosed
	case l == nil:
		return 0, ErrNoPeer
	}
	queued, _ := l.load()
	return QueueBytes - queued, nil
}

func (n *memNode) space(to gossip.NodeID) (int, error) {
	n.net.mu.Lock()
	peer := n.net.nodes[to]
	n.net.mu.Unlock()
	if peer == nil {
		return 0, ErrNoPeer
	}
	select {
	case <-n.done:
		return 0, ErrClosed
	default:
	}
	// Its queue counts envelopes, of all senders together: room for the largest is room for any.
	return min(QueueBytes, (memQueue-len(peer.queue))*gossip.MaxEnvelope), nil
}

// delayed is a copy that waits.
type delayed struct {
	due    time.Time
	number uint64 // in order of coming, which decides between copies due at once
	flow   *flow
	wire   []byte
}

// size is what the copy counts against the bound.
func (d *delayed) size() int64 { return int64(len(d.wire)) + waitingOverhead }

// delays is a heap of copies, the one that is due first on top.
type delays []delayed

func (s delays) before(i, j int) bool {
	if s[i].due.Equal(s[j].due) {
		return s[i].number < s[j].number
	}
	return s[i].due.Before(s[j].due)
}

func (h *delays) push(d delayed) {
	*h = append(*h, d)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.before(i, up) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *delays) pop() delayed {
	s := *h
	first, last := s[0], len(s)-1
	s[0], s[last] = s[last], delayed{}
	s = s[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s.before(child, least) {
				least = child
			}
		}
		if least == i {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	*h = s
	return first
}
