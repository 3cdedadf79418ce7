package proc

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// PortOwner reports who listens on a TCP port in a way that keeps others from binding it on
// loopback, and the printable name of that program. ok is false when nobody does, or when it is
// somebody whose descriptors we may not read, which without root means any other user. Where
// several processes share the listener the one with the lowest pid is named.
func PortOwner(port int) (pid int, name string, ok bool) {
	sockets := make(map[string]bool)
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // no IPv6, or no right to look
		}
		listeners(f, port, func(inode string) { sockets["socket:["+inode+"]"] = true })
		f.Close()
	}
	if len(sockets) == 0 {
		return 0, "", false
	}
	// A list of processes that cannot be read leaves ok false, which is the whole answer.
	_ = eachProcess(func(candidate int) {
		if (!ok || candidate < pid) && holds(candidate, sockets) {
			pid, ok = candidate, true
		}
	})
	if !ok {
		return 0, "", false
	}
	if s, err := look(pid); err == nil {
		name = s.name
	}
	return pid, name, true
}

// listeners calls found with the inode of each listening socket in a table in the way of
// /proc/net/tcp that would clash with a listener on loopback.
func listeners(table io.Reader, port int, found func(inode string)) {
	const (
		local, state, inode = 1, 3, 9
		listening           = "0A"
	)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode || fields[state] != listening {
			continue
		}
		at, ok := parseAddrPort(fields[local])
		if ok && int(at.Port()) == port && (at.Addr().IsLoopback() || at.Addr().IsUnspecified()) {
			found(fields[inode])
		}
	}
}

// parseAddrPort reads "0100007F:1B59": the address as 32-bit words in this machine's byte order,
// the port as a plain number.
func parseAddrPort(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	b, err := hex.DecodeString(host)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok
}

// holds reports whether pid has one of the sockets open; false when we may not look.
func holds(pid int, sockets map[string]bool) bool {
	path := procPath(pid, "fd")
	dir, err := os.Open(path)
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		if link, err := os.Readlink(path + "/" + name); err == nil && sockets[link] {
			return true
		}
	}
	return false
}
