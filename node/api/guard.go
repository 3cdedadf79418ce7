package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"gossipctl/transport"
)

// Limits of a server of this project. A healthy client comes nowhere near them.
const (
	headerTimeout = 5 * time.Second  // a header takes microseconds; slower ones are an attack
	bodyTimeout   = 10 * time.Second // for the whole request
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	maxConns      = 256  // connections that are no links
	maxRate       = 2000 // requests a second, with as many at once
)

// Guard stands before a handler. In this order it checks the Host (against DNS rebinding), the
// Origin and the fetch metadata (against web pages), the rate, the network, and the token. Every
// refusal is counted by its code.
type Guard struct {
	Network string // identity; a request that names another one is refused
	Tokens  [][]byte
	// Open are the paths that need no token.
	Open map[string]bool

	hosts  map[string]bool
	cross  *http.CrossOriginProtection
	hashes [][sha256.Size]byte

	mu      sync.Mutex
	refused map[Code]uint64
	tokens  float64 // of the rate's bucket
	filled  time.Time
}

// Protect puts the guard before a handler that listens on addr.
func (g *Guard) Protect(addr net.Addr, next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(addr.String())
	g.hosts = make(map[string]bool)
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		g.hosts[name+":"+port] = true
	}
	g.cross = http.NewCrossOriginProtection()
	for _, token := range g.Tokens {
		g.hashes = append(g.hashes, sha256.Sum256(token))
	}
	g.refused = make(map[Code]uint64)
	g.tokens = maxRate
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.check(r); err != nil {
			g.mu.Lock()
			g.refused[err.Code]++
			g.mu.Unlock()
			w.Header().Set("Connection", "close")
			WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Refused returns how many requests were refused, by code.
func (g *Guard) Refused() map[Code]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := make(map[Code]uint64, len(g.refused))
	for code, n := range g.refused {
		counts[code] = n
	}
	return counts
}

func (g *Guard) check(r *http.Request) *Error {
	if !g.hosts[strings.ToLower(r.Host)] {
		return NewError(CodeWrongHost, "this server does not answer for that host", "")
	}
	if origin := r.Header.Get("Origin"); origin != "" && !g.hosts[strings.TrimPrefix(origin, "http://")] {
		return NewError(CodeForbidden, "requests from other sites are refused", "")
	}
	if err := g.cross.Check(r); err != nil {
		return NewError(CodeForbidden, "requests from other sites are refused", "")
	}
	if !g.rate(time.Now()) {
		return NewError(CodeBusy, "too many requests", "try again in a second")
	}
	if network := r.Header.Get(transport.HeaderNetwork); network != "" && network != g.Network {
		return NewError(CodeWrongNetwork, "wrong network: this node belongs to another one", "")
	}
	if g.Open[r.URL.Path] && r.Method == http.MethodGet {
		return nil
	}
	if !g.knows(r.Header.Get("Authorization")) {
		return NewError(CodeUnauthorized, "the request carries no token of this network", "")
	}
	return nil
}

// rate takes one request out of a bucket that fills at maxRate a second.
func (g *Guard) rate(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.filled.IsZero() {
		g.tokens = min(maxRate, g.tokens+now.Sub(g.filled).Seconds()*maxRate)
	}
	g.filled = now
	if g.tokens < 1 {
		return false
	}
	g.tokens--
	return true
}

// knows compares in constant time, and hashes first so that the length does not show either.
func (g *Guard) knows(header string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	given := sha256.Sum256([]byte(token))
	match := 0
	for _, want := range g.hashes {
		match |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return ok && match == 1
}

// NewServer returns a server with this project's limits of time, size and number.
func NewServer(handler http.Handler) *http.Server {
	waiting := &waitingRoom{state: make(map[net.Conn]http.ConnState)}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         waiting.change,
		// The server's own log would hold what hostile clients send; refusals are counted instead.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// waitingRoom bounds the connections of a server, links apart. When it is full, whoever has waited
// longest without having said anything whole must go, so that a flood of half-open requests cannot
// keep a good one out.
type waitingRoom struct {
	mu    sync.Mutex
	state map[net.Conn]http.ConnState
	order []net.Conn // that are new or idle, oldest first; may hold some that are not any more
}

func (r *waitingRoom) change(conn net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		r.state[conn] = state
		r.order = append(r.order, conn)
	case http.StateActive:
		r.state[conn] = state
	case http.StateHijacked, http.StateClosed:
		delete(r.state, conn)
	}
	for len(r.state) > maxConns && len(r.order) > 0 {
		oldest := r.order[0]
		r.order = r.order[1:]
		if s, there := r.state[oldest]; there && s != http.StateActive {
			delete(r.state, oldest)
			oldest.Close()
		}
	}
	if len(r.order) > 4*maxConns {
		kept := r.order[:0:0]
		for _, c := range r.order {
			if s, there := r.state[c]; there && s != http.StateActive {
				kept = append(kept, c)
			}
		}
		r.order = kept
	}
}
