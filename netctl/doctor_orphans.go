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
	"sync"
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

// findHome finds the state folder in what the process has open: the logs its crash would go to, which it
// was born with. Arguments can be the same for networks in two state folders, and anybody can write what
// they like into theirs; this is what makes a process one of ours. Which of the logs does not matter: a
// controller that was seen just before it became a node already has the node's.
func (s sighting) findHome() string {
	open, _ := proc.OpenFiles(s.Identity)
	logs := filepath.Join("/", s.network, logFolder)
	for _, path := range open {
		folder, file := filepath.Split(path)
		if home, ok := strings.CutSuffix(filepath.Clean(folder), logs); ok && filepath.IsAbs(home) {
			if _, ok := parseLogName(file); ok {
				return home
			}
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

// proven splits the processes of one network in two: those that are proven to be of this state
// folder, by what they have open or by a state that names them, and those that may be.
func (d *doctor) proven(network string, state *State) (proven, unproven []sighting, err error) {
	list, err := sightings()
	home := realPath(d.Root)
	for _, s := range list {
		switch {
		case s.network != network:
		case s.home == home, s.home == "" && state.names(s.Identity):
			proven = append(proven, s)
		case s.home == "":
			unproven = append(unproven, s)
		}
	}
	return proven, unproven, err
}

// names reports whether a process is in the state. Nil names none.
func (s *State) names(id proc.Identity) bool {
	return s != nil && (s.Controller == id || slices.ContainsFunc(s.Nodes, func(n NodeState) bool { return n.Process == id }))
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
	claims := make(map[string]*claimant)
	for _, s := range list {
		c := claims[s.network]
		if c == nil {
			c = d.claimant(s.network)
			claims[s.network] = c
		}
		switch {
		case c.live.names(s.Identity):
		case s.home == "":
			unknown = append(unknown, s)
		case s.home != home:
			foreign++
		case !c.accounts(s):
			orphans = append(orphans, s)
		}
	}
	return orphans, unknown, foreign, nil
}

// claimant is a network as far as it can account for processes.
type claimant struct {
	live   *State      // its state, when its controller lives
	opaque bool        // there is a state file that tells nothing: that is another finding
	busy   func() bool // whether another command has the lock
}

func (d *doctor) claimant(network string) *claimant {
	c := &claimant{busy: sync.OnceValue(func() bool { return d.isLocked(network) })}
	dir, err := store.Open(d.Root, network, false)
	if err != nil {
		c.opaque = !errors.Is(err, os.ErrNotExist)
		return c
	}
	defer dir.Close()
	state, err := store.ReadState[State](dir, StateVersion)
	if err == nil && isAlive(state.Controller) {
		c.live = &state
	}
	c.opaque = err != nil && !errors.Is(err, os.ErrNotExist)
	return c
}

// isLocked reports whether another command is changing a network. It looks by locking it for a
// moment, so it is asked only where it matters.
func (d *doctor) isLocked(network string) bool {
	dir, err := store.Open(d.Root, network, false)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	defer dir.Close()
	release, err := dir.Lock()
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	release()
	return false
}

// accounts reports whether a process of the network in this state folder is no orphan.
func (c *claimant) accounts(s sighting) bool {
	switch {
	case c.opaque:
		return true
	case c.live != nil:
		// A node younger than the controller is being added or removed; an older one is not its child.
		return c.live.names(s.Identity) || s.node > 0 && s.Identity.Start >= c.live.Controller.Start
	}
	return c.busy() // a network that is being started has a lock and no state file yet
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
// when their controller is gone, and one that is just being started shows nothing yet: only those
// count that are no better after that moment.
func (d *doctor) checkOrphans(ctx context.Context) {
	deadline := time.NewTimer(stopGrace + time.Second)
	defer deadline.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	orphans, unknown, foreign, err := d.orphans()
	for waiting := true; waiting && err == nil && len(orphans)+len(unknown) > 0; {
		select {
		case <-again.C:
			var stillOrphans, stillUnknown []sighting
			stillOrphans, stillUnknown, foreign, err = d.orphans()
			orphans, unknown = both(orphans, stillOrphans), both(unknown, stillUnknown)
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
			detail += fmt.Sprintf(" (%d of networks in other state folders were left alone)", foreign)
		}
		d.add(checkOrphans, FindingOK, detail, "")
	}
}

// both are the sightings of the processes in two lists.
func both(before, now []sighting) []sighting {
	return slices.DeleteFunc(now, func(s sighting) bool {
		return !slices.ContainsFunc(before, func(b sighting) bool { return b.Identity == s.Identity })
	})
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

// endProcesses ends processes that are proven to be of a network in this state folder, controllers
// first, because their nodes end with them.
func endProcesses(ctx context.Context, list []sighting) error {
	for _, controllers := range []bool{true, false} {
		var ids []proc.Identity
		for _, s := range list {
			if (s.node == 0) == controllers {
				ids = append(ids, s.Identity)
			}
		}
		if err := endAll(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}
