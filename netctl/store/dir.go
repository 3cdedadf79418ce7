package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files with a meaning of their own in the folder of a network.
const (
	stateName  = "state.json"
	badName    = "state.json.bad"
	secretName = "secret"
	lockName   = "lock"
)

const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
	// othersWrite is what makes a folder unsafe: others could plant files in it. That they may
	// list it is no harm, since every file in it is ours alone.
	othersWrite fs.FileMode = 0o022
)

// races bounds how often something is tried again because another command removed or replaced it
// just then. Each failure needs a whole stop or start of the same network in some microseconds.
const races = 100

// Dir is the folder of one network. Its methods may be called from several goroutines at once.
type Dir struct {
	parent *os.Root // the root of all networks
	name   string
	path   string
	create bool

	mu     sync.Mutex
	folder *os.Root // another one after Lock found that the folder had been removed
	locked *os.Root // the folder whose lock is held through this Dir; nil when none is
}

// Open opens the folder of a network. With create it makes the folder, and root above it, where
// they are missing, and makes sure that they can be written; that is for commands which start
// something. Without create a missing folder is [fs.ErrNotExist].
//
// Both folders must be ours, writable by nobody else, and no symbolic links; else the error is an
// [*UnsafeError]. The caller closes the Dir.
func Open(root, network string, create bool) (*Dir, error) {
	if err := CheckName(network); err != nil {
		return nil, err
	}
	parent, path, err := openRoot(root, create)
	if err != nil {
		return nil, err
	}
	d := &Dir{parent: parent, name: network, path: filepath.Join(path, network), create: create}
	if d.folder, err = openFolder(parent, network, d.path, create); err != nil {
		parent.Close()
		return nil, err
	}
	if create {
		err := unix.Faccessat(unix.AT_FDCWD, d.path, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed just now: Lock makes it anew
			d.Close()
			return nil, &AccessError{Verb: "write", Path: d.path, Err: err}
		}
	}
	return d, nil
}

// Close lets go of the folder. A lock stays held until its own release.
func (d *Dir) Close() {
	// Closing a folder that was only looked up in loses nothing.
	_ = d.current().Close()
	_ = d.parent.Close()
}

// Name is the network's.
func (d *Dir) Name() string { return d.name }

// Path is the folder's absolute path, for messages and for programs that must be handed a path.
func (d *Dir) Path() string { return d.path }

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

func (d *Dir) current() *os.Root {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.folder
}

// Subfolder opens a folder below that of the network, under the same conditions as [Open], and
// makes it when it is missing. The name is one element of a path. The caller closes it.
func (d *Dir) Subfolder(name string) (*os.Root, error) {
	if err := checkFileName(name); err != nil {
		return nil, err
	}
	return openFolder(d.current(), name, d.file(name), true)
}

// openFolder opens one folder in parent, and only that very one: no link, nothing that took its
// place in between.
func openFolder(parent *os.Root, name, path string, create bool) (*os.Root, error) {
	for range races {
		info, err := parent.Lstat(name)
		if create && errors.Is(err, fs.ErrNotExist) {
			if err := parent.Mkdir(name, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, &AccessError{Verb: "write", Path: path, Err: err}
			}
			continue
		}
		if err != nil {
			return nil, &AccessError{Verb: "read", Path: path, Err: err}
		}
		if err := checkFolder(info, path); err != nil {
			return nil, err
		}
		folder, err := parent.OpenRoot(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &AccessError{Verb: "read", Path: path, Err: err}
		}
		if at, err := folder.Stat("."); err == nil && os.SameFile(at, info) {
			return folder, nil
		}
		folder.Close()
	}
	return nil, fmt.Errorf("%s keeps being replaced", path)
}

// checkFolder makes sure that nobody but us decides what is in a folder.
func checkFolder(info fs.FileInfo, path string) error {
	unsafe := func(why error) error { return &UnsafeError{path, true, info.Mode(), why} }
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return unsafe(ErrSymlink)
	case !info.IsDir():
		return &AccessError{Verb: "read", Path: path, Err: syscall.ENOTDIR}
	case !isOurs(info):
		return unsafe(ErrOwner)
	case info.Mode().Perm()&othersWrite != 0:
		return unsafe(ErrPermissions)
	}
	return nil
}

func isOurs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

// checkFileName refuses what is not the plain name of one file in the folder.
func checkFileName(name string) error {
	if !filepath.IsLocal(name) || filepath.Base(name) != name || name == "." {
		return fmt.Errorf("%.80q is not the name of a file in a network's folder", name)
	}
	return nil
}
