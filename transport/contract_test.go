package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world makes nodes that can all reach each other over one kind of transport.
type world interface {
	join(t testing.TB, id gossip.NodeID) Transport
	// connected is called when all have joined.
	connected(t *testing.T)
}

var worlds = map[string]func() world{
	"mem":           newMemWorld,
	"http":          newHTTPWorld,
	"mem, calm":     faulty(newMemWorld, fault.Plan{}),
	"http, calm":    faulty(newHTTPWorld, fault.Plan{}),
	"mem, delayed":  faulty(newMemWorld, fault.Plan{Latency: fault.ConstantLatency(5 * time.Millisecond)}),
	"http, delayed": faulty(newHTTPWorld, fault.Plan{Latency: fault.ConstantLatency(5 * time.Millisecond)}),
}

func newMemWorld() world { return &memWorld{NewMem()} }

func newHTTPWorld() world {
	return &httpWorld{nodes: map[gossip.NodeID]*HTTP{}, addr: map[gossip.NodeID]string{}}
}

// faulty puts a plan of faults between all nodes of a world.
func faulty(beneath func() world, plan fault.Plan) func() world {
	return func() world { return &faultyWorld{beneath(), &plan} }
}

type memWorld struct{ *Mem }

func (w *memWorld) join(_ testing.TB, id gossip.NodeID) Transport { return w.Join(id) }
func (w *memWorld) connected(*testing.T)                          {}

type httpWorld struct {
	nodes map[gossip.NodeID]*HTTP
	addr  map[gossip.NodeID]string
}

func (w *httpWorld) join(t testing.TB, id gossip.NodeID) Transport {
	n := NewHTTP(HTTPConfig{Self: id, Network: "test", Token: "secret"})
	mux := http.NewServeMux()
	mux.Handle("POST "+LinkPath, n)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.nodes[id], w.addr[id] = n, strings.TrimPrefix(server.URL, "http://")
	return n
}

func (w *httpWorld) connected(*testing.T) {
	for self, n := range w.nodes {
		var peers []Peer
		for id, addr := range w.addr {
			if id != self {
				peers = append(peers, Peer{id, addr})
			}
		}
		n.SetPeers(peers)
	}
}

type faultyWorld struct {
	world
	plan *fault.Plan
}

func (w *faultyWorld) join(t testing.TB, id gossip.NodeID) Transport {
	return NewFaulty(w.world.join(t, id), id, w.plan)
}

// collector keeps a copy of what arrives.
type collector struct {
	mu   sync.Mutex
	got  []string
	more chan struct{}
}

func newCollector() *collector { return &collector{more: make(chan struct{}, 1)} }

func (c *collector) recv(batch []gossip.Envelope) {
	c.mu.Lock()
	for _, e := range batch {
		line := fmt.Sprintf("from %d kind %d", e.From, e.Packet.Kind)
		for i, m := range e.Packet.Messages {
			body := fmt.Sprintf("%q", m.Body[:min(len(m.Body), 64)])
			if len(m.Body) > 64 {
				body += fmt.Sprintf("… %d bytes %x", len(m.Body), sha256.Sum256(m.Body))
			}
			line += fmt.Sprintf(" %v %s %v %v", m.ID, body, m.Sent.UnixNano(), e.Routes[i])
		}
		c.got = append(c.got, line)
	}
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// take returns what has arrived since it was last called.
func (c *collector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

func (c *collector) wait(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		got := append([]string(nil), c.got...)
		c.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-c.more:
		case <-deadline:
			t.Fatalf("%d of %d envelopes came", len(got), n)
		}
	}
}

func serve(t *testing.T, tr Transport, recv func([]gossip.Envelope)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tr.Serve(ctx, recv) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve did not end with its context")
		}
	})
}

func message(from gossip.NodeID, seq int, body []byte) *gossip.Envelope {
	id := gossip.ID{Origin: from, Run: 1, Seq: uint32(seq)}
	return &gossip.Envelope{
		From:   from,
		Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1, Messages: []gossip.Message{{ID: id, Body: body, Sent: time.Unix(0, int64(seq))}}},
		Routes: []gossip.Route{{from}},
	}
}

// sendAll sends n envelopes, waiting for room when a queue is full.
func sendAll(t *testing.T, tr Transport, to gossip.NodeID, n int, make func(i int) *gossip.Envelope) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for i := range n {
		for {
			err := tr.Send(to, make(i))
			if err == nil {
				break
			}
			if starting := errors.Is(err, ErrClosed); !starting && !errors.Is(err, ErrQueueFull) || time.Now().After(deadline) {
				t.Fatalf("envelope %d: %v", i, err)
			}
		}
	}
}

func TestContract(t *testing.T) {
	for name, newWorld := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Run("carries everything unaltered and in order", func(t *testing.T) {
				w := newWorld()
				a, b := w.join(t, 1), w.join(t, 2)
				w.connected(t)
				in := newCollector()
				serve(t, b, in.recv)
				serve(t, a, newCollector().recv)
				bodies := [][]byte{nil, []byte("banana"), {0, 0xff, '\n', 0x80}, bytes.Repeat([]byte("x"), gossip.MaxBody)}
				want := newCollector()
				const n = 2000
				sendAll(t, a, 2, n, func(i int) *gossip.Envelope { return message(1, i+1, bodies[i%len(bodies)]) })
				for i := range n {
					want.recv([]gossip.Envelope{*message(1, i+1, bodies[i%len(bodies)])})
				}
				if diff := cmp.Diff(want.got, in.wait(t, n)); diff != "" {
					t.Error(diff[:min(len(diff), 2000)])
				}
			})
			t.Run("many senders at once", func(t *testing.T) {
				w := newWorld()
				in := newCollector()
				hub := w.join(t, 100)
				var senders []Transport
				for id := range gossip.NodeID(8) {
					senders = append(senders, w.join(t, id+1))
				}
				w.connected(t)
				serve(t, hub, in.recv)
				var wg sync.WaitGroup
				for i, s := range senders {
					serve(t, s, func([]gossip.Envelope) {})
					wg.Go(func() {
						sendAll(t, s, 100, 200, func(k int) *gossip.Envelope { return message(gossip.NodeID(i+1), k+1, []byte("x")) })
					})
				}
				wg.Wait()
				seen := map[string]bool{}
				for _, line := range in.wait(t, 8*200) {
					seen[line] = true
				}
				if len(seen) != 8*200 {
					t.Errorf("%d different envelopes", len(seen))
				}
			})
			t.Run("keeps nothing of what it is handed", func(t *testing.T) {
				w := newWorld()
				a, b := w.join(t, 1), w.join(t, 2)
				w.connected(t)
				in := newCollector()
				serve(t, a, in.recv)
				serve(t, b, in.recv)
				e := message(1, 1, []byte("banana"))
				sendAll(t, a, 2, 1, func(int) *gossip.Envelope { return e })
				copy(e.Packet.Messages[0].Body, "XXXXXX")
				if got := in.wait(t, 1); !strings.Contains(got[0], `"banana"`) {
					t.Error(got)
				}
			})
			t.Run("a stranger and an oversize are errors", func(t *testing.T) {
				w := newWorld()
				a, b := w.join(t, 1), w.join(t, 2)
				w.connected(t)
				in := newCollector()
				serve(t, a, in.recv)
				serve(t, b, in.recv)
				sendAll(t, a, 2, 1, func(int) *gossip.Envelope { return message(1, 1, nil) })
				if err := a.Send(99, message(1, 2, nil)); !errors.Is(err, ErrNoPeer) {
					t.Errorf("stranger: %v", err)
				}
				if err := a.Send(2, message(1, 2, make([]byte, gossip.MaxBody+1))); !errors.Is(err, gossip.ErrTooLarge) {
					t.Errorf("oversize: %v", err)
				}
			})
			t.Run("a peer that does not read never makes a sender wait", func(t *testing.T) {
				w := newWorld()
				a, b := w.join(t, 1), w.join(t, 2)
				w.connected(t)
				release := make(chan struct{})
				serve(t, a, func([]gossip.Envelope) {})
				serve(t, b, func([]gossip.Envelope) { <-release })
				t.Cleanup(func() { close(release) })
				sendAll(t, a, 2, 1, func(int) *gossip.Envelope { return message(1, 1, nil) })
				body := make([]byte, 4<<10) // many more than all buffers on the way hold, and no more memory than needed
				begun := time.Now()
				for i := range 1_000_000 {
					if err := a.Send(2, message(1, i+2, body)); errors.Is(err, ErrQueueFull) {
						return
					}
					if time.Since(begun) > 20*time.Second {
						break
					}
				}
				t.Error("the queue has no end")
			})
		})
	}
}

const (
	upgrade = "Connection: Upgrade\r\nUpgrade: gossip/3\r\n"
	fromTwo = "Gossip-From: 2\r\nGossip-Life: 1-00000000000000ff\r\nGossip-Frames: 0 0\r\n" + upgrade
)

func TestHTTPLinkIsARequest(t *testing.T) {
	w := &httpWorld{nodes: map[gossip.NodeID]*HTTP{}, addr: map[gossip.NodeID]string{}}
	n := w.join(t, 1).(*HTTP)
	in := newCollector()
	serve(t, n, in.recv)
	for name, c := range map[string]struct {
		head string
		want int
	}{
		"no upgrade":    {"Gossip-From: 2\r\n", http.StatusUpgradeRequired},
		"other upgrade": {"Gossip-From: 2\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", http.StatusUpgradeRequired},
		"old version":   {"Gossip-From: 2\r\nConnection: Upgrade\r\nUpgrade: gossip/1\r\n", http.StatusUpgradeRequired},
		"nobody":        {"Gossip-Life: 1-00000000000000ff\r\nGossip-Frames: 0 0\r\n" + upgrade, http.StatusBadRequest},
		"node 0":        {"Gossip-From: 0\r\nGossip-Life: 1-00000000000000ff\r\nGossip-Frames: 0 0\r\n" + upgrade, http.StatusBadRequest},
		"no life":       {"Gossip-From: 2\r\nGossip-Frames: 0 0\r\n" + upgrade, http.StatusBadRequest},
		"odd life":      {"Gossip-From: 2\r\nGossip-Life: 1-ff\r\nGossip-Frames: 0 0\r\n" + upgrade, http.StatusBadRequest},
		"no frames":     {"Gossip-From: 2\r\nGossip-Life: 1-00000000000000ff\r\n" + upgrade, http.StatusBadRequest},
		"odd frames":    {"Gossip-From: 2\r\nGossip-Life: 1-00000000000000ff\r\nGossip-Frames: 2 1\r\n" + upgrade, http.StatusBadRequest},
		"huge frames":   {"Gossip-From: 2\r\nGossip-Life: 1-00000000000000ff\r\nGossip-Frames: 1 9223372036854775807\r\n" + upgrade, http.StatusBadRequest},
	} {
		conn, answer := request(t, w.addr[1], c.head, nil)
		conn.Close()
		if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", c.want)) {
			t.Errorf("%s: %q", name, answer)
		}
	}
}

// Frames that come in the same packet as the request must not be lost, and a stream that makes no
// sense or speaks for another node ends, while what came before it counts.
func TestHTTPStreams(t *testing.T) {
	good, err := gossip.AppendFrame(nil, message(2, 1, []byte("banana")))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := gossip.AppendFrame(nil, message(3, 1, []byte("forged")))
	for name, tail := range map[string][]byte{
		"garbage":         garbage(t),
		"huge frame":      {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"another speaker": other,
	} {
		w := &httpWorld{nodes: map[gossip.NodeID]*HTTP{}, addr: map[gossip.NodeID]string{}}
		n := w.join(t, 1).(*HTTP)
		in := newCollector()
		serve(t, n, in.recv)
		conn, answer := request(t, w.addr[1], fromTwo, append(bytes.Clone(good), tail...))
		if !strings.HasPrefix(answer, "HTTP/1.1 101 ") {
			t.Fatalf("%s: %q", name, answer)
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("%s: the stream was not ended: %v", name, err)
		}
		conn.Close()
		if got := in.wait(t, 1); len(got) != 1 || !strings.Contains(got[0], "banana") {
			t.Errorf("%s: %v", name, got)
		}
		if h := n.Heard()[0]; h.Received != 1 || h.Corrupt != 1 || n.Malformed() != 1 {
			t.Errorf("%s: %+v, malformed %d", name, h, n.Malformed())
		}
	}
}

// garbage is a frame with the right checksum that makes no sense.
func garbage(t *testing.T) []byte {
	frame := []byte{0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff}
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], crc32.MakeTable(crc32.Castagnoli)))
	var b gossip.Batch
	if err := b.DecodeFrame(frame); !errors.Is(err, gossip.ErrMalformed) {
		t.Fatal(err)
	}
	return frame
}

func request(t *testing.T, addr, head string, body []byte) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(append([]byte("POST "+LinkPath+" HTTP/1.1\r\nHost: "+addr+"\r\nContent-Length: 0\r\n"+head+"\r\n"), body...))
	answer := make([]byte, 4096)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return conn, string(answer[:n])
}

// A peer that dies and comes back on the same address gets what was sent meanwhile.
func TestHTTPPeerComesBack(t *testing.T) {
	sender := NewHTTP(HTTPConfig{Self: 1, Network: "test", Token: "secret"})
	serve(t, sender, func([]gossip.Envelope) {})
	<-sender.Ready()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	sender.SetPeers([]Peer{{2, addr}})

	live := func(l net.Listener) (*collector, func()) {
		n, in := NewHTTP(HTTPConfig{Self: 2}), newCollector()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { n.Serve(ctx, in.recv); close(done) }()
		mux := http.NewServeMux()
		mux.Handle("POST "+LinkPath, n)
		server := &http.Server{Handler: mux}
		go server.Serve(l)
		return in, func() { server.Close(); cancel(); <-done }
	}
	in, die := live(listener)
	sendAll(t, sender, 2, 1, func(int) *gossip.Envelope { return message(1, 1, []byte("first")) })
	in.wait(t, 1)
	die()
	sendAll(t, sender, 2, 100, func(i int) *gossip.Envelope { return message(1, i+2, []byte("meanwhile")) })
	if listener, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	in, die = live(listener)
	defer die()
	in.wait(t, 100)
	atRest(sender)
	l := sender.Links()[0]
	want := map[string]uint64{DropPeerEnded: 1}
	if !l.Connected || l.Sent != 101 || l.Passed != 100 || l.InFlight != 0 || !cmp.Equal(l.Dropped, want) {
		t.Errorf("%+v", l)
	}
}

// A dead and a silent peer hold up neither the sender nor anybody else, and what waits for a peer
// that is taken away is counted.
func TestHTTPDeadAndSilentPeers(t *testing.T) {
	w := &httpWorld{nodes: map[gossip.NodeID]*HTTP{}, addr: map[gossip.NodeID]string{}}
	a, b := w.join(t, 1).(*HTTP), w.join(t, 2)
	in := newCollector()
	serve(t, a, func([]gossip.Envelope) {})
	<-a.Ready()
	serve(t, b, in.recv)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	a.SetPeers([]Peer{{3, silent.Addr().String()}, {4, dead.Addr().String()}, {2, w.addr[2]}})
	for i := range 500 {
		for _, to := range []gossip.NodeID{3, 4, 2} {
			sendAll(t, a, to, 1, func(int) *gossip.Envelope { return message(1, i+1, []byte("banana")) })
		}
	}
	in.wait(t, 500)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.Room(ctx); err != nil {
		t.Errorf("a silent peer holds up publishing: %v", err)
	}
	a.SetPeers(nil)
	atRest(a)
	for _, l := range a.Links() {
		if balanced(t, l); !l.Former || l.Peer != 2 && l.Dropped[DropPeerRemoved] != 500 || l.Peer == 2 && l.Passed != 500 {
			t.Errorf("%+v", l)
		}
	}
}

func TestBuffersShrinkOnAQuietStream(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() {
		client.Write(make([]byte, idleBuffer))
		client.Write(make([]byte, 100))
	}()
	buf, err := fill(server, make([]byte, 0, idleBuffer))
	if err != nil || cap(buf) <= idleBuffer {
		t.Fatalf("a filled buffer has room for %d, %v", cap(buf), err)
	}
	if buf, err = fill(server, buf[:0]); err != nil || len(buf) != 100 {
		t.Fatal(len(buf), err)
	}
	go func() {
		quiet := time.NewTimer(idleAfter + idleAfter/2)
		<-quiet.C
		client.Write([]byte("again"))
	}()
	if buf, err = fill(server, buf[:0]); err != nil || string(buf) != "again" || cap(buf) > idleBuffer {
		t.Errorf("after a pause: %q, room for %d, %v", buf, cap(buf), err)
	}
}
