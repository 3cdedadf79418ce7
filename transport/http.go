package transport

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gossipctl/gossip"
)

// A link between two processes is one HTTP request, checked like any other, that is upgraded to a
// one-way stream of frames. A frame on a stream costs a hundredth of a request of its own.
const (
	LinkPath      = "/v1/link"
	LinkProtocol  = "gossip/3"       // in the Upgrade header
	HeaderNetwork = "Gossip-Network" // which network the caller belongs to
	HeaderFrom    = "Gossip-From"    // the caller's node number
	HeaderLife    = "Gossip-Life"    // of whoever speaks: the run, and the number drawn for it
	HeaderFrames  = "Gossip-Frames"  // from the caller: the first frame it can write again, and the next new one
	HeaderTaken   = "Gossip-Taken"   // from the peer: the first frame it has not taken yet
)

const (
	// dialTimeout bounds reaching a peer and its answer; on one machine both take well under a
	// millisecond unless the peer is stopped.
	dialTimeout = 2 * time.Second
	// maxInbound bounds the streams a node reads; twice the largest network, because a peer that
	// comes back opens a new one before the old one is seen to be dead.
	maxInbound = 10_000
	// readBuffer is the most a stream's buffer grows to, but for a single larger frame.
	readBuffer = 256 << 10
	// maxThrottle is the longest a reader pauses between two reads while a queue is above its
	// high-water mark. A pause, never a stop: two nodes that wait for each other must not lock up.
	maxThrottle = 20 * time.Millisecond
)

// Peer is a node one can send to, and where it listens.
type Peer struct {
	ID   gossip.NodeID
	Addr string // host:port
}

// HTTPConfig says who a node is to its peers.
type HTTPConfig struct {
	Self    gossip.NodeID
	Run     uint32 // which life of the node
	Network string // identity of the network; a peer of another one is refused
	Token   string // bearer token that peers of this network share

	// Reach, if it is set, says where any node listens, so that Send can reach more than the peers; see [HTTP.SetPeers].
	// It is asked while locks are held, and must not call the transport.
	Reach func(gossip.NodeID) (addr string, known bool)
	// Idle is when the link to a node that is no peer is closed because nothing has used it; 0 = 10 s.
	Idle time.Duration
	// Vet has whoever listens at an address prove to be the node that is wanted there, before it is shown the token.
	Vet bool
	// Met, if it is set, is told how each call of a node went: in which life it is, or why there is no link.
	Met func(to Peer, run uint32, err error)
}

// HTTP is the transport between processes. Its ServeHTTP takes the links that peers open; whoever
// mounts it has checked the token before. The zero value is not usable; see [NewHTTP].
type HTTP struct {
	cfg   HTTPConfig
	ready chan struct{} // closed when Serve has begun
	over  chan struct{} // closed when Serve ends

	life life

	mu       sync.Mutex
	recv     func([]gossip.Envelope)
	ctx      context.Context // of Serve; links end with it
	closed   bool
	links    map[gossip.NodeID]*link
	passing  map[gossip.NodeID]*link    // to nodes that are no peers, while they are used
	last     map[gossip.NodeID]*link    // the one before; it may still write
	accounts map[gossip.NodeID]*account // of all that are or were peers
	others   account                    // of everybody else
	floor    uint64                     // above the frames of accounts that were given up: no number is given twice
	writers  sync.WaitGroup
	inbound  map[net.Conn]struct{}
	heard    map[gossip.NodeID]*hearing
	readers  sync.WaitGroup

	malformed atomic.Uint64 // streams that ended because of what they carried
	replayed  atomic.Uint64 // frames that had come before
}

// NewHTTP returns a transport without peers.
func NewHTTP(cfg HTTPConfig) *HTTP {
	return &HTTP{
		cfg:      cfg,
		ready:    make(chan struct{}),
		over:     make(chan struct{}),
		life:     life{cfg.Run, rand.Uint64()},
		links:    make(map[gossip.NodeID]*link),
		passing:  make(map[gossip.NodeID]*link),
		last:     make(map[gossip.NodeID]*link),
		accounts: make(map[gossip.NodeID]*account),
		inbound:  make(map[net.Conn]struct{}),
		heard:    make(map[gossip.NodeID]*hearing),
	}
}

// SetPeers says whom Send can reach. Links to peers that stay are kept as they are; what waits for
// peers that go is dropped and counted. The account of a peer goes on when it comes back.
//
// Where HTTPConfig.Reach knows more nodes, Send reaches these too, over links that are opened when they are
// needed and closed when nothing has used them for a while; the link to a peer that goes becomes one of them.
func (t *HTTP) SetPeers(peers []Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := make(map[gossip.NodeID]string, len(peers))
	for _, p := range peers {
		wanted[p.ID] = p.Addr
	}
	for id, l := range t.links {
		if wanted[id] != l.addr {
			delete(t.links, id)
			if addr, known := t.reach(id); known && addr == l.addr && wanted[id] == "" && !t.closed && l.pass(true) {
				t.passing[id] = l
				continue
			}
			l.close(DropPeerRemoved)
			t.last[id] = l
		}
	}
	for id, addr := range wanted {
		if t.links[id] != nil || t.closed {
			continue
		}
		if l := t.passing[id]; l != nil {
			delete(t.passing, id)
			if l.addr == addr && l.pass(false) {
				t.links[id] = l
				continue
			}
			l.close(DropPeerRemoved)
			t.last[id] = l
		}
		t.links[id] = t.open(id, addr)
		t.links[id].inquire(t.ctx)
	}
}

// open makes the link to a node. The lock is held.
func (t *HTTP) open(id gossip.NodeID, addr string) *link {
	l := newLink(t.begin(id), addr, t.dial, &t.writers, t.last[id])
	l.retire, l.passAfter = t.retire, cmp.Or(t.cfg.Idle, passAfter)
	delete(t.last, id)
	return l
}

// begin returns the account of a node, which it gets if it has none. The lock is held.
func (t *HTTP) begin(id gossip.NodeID) *account {
	a := t.accounts[id]
	if a == nil {
		t.forget()
		a = &account{peer: id, first: t.floor, wrote: t.floor}
		t.accounts[id] = a
	}
	return a
}

// forget makes room for one more account, should that be needed.
func (t *HTTP) forget() {
	for id, a := range t.accounts {
		if len(t.accounts) < maxAccounts {
			return
		}
		if l := t.last[id]; l != nil {
			select {
			case <-l.done:
			default:
				continue // it still counts
			}
		}
		if t.links[id] == nil && t.passing[id] == nil {
			t.others.add(a)
			t.floor = max(t.floor, a.wrote)
			delete(t.accounts, id)
			delete(t.last, id)
		}
	}
}

// Send implements [Transport].
func (t *HTTP) Send(to gossip.NodeID, e *gossip.Envelope) error {
	return t.forward(to, e, handed{})
}

// forward is Send of a packet that comes as it says.
func (t *HTTP) forward(to gossip.NodeID, e *gossip.Envelope, how handed) error {
	for {
		t.mu.Lock()
		l, err := t.way(to)
		ctx, a := t.ctx, &t.others
		if err != nil {
			a = t.account(to)
		}
		t.mu.Unlock()
		if err != nil {
			return a.refuse(how, err)
		}
		if err = l.send(ctx, e, how); !errors.Is(err, errRetired) { // else it was let go of in between
			return err
		}
	}
}

// account is where packets for a node are counted. The lock is held.
func (t *HTTP) account(to gossip.NodeID) *account {
	if a := t.accounts[to]; a != nil {
		return a
	}
	return &t.others
}

// room returns the account of a node, and how many more bytes may wait for it. The error says that none
// may.
func (t *HTTP) room(to gossip.NodeID) (*account, int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, open := t.account(to), t.ctx != nil && !t.closed
	l := t.links[to]
	if l == nil {
		l = t.passing[to]
	}
	_, known := t.reach(to)
	switch {
	case !open:
		return a, 0, ErrClosed
	case l == nil && !known:
		return a, 0, ErrNoPeer
	case l == nil:
		return t.begin(to), QueueBytes, nil
	}
	queued, _ := l.load()
	return a, QueueBytes - queued, nil
}

// Serve implements [Transport]. It may be called once.
func (t *HTTP) Serve(ctx context.Context, recv func([]gossip.Envelope)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.mu.Lock()
	t.ctx, t.recv = ctx, recv
	t.mu.Unlock()
	close(t.ready)
	<-ctx.Done()

	t.mu.Lock()
	t.closed = true
	close(t.over)
	for l := range t.ways() {
		l.close(DropClosed)
	}
	for conn := range t.inbound {
		conn.Close()
	}
	t.mu.Unlock()
	t.readers.Wait()
	t.writers.Wait()
	return nil
}

// Ready is closed when Serve has begun: before that, Send only returns [ErrClosed].
func (t *HTTP) Ready() <-chan struct{} { return t.ready }

// Room waits until no peer that takes anything has more than HighWater waiting: this is how a full
// queue pushes back on whoever sends. A peer that takes nothing holds nobody up.
func (t *HTTP) Room(ctx context.Context) error {
	for t.fullness() > 0 {
		pause := time.NewTimer(time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// fullness is how far the fullest queue of a moving peer stands between HighWater (0) and
// QueueBytes (1).
func (t *HTTP) fullness() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	worst := 0.0
	for l := range t.ways() {
		if queued, moving := l.load(); moving && queued > HighWater {
			worst = max(worst, float64(queued-HighWater)/(QueueBytes-HighWater))
		}
	}
	return worst
}

// Drained waits until nothing is queued for any peer that takes something, or ctx ends.
func (t *HTTP) Drained(ctx context.Context) {
	for {
		busy := false
		t.mu.Lock()
		for l := range t.ways() {
			queued, moving := l.load()
			busy = busy || queued > 0 && moving
		}
		t.mu.Unlock()
		if !busy {
			return
		}
		pause := time.NewTimer(time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// Links implements [Counting].
func (t *HTTP) Links() []LinkStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	links := make([]LinkStats, 0, len(t.accounts)+1)
	for id, a := range t.accounts {
		if l := t.links[id]; l != nil {
			links = append(links, l.snapshot())
			continue
		}
		if l := t.passing[id]; l != nil {
			s := l.snapshot()
			s.Former = true
			links = append(links, s)
			continue
		}
		a.mu.Lock()
		s := a.stats()
		a.mu.Unlock()
		s.Former = true
		links = append(links, s)
	}
	t.others.mu.Lock()
	defer t.others.mu.Unlock()
	if s := t.others.stats(); s.Sent > 0 {
		s.Former = true
		links = append(links, s)
	}
	return sortLinks(links)
}

// Heard implements [Counting].
func (t *HTTP) Heard() []Heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	heard := make([]Heard, 0, len(t.heard))
	for _, h := range t.heard {
		heard = append(heard, h.stats())
	}
	return sortHeard(heard)
}

// Malformed is how many streams ended because of what they carried.
func (t *HTTP) Malformed() uint64 { return t.malformed.Load() }

// Replayed is how many frames came again that had been taken before, from somebody who has recorded them. They
// were thrown away.
func (t *HTTP) Replayed() uint64 { return t.replayed.Load() }

// Peers returns the peers, in no particular order.
func (t *HTTP) Peers() []Peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	peers := make([]Peer, 0, len(t.links))
	for id, l := range t.links {
		peers = append(peers, Peer{id, l.addr})
	}
	return peers
}
