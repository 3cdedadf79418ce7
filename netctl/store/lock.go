package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Lock claims the network for a change, without waiting: the error is [ErrLocked] when another
// command has it. The lock ends with release (once is enough, twice does no harm) or with this
// process, however that ends, and children do not inherit it. It is the kernel's lock on an open
// file, not the file's existence, so a crash leaves nothing that would have to be cleaned up.
//
// A folder that another command removed in the meantime is made anew if [Open] was to create it;
// else the error is [fs.ErrNotExist]. Whoever gets the lock holds it on the folder that the path
// leads to, and only its holder may remove that folder.
func (d *Dir) Lock() (release func(), err error) {
	for range races {
		folder := d.current()
		fd, err := d.tryLock(folder)
		if err == nil {
			return d.hold(folder, fd), nil
		}
		if !errors.Is(err, errStale) {
			return nil, err
		}
		if err := d.reopen(folder); err != nil {
			return nil, err
		}
	}
	return nil, d.lockedError() // others come and go all the time
}

// errStale means that the lock file or its folder is not what the path leads to any more.
var errStale = errors.New("was removed")

func (d *Dir) lockedError() error { return fmt.Errorf("%w %q", ErrLocked, d.name) }

// tryLock returns a descriptor that holds the lock.
func (d *Dir) tryLock(folder *os.Root) (fd int, err error) {
	f, err := openRegular(folder, lockName, d.file(lockName), os.O_RDWR|os.O_CREATE)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, errStale // creating it can only fail so when the folder is gone
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fd, err = flock(f)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return 0, d.lockedError()
	}
	if err != nil {
		return 0, &AccessError{Verb: "lock", Path: d.file(lockName), Err: err}
	}
	// Its holder may have removed the whole folder before flock, and another command may have made
	// and locked the next. Ours would then lock nobody out.
	if !d.inPlace(f) {
		unlock(fd)
		return 0, errStale
	}
	return fd, nil
}

// flock locks f through a descriptor of its own. That is a plain number on purpose: an *os.File
// that nobody remembers is closed by the garbage collector, and its lock with it.
func flock(f *os.File) (fd int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	fail := conn.Control(func(file uintptr) {
		if fd, err = unix.FcntlInt(file, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return
		}
		for {
			err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if err != nil {
			unix.Close(fd)
		}
	})
	return fd, errors.Join(fail, err)
}

// unlock says so to the kernel before it closes: a child between fork and exec still has a copy
// of the descriptor, and would hold the lock for that moment.
func unlock(fd int) {
	_ = unix.Flock(fd, unix.LOCK_UN) // closing does the same, a moment later
	_ = unix.Close(fd)
}

// inPlace reports whether f is the lock that the path leads to.
func (d *Dir) inPlace(f *os.File) bool {
	byPath, errPath := d.parent.Lstat(d.name + "/" + lockName)
	opened, errOpened := f.Stat()
	return errPath == nil && errOpened == nil && os.SameFile(byPath, opened)
}

// hold turns a locked descriptor into its release.
func (d *Dir) hold(folder *os.Root, fd int) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked = folder
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.locked == folder {
			d.locked = nil
		}
		unlock(fd)
	})
}

// reopen follows the path to the folder again, unless another goroutine has done so meanwhile.
func (d *Dir) reopen(stale *os.Root) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folder != stale {
		return nil
	}
	folder, err := openFolder(d.parent, d.name, d.path, d.create)
	if err != nil {
		return err
	}
	stale.Close()
	d.folder = folder
	return nil
}
