package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// smallDisk runs the test once more in a process of its own that may mount, and there returns a folder on
// a disk of so many bytes. In the first process it reports false.
func smallDisk(t *testing.T, size int) (dir string, there bool) {
	t.Helper()
	const mark = "GOSSIPCTL_TEST_DISK"
	if os.Getenv(mark) == "" {
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), mark+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
			c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
		}
		out, err := c.CombinedOutput()
		switch {
		case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOSPC):
			if os.Getenv("CI") != "" {
				t.Fatalf("no disk can be mounted here: %v", err)
			}
			t.Skipf("no disk can be mounted here: %v", err)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return "", false
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, true
}

func TestFullDisk(t *testing.T) {
	dir, there := smallDisk(t, 512<<10)
	if !there {
		return
	}
	path, ballast := filepath.Join(dir, "j"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	j, _, err := Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	record := func(i int) []byte { return fmt.Append(bytes.Repeat([]byte("x"), 900), i) }
	var want []string
	fill := func() {
		for {
			err := j.Append(record(len(want)))
			if errors.Is(err, ErrFull) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want = append(want, string(record(len(want)))); len(want) > 1000 {
				t.Fatal("the disk is larger than it is")
			}
		}
	}
	fill()
	if kept := len(want) * 900; kept < 350<<10 {
		t.Errorf("full after %d bytes of 400 KiB", kept)
	}
	fill() // as full as before, and no harm done
	if err := j.Sync(); err != nil {
		t.Error(err)
	}
	mark := j.Mark()
	if err := j.Replace(mark, slices.Values([][]byte{make([]byte, 200<<10)})); !errors.Is(err, ErrFull) {
		t.Errorf("compacted without room: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "other"), slices.Values([][]byte{make([]byte, 200<<10)})); !errors.Is(err, ErrFull) {
		t.Errorf("made without room: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	full := len(want)
	fill()
	if len(want) < full+80 {
		t.Errorf("with 100 KiB more room it took %d more records", len(want)-full)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, found := contents(t, path); !slices.Equal(got, want) || found.Cut != 0 {
		t.Errorf("%d records came back of %d, %+v", len(got), len(want), found)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
