package proc

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPortOwner(t *testing.T) {
	self, err := look(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // no IPv6
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		pid, name, ok := PortOwner(port)
		if !ok || pid != os.Getpid() || name != self.name {
			t.Errorf("%s: PortOwner(%d) = %d, %q, %v", address, port, pid, name, ok)
		}
		l.Close()
		if pid, name, ok := PortOwner(port); ok {
			t.Errorf("closed: PortOwner(%d) = %d, %q", port, pid, name)
		}
	}
}

func TestPortOwnerInAnotherProcess(t *testing.T) {
	a := begin(t, "listen")
	port, err := strconv.Atoi(a.says)
	if err != nil {
		t.Fatal(err)
	}
	if pid, name, ok := PortOwner(port); !ok || pid != a.cmd.Process.Pid || name == "" {
		t.Errorf("PortOwner(%d) = %d, %q, %v; the listener is %d", port, pid, name, ok, a.cmd.Process.Pid)
	}
}

// A connection is not a listener, though it has the same local port.
func TestPortOwnerIgnoresConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	l.Close()
	if pid, _, ok := PortOwner(l.Addr().(*net.TCPAddr).Port); ok {
		t.Errorf("PortOwner names %d", pid)
	}
}

func TestListeners(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1B5B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0
   1: 00000000:1B5B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12 1 0
   2: 0100007F:1B5C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 13 1 0
   3: 0100007F:1B5B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 14 1 0
   4: 0201A8C0:1B5B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 15 1 0
   5: 00000000000000000000000001000000:1B5B 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1000 0 16 1
   6: 0000000000000000FFFF00000100007F:1B5B 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1000 0 17 1
   7: 0100007F 0 0A 0:0 0:0 0 0 0 18
   8: 01007F:1B5B 0 0A 0:0 0:0 0 0 0 19
   9: 0100007F:11B5B 0 0A 0:0 0:0 0 0 0 20
  10: zz:1B5B 0 0A 0:0 0:0 0 0 0 21
  11: 0100007F:1B5B 0 0A
  12: 0000000000000000FFFF000000000000:1B5B 0 0A 0:0 0:0 0 0 0 22
`
	var got []string
	listeners(strings.NewReader(table), 7003, func(inode string) { got = append(got, inode) })
	if diff := cmp.Diff([]string{"11", "12", "16", "17", "22"}, got); diff != "" {
		t.Error(diff)
	}
}
