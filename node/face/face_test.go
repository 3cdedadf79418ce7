package face

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/values"
)

// lonely is a node with one neighbour, that nothing leaves.
type lonely struct {
	mu      sync.Mutex
	node    *node.Node
	full    error
	changed chan struct{}
}

func (l *lonely) Step(do func(now time.Time, n *node.Node) node.Effects) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do(time.Now(), l.node)
}
func (l *lonely) Room(context.Context) error { return l.full }
func (l *lonely) Sync(context.Context) error { return nil }
func (l *lonely) Wires() api.Wires {
	return api.Wires{Links: []api.Link{{Peer: api.Peer{ID: 2, Addr: "127.0.0.1:7002"}}}}
}

// set changes the node's own map and says so.
func (l *lonely) set(t testing.TB, key, value string) {
	t.Helper()
	l.mu.Lock()
	_, _, err := l.node.SetValue(time.Now(), values.Change{Key: key, Value: []byte(value)})
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
}

// hears takes in a value that another node has set.
func (l *lonely) hears(t testing.TB, owner gossip.NodeID) {
	t.Helper()
	p, err := protocol.New("flood", protocol.Environment{Self: owner}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p = values.Around(p, values.Environment{Self: owner, Run: 1, Rand: values.Generator(1, owner)}, values.Rules{})
	other := node.New(node.Config{ID: owner, Run: 1, Protocol: p})
	other.SetPeers(time.Now(), gossip.NewPeers([]gossip.NodeID{1}))
	_, fx, err := other.SetValue(time.Now(), values.Change{Key: "k", Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range fx.Envelopes() {
		l.node.Receive(time.Now(), e)
	}
}

// newFace is the face of node 1 at port 7001. Guests answer with reply; nil: they do not.
func newFace(t testing.TB, reply func(*http.Request) (*http.Response, error)) (*Face, *lonely) {
	t.Helper()
	p, err := protocol.New("flood", protocol.Environment{Self: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p = values.Around(p, values.Environment{Self: 1, Run: 1, Rand: values.Generator(1, 1)}, values.Rules{})
	l := &lonely{node: node.New(node.Config{ID: 1, Run: 1, Protocol: p}), changed: make(chan struct{})}
	l.node.SetPeers(time.Now(), gossip.NewPeers([]gossip.NodeID{2}))
	f, err := New(Config{Network: "n", Self: 1, Addr: "127.0.0.1:7001", Backend: l, Changed: func() <-chan struct{} {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.changed
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.wires.Transport = guests(reply)
	return f, l
}

// guests are the servers of all guests.
type guests func(*http.Request) (*http.Response, error)

func (g guests) RoundTrip(r *http.Request) (*http.Response, error) {
	if g == nil {
		return nil, errors.New("connection refused")
	}
	return g(r)
}

func status(code int) *http.Response {
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Body: io.NopCloser(strings.NewReader("{}"))}
}

// tell posts a piece and returns the status and the answer.
func tell(f *Face, body string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, GossipPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func piece(port, number int) string {
	return fmt.Sprintf(`{"uuid":"00000000-0000-4000-8000-%012d","origin":%d,"version":%d,"ttl":8,"payload":1}`, number, port, number)
}

func TestANodeHasSoManyGuestsAndNoMore(t *testing.T) {
	f, _ := newFace(t, nil)
	for i := range MaxGuests {
		if code, answer := tell(f, piece(9001+i, i+1)); code != http.StatusOK {
			t.Fatalf("guest %d: %d %s", i+1, code, answer)
		}
	}
	if code, answer := tell(f, piece(9999, 999)); code != http.StatusServiceUnavailable || !strings.Contains(answer, "another node") {
		t.Errorf("one guest too many: %d %s", code, answer)
	}
	if code, answer := tell(f, piece(9001, 1000)); code != http.StatusOK {
		t.Errorf("a guest that is there: %d %s", code, answer)
	}
	if s := f.Stats(); s.Guests != MaxGuests || s.Refused != 1 || s.News != MaxGuests+1 {
		t.Errorf("%+v", s)
	}
}

// A guest that does not answer is given up after a minute, not earlier and not much later, and makes room.
func TestAGuestThatIsGoneIsGivenUp(t *testing.T) {
	for name, reply := range map[string]func(*http.Request) (*http.Response, error){
		"refuses": nil,
		"fails":   func(*http.Request) (*http.Response, error) { return status(500), nil },
		"hangs": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
				f, l := newFace(t, reply)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				ended := make(chan struct{})
				go func() { f.Run(ctx); close(ended) }()
				l.set(t, "k", "v")
				if code, answer := tell(f, piece(9001, 1)); code != http.StatusOK {
					t.Fatal(code, answer)
				}
				time.Sleep(giveUp - time.Second)
				synctest.Wait()
				if s := f.Stats(); s.Guests != 1 || s.Failed < 5 {
					t.Errorf("before the minute is over: %+v", s)
				}
				time.Sleep(retryMax + 2*tellTime + time.Second)
				synctest.Wait()
				s := f.Stats()
				if s.Guests != 0 || s.Gone != 1 || s.Told != 0 {
					t.Errorf("after the minute: %+v", s)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if now := f.Stats(); now.Failed != s.Failed {
					t.Errorf("a guest that was given up is still tried: %+v", now)
				}
				end()
				<-ended
			})
		})
	}
}

// A guest that was given up is told everything anew when it comes back, and the rest while it stays.
func TestAGuestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		there, told := false, []string{}
		f, l := newFace(t, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if !there {
				return nil, errors.New("connection refused")
			}
			body, err := io.ReadAll(r.Body)
			told = append(told, string(body))
			return status(404), err // anything below 500 will do
		})
		ended := make(chan struct{})
		ctx, end := context.WithCancel(t.Context())
		go func() { f.Run(ctx); close(ended) }()
		l.set(t, "k", "first")
		tell(f, piece(9001, 1))
		time.Sleep(2 * giveUp)
		mu.Lock()
		there = true
		mu.Unlock()
		if s := f.Stats(); s.Guests != 0 {
			t.Fatalf("it was not given up: %+v", s)
		}
		tell(f, piece(9001, 1)) // even with what is no news
		time.Sleep(time.Second)
		l.set(t, "k", "second")
		time.Sleep(time.Second)
		synctest.Wait()
		end()
		<-ended
		if len(told) != 2 || !strings.Contains(told[0], `"first"`) || !strings.Contains(told[1], `"second"`) {
			t.Errorf("it was told %q", told)
		}
	})
}

// Run ends with its context at once, whatever guests do.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := newFace(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		l.set(t, "k", "v")
		for i := range MaxGuests {
			tell(f, piece(9001+i, i+1))
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { f.Run(ctx); close(ended) }()
		synctest.Wait()
		began := time.Now()
		end()
		<-ended
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// What is remembered of UUIDs is bounded, and one that is forgotten is still told from news by its version.
func TestUUIDsAreForgotten(t *testing.T) {
	f, _ := newFace(t, nil)
	for i := range maxKnown + 100 {
		if code, answer := tell(f, piece(9001, i+1)); code != http.StatusOK || !strings.Contains(answer, `"news":true`) {
			t.Fatalf("piece %d: %d %s", i+1, code, answer)
		}
	}
	if len(f.known) != maxKnown || len(f.order) != maxKnown || cap(f.order) > 2*maxKnown {
		t.Errorf("%d UUIDs are known, in an order of %d with room for %d", len(f.known), len(f.order), cap(f.order))
	}
	if _, answer := tell(f, piece(9001, 1)); !strings.Contains(answer, `"news":false`) {
		t.Errorf("an old piece whose UUID is forgotten: %s", answer)
	}
}

func TestWhatIsRefusedIsNotAGuest(t *testing.T) {
	f, l := newFace(t, nil)
	for _, body := range []string{"", "null", "[]", `{"uuid":"x"}`, piece(0, 1), piece(65536, 1), strings.Replace(piece(9001, 1), `:8,`, `:0,`, 1)} {
		if code, answer := tell(f, body); code != http.StatusBadRequest {
			t.Errorf("%q: %d %s", body, code, answer)
		}
	}
	for _, port := range []int{7001, 7002} { // the node, and its neighbour
		if code, answer := tell(f, piece(port, 1)); code != http.StatusOK || !strings.Contains(answer, `"news":false`) {
			t.Errorf("in the name of a node at port %d: %d %s", port, code, answer)
		}
	}
	if s := f.Stats(); s.Guests != 0 || s.Heard != 0 {
		t.Errorf("%+v", s)
	}
	// Node 3 is no neighbour: what it has set came by way of others.
	if l.hears(t, 3); f.isNode(9001) {
		t.Error("a port of nobody's is taken for a node's")
	}
	if code, answer := tell(f, piece(7003, 1)); code != http.StatusOK || !strings.Contains(answer, `"news":false`) {
		t.Errorf("in the name of node 3, which is known by its values: %d %s", code, answer)
	}
	l.full = errors.New("full")
	if code, answer := tell(f, piece(9001, 1)); code != http.StatusServiceUnavailable {
		t.Errorf("without room: %d %s", code, answer)
	}
	l.full = nil
	if _, answer := tell(f, piece(9001, 1)); !strings.Contains(answer, `"news":true`) {
		t.Errorf("a piece that was turned away for want of room is news when it comes again, not %s", answer)
	}
}

// Whatever guests say, the node answers with a status of its own and keeps what it can tell on.
func FuzzGossip(f *testing.F) {
	for _, seed := range []string{piece(9001, 1), piece(7002, 1), `{}`, `null`, `{"payload":null}`, "\xff", `{"ttl":1e99}`, strings.Repeat("[", 1000),
		strings.Replace(piece(9001, 1), `"payload":1`, `"payload":{"a":"\u0000\ud800<&>"}`, 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		face, l := newFace(t, nil)
		code, answer := tell(face, string(body))
		if code != http.StatusOK && code != http.StatusBadRequest && code != http.StatusRequestEntityTooLarge {
			t.Fatalf("%q: %d %s", body, code, answer)
		}
		if code != http.StatusOK || !strings.Contains(answer, `"news":true`) {
			return
		}
		l.Step(func(_ time.Time, n *node.Node) node.Effects {
			kept := n.Values().Entries(0, "", false)
			if len(kept) != 1 {
				t.Fatalf("%q: %d values", body, len(kept))
			}
			if g, ok := face.says.value(&kept[0]); ok && (g.check() != nil || g.Origin == 7001) {
				t.Errorf("%q would be told on as %+v: %v", body, g, g.check())
			}
			return node.Effects{}
		})
	})
}
