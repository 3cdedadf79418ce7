package transport

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"gossipctl/gossip"
)

// Bounds and paces of a link.
const (
	// QueueBytes is how much may wait for one peer. It takes a burst of 10,000 messages of 256
	// bytes twice over, and ten links full to the brim are still only 80 MiB.
	QueueBytes = 8 << 20
	// HighWater is where pushing back on senders starts, long before anything is dropped.
	HighWater = 1 << 20
	// stalled is how long a peer may take nothing before its queue no longer holds anybody up.
	// Peers that merely lose the processor for a while take longer than 100 ms only when hundreds
	// of nodes share a core.
	stalled = 250 * time.Millisecond
	// writeChunk bounds one write, so that progress shows while a long queue drains.
	writeChunk = 256 << 10
	// idleBuffer is what a quiet link may keep of its buffers.
	idleBuffer = 4 << 10
	// idleAfter is when a link counts as quiet.
	idleAfter = time.Second
	// A peer that cannot be reached is tried again after redialMin, then less and less often. It
	// is most often dead for good, and a try costs two packets.
	redialMin = 20 * time.Millisecond
	redialMax = 2 * time.Second
)

// LinkStats is what one link has done since the node learned of the peer.
type LinkStats struct {
	Peer      gossip.NodeID
	Connected bool
	Stalled   bool   // something waits, and the peer takes nothing
	Queued    int    // bytes waiting
	Frames    uint64 // envelopes queued for the peer, ever
	Dropped   uint64 // envelopes dropped because the queue was full
	LastError string // of the last attempt to reach the peer; empty when it succeeded
}

// link is the way to one peer: a bounded queue, and one goroutine that writes what waits. It starts
// when there is first something to send.
type link struct {
	peer gossip.NodeID
	addr string
	dial func(ctx context.Context, addr string) (net.Conn, error)
	wait *sync.WaitGroup // of whoever waits for the link's goroutine
	wake chan struct{}   // holds a token when there may be something to write

	mu       sync.Mutex
	started  bool
	queue    []byte // frames waiting
	frames   int    // in queue
	writing  int    // bytes taken off the queue and not yet written
	progress time.Time
	closed   bool
	stats    LinkStats
}

func newLink(peer gossip.NodeID, addr string, dial func(context.Context, string) (net.Conn, error), wait *sync.WaitGroup) *link {
	return &link{peer: peer, addr: addr, dial: dial, wait: wait, wake: make(chan struct{}, 1)}
}

// send queues one envelope, starting the link's goroutine at the first.
func (l *link) send(ctx context.Context, e *gossip.Envelope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrNoPeer
	}
	before := len(l.queue)
	if before+l.writing >= QueueBytes {
		l.stats.Dropped++
		return ErrQueueFull
	}
	queue, err := gossip.AppendFrame(l.queue, e)
	if err != nil {
		return err
	}
	l.queue = queue
	l.frames++
	l.stats.Frames++
	if before == 0 && l.writing == 0 {
		l.progress = time.Now() // an empty queue cannot have stalled
	}
	if !l.started {
		l.started = true
		l.wait.Go(func() { l.run(ctx) })
	}
	if before == 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// load is how many bytes wait, and whether the peer is taking any of them.
func (l *link) load() (queued int, moving bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queued = len(l.queue) + l.writing
	return queued, queued == 0 || time.Since(l.progress) < stalled
}

func (l *link) snapshot() LinkStats {
	queued, moving := l.load()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Peer, s.Queued, s.Stalled = l.peer, queued, !moving
	return s
}

// close ends the link and returns how many envelopes were still waiting.
func (l *link) close() (waiting int) {
	l.mu.Lock()
	waiting = l.frames
	l.closed, l.queue, l.frames = true, nil, 0
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return waiting
}

// run writes what waits until the link is closed or ctx ends. What could not be written for sure is
// written again on the next connection: a repeated frame does no harm, a missing one would.
func (l *link) run(ctx context.Context) {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	var spare []byte
	for {
		batch, ok := l.take(ctx, spare)
		if !ok {
			return
		}
		// A write to a connection the peer has ended succeeds once, and its frames are lost.
		if conn != nil && !alive(conn) {
			conn.Close()
			conn = nil
		}
		for unsent := batch; len(unsent) > 0; {
			if conn == nil {
				if conn = l.connect(ctx); conn == nil {
					return
				}
			}
			n, err := conn.Write(unsent[:min(len(unsent), writeChunk)])
			if err != nil {
				conn.Close()
				conn = nil
				l.disconnected(err)
				unsent = batch
				if l.isClosed() || ctx.Err() != nil {
					return
				}
				continue
			}
			unsent = unsent[n:]
			l.wrote(len(unsent))
		}
		spare = batch[:0]
	}
}

// take waits until something is queued and takes all of it, leaving spare as the new queue.
func (l *link) take(ctx context.Context, spare []byte) ([]byte, bool) {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return nil, false
		}
		if len(l.queue) > 0 {
			batch := l.queue
			l.queue, l.frames, l.writing = spare[:0], 0, len(batch)
			l.mu.Unlock()
			return batch, true
		}
		l.mu.Unlock()
		if cap(spare) <= idleBuffer {
			select {
			case <-l.wake:
			case <-ctx.Done():
				return nil, false
			}
			continue
		}
		quiet := time.NewTimer(idleAfter)
		select {
		case <-l.wake:
		case <-ctx.Done():
			quiet.Stop()
			return nil, false
		case <-quiet.C:
			spare = nil
			l.mu.Lock()
			if len(l.queue) == 0 {
				l.queue = nil
			}
			l.mu.Unlock()
		}
		quiet.Stop()
	}
}

func (l *link) wrote(left int) {
	l.mu.Lock()
	l.writing, l.progress = left, time.Now()
	l.mu.Unlock()
}

func (l *link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *link) disconnected(err error) {
	l.mu.Lock()
	l.stats.Connected, l.stats.LastError = false, err.Error()
	l.mu.Unlock()
}

// connect dials until it succeeds; nil means that the link is no longer wanted.
func (l *link) connect(ctx context.Context) net.Conn {
	for pause := redialMin; ; pause = min(2*pause, redialMax) {
		conn, err := l.dial(ctx, l.addr)
		if err == nil {
			l.mu.Lock()
			l.stats.Connected, l.stats.LastError = true, ""
			l.mu.Unlock()
			return conn
		}
		l.disconnected(err)
		// Jitter, so that the peers of a node that comes back do not all call at once.
		again := time.NewTimer(pause/2 + rand.N(pause/2))
		for waiting := true; waiting; {
			if l.isClosed() {
				again.Stop()
				return nil
			}
			select {
			case <-again.C:
				waiting = false
			case <-l.wake: // something more is queued, or the link was closed
			case <-ctx.Done():
				again.Stop()
				return nil
			}
		}
	}
}
