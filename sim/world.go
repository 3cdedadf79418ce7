package sim

import (
	"errors"
	"fmt"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/trace"
)

// Begin is when every world begins: the full hour of Unix time nearest to where the number is round,
// so that the rounds of all intervals that divide an hour begin with it.
var Begin = time.Unix(1_600_002_000, 0)

// beginNano is Begin as protocols may reckon it: cheaper than to subtract moments.
var beginNano = Begin.UnixNano()

// Config says what a world is made of.
type Config struct {
	Nodes int // numbered from 1
	// Peers tells the neighbours of a node.
	Peers func(id gossip.NodeID) gossip.Peers
	// Complete says that everybody is everybody's peer. Packets are then numbered by their sender
	// and not by their link: there are too many links to count on each.
	Complete bool
	// Born makes the protocol of a node, in its run-th life.
	Born func(id gossip.NodeID, run uint32) gossip.Protocol
	// Plan is what links do to packets until [World.SetPlan]; nil: they arrive in the instant they are sent.
	Plan *fault.Plan
	// Whole runs each protocol inside a node.Node, with inbox and routes, as a process does. Without
	// it the protocol runs bare: the same steps at a fraction of the time and memory.
	Whole bool
	// Durable keeps what each node delivers on a disk of its own, when Whole: its next life has it again.
	Durable bool
	// SyncEvery is how long after the first unsynced message all that was written is synced, and the
	// publishers of messages among it are told; 0: [DefaultSync].
	SyncEvery time.Duration
	// QueueBytes is how much may wait for a peer that is slow or stands still; 0: [QueueBytes].
	QueueBytes int
	// Observe is told every event, when Whole: what nodes say, what is done to them, and, of node 0, which
	// faults come and go. May be nil.
	Observe func(trace.Event)
	// Trees notes who sent each node its first copy.
	Trees bool
	// Pulse is called now and then within what takes long at once: while the nodes are born, and while
	// the packets of one instant arrive. Its error ends the world. May be nil.
	Pulse func() error
	// Resting keeps count of who is infective, for [World.Quiet].
	Resting bool

	Planted Planted
}

// World is a network in virtual time. It is deterministic: the same Config and the same calls give
// the same events. Things happen in order of time and, within an instant, of their causes; packets
// without a delay come last in their instant, those to neighbouring nodes together.
type World struct {
	cfg   Config
	now   int64
	clock time.Time // Begin + now

	protocols []gossip.Protocol
	nodes     []*node.Node // when Whole
	lives     []uint16     // odd: alive; every crash and every start adds one
	live      int
	peers     []gossip.Peers

	queue    queue
	rows     rows
	instant  instant // packets that arrive now
	flights  flights
	payloads payloads
	repeats  int // generations of packets in this instant
	beats    int // packets that arrived without a delay
	plans    plans

	plan    *fault.Plan
	expires int64 // when the next of its rules ends
	links   links
	narrows narrows
	wires   []map[gossip.NodeID]*wire // when Whole: by sender, to whom
	ears    []map[source]*heard       // when Whole: by receiver, from whom
	doors   []door                    // nil until the first pause
	disks   []disk                    // when Durable

	tracks tracks
	seqs   map[gossip.ID]uint32 // messages of each life so far; Seq is 0 in the keys
	owed   int                  // deliveries still missing: to live nodes, of messages published

	restless  bool // protocols say whether they are infective
	infective []bool
	hot       int // how many are infective
	cargo     int // flights with messages
	packets   int // flights
	alarms    int // that wait, those for the next reconciliation of values left out: they never end

	reconciling int // of packets, those of values
	pending     int // plans that wait

	out      gossip.Outbox
	taken    inFlight // the packet at hand
	reacting bool     // to it
	Count    Counters
	err      error
}

// Counters count what happened in a world.
type Counters struct {
	Events    uint64 // steps of nodes, and packets that reached nobody
	Packets   uint64 // sent
	Control   uint64 // of them, those without a message
	Copies    uint64 // messages in packets sent
	Names     uint64 // message names in packets sent
	Received  uint64 // copies that arrived at a live node
	Delivered uint64 // copies that were new, own messages not counted
	Lost      uint64 // packets, by the plan's chances
	Cut       uint64 // packets, because the plan cut their link
	Repeated  uint64 // second copies that the plan made
	Corrupt   uint64 // packets that arrived damaged
	Overflow  uint64 // packets that found the queue to a slow or paused peer full
	Missed    uint64 // packets that found their node down
	Refused   uint64 // packets a protocol turned away
	ToNobody  uint64 // packets to numbers that no node has
}

// New makes a world and tells every node its peers; see [World.Err].
func New(cfg Config) *World {
	n := cfg.Nodes
	if cfg.SyncEvery == 0 {
		cfg.SyncEvery = DefaultSync
	}
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = QueueBytes
	}
	w := &World{cfg: cfg, clock: Begin, live: n, plan: new(fault.Plan),
		seqs: make(map[gossip.ID]uint32), protocols: make([]gossip.Protocol, n), lives: make([]uint16, n), peers: make([]gossip.Peers, n), instant: newInstant(n)}
	if cfg.Resting {
		w.infective = make([]bool, n)
	}
	if cfg.Whole {
		w.nodes, w.wires, w.ears = make([]*node.Node, n), make([]map[gossip.NodeID]*wire, n), make([]map[source]*heard, n)
		for i := range n {
			w.wires[i] = make(map[gossip.NodeID]*wire)
		}
		if cfg.Durable {
			w.disks = make([]disk, n)
		}
	}
	for i := range n {
		w.peers[i] = cfg.Peers(gossip.NodeID(i + 1))
	}
	w.SetPlan(cfg.Plan)
	for i := range n {
		if cfg.Pulse != nil && i%pulseEvery == 0 {
			w.fail(cfg.Pulse())
		}
		if w.err != nil {
			break
		}
		w.bear(i, 1)
	}
	return w
}

// pulseEvery is after how many births the pulse is felt: on the complete graph some protocols keep
// something for each of a node's peers.
const pulseEvery = 64

// arrivalsEvery is the same for packets: each may be answered by as many as there are nodes.
const arrivalsEvery = 256

// Now is the virtual time since [Begin].
func (w *World) Now() time.Duration { return time.Duration(w.now) }

// Err is what went wrong in a way that no protocol should make possible; the world stands still then.
func (w *World) Err() error { return w.err }

// Live is how many nodes are alive.
func (w *World) Live() int { return w.live }

// Alive reports whether a node is.
func (w *World) Alive(id gossip.NodeID) bool { return w.lives[id-1]&1 == 1 }

// Node is the present or last life of a node, when Config.Whole. It may be read, and must not be stepped.
func (w *World) Node(id gossip.NodeID) *node.Node { return w.nodes[id-1] }

// At has something done at a moment from now on.
func (w *World) At(at time.Duration, do func()) {
	w.pending++
	w.push(event{at: max(int64(at), w.now), kind: plan, data: w.plans.add(do)})
}

// After has something done after a while, but does not wait for it: a world where nothing else is
// left to happen is at rest.
func (w *World) After(pause time.Duration, do func()) {
	w.push(event{at: w.now + max(int64(pause), 0), kind: aside, data: w.plans.add(do)})
}

// Planned is how many things there are that [World.At] has been told and that did not happen yet.
func (w *World) Planned() int { return w.pending }

// SetPeers tells a live node other peers than it had.
func (w *World) SetPeers(id gossip.NodeID, peers gossip.Peers) {
	i := int(id - 1)
	w.peers[i] = peers
	switch {
	case !w.Alive(id):
		return
	case w.Paused(id):
		w.doors[i].peers = true
		return
	}
	if w.nodes != nil {
		w.carryOut(i, w.nodes[i].SetPeers(w.clock, peers))
	} else {
		w.out.Detach()
		w.protocols[i].Peers(w.clock, peers, &w.out)
		w.apply(i)
	}
}

// Publish gives a message to a live node and starts tracking it. One that stands still refuses with
// [ErrPaused]. The limit is the relay limit, 0 for
// the protocol's own. It returns the number of the message, counted from 0.
func (w *World) Publish(id gossip.NodeID, body []byte, limit int) (int, error) {
	if err := w.awake(id); err != nil {
		return 0, err
	}
	i := int(id - 1)
	w.Count.Events++
	if w.nodes != nil {
		m, fx, err := w.nodes[i].Publish(w.clock, body, limit)
		if err != nil {
			return 0, err
		}
		number := w.track(m.ID)
		w.carryOut(i, fx)
		if w.waits(i) {
			w.disks[i].accepts = append(w.disks[i].accepts, m.ID)
		} else {
			w.accept(i, m.ID)
		}
		return number, w.err
	}
	life := gossip.ID{Origin: id, Run: w.run(i)}
	w.seqs[life]++
	m := gossip.Message{ID: gossip.ID{Origin: id, Run: life.Run, Seq: w.seqs[life]}, Body: body, Sent: w.clock.Add(w.plan.Clock(id))}
	number := w.track(m.ID)
	w.tracks.lone = append(w.tracks.lone, w.payloads.lend(m, number))
	w.out.Detach()
	w.protocols[i].Publish(w.clock, m, limit, &w.out)
	w.apply(i)
	return number, w.err
}

// track begins to follow a message.
func (w *World) track(id gossip.ID) int {
	w.owed += w.live
	return w.tracks.add(newTrack(w.cfg, id, w.now))
}

// Tracks returns what became of every message published, in that order. They are the world's own.
func (w *World) Tracks() []Track { return w.tracks.list }

// run is which life of a node this is, from 1.
func (w *World) run(i int) uint32 { return uint32(w.lives[i]/2) + 1 }

// Informed reports whether every live node has every message that was published, and nothing more is
// planned.
func (w *World) Informed() bool { return w.owed == 0 && w.pending == 0 }

// Quiet reports whether no message goes anywhere any more: nobody is infective, none is under way,
// and nothing is planned. Protocols that do not tell whether they are infective must have no alarm
// set and no packet under way. Needs Config.Resting.
func (w *World) Quiet() bool {
	if w.pending > 0 || w.cargo > 0 || w.hot > 0 {
		return false
	}
	return w.restless || w.alarms == 0 && w.packets == w.reconciling
}

// UnderWay is how many packets are.
func (w *World) UnderWay() int { return w.packets }

// Idle reports whether nothing will ever happen again.
func (w *World) Idle() bool {
	return w.queue.len() == 0 && len(w.rows.ringing.sleepers) == 0 && w.instant.n == 0
}

// Next returns when the next thing will happen; something has to be going to.
func (w *World) Next() time.Duration {
	if w.instant.n > 0 || len(w.rows.ringing.sleepers) > 0 {
		return time.Duration(w.now)
	}
	return time.Duration(w.queue.peek())
}

// Step lets the next thing happen, or, at the end of an instant, lets all packets arrive that need no
// time. It reports whether there was anything.
func (w *World) Step() bool {
	if w.err != nil {
		return false
	}
	if len(w.rows.ringing.sleepers) > 0 {
		s, timer := w.rows.next()
		w.ring(s, timer)
		return true
	}
	if w.instant.n > 0 && (w.queue.len() == 0 || w.queue.peek() > w.now) {
		w.drain()
		return true
	}
	if w.queue.len() == 0 {
		return false
	}
	e := w.queue.pop()
	if e.at != w.now {
		w.now, w.clock, w.repeats = e.at, Begin.Add(time.Duration(e.at)), 0
		if e.at >= w.expires {
			w.SetPlan(w.plan) // before anything else at that moment
		}
	}
	switch e.kind {
	case plan, aside:
		if e.kind == plan {
			w.pending--
		}
		w.plans.take(e.data)()
	case flight:
		w.payloads.unpack(&w.flights.slots[e.data], &w.taken)
		w.flights.free = append(w.flights.free, uint32(e.data))
		w.arrive()
	case alarm:
		w.ring(sleeper{e.node, e.life}, e.data)
	case row:
		w.rows.begin(e.data)
		s, timer := w.rows.next()
		w.ring(s, timer)
	case pass:
		w.pass(e.node, e.data)
	case flush:
		switch {
		case w.lives[e.node] != e.life:
		case w.shut(int(e.node)):
			w.doors[e.node].late = append(w.doors[e.node].late, late{kind: flush})
		default:
			w.sync(int(e.node))
		}
	}
	return true
}

// drain lets one generation of packets arrive.
func (w *World) drain() {
	if w.repeats++; w.repeats > repeatsMost {
		w.fail(fmt.Errorf("%w: at %v packets have answered each other %d times without a delay", ErrEndless, w.Now(), repeatsMost))
		return
	}
	groups := w.instant.generation()
	for k := range groups {
		for j := range groups[k] {
			if j%ahead == 0 && w.restless {
				w.warm(groups[k][j:min(j+ahead, len(groups[k]))])
			}
			if w.beats++; w.beats%arrivalsEvery == 0 && w.cfg.Pulse != nil {
				w.fail(w.cfg.Pulse())
			}
			if w.err == nil {
				w.payloads.unpack(&groups[k][j], &w.taken)
				w.arrive()
			}
		}
		groups[k] = groups[k][:0]
	}
}

// ErrEndless says that a protocol answers answers without end.
var ErrEndless = errors.New("endless")

// repeatsMost is how many generations of packets without a delay one instant may have: a relay that
// goes on through the longest line of nodes that is ever simulated has as many as it has nodes.
const repeatsMost = 10_000_000

// RunUntil moves the clock on to a moment, once nothing is left to happen before it.
func (w *World) RunUntil(at time.Duration) {
	if int64(at) > w.now {
		w.now, w.clock = int64(at), Begin.Add(at)
	}
}
