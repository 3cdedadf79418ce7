//go:build linux

package netctl_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// startStranger runs a program that has nothing to do with the network. Its name, as the kernel shows
// it, is made to confuse whoever reads /proc carelessly. It inherits the files.
func startStranger(t *testing.T, files ...*os.File) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a) Z 1 (b")
	if err := os.Symlink(sleep, path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "100")
	cmd.ExtraFiles = files
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// untouched makes sure that no signal has reached a stranger: it can still be ended by the first one.
func untouched(t *testing.T, stranger *exec.Cmd) {
	t.Helper()
	if err := stranger.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Errorf("the stranger did not survive: %v", err)
		return
	}
	stranger.Wait()
	if s := stranger.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGUSR2 {
		t.Errorf("the stranger was ended by %v", s.Signal())
	}
}

// After a reboot the state file names processes that ended with the machine.
func TestRow07Rebooted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(6)
	kill(t, v.Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.reboot()
	l.must(3, []string{"is not running: it was running before the last reboot, and its 6 nodes ended with it"}, "send-message", "1", "hello")
	l.must(0, []string{"it was running before the last reboot. Its state was cleared"}, "stop-network")
	l.must(0, []string{"is not running"}, "stop-network")
}

// Whoever has those pids since is a stranger, even one that looks just like our own: here it is.
func TestRow07NobodyIsSignalledAfterAReboot(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"stop-network", "start-network"} {
		l := newLab(t)
		v := l.start(6)
		l.reboot()
		if next == "stop-network" {
			l.must(0, nil, next)
		} else {
			l.start(4)
			l.must(0, nil, "stop-network")
		}
		left := l.processes()
		if len(left) != 7 || slices.ContainsFunc(left, func(p process) bool { return p.state == "T" || p.state == "Z" }) {
			t.Errorf("%s has touched processes of another boot: %+v", next, left)
		}
		kill(t, v.Controller.PID, syscall.SIGTERM)
		l.gone(3 * time.Second)
	}
}

// reboot makes the state file look as if the machine had been restarted.
func (l *lab) reboot() {
	l.t.Helper()
	l.edit(func(s *netctl.State) {
		s.Controller.Boot = "another-boot"
		for i := range s.Nodes {
			s.Nodes[i].Process.Boot = "another-boot"
		}
	})
}

// Its pids have passed on to strangers while nobody looked.
func TestRow08PidsOfStrangers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, next := range []string{"stop", "start"} {
		v := l.start(6)
		kill(t, v.Controller.PID, syscall.SIGKILL)
		l.gone(2 * time.Second)
		var strangers []*exec.Cmd
		for range 3 {
			strangers = append(strangers, startStranger(t))
		}
		l.edit(func(s *netctl.State) {
			s.Controller.PID = strangers[0].Process.Pid
			s.Nodes[0].Process.PID = strangers[1].Process.Pid
			s.Nodes[5].Process.PID = strangers[2].Process.Pid
		})
		l.must(3, []string{"its process id belongs to another program now"}, "show-network")
		if next == "stop" {
			l.must(0, []string{"its process id belongs to another program now. Its state was cleared"}, "stop-network")
		} else {
			l.start(4)
		}
		for _, s := range strangers {
			untouched(t, s)
		}
	}
}

// A node's pid has passed on, and the network runs.
func TestRow08PidOfAStrangerInARunningNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6)
	stranger := startStranger(t)
	l.edit(func(s *netctl.State) { s.Nodes[1].Process.PID = stranger.Process.Pid })
	l.must(0, []string{"stopped: 6 nodes"}, "stop-network")
	untouched(t, stranger)
}

// The kernel gives the pid of a controller that was killed to another program: really, in a pid namespace that nobody else uses.
func TestRow08PidReusedByTheKernel(t *testing.T) {
	t.Parallel()
	try := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo 100 > /proc/sys/kernel/ns_last_pid")
	needs(t, "root and unshare, for a pid namespace", try.Run() == nil)
	l := newLab(t)
	l.base, l.size = freePorts(4), 4
	script := `
		"$G" start-network circular -n 3 --base-port "$BASE" -q -o name >&2 || exit 91
		pid=$("$G" show-network -o json | tr -d ' \n' | sed 's/.*"controller":{"pid":\([0-9]*\).*/\1/')
		kill -9 "$pid" || exit 92
		for try in $(seq 100); do # this shell is process 1, and reaps what others have left to it while it waits
			echo $((pid - 1)) > /proc/sys/kernel/ns_last_pid
			sleep 100 &
			test $! = "$pid" && break # not as long as its nodes are in its session
			kill $!
			sleep 0.05
		done
		test $! = "$pid" || exit 93
		"$G" show-network; echo "exit $?"
		"$G" stop-network; echo "exit $?"
		kill -USR2 "$pid" || exit 94
		wait "$pid"; echo "stranger $?"`
	l.use, l.wrap = "sh", []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}
	l.env = []string{"G=" + program(), "BASE=" + strconv.Itoa(l.base)}
	r := l.run("-c", script)
	l.use, l.wrap, l.env = program(), nil, nil
	if r.code != 0 || strings.Count(r.out+r.err, "its process id belongs to another program now") != 2 {
		t.Fatal(r)
	}
	for _, text := range []string{"exit 3\n", "exit 0\n", fmt.Sprintf("stranger %d\n", 128+int(syscall.SIGUSR2))} {
		if !strings.Contains(r.out, text) {
			t.Errorf("want %q, have %v", text, r)
		}
	}
}

func TestRow09PortOfAStranger(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 3, 8} { // the controller's, a node's, the last
		l := newLab(t)
		l.base, l.size = freePorts(9), 0
		port := l.base + at
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		stranger := startStranger(t, file)
		listener.Close()
		file.Close()

		r := l.must(6, []string{
			fmt.Sprintf("port %d is in use by another program (pid %d a) Z 1 (b); nothing was started", port, stranger.Process.Pid),
			`"code": "port_in_use"`,
		}, l.startArgs(8)...)
		l.nothingLeft()
		l.followHint(r, 8)
		untouched(t, stranger)
	}
}

var basePort = regexp.MustCompile(`try --base-port (\d+)`)

// followHint starts a network on the base port that an error has named.
func (l *lab) followHint(r result, nodes int) {
	l.t.Helper()
	for range 5 {
		hint := basePort.FindStringSubmatch(r.err)
		if hint == nil {
			l.t.Fatalf("no hint in %v", r)
		}
		l.base, _ = strconv.Atoi(hint[1])
		if r = l.run(l.startArgs(nodes)...); r.code != 6 { // else another test was faster
			break
		}
	}
	l.size = nodes + 1
	if r.code != 0 {
		l.t.Error(r)
	}
}

func TestRow10PortOfAnotherNetwork(t *testing.T) {
	t.Parallel()
	one := newLab(t)
	v := one.start(8)
	for _, shift := range []int{0, 3, 8} {
		other := newLab(t)
		other.base = one.base + shift
		r := other.must(6, []string{
			fmt.Sprintf("port %d is in use by gossipctl network %q; nothing was started", other.base, one.name),
		}, other.startArgs(8)...)
		other.nothingLeft()
		other.followHint(r, 8)
	}
	if again := one.view(); again.Controller != v.Controller || again.Count(netctl.Running) != 8 {
		t.Errorf("the one that ran was touched: %v", again)
	}
}

// A state file that names the wrong process does not make a network that answers a stranger: it is
// stopped like any other, and not forgotten while it runs.
func TestStopANetworkWhoseRecordedControllerIsWrong(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4)
	l.edit(func(s *netctl.State) { s.Controller.Start++ })
	l.must(0, []string{"stopped: 4 nodes"}, "stop-network")
	l.nothingLeft()
}

// A dead node refuses calls at once, and keeps its port: whoever got that would be told its peers'
// token. A removed node lets go of it.
func TestNobodyTakesThePortOfADeadNode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(4, "circular")
	addr := strings.TrimPrefix(v.Nodes[1].URL, "http://")
	kill(t, v.Nodes[1].PID, syscall.SIGKILL)
	eventually(t, 2*time.Second, "it is dead", func() bool { v := l.view(); return v.Count(netctl.Dead) == 1 })
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("a dead node accepts calls")
	}
	if thief, err := net.Listen("tcp", addr); err == nil {
		thief.Close()
		t.Error("the port of a dead node can be taken")
	}
	l.must(0, nil, "remove-node", "2")
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port of a removed node is kept: %v", err)
	}
	again.Close()
}

func TestRow11TwoNetworks(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	nets := []*lab{newLabIn(t, home), newLabIn(t, home)}
	for _, l := range nets {
		l.start(8)
	}
	const messages = 100
	for i := range messages {
		for _, l := range nets {
			body := fmt.Sprintf("%s %d", l.name, i)
			if _, err := l.client(gossip.NodeID(i%8+1)).Publish(t.Context(), api.PublishRequest{Body: &body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, l := range nets {
		for id := gossip.NodeID(1); id <= 8; id++ {
			if _, err := l.client(id).Inbox(t.Context(), messages, 5*time.Second); err != nil {
				t.Fatal(err)
			}
			got, err := l.client(id).Read(t.Context(), api.ReadRequest{Status: "all"})
			if err != nil || len(got) != messages {
				t.Errorf("node %d of %s has %d messages: %v", id, l.name, len(got), err)
			}
			for _, m := range got {
				if !strings.HasPrefix(string(m.Body), l.name+" ") {
					t.Errorf("node %d of %s has %q", id, l.name, m.Body)
				}
			}
		}
	}
	// Whoever forgets to say which of them is told which there are.
	nets[0].must(3, []string{nets[0].name, nets[1].name, "--network"}, "send-message", "1", "hello", "--network", "default")
	nets[0].must(0, nil, "stop-network")
	if v := nets[1].view(); v.Count(netctl.Running) != 8 {
		t.Errorf("stopping the one has touched the other: %v", v)
	}
}

// Node 3 of one network believes that its peer is where a node of another network listens.
func TestRow12PeersOfAnotherNetwork(t *testing.T) {
	t.Parallel()
	old, fresh := newLab(t), newLab(t)
	old.start(4, "circular")
	v := fresh.start(1, "circular")
	if err := old.client(3).SetPeers(t.Context(), []api.Peer{{ID: 2, Addr: strings.TrimPrefix(v.Nodes[0].URL, "http://")}}); err != nil {
		t.Fatal(err)
	}

	old.must(0, nil, "send-message", "3", "for my friends only")
	refused := func() uint64 {
		stats, err := fresh.client(1).Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Dropped["refused_wrong_network"]
	}
	eventually(t, 5*time.Second, "the old peer was refused, and counted", func() bool { return refused() > 0 })

	// So is whoever guesses, with and without a token of the other network.
	before := refused()
	for _, token := range []string{"", "Bearer 0000"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fresh.view().Nodes[0].URL+"/v1/packets", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(transport.HeaderNetwork, "0123456789abcdef")
		req.Header.Set("Authorization", token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "wrong network") {
			t.Errorf("%s: %s", resp.Status, text)
		}
	}
	if now := refused(); now < before+2 {
		t.Errorf("%d refusals are counted, after %d", now, before)
	}
	inbox, err := fresh.client(1).Inbox(context.Background(), 0, 0)
	if err != nil || inbox.Messages != 0 {
		t.Errorf("the new network has %d messages of the old one: %v", inbox.Messages, err)
	}
}
