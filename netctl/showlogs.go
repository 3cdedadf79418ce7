package netctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// LogOptions say which lines of which logs are shown.
type LogOptions struct {
	Root       string          // of all state folders; empty = store.DefaultRoot()
	Nodes      []gossip.NodeID // whose logs; also those of dead and removed nodes
	Controller bool            // the controller's log. Without it and without Nodes: all logs
	Tail       int             // of what there is, show the last so many lines, all logs taken together; below 0: all
	Since      time.Time       // show nothing that was written before
	Follow     bool            // go on with what is written from now on, until the network ends
	Note       func(string)    // something the person should know
}

const (
	// logBatch bounds how many lines are handed over at once.
	logBatch = 512
	// logPoll is how often logs that are followed are looked at: at once, to a reader. Looking at
	// those of 1,000 nodes takes 5 ms.
	logPoll = 250 * time.Millisecond
	// logLag is how long after its time a line may get into its file, on a busy machine. Newer ones
	// wait for those of other logs that belong before them.
	logLag = 50 * time.Millisecond
	// logRead bounds how many lines are taken of logs that grow, all together, before they are shown:
	// some 10 MB. Each log has the same share of it.
	logRead = 32 << 10
)

// Logs hands over the lines of the logs of a network, those of all nodes merged by time. It needs no
// process to answer: the logs of a network whose controller has died, and those that a failed start
// has kept, can be shown too. When the context ends it returns nil; an error of show ends it.
func Logs(ctx context.Context, name string, opts LogOptions, show func([]LogLine) error) error {
	l, err := openLogs(name, opts)
	if err != nil {
		return err
	}
	defer l.close()
	skip, err := l.begin()
	if err != nil {
		return err
	}
	if err := l.merge(ctx, skip, show); err != nil || !opts.Follow {
		return err
	}
	return l.follow(ctx, show)
}

// logs are those of one network while they are being shown.
type logs struct {
	opts    LogOptions
	root    *os.Root
	state   *State // nil when there is none that can be read
	readers []*logReader
	known   map[logKey]bool // those of readers
	held    []LogLine       // read, but perhaps not the next in time
}

func openLogs(name string, opts LogOptions) (*logs, error) {
	dir, root, err := folderOf(opts.Root, name, notRunning)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	l := &logs{opts: opts, known: make(map[logKey]bool)}
	if state, err := store.ReadState[State](dir, StateVersion); err == nil {
		l.state = &state
	}
	if _, err := os.Lstat(filepath.Join(dir.Path(), logFolder)); err != nil {
		if n, err := openHands(dir); err == nil {
			return nil, logsByHand(fmt.Sprintf("the nodes of network %q were", n.Name()))
		}
		return nil, notRunning(root, name) // a folder, but nothing has run in it
	}
	if l.root, err = dir.Subfolder(logFolder); err != nil {
		return nil, storeError(err)
	}
	return l, nil
}

func (l *logs) close() {
	for _, r := range l.readers {
		r.close()
	}
	l.root.Close()
}

// wanted reports whether a log is to be shown.
func (l *logs) wanted(key logKey) bool {
	switch {
	case len(l.opts.Nodes) == 0 && !l.opts.Controller:
		return true
	case key.node == 0:
		return l.opts.Controller
	}
	return slices.Contains(l.opts.Nodes, key.node)
}

// begin opens what is there now and says how many lines of it, the earliest, are too many.
func (l *logs) begin() (skip int, err error) {
	files, err := listLogs(l.root)
	if err != nil {
		return 0, fmt.Errorf("listing the logs: %w", err)
	}
	for _, id := range l.opts.Nodes {
		_, log := files[logKey{node: id}]
		_, stderr := files[logKey{node: id, stderr: true}]
		if err := l.logsElsewhere(id); err != nil && !log {
			return 0, err
		}
		if log || stderr || l.state != nil && l.state.node(id) != nil {
			continue
		}
		if l.state != nil {
			return 0, l.state.unknownNode(id)
		}
		return 0, api.NewError(api.CodeNotFound, fmt.Sprintf("there is no log of node %d", id), "run gossipctl show-logs without a number to see all there are")
	}
	total := 0
	for key, names := range files {
		if !l.wanted(key) {
			continue
		}
		lines, err := l.add(key, names, l.opts)
		if err != nil {
			return 0, logError(err)
		}
		total += lines
	}
	if l.opts.Tail < 0 {
		return 0, nil
	}
	return max(0, total-l.opts.Tail), nil
}

// add opens a log.
func (l *logs) add(key logKey, files []string, opts LogOptions) (lines int, err error) {
	r, lines, err := newLogReader(l.root, key, files, opts)
	if err == nil {
		l.readers = append(l.readers, r)
		l.known[key] = true
	}
	return lines, err
}

func logError(err error) error {
	e := limitError(err)
	e.Message = "reading the logs: " + e.Message
	e.Hint = "name fewer nodes, or raise the limit"
	return e
}

// merge hands over what is there, but for the first skip lines.
func (l *logs) merge(ctx context.Context, skip int, show func([]LogLine) error) error {
	type head struct {
		LogLine
		from *logReader
	}
	var heads []head // sorted, one for each log with something left
	advance := func(r *logReader) error {
		line, ok, err := r.next(!l.opts.Follow)
		if err != nil || !ok {
			return err
		}
		at, _ := slices.BinarySearchFunc(heads, line, func(h head, line LogLine) int { return compareLines(h.LogLine, line) })
		heads = slices.Insert(heads, at, head{line, r})
		return nil
	}
	for _, r := range l.readers {
		if err := advance(r); err != nil {
			return logError(err)
		}
	}
	var batch []LogLine
	for ; len(heads) > 0; skip-- {
		first := heads[0]
		heads = slices.Delete(heads, 0, 1)
		if skip <= 0 && !first.at.Before(l.opts.Since) {
			batch = append(batch, first.LogLine)
		}
		if err := advance(first.from); err != nil {
			return logError(err)
		}
		if len(batch) < logBatch && len(heads) > 0 {
			continue
		}
		if err := ctx.Err(); err != nil && !l.opts.Follow {
			return err
		}
		if err := show(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// follow hands over what is written from now on, until the context or the network ends.
func (l *logs) follow(ctx context.Context, show func([]LogLine) error) error {
	controller := l.controller()
	if controller != nil {
		defer controller.Close()
	}
	pause := time.NewTicker(logPoll)
	defer pause.Stop()
	for _, r := range l.readers {
		r.grow()
	}
	ended := false
	for {
		last := ended // nodes have their last word after a controller that was killed
		ended = controller == nil || !controller.Alive()
		more, err := l.poll(last, func(lines []LogLine) error {
			if ctx.Err() != nil {
				return nil
			}
			return show(lines)
		})
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return nil
		case more:
			continue
		case last:
			l.opts.Note("the network does not run any more")
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// controller is the process whose end is that of the network; nil when it has ended.
func (l *logs) controller() *proc.Process {
	if l.state == nil {
		return nil
	}
	p, err := proc.Open(l.state.Controller)
	if err != nil {
		return nil
	}
	return p
}

// poll shows what was written since the last time, but for lines that another log may still get
// something before. More says that there is more to be had at once.
func (l *logs) poll(last bool, show func([]LogLine) error) (more bool, err error) {
	now := time.Now()
	if err := l.discover(); err != nil {
		return false, logError(err)
	}
	fresh, more, err := l.collect(last)
	if err != nil {
		return false, logError(err)
	}
	lines := append(l.held, fresh...)
	l.held = nil
	lines = slices.DeleteFunc(lines, func(line LogLine) bool {
		// One from the future is no younger than the others: its clock is wrong.
		age := now.Sub(line.at)
		wait := !last && age <= logLag && age > -time.Second
		if wait {
			l.held = append(l.held, line)
		}
		return wait
	})
	slices.SortStableFunc(lines, compareLines)
	for batch := range slices.Chunk(lines, logBatch) {
		if err := show(batch); err != nil {
			return false, err
		}
	}
	return more, nil
}

// discover opens the logs of nodes that are new, from their beginning.
func (l *logs) discover() error {
	files, err := listLogs(l.root)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // removed with the network
		return err
	}
	for key, names := range files {
		if l.known[key] || !l.wanted(key) {
			continue
		}
		if _, err := l.add(key, names, LogOptions{Tail: -1, Follow: true}); err != nil {
			return err
		}
		l.readers[len(l.readers)-1].grow()
	}
	return nil
}

// collect reads on in every log, each its share.
func (l *logs) collect(last bool) (lines []LogLine, more bool, err error) {
	share := max(16, logRead/max(1, len(l.readers)))
	for _, r := range l.readers {
		lost, err := r.renew(l.root)
		if err != nil {
			return nil, false, err
		}
		if lost {
			l.opts.Note(fmt.Sprintf("%s was written faster than it was shown: lines are missing here", r.key.file()))
		}
		taken := 0
		for ; taken < share; taken++ {
			line, ok, err := r.next(last)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				break
			}
			lines = append(lines, line)
		}
		more = more || taken == share
	}
	return lines, more, nil
}
