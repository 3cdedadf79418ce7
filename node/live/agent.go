package live

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
	"gossipctl/transport"
)

// Agent owns a node: it feeds it what arrives, wakes it when it asks to be woken, and carries out what
// it wants done. A lock, not a goroutine, hands the node from one input to the next: whoever
// has an input steps the node itself, so a packet costs no switch between goroutines on its way
// from one wire to the next, and what it is made of can stay where the wire has put it.
type Agent struct {
	wire transport.Transport
	log  *slog.Logger
	born time.Time // see now

	mu      sync.Mutex
	node    *node.Node
	size    uint64 // messages that ever arrived, to see when one did
	alarms  alarms
	timer   *time.Timer // set to the earliest alarm; nil when none ever was
	closed  bool
	waiters int
	changed chan struct{} // closed and replaced at a delivery or a change of a value, when somebody waits
	steps   uint64        // with messages, taken ever
	record  *recorder     // nil: nothing is written down
	held    time.Time     // no timer comes due before
	keeper  *keeper       // nil: nothing outlasts the process
	changes changes       // of values, the newest
	shown   uint64        // of them, those that somebody who waits was told of
	active  chan struct{} // a token when the node has taken a step lately

	// Of a node that finds the others of its network.
	book       *book // nil: it knows the peers that it is told, and nobody else
	neighbours gossip.Peers
	moved      bool               // one of them listens elsewhere than before
	rewired    func(gossip.Peers) // called with the lock held
	named      []gossip.Contact   // memory for what a packet says
	news       chan struct{}      // closed when something has come to inbox or values; nil: nobody waits
}

// NewAgent returns an agent for n that sends over wire. Events of n go to log at debug level.
func NewAgent(n *node.Node, wire transport.Transport, log *slog.Logger) *Agent {
	return &Agent{node: n, wire: wire, log: log, born: time.Now(), changed: make(chan struct{}), active: make(chan struct{}, 1)}
}

// now is reckoned from the birth of the agent by the clock that nobody sets: protocols keep moments as
// numbers, and must not take an hour for gone because somebody has moved the time of day.
func (a *Agent) now() time.Time { return a.born.Add(time.Since(a.born)) }

// Run serves the wire until ctx ends. Afterwards nothing wakes the node any more.
func (a *Agent) Run(ctx context.Context) error {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.closed = true
		if a.timer != nil {
			a.timer.Stop()
		}
	}()
	return a.wire.Serve(ctx, a.receive)
}

// Step runs do while nothing else touches the node, and carries out what it returns.
func (a *Agent) Step(do func(now time.Time, n *node.Node) node.Effects) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.apply(do(now, a.node))
	a.notify(true)
}

// Wait waits until ready says yes. It is asked at once, and again whenever something was delivered or
// a value changed.
// The error is ctx's.
func (a *Agent) Wait(ctx context.Context, ready func(n *node.Node) bool) error {
	a.mu.Lock()
	a.waiters++
	defer func() {
		a.mu.Lock()
		a.waiters--
		a.mu.Unlock()
	}()
	for {
		ok, changed := ready(a.node), a.changed
		a.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		a.mu.Lock()
	}
}

// News is closed as soon as something more comes to the inbox, or changes the picture of all values.
func (a *Agent) News() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.news == nil {
		a.news = make(chan struct{})
	}
	return a.news
}

func (a *Agent) receive(batch []gossip.Envelope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	busy := false
	for i := range batch {
		busy = busy || len(batch[i].Packet.Messages) > 0
		if a.book != nil && batch[i].Packet.Kind >= gossip.KindMembership {
			a.learn(batch[i].From, batch[i].Contacts)
		}
		a.apply(a.node.Receive(now, &batch[i]))
	}
	a.notify(busy)
}

// apply carries out effects, in the order in which they may be noticed: what happened is written down
// first, then what the inbox must not lose, and only then does anybody else hear of it. A send that fails
// is counted by the transport, and nothing else can be done about it here.
func (a *Agent) apply(fx node.Effects) {
	a.report(fx.Events)
	if a.keeper != nil && a.keeper.commit(a.node, &fx) != nil {
		return // the node is about to end, and nobody must hear of what it could not keep
	}
	a.rewire(fx.Members)
	a.changes.add(a.node, fx.Applied)
	if a.news != nil && len(fx.Filed)+len(fx.Applied) > 0 {
		close(a.news)
		a.news = nil
	}
	for to, envelope := range fx.Envelopes() {
		envelope.Contacts = a.contacts(&envelope.Packet, to)
		a.wire.Send(to, envelope)
	}
	for _, alarm := range fx.Alarms {
		a.alarms.push(alarm)
	}
	if len(fx.Alarms) > 0 {
		a.arm(a.now())
	}
}

// report writes down what has happened.
func (a *Agent) report(events []trace.Event) {
	a.record.step(events)
	if len(events) == 0 || !a.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for i := range events {
		a.log.Debug(events[i].String())
	}
}

// notify tells those who wait that something was delivered, or a value changed. Busy steps took in a message or a wish:
// rounds that go on for ever, and packets without messages, leave no memory to give back.
func (a *Agent) notify(busy bool) {
	if busy {
		a.steps++
		select {
		case a.active <- struct{}{}:
		default:
		}
	}
	_, _, last := a.node.Size()
	if last == a.size && a.changes.last == a.shown {
		return
	}
	a.size, a.shown = last, a.changes.last
	if a.waiters > 0 {
		close(a.changed)
		a.changed = make(chan struct{})
	}
}

// arm sets the timer to the earliest alarm.
func (a *Agent) arm(now time.Time) {
	if len(a.alarms) == 0 || a.closed {
		return
	}
	pause := max(a.alarms[0].At.Sub(now), a.held.Sub(now), 0)
	if a.timer == nil {
		a.timer = time.AfterFunc(pause, a.wake)
		return
	}
	a.timer.Reset(pause)
}

// wake hands back every timer that is due.
func (a *Agent) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for !a.closed && !now.Before(a.held) && len(a.alarms) > 0 && !a.alarms[0].At.After(now) {
		a.apply(a.node.Wake(now, a.alarms.pop().Timer))
	}
	a.arm(now)
	a.notify(false)
}

// idleAfter is how long nothing must happen before a node gives memory back. Messages of a person
// come minutes apart, those of a measurement microseconds.
const idleAfter = time.Second

// relax gives the memory that a burst, or the start, has used back to the system whenever the node
// has come to rest: hundreds of nodes share one machine. A node at rest wakes for nothing.
func (a *Agent) relax(ctx context.Context) {
	for {
		select {
		case <-a.active:
		case <-ctx.Done():
			return
		}
		for quiet, last := false, uint64(0); !quiet; {
			pause := time.NewTimer(idleAfter)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return
			}
			a.mu.Lock()
			quiet, last = a.steps == last, a.steps
			a.mu.Unlock()
		}
		select {
		case <-a.active: // of the burst that is over
		default:
		}
		debug.FreeOSMemory()
	}
}

// SetPeers tells the node its peers, sorted, in a slice that is the node's from now on. The transport
// must know them already.
func (a *Agent) SetPeers(peers []gossip.NodeID) {
	a.Step(func(now time.Time, n *node.Node) node.Effects { return n.SetPeers(now, gossip.NewPeers(peers)) })
}
