package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Recovered is what opening a journal has found.
type Recovered struct {
	Records int
	Bytes   int64 // of the records, in the file
	Cut     int64 // bytes behind the last whole record that were damaged or not written to their end
	// Damaged is set when Cut is more than the beginning of one record: something that may have been whole
	// before, and that others may have relied on.
	Damaged bool
	Kept    string // the file beside the journal in which [Open] has kept that; empty where it has not
}

// Open opens the journal of a file, which is made if it is missing, and hands each of its records, in
// order, to each; a record is only lent. What is behind the last whole record is cut off, and all before
// it is on disk when Open returns. When that is more than one record that was not written to its end it is
// kept beside, in FILE.bad, or FILE.bad.2 and so on.
//
// The file must be ours, readable by nobody else, and no link. The error wraps [ErrFormat] when it is no
// journal, [ErrBusy] when another process has it, or the error of each; the file is as it was then.
func Open(path string, each func(record []byte) error) (*Journal, Recovered, error) {
	var found Recovered
	f, err := openFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, found, fmt.Errorf("opening journal %s: %w", path, plain(err))
	}
	j, found, err := open(f, path, each)
	if err != nil {
		f.Close()
		return nil, found, fmt.Errorf("opening journal %s: %w", path, plain(err))
	}
	return j, found, nil
}

// plain takes the name of the file out of an error, for a sentence that names it already.
func plain(err error) error {
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		return named.Err
	}
	return err
}

func open(f *os.File, path string, each func(record []byte) error) (*Journal, Recovered, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, Recovered{}, err
	}
	size := info.Size()
	found, err := Read(f, size, each)
	if err == nil && found.Damaged {
		found.Kept, err = keepCut(f, headerSize+found.Bytes, found.Cut, path)
	}
	if err != nil {
		return nil, found, err
	}
	j := newJournal(f, path, headerSize+found.Bytes)
	if found.Bytes == 0 { // also one whose header was never written
		err = j.begin()
	} else if size > j.end {
		err = f.Truncate(j.end)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncFolder(path)
	}
	return j, found, err
}

// ReadFile hands each whole record of a journal file that nobody has open to each, as [Open] does, and
// changes nothing. The error is [fs.ErrNotExist] when there is none.
func ReadFile(path string, each func(record []byte) error) (Recovered, error) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return Recovered{}, fmt.Errorf("reading journal %s: %w", path, plain(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Recovered{}, fmt.Errorf("reading journal %s: %w", path, plain(err))
	}
	found, err := Read(f, info.Size(), each)
	if err != nil {
		return found, fmt.Errorf("reading journal %s: %w", path, plain(err))
	}
	return found, nil
}

func newJournal(f *os.File, path string, end int64) *Journal {
	j := &Journal{path: path, f: f, end: end, reserved: end, max: MaxSize}
	j.done.L = &j.mu
	return j
}

// begin writes the header of an empty journal.
func (j *Journal) begin() error {
	if err := j.f.Truncate(0); err != nil {
		return err
	}
	_, err := j.f.WriteAt(header(), 0)
	return err
}

func header() []byte {
	h := binary.BigEndian.AppendUint32(append([]byte(nil), magic[:]...), version)
	return binary.BigEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

// Read hands each whole record of a journal of so many bytes to each, as [Open] does, and changes nothing.
func Read(r io.ReaderAt, size int64, each func(record []byte) error) (Recovered, error) {
	var found Recovered
	head := make([]byte, min(size, headerSize))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return found, err
	}
	if want := header(); !bytes.Equal(head, want) {
		used, err := damage(io.NewSectionReader(r, 0, size))
		if err != nil {
			return found, err
		}
		if used == 0 || len(head) < headerSize && bytes.HasPrefix(want, head) {
			found.Cut = used // it was made, and its header never written to its end
			return found, nil
		}
		return found, badHeader(head)
	}
	from := bufio.NewReaderSize(io.NewSectionReader(r, headerSize, size-headerSize), chunk)
	var record []byte
	for {
		var err error
		record, err = next(from, size-headerSize-found.Bytes, record)
		if err != nil {
			return found, err
		}
		if len(record) == 0 {
			break
		}
		if err := each(record); err != nil {
			return found, err
		}
		found.Records++
		found.Bytes += int64(len(record) + Overhead)
	}
	end := headerSize + found.Bytes
	cut, err := damage(io.NewSectionReader(r, end, size-end))
	found.Cut = cut
	if err == nil && cut > 0 {
		begun, failed := torn(r, end, cut)
		found.Damaged, err = !begun, failed
	}
	return found, err
}

func badHeader(head []byte) error {
	if bytes.HasPrefix(head, magic[:]) && len(head) == headerSize {
		if v := binary.BigEndian.Uint32(head[8:]); crc32.Checksum(head[:12], castagnoli) == binary.BigEndian.Uint32(head[12:]) {
			return fmt.Errorf("%w that this program knows: it is of version %d, and not of %d", ErrFormat, v, version)
		}
		return fmt.Errorf("%w: its header is damaged", ErrFormat)
	}
	return ErrFormat
}

// next reads a record into buf. It is empty where there is no whole record any more. Left is how many
// bytes the file still has; nothing is allocated for a length beyond it.
func next(r *bufio.Reader, left int64, buf []byte) ([]byte, error) {
	head, err := r.Peek(Overhead)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(head))
	if length == 0 || length > MaxRecord || length+Overhead > left {
		return nil, nil
	}
	sum, want := crc32.Checksum(head[:4], castagnoli), binary.BigEndian.Uint32(head[4:])
	r.Discard(Overhead)
	buf = slices.Grow(buf[:0], int(length))[:length]
	if _, err := io.ReadFull(r, buf); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil // it has become shorter
	} else if err != nil {
		return nil, err
	}
	if crc32.Update(sum, castagnoli, buf) != want {
		return nil, nil
	}
	return buf, nil
}

// damage is how many bytes there are up to the last that is not zero: zeros are space that was taken and
// not used.
func damage(r io.Reader) (int64, error) {
	var at, last int64
	piece := make([]byte, chunk)
	for {
		n, err := r.Read(piece)
		if used := bytes.TrimRight(piece[:n], "\x00"); len(used) > 0 {
			last = at + int64(len(used))
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
}

// syncFolder makes a new name in the folder of a file outlast a power cut.
func syncFolder(path string) error {
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = f.Sync()
	if isNoSync(err) {
		err = nil // a file system that knows no such thing
	}
	return errors.Join(err, f.Close())
}
