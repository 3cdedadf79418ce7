package netctl

import (
	"net"
	"os"
	"testing"

	"gossipctl/node/api"

	"golang.org/x/sys/unix"
)

// All nodes read one lifeline, so a fork must not change how it is read: a node that waits in the
// poller and one that blocks would each take the other's way for the end.
func TestForksLeaveTheLifelineNonblocking(t *testing.T) {
	var born *child
	l, err := newLauncher(func(c *child) { born = c }, func(*child) {})
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
		if err := l.start(api.NodeConfig{}, listener.(*net.TCPListener), null, null, 0); err != nil {
			t.Fatal(err)
		}
		<-born.gone
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

func TestGist(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"short":   {"one\ntwo\n", "one | two"},
		"long":    {"1\n2\n3\n4\n5\n", "3 | 4 | 5"},
		"panic":   {"before\npanic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:1\nexit status 2\n", "panic: no"},
		"runtime": {"runtime: failed to create new OS thread\nruntime: ulimit -u\nfatal error: newosproc\n\nstack\n", "runtime: failed to create new OS thread | runtime: ulimit -u | fatal error: newosproc"},
		"cut":     {"panic: a\nb\nc\nd\n", "panic: a | b | c"},
	} {
		if got := gist([]byte(c.log), 3); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
