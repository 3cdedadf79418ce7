package netctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gossipctl/netctl/store"

	"golang.org/x/sys/unix"
)

// place is the state folder or, where it is missing, the nearest folder above it that is there.
func (d *doctor) place() (path string, missing bool) {
	path = d.Root
	for {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path, missing
		}
		path, missing = filepath.Dir(path), true
	}
}

// writable says why a folder cannot be written to: also a file system that is mounted read-only.
func writable(path string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &store.AccessError{Verb: "write", Path: path, Err: err}
	}
	return nil
}

// makePrivate takes all permissions on a folder or file from others. It must be ours, and no link:
// what was checked is what is changed.
func makePrivate(path string, folder bool) error {
	mode := fs.FileMode(0o600)
	if folder {
		mode = 0o700
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Geteuid() || info.IsDir() != folder {
		return fmt.Errorf("%s is not ours", path)
	}
	return f.Chmod(mode)
}
