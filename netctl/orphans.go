package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
)

// sighting is a process that looks like one of a network: it is ours, runs an executable of our
// name, and was started as a controller or node is.
type sighting struct {
	proc.Found
	network string
	node    gossip.NodeID // 0: the controller
	home    string        // the state folder it belongs to, proven by what it has open; empty when that cannot be told
}

func (s sighting) String() string {
	if s.node == 0 {
		return fmt.Sprintf("controller of %q (pid %d)", s.network, s.Identity.PID)
	}
	return fmt.Sprintf("node %d of %q (pid %d)", s.node, s.network, s.Identity.PID)
}

// parseArgv reads the command line of a controller or node: see launchController and launcher.start.
func parseArgv(argv []string) (network string, node gossip.NodeID, ok bool) {
	switch {
	case len(argv) == 4 && argv[1] == ControllerCommand && argv[2] == "--network":
		return argv[3], 0, store.CheckName(argv[3]) == nil
	case len(argv) == 6 && argv[1] == NodeCommand && argv[2] == "--network" && argv[4] == "--id":
		id, err := strconv.ParseInt(argv[5], 10, 32)
		return argv[3], gossip.NodeID(id), err == nil && id > 0 && store.CheckName(argv[3]) == nil
	}
	return "", 0, false
}

// sightings returns the processes of all our networks, whichever state folder these have.
func sightings() ([]sighting, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	found, err := proc.Find(func(argv []string) bool {
		_, _, ok := parseArgv(argv)
		return ok
	})
	if err != nil {
		return nil, err
	}
	var list []sighting
	for _, f := range found {
		if filepath.Base(f.Exe) != filepath.Base(self) {
			continue
		}
		s := sighting{Found: f}
		s.network, s.node, _ = parseArgv(f.Argv)
		s.home = s.findHome()
		list = append(list, s)
	}
	return list, nil
}

// findHome finds the state folder in what the process has open: a node the file its crash would go
// to, a controller the folder of the logs. Arguments can be the same for networks in two state folders,
// and anybody can write what they like into theirs; this is what makes a process one of ours.
func (s sighting) findHome() string {
	open, _ := proc.OpenFiles(s.Identity)
	logs := filepath.Join("/", s.network, logFolder)
	if s.node > 0 {
		logs = filepath.Join(logs, stderrName(s.node))
	}
	for _, path := range open {
		if home, ok := strings.CutSuffix(path, logs); ok && filepath.IsAbs(home) {
			return home
		}
	}
	return ""
}

// realPath is a path as the kernel tells it: without links, also where its end is missing.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
		return real
	}
	return filepath.Join(realPath(filepath.Dir(path)), filepath.Base(path))
}

// processesOf are those of one network in this state folder.
func (d *doctor) processesOf(network string) ([]sighting, error) {
	list, err := sightings()
	home := realPath(d.Root)
	return slices.DeleteFunc(list, func(s sighting) bool { return s.network != network || s.home != home }), err
}

// orphans are processes of this state folder that belong to no network that runs. Unknown are those
// of which nobody can tell what state folder they are from, foreign how many are from others.
func (d *doctor) orphans() (orphans, unknown []sighting, foreign int, err error) {
	// The processes first and the state files second: one that was started in between does no harm.
	list, err := sightings()
	if err != nil {
		return nil, nil, 0, err
	}
	home := realPath(d.Root)
	claims := make(map[string]func(sighting) bool)
	for _, s := range list {
		switch s.home {
		case home:
			if claims[s.network] == nil {
				claims[s.network] = d.claim(s.network)
			}
			if !claims[s.network](s) {
				orphans = append(orphans, s)
			}
		case "":
			unknown = append(unknown, s)
		default:
			foreign++
		}
	}
	return orphans, unknown, foreign, nil
}

// claim returns a function that tells whether the network of that name, as it is now, accounts for
// a process.
func (d *doctor) claim(network string) func(sighting) bool {
	dir, err := store.Open(d.Root, network, false)
	if err != nil {
		return func(sighting) bool { return !errors.Is(err, os.ErrNotExist) }
	}
	defer dir.Close()
	state, err := store.ReadState[State](dir, StateVersion)
	if err == nil && isAlive(state.Controller) {
		return func(s sighting) bool {
			named := slices.ContainsFunc(state.Nodes, func(n NodeState) bool { return n.Process == s.Identity })
			// A node younger than the controller is being added or removed; an older one is not its child.
			return s.Identity == state.Controller || s.node > 0 && (named || s.Identity.Start >= state.Controller.Start)
		}
	}
	// A network that starts has a lock and no state file yet.
	release, err := dir.Lock()
	if err != nil {
		return func(sighting) bool { return true }
	}
	release()
	return func(sighting) bool { return false }
}

// isAlive reports whether a process has yet to end.
func isAlive(id proc.Identity) bool {
	p, err := proc.Open(id)
	if err != nil {
		return false
	}
	defer p.Close()
	return p.Alive()
}

// checkOrphans looks for processes that belong to no network any more. Nodes take a moment to end
// when their controller is gone, so only those count that are still there after it.
func (d *doctor) checkOrphans(ctx context.Context) {
	deadline := time.NewTimer(stopGrace + time.Second)
	defer deadline.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	orphans, unknown, foreign, err := d.orphans()
	for waiting := true; waiting && err == nil && len(orphans)+len(unknown) > 0; {
		select {
		case <-again.C:
			orphans, unknown, foreign, err = d.orphans()
		case <-deadline.C:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	if err != nil {
		d.add(checkOrphans, FindingWarn, err.Error(), "look for them with ps")
		return
	}
	if len(orphans) > 0 {
		d.endOrphans(ctx, orphans)
	}
	if len(unknown) > 0 {
		d.add(checkOrphans, FindingWarn, fmt.Sprintf("it cannot be told what state folder these belong to: %s", listed(unknown)),
			"if no network of yours has them, end them with kill and their pid")
	}
	if len(orphans)+len(unknown) == 0 {
		detail := "no process is left over"
		if foreign > 0 {
			detail += fmt.Sprintf("; %s of networks in other state folders were left alone", strings.Replace(count(foreign, "process"), "processs", "processes", 1))
		}
		d.add(checkOrphans, FindingOK, detail, "")
	}
}

func listed(list []sighting) string {
	const most = 5
	var names []string
	for _, s := range list[:min(most, len(list))] {
		names = append(names, s.String())
	}
	if len(list) > most {
		names = append(names, fmt.Sprintf("%d more", len(list)-most))
	}
	return strings.Join(names, ", ")
}

// endOrphans reports processes that belong to no network and, when fixing, ends them.
func (d *doctor) endOrphans(ctx context.Context, orphans []sighting) {
	detail := "left over without a network: " + listed(orphans)
	if !d.Fix {
		d.add(checkOrphans, FindingFail, detail, fixHint+" to end them")
		return
	}
	if err := endProcesses(ctx, orphans); err != nil {
		d.add(checkOrphans, FindingFail, fmt.Sprintf("%s; they could not be ended: %v", detail, err), "end them with kill -9 and their pid")
		return
	}
	d.fixed(checkOrphans, detail+"; they were ended")
}
