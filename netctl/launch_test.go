package netctl

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// All nodes read one lifeline, so a fork must not change how it is read: a node that waits in the
// poller and one that blocks would each take the other's way for the end.
func TestForksLeaveTheLifelineNonblocking(t *testing.T) {
	l, err := newLauncher(func(*child) {})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	l.exe = "/bin/true"
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for id := range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.start(nodeConfig{}, listener.(*net.TCPListener), null, null, 0)
		if err != nil {
			t.Fatal(err)
		}
		<-c.gone
		raw, err := l.lifelineR.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("after fork %d: flags %#o, %v", id+1, flags, err)
			}
		})
	}
}
