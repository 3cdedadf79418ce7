package netctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// rollbackTime is how long a controller may take to clear away what it has begun: the nodes' grace,
// and more than enough to kill a thousand that do not use it.
const rollbackTime = stopGrace + 3*time.Second

// controllerProcess is a controller, seen by whoever has started it.
type controllerProcess struct {
	*os.Process
	orders   *os.File // the order is written to it
	reports  *os.File // what the controller says can be read from it
	lifeline *os.File // closing it cancels the start, or ends a network in the foreground
}

// launchController starts the controller process and follows its reports until the network exists
// or the start has failed.
func launchController(ctx context.Context, dir *store.Dir, o order, progress func(int)) (*Started, error) {
	// Descriptors this process was given, such as the pipe of a CI job, must not live on in nodes.
	if err := proc.CloseOnExec(); err != nil {
		return nil, fmt.Errorf("closing inherited descriptors: %w", err)
	}
	logs, err := dir.Subfolder(logFolder)
	if err != nil {
		return nil, storeError(err)
	}
	defer logs.Close()
	stderr, err := logs.OpenFile(controllerLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, storeError(&store.AccessError{Verb: "write", Path: filepath.Join(dir.Path(), logFolder, controllerLog), Err: err})
	}
	p, err := forkController(stderr, o.Spec.Network)
	if err != nil {
		return nil, limitError(err)
	}
	// The controller keeps the deadline itself, and undoes everything when the lifeline ends. One
	// that does neither stands still or is broken: it is killed, and its nodes end with it.
	late := time.AfterFunc(time.Until(o.Deadline)+rollbackTime, func() { p.Kill() })
	defer late.Stop()
	stop := context.AfterFunc(ctx, func() {
		p.lifeline.Close()
		late.Reset(rollbackTime)
	})
	defer stop()
	json.NewEncoder(p.orders).Encode(o) // when this fails the controller has ended, and there will be no report
	p.orders.Close()
	view, err := follow(p.reports, progress)
	if err == nil {
		return p.attach(view, o.Foreground), nil
	}
	p.lifeline.Close()
	p.reports.Close()
	ended, _ := p.Wait()
	if errors.As(err, new(*api.Error)) {
		return nil, err
	}
	awaitOrphans(dir)
	switch {
	case ctx.Err() != nil:
		return nil, errCancelled
	case !time.Now().Before(o.Deadline):
		return nil, tooLate(o.Spec.Network)
	}
	return nil, controllerEnded(logs, ended)
}

// forkController starts the controller process. What it is not told to log itself, such as the last
// words of a crash, goes to stderr: a file, so that nobody has to be there to read it.
func forkController(stderr *os.File, network string) (*controllerProcess, error) {
	null, err1 := os.Open(os.DevNull)
	orders, ordersW, err2 := os.Pipe()
	reports, reportsW, err3 := os.Pipe()
	lifeline, lifelineW, err4 := os.Pipe()
	passed := []*os.File{null, stderr, stderr, orders, reportsW, lifeline}
	err := errors.Join(err1, err2, err3, err4)
	var process *os.Process
	if err == nil {
		process, err = os.StartProcess(executable(), []string{"gossipctl", ControllerCommand, "--network", network}, &os.ProcAttr{
			Dir: "/", Env: os.Environ(), Files: passed,
			Sys: &syscall.SysProcAttr{Setsid: true},
		})
	}
	closeAll(passed)
	if err != nil {
		closeAll([]*os.File{ordersW, reports, lifelineW})
		return nil, err
	}
	return &controllerProcess{process, ordersW, reports, lifelineW}, nil
}

// closeAll closes files; those that could not be opened are nil, and that is no harm.
func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// follow reads reports up to the last one.
func follow(reports io.Reader, progress func(int)) (*View, error) {
	lines := json.NewDecoder(reports)
	for {
		var r report
		err := lines.Decode(&r)
		switch {
		case err != nil:
			return nil, err
		case r.Error != nil:
			return nil, r.Error
		case r.View != nil:
			return r.View, nil
		}
		progress(r.Ready)
	}
}

// controllerEnded says how a controller ended that has not said why.
func controllerEnded(logs *os.Root, ended *os.ProcessState) *api.Error {
	what := "the controller ended while it started the network"
	if ended != nil {
		what += " (" + ended.String() + ")"
	}
	if data, err := tail(logs, controllerLog); err == nil && len(bytes.TrimSpace(data)) > 0 {
		what += ": " + gist(data, wordLines)
	}
	return api.NewError(api.CodeFailed, what+"; nothing was started", "")
}

func tooLate(network string) *api.Error {
	return api.NewError(api.CodeTimeout, fmt.Sprintf("network %q was not ready in time; nothing was started", network), "give it longer with --timeout")
}

// awaitOrphans waits until the nodes of a controller that has died are gone. They end by themselves,
// but until then they write to their logs, in a folder that is about to be removed.
func awaitOrphans(dir *store.Dir) {
	list, err := processesIn(dir)
	if err != nil {
		return // then it is not waited for them
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for _, s := range list {
		if p, err := proc.Open(s.Identity); err == nil {
			p.Wait(ctx)
			p.Close()
		}
	}
}

// processesIn are the processes that work in the folder of a network.
func processesIn(dir *store.Dir) ([]sighting, error) {
	list, err := sightings()
	home := realPath(filepath.Dir(dir.Path()))
	return slices.DeleteFunc(list, func(s sighting) bool { return s.network != dir.Name() || s.home != home }), err
}

// attach keeps what ties a network in the foreground to this process, and drops it otherwise.
func (p *controllerProcess) attach(v *View, foreground bool) *Started {
	s := &Started{View: *v, detach: func() { p.lifeline.Close() }}
	if !foreground {
		p.lifeline.Close()
		p.reports.Close()
		p.Release()
		return s
	}
	ended := make(chan error, 1)
	go func() {
		io.Copy(io.Discard, p.reports)
		if how, err := p.Wait(); err == nil && !how.Success() {
			ended <- api.NewError(api.CodeFailed, fmt.Sprintf("network %q has ended: its controller died (%v)", v.Network, how),
				"run gossipctl stop-network to clear its state")
		}
		close(ended)
	}()
	s.Attached = ended
	return s
}
