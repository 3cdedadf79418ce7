package proc

import (
	"cmp"
	"fmt"
	"slices"
)

// Found is a process [Find] came across.
type Found struct {
	Identity Identity
	Argv     []string // as the process shows it now; at most 64 KiB of it
	Exe      string   // path of the executable when it was started; empty when that cannot be read
	State    State    // never Gone or Zombie: what has ended shows no argv
}

// Find returns the processes of the user we run as whose arguments match, in the order of their
// pids. A process can write what it likes into its own arguments: show them as hostile text, and
// check Exe before ending what was found. This process itself is looked at like any other.
func Find(match func(argv []string) bool) ([]Found, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	var found []Found
	err = ownProcesses(func(pid int, s sight) {
		argv, exe := commandOf(pid)
		if len(argv) == 0 || !match(argv) {
			return
		}
		// The pid could have changed hands while we read; then what we read is nobody's.
		again, err := look(pid)
		if err != nil || again.start != s.start {
			return
		}
		id := Identity{Boot: boot, PID: pid, Start: s.start}
		found = append(found, Found{Identity: id, Argv: argv, Exe: exe, State: again.state})
	})
	if err != nil {
		return nil, fmt.Errorf("find processes: %w", err)
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.Identity.PID, b.Identity.PID) })
	return found, nil
}

// CountOwn counts the processes and threads of the user we run as. Linux holds the threads, not
// the processes, against the limit that [Limits] returns; elsewhere the two numbers are equal.
func CountOwn() (processes, threads int, err error) {
	err = ownProcesses(func(_ int, s sight) {
		processes++
		threads += s.threads
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count processes: %w", err)
	}
	return processes, threads, nil
}
