package proc

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"
)

// Identity is the name of one life of one process on one machine. It is meant to be stored and
// compared; two identities name the same process only when all three fields agree.
type Identity struct {
	Boot string `json:"boot_id"` // the kernel's name for the time since the last boot
	PID  int    `json:"pid"`     // above 0
	// Start is when the process began: clock ticks (10 ms) since boot on Linux, microseconds since
	// 1970 on macOS. Only good for comparing.
	Start uint64 `json:"start_time"`
}

// String is short and for messages; the boot is left out.
func (id Identity) String() string { return fmt.Sprintf("pid %d (started %d)", id.PID, id.Start) }

// Validate reports why id cannot name a process. A pid below 1 would mean "a group of processes"
// or "all of them" to the kernel, so it is never let through.
func (id Identity) Validate() error {
	if id.PID <= 0 {
		return fmt.Errorf("process id %d is not positive", id.PID)
	}
	if id.Boot == "" {
		return fmt.Errorf("process %d has no boot id", id.PID)
	}
	return nil
}

// Errors that say why an [Identity] could not be opened or signalled.
var (
	ErrGone     = errors.New("the process is gone")
	ErrNotOurs  = errors.New("the process id belongs to another program")
	ErrRebooted = errors.New("the machine was restarted since")
)

// NotOursError is an [ErrNotOurs] with the stranger's name.
type NotOursError struct {
	PID  int
	Name string // printable; empty when it could not be read
}

func (e *NotOursError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("pid %d now belongs to another program", e.PID)
	}
	return fmt.Sprintf("pid %d now belongs to another program (%s)", e.PID, e.Name)
}

// Is makes errors.Is(err, ErrNotOurs) hold.
func (e *NotOursError) Is(target error) bool { return target == ErrNotOurs }

// Self returns the identity of this process.
func Self() (Identity, error) { return Of(os.Getpid()) }

// Of returns the identity of whichever process has pid now, a zombie included. It is for a
// process the caller knows to be the right one, such as a child it has not waited for yet.
// The error is [ErrGone] when there is none.
func Of(pid int) (Identity, error) {
	boot, err := bootID()
	if err != nil {
		return Identity{}, err
	}
	s, err := look(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	return Identity{Boot: boot, PID: pid, Start: s.start}, nil
}

// bootID is read once: it cannot change while this process lives.
var bootID = sync.OnceValues(readBootID)

// sight is what one look at a pid shows.
type sight struct {
	start   uint64
	state   State
	threads int    // at least 1 for a live process
	name    string // printable
}

// printable makes a program's name safe for a terminal: programs choose their names themselves.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}
