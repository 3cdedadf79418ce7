package netctl

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"gossipctl/gossip"

	"golang.org/x/sys/unix"
)

// heldPorts keeps the port of every node bound for as long as the node belongs to the network, also
// when it is dead. Otherwise any program could listen there, and the peers of the dead node would
// call it and show it the token they have for each other.
type heldPorts struct {
	mu      sync.Mutex
	sockets map[gossip.NodeID]*os.File // further descriptors of the listeners that nodes have
}

// share takes the place of a listener: it returns the socket for the node, and keeps it.
func (h *heldPorts) share(id gossip.NodeID, l *net.TCPListener) (*os.File, error) {
	socket, err := l.File()
	l.Close()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sockets == nil {
		h.sockets = make(map[gossip.NodeID]*os.File)
	}
	h.sockets[id] = socket
	return socket, nil
}

// hold is called when a node has ended: its port listens no more, so that nobody waits for an answer,
// but stays bound, and to us alone.
func (h *heldPorts) hold(id gossip.NodeID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	socket := h.sockets[id]
	if socket == nil {
		return
	}
	raw, err := socket.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) {
			// Go shares addresses between sockets that do not listen; this one must not.
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
			failed = unix.Shutdown(int(fd), syscall.SHUT_RDWR)
		})
		if err == nil {
			err = failed
		}
	}
	if err != nil { // where this is not possible, a port that hangs is worse than a free one
		socket.Close()
		delete(h.sockets, id)
	}
}

// backlog is how many calls may wait to be taken up. The kernel cuts it to what it allows.
const backlog = 4096

// holds reports whether the port of a node is bound by us.
func (h *heldPorts) holds(id gossip.NodeID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sockets[id] != nil
}

// reopen lets the port of a node that has ended listen again, and returns its socket for the node's
// next life. The port was ours all the time.
func (h *heldPorts) reopen(id gossip.NodeID) (*os.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	socket := h.sockets[id]
	if socket == nil {
		return nil, fmt.Errorf("the port of node %d is not held", id)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// What is left of the calls that the node had taken would keep the port from listening, for a
		// minute, unless the address is shared. Whoever binds in the instant until it listens cannot
		// listen any more; should they listen first, this fails.
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		if failed = unix.Listen(int(fd), backlog); failed != nil {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("listening on its port again: %w", err)
	}
	return socket, nil
}

// free lets go of the port of a node that no longer belongs to the network.
func (h *heldPorts) free(id gossip.NodeID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if socket := h.sockets[id]; socket != nil {
		socket.Close()
		delete(h.sockets, id)
	}
}

// freeAll lets go of every port.
func (h *heldPorts) freeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, socket := range h.sockets {
		socket.Close()
		delete(h.sockets, id)
	}
}
