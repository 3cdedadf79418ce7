package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gossipctl/gossip"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// This file is about a network whose state file is missing or damaged while its inboxes are there. They are
// messages that were accepted: only the person may say that they are to go.

// dataPath is the folder of the inboxes that outlast their nodes.
func dataPath(dir *store.Dir) string { return filepath.Join(dir.Path(), dataFolder) }

// startingName is a file in the folder of a network that is being started for the first time. While it is there
// nobody has been told of the network, so whatever a start that was cut short has left holds no message.
const startingName = "starting"

// beginStart notes that a first start has begun.
func beginStart(dir *store.Dir) error { return dir.WriteAtomic(startingName, nil, 0o600) }

// endStart notes that the network is about to exist.
func endStart(dir *store.Dir) error {
	if err := os.Remove(filepath.Join(dir.Path(), startingName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &store.AccessError{Verb: "remove", Path: filepath.Join(dir.Path(), startingName), Err: err}
	}
	return nil
}

// inboxFiles are the inboxes in the folder of a network that may hold messages.
func inboxFiles(dir *store.Dir) (names []string) {
	if _, err := os.Lstat(filepath.Join(dir.Path(), startingName)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dataPath(dir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if info, err := e.Info(); strings.HasPrefix(e.Name(), "node-") && (err != nil || info.Size() > 0) {
			names = append(names, e.Name())
		}
	}
	return names
}

// lacksState is the error about inboxes without a state file that says whose they are; why is what is wrong
// with it, and nil when there is none. It is nil when there are no inboxes.
func lacksState(code api.Code, dir *store.Dir, why error) error {
	inboxes := len(inboxFiles(dir))
	if inboxes == 0 {
		return nil
	}
	what := fmt.Sprintf("the state file of network %q is missing", dir.Name())
	if why != nil {
		what, _, _ = strings.Cut(why.Error(), "; run gossipctl doctor")
	}
	many := fmt.Sprintf("%d inboxes are", inboxes)
	if inboxes == 1 {
		many = "1 inbox is"
	}
	return api.NewError(code, fmt.Sprintf("%s, and %s in %s", what, many, dataPath(dir)),
		fmt.Sprintf("put a good state.json back, or move that folder elsewhere; gossipctl stop-network --discard%s removes it with everything in it", Naming(dir.Name())))
}

// endStateless ends what still runs of a network whose state cannot be read, as far as it is proven to be
// of this very folder.
func endStateless(ctx context.Context, dir *store.Dir) error {
	d := &doctor{}
	d.Root = filepath.Dir(dir.Path())
	list, unproven, err := d.proven(dir.Name(), nil)
	if err != nil {
		return fmt.Errorf("looking for processes of network %q: %w", dir.Name(), err)
	}
	if len(unproven) > 0 {
		return api.NewError(api.CodeFailed, "it cannot be told what state folder these belong to: "+listed(unproven), "end them with kill and their pid if they are yours")
	}
	return endProcesses(ctx, list)
}

// damagedInboxes are the files in which nodes have kept what was damaged in their inboxes, with the numbers
// of the nodes.
func damagedInboxes(dir *store.Dir) map[string]gossip.NodeID {
	found := make(map[string]gossip.NodeID)
	names, _ := filepath.Glob(filepath.Join(dataPath(dir), "node-*.inbox.bad*")) // the pattern is well-formed
	for _, name := range names {
		var id gossip.NodeID
		if _, err := fmt.Sscanf(filepath.Base(name), "node-%d.inbox.bad", &id); err == nil {
			found[name] = id
		}
	}
	return found
}

// newlyDamaged are the nodes of which there are such files that were not there before.
func newlyDamaged(dir *store.Dir, before map[string]gossip.NodeID) []gossip.NodeID {
	ids := []gossip.NodeID{}
	for name, id := range damagedInboxes(dir) {
		if _, known := before[name]; !known {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// missingInboxes are those of ids whose files are not there or empty. A durable node makes its own when it
// is born, so somebody has removed them.
func missingInboxes(dir *store.Dir, ids []gossip.NodeID) []gossip.NodeID {
	missing := []gossip.NodeID{}
	for _, id := range ids {
		if info, err := os.Lstat(filepath.Join(dataPath(dir), dataName(id))); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// inboxLoss says what nodes have not found again of their inboxes on disk; empty when nothing is lost.
func inboxLoss(dir *store.Dir, missing, damaged []gossip.NodeID) (said []string) {
	if len(missing) > 0 {
		said = append(said, fmt.Sprintf("the inbox file of %s was missing or empty; what was in it is lost, unless a peer has it", ranges(missing)))
	}
	if len(damaged) > 0 {
		said = append(said, fmt.Sprintf("the inbox file of %s was damaged; the messages behind the damage are lost, unless a peer has them; what was cut off is kept as %s",
			ranges(damaged), filepath.Join(dataPath(dir), "node-*.inbox.bad")))
	}
	return said
}
