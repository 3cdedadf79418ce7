//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// openFile opens the file of a journal, and nothing that somebody else has put there, and locks it for as
// long as it is open.
func openFile(path string, flag int) (*os.File, error) {
	// A planted pipe would otherwise wait for somebody to read it.
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a symbolic link")
	}
	if err != nil {
		return nil, err
	}
	if err := own(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func own(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	case !ok || int(s.Uid) != os.Geteuid():
		return errors.New("it belongs to another user")
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("unsafe permissions %04o; run chmod 600 %s", info.Mode().Perm(), f.Name())
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	fail := conn.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return errors.Join(err, fail)
}

// isNoSync reports whether an error means that folders cannot be synced here.
func isNoSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}
