package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// controllerAsk bounds how long a controller may take to say that it is there; that of 1,000 nodes
// takes a millisecond.
const controllerAsk = time.Second

// checkNetworks looks at every network that has a folder.
func (d *doctor) checkNetworks(ctx context.Context) {
	entries, err := os.ReadDir(d.Root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.add(checkNetwork, FindingFail, err.Error(), d.nextStep(err))
		return
	}
	before := len(d.found)
	for _, e := range entries {
		if store.CheckName(e.Name()) == nil && (e.IsDir() || e.Type()&os.ModeSymlink != 0) && ctx.Err() == nil {
			d.checkNetwork(ctx, e.Name())
		}
	}
	if len(d.found) == before {
		d.add(checkNetwork, FindingOK, "no network has left anything, and none runs", "")
	}
}

// checkNetwork looks at one network.
func (d *doctor) checkNetwork(ctx context.Context, name string) {
	var dir *store.Dir
	var state State
	var beside error // what is wrong with the files beside the state
	mended, err := d.mending(func() (err error) {
		beside = nil
		if dir != nil {
			dir.Close()
		}
		if dir, err = store.Open(d.Root, name, false); err != nil {
			dir = nil
			return err
		}
		if state, err = store.ReadState[State](dir, StateVersion); err != nil {
			return err
		}
		beside = besideState(dir)
		return beside
	})
	if dir == nil && errors.Is(err, os.ErrNotExist) {
		return // removed since it was listed
	}
	if len(mended) > 0 {
		d.fixed(checkNetwork, fmt.Sprintf("%q: %s", name, strings.Join(mended, "; ")))
	}
	if dir != nil {
		defer dir.Close()
	}
	var damaged *store.DamagedError
	switch {
	case errors.As(err, &damaged):
		d.damaged(ctx, dir, damaged)
	case state.FileVersion == 0 && errors.Is(err, os.ErrNotExist):
		if d.hands(dir) {
			return
		}
		var kept *api.Error
		if errors.As(lacksState(api.CodeNotRunning, dir, nil), &kept) {
			d.add(checkNetwork, FindingWarn, kept.Message, kept.Hint)
			return
		}
		d.add(checkNetwork, FindingOK, fmt.Sprintf("%q does not run, and keeps files in %s", name, dir.Path()), "")
	case err != nil && beside == nil:
		d.add(checkNetwork, FindingFail, fmt.Sprintf("%q: %v", name, err), d.nextStep(err))
	default:
		d.readable(ctx, dir, &state)
		if beside != nil {
			d.add(checkNetwork, FindingFail, fmt.Sprintf("%q cannot be spoken to: %v", name, err), d.nextStep(err)+"; gossipctl stop-network works all the same")
		}
	}
}

// besideState says what is wrong with the files beside the state.
func besideState(dir *store.Dir) error {
	if _, err := os.Lstat(filepath.Join(dir.Path(), logFolder)); err == nil {
		logs, err := dir.Subfolder(logFolder)
		if err != nil {
			return err
		}
		logs.Close()
	}
	_, err := dir.Secret()
	return err
}

// readable looks at a network whose state can be read.
func (d *doctor) readable(ctx context.Context, dir *store.Dir, state *State) {
	name := state.Spec.Network
	if state.Stopped != nil {
		d.add(checkNetwork, FindingOK, fmt.Sprintf("%q is stopped and kept in %s: %s on ports from %d, for gossipctl start-network --resume%s",
			name, dir.Path(), count(len(state.present()), "node"), state.Spec.BasePort, Naming(name)), "")
		return
	}
	p, err := proc.Open(state.Controller)
	if err != nil || !p.Alive() {
		d.stale(ctx, dir, state, err)
		return
	}
	defer p.Close()
	d.running = append(d.running, *state)
	if p.State() == proc.Stopped {
		d.add(checkNetwork, FindingFail, fmt.Sprintf("the controller of %q is paused (pid %d)", name, p.Identity().PID),
			fmt.Sprintf("run kill -CONT %d, or gossipctl stop-network --network %s", p.Identity().PID, name))
		return
	}
	ask, cancel := context.WithTimeout(ctx, controllerAsk)
	defer cancel()
	client := api.NewClient(api.NewTransport(), "http://"+loopback(state.Spec.BasePort), "", "", "the controller")
	if health, err := client.Health(ask); err != nil || health.Network != name {
		d.add(checkNetwork, FindingFail, fmt.Sprintf("the controller of %q runs (pid %d) and does not answer", name, p.Identity().PID),
			"run gossipctl stop-network --network "+name)
		return
	}
	counts := make(map[NodeStatus]int)
	for i := range state.Nodes {
		counts[processStatus(&state.Nodes[i])]++
	}
	detail := fmt.Sprintf("%q runs: %s on ports from %d (controller pid %d)", name, count(counts[Running]+counts[Paused], "node"), state.Spec.BasePort, p.Identity().PID)
	if counts[Paused] > 0 {
		detail += fmt.Sprintf(", %d of them paused", counts[Paused])
	}
	if counts[Dead] > 0 {
		d.add(checkNetwork, FindingWarn, fmt.Sprintf("%s, and %s died", detail, count(counts[Dead], "node")),
			fmt.Sprintf("run gossipctl list-nodes --network %s, then show-logs to see why and remove-node to go on without them", name))
		return
	}
	d.add(checkNetwork, FindingOK, detail, "")
}

// processStatus is how a node is by its process; the state file may be behind.
func processStatus(n *NodeState) NodeStatus {
	if !n.Removed && !isAlive(n.Process) {
		return Dead
	}
	return liveStatus(n)
}

// stale deals with a network whose controller is gone; why is the error of looking for it.
func (d *doctor) stale(ctx context.Context, dir *store.Dir, state *State, why error) {
	name := state.Spec.Network
	detail := fmt.Sprintf("%q does not run any more: %s", name, whyGone(why))
	if !d.Fix {
		if state.Spec.Durable {
			d.add(checkNetwork, FindingFail, isBereft(api.CodeFailed, dir, state, why).Message, comeBack(name))
			return
		}
		d.add(checkNetwork, FindingFail, detail, fmt.Sprintf("%s or gossipctl stop-network --network %s to clear its state; its logs go with it", fixHint, name))
		return
	}
	ended, err := d.locked(ctx, dir, func() (int, error) {
		now, err := store.ReadState[State](dir, StateVersion)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return 0, nil // cleared by somebody else
		case err != nil:
			return 0, err
		case now.Controller != state.Controller || isAlive(now.Controller):
			return 0, errors.New("it was started anew just now")
		}
		list, _, err := d.proven(name, &now)
		if err == nil {
			err = endProcesses(ctx, list)
		}
		if err != nil {
			return 0, err
		}
		if now.Spec.Durable && now.Stopped == nil {
			return len(list), markStopped(dir, now)
		}
		if now.Stopped != nil {
			return len(list), nil // somebody was faster
		}
		return len(list), dir.Remove()
	})
	done := "; its state was cleared"
	if state.Spec.Durable {
		done = "; its data is kept, for gossipctl start-network --resume" + Naming(name)
	}
	d.treated(detail, done, ended, err)
}

// damaged deals with a state file that cannot be understood. What it was about may still run, and
// nobody can speak to it; its processes are known by what they have open.
func (d *doctor) damaged(ctx context.Context, dir *store.Dir, why *store.DamagedError) {
	detail, _, _ := strings.Cut(why.Error(), "; it is kept as")
	if !d.Fix {
		d.add(checkNetwork, FindingFail, detail, fixHint+": it ends what still runs of the network, and sets the file aside")
		return
	}
	ended, err := d.locked(ctx, dir, func() (int, error) {
		if _, err := store.ReadState[State](dir, StateVersion); !errors.As(err, &why) {
			return 0, errors.New("it was replaced just now")
		}
		list, unproven, err := d.proven(dir.Name(), nil)
		if err == nil && len(unproven) > 0 {
			err = fmt.Errorf("end these yourself if they are yours: %s", listed(unproven))
		}
		if err == nil {
			err = endProcesses(ctx, list)
		}
		if err != nil {
			return 0, err
		}
		_, err = dir.SetAside()
		return len(list), err
	})
	done := "; it was set aside as state.json.bad"
	if n := len(inboxFiles(dir)); n > 0 {
		done += "; the inboxes stay in " + dataPath(dir)
	}
	d.treated(detail, done, ended, err)
}

// locked does something while no other command can change the network.
func (d *doctor) locked(ctx context.Context, dir *store.Dir, do func() (ended int, err error)) (ended int, err error) {
	release, err := dir.Lock()
	if err != nil {
		return 0, err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return do()
}

// treated adds a failure of a network and what has come of mending it.
func (d *doctor) treated(detail, done string, ended int, err error) {
	switch {
	case err != nil:
		d.add(checkNetwork, FindingFail, fmt.Sprintf("%s; it could not be mended: %v", detail, err), d.nextStep(err))
	case ended == 1:
		d.fixed(checkNetwork, detail+"; a process that was left was ended"+done)
	case ended > 1:
		d.fixed(checkNetwork, fmt.Sprintf("%s; %d processes that were left were ended%s", detail, ended, done))
	default:
		d.fixed(checkNetwork, detail+done)
	}
}
