// Package journal keeps records in a file to which they are only ever appended, so that a process finds
// them again however it ended. It knows nothing of what is in them.
//
//	file   = magic(8) version(4) checksum(4)  record…  zeros
//	record = length(4) checksum(4) payload
//
// Numbers are big-endian, checksums are CRC-32C: of a record, over its length and its payload. Behind the
// last record the file may hold zeros, which are space that was taken beforehand: see [Journal.Reserve].
//
// A record that Append has taken outlasts the process, however that ends; one that Sync has waited for
// outlasts the machine, as far as the disk keeps what it says it has. Whatever stands behind the last
// whole record when the file is opened is cut off.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// Bounds of a journal.
const (
	// MaxRecord is the largest record in bytes: a message with the longest route takes a seventh of it.
	MaxRecord = 1 << 20
	// MaxSize is the largest file in bytes. A full inbox of small messages takes a tenth of it, one of
	// large messages a third, and one that drops its oldest twice as much until it is compacted.
	MaxSize = 1 << 30
	// Overhead is what a record takes in the file besides its payload.
	Overhead = 8
)

const (
	headerSize = 16
	version    = 1
	// chunk is how much space is taken at once, if there is that much. Less, and most appends would have
	// to change the file's size, which costs a sync several times over; more, and a thousand journals
	// would hold what they do not need.
	chunk = 64 << 10
)

var magic = [8]byte{'g', 's', 's', 'p', 'j', 'r', 'n', 'l'}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Errors of a journal, which are wrapped.
var (
	// ErrFull means that the disk, a quota or a bound leaves no room for a record. Nothing has changed,
	// and it may work again when there is room.
	ErrFull = errors.New("no space left")
	// ErrTooLarge means that a record is larger than [MaxRecord], or empty.
	ErrTooLarge = errors.New("record size out of range")
	// ErrFormat means that a file is no journal, or of a version this program does not know. It is left
	// as it is.
	ErrFormat = errors.New("not a journal")
	// ErrBusy means that another process has the journal open.
	ErrBusy = errors.New("in use by another process")
	// ErrClosed means that the journal was closed.
	ErrClosed = errors.New("journal closed")
)

// Journal is an open journal. Its methods may be called from several goroutines at once.
type Journal struct {
	path string

	mu       sync.Mutex
	done     sync.Cond // signalled when a sync has ended; on mu
	f        *os.File
	end      int64 // of the last record
	reserved int64 // up to here space is taken; at least end
	appended int64 // bytes of records ever taken, which goes on when the file is replaced
	synced   int64 // of them on disk
	syncing  bool
	syncs    uint64
	turn     int   // how often the file was replaced
	broken   error // what makes it unusable for good
	buf      []byte
	max      int64 // MaxSize, but for tests
}

// Path is the name of the file.
func (j *Journal) Path() string { return j.path }

// Size is how many bytes of the file the records take, the header included.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end
}

// Syncs is how often the disk was asked to keep what it was given.
func (j *Journal) Syncs() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.syncs
}

// Reserve makes sure that records which take so many bytes, with their overhead, can be appended: the
// space is theirs, whatever else fills the disk. The error wraps [ErrFull] when there is none. On file
// systems that write every change to a new place (btrfs, zfs) that is a promise they do not keep.
func (j *Journal) Reserve(bytes int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	return j.reserve(int64(bytes))
}

func (j *Journal) reserve(bytes int64) error {
	need := j.end + bytes
	if need <= j.reserved {
		return nil
	}
	if need > j.max {
		return fmt.Errorf("%w: %s may take %d bytes", ErrFull, j.path, j.max)
	}
	err := j.fill(min((need+chunk-1)/chunk*chunk, j.max))
	if err != nil && isFull(err) {
		err = j.fill(need) // the very last of the disk
	}
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return j.fail(err)
}

var zeros [chunk]byte

// fill takes space up to an offset by writing zeros there: what has been written once can be written
// again without more space, on most file systems, and without the file getting longer, which makes
// syncs cheaper. On error the file is as long as it was.
func (j *Journal) fill(to int64) error {
	for at := j.reserved; at < to; {
		n, err := j.f.WriteAt(zeros[:min(to-at, chunk)], at)
		if at += int64(n); err != nil {
			if cut := j.f.Truncate(j.reserved); cut != nil {
				return j.fail(errors.Join(err, cut))
			}
			return err
		}
	}
	j.reserved = to
	return nil
}

// Append adds a record, which is copied. When it returns nil the record outlasts this process; Sync makes
// it outlast the machine. The error wraps [ErrFull], [ErrTooLarge] or [ErrClosed], and nothing has changed
// then; any other means that the journal is broken and takes no more.
func (j *Journal) Append(record []byte) error {
	if len(record) == 0 || len(record) > MaxRecord {
		return fmt.Errorf("%w: %d bytes, possible are 1 to %d", ErrTooLarge, len(record), MaxRecord)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	size := int64(len(record) + Overhead)
	if err := j.reserve(size); err != nil {
		return err
	}
	j.buf = appendRecord(j.buf[:0], record)
	if _, err := j.f.WriteAt(j.buf, j.end); err != nil {
		// Part of it may be there. Cut, so that nothing can take it for what it is not.
		if cut := j.f.Truncate(j.end); cut != nil {
			return j.fail(errors.Join(err, cut))
		}
		j.reserved = j.end
		if isFull(err) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return j.fail(err)
	}
	j.end += size
	j.appended += size
	return nil
}

func appendRecord(dst, record []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(record)))
	sum := crc32.Update(crc32.Checksum(dst[start:], castagnoli), castagnoli, record)
	dst = binary.BigEndian.AppendUint32(dst, sum)
	return append(dst, record...)
}

// isFull reports whether an error says that there is no room: of the disk, a quota or a limit.
func isFull(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// fail makes the journal unusable. It is called with the lock held.
func (j *Journal) fail(err error) error {
	if j.broken == nil {
		if pathless := (*fs.PathError)(nil); errors.As(err, &pathless) {
			err = pathless.Err
		}
		j.broken = fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.done.Broadcast()
	return j.broken
}

// Sync returns when every record appended before is on disk. However many wait at once, one of them asks
// the disk for all. An error means that it cannot be told what is on disk, now or ever: after a failed
// sync the system may have dropped what it could not write.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	want := j.appended
	for {
		switch {
		case j.synced >= want: // also when it broke later
			return nil
		case j.broken != nil:
			return j.broken
		case j.syncing:
			j.done.Wait()
			continue
		}
		upTo := j.appended
		if err := j.sync(); err != nil {
			return j.fail(err)
		}
		j.synced = max(j.synced, upTo)
	}
}

// sync lets the lock go while the disk works. Until it has it back, the file is not replaced or closed.
func (j *Journal) sync() error {
	j.syncing = true
	j.syncs++
	f := j.f
	j.mu.Unlock()
	err := syncData(f)
	j.mu.Lock()
	j.syncing = false
	j.done.Broadcast()
	return err
}

// Close waits until all records are on disk, gives back the space that was taken beforehand, and closes
// the file. Closing twice is harmless.
func (j *Journal) Close() error {
	err := j.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.syncing {
		j.done.Wait()
	}
	if j.f == nil {
		return nil
	}
	if err == nil {
		err = j.f.Truncate(j.end)
	}
	err = errors.Join(err, j.f.Close())
	j.f, j.broken = nil, fmt.Errorf("%w: %s", ErrClosed, j.path)
	j.done.Broadcast()
	return err
}
