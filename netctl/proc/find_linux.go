package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// argvLimit is far more than any command line of ours, and keeps a stranger's out of memory.
const argvLimit = 64 << 10

// ownProcesses calls visit for every process whose real user is the one we run as. Processes
// that end meanwhile are left out.
func ownProcesses(visit func(pid int, s sight)) error {
	uid := os.Geteuid()
	return eachProcess(func(pid int) {
		if owner, ok := ownerOf(pid); !ok || owner != uid {
			return
		}
		if s, err := look(pid); err == nil {
			visit(pid, s)
		}
	})
}

// eachProcess calls visit for every pid in /proc, in the order of the kernel's list.
func eachProcess(visit func(pid int)) error {
	dir, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			visit(pid)
		}
	}
	return nil
}

// ownerOf reads the real user from /proc/<pid>/status. The owner of the folder would be simpler,
// but that is root for any program whose file its user may run and not read.
func ownerOf(pid int) (uid int, ok bool) {
	f, err := os.Open(procPath(pid, "status"))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, found := bytes.CutPrefix(lines.Bytes(), []byte("Uid:")); found {
			_, err := fmt.Sscan(string(rest), &uid)
			return uid, err == nil
		}
	}
	return 0, false
}

// commandOf returns the arguments and executable of pid, empty where they cannot be read.
func commandOf(pid int) (argv []string, exe string) {
	f, err := os.Open(procPath(pid, "cmdline"))
	if err != nil {
		return nil, ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, argvLimit))
	if err != nil || len(b) == 0 {
		return nil, ""
	}
	argv = strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	if exe, err = os.Readlink(procPath(pid, "exe")); err != nil {
		return argv, ""
	}
	// The kernel's mark for a file that was replaced or removed since, as by an upgrade.
	return argv, strings.TrimSuffix(exe, " (deleted)")
}
