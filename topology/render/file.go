package render

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gossipctl/topology/draw"
)

// File writes d to a file in the format of its extension, all or nothing: when it fails, what was
// at path before is still there.
func (r Renderer) File(ctx context.Context, path string, d draw.Drawing) (Result, error) {
	format, err := Format(path)
	if err != nil {
		return Result{}, err
	}
	return replace(path, func(w io.Writer) (Result, error) { return r.Write(ctx, w, format, d) })
}

// replace puts what write writes in the place of the file at path, or leaves that as it is.
func replace(path string, write func(io.Writer) (Result, error)) (result Result, err error) {
	// Beside the file, since only within one file system is a rename one step.
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return Result{}, fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	result, err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Result{}, err
	}
	if err := os.Rename(temporary, path); err != nil {
		return Result{}, fmt.Errorf("writing %s: %w", path, err)
	}
	return result, nil
}
