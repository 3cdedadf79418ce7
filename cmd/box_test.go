//go:build linux

package cmd_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gossipctl/netctl"
	"gossipctl/netctl/store"

	"golang.org/x/sys/unix"
)

// The tests of security try the real programs against what a table of faults in docs/reliability.md
// lists; one that is named TestRow… tries that row.

// A box is a machine as one user has it: a home, a block of ports, and one network.
type box struct {
	t    testing.TB
	home string
	name string // of the network
	base int
	env  []string
}

var boxes atomic.Int64

// newBox makes a box. What runs in it ends with the test.
func newBox(t testing.TB) *box {
	t.Helper()
	return newBoxIn(t, t.TempDir())
}

func newBoxIn(t testing.TB, home string) *box {
	b := &box{t: t, home: home, base: freeBlock(t), name: fmt.Sprintf("box-%d-%d", os.Getpid(), boxes.Add(1))}
	b.env = append(environment(home, b.base), "GOSSIPCTL_NETWORK="+b.name)
	t.Cleanup(func() {
		b.must(0, "", "stop-network")
		if left := b.processes(); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	})
	return b
}

// result is what a run of the program came to.
type result struct {
	args     []string
	out, err string
	code     int
	memory   int64 // bytes it had at most, which begins with those of this test when it was forked
}

func (r result) String() string {
	return fmt.Sprintf("gossipctl %q: exit %d\nstdout: %.2000s\nstderr: %.2000s", r.args, r.code, r.out, r.err)
}

// command prepares a run of the program; it is killed when it takes longer than any command may.
func (b *box) command(env []string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	b.t.Cleanup(cancel)
	c := exec.CommandContext(ctx, filepath.Join(bin, "gossipctl"), args...)
	c.Env, c.Dir = append(slices.Clone(b.env), env...), "/"
	c.WaitDelay = time.Second
	return c
}

// run runs the program, with env in place of variables of the same names.
func (b *box) run(env []string, args ...string) result {
	b.t.Helper()
	var out, errs bytes.Buffer
	c := b.command(env, args...)
	c.Stdout, c.Stderr = &out, &errs
	return b.finish(c, c.Run(), &out, &errs)
}

func (b *box) finish(c *exec.Cmd, err error, out, errs *bytes.Buffer) result {
	b.t.Helper()
	r := result{args: c.Args[1:], out: out.String(), err: errs.String()}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		b.t.Fatalf("%v: %v", r, err)
	}
	r.code, r.memory = c.ProcessState.ExitCode(), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10
	if r.code == 2 && strings.Contains(r.out+r.err, "goroutine ") {
		b.t.Errorf("it panicked: %v", r)
	}
	return r
}

// must runs the program and wants an exit status, and a text in what it prints.
func (b *box) must(code int, says string, args ...string) result {
	b.t.Helper()
	r := b.run(nil, args...)
	if r.code != code || !strings.Contains(r.out+r.err, says) {
		b.t.Fatalf("want exit %d and %q; %v", code, says, r)
	}
	return r
}

// start starts the network and returns what the program says of it.
func (b *box) start(nodes int, args ...string) netctl.View {
	b.t.Helper()
	r := b.must(0, "", append([]string{"start-network", "circular", "-n", strconv.Itoa(nodes), "-o", "json"}, args...)...)
	return parse[netctl.View](b.t, r.out)
}

// view asks the program how the network is.
func (b *box) view() netctl.View {
	b.t.Helper()
	return parse[netctl.View](b.t, b.must(0, "", "show-network", "-o", "json").out)
}

func parse[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.500q", err, text)
	}
	return v
}

// root is the folder of all networks, folder that of the one in the box.
func (b *box) root() string   { return filepath.Join(b.home, "state", "gossipctl") }
func (b *box) folder() string { return filepath.Join(b.root(), b.name) }

// addr is the address of a node, or with 0 of the controller.
func (b *box) addr(node int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.base+node)) }

// state reads the state file.
func (b *box) state() netctl.State {
	b.t.Helper()
	d, err := store.Open(b.root(), b.name, false)
	if err != nil {
		b.t.Fatal(err)
	}
	defer d.Close()
	s, err := store.ReadState[netctl.State](d, netctl.StateVersion)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// tokens derives, from the secret of the running network, what its servers want to be shown.
func (b *box) tokens() (secret []byte, control, peer string) {
	b.t.Helper()
	secret, err := os.ReadFile(filepath.Join(b.folder(), "secret"))
	if err != nil {
		b.t.Fatal(err)
	}
	token := func(label string) string {
		key, err := hkdf.Key(sha256.New, secret, nil, "gossipctl "+label+" token", 32)
		if err != nil {
			b.t.Fatal(err)
		}
		return hex.EncodeToString(key)
	}
	return secret, token("control"), token("peer")
}

// processes lists the processes of the network by pid, with their arguments.
func (b *box) processes() map[int]string {
	return allProcesses(func(argv string) bool { return strings.Contains(argv, "\x00--network\x00"+b.name+"\x00") })
}

func allProcesses(want func(argv string) bool) map[int]string {
	found := make(map[int]string)
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		argv, err := os.ReadFile(path)
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && want(string(argv)) {
			found[pid] = string(argv)
		}
	}
	return found
}

// strangers never follow, keep nothing open, and say only what they are told to say.
var stranger = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}

// ask sends a request as a stranger would write it. The path is sent as it is; a Host in header
// is the host that is asked for.
func ask(t testing.TB, addr, method, path, body string, header map[string]string) (status int, answer string, back http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = path
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	resp, err := stranger.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data), resp.Header
}

// bearer is the header of a good request, with other lines in addition or in place of its own.
func bearer(token string, others ...string) map[string]string {
	header := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	for i := 0; i < len(others); i += 2 {
		header[others[i]] = others[i+1]
	}
	maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
	return header
}

// holds waits for a condition with a deadline.
func holds(within time.Duration, ok func() bool) bool {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !ok() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// needsRoot ends a test that must play several users: skipped at a desk, failed in CI, where a test
// that never runs would look like one that passes.
func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run this test, which needs root")
	}
	t.Skip("this test needs root")
}

// snapshot is everything below a folder: modes, owners, what links lead to and what files hold.
func snapshot(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // gone meanwhile, as a file does that takes the place of another
		}
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%v uid %d", info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
		switch {
		case info.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(path)
			all[path] = what + " to " + to
			return err
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if !errors.Is(err, os.ErrNotExist) {
				all[path] = what + " " + string(data)
				return err
			}
			return nil
		}
		all[path] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// terminal runs the program on a terminal of its own, 100 columns wide, and returns everything it
// writes there: stdout and stderr as a person sees them.
func (b *box) terminal(env []string, args ...string) result {
	b.t.Helper()
	master, slave := openTerminal(b.t)
	shown := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(master) // ends with an error when nobody has the other end any more
		shown <- data
	}()
	c := b.command(append([]string{"TERM=xterm-256color"}, env...), args...)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	err := c.Run()
	slave.Close()
	return b.finish(c, err, bytes.NewBuffer(<-shown), new(bytes.Buffer))
}

// openTerminal makes a pseudo-terminal that passes on what is written exactly as it is.
func openTerminal(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err == nil {
		settings.Oflag &^= unix.OPOST // else \n comes out as \r\n
		settings.Lflag &^= unix.ECHO
		err = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// ownMemory is how many bytes this test has had at most.
func ownMemory() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Maxrss << 10
}
