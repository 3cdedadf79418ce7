package api

import (
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of a server of this project. A healthy client comes nowhere near them.
const (
	headerTimeout = 5 * time.Second  // a header takes microseconds; slower ones are an attack
	bodyTimeout   = 10 * time.Second // for the whole request
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	maxConns      = 256 // connections that are no links
)

// NewServer returns a server with this project's limits of time, size and number.
func NewServer(handler http.Handler) *http.Server {
	waiting := newWaitingRoom()
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         waiting.change,
		// Else OPTIONS * would be answered for any host, without the guard.
		DisableGeneralOptionsHandler: true,
		// The server's own log would hold what hostile clients send; refusals are counted instead.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// waitingRoom bounds the connections of a server, links apart. When it is full, whoever has waited
// longest without having said anything whole must go, so that a flood of half-open requests cannot
// keep a good one out.
type waitingRoom struct {
	mu     sync.Mutex
	places map[net.Conn]uint64 // of every connection its place in the queue; 0 while it is served
	queue  []place             // oldest first; may hold places that have been left since
	last   uint64              // place there ever was
}

type place struct {
	conn   net.Conn
	number uint64
}

func newWaitingRoom() *waitingRoom { return &waitingRoom{places: make(map[net.Conn]uint64)} }

func (r *waitingRoom) change(conn net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		r.last++
		r.places[conn] = r.last
		r.queue = append(r.queue, place{conn, r.last})
	case http.StateActive:
		r.places[conn] = 0
	case http.StateHijacked, http.StateClosed:
		delete(r.places, conn)
	}
	for len(r.places) > maxConns && len(r.queue) > 0 {
		oldest := r.queue[0]
		r.queue = r.queue[1:]
		if r.places[oldest.conn] == oldest.number {
			delete(r.places, oldest.conn)
			oldest.conn.Close()
		}
	}
	if len(r.queue) > 4*maxConns {
		r.queue = slices.DeleteFunc(r.queue, func(p place) bool { return r.places[p.conn] != p.number })
	}
}
