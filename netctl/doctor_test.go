//go:build linux

package netctl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
	"gossipctl/netctl/proc"
	"gossipctl/netctl/store"
)

// doctor runs the program and returns what it has found. Unless the test names ports it looks at
// some that are free; should others take them just then, that finding does not count.
func (l *lab) doctor(code int, args ...string) []netctl.Finding {
	l.t.Helper()
	anyPorts := !slices.Contains(args, "--base-port")
	if anyPorts {
		args = append(args, "--base-port", strconv.Itoa(freePorts(17)))
	}
	r := l.run(append([]string{"doctor", "-o", "json"}, args...)...)
	var doc struct{ Checks []netctl.Finding }
	if err := json.NewDecoder(strings.NewReader(r.out)).Decode(&doc); err != nil { // an error may follow it
		l.t.Fatalf("%v in %v", err, r)
	}
	if failed := slices.ContainsFunc(doc.Checks, netctl.Finding.Failed); failed != (r.code == 5) {
		l.t.Errorf("what has failed does not go with the exit status: %v", r)
	}
	if anyPorts {
		doc.Checks = slices.DeleteFunc(doc.Checks, func(f netctl.Finding) bool { return f.Check == "ports" && f.Failed() })
	}
	if failed := slices.ContainsFunc(doc.Checks, netctl.Finding.Failed); failed != (code == 5) {
		l.t.Fatalf("want exit %d, have %v", code, r)
	}
	for _, f := range doc.Checks {
		if f.Detail == "" || f.Failed() && f.Next == "" {
			l.t.Errorf("%+v says too little", f)
		}
	}
	return doc.Checks
}

// finding is the one finding of a check.
func finding(t *testing.T, findings []netctl.Finding, check string) netctl.Finding {
	t.Helper()
	var found []netctl.Finding
	for _, f := range findings {
		if f.Check == check {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s: %+v", len(found), check, findings)
	}
	return found[0]
}

// wants compares a finding, of which detail and next need only be a part.
func wants(t *testing.T, findings []netctl.Finding, check string, status netctl.FindingStatus, fixed bool, detail, next string) {
	t.Helper()
	f := finding(t, findings, check)
	if f.Status != status || f.Fixed != fixed || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Next, next) {
		t.Errorf("want %s %v %q, next %q; have %+v", status, fixed, detail, next, f)
	}
}

// nobodyEnded makes sure that no process was taken for an orphan. That one cannot be told from an
// orphan is only a warning, and may be said of networks that start or stop beside this test.
func nobodyEnded(t *testing.T, findings []netctl.Finding) {
	t.Helper()
	if f := finding(t, findings, "orphans"); f.Status == netctl.FindingFail || f.Fixed {
		t.Errorf("taken for an orphan: %+v", f)
	}
}

func TestDoctorWithoutANetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, f := range l.doctor(0) {
		if f.Status == netctl.FindingFail || f.Fixed || f.Status == netctl.FindingOK && f.Next != "" {
			t.Errorf("%+v", f)
		}
	}
	if _, err := os.Lstat(filepath.Join(l.home, "gossipctl")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking has made the state folder: %v", err)
	}
	l.must(2, nil, "doctor", "--base-port", "65535")
	l.must(2, nil, "doctor", "-n", "0")
	l.must(2, nil, "doctor", "now")
}

func TestDoctorOfARunningNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(6)
	own := []string{"-n", "6", "--base-port", strconv.Itoa(l.base)}
	found := l.doctor(0, append(own, "--fix")...)
	wants(t, found, "network", netctl.FindingOK, false, fmt.Sprintf("%q runs: 6 nodes on ports from %d (controller pid %d)", l.name, l.base, v.Controller.PID), "")
	nobodyEnded(t, found)
	wants(t, found, "ports", netctl.FindingOK, false, "used by network "+strconv.Quote(l.name), "")

	// For another network, they are in the way.
	found = l.doctor(0, append(own, "--network", "other")...)
	wants(t, found, "ports", netctl.FindingWarn, false, "used by network "+l.name, "--base-port ")

	l.must(0, nil, "remove-node", "4") // it is not missed
	kill(t, v.Nodes[1].PID, syscall.SIGKILL)
	eventually(t, 2*time.Second, "node 2 is dead", func() bool { return l.node(2).State == netctl.Dead })
	wants(t, l.doctor(0, "--fix"), "network", netctl.FindingWarn, false, "4 nodes on ports", "remove-node")

	pause(t, v.Controller.PID)
	found = l.doctor(5, "--fix")
	wants(t, found, "network", netctl.FindingFail, false, "paused", fmt.Sprintf("kill -CONT %d", v.Controller.PID))
	nobodyEnded(t, found)
	kill(t, v.Controller.PID, syscall.SIGCONT)
	wants(t, l.doctor(0), "network", netctl.FindingWarn, false, "", "")
}

func TestDoctorAfterTheControllersDeath(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(6)
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	for range 2 { // looking changes nothing
		wants(t, l.doctor(5), "network", netctl.FindingFail, false, "does not run any more: its controller died", "doctor --fix")
	}
	wants(t, l.doctor(0, "--fix"), "network", netctl.FindingFail, true, "its state was cleared", "")
	l.nothingLeft()
	wants(t, l.doctor(0), "network", netctl.FindingOK, false, "no network", "")

	// From before a reboot the same; its processes, which look alive here, are strangers then.
	v = l.start(4)
	l.reboot()
	wants(t, l.doctor(5), "network", netctl.FindingFail, false, "before the last reboot", "doctor --fix")
	kill(t, v.Controller.PID, syscall.SIGTERM)
	l.gone(3 * time.Second)
}

// A state file that names strangers must not turn doctor against them. Not in parallel: every
// doctor on the machine would tell of the impostors.
func TestDoctorTouchesNoStranger(t *testing.T) {
	l := newLab(t)
	v := l.start(4)
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	var strangers []*exec.Cmd
	for range 3 {
		strangers = append(strangers, startStranger(t))
	}
	stranger, err := proc.Of(strangers[2].Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	l.edit(func(s *netctl.State) {
		s.Controller.PID = strangers[0].Process.Pid
		s.Nodes[0].Process.PID = strangers[1].Process.Pid
		s.Nodes[1].Process = stranger // all of it is right
	})
	// One looks like a node of this network, another like its controller, in all but what it has open.
	strangers = append(strangers, l.impostor("node", "--network", l.name, "--id", "1"), l.impostor("controller", "--network", l.name))
	found := l.doctor(0, "--fix")
	wants(t, found, "network", netctl.FindingFail, true, "its state was cleared", "")
	wants(t, found, "orphans", netctl.FindingWarn, false, fmt.Sprintf("node 1 of %q (pid %d)", l.name, strangers[3].Process.Pid), "kill")
	for _, s := range strangers {
		untouched(t, s)
	}
}

// impostor starts a program that is called gossipctl, is not, and has the arguments of one.
func (l *lab) impostor(args ...string) *exec.Cmd {
	l.t.Helper()
	folder := l.t.TempDir()
	shell, err := os.ReadFile("/bin/sh")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "gossipctl"), shell, 0o700)
	}
	if err == nil { // the shell runs the file its first argument names, and waits for its input
		err = os.WriteFile(filepath.Join(folder, args[0]), []byte("read line\n"), 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(folder, "gossipctl"), args...)
	cmd.Dir = folder
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// Whoever deletes the state of a network that runs can still get rid of it.
func TestDoctorEndsOrphans(t *testing.T) {
	t.Parallel()
	l, neighbour := newLab(t), newLab(t)
	neighbour.start(4)
	l.start(6)
	eventually(t, time.Second, "the controller has begun its log", func() bool { return len(l.logs("controller")) > 0 })
	if err := os.RemoveAll(filepath.Join(l.home, "gossipctl")); err != nil {
		t.Fatal(err)
	}
	wants(t, l.doctor(5), "orphans", netctl.FindingFail, false, "controller of "+strconv.Quote(l.name), "doctor --fix")
	if n := len(l.processes()); n != 7 {
		t.Errorf("without --fix %d processes are left", n)
	}
	wants(t, l.doctor(0, "--fix"), "orphans", netctl.FindingFail, true, "they were ended", "")
	l.nothingLeft()
	wants(t, l.doctor(0), "orphans", netctl.FindingOK, false, "other state folders", "")
	if v := neighbour.view(); v.Count(netctl.Running) != 4 {
		t.Errorf("the neighbour was touched: %+v", v)
	}
}

// Two people's networks have the same name, and even one executable: they differ in the state folder.
func TestDoctorLeavesOtherStateFoldersAlone(t *testing.T) {
	t.Parallel()
	l, other := newLab(t), newLab(t)
	mine := l.name
	l.name = other.name
	other.start(4)
	found := l.doctor(0, "--fix")
	wants(t, found, "network", netctl.FindingOK, false, "none runs", "")
	wants(t, found, "orphans", netctl.FindingOK, false, "other state folders were left alone", "")
	if v := other.view(); v.Count(netctl.Running) != 4 {
		t.Errorf("it was touched: %+v", v)
	}
	l.name = mine
}

func TestDoctorOfADamagedState(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, text := range []string{"null", "", `{"version":1,`} {
		l.start(4)
		if err := os.WriteFile(l.stateFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.must(1, []string{"is damaged", "doctor"}, "stop-network")
		found := l.doctor(5)
		wants(t, found, "network", netctl.FindingFail, false, "is damaged", "doctor --fix")
		nobodyEnded(t, found) // not told twice

		// Another command is at work on it.
		release := l.lock()
		wants(t, l.doctor(5, "--fix"), "network", netctl.FindingFail, false, "could not be mended", "wait")
		release()
		if n := len(l.processes()); n != 5 {
			t.Errorf("%d processes are left", n)
		}

		wants(t, l.doctor(0, "--fix"), "network", netctl.FindingFail, true, "5 processes that were left were ended; it was set aside as state.json.bad", "")
		l.gone(0)
		if kept, err := os.ReadFile(l.stateFile() + ".bad"); err != nil || string(kept) != text {
			t.Errorf("%q was kept as %q: %v", text, kept, err)
		}
		wants(t, l.doctor(0, "--fix"), "network", netctl.FindingOK, false, "keeps files", "")
		l.start(4) // all is well again
		l.must(0, nil, "stop-network")
	}
}

// What a newer program has written is neither damaged nor gone.
func TestDoctorOfANewerState(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4)
	before, err := os.ReadFile(l.stateFile())
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(before), `"version": 2`, `"version": 99`, 1)
	if err := os.WriteFile(l.stateFile(), []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	found := l.doctor(5, "--fix")
	wants(t, found, "network", netctl.FindingFail, false, "a newer gossipctl", "use the gossipctl that started it")
	nobodyEnded(t, found)
	if err := os.WriteFile(l.stateFile(), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := l.view(); v.Count(netctl.Running) != 4 {
		t.Errorf("it was touched: %+v", v)
	}
}

// lock makes this test another command that is changing the network.
func (l *lab) lock() (release func()) {
	l.t.Helper()
	d, err := store.Open(filepath.Join(l.home, "gossipctl"), l.name, false)
	if err == nil {
		release, err = d.Lock()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return release
}

// A network that is being started has a lock, processes, and no state file.
func TestDoctorDuringAStart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(101), 101
	_, done := l.begin(l.startArgs(100)...)
	for looking := true; looking; {
		select {
		case r := <-done:
			if r.code != 0 {
				t.Error(r)
			}
			looking = false
		default:
			nobodyEnded(t, l.doctor(0, "--fix"))
		}
	}
	if v := l.view(); v.Count(netctl.Running) != 100 {
		t.Errorf("%d run", v.Count(netctl.Running))
	}
}

// The same, for as long as the test likes.
func TestDoctorRespectsTheLock(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4)
	if err := os.Remove(l.stateFile()); err != nil {
		t.Fatal(err)
	}
	release := l.lock()
	nobodyEnded(t, l.doctor(0, "--fix"))
	release()
	if n := len(l.processes()); n != 5 {
		t.Errorf("%d processes are left", n)
	}
	wants(t, l.doctor(0, "--fix"), "orphans", netctl.FindingFail, true, "they were ended", "")
	l.gone(0)
}

func TestDoctorMendsPermissions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4)
	root := filepath.Join(l.home, "gossipctl")
	for _, c := range []struct {
		path  string
		mode  fs.FileMode
		check string
		safe  fs.FileMode
	}{
		{root, 0o777, "state_folder", 0o700},
		{l.folder(), 0o770, "network", 0o700},
		{filepath.Join(l.folder(), "logs"), 0o722, "network", 0o700},
		{filepath.Join(l.folder(), "secret"), 0o644, "network", 0o600},
	} {
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		found := slices.DeleteFunc(l.doctor(5), func(f netctl.Finding) bool { return !f.Failed() })
		wants(t, found, c.check, netctl.FindingFail, false, fmt.Sprintf("unsafe permissions %04o on %s", c.mode, c.path), "doctor --fix")
		found = slices.DeleteFunc(l.doctor(0, "--fix"), func(f netctl.Finding) bool { return f.Status == netctl.FindingOK || !f.Fixed })
		wants(t, found, c.check, netctl.FindingFail, true, c.path+" had permissions", "")
		if info, err := os.Stat(c.path); err != nil || info.Mode().Perm() != c.safe {
			t.Errorf("%s has permissions %v, %v", c.path, info.Mode(), err)
		}
	}
	if v := l.view(); v.Count(netctl.Running) != 4 {
		t.Errorf("it was touched: %+v", v)
	}
}

// Links lead to what is not ours to change.
func TestDoctorFollowsNoLink(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	target := filepath.Join(t.TempDir(), "target")
	for _, path := range []string{target, filepath.Join(target, "lab"), filepath.Join(l.home, "gossipctl")} {
		if err := os.Mkdir(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(l.home, "gossipctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(l.home, "gossipctl", "lab")); err != nil {
		t.Fatal(err)
	}
	wants(t, l.doctor(5, "--fix"), "network", netctl.FindingFail, false, "symbolic link", "in the place of the link")
	if err := os.RemoveAll(filepath.Join(l.home, "gossipctl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(l.home, "gossipctl")); err != nil {
		t.Fatal(err)
	}
	wants(t, l.doctor(5, "--fix"), "state_folder", netctl.FindingFail, false, "symbolic link", "XDG_STATE_HOME")
	for _, path := range []string{target, filepath.Join(target, "lab")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("%s has permissions %v, %v", path, info.Mode(), err)
		}
	}
	if err := os.Remove(filepath.Join(l.home, "gossipctl")); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorOfTakenPorts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	base := freePorts(9)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+3))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	found := l.doctor(5, "--base-port", strconv.Itoa(base), "-n", "8")
	wants(t, found, "ports", netctl.FindingFail, false, fmt.Sprintf("of ports %d to %d, %d is in use by another program (pid %d", base, base+8, base+3, os.Getpid()), "start with --base-port ")
	wants(t, l.doctor(0, "--base-port", strconv.Itoa(base), "-n", "2"), "ports", netctl.FindingOK, false, "are free", "")
}

func TestDoctorOfLimits(t *testing.T) {
	t.Parallel()
	prlimit, err := exec.LookPath("prlimit")
	needs(t, "prlimit", err == nil)
	l := newLab(t)
	l.wrap = []string{prlimit, "--nofile=164:164"}
	wants(t, l.doctor(0, "-n", "50"), "open_files", netctl.FindingOK, false, "164 (ulimit -n), enough for 50 nodes", "")
	wants(t, l.doctor(5, "-n", "51", "--base-port", strconv.Itoa(freePorts(52))), "open_files", netctl.FindingFail, false, "room for 50 nodes more, not 51", "ulimit -n")

	// The number is a promise.
	l.base, l.size = freePorts(51), 51
	l.must(0, nil, "start-network", "complete", "-n", "50", "--base-port", strconv.Itoa(l.base))
	l.must(0, nil, "send-message", "1", "hello")
	if v := l.view(); v.Count(netctl.Running) != 50 {
		t.Errorf("%d run", v.Count(netctl.Running))
	}
	l.wrap = nil
}
