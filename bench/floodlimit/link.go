package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"time"
)

// linkTimeout bounds the wait for all links. Hundreds of processes start at once on few cores.
const linkTimeout = 60 * time.Second

// readBytes is the read buffer of a link: one read takes in what a burst leaves in the socket.
const readBytes = 64 << 10

// link is the stream between this node and one peer.
type link struct {
	peer    int
	conn    net.Conn
	waiting []byte        // frames not yet written, under the node's lock; at most what was published
	wake    chan struct{} // holds one token when waiting may have something
}

// connect joins the node to its peers, by number and address: it dials those with a higher
// number, the others dial it. It returns when all links stand and carry frames.
func (n *node) connect(peers map[int]string, listener net.Listener) error {
	conns := make(map[int]net.Conn, len(peers))
	deadline := time.Now().Add(linkTimeout)
	lower := 0
	for id, addr := range peers {
		if id < n.id {
			lower++
			continue
		}
		conn, err := net.DialTimeout("tcp", addr, linkTimeout)
		if err != nil {
			return fmt.Errorf("reach node %d: %w", id, err)
		}
		if err := binary.Write(conn, binary.LittleEndian, uint32(n.id)); err != nil {
			return fmt.Errorf("greet node %d: %w", id, err)
		}
		conns[id] = conn
	}
	if err := listener.(*net.TCPListener).SetDeadline(deadline); err != nil {
		return err
	}
	for range lower {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("wait for peers: %w", err)
		}
		var id uint32
		if err := binary.Read(conn, binary.LittleEndian, &id); err != nil {
			return fmt.Errorf("read a peer's greeting: %w", err)
		}
		if _, expected := peers[int(id)]; !expected || conns[int(id)] != nil {
			return fmt.Errorf("node %d is no peer, or greeted twice", id)
		}
		conns[int(id)] = conn
	}
	n.serve(conns)
	return nil
}

// serve starts a reader and a writer a link.
func (n *node) serve(conns map[int]net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, conn := range conns {
		n.links = append(n.links, &link{peer: id, conn: conn, wake: make(chan struct{}, 1)})
	}
	slices.SortFunc(n.links, func(a, b *link) int { return a.peer - b.peer })
	for i, l := range n.links {
		n.running.Add(2)
		go n.read(i, l)
		go n.write(l)
	}
}

// read hands what arrives on a link to the node until the link ends.
func (n *node) read(place int, l *link) {
	defer n.running.Done()
	buf := make([]byte, readBytes)
	held := 0
	for {
		got, err := l.conn.Read(buf[held:])
		held += got
		used, bad := n.take(place, buf[:held])
		if bad != nil {
			n.fail(l, bad)
			return
		}
		held = copy(buf, buf[used:held])
		if err != nil {
			n.fail(l, err)
			return
		}
	}
}

// write sends everything that waits for a peer in one go, as often as there is something.
func (n *node) write(l *link) {
	defer n.running.Done()
	var writing []byte
	for range l.wake {
		n.mu.Lock()
		writing, l.waiting = l.waiting, writing[:0]
		n.mu.Unlock()
		if _, err := l.conn.Write(writing); err != nil {
			n.fail(l, err)
			return
		}
	}
}

// wakeWriters lets every writer run that has something to write. The caller holds the lock.
func (n *node) wakeWriters() {
	if n.closed {
		return
	}
	for _, l := range n.links {
		if len(l.waiting) == 0 {
			continue
		}
		select {
		case l.wake <- struct{}{}:
		default: // already woken
		}
	}
}

// fail notes the first failure of a link; what comes after close is none.
func (n *node) fail(l *link, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fault == nil && !n.closed {
		n.fault = fmt.Errorf("link to node %d: %w", l.peer, err)
	}
}

// close ends all links and waits for their readers and writers.
func (n *node) close() {
	n.mu.Lock()
	n.closed = true
	for _, l := range n.links {
		l.conn.Close()
		close(l.wake)
	}
	n.mu.Unlock()
	n.running.Wait()
}
