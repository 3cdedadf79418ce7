package transport

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
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

// errHungUp is what a link says of a connection that it finds ended.
var errHungUp = errors.New("the peer has closed the connection")

// dialer opens a connection to a peer. It tells the peer from which frame on can be written again, and
// which is the next that was not written yet.
type dialer func(ctx context.Context, to Peer, kept, next uint64) (net.Conn, greeting, error)

// greeting is what a peer says when it takes a link.
type greeting struct {
	life  life
	taken uint64 // the first frame it has not taken
}

// link is the way to one peer: a bounded queue, and one goroutine that writes what waits. It starts
// when there is first something to send.
type link struct {
	peer gossip.NodeID
	addr string
	dial dialer
	wait *sync.WaitGroup // of whoever waits for the link's goroutine
	wake chan struct{}   // holds a token when there may be something to do
	last *link           // the link before it to the same peer, which may still write; nil when there was none
	done chan struct{}   // closed when nothing is written any more

	*account // its lock guards what follows

	started   bool
	queue     []byte // frames waiting
	frames    uint64 // in queue
	writing   int    // bytes taken off the queue and not yet written
	unwritten uint64 // frames that were not yet written in full, of those
	progress  time.Time
	closed    bool
	ended     string   // the reason that closed it
	conn      net.Conn // nil when there is none
	look      bool     // somebody found the connection ended
	lastError string

	passAfter time.Duration // see the constant

	passing bool // goes to a node that is no peer: it is let go of when nothing has used it for a while
	hurry   bool // somebody else needs its place
	retired bool // it was let go of: another link takes its place
	retire  func(l *link, force bool) (over bool)
}

func newLink(a *account, addr string, dial dialer, wait *sync.WaitGroup, last *link) *link {
	a.mu.Lock()
	a.gone = false
	a.mu.Unlock()
	return &link{peer: a.peer, addr: addr, dial: dial, wait: wait, account: a, last: last, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// send queues one envelope, starting the link's goroutine at the first.
func (l *link) send(ctx context.Context, e *gossip.Envelope, how handed) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		return errRetired
	}
	l.take(how)
	if l.closed {
		l.drop(l.ended, 1)
		return ErrNoPeer
	}
	before := len(l.queue)
	if before+l.writing >= QueueBytes {
		l.drop(DropQueueFull, 1)
		return ErrQueueFull
	}
	queue, err := gossip.AppendFrame(l.queue, e)
	if err != nil {
		l.drop(DropTooLarge, 1)
		return err
	}
	if how.spoil {
		damage(queue[before:])
	}
	l.queue = queue
	l.frames++
	l.queued++
	if before == 0 && l.writing == 0 {
		l.progress = time.Now() // an empty queue cannot have stalled
	}
	l.start(ctx)
	if before == 0 {
		l.rouse()
	}
	return nil
}

// start starts the link's goroutine, should it not have begun. The lock is held.
func (l *link) start(ctx context.Context) {
	if !l.started {
		l.started = true
		l.wait.Go(func() { l.run(ctx) })
	}
}

// inquire has the link ask the peer at once what it has taken of what the link before it wrote last. It may
// have lost some when it ended, and not have noticed.
func (l *link) inquire(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote > l.first {
		l.broken = true
		l.start(ctx)
	}
}

// rouse lets the link's goroutine look again.
func (l *link) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// load is how many bytes wait, and whether the peer is taking any of them.
func (l *link) load() (queued int, moving bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.burden()
}

// burden is load while the lock is held.
func (l *link) burden() (queued int, moving bool) {
	queued = len(l.queue) + l.writing
	return queued, queued == 0 || time.Since(l.progress) < stalled
}

// snapshot tells how the link stands. A connection that has ended while nothing was to be written is
// noticed here, so that what the peer lacks is sent again, and no count says that it has it.
func (l *link) snapshot() LinkStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && l.wrote > l.first && !l.look && !alive(l.conn) {
		l.look, l.broken = true, true
		l.rouse()
	}
	s := l.stats()
	queued, moving := l.burden()
	s.Connected, s.LastError = l.conn != nil && !l.look, l.lastError
	s.Queued, s.Stalled = queued, !moving
	return s
}

// close ends the link for a reason. What waits is dropped; what is being written, when that has ended.
// What was written arrives if the peer takes it.
func (l *link) close(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed, l.ended, l.gone = true, reason, true
	if !l.started {
		close(l.done)
	}
	if l.conn != nil {
		l.conn.SetDeadline(time.Now()) // a peer that takes nothing holds nobody up
	} else {
		l.frames, l.unwritten = l.frames+l.unwritten, 0
	}
	l.drop(reason, l.frames)
	l.queued -= l.frames
	l.queue, l.frames = nil, 0
	l.rouse()
}

// batch is what the link's goroutine took off the queue last. It is kept until the next is taken, for a
// connection that breaks.
type batch struct {
	data  []byte
	first uint64 // number of its first frame
	done  int    // bytes of the frames that were written in full
}

// seek makes a frame the next one to be written.
func (b *batch) seek(number uint64) {
	b.done = 0
	for n := b.first; n < number && b.done < len(b.data); n++ {
		b.done += frameSize(b.data[b.done:])
	}
}

// frameSize is the size of a frame that is known to be whole.
func frameSize(frame []byte) int {
	size, _ := gossip.FrameSize(frame)
	return size
}

// run writes what waits until the link is closed or ctx ends. After an error the peer says how many
// frames it has taken, and the others are written again as far as they are still there.
func (l *link) run(ctx context.Context) {
	defer close(l.done)
	if l.last != nil {
		select {
		case <-l.last.done:
			l.last = nil
		case <-ctx.Done():
		}
	}
	l.mu.Lock()
	b := batch{first: l.wrote}
	l.mu.Unlock()
	if l.last == nil {
		for l.next(ctx, &b) && l.write(ctx, &b) {
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
	l.drop(cmp.Or(l.ended, DropClosed), l.unwritten)
	l.queued -= l.unwritten
	l.writing, l.unwritten = 0, 0
}

// write writes the batch to the end; false means that the link is no longer wanted.
func (l *link) write(ctx context.Context, b *batch) bool {
	for {
		// Only this goroutine changes conn.
		if l.conn == nil && !l.connect(ctx, b) {
			return false
		}
		at, err := b.done, error(nil)
		for at < len(b.data) && err == nil {
			var n int
			n, err = l.conn.Write(b.data[at:min(at+writeChunk, len(b.data))])
			at += n
			l.written(b, at)
		}
		if err == nil {
			return true
		}
		if l.isClosed() && isTimeout(err) {
			return false // nothing is wrong with the connection: what was written arrives
		}
		l.hangUp(err)
		if l.isClosed() || ctx.Err() != nil {
			return false
		}
	}
}

// written counts the frames before a byte of the batch, and lets it be seen that the peer takes them.
func (l *link) written(b *batch, at int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b.done < len(b.data) {
		size := frameSize(b.data[b.done:])
		if b.done+size > at {
			break
		}
		b.done += size
		l.wrote++
		l.passed++
		l.queued--
		l.unwritten--
	}
	l.writing, l.progress = len(b.data)-at, time.Now()
}

// next waits until there is something to write and takes all of it into the batch. The batch stays as it
// is when the connection is found ended and the peer may lack some of what it holds. False means that
// the link is closed.
func (l *link) next(ctx context.Context, b *batch) bool {
	for {
		l.mu.Lock()
		closed, some, look, conn := l.closed, len(l.queue) > 0, l.look, l.conn
		l.mu.Unlock()
		if closed {
			return false
		}
		// A write to a connection the peer has ended succeeds once, and its frames are lost.
		if conn != nil && (look || some && !alive(conn)) {
			l.hangUp(errHungUp)
		}
		l.mu.Lock()
		if l.broken && l.wrote > l.first {
			l.mu.Unlock()
			return true
		}
		if len(l.queue) > 0 && !l.closed {
			spare := b.data
			b.data, b.first, b.done = l.queue, l.wrote, 0
			l.queue, l.writing = spare[:0], len(b.data)
			l.frames, l.unwritten = 0, l.frames
			l.mu.Unlock()
			return true
		}
		idle := l.idle()
		l.mu.Unlock()
		if idle && l.part() || !idle && !l.rest(ctx, b) {
			return false
		}
	}
}

// rest waits until there may be something to do. A batch that is large and old is let go of.
func (l *link) rest(ctx context.Context, b *batch) bool {
	large := cap(b.data) > idleBuffer
	pause := idleAfter
	if !large {
		pause = l.patience()
	}
	var ring <-chan time.Time
	if pause > 0 {
		quiet := time.NewTimer(pause)
		defer quiet.Stop()
		ring = quiet.C
	}
	select {
	case <-l.wake:
	case <-ctx.Done():
		return false
	case <-ring:
		if !large {
			return true
		}
		l.mu.Lock()
		*b = batch{first: l.wrote}
		if len(l.queue) == 0 {
			l.queue = nil
		}
		l.mu.Unlock()
	}
	return true
}

func (l *link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// hangUp gives the connection up.
func (l *link) hangUp(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.Close()
	l.conn, l.look, l.broken, l.lastError = nil, false, true, err.Error()
}

// connect dials until it succeeds, and learns what the peer has; false means that the link is no longer
// wanted.
func (l *link) connect(ctx context.Context, b *batch) bool {
	begun := time.Now()
	for pause := redialMin; ; pause = min(2*pause, redialMax) {
		l.mu.Lock()
		kept, next := b.first, l.wrote
		l.mu.Unlock()
		conn, is, err := l.dial(ctx, Peer{l.peer, l.addr}, kept, next)
		l.mu.Lock()
		if err == nil && l.closed {
			conn.Close()
			err = ErrClosed
		}
		if err == nil {
			l.conn, l.lastError = conn, ""
			before := l.queued
			b.seek(l.greet(is.life, is.taken, kept))
			l.writing, l.unwritten = len(b.data)-b.done, l.unwritten+l.queued-before
			l.mu.Unlock()
			return true
		}
		l.lastError, l.dead = err.Error(), errors.Is(err, syscall.ECONNREFUSED)
		vain := l.passing && time.Since(begun) >= l.passAfter
		l.mu.Unlock()
		if vain && l.retire(l, true) {
			return false
		}
		// Jitter, so that the peers of a node that comes back do not all call at once.
		again := time.NewTimer(pause/2 + rand.N(pause/2))
		for waiting := true; waiting; {
			if l.isClosed() {
				again.Stop()
				return false
			}
			select {
			case <-again.C:
				waiting = false
			case <-l.wake: // something more is queued, or the link was closed
			case <-ctx.Done():
				again.Stop()
				return false
			}
		}
	}
}
