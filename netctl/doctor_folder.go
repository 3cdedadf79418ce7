package netctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gossipctl/netctl/store"

	"golang.org/x/sys/unix"
)

// checkFolder looks at the folder of all networks and reports whether it can be used.
func (d *doctor) checkFolder() (usable bool) {
	root, err := rootOr(d.Root)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		d.add(checkFolder, FindingFail, err.Error(), "set HOME or XDG_STATE_HOME")
		return false
	}
	d.Root = root
	mended, err := d.mending(func() error {
		_, err := store.Networks(root)
		return err
	})
	place, missing := d.place()
	if err == nil {
		err = writable(place)
	}
	switch {
	case err != nil:
		d.add(checkFolder, FindingFail, err.Error(), d.nextStep(err))
	case len(mended) > 0:
		d.fixed(checkFolder, strings.Join(mended, "; "))
	case missing:
		d.add(checkFolder, FindingOK, root+" is not there yet; the first start makes it", "")
	default:
		d.add(checkFolder, FindingOK, root+" is yours alone and can be written to", "")
	}
	return err == nil
}

// mending does something again and again for as long as what stands in its way are permissions that
// can be mended, and says which were.
func (d *doctor) mending(do func() error) (mended []string, err error) {
	const levels = 8 // the folder of all, that of a network, that of its logs and two files in them, and some
	for range levels {
		err = do()
		var unsafe *store.UnsafeError
		if !d.Fix || !errors.As(err, &unsafe) || !errors.Is(err, store.ErrPermissions) {
			break
		}
		if failed := makePrivate(unsafe.Path, unsafe.Folder); failed != nil {
			return mended, fmt.Errorf("%w (and that failed: %w)", err, failed)
		}
		what := fmt.Sprintf("%s had permissions %04o, which are now safe", unsafe.Path, unsafe.Mode.Perm())
		if !unsafe.Folder {
			what += " (others may have read it: start the network anew for another secret)"
		}
		mended = append(mended, what)
	}
	return mended, err
}

// nextStep is what to do about an error of the state folder.
func (d *doctor) nextStep(err error) string {
	elsewhere := "set XDG_STATE_HOME to a folder of your own"
	var version *store.VersionError
	switch {
	case errors.Is(err, store.ErrPermissions) && !d.Fix:
		return fixHint + ", or the chmod it names"
	case errors.Is(err, store.ErrSymlink):
		return "put a real folder or file in the place of the link, or " + elsewhere
	case errors.Is(err, store.ErrOwner):
		return "run gossipctl as the user it belongs to, or " + elsewhere
	case errors.Is(err, store.ErrLocked):
		return "wait for the other command to finish, and run gossipctl doctor again"
	case errors.As(err, &version):
		return "use the gossipctl that started it, if only to stop it"
	}
	return "see to it that you can read and write there, or " + elsewhere
}

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
