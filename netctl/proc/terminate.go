package proc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Outcome says how ending a process went.
type Outcome string

// The outcomes. After all but Failed the process is certainly not running any more.
const (
	Terminated Outcome = "terminated" // it ended by itself within the grace
	Killed     Outcome = "killed"     // it had to be killed
	WasGone    Outcome = "gone"       // it had ended before
	NotOurs    Outcome = "not_ours"   // its pid belongs to a stranger, who was not touched
	Rebooted   Outcome = "rebooted"   // it ended with an earlier boot; nobody was touched
	Failed     Outcome = "failed"     // it may still run; the error says why
)

// killPatience bounds the wait after SIGKILL. Only a process caught in the kernel (a hung disk)
// outlasts even a second; it takes more than one on a machine that is busy ending hundreds.
const killPatience = 10 * time.Second

// Terminate asks the process to end (SIGTERM), and kills it (SIGKILL) when it has not within
// grace. It returns once the process is gone, with an error only beside Failed: when it may not
// be signalled, when ctx ends first (it is then left as it is), or when it does not even die of
// SIGKILL within 10 s.
func (p *Process) Terminate(ctx context.Context, grace time.Duration) (Outcome, error) {
	if !p.Alive() {
		return WasGone, nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return unsent(err, WasGone)
	}
	// A stopped process sees SIGTERM only when it goes on. SIGCONT is sent to all, because one
	// could be stopped right after we looked; to a running process it means nothing. By now the
	// process may well have ended, so the error says nothing either.
	_ = p.Signal(syscall.SIGCONT)

	if ended, err := p.waitFor(ctx, grace); err != nil || ended {
		return pick(ended, Terminated), err
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return unsent(err, Terminated) // it may have ended just before the axe fell
	}
	ended, err := p.waitFor(ctx, killPatience)
	if err == nil && !ended {
		err = fmt.Errorf("process %d does not die: SIGKILL was sent %v ago", p.id.PID, killPatience)
	}
	return pick(ended, Killed), err
}

// waitFor waits at most d for the end. Running out of d is no error; ctx ending is.
func (p *Process) waitFor(ctx context.Context, d time.Duration) (ended bool, err error) {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err = p.Wait(limited)
	if err == nil {
		return true, nil
	}
	if ctx.Err() == nil {
		return false, nil
	}
	return false, err
}

func pick(ended bool, o Outcome) Outcome {
	if ended {
		return o
	}
	return Failed
}

// unsent sorts the errors of a signal to a pinned process: either it had ended, or we may not.
func unsent(err error, ended Outcome) (Outcome, error) {
	if errors.Is(err, ErrGone) || errors.Is(err, ErrNotOurs) {
		return ended, nil
	}
	return Failed, err
}

// Ended is how ending one of several processes went.
type Ended struct {
	Identity Identity
	Outcome  Outcome
	Err      error // why, when the outcome is Failed; names the stranger when it is NotOurs; else nil
}

// TerminateAll does [Process.Terminate] to all of ids at the same time, so that together they
// take little longer than the slowest, and answers in the order of ids. It needs one descriptor
// for each while it runs.
func TerminateAll(ctx context.Context, ids []Identity, grace time.Duration) []Ended {
	all := make([]Ended, len(ids))
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() { all[i] = terminate(ctx, id, grace) })
	}
	running.Wait()
	return all
}

func terminate(ctx context.Context, id Identity, grace time.Duration) Ended {
	p, err := Open(id)
	switch {
	case errors.Is(err, ErrGone):
		return Ended{Identity: id, Outcome: WasGone}
	case errors.Is(err, ErrNotOurs):
		return Ended{Identity: id, Outcome: NotOurs, Err: err}
	case errors.Is(err, ErrRebooted):
		return Ended{Identity: id, Outcome: Rebooted}
	case err != nil:
		return Ended{Identity: id, Outcome: Failed, Err: err}
	}
	defer p.Close()
	outcome, err := p.Terminate(ctx, grace)
	return Ended{Identity: id, Outcome: outcome, Err: err}
}
