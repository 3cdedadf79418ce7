package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"gossipctl/transport"
)

// maxRate is how many requests a second a server takes, with as many at once: of those who have a
// token, and as many of those who have none. A healthy client comes nowhere near it.
const maxRate = 2000

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

	mu        sync.Mutex
	refused   map[Code]uint64
	known     bucket // of requests with a token
	strangers bucket // and of those without, who cannot use up the others' rate
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
	known := g.knows(r.Header.Get("Authorization"))
	if !g.rate(known, time.Now()) {
		return NewError(CodeBusy, "too many requests", "try again in a second")
	}
	if network := r.Header.Get(transport.HeaderNetwork); network != "" && network != g.Network {
		return NewError(CodeWrongNetwork, "wrong network: this node belongs to another one", "")
	}
	if !known && !(g.Open[r.URL.Path] && r.Method == http.MethodGet) {
		return NewError(CodeUnauthorized, "the request carries no token of this network", "")
	}
	return nil
}

func (g *Guard) rate(known bool, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if known {
		return g.known.take(now)
	}
	return g.strangers.take(now)
}

// bucket bounds a rate: it holds maxRate requests and fills at maxRate a second. The zero value is full.
type bucket struct {
	spent float64   // requests taken that have not come back yet
	last  time.Time // when that was so
}

// take takes one request out of the bucket, if there is one.
func (b *bucket) take(now time.Time) bool {
	b.spent = max(0, b.spent-max(0, now.Sub(b.last).Seconds())*maxRate)
	b.last = now
	if b.spent+1 > maxRate {
		return false
	}
	b.spent++
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
