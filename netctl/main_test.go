//go:build linux

package netctl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "gossipctl/cmd" // the program under test: go test must not keep a result when it has changed
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/netctl/store"
	"gossipctl/node/api"
)

// The tests of this package run the real program and look at real processes from outside, in /proc.
// Those named TestRow… try the fault of that number in the project's table of faults.

// bin is the folder the program is built into. Other users may look into it: some tests run it as nobody.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "gossipctl-bin"); err == nil {
		err = os.Chmod(bin, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(bin)
	os.Exit(status)
}

// program builds the program the way it is shipped, once, and returns its path.
var program = sync.OnceValue(func() string {
	path := filepath.Join(bin, "gossipctl")
	build := exec.Command("go", "build", "-o", path, "gossipctl/cmd/gossipctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("building the program: %v\n%s", err, out))
	}
	return path
})

// A lab is one network under test: a name of its own, a state folder of its own, ports of its own.
type lab struct {
	t    *testing.T
	name string
	use  string   // the program
	home string   // XDG_STATE_HOME
	base int      // base port
	size int      // ports in use above it
	wrap []string // put before the program, such as prlimit
	env  []string // added to the environment
}

var labs atomic.Int64

// newLab makes a lab. When the test is over it stops the network, and makes sure that nothing of it is left.
func newLab(t *testing.T) *lab {
	t.Helper()
	return newLabIn(t, t.TempDir())
}

func newLabIn(t *testing.T, home string) *lab {
	t.Helper()
	l := &lab{t: t, use: program(), name: fmt.Sprintf("t%d-%d", os.Getpid(), labs.Add(1)), home: home}
	t.Cleanup(func() {
		if r := l.run("stop-network"); r.code != 0 {
			t.Errorf("stop-network at the end of the test: %v", r)
		}
		l.nothingLeft()
	})
	return l
}

// result is what one run of the program came to.
type result struct {
	args     []string
	out, err string
	code     int
	took     time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("%v: exit %d after %v\nstdout: %.2000s\nstderr: %.2000s", r.args, r.code, r.took.Round(time.Millisecond), r.out, r.err)
}

// patience is how long one run of the program may take. Whatever it starts must not keep its output open
// either: a test that waits for that output would wait for ever.
const patience = 40 * time.Second

func (l *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := append(slices.Clone(l.wrap), l.use)
	argv = append(argv, args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + l.home, "XDG_STATE_HOME=" + l.home, "XDG_CONFIG_HOME=" + l.home,
		"GOSSIPCTL_NETWORK=" + l.name,
	}, l.env...)
	cmd.WaitDelay = time.Second
	return cmd
}

// begin starts the program without waiting for it. What it comes to is sent when it has ended.
func (l *lab) begin(args ...string) (*os.Process, chan result) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	var out, errs bytes.Buffer
	cmd := l.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		cancel()
		l.t.Fatal(err)
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		err := cmd.Wait()
		r := result{args, out.String(), errs.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
		var exit *exec.ExitError
		if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
			l.t.Errorf("%v: %v", r, err)
		}
		done <- r
	}()
	return cmd.Process, done
}

// run runs the program to its end. It may be called from several goroutines at once.
func (l *lab) run(args ...string) result {
	l.t.Helper()
	_, done := l.begin(args...)
	return <-done
}

// must runs the program and wants an exit status, and texts in what it prints.
func (l *lab) must(code int, texts []string, args ...string) result {
	l.t.Helper()
	r := l.run(args...)
	if r.code != code {
		l.t.Fatalf("want exit %d, have %v", code, r)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			l.t.Errorf("want %q, have %v", text, r)
		}
	}
	return r
}

// growth is how many nodes a test may add.
const growth = 20

// start starts the network on ports that are free, and returns what the program says of it.
func (l *lab) start(nodes int, args ...string) netctl.View {
	l.t.Helper()
	for range 20 {
		l.base, l.size = freePorts(nodes+1+growth), nodes+1+growth
		r := l.run(l.startArgs(nodes, args...)...)
		if r.code == 6 && strings.Contains(r.out, "port_in_use") {
			continue // somebody was faster
		}
		if r.code != 0 {
			l.t.Fatal(r)
		}
		return parse[netctl.View](l.t, r)
	}
	l.t.Fatal("no ports are free")
	return netctl.View{}
}

func (l *lab) startArgs(nodes int, args ...string) []string {
	return append([]string{"start-network", "-n", strconv.Itoa(nodes), "--base-port", strconv.Itoa(l.base), "--seed", "1", "-o", "json"}, args...)
}

func parse[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("%v in %v", err, r)
	}
	return v
}

// view asks the program how the network is.
func (l *lab) view() netctl.View {
	l.t.Helper()
	return parse[netctl.View](l.t, l.must(0, nil, "show-network", "-o", "json"))
}

// node is one node of the network as it is now.
func (l *lab) node(id gossip.NodeID) netctl.NodeView {
	l.t.Helper()
	v := l.view()
	n, ok := v.Node(id)
	if !ok {
		l.t.Fatalf("there is no node %d in %v", id, v.Nodes)
	}
	return n
}

// client asks a node itself.
func (l *lab) client(id gossip.NodeID) *api.Client {
	l.t.Helper()
	n, err := netctl.Open(filepath.Join(l.home, "gossipctl"), l.name)
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := n.Node(id)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// folder is the state folder of the network.
func (l *lab) folder() string { return filepath.Join(l.home, "gossipctl", l.name) }

func (l *lab) stateFile() string { return filepath.Join(l.folder(), "state.json") }

// edit changes the state file behind the network's back.
func (l *lab) edit(change func(s *netctl.State)) {
	l.t.Helper()
	d, err := store.Open(filepath.Join(l.home, "gossipctl"), l.name, false)
	if err != nil {
		l.t.Fatal(err)
	}
	defer d.Close()
	s, err := store.ReadState[netctl.State](d, netctl.StateVersion)
	if err == nil {
		change(&s)
		err = store.WriteState(d, netctl.StateVersion, s)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}
