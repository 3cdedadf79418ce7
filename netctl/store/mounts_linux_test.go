package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { places["own mounts"] = privateMounts }

// ownMounts starts a process that may mount what it likes and shows it to nobody.
func ownMounts() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

func privateMounts() error {
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// mountSmall gives the test a folder on a disk of its own.
func mountSmall(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", flags, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestReadOnlyDisk(t *testing.T) {
	if !inPlace(t, "own mounts", ownMounts()) {
		return
	}
	root := mountSmall(t, 0, "mode=0700")
	d := openLab(t, root)
	if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, lockErr := d.Lock()
	_, openErr := Open(root, "lab", true)
	for what, err := range map[string]error{
		"open to change": openErr, "lock": lockErr, "write": d.WriteAtomic("state.json", nil, 0o600),
	} {
		var access *AccessError
		if !errors.As(err, &access) || !errors.Is(err, unix.EROFS) || !strings.HasSuffix(err.Error(), ": read-only file system") {
			t.Errorf("%s: %v", what, err)
		}
	}
	d.Close()
}

func TestFullDisk(t *testing.T) {
	if !inPlace(t, "own mounts", ownMounts()) {
		return
	}
	d := openLab(t, mountSmall(t, 0, "mode=0700,size=64k"))
	failsToWrite(t, d, make([]byte, 128<<10), unix.ENOSPC)
}

// With no room for one more file there is none for the copy of a damaged state either.
func TestDamagedStateOnAFullDisk(t *testing.T) {
	if !inPlace(t, "own mounts", ownMounts()) {
		return
	}
	d := openLab(t, mountSmall(t, 0, "mode=0700,nr_inodes=3"))
	put(t, d.file(stateName), "null", 0o600)
	_, err := ReadState[record](d, 1)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.Kept != "" {
		t.Errorf("%v", err)
	}
	if got := list(t, d.Path()); len(got) != 1 || get(t, d.file(stateName)) != "null" {
		t.Errorf("the folder holds %q", got)
	}
}
