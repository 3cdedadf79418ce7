package netctl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// dataFolder holds the inboxes that outlast their nodes, in the folder of a network.
const dataFolder = "data"

// dataName is the file of one node's inbox.
func dataName(id gossip.NodeID) string { return fmt.Sprintf("node-%d.inbox", id) }

// Resume brings back a network that was stopped and kept, or whose controller has died: the same nodes on
// the same ports, wired as they were last, with the inboxes that are on disk. Removed nodes stay removed,
// dead ones come back. Every node begins a new life. Of the options Root, Timeout, Foreground, Progress
// and Note count. On error what was kept is as it was.
func Resume(ctx context.Context, name string, opts StartOptions) (*Started, error) {
	dir, root, err := folderOf(opts.Root, name, nothingKept)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	release, err := dir.Lock()
	if err != nil {
		return nil, storeError(err)
	}
	defer release()
	state, err := store.ReadState[State](dir, StateVersion)
	if errors.Is(err, os.ErrNotExist) {
		if kept := lacksState(api.CodeNotRunning, dir, nil); kept != nil {
			return nil, kept
		}
		return nil, nothingKept(root, name)
	}
	if err != nil {
		return nil, storeError(err)
	}
	if err := clearWay(ctx, dir, &state); err != nil {
		return nil, err
	}
	state = state.withoutJoined()
	if state.Stopped == nil && !state.Spec.Durable {
		opts.Note(memoryLost(dir))
	}
	o := order{
		Root: root, Spec: state.Spec, Edges: state.edges(), Prior: &state,
		Deadline: time.Now().Add(opts.Timeout), Foreground: opts.Foreground, NoWait: opts.NoWait,
	}
	var missing []gossip.NodeID
	if state.Spec.Durable {
		missing = missingInboxes(dir, state.present())
	}
	before := damagedInboxes(dir)
	started, err := launchController(ctx, dir, o, opts.Progress)
	// Also when it failed: by the next time nodes may have made files anew, and nobody could tell any more.
	for _, text := range inboxLoss(dir, missing, newlyDamaged(dir, before)) {
		opts.Note("Warning: " + text)
	}
	return started, err
}

func nothingKept(root, name string) *api.Error {
	e := notRunning(root, name)
	e.Message = fmt.Sprintf("there is no network %q that could be resumed", name)
	return e
}

// clearWay makes sure that nothing of a network runs any more that is to be resumed.
func clearWay(ctx context.Context, dir *store.Dir, state *State) error {
	p, gone := proc.Open(state.Controller)
	if gone == nil {
		defer p.Close()
		if p.Alive() && state.Stopped == nil {
			return alreadyRunning(state)
		}
		if p.Alive() { // it has written down that it is stopped, and is about to end
			wait, cancel := context.WithTimeout(ctx, stopGrace)
			defer cancel()
			p.Wait(wait)
		}
	}
	if !errors.Is(gone, proc.ErrRebooted) {
		if err := endAll(ctx, state.processes()); err != nil {
			return err
		}
	}
	awaitOrphans(dir) // of a resume that was cancelled
	left, err := processesIn(dir)
	if err != nil || len(left) == 0 {
		return nil // what cannot be seen cannot be waited for; the ports and the files are locked anyway
	}
	return api.NewError(api.CodeConflict, fmt.Sprintf("an earlier start of network %q is being cleared away (%v)", dir.Name(), left[0]), "try again in a moment")
}

// memoryLost says what has become of inboxes that were nowhere but in memory.
func memoryLost(dir *store.Dir) string {
	files, err := os.ReadDir(filepath.Join(dir.Path(), dataFolder))
	if err == nil && len(files) > 0 {
		return "memory inbox was lost of every node: each comes back as it was when the network was last kept"
	}
	return "memory inbox was lost of every node: start a network with --durable to keep them, or stop it with --keep"
}

// edges are those between the nodes that were not removed.
func (s *State) edges() []topology.Edge { return s.graph().Edges() }

// graph is that of the nodes that were not removed, dead ones included.
func (s *State) graph() *topology.Graph {
	g := topology.New(0)
	for _, n := range s.Nodes {
		if !n.Removed {
			g.AddNode(int(n.ID))
		}
	}
	for _, n := range s.Nodes {
		for _, p := range n.Peers {
			if !n.Removed && g.HasNode(int(p)) {
				g.AddEdge(int(n.ID), int(p))
			}
		}
	}
	return g
}

// Naming is what to add to a command so that it is about a network: nothing for the default one.
func Naming(name string) string {
	if name == DefaultNetwork {
		return ""
	}
	return " --network " + name
}

// comeBack is the hint about a network that can be resumed.
func comeBack(name string) string {
	return fmt.Sprintf("run gossipctl start-network --resume%[1]s to bring it back, or gossipctl stop-network --discard%[1]s to remove it", Naming(name))
}

func alreadyRunning(state *State) *api.Error {
	return api.NewError(api.CodeConflict, fmt.Sprintf("network %q is already running (%s, since %s)", state.Spec.Network, count(len(state.present()), "node"),
		state.Started.Local().Format(time.TimeOnly)), "stop it with gossipctl stop-network, or start another one with --network and --base-port")
}

// isStopped says that a network is stopped and kept.
func isStopped(code api.Code, dir *store.Dir, state *State) *api.Error {
	name := state.Spec.Network
	return api.NewError(code, fmt.Sprintf("network %q is stopped and kept (%s, since %s); its data is in %s", name, count(len(state.present()), "node"),
		state.Stopped.Local().Format(time.DateTime), dir.Path()), comeBack(name))
}

// isBereft says that the controller of a durable network has died, and why that is no loss.
func isBereft(code api.Code, dir *store.Dir, state *State, gone error) *api.Error {
	name := state.Spec.Network
	nodes := count(len(state.present()), "node")
	what := fmt.Sprintf("controller of %q died%s; its %s were stopped; data kept in %s", name, lastSign(dir, state), nodes, dir.Path())
	if errors.Is(gone, proc.ErrRebooted) {
		what = fmt.Sprintf("network %q was running before the last reboot; its %s were stopped; data kept in %s", name, nodes, dir.Path())
	}
	return api.NewError(code, what, comeBack(name))
}

// lastSign is when a controller died, as far as that shows: its nodes note in their logs that it is gone.
func lastSign(dir *store.Dir, state *State) string {
	if state.Spec.LogLevel > slog.LevelInfo {
		return ""
	}
	var last time.Time
	files, err := os.ReadDir(filepath.Join(dir.Path(), logFolder))
	if err != nil {
		return ""
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	if last.IsZero() {
		return ""
	}
	return " at " + last.Local().Format(time.TimeOnly)
}
