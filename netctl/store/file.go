package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// WriteAtomic replaces a file in the folder, or makes it: afterwards it holds all of data and is
// on disk, or the error is an [*AccessError] and nothing has changed. Whatever had the name before,
// a link included, is replaced and not written to. Readers see the old file or the new one.
//
// name is one element of a path and not that of the lock. A process killed in the middle leaves a
// hidden file beside it, which goes with the folder.
func (d *Dir) WriteAtomic(name string, data []byte, perm fs.FileMode) error {
	if err := checkFileName(name); err != nil {
		return err
	}
	if name == lockName {
		return errors.New("the lock must not be written to")
	}
	if err := replace(d.current(), name, data, perm); err != nil {
		return &AccessError{Verb: "write", Path: d.file(name), Err: err}
	}
	return nil
}

func replace(folder *os.Root, name string, data []byte, perm fs.FileMode) error {
	temp := "." + name + "." + rand.Text() // as good as unique, and O_EXCL makes sure
	f, err := folder.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, fileMode)
	if err != nil {
		return err
	}
	err = fill(f, data, perm)
	if err == nil {
		err = folder.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, folder.Remove(temp))
	}
	return syncFolder(folder)
}

// fill writes data to a new file, through to the disk, and closes it.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm.Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	// Some file systems tell only at the end that there was no space.
	return errors.Join(err, f.Close())
}

// syncFolder makes a rename in the folder outlast a power cut.
func syncFolder(folder *os.Root) error {
	f, err := folder.Open(".")
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system that knows no such thing
	}
	return errors.Join(err, f.Close())
}

// ReadBounded reads a file of the folder that holds at most limit bytes; more is [ErrTooLarge].
// The error is [fs.ErrNotExist] when there is none and an [*UnsafeError] when it is a link.
func (d *Dir) ReadBounded(name string, limit int64) ([]byte, error) {
	f, err := d.openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, limit, d.file(name))
}

func (d *Dir) openFile(name string) (*os.File, error) {
	if err := checkFileName(name); err != nil {
		return nil, err
	}
	return openRegular(d.current(), name, d.file(name), os.O_RDONLY)
}

func readAll(r io.Reader, limit int64, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &AccessError{Verb: "read", Path: path, Err: err}
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s %w: more than %d bytes", path, ErrTooLarge, limit)
	}
	return data, nil
}

// errIrregular is what a pipe, device or folder in the place of a file gets.
var errIrregular = errors.New("it is not a regular file")

// openRegular opens the regular file of that name and nothing else. [os.Root] alone would follow a
// link to another file in the folder, and opening a planted pipe would wait for ever.
func openRegular(folder *os.Root, name, path string, flag int) (*os.File, error) {
	verb := "read"
	if flag&os.O_CREATE != 0 {
		verb = "write"
	}
	for range races {
		before, err := folder.Lstat(name)
		missing := errors.Is(err, fs.ErrNotExist)
		switch {
		case missing && flag&os.O_CREATE != 0: // then it is made below
		case err != nil:
			return nil, &AccessError{Verb: verb, Path: path, Err: err}
		case before.Mode()&fs.ModeSymlink != 0:
			return nil, &UnsafeError{path, false, before.Mode(), ErrSymlink}
		case !before.Mode().IsRegular():
			return nil, &AccessError{Verb: verb, Path: path, Err: errIrregular}
		}
		how := flag
		if missing {
			how |= os.O_EXCL // so that what is opened is new, and not a link made since
		}
		f, err := folder.OpenFile(name, how|syscall.O_NONBLOCK, fileMode)
		if missing && errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, &AccessError{Verb: verb, Path: path, Err: err}
		}
		after, err := f.Stat()
		if err == nil && (missing || os.SameFile(before, after)) {
			return f, nil
		}
		f.Close() // replaced in between, as WriteAtomic does
	}
	return nil, fmt.Errorf("%s keeps being replaced", path)
}
