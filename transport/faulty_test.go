package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
)

// rough is a plan with some of everything.
var rough = fault.Plan{
	Seed:    1,
	Latency: fault.UniformLatency(10*time.Millisecond, 150*time.Millisecond), Jitter: 0.1,
	Loss: 0.2, Duplicate: 0.2,
}

// What arrives, and when to the nanosecond, is what the plan says about each packet of each link.
func TestFaultyKeepsThePlanExactly(t *testing.T) {
	plans := map[string]fault.Plan{
		"calm":     {},
		"rough":    rough,
		"per link": {Seed: 2, Latency: fault.UniformLatency(time.Millisecond, time.Second), PerLink: true, Jitter: 0.1},
		"heavy":    {Seed: 3, Latency: fault.LognormalLatency(10*time.Millisecond, 2), Duplicate: 1},
		"doubled":  {Seed: 4, Duplicate: 0.5, Loss: 0.1},
		"cut off":  {Loss: 1, Latency: fault.ConstantLatency(time.Second)},
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const senders, packets = 3, 200
				net := NewMem()
				var wires []*Faulty
				for id := gossip.NodeID(1); id <= senders; id++ {
					wires = append(wires, NewFaulty(net.Join(id), id, &plan))
				}
				start := time.Now()
				line := func(after time.Duration, from gossip.NodeID, n int) string {
					return fmt.Sprintf("%12d %d packet %d", after, from, n)
				}
				var mu sync.Mutex
				var want, got []string
				for i, w := range wires {
					serve(t, w, func(batch []gossip.Envelope) {
						mu.Lock()
						defer mu.Unlock()
						for _, e := range batch {
							if i == 0 {
								got = append(got, line(time.Since(start), e.From, int(e.Packet.Messages[0].ID.Seq)-1))
							}
						}
					})
				}
				stats := FaultStats{Dropped: map[string]uint64{}}
				for n := range packets {
					for from := gossip.NodeID(2); from <= senders; from++ {
						if err := wires[from-1].Send(1, message(from, n+1, []byte("banana"))); err != nil {
							t.Fatal(err)
						}
						v := plan.Judge(fault.Link{From: from, To: 1}, uint64(n))
						stats.Sent++
						switch {
						case v.Lost:
							stats.Lost++
							continue
						case v.Twice:
							stats.Repeated++
							want = append(want, line(time.Since(start)+v.Delay2, from, n))
						}
						want = append(want, line(time.Since(start)+v.Delay, from, n))
					}
					time.Sleep(3 * time.Millisecond)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-judged +arrived)\n%s", diff)
				}
				stats.Passed = uint64(len(want))
				sum := FaultStats{Dropped: map[string]uint64{}}
				for _, w := range wires {
					s := w.Stats()
					sum.Sent, sum.Lost, sum.Repeated = sum.Sent+s.Sent, sum.Lost+s.Lost, sum.Repeated+s.Repeated
					sum.Passed, sum.Waiting = sum.Passed+s.Passed, sum.Waiting+s.Waiting
					for reason, times := range s.Dropped {
						sum.Dropped[reason] += times
					}
				}
				if diff := cmp.Diff(stats, sum); diff != "" {
					t.Errorf("(-judged +counted)\n%s", diff)
				}
			})
		})
	}
}

// balance checks that no copy is missing from the counts.
func balance(t *testing.T, s FaultStats) {
	t.Helper()
	known := s.Lost + s.Passed + s.Waiting
	for _, times := range s.Dropped {
		known += times
	}
	if s.Sent+s.Repeated != known {
		t.Errorf("the counts do not add up: %+v", s)
	}
}

// A link keeps its numbers whatever happens on the others, and however the sends of several links
// fall between each other.
func TestFaultyJudgesEachLinkByItself(t *testing.T) {
	lost := func(order func(n int) []gossip.NodeID) map[gossip.NodeID][]bool {
		net := NewMem()
		wire := NewFaulty(net.Join(1), 1, &fault.Plan{Seed: 7, Loss: 0.5})
		fates := make(map[gossip.NodeID][]bool)
		for _, id := range []gossip.NodeID{2, 3} {
			net.Join(id)
		}
		for n := range 100 {
			for _, to := range order(n) {
				before := wire.Stats().Lost
				if err := wire.Send(to, message(1, n+1, nil)); err != nil {
					t.Fatal(err)
				}
				fates[to] = append(fates[to], wire.Stats().Lost > before)
			}
		}
		return fates
	}
	both := lost(func(int) []gossip.NodeID { return []gossip.NodeID{2, 3} })
	turned := lost(func(n int) []gossip.NodeID {
		if n%3 == 0 {
			return []gossip.NodeID{3, 2}
		}
		return []gossip.NodeID{2, 3}
	})
	alone := lost(func(int) []gossip.NodeID { return []gossip.NodeID{2} })
	if diff := cmp.Diff(both, turned); diff != "" {
		t.Errorf("another order: %s", diff)
	}
	if diff := cmp.Diff(both[2], alone[2]); diff != "" {
		t.Errorf("without the other link: %s", diff)
	}
	if slices.Equal(both[2], both[3]) {
		t.Error("two links lose the same packets")
	}
}

// What waits for one peer is bounded, what does not fit is refused and counted, and other peers are
// not concerned. What has waited gives its room back.
func TestFaultyBoundsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMem()
		plan := &fault.Plan{Latency: fault.ConstantLatency(time.Second)}
		wire := NewFaulty(net.Join(1), 1, plan)
		in, quiet := newCollector(), newCollector()
		serve(t, wire, func([]gossip.Envelope) {})
		serve(t, net.Join(2), in.recv)
		serve(t, net.Join(3), quiet.recv)
		body := make([]byte, gossip.MaxBody)
		for range 2 {
			taken := 0
			for wire.Send(2, message(1, 1, body)) == nil {
				taken++
			}
			if size := taken * (gossip.MaxBody + waitingOverhead); size > QueueBytes || size < QueueBytes*9/10 {
				t.Errorf("%d bytes wait", size)
			}
			if err := wire.Send(2, message(1, 1, body)); !errors.Is(err, ErrQueueFull) {
				t.Error(err)
			}
			if err := wire.Send(3, message(1, 1, body)); err != nil {
				t.Errorf("another peer: %v", err)
			}
			if s := wire.Stats(); s.Waiting != uint64(taken)+1 {
				t.Errorf("%d were taken in: %+v", taken, s)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if came, others := len(in.take()), len(quiet.take()); came != taken || others != 1 {
				t.Errorf("%d of %d came, %d of 1", came, taken, others)
			}
		}
		s := wire.Stats()
		balance(t, s)
		if s.Dropped[DropQueueFull] != 4 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Many small envelopes must not take more memory than a few large ones.
func TestFaultyBoundsSmallEnvelopes(t *testing.T) {
	net := NewMem()
	net.Join(2)
	wire := NewFaulty(net.Join(1), 1, &fault.Plan{Latency: fault.ConstantLatency(time.Hour)})
	taken := 0
	for wire.Send(2, &gossip.Envelope{From: 1, Packet: gossip.Packet{Kind: 1}}) == nil {
		taken++
	}
	if taken > QueueBytes/waitingOverhead {
		t.Errorf("%d wait", taken)
	}
}

// A peer that takes nothing fills the queues of both transports together, and nothing that was taken
// in is dropped between them.
func TestFaultyLeavesRoomBeneath(t *testing.T) {
	w := newHTTPWorld().(*httpWorld)
	inner := w.join(t, 1).(*HTTP)
	in := newCollector()
	release := make(chan struct{})
	b := w.join(t, 2)
	w.connected(t)
	wire := NewFaulty(inner, 1, &fault.Plan{Latency: fault.UniformLatency(time.Microsecond, 2*time.Millisecond)})
	serve(t, wire, func([]gossip.Envelope) {})
	serve(t, b, func(batch []gossip.Envelope) {
		<-release
		in.recv(batch)
	})
	body := bytes.Repeat([]byte("x"), 1000)
	taken := 0
	deadline := time.Now().Add(20 * time.Second)
	for full := 0; full < 1000; {
		if time.Now().After(deadline) {
			t.Fatal("the queue has no end")
		}
		switch err := wire.Send(2, message(1, taken+1, body)); {
		case err == nil:
			taken++
		case errors.Is(err, ErrQueueFull):
			full++
		case !errors.Is(err, ErrClosed): // Serve may not have begun
			t.Fatal(err)
		}
	}
	close(release)
	in.wait(t, taken)
	atRest(wire)
	s := wire.Stats()
	balance(t, s)
	if l := wire.Links()[0]; l.Dropped[DropQueueFull] != s.Dropped[DropQueueFull] || l.Passed != uint64(taken) {
		t.Errorf("%+v, above %v", l, s.Dropped)
	}
}

// What still waits at the end is dropped and counted, and nothing is taken in any more.
func TestFaultyCountsWhatTheEndCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMem()
		net.Join(2)
		wire := NewFaulty(net.Join(1), 1, &fault.Plan{Latency: fault.ConstantLatency(time.Second)})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- wire.Serve(ctx, func([]gossip.Envelope) {}) }()
		for n := range 5 {
			if err := wire.Send(2, message(1, n+1, nil)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := wire.Send(2, message(1, 6, nil)); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		s := wire.Stats()
		balance(t, s)
		if s.Dropped[DropClosed] != 6 || s.Waiting != 0 || s.Passed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A peer that is taken away while something waits for it: the transport beneath counts it.
func TestFaultyPeerGoesWhileSomethingWaits(t *testing.T) {
	w := newHTTPWorld().(*httpWorld)
	inner := w.join(t, 1).(*HTTP)
	w.join(t, 2)
	w.connected(t)
	wire := NewFaulty(inner, 1, &fault.Plan{Latency: fault.ConstantLatency(20 * time.Millisecond)})
	serve(t, wire, func([]gossip.Envelope) {})
	sendAll(t, wire, 2, 3, func(i int) *gossip.Envelope { return message(1, i+1, nil) })
	inner.SetPeers(nil)
	if err := wire.Send(2, message(1, 4, nil)); !errors.Is(err, ErrNoPeer) {
		t.Error(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		s := wire.Stats()
		l := inner.Links()[0]
		balanced(t, l)
		if s.Waiting == 0 && l.Dropped[DropNoPeer] == 4 {
			balance(t, s)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, beneath %+v", s, l)
		}
	}
}

// A plan that does nothing costs no copy.
func TestFaultyIsFreeWhenCalm(t *testing.T) {
	sink := &sinkhole{}
	wire := NewFaulty(sink, 1, nil)
	e := message(1, 1, []byte("banana"))
	if allocs := testing.AllocsPerRun(1000, func() { wire.Send(2, e) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if sink.got == 0 {
		t.Error("nothing came")
	}
	balance(t, wire.Stats())
}

// sinkhole is a transport that swallows everything.
type sinkhole struct{ got int }

func (s *sinkhole) Send(gossip.NodeID, *gossip.Envelope) error { s.got++; return nil }
func (s *sinkhole) Serve(ctx context.Context, _ func([]gossip.Envelope)) error {
	<-ctx.Done()
	return nil
}

// A transport that ends by itself ends what is round it too, with its error.
func TestFaultyEndsWithTheTransportBeneath(t *testing.T) {
	broken := errors.New("broken")
	wire := NewFaulty(&breaking{err: broken}, 1, &rough)
	if err := wire.Serve(context.Background(), func([]gossip.Envelope) {}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type breaking struct {
	sinkhole
	err error
}

func (b *breaking) Serve(context.Context, func([]gossip.Envelope)) error { return b.err }

func TestDelaysComeInOrder(t *testing.T) {
	on := func(n uint64) time.Duration {
		return (&fault.Plan{Latency: fault.UniformLatency(0, 50)}).Judge(fault.Link{From: 1, To: 2}, n).Delay
	}
	var h delays
	start := time.Unix(0, 0)
	popped := 0
	last := delayed{due: start}
	for n := uint64(1); n <= 2000 || len(h) > 0; n++ {
		if n <= 2000 {
			h.push(delayed{due: last.due.Add(on(n)), number: n})
		}
		if n%3 == 0 || n > 2000 {
			d := h.pop()
			popped++
			if d.due.Before(last.due) || d.due.Equal(last.due) && d.number < last.number {
				t.Fatalf("%v number %d after %v number %d", d.due, d.number, last.due, last.number)
			}
			last = d
		}
	}
	if popped != 2000 {
		t.Errorf("%d came", popped)
	}
}

func BenchmarkFaulty(b *testing.B) {
	e := message(1, 1, make([]byte, 256))
	for name, plan := range map[string]fault.Plan{
		"calm": {}, "lost": {Loss: 1}, "delayed": {Latency: fault.UniformLatency(time.Microsecond, 10*time.Microsecond)},
	} {
		b.Run(name, func(b *testing.B) {
			wire := NewFaulty(&sinkhole{}, 1, &plan)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- wire.Serve(ctx, nil) }()
			for b.Loop() {
				wire.Send(2, e)
			}
			cancel()
			<-done
		})
	}
}
