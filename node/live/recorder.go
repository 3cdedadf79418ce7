package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"sync"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/trace"
)

// maxRecord bounds what is written down about one node over all its lives: about a million and a half
// events, and 64 nodes that run full fit the disk of most machines.
const maxRecord = 256 << 20

// cutRoom is kept free behind the bound, for the event that says that it was reached.
const cutRoom = 1 << 10

// recorder writes down what happens at a node, with one write a step, before anybody can notice it: what
// others have of a node that was killed stands in its log. What cannot be written is counted, and never
// stops the node; the log then says that it was cut, as soon as it can, and says nothing any more.
// A nil recorder writes nothing.
type recorder struct {
	node gossip.NodeID
	run  uint32
	log  *slog.Logger

	mu     sync.Mutex
	file   recordFile
	size   int64
	lines  uint64 // in the log, those of earlier lives too
	limit  int64
	buf    []byte
	events uint64
	lost   uint64 // events that could not be written
	why    string // the first of them could not; empty: none was lost
	cut    bool   // the log says so
	closed bool
}

// recordFile is what a recorder needs of its file.
type recordFile interface {
	io.Writer
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openRecorder opens the log of a node, or makes it. What an earlier life wrote stays, but for a line
// that it had no time to finish: nobody has seen what that was about.
func openRecorder(path string, node gossip.NodeID, run uint32, log *slog.Logger) (*recorder, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the event log: %w", err)
	}
	size, err := whole(f)
	if err == nil {
		err = f.Truncate(size)
	}
	var lines uint64
	if err == nil {
		lines, err = trace.CountLog(io.NewSectionReader(f, 0, size))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the event log: %w", err)
	}
	return &recorder{node: node, run: run, log: log, file: f, size: size, lines: lines, limit: maxRecord}, nil
}

// whole is the size of a log up to the end of its last whole line.
func whole(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	from := max(size-2*trace.MaxLine, 0)
	tail := make([]byte, size-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n')
	if end < 0 && from > 0 {
		return size, nil // no log; whoever reads it will say so
	}
	return from + int64(end) + 1, nil
}

// step writes down events. They are only lent.
func (r *recorder) step(events []trace.Event) {
	if r == nil || len(events) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(events)
}

// append is step while the lock is held.
func (r *recorder) append(events []trace.Event) {
	if r.closed || len(events) == 0 {
		return
	}
	r.events += uint64(len(events))
	if r.why != "" {
		r.lost += uint64(len(events))
		r.admit()
		return
	}
	r.buf = r.buf[:0]
	for i := range events {
		e := events[i]
		e.Node, e.Run = r.node, r.run
		if e.Kind == trace.End { // whoever reads the log can tell whether all lines are there
			counts := map[string]uint64{trace.CountLines: r.lines + uint64(i)}
			maps.Copy(counts, e.Counts)
			e.Counts = counts
		}
		r.buf = append(trace.AppendJSON(r.buf, &e), '\n')
	}
	if r.size+int64(len(r.buf)) > r.limit-cutRoom {
		r.lose(len(events), fmt.Sprintf("the log has reached its bound of %d MB", r.limit>>20))
		return
	}
	if err := r.write(); err != nil {
		r.lose(len(events), err.Error())
		return
	}
	r.lines += uint64(len(events))
}

// write appends the buffer, or leaves the log as it was.
func (r *recorder) write() error {
	n, err := r.file.Write(r.buf)
	if err == nil {
		r.size += int64(n)
		return nil
	}
	// Half a line would damage all that follows. If even that fails, the log ends here.
	return errors.Join(err, r.file.Truncate(r.size))
}

// lose notes that events could not be written. Nothing can be concluded from a log with a gap, so none
// are written any more.
func (r *recorder) lose(events int, why string) {
	r.lost += uint64(events)
	r.why = why
	r.log.Warn("events are not written down any more", "because", why)
	r.admit()
}

// admit writes into the log that it is cut, as soon as that is possible.
func (r *recorder) admit() {
	if r.cut {
		return
	}
	e := trace.Event{At: time.Now(), Node: r.node, Run: r.run, Kind: trace.Cut, Reason: fmt.Sprintf("%.200s", r.why)}
	r.buf = append(trace.AppendJSON(r.buf[:0], &e), '\n')
	r.cut = r.size+int64(len(r.buf)) > r.limit || r.write() == nil
}

// note writes down a single event.
func (r *recorder) note(e trace.Event) {
	if r != nil {
		e.At = time.Now()
		r.step([]trace.Event{e})
	}
}

// accepted writes down that whoever gave the node these messages is about to be told that it has them.
func (r *recorder) accepted(ids []gossip.ID, relays int) {
	if r == nil || len(ids) == 0 {
		return
	}
	now := time.Now()
	events := make([]trace.Event, len(ids))
	for i, id := range ids {
		events[i] = trace.Event{At: now, Kind: trace.Accept, Message: id, Count: uint64(relays)}
	}
	r.step(events)
}

// tally says how the log stands.
func (r *recorder) tally(out *api.FinalAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Events, out.Lost, out.Why, out.Bytes, out.Lines = r.events, r.lost, r.why, r.size, r.lines
}

func (r *recorder) sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	return r.file.Sync()
}

// close ends the log; a life that ended as it was told to says so first.
func (r *recorder) close(stopped bool) {
	if r == nil {
		return
	}
	if stopped {
		r.note(trace.Event{Kind: trace.Stop})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil {
		r.log.Warn("closing the event log", "error", err)
	}
}

// beginRecord opens the node's event log, if it is to have one, and writes down that a life begins.
func (s *server) beginRecord() error {
	if s.cfg.EventFile == "" {
		return nil
	}
	r, err := openRecorder(s.cfg.EventFile, s.cfg.ID, s.cfg.Run, s.log)
	if err != nil {
		return fmt.Errorf("recording node %d: %w", s.cfg.ID, err)
	}
	r.note(trace.Event{Kind: trace.Start, Count: uint64(s.restored)})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = r
	return nil
}
