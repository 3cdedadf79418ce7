package netctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
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
	Retain     bool            // keep the logs when the start fails
	Progress   func(ready int) // called now and then with how many nodes are ready
	Note       func(string)    // something the person should know
}

// Started is a network that runs.
type Started struct {
	View View
	// Attached is set in the foreground: it is closed when the controller has ended.
	Attached <-chan struct{}
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
	root, err := rootOr(opts.Root)
	if err != nil {
		return nil, err
	}
	dir, err := store.Open(root, spec.Network, true)
	if err != nil {
		return nil, storeError(err)
	}
	release, err := claim(ctx, dir, opts.Note)
	if err != nil {
		return nil, err
	}
	defer release()
	o := order{Root: root, Spec: spec, Edges: g.Edges(), Deadline: time.Now().Add(opts.Timeout), Foreground: opts.Foreground}
	started, err := launchController(ctx, o, opts.Progress)
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

// leftOver reports whether the folder holds what a network that is gone has left.
func leftOver(ctx context.Context, dir *store.Dir, note func(string)) (bool, error) {
	state, err := store.ReadState[State](dir, StateVersion)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, storeError(err)
	}
	name := state.Spec.Network
	p, gone := proc.Open(state.Controller)
	if gone == nil {
		defer p.Close()
		if p.Alive() {
			return false, api.NewError(api.CodeConflict, fmt.Sprintf("network %q is already running (%s, since %s)", name, count(len(state.present()), "node"),
				state.Started.Local().Format(time.TimeOnly)), "stop it with gossipctl stop-network, or start another one with --network and --base-port")
		}
	}
	if err := endAll(ctx, state.processes()); err != nil {
		return false, err
	}
	note(fmt.Sprintf("network %q was not running any more (%s); its state was cleared", name, whyGone(gone)))
	return true, nil
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

// launchController starts the controller process and follows its reports until the network exists
// or the start has failed.
func launchController(ctx context.Context, o order, progress func(int)) (*Started, error) {
	// Descriptors this process was given, such as the pipe of a CI job, must not live on in nodes.
	if err := proc.CloseOnExec(); err != nil {
		return nil, fmt.Errorf("closing inherited descriptors: %w", err)
	}
	var files []*os.File
	closeAll := func() {
		for _, f := range files {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File, err error) {
		r, w, err = os.Pipe()
		if err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	orderR, orderW, err1 := pipe()
	reportR, reportW, err2 := pipe()
	lifeR, lifeW, err3 := pipe()
	null, err4 := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		closeAll()
		return nil, limitError(err)
	}
	files = append(files, null)
	process, err := os.StartProcess(executable(), []string{"gossipctl", ControllerCommand, "--network", o.Spec.Network}, &os.ProcAttr{
		Dir: "/", Env: os.Environ(),
		Files: []*os.File{null, null, null, orderR, reportW, lifeR},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		closeAll()
		return nil, limitError(err)
	}
	orderR.Close()
	reportW.Close()
	lifeR.Close()
	null.Close()
	stop := context.AfterFunc(ctx, func() { lifeW.Close() }) // cancels: the controller takes all down
	defer stop()
	json.NewEncoder(orderW).Encode(o)
	orderW.Close()

	reports := json.NewDecoder(reportR)
	for {
		var r report
		err := reports.Decode(&r)
		switch {
		case err != nil:
			lifeW.Close()
			reportR.Close()
			process.Wait()
			if ctx.Err() != nil {
				return nil, errCancelled
			}
			return nil, api.NewError(api.CodeFailed, "the controller ended while it started the network; nothing was started", "")
		case r.Error != nil:
			lifeW.Close()
			reportR.Close()
			process.Wait()
			return nil, r.Error
		case r.View != nil:
			return attach(r.View, process, reportR, lifeW, o.Foreground), nil
		default:
			progress(r.Ready)
		}
	}
}

// attach keeps what ties a network in the foreground to this process, and drops it otherwise.
func attach(v *View, process *os.Process, reports, lifeline *os.File, foreground bool) *Started {
	s := &Started{View: *v, detach: func() { lifeline.Close() }}
	if !foreground {
		lifeline.Close()
		reports.Close()
		process.Release()
		return s
	}
	ended := make(chan struct{})
	var once sync.Once
	go func() {
		io.Copy(io.Discard, reports)
		process.Wait()
		once.Do(func() { close(ended) })
	}()
	s.Attached = ended
	return s
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
		return api.WrapError(api.CodeDamaged, err, "run gossipctl doctor")
	case errors.Is(err, store.ErrLocked):
		return api.WrapError(api.CodeLocked, err, "wait for it to finish")
	}
	e := api.WrapError(api.CodeFailed, err, "")
	var unsafe *store.UnsafeError
	if errors.As(err, &unsafe) {
		e.Code = api.CodeUnsafe
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e.Message = strings.TrimSuffix(e.Message, ".") + "; nothing was started"
	}
	return e
}
