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
