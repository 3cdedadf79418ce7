package netctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errIrregular is why a pipe, a device or a socket is not read: it may never end, or not even open.
var errIrregular = errors.New("it is no regular file")

// OpenRegular opens a file to read. Anything else but a folder is refused, and is not waited for.
func OpenRegular(file string) (*os.File, error) {
	return regular(file, func(name string, flag int) (*os.File, error) { return os.OpenFile(name, flag, 0) })
}

func openRegular(root *os.Root, name string) (*os.File, error) {
	return regular(name, func(name string, flag int) (*os.File, error) { return root.OpenFile(name, flag, 0) })
}

func regular(name string, open func(name string, flag int) (*os.File, error)) (*os.File, error) {
	f, err := open(name, os.O_RDONLY|syscall.O_NONBLOCK) // else a pipe without a writer is waited for
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errIrregular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// RunFolder is the folder of a run that somebody names, for reading. Once its context has ended there is
// nothing more to be read of it.
type RunFolder struct {
	ctx  context.Context
	root *os.Root
}

// OpenRunFolder opens one. Close it.
func OpenRunFolder(ctx context.Context, folder string) (*RunFolder, error) {
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	return &RunFolder{ctx, root}, nil
}

// Open implements fs.FS.
func (r *RunFolder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := openRegular(r.root, name)
	if err != nil {
		return nil, err
	}
	return &limited{f, untilEnd{r.ctx, f}}, nil
}

// Close lets go of the folder.
func (r *RunFolder) Close() error { return r.root.Close() }

// limited is a file that is read until a context ends.
type limited struct {
	*os.File
	rest untilEnd
}

func (l *limited) Read(p []byte) (int, error) { return l.rest.Read(p) }

// untilEnd reads until a context ends.
type untilEnd struct {
	ctx context.Context
	r   io.Reader
}

func (u untilEnd) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
