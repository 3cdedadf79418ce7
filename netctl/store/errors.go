package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Why the folder of a network is refused; each comes in an [UnsafeError].
var (
	ErrSymlink     = errors.New("is a symbolic link")
	ErrPermissions = errors.New("can be changed or read by others")
	ErrOwner       = errors.New("belongs to another user")
)

// ErrLocked means that another command is changing the network right now.
var ErrLocked = errors.New("another command is changing network")

// ErrTooLarge means that a file holds more than the reader allows.
var ErrTooLarge = errors.New("is too large")

// UnsafeError refuses a folder or file that somebody else controls or could have planted.
type UnsafeError struct {
	Path   string
	Folder bool        // or a file
	Mode   fs.FileMode // who may use it now
	Err    error       // ErrSymlink, ErrPermissions or ErrOwner
}

func (e *UnsafeError) Error() string {
	safe := fileMode
	if e.Folder {
		safe = folderMode
	}
	switch {
	case e.Err == ErrPermissions:
		return fmt.Sprintf("unsafe permissions %04o on %s; run chmod %o %s", e.Mode.Perm(), e.Path, safe, e.Path)
	case e.Err == ErrSymlink && e.Folder:
		return "state directory is a symbolic link: " + e.Path
	}
	return fmt.Sprintf("%s %v", e.Path, e.Err)
}

func (e *UnsafeError) Unwrap() error { return e.Err }

// AccessError is a file or folder that could not be read or written.
type AccessError struct {
	Verb string // "read", "write", "lock" or "remove"
	Path string
	Err  error
}

// Error names the path once and the cause as the system puts it, without the names of system
// calls in between: "cannot write /x/state.json: no space left on device".
func (e *AccessError) Error() string {
	cause := e.Err
	if errno := syscall.Errno(0); errors.As(e.Err, &errno) {
		cause = errno
	}
	return fmt.Sprintf("cannot %s %s: %v", e.Verb, e.Path, cause)
}

func (e *AccessError) Unwrap() error { return e.Err }
