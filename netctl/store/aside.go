package store

import "errors"

// SetAside renames a damaged state file to state.json.bad, in place of any copy that [ReadState]
// made, and returns the name. Afterwards there is no state file, so that the network counts as not
// running: only for the holder of the lock, and only when nothing of the network runs any more.
func (d *Dir) SetAside() (name string, err error) {
	d.mu.Lock()
	folder := d.locked
	d.mu.Unlock()
	if folder == nil {
		return "", errors.New("a state file is only set aside by the holder of the lock")
	}
	err = folder.Rename(stateName, badName)
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		return "", &AccessError{Verb: "write", Path: d.file(badName), Err: err}
	}
	return badName, nil
}
