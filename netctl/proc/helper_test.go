package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the other processes itself: with this variable set it is not a test but
// one of the parts below, to which the tests of one system add theirs.
const partVariable = "GOSSIPCTL_TEST_PART"

var parts = map[string]func(args []string) error{
	"wait":     func([]string) error { return readyUntilEOF() },
	"stubborn": func([]string) error { signal.Ignore(syscall.SIGTERM); return readyUntilEOF() },
	"listen":   playListen,
	"limited":  playLimited,
	"limits":   playLimits,
	"list":     playList,
	"start":    playStart,
}

func TestMain(m *testing.M) {
	part := os.Getenv(partVariable)
	if part == "" {
		os.Exit(m.Run())
	}
	play := parts[part]
	if play == nil {
		play = func([]string) error { return errors.New("no such part") }
	}
	if err := play(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "part %s: %v\n", part, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// readyUntilEOF says so and lives as long as whoever holds the other end of its stdin.
func readyUntilEOF() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func playListen([]string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// actor is a running part.
type actor struct {
	cmd   *exec.Cmd
	stdin io.Closer
	says  string           // its first line
	reap  func()           // waits for its end and collects it; once
	done  chan struct{}    // closed after that
	state *os.ProcessState // set before that
}

func command(part string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe, args...)
	// Under -race a program lingers for a second at its end unless told not to.
	cmd.Env = append(os.Environ(), partVariable+"="+part, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// run plays a part to its end and returns what it printed.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// begin starts a part and waits for its first line. The test ends it, whatever happens.
func begin(t *testing.T, part string, args ...string) *actor {
	t.Helper()
	a := beginUnreaped(t, part, args...)
	go a.reap()
	return a
}

// beginUnreaped is begin for tests that want a zombie: nobody waits for the child before the end.
func beginUnreaped(t *testing.T, part string, args ...string) *actor {
	t.Helper()
	cmd := command(part, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &actor{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	a.reap = sync.OnceFunc(func() {
		// Not cmd.Wait: it would close the pipe the first line is read from. The only error is
		// that of waiting twice.
		a.state, _ = cmd.Process.Wait()
		close(a.done)
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		a.reap()
	})
	if a.says, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("part %s said nothing: %v", part, err)
	}
	a.says = strings.TrimSpace(a.says)
	return a
}

func (a *actor) identity(t *testing.T) Identity {
	t.Helper()
	id, err := Of(a.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// endsWell makes sure that nobody signalled the part: it lives, and ends by itself when its stdin
// does, which one with a SIGTERM or SIGKILL on its way would not.
func (a *actor) endsWell(t *testing.T) {
	t.Helper()
	if err := a.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	<-a.done
	if !a.state.Success() {
		t.Errorf("it did not survive: %v", a.state)
	}
}

// open pins a part that is known to be alive.
func (a *actor) open(t *testing.T) *Process {
	t.Helper()
	p, err := Open(a.identity(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !within(10*time.Second, holds) {
		t.Fatalf("not within 10 s: %s", what)
	}
}

func within(d time.Duration, holds func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(d)
	for !holds() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// absent ends a test that needs something this machine lacks: skipped at a desk, failed in CI,
// where a test that never runs would look like one that passes.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must run this test, but there is no %s", what)
	}
	t.Skipf("this machine has no %s", what)
}
