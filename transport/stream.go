package transport

import (
	"errors"
	"net"
	"sync"
	"time"

	"gossipctl/gossip"
)

// linger is how long a stream may go on when the same node opens another one. What it still holds is
// read in less, unless the node is busy; and the caller waits for dialTimeout.
const linger = 500 * time.Millisecond

// stream is one link that a peer has opened.
type stream struct {
	from       gossip.NodeID
	life       life   // of the peer
	kept, next uint64 // the first frame it can write again, and the next new one
	conn       net.Conn
	hearing    *hearing
	stale      uint64        // frames at its front that were taken before: it is a replay
	over       chan struct{} // closed when nothing of it is read any more
}

// hearing is what came from one node. One stream at a time is read, so that the number of the frame that
// comes next is always known.
type hearing struct {
	mu      sync.Mutex
	current *stream // nil when none is read
	life    life
	next    uint64 // frames of that life before this were taken
	count   Heard
}

// hear returns what came from a node; nil when there are too many nodes.
func (t *HTTP) hear(from gossip.NodeID) *hearing {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.heard[from]
	if h == nil && len(t.heard) < maxAccounts {
		h = &hearing{count: Heard{Peer: from}}
		t.heard[from] = h
	}
	return h
}

func (h *hearing) stats() Heard {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// begin makes a stream the one that is read, when the one before it has come to its end, and returns the
// first frame that is still missing. It is not ok when the stream or the transport has ended meanwhile.
func (h *hearing) begin(s *stream, over <-chan struct{}) (taken uint64, ok bool) {
	h.mu.Lock()
	for h.current != nil {
		before := h.current
		h.mu.Unlock()
		patience := time.NewTimer(linger)
		select {
		case <-before.over:
		case <-patience.C:
			before.conn.Close() // its peer does not write there any more
			select {
			case <-before.over:
			case <-over:
			}
		case <-over:
		}
		patience.Stop()
		select {
		case <-over:
			return 0, false
		default:
		}
		if !alive(s.conn) {
			return 0, false // it has waited too long
		}
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	if s.life != h.life {
		h.count.EarlierReceived += h.count.Received
		h.count.EarlierCorrupt += h.count.Corrupt
		h.count.Received, h.count.Corrupt = 0, 0
		h.count.Run, h.life, h.next = s.life.run, s.life, s.next
	}
	// This is where account.greet begins to write. A peer has always written what was taken from it, so only somebody
	// who says again what the peer has said before begins with less.
	if from := min(max(h.next, s.kept), s.next); from < h.next {
		s.stale = h.next - from
	}
	s.over = make(chan struct{})
	h.current = s
	return h.next, true
}

// end says that nothing of a stream is read any more.
func (h *hearing) end(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = nil
	close(s.over)
}

// took counts frames that came on a stream.
func (h *hearing) took(s *stream, good, corrupt int) {
	if good+corrupt == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	// The first frame that comes is the first that the peer could write again, if that is later.
	h.next = max(h.next, s.kept) + uint64(good+corrupt)
	s.kept = 0
	h.count.Received += uint64(good)
	h.count.Corrupt += uint64(corrupt)
}

// read hands over what a stream carries until it ends. Everything that one read brings is one
// batch, decoded into memory that is used again for the next.
func (t *HTTP) read(s *stream, early []byte) {
	var batch gossip.Batch
	buf := append(make([]byte, 0, idleBuffer), early...)
	for {
		batch.Reset()
		rest, corrupt, ok := decode(&batch, t.fresh(s, buf), s.from)
		s.hearing.took(s, len(batch.Envelopes), corrupt)
		if len(batch.Envelopes) > 0 {
			t.recv(batch.Envelopes)
			t.throttle()
		}
		if !ok {
			t.malformed.Add(1)
			return
		}
		buf = buf[:copy(buf[:cap(buf)], rest)]
		var err error
		if buf, err = fill(s.conn, buf); err != nil {
			return
		}
	}
}

// fresh returns what is left of buf behind the frames that were taken before, and counts those.
func (t *HTTP) fresh(s *stream, buf []byte) []byte {
	for s.stale > 0 {
		size, err := gossip.FrameSize(buf)
		if err != nil || size == 0 || size > len(buf) {
			break // decode says what is wrong with it, or waits for the rest
		}
		s.stale--
		t.replayed.Add(1)
		buf = buf[size:]
	}
	return buf
}

// decode reads the whole frames at the front of buf and returns what is left, and how many of them were
// damaged. It is not ok when the stream makes no sense; what came before is still good. The frame that
// made none counts as damaged too, so that it is not sent again and again.
func decode(batch *gossip.Batch, buf []byte, from gossip.NodeID) (rest []byte, corrupt int, ok bool) {
	for {
		size, err := gossip.FrameSize(buf)
		if err != nil {
			return buf, corrupt + 1, false
		}
		if size == 0 || size > len(buf) {
			return buf, corrupt, true
		}
		switch err := batch.DecodeFrame(buf[:size]); {
		case errors.Is(err, gossip.ErrCorrupt):
			corrupt++
		case err != nil:
			return buf, corrupt + 1, false
		case batch.Envelopes[len(batch.Envelopes)-1].From != from:
			batch.Envelopes = batch.Envelopes[:len(batch.Envelopes)-1]
			return buf, corrupt + 1, false // only the link's owner speaks on it
		}
		buf = buf[size:]
	}
}

// fill reads more behind buf, which grows while reads fill it and shrinks again on a quiet stream.
// It never grows because of a length a peer declared, only because bytes came.
func fill(conn net.Conn, buf []byte) ([]byte, error) {
	if len(buf) == cap(buf) {
		buf = resize(buf, min(4*cap(buf), gossip.FrameHeader+gossip.MaxEnvelope))
	}
	large := cap(buf) > idleBuffer
	if large {
		conn.SetReadDeadline(time.Now().Add(idleAfter))
	}
	n, err := conn.Read(buf[len(buf):cap(buf)])
	if large && isTimeout(err) {
		conn.SetReadDeadline(time.Time{})
		if len(buf) < idleBuffer {
			buf = resize(buf, idleBuffer)
		}
		n, err = conn.Read(buf[len(buf):cap(buf)])
	}
	buf = buf[:len(buf)+n]
	if len(buf) == cap(buf) && cap(buf) < readBuffer {
		buf = resize(buf, 4*cap(buf))
	}
	return buf, err
}

func resize(buf []byte, size int) []byte { return append(make([]byte, 0, size), buf...) }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// throttle slows a reader down while a queue is above its high-water mark.
func (t *HTTP) throttle() {
	full := t.fullness()
	if full == 0 {
		return
	}
	pause := time.NewTimer(time.Duration(min(full, 1) * float64(maxThrottle)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-t.over:
	}
}
