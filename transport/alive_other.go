//go:build !unix

package transport

import "net"

// alive cannot be told here; the next write will show it.
func alive(net.Conn) bool { return true }
