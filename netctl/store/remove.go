package store

import (
	"errors"
	"io/fs"
)

// Remove deletes the folder of the network with everything in it. The caller holds the lock, and
// releases it afterwards; the Dir is of no use then but to Lock again.
//
// The state file goes first, so that a crash in the middle leaves a network that does not run
// rather than one that is damaged; the lock goes last, so that nobody starts in a half-empty folder.
func (d *Dir) Remove() error {
	d.mu.Lock()
	folder := d.locked
	d.mu.Unlock()
	if folder == nil {
		return errors.New("a network is only removed by the holder of its lock")
	}
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return &AccessError{Verb: "read", Path: d.path, Err: err}
	}
	names := []string{stateName}
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	for _, name := range append(names, lockName) {
		if err := folder.RemoveAll(name); err != nil { // does not mind what is not there
			return &AccessError{Verb: "remove", Path: d.file(name), Err: err}
		}
	}
	err = d.parent.Remove(d.name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// From the moment the lock file was gone another command may have begun here with its own.
	if _, took := folder.Lstat(lockName); took == nil {
		return nil
	}
	return &AccessError{Verb: "remove", Path: d.path, Err: err}
}
