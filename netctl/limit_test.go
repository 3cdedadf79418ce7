//go:build linux

package netctl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
)

// The limit of open files bites at different places of a start: in the command, where the ports are
// bound, where the nodes are forked.
func TestRow16OpenFiles(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("prlimit")
	needs(t, "prlimit", err == nil)
	l := newLab(t)
	l.base, l.size = freePorts(61), 61
	limits := []int{16, 24, 40}
	for limit := 60; limit < 80; limit++ { // around the number of ports
		limits = append(limits, limit)
	}
	for _, limit := range limits {
		files := strconv.Itoa(limit)
		l.wrap = []string{"prlimit", "--nofile=" + files + ":" + files}
		r := l.run(l.startArgs(60)...)
		if r.code != 1 {
			t.Fatalf("with %d open files: %v", limit, r)
		}
		if said := "the limit of open files is " + files + " (ulimit -n), which is too low"; limit >= 20 && !strings.Contains(r.err, said) {
			t.Errorf("want %q in %v", said, r)
		}
		l.wrap = nil
		l.nothingLeft()
	}
}

// Root is not limited, so this is somebody else, with a state folder of their own.
func TestRow16Processes(t *testing.T) {
	asNobody(t)
	l := nobodysLab(t)
	l.base, l.size = freePorts(61), 61
	for _, limit := range []string{"20", "40", "80", "160"} {
		nobody := l.wrap
		l.wrap = append(append([]string{}, l.wrap...), "prlimit", "--nproc="+limit+":"+limit)
		r := l.run(l.startArgs(60)...)
		l.wrap = nobody
		if said := regexp.MustCompile(`limit of user processes is ` + limit + ` \(ulimit -u\)|ulimit -u`); r.code != 1 || !said.MatchString(r.err) {
			t.Errorf("with %s processes: %v", limit, r)
		}
		l.gone(2 * time.Second)
	}
	l.must(0, nil, l.startArgs(60)...)
}

func asNobody(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("setpriv")
	needs(t, "root and setpriv, to become another user", err == nil && os.Geteuid() == 0)
}

const nobody = 65534

// nobodysLab is a lab that belongs to the user nobody.
func nobodysLab(t *testing.T) *lab {
	t.Helper()
	home, err := os.MkdirTemp("", "gossipctl-home") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	l := newLabIn(t, home)
	l.wrap = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	return l
}

// onSmallDisk makes every run of the program see a small disk in place of its state folder.
func onSmallDisk(t *testing.T, l *lab, options string) {
	t.Helper()
	mount := `mount -t tmpfs -o mode=700,` + options + ` tmpfs "$XDG_STATE_HOME" && exec "$@"`
	l.wrap = []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"}
	try := exec.Command(l.wrap[0], append(l.wrap[1:], "true")...)
	try.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + t.TempDir()}
	needs(t, "root, to mount a small disk", try.Run() == nil)
}

func TestRow29DiskFull(t *testing.T) {
	t.Parallel()
	for _, options := range []string{
		"nr_inodes=2", "nr_inodes=4", "nr_inodes=6", "nr_inodes=20", // no room for another file
		"size=4k", "size=8k", "size=64k", // no room for what is in them
	} {
		l := newLab(t)
		l.base, l.size = freePorts(61), 61
		onSmallDisk(t, l, options)
		// The disk is seen by this one command only; what it leaves behind is told by the command itself.
		l.wrap[6] = strings.Replace(l.wrap[6], `exec "$@"`, `{ "$@"; s=$?; find "$XDG_STATE_HOME" -type f >&2; exit $s; }`, 1)
		r := l.run(l.startArgs(60)...)
		if r.code != 1 || !strings.Contains(r.err, "no space left on device") || !strings.Contains(r.err, "nothing was started") {
			t.Errorf("%s: %v", options, r)
		}
		if strings.Contains(r.err, l.home) && regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(l.home)).MatchString(r.err) {
			t.Errorf("%s: files are left: %v", options, r)
		}
		l.gone(0)
		l.wrap = nil
	}
}

// A limit of the size of files bites like a full disk; the signal that comes with it must not end anybody.
func TestRow29FileSizeLimit(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("prlimit")
	needs(t, "prlimit", err == nil)
	l := newLab(t)
	l.base, l.size = freePorts(61), 61
	for _, limit := range []string{"0", "31", "4096", "12000"} {
		l.wrap = []string{"prlimit", "--fsize=" + limit + ":" + limit}
		l.must(1, []string{"cannot write " + l.folder(), "file too large; nothing was started"}, l.startArgs(60)...)
		l.nothingLeft()
	}
	l.wrap = nil
}

func TestRow31StateFolderNotWritable(t *testing.T) {
	t.Parallel()
	asNobody(t)
	l := nobodysLab(t)
	l.base, l.size = freePorts(9), 9
	for _, folder := range []string{l.home, filepath.Join(l.home, "gossipctl"), l.folder()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(folder, 0o500); err != nil {
			t.Fatal(err)
		}
		l.must(1, []string{"cannot write " + folder, ": permission denied"}, l.startArgs(8)...)
		l.gone(0)
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("in %s: %v, %v", folder, entries, err)
		}
		os.Chmod(folder, 0o700)
	}
	os.RemoveAll(l.folder())
	l.must(0, nil, l.startArgs(8)...)
}

func TestRow31ReadOnlyDisk(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(9), 9
	onSmallDisk(t, l, "ro")
	l.must(1, []string{"cannot write " + filepath.Join(l.home, "gossipctl"), ": read-only file system"}, l.startArgs(8)...)
	l.gone(0)
	l.wrap = nil
}

// In a container, process 1 is often one that does not ask how its children ended.
func TestRow19ProcessOneDoesNotReap(t *testing.T) {
	t.Parallel()
	space := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "1000")
	needs(t, "root and unshare, for a pid namespace", os.Geteuid() == 0 && space.Start() == nil)
	one := 0
	defer space.Wait()
	defer space.Process.Kill()
	eventually(t, 5*time.Second, "there is a process 1", func() bool {
		for _, p := range processes() {
			if p.parent == space.Process.Pid && p.argv[0] == "sleep" {
				one = p.pid
			}
		}
		return one != 0
	})
	l := newLab(t)
	l.wrap = []string{"nsenter", "-t", strconv.Itoa(one), "-p", "-m"}
	v := l.start(8)
	controller := l.controller()
	for _, p := range l.processes() {
		if p.is(3) || p.is(4) {
			kill(t, p.pid, syscall.SIGKILL)
		}
	}
	eventually(t, 2*time.Second, "two are dead", func() bool { v = l.view(); return v.Count(netctl.Dead) == 2 })
	if z := append(zombies(controller), zombies(one)...); len(z) > 0 {
		t.Errorf("not reaped: %+v", z)
	}
	l.must(0, nil, "remove-node", "5")
	l.must(0, nil, "stop-network")
	l.nothingLeft()
	// Only the controller itself is left to process 1, which is not ours to mend.
	if z := zombies(one); len(z) != 1 || z[0].pid != controller {
		t.Errorf("not reaped: %+v", z)
	}

	// Nobody reaps the nodes of a controller that was killed, and yet they count as gone.
	l.must(0, nil, l.startArgs(8)...)
	kill(t, l.controller(), syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.must(3, []string{"its controller died"}, "show-network")
	l.must(0, []string{"was not running any more"}, "stop-network")
	l.must(0, nil, l.startArgs(8)...)
	l.must(0, nil, "stop-network")
	l.nothingLeft()
	l.wrap = nil // the space is closed before the end of the test
}
