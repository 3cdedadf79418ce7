package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// everywhere says that all nodes listen where one does.
func everywhere(addr string) func(gossip.NodeID) (string, bool) {
	return func(gossip.NodeID) (string, bool) { return addr, true }
}

// until waits for a condition.
func until(t *testing.T, ok func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf(format, args...)
		}
	}
}

// caller starts a transport that reaches nodes that are no peers.
func caller(t *testing.T, cfg HTTPConfig) *HTTP {
	cfg.Self, cfg.Network, cfg.Token = 1, "test", "secret"
	n := NewHTTP(cfg)
	serve(t, n, func([]gossip.Envelope) {})
	<-n.Ready()
	return n
}

// hears starts node 2, and returns where it listens.
func hears(t *testing.T, in *collector) (*HTTP, string) {
	n := NewHTTP(HTTPConfig{Self: 2})
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	addr := strings.TrimPrefix(server.URL, "http://")
	mux.Handle("POST "+LinkPath, n)
	mux.HandleFunc("GET "+HealthPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(HeaderProof, Prove("secret", "test", 2, addr, r.Header.Get(HeaderChallenge)))
	})
	t.Cleanup(server.Close)
	serve(t, n, in.recv)
	return n, addr
}

// A link to a node that is no peer opens with the first packet, closes when it is quiet, and opens again. Nothing
// is lost, and nothing stays behind but the account.
func TestALinkPasses(t *testing.T) {
	in := newCollector()
	heard, addr := hears(t, in)
	n := caller(t, HTTPConfig{Reach: everywhere(addr), Idle: 20 * time.Millisecond, Vet: true})
	for round := range 3 {
		sendAll(t, n, 2, 100, func(i int) *gossip.Envelope { return message(1, 100*round+i+1, []byte("x")) })
		in.wait(t, 100*(round+1))
		l := n.Links()[0]
		if !l.Former || len(n.Peers()) != 0 {
			t.Errorf("a node that is no peer is shown as one: %+v", l)
		}
		until(t, func() bool {
			n.mu.Lock()
			heard.mu.Lock()
			defer n.mu.Unlock()
			defer heard.mu.Unlock()
			return len(n.passing) == 0 && len(heard.inbound) == 0
		}, "the link stays open: %+v", l)
	}
	l := n.Links()[0]
	balanced(t, l)
	if h := heard.Heard()[0]; l.Passed != 300 || l.InFlight != 0 || h.Received != 300 || h.EarlierReceived != 0 || l.Connected {
		t.Errorf("%+v, heard %+v", l, h)
	}
	// In use it stays, however long: two packets are never further apart than that.
	for i := range 40 {
		n.Send(2, message(1, 301+i, nil))
		<-time.After(2 * time.Millisecond)
	}
	in.wait(t, 340)
}

// A peer that becomes none, and one that becomes a peer, keep their connection and what waits for them.
func TestBecomingAPeerAndNoneLosesNothing(t *testing.T) {
	in := newCollector()
	heard, addr := hears(t, in)
	n := caller(t, HTTPConfig{Reach: everywhere(addr), Idle: time.Hour})
	for i := range 200 {
		switch i % 20 {
		case 5:
			n.SetPeers([]Peer{{2, addr}})
		case 15:
			n.SetPeers(nil)
		}
		if err := n.Send(2, message(1, i+1, make([]byte, 1000))); err != nil {
			t.Fatal(err)
		}
	}
	in.wait(t, 200)
	atRest(n)
	if l := n.Links()[0]; l.Passed != 200 || len(l.Dropped) > 0 || heard.Heard()[0].Received != 200 {
		t.Errorf("%+v", l)
	}
}

// A peer that ends the connection before it has read what a link carried is asked again before the link is over.
func TestWhatIsLostAtTheFarewellIsSentAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	frames := make(chan int)
	go func() {
		for call := 0; call < 2; call++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReaderSize(conn, 16) // so that it holds nothing of what follows
			for line := ""; line != "\r\n"; {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: 1-0123456789abcdef\r\n%s: 0\r\n\r\n", LinkProtocol, HeaderLife, HeaderTaken)
			if call == 0 {
				<-time.After(50 * time.Millisecond) // the caller has said farewell
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
				continue
			}
			data, _ := io.ReadAll(in)
			conn.Close()
			count := 0
			for len(data) > 0 {
				data = data[frameSize(data):]
				count++
			}
			frames <- count
		}
	}()
	n := caller(t, HTTPConfig{Reach: everywhere(l.Addr().String()), Idle: 10 * time.Millisecond})
	sendAll(t, n, 2, 5, func(i int) *gossip.Envelope { return message(1, i+1, []byte("x")) })
	select {
	case got := <-frames:
		if got != 5 {
			t.Errorf("%d frames came in the end", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing is sent again: %+v", n.Links())
	}
	atRest(n)
	if s := n.Links()[0]; s.Passed != 5 || s.InFlight != 0 || len(s.Dropped) > 0 {
		t.Errorf("%+v", s)
	}
}

// Who cannot be reached is given up, and what waited is counted. Its account goes on when it comes back.
func TestAnUnreachableNodeIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	var where atomic.Value
	where.Store(l.Addr().String())
	calls := make(chan error, 100)
	n := caller(t, HTTPConfig{
		Reach: func(gossip.NodeID) (string, bool) { return where.Load().(string), true }, Idle: 30 * time.Millisecond,
		Met: func(to Peer, run uint32, err error) { calls <- err },
	})
	over := NewFaulty(n, 1, &fault.Plan{Duplicate: 0})
	sendAll(t, over, 2, 7, func(i int) *gossip.Envelope { return message(1, i+1, nil) })
	until(t, func() bool { return n.Links()[0].Dropped[DropUnreachable] == 7 }, "%+v", n.Links())
	if err := <-calls; err == nil {
		t.Error("a call that nobody took was told to be good")
	}
	balanced(t, n.Links()[0])
	in := newCollector()
	_, addr := hears(t, in)
	where.Store(addr)
	sendAll(t, over, 2, 1, func(i int) *gossip.Envelope { return message(1, 8, nil) })
	in.wait(t, 1)
	atRest(n)
	if s := n.Links()[0]; s.Sent != 8 || s.Passed != 1 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

// One node never holds more links to nodes that are no peers than it says, and lets those go first that nothing uses.
func TestPassingLinksAreBounded(t *testing.T) {
	// Every node listens here: each link is taken, and read to its end.
	var ends atomic.Int64
	everybody := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: 1-0123456789abcdef\r\n%s: 0\r\n\r\n", LinkProtocol, HeaderLife, HeaderTaken)
		io.Copy(io.Discard, rw)
		conn.Close()
		ends.Add(1)
	}))
	defer everybody.Close()
	n := caller(t, HTTPConfig{Reach: everywhere(strings.TrimPrefix(everybody.URL, "http://")), Idle: time.Hour})
	count := func() int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.passing)
	}
	for id := gossip.NodeID(2); id < 2+3*passing; id++ {
		for n.Send(id, message(1, 1, nil)) != nil {
			<-time.After(time.Millisecond)
		}
		atRest(n)
	}
	until(t, func() bool { return count() <= passing }, "%d links pass", count())
	if ends.Load() < 2*passing {
		t.Errorf("%d links have ended", ends.Load())
	}
	for _, l := range n.Links() {
		if l.Passed != 1 {
			t.Errorf("%+v", l)
		}
	}

	// Nobody answers, so none can be let go of.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stuck := caller(t, HTTPConfig{Reach: everywhere(silent.Addr().String()), Idle: time.Hour})
	refused := 0
	for id := gossip.NodeID(2); id < 2+maxPassing+10; id++ {
		if err := stuck.Send(id, message(1, 1, nil)); errors.Is(err, ErrQueueFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused != 10 || len(stuck.passing) != maxPassing {
		t.Errorf("%d are refused, %d pass", refused, len(stuck.passing))
	}
	for _, l := range stuck.Links() {
		balanced(t, l)
	}
}

// The token is shown to nobody who has not proved to know it, be it a stranger or another node of the network.
func TestStrangersAreNotShownTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		proof func(addr, challenge string) string
		good  bool
	}{
		"the node":         {func(addr, c string) string { return Prove("secret", "test", 2, addr, c) }, true},
		"another node":     {func(addr, c string) string { return Prove("secret", "test", 3, addr, c) }, false},
		"another network":  {func(addr, c string) string { return Prove("secret", "tess", 2, addr, c) }, false},
		"another secret":   {func(addr, c string) string { return Prove("secret2", "test", 2, addr, c) }, false},
		"passed on":        {func(_, c string) string { return Prove("secret", "test", 2, "127.0.0.1:1", c) }, false},
		"an old challenge": {func(addr, _ string) string { return Prove("secret", "test", 2, addr, Challenge()) }, false},
		"nothing":          {func(string, string) string { return "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var shown atomic.Bool
			asked := make(chan string, 1)
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			defer server.Close()
			addr := strings.TrimPrefix(server.URL, "http://")
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				shown.Store(shown.Load() || strings.Contains(r.Header.Get("Authorization"), "secret"))
				if r.URL.Path == HealthPath {
					w.Header().Set(HeaderProof, c.proof(addr, r.Header.Get(HeaderChallenge)))
					return
				}
				select {
				case asked <- r.URL.Path:
				default:
				}
				http.Error(w, "no", http.StatusTeapot)
			})
			n := caller(t, HTTPConfig{Vet: true})
			_, is, err := n.dial(context.Background(), Peer{2, addr}, 0, 0)
			if err == nil || is.life.run != 0 {
				t.Errorf("a link without an answer: %v", err)
			}
			if c.good != shown.Load() || c.good != (len(asked) == 1) {
				t.Errorf("the token was shown: %v; %v", shown.Load(), err)
			}
		})
	}
}
