package transport

import (
	"cmp"
	"errors"
	"io"
	"iter"
	"net"
	"time"

	"gossipctl/gossip"
)

// Bounds of links to nodes that are no peers.
const (
	// passAfter is when such a link is let go of because nothing has used it, and when one that reaches nobody is
	// given up. It is longer than what two nodes have to say to each other at a time, so that no link is opened
	// twice for that; at one probe a second a node keeps ten for its probes, and ten for its answers to others'.
	passAfter = 10 * time.Second
	// passing is how many of them there may be before the one that was used longest ago is let go of early. To open
	// one costs both ends together half a millisecond of a processor, to hold one a few buffers of 4 KiB; while a few hundred
	// nodes come to know each other, fewer would be opened again and again.
	passing = 128
	// maxPassing is how many there are at most, those included that are just being closed. Each has one
	// goroutine and one descriptor. Packets that would need more count as queue_full.
	maxPassing = 512
	// farewell is how long a peer has to read what a link that is let go of has carried.
	farewell = 2 * time.Second
)

// errRetired is returned by a link that was let go of before it got a packet.
var errRetired = errors.New("the link was let go of")

// reach says where a node listens that need not be a peer. The lock is held.
func (t *HTTP) reach(id gossip.NodeID) (addr string, known bool) {
	if t.cfg.Reach == nil {
		return "", false
	}
	return t.cfg.Reach(id)
}

// ways yields all links. The lock is held.
func (t *HTTP) ways() iter.Seq[*link] {
	return func(yield func(*link) bool) {
		for _, links := range []map[gossip.NodeID]*link{t.links, t.passing} {
			for _, l := range links {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// way returns the link to a node, and opens it if it is no peer. The lock is held.
func (t *HTTP) way(to gossip.NodeID) (*link, error) {
	if t.ctx == nil || t.closed {
		return nil, ErrClosed
	}
	if l := t.links[to]; l != nil {
		return l, nil
	}
	addr, known := t.reach(to)
	l := t.passing[to]
	switch {
	case l != nil && (!known || l.addr == addr):
		return l, nil
	case l != nil: // it listens elsewhere now
		l.close(DropPeerRemoved)
		t.last[to] = l
		delete(t.passing, to)
	case !known:
		return nil, ErrNoPeer
	}
	if len(t.passing) >= passing {
		t.hurry()
	}
	if len(t.passing) >= maxPassing {
		t.begin(to) // it counts there
		return nil, ErrQueueFull
	}
	l = t.open(to, addr)
	l.passing = true
	t.passing[to] = l
	l.inquire(t.ctx)
	return l, nil
}

// hurry has the passing link go that nothing has used for longest. The lock is held.
func (t *HTTP) hurry() {
	var oldest *link
	var since time.Time
	for id, l := range t.passing {
		l.mu.Lock()
		if !l.started && len(l.queue) == 0 { // what it was opened for was refused
			l.end()
			delete(t.passing, id)
		} else if !l.hurry && len(l.queue) == 0 && l.writing == 0 && (oldest == nil || l.progress.Before(since)) {
			oldest, since = l, l.progress
		}
		l.mu.Unlock()
	}
	if oldest != nil {
		oldest.mu.Lock()
		oldest.hurry = true
		oldest.mu.Unlock()
		oldest.rouse()
	}
}

// retire lets a passing link go that its goroutine has done with, unless something waits for it. Force says that
// it is given up: what waits is lost. It is over when its goroutine is to end.
func (t *HTTP) retire(l *link, force bool) (over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	waits := l.frames + l.unwritten
	if t.passing[l.peer] != l || waits > 0 && !force {
		return l.closed
	}
	l.drop(DropUnreachable, waits)
	l.queued -= waits
	l.queue, l.frames, l.unwritten, l.writing = nil, 0, 0, 0
	l.end()
	delete(t.passing, l.peer)
	return true
}

// end says that the link will not be used any more, and that nothing of it is lost. The lock is held.
func (l *link) end() {
	l.retired, l.closed, l.gone = true, true, true
	l.ended = cmp.Or(l.ended, DropPeerRemoved)
	if !l.started {
		close(l.done)
	}
}

// pass says whether the link is one to a node that is no peer, and reports whether it can be: nothing keeps watch
// over one that was never used.
func (l *link) pass(passing bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || passing && !l.started {
		return false
	}
	l.passing, l.hurry = passing, false
	l.rouse()
	return true
}

// idle reports whether a passing link can be let go of. The lock is held.
func (l *link) idle() bool {
	return l.passing && !l.closed && (l.hurry || time.Since(l.progress) >= l.passAfter)
}

// patience is how long a link waits for something to do before it looks whether it is idle; 0: for ever.
func (l *link) patience() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.passing {
		return 0
	}
	return max(l.passAfter-time.Since(l.progress), time.Millisecond)
}

// part ends the connection of an idle link, and reports whether the link is over. Who reads a link closes it when
// it has read all: so it is known what the peer has. Otherwise it is asked for that over another connection.
func (l *link) part() (over bool) {
	if l.conn == nil { // only this goroutine changes conn
		return l.retire(l, false)
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return true
	}
	l.conn.SetReadDeadline(time.Now().Add(farewell)) // with the lock, so that closing the link can have it pass at once
	l.mu.Unlock()
	if err := sayFarewell(l.conn); err != nil {
		if l.isClosed() {
			return true
		}
		l.hangUp(err)
		return false
	}
	l.mu.Lock()
	l.conn.Close()
	l.conn, l.look, l.broken, l.first = nil, false, false, l.wrote
	l.mu.Unlock()
	return l.retire(l, false)
}

// sayFarewell ends one direction of a connection, and waits until the peer ends the other.
func sayFarewell(conn net.Conn) error {
	half, is := conn.(interface{ CloseWrite() error })
	if !is {
		return errHungUp
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	var b [1]byte
	switch n, err := conn.Read(b[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case n > 0:
		return errors.New("the peer spoke on a link")
	default:
		return err
	}
}
