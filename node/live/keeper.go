package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"gossipctl/gossip"
	"gossipctl/journal"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/trace"
)

// keeper keeps a node's inbox in a file, beyond the life of the process. The node knows nothing of it:
//
//   - Before a message is taken in, the node asks whether it can be kept. The keeper takes space for it
//     in the file then; where there is none the message is refused, and counted.
//   - After each step, before anything of it can be noticed elsewhere, what the step has put in the
//     inbox is written: kill -9 then loses nothing that anybody has seen.
//   - Whoever publishes is answered when the file is on disk up to there. That wait is outside the
//     agent's lock, and one sync serves all who wait.
//
// What is marked as read is written too, but nobody waits for it: a power cut can make messages unread
// again.
//
// That is a durable node. Any other only reads the file at birth, and makes it anew when it is told to
// save; from then on the file follows the inbox as well as it can.
type keeper struct {
	path    string
	self    gossip.NodeID
	durable bool
	log     *slog.Logger

	// Touched with the agent's lock held.
	journal *journal.Journal // nil: the inbox is not kept
	claimed int              // bytes of space taken in this step
	buf     []byte
	entries int    // in the file
	crowded int    // so many entries make it worth while to write the file anew
	told    bool   // the log knows that the disk is full
	synced  uint64 // number of the last entry that is known to be on disk
	err     error  // why nothing can be kept any more; a durable node ends

	compact chan struct{} // a token when the file is crowded
	failed  chan error    // err, once
}

// dropDisk is why a durable node drops what it has no room for on its disk.
const dropDisk = "disk_full"

func newKeeper(cfg *Config, log *slog.Logger) *keeper {
	return &keeper{
		path: cfg.DataFile, self: cfg.ID, durable: cfg.Durable, log: log,
		compact: make(chan struct{}, 1), failed: make(chan error, 1),
	}
}

// restore reads the file and hands what is in it to a node that has just been made. A durable node
// appends to it from then on. It returns the number of the last entry of the earlier life.
func (k *keeper) restore(n *node.Node, run uint32) (last uint64, err error) {
	old := kept{self: k.self, run: run}
	var found journal.Recovered
	if k.durable {
		k.journal, found, err = journal.Open(k.path, old.add)
	} else {
		found, err = journal.ReadFile(k.path, old.add)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("the inbox of node %d cannot be restored: %w", k.self, err)
	}
	if k.durable && !old.owned {
		if err := k.journal.Append(appendOwner(nil, k.self)); err != nil {
			return 0, errors.Join(fmt.Errorf("the inbox of node %d cannot be kept: %w", k.self, err), k.journal.Close())
		}
	}
	n.RestoreGone(old.gone, old.names)
	n.Restore(time.Now(), old.saved)
	k.entries = len(old.saved) + len(old.own.entries)
	k.restoreMap(n, run, old.own)
	messages, _, last := n.Size()
	k.synced = last
	if found.Damaged {
		k.log.Warn("the inbox file was damaged, and messages behind the damage are lost", "cut_bytes", found.Cut, "kept_as", filepath.Base(found.Kept))
	}
	if found.Records > 0 || found.Cut > 0 {
		k.log.Info("inbox restored", "messages", messages, "cut_bytes", found.Cut)
	}
	return last, nil
}

// restoreMap gives a node its own map of values back. In a durable node its life goes on: every version was on disk
// before anybody heard of it. Any other may have lost the last ones, which others have; so it begins a new life with what
// there is, because a version must never be made twice.
func (k *keeper) restoreMap(n *node.Node, run uint32, own ownMap) {
	v := n.Values()
	if v == nil || own.version == 0 {
		return
	}
	entries := newest(own.entries)
	if !k.durable {
		own.run, own.version = run, uint32(len(entries))
		for i := range entries {
			entries[i].Version = uint32(i + 1)
		}
	}
	v.Restore(own.run, own.version, entries)
}

// keepValues writes down what a step has changed in the own map. A durable node waits until it is on disk, before
// anybody hears of it; with that the agent stands still for as long as a sync takes.
func (k *keeper) keepValues(n *node.Node, applied []gossip.Applied) error {
	changed := false
	for i := range applied {
		a := &applied[i]
		if a.ID.Origin != k.self || a.Vanished {
			continue
		}
		_, version, _ := a.ID.Update()
		e, there := n.Values().OwnEntry(version)
		if !there {
			continue // replaced in the same step
		}
		k.buf = appendValue(k.buf[:0], &e)
		if err := k.journal.Append(k.buf); err != nil {
			return err
		}
		k.entries++
		changed = true
	}
	if changed && k.durable {
		return k.journal.Sync()
	}
	return nil
}

// claim is the node's Config.Keep: it takes space for one more message.
func (k *keeper) claim(body, route int) (refusal string) {
	claimed := k.claimed + entrySize(body, route) + journal.Overhead
	if k.err != nil {
		return dropDisk
	}
	if err := k.journal.Reserve(claimed); err != nil {
		if !errors.Is(err, journal.ErrFull) {
			k.fail(err)
		} else if !k.told {
			k.told = true
			k.log.Warn("messages are refused: the disk is full", "error", err)
		}
		return dropDisk
	}
	if k.told {
		k.told = false
		k.log.Info("the disk has room again")
	}
	k.claimed = claimed
	return ""
}

// commit writes down what a step has changed in the inbox. On error nothing of the step must be noticed
// by anybody: it did not happen, and the node is about to end.
func (k *keeper) commit(n *node.Node, fx *node.Effects) error {
	marked := n.Marked()
	k.claimed = 0
	if k.journal == nil || k.err != nil {
		return k.err
	}
	for _, id := range fx.Filed {
		if saved, there := n.Saved(id); there {
			k.buf = appendEntry(k.buf[:0], &saved)
			k.entries++
		} else { // it came and made room in one step: only that it was there is kept
			k.buf = appendGone(k.buf[:0], 0, []node.Seen{{First: id, Last: id.Seq}})
		}
		if err := k.journal.Append(k.buf); err != nil {
			// There was room when the node asked. Either the file system did not keep its word, or a
			// protocol has held the message back since.
			return k.fail(err)
		}
	}
	for len(marked) > 0 {
		part := min(len(marked), listed)
		k.buf = appendRead(k.buf[:0], marked[:part])
		marked = marked[part:]
		if err := k.journal.Append(k.buf); errors.Is(err, journal.ErrFull) {
			k.log.Warn("what was read is not kept: the disk is full", "messages", part)
		} else if err != nil {
			return k.fail(err)
		}
	}
	if err := k.keepValues(n, fx.Applied); err != nil {
		return k.fail(err)
	}
	inbox, _, _ := n.Size()
	if k.entries > max(2*(inbox+ownKeys(n)), k.crowded) && k.journal.Size() > smallFile {
		select {
		case k.compact <- struct{}{}:
		default:
		}
	}
	return nil
}

// ownKeys is how many entries the own map has at most.
func ownKeys(n *node.Node) int {
	if v := n.Values(); v != nil {
		return v.OwnKeys()
	}
	return 0
}

// smallFile is a file that is not worth writing anew, however little of it is still in the inbox.
const smallFile = 4 << 20

// fail notes why nothing can be kept any more. A durable node ends then: it must not go on as if it were
// one. Any other gives up its file, which it could never rely on.
func (k *keeper) fail(err error) error {
	if k.err != nil {
		return k.err
	}
	if !k.durable {
		k.log.Warn("the inbox is kept no longer", "error", err)
		k.journal.Close() // says the same again
		k.journal = nil
		return nil
	}
	k.err = fmt.Errorf("the inbox of node %d cannot be kept: %w", k.self, err)
	k.failed <- k.err
	return k.err
}

// Sync implements api.Backend: it returns when all that the node has taken in is kept as safely as this
// node keeps anything. Until then whoever gave it a message must not be told that it is accepted.
func (s *server) Sync(context.Context) error {
	if s.keeper == nil || !s.keeper.durable {
		return nil
	}
	s.mu.Lock()
	j, err := s.keeper.journal, s.keeper.err
	_, _, last := s.node.Size()
	s.mu.Unlock()
	if err == nil {
		err = j.Sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.keeper.fail(err)
	}
	if last > s.keeper.synced {
		s.keeper.synced = last
		s.synced(last)
	}
	return nil
}

// synced is told, with the lock held, that the first entries of the inbox are on disk for sure, when these
// have become more and before anybody is told so.
func (s *server) synced(entries uint64) { s.record.note(trace.Event{Kind: trace.Sync, Count: entries}) }

// Save implements api.Backend: it writes the whole inbox to the node's file, through to the disk, and
// returns how many messages that were. A durable node has them there already.
func (s *server) Save(ctx context.Context) (messages int, err error) {
	k := s.keeper
	if k == nil {
		return 0, api.NewError(api.CodeUsage, fmt.Sprintf("node %d has no file to save to", s.cfg.ID), "")
	}
	if k.durable {
		if err := s.Sync(ctx); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	messages, _, _ = s.node.Size()
	if k.durable {
		return messages, nil
	}
	// The node stands still meanwhile, so that nothing comes between the file and what follows it.
	saved, gone, names := s.node.Snapshot()
	if k.journal != nil { // saved before: give the file up, and take it again
		k.journal.Close()
	}
	own := ownMapOf(s.node)
	k.journal, err = journal.Create(k.path, records(k.self, saved, gone, names, own))
	if err != nil {
		k.journal = nil
		return 0, fmt.Errorf("saving the inbox of node %d: %w", s.cfg.ID, err)
	}
	k.entries = len(saved) + len(own.entries)
	return messages, nil
}

// compacting writes the file anew whenever most of what is in it has left the inbox, until ctx ends.
// Without it the file of an inbox that drops its oldest would grow for ever.
func (s *server) compacting(ctx context.Context) {
	k := s.keeper
	for {
		select {
		case <-k.compact:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		saved, gone, names := s.node.Snapshot()
		own := ownMapOf(s.node)
		j, before := k.journal, k.entries
		var mark journal.Mark
		if j != nil {
			mark = j.Mark()
		}
		s.mu.Unlock()
		if j == nil {
			continue
		}
		err := j.Replace(mark, records(k.self, saved, gone, names, own))
		s.mu.Lock()
		if err == nil {
			k.entries += len(saved) + len(own.entries) - before
			k.crowded = 0
			k.log.Info("inbox file compacted", "messages", len(saved), "bytes", j.Size())
		} else { // no room for two of them, most likely: try again when it has become worse
			k.crowded = k.entries + k.entries/4
			k.log.Warn("the inbox file could not be compacted", "error", err)
		}
		s.mu.Unlock()
	}
}

// letGo brings everything to disk and lets the file go.
func (s *server) letGo() error {
	s.mu.Lock()
	j := s.keeper.journal
	s.mu.Unlock()
	if j == nil {
		return nil
	}
	return j.Close()
}
