//go:build unix

package transport

import (
	"errors"
	"net"
	"syscall"
)

// alive reports whether the peer still holds its end of a connection: there is nothing to read, not
// even an end, or there are bytes.
func alive(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = errors.Is(err, syscall.EAGAIN) || err == nil && n > 0
	})
	return err == nil && open
}
