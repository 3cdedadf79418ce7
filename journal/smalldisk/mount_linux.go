// Package smalldisk gives tests a disk that is soon full.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Mount runs the test once more in a process of its own that may mount, and there returns a folder on
// a disk of so many bytes. In the first process it reports false.
func Mount(t *testing.T, size int) (dir string, there bool) {
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
