package render

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// workDir is a folder for the renderer that nobody else can write to, and what to do with it
// afterwards. Graphviz comes as WebAssembly and is compiled to machine code, which go-graphviz
// keeps in TMPDIR and runs without asking whose it is. In a folder of the user's own it stays,
// and saves half a second the next time; when there is none, a new one serves this once.
func workDir() (dir string, release func(), err error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(cache, "gossipctl")
		if err = private(dir); err == nil {
			return dir, func() {}, nil
		}
	}
	dir, tempErr := os.MkdirTemp("", "gossipctl-")
	if tempErr != nil {
		return "", nil, fmt.Errorf("the renderer needs a folder of its own: %w", errors.Join(err, tempErr))
	}
	return dir, func() { os.RemoveAll(dir) }, nil // what cannot be removed is the system's to clear
}

// private makes dir if need be, and reports why it is no folder that only this user can use.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not private (mode 0700, yours)", dir)
	}
	probe, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
