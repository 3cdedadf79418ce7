package netctl

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"

	"golang.org/x/sync/errgroup"
)

const (
	// batchMost is how many messages one request holds at most. With 32 a burst takes a third
	// longer, with 256 a tenth; more than this gains nothing and moves the progress in leaps.
	batchMost = 1024
	// A busy node is asked again after retryMin, then less and less often.
	retryMin = 5 * time.Millisecond
	retryMax = 200 * time.Millisecond
	// lookTimeout is how long a node may take to say what it has counted. In the middle of a burst
	// it shares the processors with all others.
	lookTimeout = 5 * time.Second
	// calmPause is between two looks at counters that should have stopped. Copies that nobody waits
	// for any more follow the last delivery by milliseconds.
	calmPause = 50 * time.Millisecond
	// calmMost bounds those looks: other people may keep the network busy.
	calmMost = 40
)

// Burst is what a burst did.
type Burst struct {
	Messages   int
	Accepted   time.Duration   // from the first sending until the nodes had taken all of it from us; 0 when they did not
	Took       time.Duration   // from the first sending to the last delivery
	Deliveries int             // messages times nodes that have them, the senders included
	Missing    int             // messages times nodes that do not
	TimedOut   bool            // something may still have been on its way
	Retries    int             // requests that a node was too busy for, and that were made again
	Foreign    int             // messages that others gave to the nodes meanwhile
	Unasked    []gossip.NodeID // did not answer in the end; they count as having nothing

	// Of all nodes together.
	Packets    uint64            // sent
	Redundancy float64           // copies received per useful copy, minus one
	Dropped    map[string]uint64 // packets, by reason
	HeapBefore uint64            // bytes in use by a node, on average
	HeapAfter  uint64            // right after the burst
}

// PerSecond is the rate of deliveries.
func (b *Burst) PerSecond() float64 {
	if b.Took <= 0 {
		return 0 // one message that goes nowhere takes no time
	}
	return float64(b.Deliveries) / b.Took.Seconds()
}

// Burst sends messages as fast as the network takes them, and waits until they are everywhere or
// nothing moves any more. Done is called with how many more were accepted, by several goroutines.
func (b *Benchmark) Burst(ctx context.Context, done func(messages int)) (Burst, error) {
	r := Burst{Messages: b.Load.Burst}
	before, err := b.calm(ctx, nil)
	if err != nil {
		return r, b.net.Explain(err)
	}
	pressing, cancel := context.WithTimeout(ctx, b.Load.Timeout)
	defer cancel()
	first, err := b.send(pressing, before, &r, done)
	if err == nil {
		r.Accepted = time.Since(first)
		err = b.settle(pressing, before)
	}
	r.TimedOut = pressing.Err() != nil
	if err != nil && !r.TimedOut {
		return r, b.net.Explain(err)
	}
	reached, err := b.look(ctx, before)
	if err != nil {
		return r, err
	}
	after, err := b.calm(ctx, reached)
	if err != nil {
		return r, err
	}
	r.deliveries(first, before, reached)
	r.counters(before, after)
	for _, id := range b.Nodes {
		if b.gone[id] != nil {
			r.Unasked = append(r.Unasked, id)
		}
	}
	if r.Took < 0 {
		return r, errors.New("the clock of the machine was set back during the measurement")
	}
	return r, nil
}

// send lets the senders publish the burst, each its share of it, and returns when the first message
// was sent.
func (b *Benchmark) send(ctx context.Context, before []api.Stats, result *Burst, done func(int)) (time.Time, error) {
	bodies := make([][]byte, batch(b.Load.Size))
	for i := range bodies {
		bodies[i] = b.body
	}
	first, retries := make([]time.Time, b.Load.Senders), make([]int, b.Load.Senders)
	group, ctx := errgroup.WithContext(ctx)
	for i := range b.Load.Senders {
		s := sender{client: b.clients[b.Nodes[i]], bodies: bodies, relays: b.Load.Relays, published: before[i].Published, done: done}
		share := (b.Load.Burst + i) / b.Load.Senders // sums up to the burst
		group.Go(func() (err error) {
			err = s.send(ctx, share)
			first[i], retries[i] = s.first, s.retries
			return err
		})
	}
	err := group.Wait()
	begun := first[0]
	for i := range first {
		if first[i].Before(begun) {
			begun = first[i]
		}
		result.Retries += retries[i]
	}
	return begun, err
}

// batch is how many messages of a size go into one request.
func batch(size int) int {
	const envelope, between = 1 << 10, 4 // bytes of JSON round all of them, and round each
	return min(batchMost, (api.MaxRequest-envelope)/(base64.StdEncoding.EncodedLen(size)+between))
}

// sender gives messages to one node.
type sender struct {
	client    *api.Client
	bodies    [][]byte
	relays    int
	published uint64 // what the node had published before
	done      func(int)
	first     time.Time // when the first message was sent
	retries   int
}

func (s *sender) send(ctx context.Context, share int) error {
	s.first = time.Now()
	pause := retryMin
	for sent := 0; sent < share; {
		answer, err := s.client.Publish(ctx, api.PublishRequest{Batch: s.bodies[:min(len(s.bodies), share-sent)], Relays: s.relays})
		before := sent
		switch {
		case err == nil && sent == 0:
			s.first = answer.Sent
			fallthrough
		case err == nil:
			sent += answer.Accepted
			pause = retryMin
		case api.CodeOf(err) == api.CodeBusy:
			s.retries++
			rest(ctx, pause)
			pause = min(2*pause, retryMax)
			stats, err := s.client.Stats(ctx) // of a batch, some may have been taken in
			if err != nil {
				return err
			}
			sent = int(stats.Published - s.published)
		default:
			return err
		}
		s.done(sent - before)
	}
	return nil
}

// settle waits until every node has the burst, or nothing moves any more. It asks one node after
// the other, because each answer takes time from what is measured; when the last is asked, the
// burst is over.
func (b *Benchmark) settle(ctx context.Context, before []api.Stats) error {
	stats, had := before, uint64(0)
	for i := 0; i < len(b.Nodes); {
		due := before[i].Inbox.Last + uint64(b.Load.Burst)
		box, err := b.clients[b.Nodes[i]].Inbox(ctx, due, standstill)
		if ctx.Err() != nil {
			return err
		}
		if err != nil || box.Last >= due {
			i++
			continue
		}
		if stats, err = b.look(ctx, stats); err != nil {
			return err
		}
		sum := uint64(0)
		for _, s := range stats {
			sum += s.Delivered
		}
		if sum == had {
			return nil
		}
		had = sum
	}
	return nil
}

// look asks every node for its counters. One that does not answer keeps those of the last look and
// is not asked again; at the first look that is an error.
func (b *Benchmark) look(ctx context.Context, last []api.Stats) ([]api.Stats, error) {
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	stats, errs := Each(b.Nodes, func(id gossip.NodeID) (api.Stats, error) {
		if err := b.gone[id]; err != nil {
			return api.Stats{}, err
		}
		return b.clients[id].Stats(bounded)
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i, err := range errs {
		switch {
		case err != nil && last == nil:
			return nil, err
		case err != nil:
			b.gone[b.Nodes[i]] = err
			stats[i] = last[i]
		}
	}
	return stats, nil
}

// calm returns the counters of the nodes when they have stopped.
func (b *Benchmark) calm(ctx context.Context, last []api.Stats) ([]api.Stats, error) {
	var sent, received uint64
	for looks := 1; ; looks++ {
		stats, err := b.look(ctx, last)
		if err != nil {
			return nil, err
		}
		sentBefore, receivedBefore := sent, received
		sent, received, last = 0, 0, stats
		for i := range stats {
			sent, received = sent+stats[i].Sent, received+stats[i].Received
		}
		if looks > 1 && sent == sentBefore && received == receivedBefore || looks == calmMost {
			return stats, nil
		}
		rest(ctx, calmPause)
	}
}

// deliveries counts what each node got, and finds the last delivery.
func (r *Burst) deliveries(first time.Time, before, reached []api.Stats) {
	last := first
	for i := range reached {
		got := min(max(int(reached[i].Inbox.Last-before[i].Inbox.Last), 0), r.Messages)
		r.Deliveries += got
		if newest := reached[i].Inbox.Newest; got > 0 && newest.After(last) {
			last = newest
		}
	}
	r.Missing = r.Messages*len(reached) - r.Deliveries
	r.Took = last.Sub(first)
}

// counters sums up what the nodes counted from before to after.
func (r *Burst) counters(before, after []api.Stats) {
	r.Dropped = make(map[string]uint64)
	var published, delivered, received uint64
	for i := range after {
		a, b := &after[i], &before[i]
		published += a.Published - b.Published
		delivered += a.Delivered - b.Delivered
		received += a.Received - b.Received
		r.Packets += a.Sent - b.Sent
		for reason, n := range a.Dropped {
			if n > b.Dropped[reason] {
				r.Dropped[reason] += n - b.Dropped[reason]
			}
		}
		r.HeapBefore += b.HeapBytes / uint64(len(after))
		r.HeapAfter += a.HeapBytes / uint64(len(after))
	}
	if useful := delivered - published; useful > 0 {
		r.Redundancy = float64(received)/float64(useful) - 1
	}
	r.Foreign = max(0, int(published)-r.Messages)
}
