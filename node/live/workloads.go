package live

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/workload"
)

// roomTime is how long a workload waits for room to send. A tick that finds none does nothing, and says so: the next
// one comes by itself.
const roomTime = 100 * time.Millisecond

// workloads are what a node does by itself. One goroutine, run, carries them out one tick after the other; whoever
// sets them only changes the list it goes by.
type workloads struct {
	server *server
	change chan struct{} // a token when the list has changed

	mu   sync.Mutex
	list []*busy
}

// busy is one workload at this node.
type busy struct {
	workload.Settings
	rand  *rand.Rand
	act   func(tick int) workload.Action
	ticks uint64
	last  time.Time     // of the last tick; zero before the first
	wait  time.Duration // from then to the next, as drawn
	err   string        // why the last tick did nothing
}

// next is when it is time; never while it is paused.
func (b *busy) next() (at time.Time, ever bool) { return b.last.Add(b.wait), !b.Paused }

func newWorkloads(s *server) *workloads {
	return &workloads{server: s, change: make(chan struct{}, 1)}
}

// SetWorkloads implements api.Backend. Those that go on keep what they count, and the moment of their next tick
// unless it moves because of another interval; another list is drawn from at once.
func (s *server) SetWorkloads(list []workload.Settings) { s.work.set(list) }

// Workloads implements api.Backend.
func (s *server) Workloads() []api.WorkloadStatus { return s.work.status() }

func (w *workloads) set(list []workload.Settings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make([]*busy, 0, len(list))
	for _, settings := range list {
		kind, err := workload.Find(settings.Name)
		if err != nil {
			continue // nobody passes the check with it
		}
		at := slices.IndexFunc(w.list, func(b *busy) bool { return b.Name == settings.Name })
		var b *busy
		if at < 0 {
			cfg := &w.server.cfg
			b = &busy{Settings: settings, rand: workload.Generator(cfg.Seed, cfg.ID, cfg.Run, settings.Name)}
			b.act = kind.Make(w.environment(b))
		} else {
			b = w.list[at]
			before := b.Settings
			b.Settings = settings
			if before.Interval() != settings.Interval() && b.ticks > 0 {
				b.wait = workload.Jitter(settings.Interval(), b.rand)
			}
			drawsAnew := !slices.Equal(before.List, settings.List)
			if drawsAnew || before.TTL != settings.TTL {
				b.act = kind.Make(w.environment(b))
			}
			if drawsAnew {
				b.wait = 0
			}
		}
		next = append(next, b)
	}
	w.list = next
	w.look()
}

// look has run look again at what is to be done when.
func (w *workloads) look() {
	select {
	case w.change <- struct{}{}:
	default:
	}
}

// environment is what a workload is born with. What it asks of the node it asks within a step.
func (w *workloads) environment(b *busy) workload.Environment {
	return workload.Environment{
		Self: w.server.cfg.ID, Rand: b.rand, List: b.List, TTL: b.TTL,
		Own: func(key string) ([]byte, bool) {
			v := w.server.node.Values()
			if v == nil {
				return nil, false
			}
			for _, e := range v.Entries(w.server.cfg.ID, key, false) {
				return e.Value, true
			}
			return nil, false
		},
	}
}

func (w *workloads) status() []api.WorkloadStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]api.WorkloadStatus, len(w.list))
	for i, b := range w.list {
		list[i] = api.WorkloadStatus{Settings: b.Settings, Ticks: b.ticks, Error: b.err}
		if at, ever := b.next(); ever {
			if b.ticks == 0 {
				at = time.Now()
			}
			list[i].Next = at.UTC()
		}
	}
	return list
}

// run carries the workloads out until ctx ends.
func (w *workloads) run(ctx context.Context) {
	timer := time.NewTimer(workload.MaxEvery)
	defer timer.Stop()
	for ctx.Err() == nil {
		due, pause := w.due(time.Now())
		if due != nil {
			w.tick(ctx, due)
			continue
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-w.change:
		case <-ctx.Done():
		}
	}
}

// due returns a workload whose time has come, that which has waited longest; or nil, and how long until there is one.
// While the node is held for a final read none has.
func (w *workloads) due(now time.Time) (*busy, time.Duration) {
	w.server.mu.Lock()
	held := w.server.held
	w.server.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	var first *busy
	var when time.Time
	for _, b := range w.list {
		if at, ever := b.next(); ever && (first == nil || at.Before(when)) {
			first, when = b, at
		}
	}
	switch {
	case first == nil || w.server.departed(): // who has said goodbye takes part in nothing any more
		return nil, workload.MaxEvery
	case when.After(now) || held.After(now):
		return nil, max(when.Sub(now), held.Sub(now))
	}
	return first, 0
}

// tick lets a workload act once.
func (w *workloads) tick(ctx context.Context, b *busy) {
	room, cancel := context.WithTimeout(ctx, roomTime)
	err := w.server.Room(room)
	cancel()
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	if b.Paused || !slices.Contains(w.list, b) { // it was told so while it waited for room
		w.mu.Unlock()
		return
	}
	b.ticks++
	b.last, b.wait, b.err = time.Now(), workload.Jitter(b.Interval(), b.rand), ""
	var m gossip.Message
	if err == nil {
		w.server.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
			action := b.act(int(b.ticks))
			if action.Set != nil {
				m, fx, err = n.SetValue(now, *action.Set)
			} else {
				m, fx, err = n.Publish(now, action.Body, 0)
			}
			return fx
		})
	} else {
		err = errBusy
	}
	if err != nil {
		b.err = err.Error()
	}
	w.mu.Unlock()
	if err == nil && w.server.Sync(ctx) == nil { // what it does counts as much as what a person does
		w.server.Accepted([]gossip.ID{m.ID}, 0)
	}
}

var errBusy = api.NewError(api.CodeBusy, "the node's queues are full", "")
