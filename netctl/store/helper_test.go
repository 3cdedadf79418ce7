package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tests need other processes and other circumstances than their own. With partVariable set, this
// binary plays another process; with placeVariable set, it changes its circumstances and then runs
// the test that asked for them.
const (
	partVariable  = "GOSSIPCTL_TEST_PART"
	placeVariable = "GOSSIPCTL_TEST_PLACE"
)

var parts = map[string]func(args []string) error{
	"hold":    playHold,
	"contend": playContend,
	"wait":    func([]string) error { return readyUntilEOF() },
}

// places are what a test can ask for with inPlace.
var places = map[string]func() error{
	"nobody": becomeNobody,
	"small files": func() error {
		signal.Ignore(syscall.SIGXFSZ) // else a file that grows too large ends the program
		return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: 4096})
	},
}

func TestMain(m *testing.M) {
	if part := os.Getenv(partVariable); part != "" {
		if err := parts[part](os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "part %s: %v\n", part, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if place := os.Getenv(placeVariable); place != "" {
		if err := places[place](); err != nil {
			fmt.Printf("absent: %v\n", err)
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// inPlace reports whether the test runs in the place it needs. If not, it has been run there, in
// another process, with its result taken over, and is to return.
func inPlace(t *testing.T, place string, attr *syscall.SysProcAttr) bool {
	t.Helper()
	if os.Getenv(placeVariable) == place {
		return true
	}
	temp, err := os.MkdirTemp("", "place") // t.TempDir would be ours alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := binary(t, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(cmd.Env, placeVariable+"="+place, "TMPDIR="+temp)
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if what, is := strings.CutPrefix(string(out), "absent: "); is {
		absent(t, place+": "+strings.TrimSpace(what))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		absent(t, fmt.Sprintf("%s: %v", place, err))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%s: %v\n%s", place, err, out)
	}
	return false
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

// becomeNobody gives up root. Whoever runs the tests without it is as good as nobody already.
func becomeNobody() error {
	const nobody = 65534
	if os.Geteuid() != 0 {
		return nil
	}
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
}

func binary(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	// Under -race a program lingers for a second at its end unless told not to.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = nil
	return cmd
}

// begin starts a part and waits for its first line; end lets it end and returns how it did.
func begin(t *testing.T, part string, env []string, args ...string) (p *os.Process, end func() error) {
	t.Helper()
	cmd := binary(t, args...)
	cmd.Env = append(append(cmd.Env, partVariable+"="+part), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
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
	end = func() error {
		in.Close()
		return cmd.Wait()
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = end()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("part %s: %q, %v", part, line, err)
	}
	return cmd.Process, end
}

func readyUntilEOF() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}

// lab makes the folder of a network in a new root.
func lab(t *testing.T) *Dir {
	t.Helper()
	return openLab(t, filepath.Join(t.TempDir(), "root"))
}

func openLab(t *testing.T, root string) *Dir {
	t.Helper()
	d, err := Open(root, "lab", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// list names everything in a folder, to show that nothing was left behind.
func list(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

func put(t *testing.T, path, text string, perm fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil { // past the umask
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
