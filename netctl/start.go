package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// StartOptions say how a network is started; its Spec says what.
type StartOptions struct {
	Root       string // of all state folders; empty = store.DefaultRoot()
	Timeout    time.Duration
	Foreground bool
	NoWait     bool            // do not wait until nodes have found each other, where they do
	Retain     bool            // keep the logs when the start fails
	Version    string          // of the program, for a recorded run
	Command    []string        // that was typed, for a recorded run
	Progress   func(ready int) // called now and then with how many nodes are ready
	Note       func(string)    // something the person should know
}

// Started is a network that runs.
type Started struct {
	View View
	// Attached is set in the foreground: it yields an error when the controller has died, and is
	// closed when it has ended.
	Attached <-chan error
	detach   func()
}

// Detach lets go of a network in the foreground, which ends it.
func (s *Started) Detach() { s.detach() }

// Start starts a network and returns when every node is ready, or takes everything down again.
// Cancelling ctx while it starts cancels the start; nothing is left then.
func Start(ctx context.Context, spec Spec, opts StartOptions) (*Started, error) {
	g, err := spec.graph()
	if err != nil {
		return nil, err
	}
	if text := spec.ease(runtime.NumCPU()); text != "" {
		opts.Note(text)
	}
	root, err := rootOr(opts.Root)
	if err != nil {
		return nil, err
	}
	dir, err := store.Open(root, spec.Network, true)
	if err != nil {
		return nil, storeError(err)
	}
	defer dir.Close()
	release, err := claim(ctx, dir, opts.Note)
	if err != nil {
		return nil, err
	}
	defer release()
	o := order{Root: root, Spec: spec, Edges: g.Edges(), Deadline: time.Now().Add(opts.Timeout), Foreground: opts.Foreground, NoWait: opts.NoWait, Version: opts.Version, Command: opts.Command}
	started, err := launchController(ctx, dir, o, opts.Progress)
	if err != nil && !opts.Retain {
		dir.Remove()
	}
	if err != nil && opts.Retain {
		opts.Note("logs are kept in " + dir.Path())
	}
	return started, err
}

// claim locks the folder of a network for a start. It makes sure that no network of that name
// runs, and clears what a dead one has left.
func claim(ctx context.Context, dir *store.Dir, note func(string)) (release func(), err error) {
	for {
		release, err := dir.Lock()
		if err != nil {
			return nil, storeError(err)
		}
		stale, err := leftOver(ctx, dir, note)
		if err == nil && !stale {
			return release, nil
		}
		if err == nil {
			err = storeError(dir.Remove()) // with the lock in it, which is taken anew
		}
		release()
		if err != nil {
			return nil, err
		}
	}
}

// leftOver reports whether the folder holds what a network that is gone has left, or a start that
// has failed.
func leftOver(ctx context.Context, dir *store.Dir, note func(string)) (bool, error) {
	state, err := store.ReadState[State](dir, StateVersion)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if left, err := handsLeft(dir); left || err != nil {
			return left, err
		}
		stale, err := failedStart(dir)
		if err == nil {
			err = lacksState(api.CodeConflict, dir, nil)
		}
		return stale, err
	case err != nil:
		var damaged *store.DamagedError
		if errors.As(err, &damaged) {
			if kept := lacksState(api.CodeConflict, dir, damaged); kept != nil {
				return false, kept
			}
		}
		return false, storeError(err)
	}
	name := state.Spec.Network
	p, gone := proc.Open(state.Controller)
	if gone == nil {
		defer p.Close()
		if p.Alive() && state.Stopped == nil {
			return false, alreadyRunning(&state)
		}
	}
	switch {
	case state.Stopped != nil:
		return false, isStopped(api.CodeConflict, dir, &state)
	case state.Spec.Durable:
		return false, isBereft(api.CodeConflict, dir, &state, gone)
	}
	if err := endAll(ctx, state.processes()); err != nil {
		return false, err
	}
	note(fmt.Sprintf("network %q was not running any more (%s); its state was cleared", name, whyGone(gone)))
	return true, nil
}

// failedStart reports whether the folder holds the logs of a start that has failed, which would be
// taken for new ones. The error is about one that is still being cleared away.
func failedStart(dir *store.Dir) (bool, error) {
	if _, err := os.Lstat(filepath.Join(dir.Path(), logFolder)); err != nil {
		return false, nil
	}
	left, err := processesIn(dir)
	if err != nil || len(left) == 0 {
		return err == nil, err
	}
	return false, api.NewError(api.CodeConflict, fmt.Sprintf("an earlier start of network %q was cancelled, and is being cleared away (%v)", dir.Name(), left[0]),
		"try again in a moment")
}

// whyGone says why the controller of a state file is not there.
func whyGone(err error) string {
	switch {
	case errors.Is(err, proc.ErrRebooted):
		return "it was running before the last reboot"
	case errors.Is(err, proc.ErrNotOurs):
		return "its controller died, and its process id belongs to another program now"
	}
	return "its controller died"
}

// endAll makes sure that processes are gone which should have ended by themselves. Strangers are
// never touched.
func endAll(ctx context.Context, ids []proc.Identity) error {
	for _, ended := range proc.TerminateAll(ctx, ids, stopGrace) {
		if ended.Outcome == proc.Failed {
			return api.WrapError(api.CodeFailed, fmt.Errorf("ending process %v: %w", ended.Identity, ended.Err), "")
		}
	}
	return nil
}

func rootOr(root string) (string, error) {
	if root != "" {
		return root, nil
	}
	root, err := store.DefaultRoot()
	return root, storeError(err)
}

// storeError gives errors of the state folder their code. Nil stays nil.
func storeError(err error) error {
	var known *api.Error
	var damaged *store.DamagedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.As(err, &damaged):
		return api.WrapError(api.CodeDamaged, err, "")
	case errors.Is(err, store.ErrLocked):
		return api.WrapError(api.CodeLocked, err, "wait for it to finish")
	case errors.Is(err, syscall.EMFILE):
		return limitError(err)
	}
	e := api.WrapError(api.CodeFailed, err, "")
	var unsafe *store.UnsafeError
	if errors.As(err, &unsafe) {
		e.Code = api.CodeUnsafe
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		e.Message = strings.TrimSuffix(e.Message, ".") + "; nothing was started"
	}
	return e
}
