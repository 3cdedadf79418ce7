package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how far an experiment has come. It is told now and then, by one goroutine at a time.
type Progress struct {
	Runs, Done int
	Events     uint64
	Share      float64 // of the work, as far as one can tell
}

// Errors about an experiment that was stopped.
var (
	ErrBudget = errors.New("event budget used up")
	ErrMemory = errors.New("memory bound reached")
)

// batchSteps is how many steps are taken between two looks at the budget and the memory: about a
// millisecond's work. A step of a broken protocol may cause a hundred packets.
const batchSteps = 1 << 12

// crowdSteps is by how many packets under way the crowd may grow between two such looks: some 30 MB.
const crowdSteps = 1 << 18

// Run does an experiment. Tell may be nil. When it is stopped by its context, its budget of events
// or its bound of memory, the error says so, and the report is of the runs that were finished by
// then, or nil if none was. An error that is [ErrMisuse] says what cannot be done as it was asked for.
func Run(ctx context.Context, x Experiment, tell func(Progress)) (*Report, error) {
	s, err := x.check()
	if err != nil {
		return nil, err
	}
	if s.MaxMemory == 0 {
		s.MaxMemory = machineMemory() / 4 * 3
	}
	if need := uint64(s.Nodes) * bytesPerNode; need > s.MaxMemory {
		return nil, wrong("%d nodes take about %s, and %s may be used; --max-memory allows more", s.Nodes, size(need), size(s.MaxMemory))
	}
	s.Workers = s.workers()
	// Most of what a run allocates lives as long as it does: collecting rarely saves a third of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(300))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(s.MaxMemory)))

	began := time.Now()
	t := &team{setup: s, tell: tell}
	ctx, t.stop = context.WithCancelCause(ctx)
	defer t.stop(nil)
	t.outcomes = make([]*outcome, s.Runs)
	var group sync.WaitGroup
	for range s.Workers {
		group.Go(func() { t.work(ctx) })
	}
	group.Wait()
	var done []outcome
	for _, o := range t.outcomes {
		if o != nil {
			done = append(done, *o)
		}
	}
	var report *Report
	if len(done) > 0 {
		report = s.report(done, time.Since(began))
	}
	if len(done) < s.Runs {
		return report, context.Cause(ctx)
	}
	return report, nil
}

// team are the workers of one experiment and what they share.
type team struct {
	*setup
	tell     func(Progress)
	stop     context.CancelCauseFunc
	next     atomic.Int64 // run to be begun
	events   atomic.Uint64
	outcomes []*outcome // by number of the run, each written by one worker

	telling sync.Mutex
	done    int
}

func (t *team) work(ctx context.Context) {
	for ctx.Err() == nil {
		number := int(t.next.Add(1)) - 1
		if number >= t.Runs {
			return
		}
		o, err := t.run(ctx, number)
		if err != nil {
			t.stop(err)
			return
		}
		t.outcomes[number] = o
		t.telling.Lock()
		t.done++
		t.telling.Unlock()
		t.report(0)
	}
}

// run does one run.
func (t *team) run(ctx context.Context, number int) (*outcome, error) {
	began := time.Now()
	var r *run
	r, err := newRun(t.setup, number, func() error {
		used, full := memoryUsed(t.MaxMemory)
		switch {
		case full && r == nil:
			return fmt.Errorf("%w: %s, allowed are %s, and not all of the %d nodes were born yet", ErrMemory, size(used), size(t.MaxMemory), t.Nodes)
		case full:
			return t.tooLarge(r, used)
		case r != nil && r.world.Count.Events > t.MaxEvents:
			return t.tooMany(r, r.world.Count.Events)
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return nil, t.explain(err, number)
	}
	counted, crowd := uint64(0), 0
	for {
		for range batchSteps {
			if r.world.UnderWay() > crowd+crowdSteps {
				break // a few steps may have filled the memory
			}
			if over, ending := r.over(); over {
				if all := t.events.Add(r.world.Count.Events - counted); all > t.MaxEvents {
					return nil, t.tooMany(r, all)
				}
				o := r.sum(ending, time.Since(began))
				o.number = number + 1
				return &o, nil
			}
			if !r.world.Step() {
				if err := r.world.Err(); err != nil {
					return nil, t.explain(err, number)
				}
			}
		}
		if err := r.world.Err(); err != nil {
			return nil, t.explain(err, number)
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		crowd = r.world.UnderWay()
		now := r.world.Count.Events
		if all := t.events.Add(now - counted); all > t.MaxEvents {
			return nil, t.tooMany(r, all)
		}
		if used, full := memoryUsed(t.MaxMemory); full {
			return nil, t.tooLarge(r, used)
		}
		counted = now
		t.report(r.share())
	}
}

func (t *team) tooMany(r *run, events uint64) error {
	return fmt.Errorf("%w: %d events, allowed are %d; in run %d %d of %d deliveries were done after %v",
		ErrBudget, events, t.MaxEvents, r.number+1, r.world.Count.Delivered, t.Nodes*len(r.messages), r.world.Now())
}

func (t *team) tooLarge(r *run, used uint64) error {
	return fmt.Errorf("%w: %s, allowed are %s; in run %d %d packets are under way after %v",
		ErrMemory, size(used), size(t.MaxMemory), r.number+1, r.world.UnderWay(), r.world.Now())
}

func (t *team) explain(err error, number int) error {
	if errors.Is(err, ErrMisuse) {
		return err
	}
	return fmt.Errorf("run %d (seed %d): %w", number+1, seedOf(t.Seed, number), err)
}

// share is how much of a run's deliveries are done.
func (r *run) share() float64 {
	return min(float64(r.world.Count.Delivered)/float64(r.Nodes*r.Messages), 1)
}

func (t *team) report(share float64) {
	if t.tell == nil {
		return
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	t.tell(Progress{Runs: t.Runs, Done: t.done, Events: t.events.Load(), Share: (float64(t.done) + share) / float64(t.Runs)})
}

// bytesPerNode is about what a node takes at the least in a simulation: measured with push-pull at a
// million nodes, all informed.
const bytesPerNode = 500

// workers is how many runs go on at a time.
func (s *setup) workers() int {
	most := s.Workers
	if most <= 0 {
		most = runtime.GOMAXPROCS(0)
	}
	fit := int(s.MaxMemory / (uint64(s.Nodes) * bytesPerNode * 2))
	return max(1, min(most, s.Runs, fit))
}

// memoryUsed is how many bytes the heap takes, and whether a bound is reached: collecting garbage ever
// more often to stay below it would take all the time there is.
func memoryUsed(most uint64) (used uint64, full bool) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	used, live := samples[0].Value.Uint64(), samples[1].Value.Uint64()
	return used, used > most || live > most/4*3
}

func size(bytes uint64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
