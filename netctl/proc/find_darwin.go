package proc

import (
	"bytes"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// ownProcesses calls visit for every process of the user we run as.
func ownProcesses(visit func(pid int, s sight)) error {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Geteuid())
	if err != nil {
		return err
	}
	for i := range all {
		visit(int(all[i].Proc.P_pid), sightOf(&all[i]))
	}
	return nil
}

// commandOf returns the arguments and executable of pid, empty where they cannot be read.
func commandOf(pid int) (argv []string, exe string) {
	b, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil, ""
	}
	return parseProcArgs(b)
}

// parseProcArgs reads what the kernel keeps: the number of arguments (32 bits), the path of the
// executable, padding of zero bytes, the arguments each ended by a zero byte, the environment.
func parseProcArgs(b []byte) (argv []string, exe string) {
	if len(b) < 4 {
		return nil, ""
	}
	count := int(binary.NativeEndian.Uint32(b))
	path, rest, found := bytes.Cut(b[4:], []byte{0})
	if !found {
		return nil, ""
	}
	rest = bytes.TrimLeft(rest, "\x00")
	for len(argv) < count {
		arg, after, found := bytes.Cut(rest, []byte{0})
		if !found {
			break
		}
		argv, rest = append(argv, string(arg)), after
	}
	return argv, string(path)
}

// PortOwner reports who listens on a loopback TCP port. On macOS only a tool with more rights can
// tell, so ok is always false.
func PortOwner(int) (pid int, name string, ok bool) { return 0, "", false }
