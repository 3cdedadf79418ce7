package netctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// Stopped is what stopping a network has found and done.
type Stopped struct {
	Network string `json:"network"`
	Was     string `json:"was"` // running, stopped, gone or not running
	Nodes   int    `json:"nodes"`
	Killed  int    `json:"killed"` // nodes that did not end when asked
	Note    string `json:"note,omitempty"`
	Record  bool   `json:"record"` // what it had recorded is gone with it

	Kept bool   `json:"kept"`           // it can be resumed
	Data string `json:"data,omitempty"` // the folder where it is kept
	// Stateless is set when inboxes are left in Data whose state file is missing: nothing can be resumed.
	Stateless bool `json:"stateless,omitempty"`
	Removed   int  `json:"removed,omitempty"` // inboxes that were discarded with a state nobody could read

	Older   bool            `json:"older,omitempty"` // those that were kept before come back as they were then
	Unsaved []gossip.NodeID `json:"unsaved"`         // nodes of a kept network whose inboxes are lost all the same
}

// What a network was when it was told to stop.
const (
	WasRunning    = "running"
	WasStopped    = "stopped" // and kept
	WasGone       = "gone"    // its controller had died
	WasNotRunning = "not running"
)

// ending is what is to become of a network that is stopped.
type ending int

const (
	toClear   ending = iota // remove it, unless it is kept already, or durable and its controller died
	toKeep                  // keep it
	toDiscard               // remove it in any case
)

// Stop ends a network and removes its state folder. One that was stopped and kept stays, and so does a
// durable one whose controller has died: it is then stopped and kept. Stopping what is not running is no
// error.
func Stop(ctx context.Context, root, name string) (Stopped, error) {
	return stop(ctx, root, name, toClear)
}

// Keep ends a network so that [Resume] can bring it back. Nodes of one that is not durable are asked to
// save their inboxes first.
func Keep(ctx context.Context, root, name string) (Stopped, error) {
	return stop(ctx, root, name, toKeep)
}

// Discard ends a network and removes it with all its data, also when it was kept.
func Discard(ctx context.Context, root, name string) (Stopped, error) {
	return stop(ctx, root, name, toDiscard)
}

func stop(ctx context.Context, root, name string, how ending) (Stopped, error) {
	out := Stopped{Network: name, Was: WasNotRunning, Unsaved: []gossip.NodeID{}}
	if err := store.CheckName(name); err != nil {
		return out, usage(err, "")
	}
	root, err := rootOr(root)
	if err != nil {
		return out, err
	}
	dir, err := store.Open(root, name, false)
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, storeError(err)
	}
	release, err := dir.Lock()
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, storeError(err)
	}
	defer release()
	state, err := store.ReadState[State](dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) {
		if done, err := stopHands(ctx, dir, how, &out); done {
			return out, err
		}
	}
	if err != nil {
		return out, stopStateless(ctx, dir, err, how, &out)
	}
	out.Record = state.Spec.Record
	p, err := proc.Open(state.Controller)
	if err == nil {
		defer p.Close()
	}
	switch {
	case state.Stopped != nil:
		err = stopStopped(ctx, dir, &state, how, &out)
	case err != nil || !p.Alive():
		err = stopGone(ctx, dir, state, err, how, &out)
	default:
		err = stopRunning(ctx, dir, state, p, how, &out)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = api.NewError(api.CodeTimeout, fmt.Sprintf("network %q did not stop in time; it may be stopping all the same", name),
			"run it again with a longer --timeout: it goes on from there")
	}
	return out, err
}

// stopStateless deals with a network whose state cannot be read; why is the error of reading it. What may
// hold messages goes only when that was asked for.
func stopStateless(ctx context.Context, dir *store.Dir, why error, how ending, out *Stopped) error {
	var damaged *store.DamagedError
	missing := errors.Is(why, os.ErrNotExist)
	switch {
	case how == toDiscard && (missing || errors.As(why, &damaged)):
		if !missing {
			out.Was, out.Note = WasGone, "its state file was damaged"
		}
		out.Removed = len(inboxFiles(dir))
		if err := endStateless(ctx, dir); err != nil {
			return err
		}
	case !missing:
		return storeError(why)
	case len(inboxFiles(dir)) > 0:
		out.Data, out.Stateless = dataPath(dir), true
		return nil
	}
	return storeError(dir.Remove()) // also what a start that failed with --retain has left
}

// stopRunning deals with a network whose controller lives.
func stopRunning(ctx context.Context, dir *store.Dir, state State, p *proc.Process, how ending, out *Stopped) error {
	out.Was = WasRunning
	if err := askToStop(ctx, dir, state, p, how, out); err != nil {
		return err
	}
	if err := endAll(ctx, state.processes()); err != nil {
		return err
	}
	if state.Spec.Durable && how == toClear && out.Note == "" {
		out.Note = "its inboxes on disk were removed with it; stop-network --keep would have kept them"
	}
	return finish(dir, how == toKeep, out)
}

// finish removes what is left of a network, or says where it is kept.
func finish(dir *store.Dir, kept bool, out *Stopped) error {
	if kept {
		out.Kept, out.Data = true, dir.Path()
		return nil
	}
	return storeError(dir.Remove())
}

// stopStopped deals with a network that was stopped and kept before.
func stopStopped(ctx context.Context, dir *store.Dir, state *State, how ending, out *Stopped) error {
	out.Was, out.Nodes = WasStopped, len(state.present())
	if err := clearWay(ctx, dir, state); err != nil { // what has not ended since
		return err
	}
	return finish(dir, how != toDiscard, out)
}

// stopGone deals with a network whose controller has died; why is the error of looking for it.
func stopGone(ctx context.Context, dir *store.Dir, state State, why error, how ending, out *Stopped) error {
	out.Was, out.Note = WasGone, whyGone(why)
	if !errors.Is(why, proc.ErrRebooted) { // since a reboot, whoever answers there is a stranger
		if done, err := stopUnseen(ctx, dir, state, how, out); done || err != nil {
			return err
		}
		if err := endAll(ctx, state.processes()); err != nil {
			return err
		}
	}
	kept := how == toKeep || how == toClear && state.Spec.Durable
	if kept {
		out.Nodes = len(state.present())
		if !state.Spec.Durable {
			out.Unsaved, out.Older = state.present(), len(inboxFiles(dir)) > 0
		}
		if err := markStopped(dir, state); err != nil {
			return err
		}
	}
	return finish(dir, kept, out)
}

// askToStop asks the controller to end the network, and ends the controller if it does not. That would
// lose inboxes which are in memory, so a network with such is not kept then, and goes on.
func askToStop(ctx context.Context, dir *store.Dir, state State, p *proc.Process, how ending, out *Stopped) error {
	out.Nodes, out.Note = len(state.processes()), "the controller was paused and was ended"
	if p.State() == proc.Running {
		answer, err := stopByController(ctx, dir, state, p, how)
		if err == nil {
			out.Nodes, out.Killed, out.Note = answer.Stopped, answer.Killed, ""
			out.Unsaved = append(out.Unsaved, answer.Unsaved...)
			return nil
		}
		if ctx.Err() != nil {
			return api.NewError(api.CodeInterrupted, fmt.Sprintf("interrupted; network %q may be stopping all the same", state.Spec.Network), "")
		}
		silent := api.CodeOf(err) == api.CodeNotRunning || api.CodeOf(err) == api.CodeTimeout
		if how == toKeep && !silent {
			return err
		}
		out.Note = "the controller did not answer and was ended"
	}
	if how == toKeep && !state.Spec.Durable {
		return api.NewError(api.CodeFailed, fmt.Sprintf("the controller of %q does not answer, so its nodes cannot be asked to save their inboxes", state.Spec.Network),
			fmt.Sprintf("if it is paused, kill -CONT %d lets it go on; without --keep it is stopped all the same", p.Identity().PID))
	}
	// Its nodes hold the lifeline and end with it.
	_, err := p.Terminate(ctx, stopGrace+time.Second)
	if err != nil && !errors.Is(err, proc.ErrGone) {
		return fmt.Errorf("ending the controller: %w", err)
	}
	if how == toKeep {
		return markStopped(dir, state)
	}
	return nil
}

// stopByController asks the controller, and waits until its process has ended.
func stopByController(ctx context.Context, dir *store.Dir, state State, p *proc.Process, how ending) (answer StopAnswer, err error) {
	n, err := networkOf(dir, state)
	if err != nil {
		return answer, err
	}
	patience := 5 * stopGrace
	if how == toKeep {
		patience += saveTime
	}
	ask, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := n.controller().Do(ask, http.MethodPost, "/v1/stop", StopRequest{Keep: how == toKeep}, &answer); err != nil {
		return answer, err
	}
	end, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if p.Wait(end) != nil { // its nodes are gone, and it has nothing more to do
		_, err = p.Terminate(ctx, stopGrace)
	}
	if errors.Is(err, proc.ErrGone) {
		err = nil
	}
	return answer, err
}

// stopUnseen stops a network whose controller answers although no process fits what the state file
// says of it: the file was changed by hand. It reports false when nobody answers, as is usual.
func stopUnseen(ctx context.Context, dir *store.Dir, state State, how ending, out *Stopped) (bool, error) {
	n, err := networkOf(dir, state)
	if err != nil {
		return false, nil // without its secret nobody would answer
	}
	answers := func() bool {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return n.controller().Do(ctx, http.MethodGet, "/v1/network", nil, nil) == nil
	}
	if !answers() {
		return false, nil
	}
	var answer StopAnswer
	if err := n.controller().Do(ctx, http.MethodPost, "/v1/stop", StopRequest{Keep: how == toKeep}, &answer); err != nil {
		return false, err
	}
	out.Was, out.Note, out.Nodes, out.Killed = WasRunning, "", answer.Stopped, answer.Killed
	out.Unsaved = append(out.Unsaved, answer.Unsaved...)
	for answers() && ctx.Err() == nil { // it goes on for as long as it takes to send that answer
	}
	return true, finish(dir, how == toKeep, out)
}

// Listed is one network in a list.
type Listed struct {
	Network  string     `json:"network"`
	State    string     `json:"state"` // running, stopped, gone, damaged, by hand
	Topology string     `json:"topology"`
	Protocol string     `json:"protocol"`
	Nodes    int        `json:"nodes"`
	BasePort int        `json:"base_port"`
	PID      int        `json:"pid"` // of the controller
	Started  *time.Time `json:"started,omitempty"`
	Problem  string     `json:"problem,omitempty"`
}

// List returns every network there is, by name.
func List(root string) ([]Listed, error) {
	root, err := rootOr(root)
	if err != nil {
		return nil, err
	}
	names, err := store.Networks(root)
	if err != nil {
		return nil, storeError(err)
	}
	list := []Listed{}
	for _, name := range names {
		l := Listed{Network: name, State: "damaged"}
		dir, err := store.Open(root, name, false)
		var state State
		if err == nil {
			state, err = store.ReadState[State](dir, StateVersion)
		}
		if errors.Is(err, os.ErrNotExist) {
			if err = listHands(dir, &l); errors.Is(err, os.ErrNotExist) {
				continue // being started, or kept logs
			}
			if err == nil {
				list = append(list, l)
				continue
			}
		}
		if err != nil {
			l.Problem = err.Error()
			list = append(list, l)
			continue
		}
		l.Topology, l.Protocol, l.BasePort = state.Spec.Topology, state.Spec.Protocol, state.Spec.BasePort
		l.Nodes, l.PID, l.Started = len(state.present()), state.Controller.PID, &state.Started
		l.State = WasGone
		if state.Stopped != nil {
			l.State = WasStopped
			list = append(list, l)
			continue
		}
		if p, err := proc.Open(state.Controller); err == nil {
			if p.Alive() {
				l.State = WasRunning
			}
			p.Close()
		} else {
			l.Problem = whyGone(err)
		}
		list = append(list, l)
	}
	return list, nil
}
