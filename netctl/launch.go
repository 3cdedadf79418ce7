package netctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl/proc"
	"gossipctl/node/api"

	"golang.org/x/sys/unix"
)

// NodeCommand is the first argument of a node process.
const NodeCommand = "node"

// stopGrace is how long a node may take to end by itself before it is killed. An idle one takes a
// millisecond, a busy one the quarter of a second in which it passes on what its queues hold.
const stopGrace = 2 * time.Second

// wakeAfter is when nodes that have not ended are taken for stopped. Hundreds of them end within it.
const wakeAfter = 300 * time.Millisecond

// exit is how a node process ended.
type exit struct {
	At   time.Time
	What string // killed by signal 9 (killed), exited with status 1
}

// child is one node process. The controller is its parent, so its pid is its own until it is
// reaped here.
type child struct {
	node gossip.NodeID
	run  uint32 // which of its lives this is
	id   proc.Identity
	gone chan struct{} // closed when it has been reaped and its end has been noted
	exit exit          // set before that

	byHand *proc.Process // of a node that a person has started: it is no child, and pinned instead
}

// launcher forks node processes and reaps them.
type launcher struct {
	exe string

	// The writing end of the lifeline. It is never written to and must never be closed by accident:
	// a field keeps the garbage collector off, which would otherwise end every node.
	lifeline  *os.File
	lifelineR *os.File

	ports  heldPorts
	ending atomic.Bool // the whole network ends, and its ports with it

	onBirth func(*child) // is done before the child can be reaped
	onExit  func(*child)

	mu       sync.Mutex
	children map[int]*child // by pid, until reaped
	stop     chan struct{}
	reaper   sync.WaitGroup // of every goroutine of the launcher
}

func newLauncher(onBirth, onExit func(*child)) (*launcher, error) {
	r, w, err := newLifeline()
	if err != nil {
		return nil, fmt.Errorf("making the lifeline: %w", err)
	}
	l := &launcher{
		exe: executable(), lifeline: w, lifelineR: r, onBirth: onBirth, onExit: onExit,
		children: make(map[int]*child), stop: make(chan struct{}),
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	l.reaper.Go(func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-signals:
				l.reap()
			case <-l.stop:
				return
			}
		}
	})
	return l, nil
}

// newLifeline makes a pipe whose reading end stays non-blocking however often it is passed on. All
// nodes share that end: were it switched over while some of them read it, one would take "nothing
// yet" for the end of the controller, and another could not be woken any more. [os.Pipe] alone does
// that, its ends go back to blocking with every fork.
func newLifeline() (r, w *os.File, err error) {
	pipe, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	fd, err := unix.FcntlInt(pipe.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	pipe.Close()
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		w.Close()
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), "lifeline"), w, nil
}

// executable is this very program, even when its file has been replaced since it was started: a
// network must not be made of two versions.
func executable() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func (l *launcher) close() {
	close(l.stop)
	l.reaper.Wait()
	l.lifeline.Close()
	l.lifelineR.Close()
	l.ports.freeAll()
}

// start forks one node. Ready is the writing end of the ready pipe, stderr takes what a crash says.
// The listener goes to the launcher's held ports: when the node ends it must not accept any more, but
// keep its port. A listener of nil stands for the one that is held for the node.
func (l *launcher) start(cfg api.NodeConfig, listener *net.TCPListener, ready, stderr *os.File, cores int) error {
	take := l.ports.reopen
	if listener != nil {
		take = func(id gossip.NodeID) (*os.File, error) { return l.ports.share(id, listener) }
	}
	socket, err := take(cfg.ID)
	if err != nil {
		return err
	}
	configR, configW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer configR.Close()
	data, err := json.Marshal(cfg)
	if err != nil {
		configW.Close()
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		configW.Close()
		return err
	}
	defer null.Close()

	c := &child{node: cfg.ID, run: cfg.Run, gone: make(chan struct{})}
	env := []string{}
	if cores > 0 {
		// With more nodes than cores, one processor each is faster: see docs/architecture.md.
		env = append(env, "GOMAXPROCS="+strconv.Itoa(cores))
	}
	l.mu.Lock() // so that the reaper cannot meet a child it does not know yet
	process, err := os.StartProcess(l.exe,
		[]string{"gossipctl", NodeCommand, "--network", cfg.Network, "--id", strconv.Itoa(int(cfg.ID))},
		&os.ProcAttr{
			Dir: "/", Env: env,
			Files: []*os.File{null, stderr, stderr, socket, ready, l.lifelineR, configR},
			Sys:   &syscall.SysProcAttr{Setpgid: true},
		})
	if err == nil {
		pid := process.Pid
		process.Release() // of a descriptor for each node: the launcher waits for its children itself
		if c.id, err = proc.Of(pid); err != nil {
			c.id.PID = pid
			err = fmt.Errorf("identifying pid %d: %w", pid, err)
		}
		l.children[pid] = c
		l.onBirth(c)
	}
	l.mu.Unlock()
	if err != nil {
		configW.Close()
		return err
	}
	l.send(configW, data)
	return nil
}

// pipeRoom is what every pipe takes without a reader.
const pipeRoom = 16 << 10

// send writes a configuration and closes the pipe. A node that is born dead breaks the pipe; its
// exit will say more than that error could.
func (l *launcher) send(w *os.File, data []byte) {
	write := func() {
		w.Write(data)
		w.Close()
	}
	if len(data) > pipeRoom {
		// A hub with thousands of peers: do not wait for it to read, others are to be started.
		l.reaper.Go(write)
		return
	}
	write()
}

// reap collects every child that has ended.
func (l *launcher) reap() {
	for {
		var status syscall.WaitStatus
		l.mu.Lock()
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			l.mu.Unlock()
			continue
		}
		if pid <= 0 || err != nil {
			l.mu.Unlock()
			return
		}
		c := l.children[pid]
		delete(l.children, pid)
		l.mu.Unlock()
		if c == nil {
			continue
		}
		if !l.ending.Load() {
			l.ports.hold(c.node)
		}
		c.exit = exit{At: time.Now().UTC(), What: describe(status)}
		l.onExit(c)
		close(c.gone)
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("%v, signal %d", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// signal sends a signal to a child that has not been reaped; its pid cannot be anybody else's.
func (l *launcher) signal(c *child, sig syscall.Signal) {
	if c.byHand != nil {
		c.byHand.Signal(sig) // of no effect when it has ended
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.children[c.id.PID] == c {
		syscall.Kill(c.id.PID, sig)
	}
}

// end ends children, all at once: asked first, killed after the grace. It returns when each has
// been reaped, and says how many had to be killed.
func (l *launcher) end(children []*child) (killed int) {
	for _, c := range children {
		l.signal(c, syscall.SIGTERM)
	}
	// A stopped process acts on nothing but this, and most often there is none.
	wake := time.AfterFunc(wakeAfter, func() {
		for _, c := range children {
			l.signal(c, syscall.SIGCONT)
		}
	})
	defer wake.Stop()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	late := false
	for _, c := range children {
		if !late {
			select {
			case <-c.gone:
				continue
			case <-grace.C:
				late = true
			}
		}
		select {
		case <-c.gone:
		default:
			killed++
			l.signal(c, syscall.SIGKILL)
		}
	}
	for _, c := range children {
		<-c.gone
	}
	return killed
}

// awaitReady reads node numbers off the ready pipe until all of want have reported. The pipe ends
// when every node has reported or died, so a failure shows at once and not by a timeout.
func awaitReady(ctx context.Context, pipe *os.File, want []gossip.NodeID, report func(done int)) (missing []gossip.NodeID, err error) {
	stop := context.AfterFunc(ctx, func() { pipe.SetReadDeadline(time.Now()) })
	defer stop()
	waiting := make(map[gossip.NodeID]bool, len(want))
	for _, id := range want {
		waiting[id] = true
	}
	lines := bufio.NewScanner(pipe)
	for len(waiting) > 0 && lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "READY ")
		id, convErr := strconv.Atoi(text)
		if !ok || convErr != nil || !waiting[gossip.NodeID(id)] {
			return nil, fmt.Errorf("a node reported %q", lines.Text())
		}
		delete(waiting, gossip.NodeID(id))
		report(len(want) - len(waiting))
	}
	for _, id := range want {
		if waiting[id] {
			missing = append(missing, id)
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
		return missing, err
	}
	return missing, context.Cause(ctx)
}
