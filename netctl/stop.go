package netctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// Stopped is what stopping a network has found and done.
type Stopped struct {
	Network string `json:"network"`
	Was     string `json:"was"` // running, gone or not running
	Nodes   int    `json:"nodes"`
	Killed  int    `json:"killed"` // nodes that did not end when asked
	Note    string `json:"note,omitempty"`
}

// What a network was when it was told to stop.
const (
	WasRunning    = "running"
	WasGone       = "gone" // its controller had died; its state was cleared
	WasNotRunning = "not running"
)

// Stop ends a network and removes its state folder. Stopping what is not running is no error.
func Stop(ctx context.Context, root, name string) (Stopped, error) {
	out := Stopped{Network: name, Was: WasNotRunning}
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
	if err != nil {
		return out, storeError(err)
	}
	defer release()
	state, err := store.ReadState[State](dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) {
		return out, storeError(dir.Remove()) // what a start that failed with --retain has left
	}
	if err != nil {
		return out, storeError(err)
	}
	p, err := proc.Open(state.Controller)
	if err != nil || !p.Alive() {
		out.Was, out.Note = WasGone, whyGone(err)
		if !errors.Is(err, proc.ErrRebooted) { // since a reboot, whoever answers there is a stranger
			if done, err := stopUnseen(ctx, dir, state, &out); done || err != nil {
				return out, err
			}
			if err := endAll(ctx, state.processes()); err != nil {
				return out, err
			}
		}
		return out, storeError(dir.Remove())
	}
	defer p.Close()
	out.Was = WasRunning
	if err := askToStop(ctx, dir, state, p, &out); err != nil {
		return out, err
	}
	if err := endAll(ctx, state.processes()); err != nil {
		return out, err
	}
	return out, storeError(dir.Remove())
}

// askToStop asks the controller to end the network, and ends the controller if it does not.
func askToStop(ctx context.Context, dir *store.Dir, state State, p *proc.Process, out *Stopped) error {
	out.Nodes, out.Note = len(state.processes()), "the controller was paused and was ended"
	if p.State() == proc.Running {
		answer, err := stopByController(ctx, dir, state, p)
		if err == nil {
			out.Nodes, out.Killed, out.Note = answer.Stopped, answer.Killed, ""
			return nil
		}
		if ctx.Err() != nil {
			return api.WrapError(api.CodeTimeout, fmt.Errorf("network %q did not stop: %w", state.Spec.Network, ctx.Err()), "")
		}
		out.Note = "the controller did not answer and was ended"
	}
	// Its nodes hold the lifeline and end with it.
	_, err := p.Terminate(ctx, stopGrace+time.Second)
	if err != nil && !errors.Is(err, proc.ErrGone) {
		return fmt.Errorf("ending the controller: %w", err)
	}
	return nil
}

// stopByController asks the controller, and waits until its process has ended.
func stopByController(ctx context.Context, dir *store.Dir, state State, p *proc.Process) (answer StopAnswer, err error) {
	n, err := networkOf(dir, state)
	if err != nil {
		return answer, err
	}
	ask, cancel := context.WithTimeout(ctx, 5*stopGrace)
	defer cancel()
	if err := n.controller().Do(ask, http.MethodPost, "/v1/stop", struct{}{}, &answer); err != nil {
		return answer, err
	}
	end, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	return answer, p.Wait(end)
}

// stopUnseen stops a network whose controller answers although no process fits what the state file
// says of it: the file was changed by hand. It reports false when nobody answers, as is usual.
func stopUnseen(ctx context.Context, dir *store.Dir, state State, out *Stopped) (bool, error) {
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
	if err := n.controller().Do(ctx, http.MethodPost, "/v1/stop", struct{}{}, &answer); err != nil {
		return false, err
	}
	out.Was, out.Note, out.Nodes, out.Killed = WasRunning, "", answer.Stopped, answer.Killed
	for answers() && ctx.Err() == nil { // it goes on for as long as it takes to send that answer
	}
	return true, storeError(dir.Remove())
}

// Listed is one network in a list.
type Listed struct {
	Network  string     `json:"network"`
	State    string     `json:"state"` // running, gone, damaged
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
			continue // being started, or kept logs
		}
		if err != nil {
			l.Problem = err.Error()
			list = append(list, l)
			continue
		}
		l.Topology, l.Protocol, l.BasePort = state.Spec.Topology, state.Spec.Protocol, state.Spec.BasePort
		l.Nodes, l.PID, l.Started = len(state.present()), state.Controller.PID, &state.Started
		l.State = WasGone
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
