package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Remove deletes the folder of the network with everything in it. The caller holds the lock, and
// releases it afterwards; the Dir is of no use then but to Lock again. Removing twice is harmless.
//
// The folder is renamed before it is emptied, so there is no moment at which half of it can be
// found, by a reader, by the next start or after a crash. What a crash does leave is hidden, and
// goes with the next Remove of a network of that name.
func (d *Dir) Remove() error {
	d.mu.Lock()
	folder := d.locked
	d.mu.Unlock()
	if folder == nil {
		return errors.New("a network is only removed by the holder of its lock")
	}
	byPath, err := d.parent.Lstat(d.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &AccessError{Verb: "remove", Path: d.path, Err: err}
	}
	ours, statErr := folder.Stat(".")
	if statErr != nil {
		return &AccessError{Verb: "remove", Path: d.path, Err: statErr}
	}
	if err != nil || !os.SameFile(byPath, ours) {
		return nil // done before; a folder that is there now is under another lock
	}
	aside := "." + d.name // no name of a network begins so
	err = removeAll(d.parent, aside)
	if err == nil {
		err = d.parent.Rename(d.name, aside)
	}
	if err == nil {
		err = removeAll(d.parent, aside)
	}
	if err != nil {
		return &AccessError{Verb: "remove", Path: d.path, Err: err}
	}
	return nil
}

// removeAll removes a folder although others may still put something in: a command that opened it
// before it was set aside makes a lock file there, once, before it looks for the next folder.
func removeAll(parent *os.Root, name string) (err error) {
	for range races {
		if err = parent.RemoveAll(name); !errors.Is(err, syscall.ENOTEMPTY) {
			break
		}
	}
	return err
}
