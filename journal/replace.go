package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// Mark is a place in a journal: behind the records there were when it was asked for.
type Mark struct {
	end  int64
	turn int
}

// Mark returns the place behind the last record.
func (j *Journal) Mark() Mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Mark{j.end, j.turn}
}

// Create makes the journal of a file anew, with records, which may be one and the same slice filled again
// and again. Whatever the file was before is replaced when all of it is on disk, or not at all.
func Create(path string, records iter.Seq[[]byte]) (*Journal, error) {
	j, err := write(path, records)
	if err == nil {
		if _, err = j.settle(); err != nil {
			j.discard()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("writing journal %s: %w", path, full(plain(err)))
	}
	return j, nil
}

// Replace puts other records in the place of those before a mark. What was appended since stays behind
// them. They are written beside the file while it goes on taking records; only for its last moments is
// nothing appended. On error the journal is as it was, and goes on.
func (j *Journal) Replace(since Mark, records iter.Seq[[]byte]) error {
	next, err := write(j.path, records)
	if err != nil {
		return fmt.Errorf("compacting journal %s: %w", j.path, full(plain(err)))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.syncing { // whoever waits for it is told of what is in the old file
		j.done.Wait()
	}
	err = j.broken
	if err == nil && since.turn != j.turn {
		err = errors.New("it was replaced meanwhile")
	}
	if err == nil {
		err = next.copyFrom(j.f, since.end, j.end)
	}
	if err == nil { // space that was promised stays promised
		err = next.fill(next.end + j.reserved - j.end)
	}
	settled := false
	if err == nil {
		settled, err = next.settle()
	}
	if !settled {
		next.discard()
		return fmt.Errorf("compacting journal %s: %w", j.path, full(plain(err)))
	}
	j.f.Close() // what is in it is in the other
	j.f, j.end, j.reserved = next.f, next.end, next.reserved
	j.turn++
	if err != nil {
		return j.fail(err)
	}
	j.synced = j.appended
	j.done.Broadcast()
	return nil
}

// full gives an error that means a lack of space the name of it.
func full(err error) error {
	if isFull(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// beside is the name under which a journal is written that is to replace another. There is one such name
// for each, so that a crash leaves no more than one behind, which the next goes over.
func beside(path string) string { return path + ".new" }

// write makes a journal beside a file. It is not on disk yet.
func write(path string, records iter.Seq[[]byte]) (*Journal, error) {
	os.Remove(beside(path)) // of an earlier try; when that fails the next line says why
	f, err := openFile(beside(path), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	j := newJournal(f, path, headerSize)
	w := bufio.NewWriterSize(f, chunk)
	_, err = w.Write(header())
	for record := range records {
		if err == nil && (len(record) == 0 || len(record) > MaxRecord) {
			err = fmt.Errorf("%w: %d bytes", ErrTooLarge, len(record))
		}
		if j.end += int64(len(record) + Overhead); err == nil && j.end > MaxSize {
			err = ErrFull
		}
		if err != nil {
			break
		}
		j.buf = appendRecord(j.buf[:0], record)
		_, err = w.Write(j.buf)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync() // the most of it now; whoever copies more to it syncs again
	}
	if err != nil {
		j.discard()
		return nil, err
	}
	j.reserved = j.end
	return j, nil
}

// copyFrom appends a piece of another journal, whole records.
func (j *Journal) copyFrom(f *os.File, from, to int64) error {
	n, err := io.Copy(io.NewOffsetWriter(j.f, j.end), io.NewSectionReader(f, from, to-from))
	if err == nil && n != to-from {
		err = io.ErrUnexpectedEOF
	}
	j.end += n
	j.reserved = j.end
	return err
}

// settle puts a journal that was written beside a file in its place, and reports whether it is there; with
// an error, that may not outlast a power cut.
func (j *Journal) settle() (settled bool, err error) {
	if err := j.f.Sync(); err != nil {
		return false, err
	}
	if err := os.Rename(beside(j.path), j.path); err != nil {
		return false, err
	}
	return true, syncFolder(j.path)
}

// discard removes a journal that was written beside a file.
func (j *Journal) discard() {
	j.f.Close()
	os.Remove(beside(j.path))
}
