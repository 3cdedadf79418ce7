//go:build !linux && !darwin

package proc

import (
	"errors"
	"fmt"
	"runtime"
)

// The rest of the package compiles everywhere; without these it can tell nothing, and says so.

func unsupported() error {
	return fmt.Errorf("processes on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func readBootID() (string, error)                   { return "", unsupported() }
func look(int) (sight, error)                       { return sight{}, unsupported() }
func (*Process) ended() (ended, known bool)         { return false, false }
func ownProcesses(func(pid int, s sight)) error     { return unsupported() }
func commandOf(int) (argv []string, exe string)     { return nil, "" }
func PortOwner(int) (pid int, name string, ok bool) { return 0, "", false }
