package api

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// guarded returns a guard before a handler that says what it is, as if it listened on port 7001.
func guarded(t *testing.T, g *Guard) http.Handler {
	t.Helper()
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteJSON(w, "inside") })
	return g.Protect(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7001}, inside)
}

func newGuard() *Guard {
	return &Guard{Network: "0123", Tokens: [][]byte{[]byte(token), []byte("another")}, Open: map[string]bool{"/v1/health": true}}
}

func knock(h http.Handler, method, path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:7001"
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhomTheGuardLetsIn(t *testing.T) {
	h := guarded(t, newGuard())
	bearer := func(s string) map[string]string { return map[string]string{"Authorization": s} }
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"the token":               {"GET", "/x", bearer("Bearer " + token), 200},
		"the other token":         {"POST", "/x", bearer("Bearer another"), 200},
		"health":                  {"GET", "/v1/health", nil, 200},
		"health, changed":         {"POST", "/v1/health", nil, 401},
		"health, and more":        {"GET", "/v1/health/../stats", nil, 401},
		"health, encoded":         {"GET", "/v1/%68ealth", nil, 200}, // the same path
		"none":                    {"GET", "/x", nil, 401},
		"empty":                   {"GET", "/x", bearer("Bearer "), 401},
		"no word":                 {"GET", "/x", bearer(token), 401},
		"other word":              {"GET", "/x", bearer("Basic " + token), 401},
		"lower-case word":         {"GET", "/x", bearer("bearer " + token), 401},
		"a beginning":             {"GET", "/x", bearer("Bearer " + token[:len(token)-1]), 401},
		"more behind":             {"GET", "/x", bearer("Bearer " + token + "x"), 401},
		"a blank behind":          {"GET", "/x", bearer("Bearer " + token + " "), 401},
		"two at once":             {"GET", "/x", bearer("Bearer " + token + ",another"), 401},
		"NUL behind":              {"GET", "/x", bearer("Bearer " + token + "\x00"), 401},
		"host in capitals":        {"GET", "/v1/health", map[string]string{"Host": "LOCALHOST:7001"}, 200},
		"host with a dot":         {"GET", "/v1/health", map[string]string{"Host": "localhost.:7001"}, 421},
		"host with a user":        {"GET", "/v1/health", map[string]string{"Host": "127.0.0.1:7001@evil.example"}, 421},
		"no host":                 {"GET", "/v1/health", map[string]string{"Host": ""}, 421},
		"another loopback":        {"GET", "/v1/health", map[string]string{"Host": "127.0.0.2:7001"}, 421},
		"a spelling of it":        {"GET", "/v1/health", map[string]string{"Host": "2130706433:7001"}, 421},
		"own origin":              {"GET", "/v1/health", map[string]string{"Origin": "http://127.0.0.1:7001"}, 200},
		"own origin, capitals":    {"GET", "/v1/health", map[string]string{"Origin": "HTTP://127.0.0.1:7001"}, 403},
		"origin without a scheme": {"GET", "/v1/health", map[string]string{"Origin": "127.0.0.1:7001@evil.example"}, 403},
		"an origin that begins":   {"GET", "/v1/health", map[string]string{"Origin": "http://127.0.0.1:7001.evil.example"}, 403},
		"file origin":             {"GET", "/v1/health", map[string]string{"Origin": "file://"}, 403},
		"right network":           {"GET", "/v1/health", map[string]string{"Gossip-Network": "0123"}, 200},
		"wrong network":           {"GET", "/v1/health", map[string]string{"Gossip-Network": "01234"}, 403},
	} {
		w := knock(h, c.method, c.path, c.header)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
		if w.Code != 200 && (strings.Contains(w.Body.String(), "inside") || w.Header().Get("Connection") != "close") {
			t.Errorf("%s: %v %s", name, w.Header(), w.Body)
		}
	}
	// Without tokens nobody gets in, not even with an empty one.
	if w := knock(guarded(t, &Guard{}), "GET", "/x", bearer("Bearer ")); w.Code != 401 {
		t.Errorf("no tokens at all: %d", w.Code)
	}
}

// Each of the two kinds of callers has a bucket of its own, so that strangers cannot use up what
// those with a token need. (Row 39.)
func TestTheRateIsBounded(t *testing.T) {
	var b bucket
	now := time.Unix(1_000_000, 0)
	take := func(n int) (taken int) {
		for range n {
			if b.take(now) {
				taken++
			}
		}
		return taken
	}
	for i, step := range []struct {
		pause       time.Duration
		asked, want int
	}{
		{0, 10 * maxRate, maxRate},                   // as many at once as in a second
		{0, 10, 0},                                   // then none
		{time.Millisecond, 10, maxRate / 1000},       // they come back one by one
		{time.Second, maxRate + 10, maxRate},         // all of them after a second
		{24 * time.Hour, 10 * maxRate, maxRate},      // and no more after a day
		{-time.Hour, 10, 0},                          // a clock that is set back gives none
		{time.Second / 2, 10 * maxRate, maxRate / 2}, // and takes none
	} {
		now = now.Add(step.pause)
		if got := take(step.asked); got != step.want {
			t.Errorf("step %d: %d of %d, want %d", i, got, step.asked, step.want)
		}
	}
}

func TestStrangersCannotUseUpTheRate(t *testing.T) {
	g := newGuard()
	h := guarded(t, g)
	codes := make(map[int]int)
	for begun := time.Now(); codes[503] == 0 && time.Since(begun) < 20*time.Second; {
		codes[knock(h, "GET", "/x", nil).Code]++
	}
	if codes[401] < maxRate || codes[503] == 0 {
		t.Fatalf("%v", codes)
	}
	if w := knock(h, "GET", "/x", map[string]string{"Authorization": "Bearer " + token}); w.Code != 200 {
		t.Errorf("with the token: %d %s", w.Code, w.Body)
	}
	refused := g.Refused()
	if int(refused[CodeUnauthorized]) != codes[401] || int(refused[CodeBusy]) != codes[503] {
		t.Errorf("%v, counted as %v", codes, refused)
	}
	refused[CodeBusy] = 0
	if g.Refused()[CodeBusy] == 0 {
		t.Error("the counters can be changed from outside")
	}
}

// visitor is a connection that only knows whether it was closed.
type visitor struct {
	net.Conn
	closed bool
}

func (v *visitor) Close() error { v.closed = true; return nil }

// party is so many connections, and the room they wait in.
type party struct {
	room   *waitingRoom
	guests []*visitor
}

func newParty(n int) *party {
	p := &party{room: newWaitingRoom()}
	for range n {
		p.guests = append(p.guests, new(visitor))
	}
	return p
}

// is puts guests first…last-1 in a state, one after the other, unless they had to go.
func (p *party) is(state http.ConnState, first, last int) {
	for _, v := range p.guests[first:last] {
		if !v.closed {
			p.room.change(v, state)
		}
	}
}

func (p *party) closed() (list []int) {
	for i, v := range p.guests {
		if v.closed {
			list = append(list, i)
		}
	}
	return list
}

// When there are more connections than the bound, whoever has waited longest must go: never one
// that is being served, and not one that has just been. (Row 39.)
func TestTheWaitingRoom(t *testing.T) {
	const more = 4
	for name, c := range map[string]struct {
		guests int
		happen func(p *party)
		gone   []int // first and last+1 of those that must be closed, and no other
	}{
		"as many as fit": {maxConns, func(p *party) { p.is(http.StateNew, 0, maxConns) }, []int{0, 0}},
		"some too many":  {maxConns + more, func(p *party) { p.is(http.StateNew, 0, maxConns+more) }, []int{0, more}},
		"those who are served stay": {maxConns + more, func(p *party) {
			p.is(http.StateNew, 0, 10)
			p.is(http.StateActive, 0, 10)
			p.is(http.StateNew, 10, maxConns+more)
		}, []int{10, 10 + more}},
		"those who were served last wait behind those who said nothing": {maxConns + more, func(p *party) {
			p.is(http.StateNew, 0, maxConns)
			p.is(http.StateActive, 0, 10)
			p.is(http.StateIdle, 0, 10)
			p.is(http.StateNew, maxConns, maxConns+more)
		}, []int{10, 10 + more}},
		"links do not count": {2 * maxConns, func(p *party) {
			for i := range p.guests {
				p.is(http.StateNew, i, i+1)
				p.is(http.StateActive, i, i+1)
				p.is(http.StateHijacked, i, i+1)
			}
		}, []int{0, 0}},
		"those who left do not count": {2 * maxConns, func(p *party) {
			for i := range p.guests {
				p.is(http.StateNew, i, i+1)
				p.is(http.StateClosed, i, i+1)
			}
		}, []int{0, 0}},
		"all are served": {maxConns + more, func(p *party) {
			for i := range p.guests {
				p.is(http.StateNew, i, i+1)
				p.is(http.StateActive, i, i+1)
			}
		}, []int{maxConns, maxConns + more}},
		"and then wait": {maxConns + more, func(p *party) {
			for i := range p.guests {
				p.is(http.StateNew, i, i+1)
				p.is(http.StateActive, i, i+1)
			}
			p.is(http.StateIdle, 0, maxConns)
			p.is(http.StateNew, 0, 1) // a new one, as it were
		}, []int{maxConns, maxConns + more}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParty(c.guests)
			c.happen(p)
			gone := p.closed()
			want := c.gone[1] - c.gone[0]
			if len(gone) != want || want > 0 && (gone[0] != c.gone[0] || gone[want-1] != c.gone[1]-1) {
				t.Errorf("closed are %v, want %v", gone, c.gone)
			}
		})
	}
	// However often connections come, are served and wait, what is kept of them stays bounded.
	p := newParty(50)
	p.is(http.StateNew, 0, 50)
	for range 1000 {
		p.is(http.StateActive, 0, 50)
		p.is(http.StateIdle, 0, 50)
		if len(p.room.queue) > 5*maxConns {
			t.Fatalf("%d places in the queue for %d connections", len(p.room.queue), len(p.room.places))
		}
	}
	if len(p.closed()) > 0 {
		t.Errorf("closed are %v", p.closed())
	}
}

// A server answers nothing by itself that the guard has not seen.
func TestTheServerLeavesEveryAnswerToTheGuard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard()
	server := NewServer(g.Protect(l.Addr(), http.NotFoundHandler()))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() { server.Close(); <-done }()
	for _, request := range []string{"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write([]byte(request))
		answer := make([]byte, 64)
		n, _ := conn.Read(answer)
		conn.Close()
		if status, _, _ := strings.Cut(string(answer[:n]), "\r\n"); !strings.HasSuffix(status, "421 Misdirected Request") {
			t.Errorf("%q is answered %q", request, status)
		}
	}
}
