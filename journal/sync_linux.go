package journal

import (
	"errors"
	"os"
	"syscall"
)

// syncData brings what was written to disk, without the times of the file, which nobody asks for: where
// the file keeps its length that is one write instead of three.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	fail := conn.Control(func(fd uintptr) {
		for {
			if err = syscall.Fdatasync(int(fd)); !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, fail)
}
