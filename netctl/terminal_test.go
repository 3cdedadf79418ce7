//go:build linux

package netctl_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A terminal is a pseudo terminal with a program in it.
type terminal struct {
	*os.File // the keyboard
	cmd      *exec.Cmd
	ended    chan struct{}
	screen   screen
}

// A screen is all that a terminal has shown.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// inTerminal starts a command as the leader of the session of a new terminal.
func inTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	needs(t, "pseudo terminals", err == nil)
	number := 0
	raw, err := master.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) {
			if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
				number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	term := &terminal{File: master, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(&term.screen, master) // ends when the terminal is closed
	go func() {
		cmd.Wait()
		close(term.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-term.ended
		master.Close()
	})
	return term
}

// status waits for the program's end.
func (t *terminal) status(tb *testing.T, within time.Duration) int {
	tb.Helper()
	select {
	case <-t.ended:
	case <-time.After(within):
		tb.Fatalf("it goes on after %v:\n%s", within, t.screen.String())
	}
	return t.cmd.ProcessState.ExitCode()
}

// inShell is a shell that runs the program, tells its exit status, and stays. What the leader of a
// session has said last may be lost when it ends, so the program itself is no good as that.
func (l *lab) inShell(args ...string) *exec.Cmd {
	program := l.command(context.Background(), args...)
	shell := exec.Command("sh", append([]string{"-c", `trap : INT; "$@"; echo "exit $?"; cat`, "sh"}, program.Args...)...)
	shell.Env = program.Env
	return shell
}

func TestRow17TerminalClosed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(9), 9
	term := inTerminal(t, l.inShell(l.startArgs(8)...))
	eventually(t, patience, "it has started", func() bool { return strings.Contains(term.screen.String(), "exit 0\r\n") })
	term.Close()
	term.status(t, 2*time.Second) // the shell goes with its terminal
	l.must(0, nil, "send-message", "1", "I am still here")
	if v := l.view(); v.Count(netctl.Running) != 8 {
		t.Error(v)
	}
}

func TestRow17CtrlCDuringStart(t *testing.T) {
	l := newLab(t)
	l.base, l.size = freePorts(301), 301
	for _, after := range []int{1, 30, 200} { // processes that are seen
		term := inTerminal(t, l.inShell(l.startArgs(300)...))
		eventually(t, 10*time.Second, "it is under way", func() bool { return len(l.processes()) >= after })
		term.WriteString("\x03")
		if !holds(5*time.Second, func() bool { return strings.Contains(term.screen.String(), "exit 130\r\n") }) ||
			!strings.Contains(term.screen.String(), "cancelled, nothing left running") {
			t.Error(term.screen.String())
		}
		if left := l.processes(); len(left) > 0 {
			t.Errorf("it said that nothing is left: %v", left)
		}
		l.nothingLeft()
	}
}

// Nobody is left to clean up when the command is killed: either nothing is there, or the network is.
func TestRow17CommandKilledDuringStart(t *testing.T) {
	l := newLab(t)
	const nodes = 48
	began := time.Now()
	l.start(nodes)
	calm := time.Since(began)
	l.must(0, nil, "stop-network")
	committed := 0
	for range 12 {
		after := rand.N(calm)
		cli, done := l.begin(l.startArgs(nodes)...)
		<-time.After(after)
		cli.Kill()
		<-done
		running := func() bool { return l.run("show-network").code == 0 }
		if !holds(4*time.Second, func() bool { return len(l.processes()) == 0 || running() }) {
			t.Fatalf("killed after %v: neither gone nor there: %v", after, l.processes())
		}
		if running() {
			committed++
			if v := l.view(); v.Count(netctl.Running) != nodes {
				t.Fatalf("killed after %v: %d of %d nodes run", after, v.Count(netctl.Running), nodes)
			}
			l.must(0, nil, "stop-network")
		}
		l.gone(0)
	}
	t.Logf("%d were committed", committed)

	// Whoever is quick meets what is being cleared away.
	for range 5 {
		cli, done := l.begin(l.startArgs(nodes)...)
		eventually(t, 5*time.Second, "it is under way", func() bool { return len(l.processes()) > 3 })
		cli.Kill()
		<-done
		var r result
		eventually(t, 5*time.Second, "it is cleared away", func() bool {
			r = l.run(l.startArgs(nodes)...)
			return r.code != 6 || strings.Contains(r.err, "is already running")
		})
		if r.code != 0 && r.code != 6 {
			t.Fatal(r)
		}
		if v := l.view(); v.Count(netctl.Running) != nodes {
			t.Fatalf("%d of %d nodes run", v.Count(netctl.Running), nodes)
		}
		l.must(0, nil, "stop-network")
		l.nothingLeft()
	}
}

// What was begun is brought to its end when the command is killed that has asked for it.
func TestCommandKilledDuringStop(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for range 5 {
		l.start(30)
		cli, done := l.begin("stop-network")
		<-time.After(rand.N(20 * time.Millisecond))
		cli.Kill()
		<-done
		if !holds(4*time.Second, func() bool { return len(l.processes()) == 0 || l.run("show-network").code == 0 }) {
			t.Fatalf("neither gone nor there: %v", l.processes())
		}
		l.must(0, nil, "stop-network")
		l.nothingLeft()
	}
}

func TestRow17Foreground(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(9), 9
	running := func() bool { return l.run("show-network").code == 0 }

	term := inTerminal(t, l.command(t.Context(), l.startArgs(8, "--foreground")...))
	eventually(t, patience, "it runs", func() bool { return running() && strings.Contains(term.screen.String(), "Press Ctrl-C") })
	l.must(6, []string{"already running"}, l.startArgs(8)...)
	l.must(0, nil, "send-message", "1", "hello")
	term.WriteString("\x03")
	if code := term.status(t, 5*time.Second); code != 0 {
		t.Errorf("exit %d:\n%s", code, term.screen.String())
	}
	l.nothingLeft()

	// The terminal is closed; the command is killed; the network is stopped from elsewhere.
	for _, end := range []func(*terminal){
		func(term *terminal) { term.Close() },
		func(term *terminal) { term.cmd.Process.Kill() },
		func(*terminal) { l.must(0, []string{"stopped: 8 nodes"}, "stop-network") },
	} {
		term := inTerminal(t, l.command(t.Context(), l.startArgs(8, "--foreground")...))
		eventually(t, patience, "it runs", func() bool { return running() && strings.Contains(term.screen.String(), "Press Ctrl-C") })
		end(term)
		term.status(t, 5*time.Second)
		l.gone(3 * time.Second)
		l.nothingLeft()
	}

	// When the controller dies that is no success.
	term = inTerminal(t, l.command(t.Context(), l.startArgs(8, "--foreground")...))
	eventually(t, patience, "it runs", running)
	v := l.view()
	kill(t, v.Controller.PID, syscall.SIGKILL)
	if code := term.status(t, 5*time.Second); code != 1 {
		t.Errorf("the controller was killed, exit %d:\n%s", code, term.screen.String())
	}
	l.must(0, nil, "stop-network")
	l.nothingLeft()
}

// Whoever reads a pipe waits until nobody can write to it any more, and that is not to be a node.
func TestRow18InheritedDescriptors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(9), 9
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := l.command(ctx, append(l.startArgs(8), "--repair", "none")...) // which opens links by itself
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, w, w
	cmd.ExtraFiles = []*os.File{w, r, w, r, w, r, w, r, w, r}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("somebody has kept the pipe: %v", err)
	}

	for _, p := range l.processes() {
		want := []string{
			"/dev/null", "logs/controller.log", "logs/controller.log", // stdin, stdout, stderr
			"anon_inode:[eventfd]", "anon_inode:[eventpoll]", "logs/controller.log",
			".", "logs", "..", // the folders it works in
			"pipe", "pipe", // both ends of the lifeline
			"socket", // the listener
		}
		for range 8 {
			want = append(want, "socket") // the ports of its nodes, which are its to hold
		}
		if !p.is(0) {
			name := "logs/node-" + p.argv[len(p.argv)-1]
			want = []string{
				"/dev/null", name + ".stderr", name + ".stderr",
				"anon_inode:[eventfd]", "anon_inode:[eventpoll]", name + ".log",
				"pipe", "socket",
			}
		}
		slices.Sort(want)
		var have []string
		// Connections of whoever has just asked it something go on for a moment.
		if !holds(2*time.Second, func() bool { have = l.descriptors(p.pid); return slices.Equal(have, want) }) {
			t.Errorf("%v: %s", p.argv, cmp.Diff(want, have))
		}
	}
}

// descriptors lists what a process has open, files as paths below the state folder, sorted.
func (l *lab) descriptors(pid int) (list []string) {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		l.t.Error(err)
	}
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil {
			continue // closed since
		}
		if strings.HasPrefix(link, "/sys/fs/cgroup/") {
			continue // Go's runtime looks how many processors it may use
		}
		if rel, err := filepath.Rel(l.folder(), link); err == nil && strings.HasPrefix(link, l.home) {
			link = rel
		}
		kind, _, isKind := strings.Cut(link, ":[")
		if isKind && kind != "anon_inode" {
			link = kind
		}
		list = append(list, link)
	}
	slices.Sort(list)
	return list
}
