package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstInherited is the first descriptor after stdin, stdout and stderr.
const firstInherited = 3

// CloseOnExec makes sure that no descriptor above stderr which this process was started with is
// passed on to its children. Without it, a network started from make, from a CI job or with
// `9>&1 | cat` keeps a foreign pipe open for as long as it lives, and whoever reads that pipe
// waits as long. Call it before the first child is started; what the program opens itself is
// marked already, and files passed in [os/exec.Cmd.ExtraFiles] still arrive.
func CloseOnExec() error {
	if closeRangeOnExec() {
		return nil
	}
	if err := closeEachOnExec(); err != nil {
		return fmt.Errorf("keep inherited descriptors from children: %w", err)
	}
	return nil
}

// closeEachOnExec is the way of systems without close_range: go through the list.
func closeEachOnExec() error {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < firstInherited {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags|unix.FD_CLOEXEC)
		}
		if err != nil && !errors.Is(err, unix.EBADF) { // closed since the list was made
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}
