package netctl

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gossipctl/check"
)

// A pipe that nobody writes to would be waited for until somebody kills the command.
func TestRunsAreRegularFiles(t *testing.T) {
	folder := t.TempDir()
	events := filepath.Join(folder, check.EventsFolder)
	pipe, run := filepath.Join(events, "node-1.ndjson"), filepath.Join(folder, check.ManifestName)
	if err := errors.Join(os.Mkdir(events, 0o700), syscall.Mkfifo(pipe, 0o600), os.WriteFile(run, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, file := range []string{pipe, "/dev/zero"} {
			if f, err := OpenRegular(file); err == nil {
				f.Close()
				t.Errorf("%s is opened", file)
			}
			if _, err := Unpack(ctx, file); err == nil {
				t.Errorf("%s is unpacked", file)
			}
		}
		r, err := OpenRunFolder(ctx, folder)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		if f, err := r.Open(check.EventsFolder + "/node-1.ndjson"); !errors.Is(err, errIrregular) {
			t.Errorf("%v, %v", f, err)
		}
		live := &Run{root: r.root}
		if f, err := live.Open(check.EventsFolder + "/node-1.ndjson"); !errors.Is(err, errIrregular) {
			t.Errorf("%v, %v", f, err)
		}
		if list, err := fs.ReadDir(r, check.EventsFolder); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		f, err := r.Open(check.ManifestName)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if data, err := io.ReadAll(f); err != nil || string(data) != "{}" {
			t.Errorf("%q, %v", data, err)
		}
		cancel()
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the context: %v", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it is waited for")
	}
	for _, nothing := range []string{folder + "/none", run} {
		if _, err := OpenRunFolder(t.Context(), nothing); err == nil {
			t.Errorf("%s is a folder", nothing)
		}
	}
}

// An archive of 3 MB may unpack to gigabytes: that ends when the time is over.
func TestUnpackEndsInTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.tgz")
	packedRun(t, file)
	into := t.TempDir()
	t.Setenv("TMPDIR", into)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if folder, err := Unpack(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("unpacked to %q, %v", folder, err)
	}
	if left, _ := os.ReadDir(into); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
