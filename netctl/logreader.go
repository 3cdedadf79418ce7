package netctl

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"
)

const (
	// maxLogLine is a hundred times the longest line a node writes. What a crash writes may be longer.
	maxLogLine = 16 << 10
	// logChunk is how much is read at once: a hundred lines or so.
	logChunk = 16 << 10
	// growing is the end of a log that is being written to.
	growing = math.MaxInt64
)

// logReader reads one log, across the files it was rotated into. It never goes back.
type logReader struct {
	key   logKey
	parts []logPart // still to be read, the oldest first
	buf   []byte    // read, and not yet a whole line
	long  bool      // what comes next is the rest of a line that was too long
	last  time.Time // of the line before
}

// logPart is a stretch of an open file.
type logPart struct {
	f        *os.File
	off, end int64
}

// newLogReader opens the files of a log so that the last lines asked for are read, or all. It also
// says how many these are, at most opts.Tail. Of a log that will be followed, a line that is only
// begun is left for later.
func newLogReader(logs *os.Root, key logKey, files []string, opts LogOptions) (r *logReader, lines int, err error) {
	r = &logReader{key: key}
	for i := len(files) - 1; i >= 0 && (opts.Tail < 0 || lines < opts.Tail || len(r.parts) == 0); i-- {
		f, info, err := openLog(logs, files[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue // rotated away just now
		}
		if err != nil {
			r.close()
			return nil, 0, err
		}
		if len(r.parts) > 0 && info.ModTime().Before(opts.Since) || key.stderr && info.Size() == 0 {
			f.Close()
			break
		}
		r.parts = slices.Insert(r.parts, 0, logPart{f: f, end: info.Size()})
		found, err := r.parts[0].trim(opts.Tail-lines, opts.Tail < 0, opts.Follow && len(r.parts) == 1)
		if err != nil {
			r.close()
			return nil, 0, err
		}
		if key.stderr {
			r.last = info.ModTime() // a crash writes all at once, and no time
		}
		lines += found
	}
	return r, lines, nil
}

// trim narrows a part to its last n lines, or all, and says how many lines it has narrowed it to.
func (p *logPart) trim(n int, all, whole bool) (found int, err error) {
	if whole {
		if p.end, err = wholeLines(p.f, p.end); err != nil {
			return 0, err
		}
	}
	if !all {
		p.off, found, err = findTail(p.f, p.end, n)
	}
	return found, err
}

func (r *logReader) close() {
	for _, p := range r.parts {
		p.f.Close()
	}
	r.parts = nil
}

// findTail finds where the last n lines of the first size bytes begin, and how many there are.
func findTail(f io.ReaderAt, size int64, n int) (start int64, found int, err error) {
	if size == 0 || n == 0 {
		return size, 0, nil
	}
	chunk := make([]byte, logChunk)
	for end := size - 1; end > 0; { // the newline of the last line ends it and begins none
		begin := max(0, end-logChunk)
		if _, err := f.ReadAt(chunk[:end-begin], begin); err != nil && err != io.EOF {
			return 0, 0, err
		}
		for at := bytes.LastIndexByte(chunk[:end-begin], '\n'); at >= 0; at = bytes.LastIndexByte(chunk[:at], '\n') {
			if found++; found == n {
				return begin + int64(at) + 1, found, nil
			}
		}
		end = begin
	}
	return 0, found + 1, nil
}

// wholeLines is where the last whole line of the first size bytes ends. A begun line that is longer
// than any is taken for a whole one.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	begin := max(0, size-maxLogLine)
	chunk := make([]byte, size-begin)
	if _, err := f.ReadAt(chunk, begin); err != nil && err != io.EOF {
		return 0, err
	}
	if at := bytes.LastIndexByte(chunk, '\n'); at >= 0 || begin == 0 {
		return begin + int64(at) + 1, nil
	}
	return size, nil
}

// next returns the next whole line. With flush, what is left at the end counts as one. ok is false
// when there is none, which may change while the log grows.
func (r *logReader) next(flush bool) (line LogLine, ok bool, err error) {
	for {
		at := bytes.IndexByte(r.buf, '\n')
		cut := at < 0 && len(r.buf) >= maxLogLine
		switch {
		case at >= 0 && r.long:
			r.long, r.buf = false, r.buf[at+1:]
			continue
		case at >= 0:
			line = r.line(r.buf[:at])
			r.buf = r.buf[at+1:]
			return line, true, nil
		case cut && r.long:
			r.buf = nil
		case cut:
			line = r.line(r.buf)
			r.buf, r.long = nil, true
			return line, true, nil
		}
		more, err := r.fill()
		if err != nil {
			return line, false, err
		}
		if more {
			continue
		}
		last := len(r.parts) <= 1
		if len(r.buf) > 0 && !r.long && (flush || !last) {
			line = r.line(r.buf)
			r.buf = nil
			return line, true, nil
		}
		if last {
			return line, false, nil
		}
		r.buf, r.long = nil, false
		r.parts[0].f.Close()
		r.parts = r.parts[1:]
	}
}

// fill reads on in the first part. More is false at its end.
func (r *logReader) fill() (more bool, err error) {
	if len(r.parts) == 0 {
		return false, nil
	}
	p := &r.parts[0]
	room := min(logChunk, p.end-p.off)
	if room <= 0 {
		return false, nil
	}
	chunk := make([]byte, room)
	n, err := p.f.ReadAt(chunk, p.off)
	if err != nil && err != io.EOF {
		return false, err
	}
	p.off += int64(n)
	r.buf = append(r.buf, chunk[:n]...)
	return n > 0, nil
}

func (r *logReader) line(text []byte) LogLine {
	line := parseLogLine(r.key, string(text[:min(len(text), maxLogLine)]))
	if line.Time.IsZero() {
		line.Time = r.last
	}
	// A clock that was set back must not make a log read backwards.
	line.at = line.Time
	if line.at.Before(r.last) {
		line.at = r.last
	}
	r.last = line.at
	return line
}

// grow makes the reader go on when its last file does.
func (r *logReader) grow() {
	if len(r.parts) > 0 {
		r.parts[len(r.parts)-1].end = growing
	}
}

// renew adds the files that were begun since the one the reader has last. Whoever rotates a log is
// done with a file before it begins the next, so the former is read to its end. Lost says that files
// have gone that were never read.
func (r *logReader) renew(logs *os.Root) (lost bool, err error) {
	current, err := logs.Lstat(r.key.file())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between two files, or removed with the network
	}
	if err != nil || r.key.stderr && current.Size() == 0 {
		return false, err
	}
	if r.key.stderr {
		r.last = current.ModTime()
	}
	var held fs.FileInfo
	if len(r.parts) > 0 {
		if held, err = r.parts[len(r.parts)-1].f.Stat(); err != nil {
			return false, err
		}
		if os.SameFile(current, held) {
			return false, nil
		}
	}
	files, err := listLogs(logs)
	if err != nil {
		return false, err
	}
	known := -1
	for i, name := range files[r.key] {
		if info, err := logs.Lstat(name); err == nil && held != nil && os.SameFile(info, held) {
			known = i
		}
	}
	for _, name := range files[r.key][known+1:] {
		f, _, err := openLog(logs, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		r.parts = append(r.parts, logPart{f: f, end: growing})
	}
	return held != nil && known < 0, nil
}
