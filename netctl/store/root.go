package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// DefaultRoot is the folder that holds all networks: $XDG_STATE_HOME/gossipctl, or
// ~/.local/state/gossipctl when that variable is unset or, against its specification, relative.
//
// The two lines are spelt out because github.com/adrg/xdg looks up every folder there is before
// main: 0.06 to 0.1 ms in each of the processes of a network, which start in 2. It would also
// choose another folder on macOS.
func DefaultRoot() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the state folder: XDG_STATE_HOME is not set either: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "gossipctl"), nil
}

// NameError is a network name that breaks the rule.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("network name %.40q must be 1 to 32 of a-z, 0-9 and -, and not begin with -", e.Name)
}

// maxName is the length of the longest name.
const maxName = 32

// CheckName returns a [*NameError] unless name may name a network. The rule is narrow enough that a
// name is the same file on every system and needs no quoting.
func CheckName(name string) error {
	allowed := name != "" && len(name) <= maxName && name[0] != '-'
	for i := range len(name) {
		c := name[i]
		allowed = allowed && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-')
	}
	if !allowed {
		return &NameError{Name: name}
	}
	return nil
}

// Networks lists the networks that have a folder under root, in the order of their names. Having
// a folder is not running: whether there is a state file in it is another question. Without root
// there are none.
func Networks(root string) ([]string, error) {
	dir, path, err := openRoot(root, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".") // sorted
	if err != nil {
		return nil, &AccessError{Verb: "read", Path: path, Err: err}
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && CheckName(e.Name()) == nil { // not links, not files
			found = append(found, e.Name())
		}
	}
	return found, nil
}

// openRoot opens the folder of all networks and returns its absolute path as well.
func openRoot(root string, create bool) (*os.Root, string, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, "", fmt.Errorf("find the state folder: %w", err)
	}
	info, err := os.Lstat(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		// 0700 for the missing parents too, as the XDG specification asks.
		if err := os.MkdirAll(path, folderMode); err != nil {
			return nil, "", &AccessError{Verb: "write", Path: path, Err: err}
		}
		info, err = os.Lstat(path)
	}
	if err != nil {
		return nil, "", &AccessError{Verb: "read", Path: path, Err: err}
	}
	if err := checkFolder(info, path); err != nil {
		return nil, "", err
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, "", &AccessError{Verb: "read", Path: path, Err: err}
	}
	if at, err := dir.Stat("."); err != nil || !os.SameFile(at, info) {
		dir.Close()
		return nil, "", fmt.Errorf("%s was replaced while it was opened", path)
	}
	return dir, path, nil
}
