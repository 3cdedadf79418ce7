package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"gossipctl/gossip"
)

// maxFrames bounds the numbers of frames that a peer may name, so that nothing overflows: a million a
// second reach it after a hundred thousand years.
const maxFrames = math.MaxInt64 / 2

// dial opens a link: one request, and when the answer is 101, a stream.
func (t *HTTP) dial(ctx context.Context, to Peer, kept, next uint64) (net.Conn, greeting, error) {
	conn, is, err := t.call(ctx, to, kept, next)
	if t.cfg.Met != nil && ctx.Err() == nil {
		t.cfg.Met(to, is.life.run, err)
	}
	return conn, is, err
}

func (t *HTTP) call(ctx context.Context, to Peer, kept, next uint64) (net.Conn, greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", to.Addr)
	if err != nil {
		return nil, greeting{}, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	// The peer says nothing after its answers, so a buffer that reads ahead loses nothing.
	answers := bufio.NewReaderSize(io.LimitReader(conn, 16<<10), 1024)
	var is greeting
	if t.cfg.Vet {
		err = t.vet(conn, answers, to)
	}
	if err == nil {
		is, err = t.handshake(conn, answers, to.Addr, kept, next)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, greeting{}, err
	}
	return conn, is, nil
}

// handshake asks for a link. It says who calls, in which life, and which frames it may write.
func (t *HTTP) handshake(conn net.Conn, answers *bufio.Reader, addr string, kept, next uint64) (is greeting, err error) {
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s: %s\r\n%s: %d\r\n%s: %s\r\n%s: %d %d\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n",
		LinkPath, addr, t.cfg.Token, HeaderNetwork, t.cfg.Network, HeaderFrom, t.cfg.Self, HeaderLife, t.life, HeaderFrames, kept, next, LinkProtocol)
	if err != nil {
		return is, err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return is, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body.Close()
		return is, fmt.Errorf("link to %s refused: %s", addr, resp.Status)
	}
	if is.taken, err = strconv.ParseUint(resp.Header.Get(HeaderTaken), 10, 63); err == nil {
		is.life, err = parseLife(resp.Header.Get(HeaderLife))
	}
	if err != nil {
		return is, fmt.Errorf("link to %s: the answer does not say what the peer has: %w", addr, err)
	}
	return is, nil
}

// String is the life as headers carry it.
func (l life) String() string { return fmt.Sprintf("%d-%016x", l.run, l.number) }

func parseLife(text string) (l life, err error) {
	if _, err = fmt.Sscanf(text, "%d-%x", &l.run, &l.number); err != nil || l.String() != text {
		return life{}, fmt.Errorf("%.60q is no life of a node", text)
	}
	return l, nil
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
	s := stream{from: gossip.NodeID(from)}
	if s.life, err = parseLife(r.Header.Get(HeaderLife)); err != nil {
		http.Error(w, HeaderLife+" must be the caller's run and a number drawn for it, such as 1-0123456789abcdef", http.StatusBadRequest)
		return
	}
	if _, err = fmt.Sscanf(r.Header.Get(HeaderFrames), "%d %d", &s.kept, &s.next); err != nil || s.kept > s.next || s.next > maxFrames {
		http.Error(w, HeaderFrames+" must be the numbers of two frames", http.StatusBadRequest)
		return
	}
	select {
	case <-t.ready:
	case <-r.Context().Done():
		return
	}
	if s.hearing = t.hear(s.from); s.hearing == nil {
		http.Error(w, "too many nodes have sent something", http.StatusServiceUnavailable)
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
	s.conn = conn
	taken, ok := s.hearing.begin(&s, t.over)
	if !ok {
		return
	}
	defer s.hearing.end(&s)
	conn.SetDeadline(time.Time{})
	answer := fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n%s: %d\r\n\r\n", LinkProtocol, HeaderLife, t.life, HeaderTaken, taken)
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	early := make([]byte, rw.Reader.Buffered())
	io.ReadFull(rw.Reader, early)
	t.read(&s, early)
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
