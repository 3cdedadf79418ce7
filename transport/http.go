package transport

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gossipctl/gossip"
)

// A link between two processes is one HTTP request, checked like any other, that is upgraded to a
// one-way stream of frames. A frame on a stream costs a hundredth of a request of its own.
const (
	LinkPath      = "/v1/link"
	LinkProtocol  = "gossip/1"       // in the Upgrade header
	HeaderNetwork = "Gossip-Network" // which network the caller belongs to
	HeaderFrom    = "Gossip-From"    // the caller's node number
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
	Network string // identity of the network; a peer of another one is refused
	Token   string // bearer token that peers of this network share
}

// HTTP is the transport between processes. Its ServeHTTP takes the links that peers open; whoever
// mounts it has checked the token before. The zero value is not usable; see [NewHTTP].
type HTTP struct {
	cfg   HTTPConfig
	ready chan struct{} // closed when Serve has begun
	over  chan struct{} // closed when Serve ends

	mu      sync.Mutex
	recv    func([]gossip.Envelope)
	ctx     context.Context // of Serve; links end with it
	closed  bool
	links   map[gossip.NodeID]*link
	writers sync.WaitGroup
	inbound map[net.Conn]struct{}
	readers sync.WaitGroup
	dropped map[string]uint64 // envelopes, by reason, apart from links that still exist

	received  atomic.Uint64 // envelopes
	malformed atomic.Uint64 // streams that ended because of what they carried
}

// NewHTTP returns a transport without peers.
func NewHTTP(cfg HTTPConfig) *HTTP {
	return &HTTP{
		cfg:     cfg,
		ready:   make(chan struct{}),
		over:    make(chan struct{}),
		links:   make(map[gossip.NodeID]*link),
		inbound: make(map[net.Conn]struct{}),
		dropped: make(map[string]uint64),
	}
}

// SetPeers says whom Send can reach. Links to peers that stay are kept as they are; what waits for
// peers that go is dropped and counted.
func (t *HTTP) SetPeers(peers []Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := make(map[gossip.NodeID]string, len(peers))
	for _, p := range peers {
		wanted[p.ID] = p.Addr
	}
	for id, l := range t.links {
		if wanted[id] != l.addr {
			t.dropped[DropPeerRemoved] += uint64(l.close())
			t.dropped[DropQueueFull] += l.snapshot().Dropped
			delete(t.links, id)
		}
	}
	for id, addr := range wanted {
		if t.links[id] == nil && !t.closed {
			t.links[id] = newLink(id, addr, t.dial, &t.writers)
		}
	}
}

// Send implements [Transport].
func (t *HTTP) Send(to gossip.NodeID, e *gossip.Envelope) error {
	t.mu.Lock()
	l, ctx, open := t.links[to], t.ctx, t.ctx != nil && !t.closed
	if l == nil && open {
		t.dropped[DropNoPeer]++
	}
	t.mu.Unlock()
	switch {
	case !open:
		return ErrClosed
	case l == nil:
		return ErrNoPeer
	}
	err := l.send(ctx, e)
	if err != nil && !errors.Is(err, ErrQueueFull) {
		reason := DropTooLarge
		if errors.Is(err, ErrNoPeer) {
			reason = DropPeerRemoved
		}
		t.mu.Lock()
		t.dropped[reason]++
		t.mu.Unlock()
	}
	return err
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
	for _, l := range t.links {
		l.close()
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
	for _, l := range t.links {
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
		for _, l := range t.links {
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

// Stats returns the state of every link, by peer number, and the envelopes dropped by reason.
func (t *HTTP) Stats() (links []LinkStats, dropped map[string]uint64, received, malformed uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dropped = make(map[string]uint64)
	for reason, n := range t.dropped {
		if n > 0 {
			dropped[reason] = n
		}
	}
	for _, l := range t.links {
		s := l.snapshot()
		links = append(links, s)
		if s.Dropped > 0 {
			dropped[DropQueueFull] += s.Dropped
		}
	}
	slices.SortFunc(links, func(a, b LinkStats) int { return cmp.Compare(a.Peer, b.Peer) })
	return links, dropped, t.received.Load(), t.malformed.Load()
}

// dial opens a link: one request, and when the answer is 101, a stream.
func (t *HTTP) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	err = t.handshake(conn, addr)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (t *HTTP) handshake(conn net.Conn, addr string) error {
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s: %s\r\n%s: %d\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n",
		LinkPath, addr, t.cfg.Token, HeaderNetwork, t.cfg.Network, HeaderFrom, t.cfg.Self, LinkProtocol)
	if err != nil {
		return err
	}
	// The peer says nothing after its answer, so a buffer that reads ahead loses nothing.
	resp, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(conn, 16<<10), 1024), nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body.Close()
		return fmt.Errorf("link to %s refused: %s", addr, resp.Status)
	}
	return nil
}

// ServeHTTP takes a link that a peer opens and reads it until it ends.
func (t *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.Header.Get(HeaderFrom), 10, 32)
	switch {
	case r.Header.Get("Upgrade") != LinkProtocol:
		w.Header().Set("Upgrade", LinkProtocol)
		http.Error(w, "a link must ask for an upgrade to "+LinkProtocol, http.StatusUpgradeRequired)
		return
	case err != nil || from < 1:
		http.Error(w, HeaderFrom+" must be the caller's node number", http.StatusBadRequest)
		return
	}
	select {
	case <-t.ready:
	case <-r.Context().Done():
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be upgraded", http.StatusHTTPVersionNotSupported)
		return
	}
	if !t.admit(conn) {
		conn.Close()
		return
	}
	defer t.dismiss(conn)
	conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+LinkProtocol+"\r\n\r\n"); err != nil {
		return
	}
	early := make([]byte, rw.Reader.Buffered())
	io.ReadFull(rw.Reader, early)
	t.read(conn, gossip.NodeID(from), early)
}

func (t *HTTP) admit(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.inbound) >= maxInbound {
		return false
	}
	t.inbound[conn] = struct{}{}
	t.readers.Add(1)
	return true
}

func (t *HTTP) dismiss(conn net.Conn) {
	conn.Close()
	t.mu.Lock()
	delete(t.inbound, conn)
	t.mu.Unlock()
	t.readers.Done()
}

// read hands over what a stream carries until it ends. Everything that one read brings is one
// batch, decoded into memory that is used again for the next.
func (t *HTTP) read(conn net.Conn, from gossip.NodeID, early []byte) {
	var batch gossip.Batch
	buf := append(make([]byte, 0, idleBuffer), early...)
	for {
		batch.Reset()
		rest, ok := t.decode(&batch, buf, from)
		if len(batch.Envelopes) > 0 {
			t.received.Add(uint64(len(batch.Envelopes)))
			t.recv(batch.Envelopes)
			t.throttle()
		}
		if !ok {
			t.malformed.Add(1)
			return
		}
		buf = buf[:copy(buf[:cap(buf)], rest)]
		var err error
		if buf, err = fill(conn, buf); err != nil {
			return
		}
	}
}

// decode reads the whole frames at the front of buf and returns what is left. It is not ok when the
// stream makes no sense; what came before is still good.
func (t *HTTP) decode(batch *gossip.Batch, buf []byte, from gossip.NodeID) (rest []byte, ok bool) {
	for len(buf) >= gossip.FrameHeader {
		size := int(binary.BigEndian.Uint32(buf))
		if size > gossip.MaxEnvelope {
			return buf, false
		}
		if len(buf) < gossip.FrameHeader+size {
			break
		}
		if err := batch.Decode(buf[gossip.FrameHeader : gossip.FrameHeader+size]); err != nil {
			return buf, false
		}
		if batch.Envelopes[len(batch.Envelopes)-1].From != from {
			batch.Envelopes = batch.Envelopes[:len(batch.Envelopes)-1]
			return buf, false // only the link's owner speaks on it
		}
		buf = buf[gossip.FrameHeader+size:]
	}
	return buf, true
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

// Peers returns whom Send can reach, in no particular order.
func (t *HTTP) Peers() []Peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	peers := make([]Peer, 0, len(t.links))
	for id, l := range t.links {
		peers = append(peers, Peer{id, l.addr})
	}
	return peers
}
