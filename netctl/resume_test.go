//go:build linux

package netctl_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/trace"

	"golang.org/x/sys/unix"
)

// keepLab is a lab whose network is removed at the end although it is kept.
func keepLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t)
	t.Cleanup(func() { l.run("stop-network", "--discard") })
	return l
}

// bodies are the texts in an inbox, in order.
func (l *lab) bodies(id gossip.NodeID) (list []string) {
	l.t.Helper()
	r := l.must(0, nil, "get-messages", strconv.Itoa(int(id)), "all", "--peek")
	for line := range strings.Lines(r.out) {
		list = append(list, strings.TrimPrefix(strings.TrimSpace(line), "• "))
	}
	return list
}

// resume brings the network back and returns what the program says of it.
func (l *lab) resume(texts ...string) netctl.View {
	l.t.Helper()
	return parse[netctl.View](l.t, l.must(0, texts, "start-network", "--resume", "-o", "json"))
}

// A durable network survives its controller, with nodes that stand still or are dead, and again.
func TestRow05ADurableNetworkComesBack(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	v := l.start(8, "--durable")
	l.must(0, nil, "remove-node", "4")
	for i := range 5 {
		l.arrives(1, "message "+strconv.Itoa(i))
	}
	want, run := l.bodies(3), uint32(1)
	for life := range 3 {
		v = l.view()
		kill(t, v.Nodes[6].PID, syscall.SIGKILL) // node 7
		pause(t, v.Nodes[4].PID)                 // node 5
		l.must(0, nil, "send-message", "1", "for those that live")
		want = append(want, "for those that live")
		eventually(t, 5*time.Second, "it arrives", func() bool { return len(l.bodies(3)) == len(want) })
		kill(t, v.Controller.PID, syscall.SIGKILL)
		l.gone(2 * time.Second)

		died := []string{"controller of \"" + l.name + "\" died at ", "; its 7 nodes were stopped; data kept in " + l.folder(), "run gossipctl start-network --resume --network " + l.name}
		l.must(3, died, "show-network")
		l.must(3, died, "send-message", "1", "hello")
		l.must(6, died, l.startArgs(8)...)
		findings := l.doctor(5)
		wants(t, findings, "network", netctl.FindingFail, false, "data kept in", "start-network --resume")
		if life == 1 { // stopping it clears nothing away
			l.must(0, []string{"was not running any more: its controller died", "Its data is kept in " + l.folder()}, "stop-network")
			l.must(3, []string{"is stopped and kept"}, "show-network")
		}
		if life == 2 {
			l.doctor(0, "--fix")
			l.must(3, []string{"is stopped and kept"}, "show-network")
		}
		after := l.resume()
		if after.Count(netctl.Running) != 7 || after.Count(netctl.Removed) != 1 || after.Controller.URL != v.Controller.URL {
			t.Errorf("life %d: %+v", life, after)
		}
		for i := range v.Nodes {
			if v.Nodes[i].URL != after.Nodes[i].URL || after.Nodes[i].Ended != nil && after.Nodes[i].State != netctl.Removed {
				t.Errorf("life %d: node %+v came back as %+v", life, v.Nodes[i], after.Nodes[i])
			}
		}
		if got := l.bodies(3); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("life %d: %q, want %q", life, got, want)
		}
		r := l.must(0, nil, "send-message", "3", "new", "-o", "name")
		if id, err := gossip.ParseID(strings.TrimSpace(r.out)); err != nil || id.Origin != 3 || id.Run <= run || id.Seq != 1 {
			t.Errorf("life %d: the first message is called %s after one of life %d", life, r.out, run)
		} else {
			run = id.Run
		}
		want = append(want, "new")
	}
	l.must(0, nil, "stop-network")
	if _, err := os.Lstat(l.folder()); err == nil {
		t.Error("a network that ran was stopped and is still there")
	}
}

// A controller that is told to end by a signal, as all are when the machine goes down, keeps what is durable.
func TestADurableNetworkIsKeptWhenTheMachineGoesDown(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	v := l.start(4, "--durable")
	l.arrives(1, "hello")
	kill(t, v.Controller.PID, syscall.SIGTERM)
	l.gone(4 * time.Second)
	l.must(3, []string{"is stopped and kept"}, "show-network")
	l.reboot()
	l.resume()
	if got := l.bodies(3); len(got) != 1 {
		t.Error(got)
	}
	kill(t, l.view().Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.reboot()
	l.must(3, []string{"was running before the last reboot; its 4 nodes were stopped; data kept in"}, "show-network")
	l.resume()
	if got := l.bodies(3); len(got) != 1 {
		t.Error(got)
	}
}

// What is durable outlasts a controller that ends on a signal and cannot write down that it does.
func TestADurableNetworkIsKeptWithoutASay(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	v := l.start(4, "--durable")
	l.arrives(1, "hello")
	if err := unix.Prlimit(v.Controller.PID, unix.RLIMIT_FSIZE, &unix.Rlimit{}, nil); err != nil {
		t.Fatal(err)
	}
	kill(t, v.Controller.PID, syscall.SIGTERM)
	l.gone(4 * time.Second)
	l.resume()
	if got := l.bodies(3); len(got) != 1 {
		t.Error(got)
	}
}

// A life that a failed resume has begun is in the record of the run: the next gets another number.
func TestAFailedResumeIsNoViolation(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	l.start(4, "--durable", "--record")
	l.arrives(1, "hello")
	l.must(0, nil, "stop-network", "--keep")
	inbox := filepath.Join(l.folder(), "data", "node-3.inbox")
	good, err := os.ReadFile(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inbox, append([]byte("XXXX"), good[4:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	starts := func() (n int) {
		for _, e := range l.events(check.NodeLog(1)) {
			if e.Kind == trace.Start {
				n++
			}
		}
		return n
	}
	for lives := 1; lives < 2; lives = starts() { // unless it was told to end before it wrote anything
		l.must(1, nil, "start-network", "--resume")
	}
	if err := os.WriteFile(inbox, good, 0o600); err != nil {
		t.Fatal(err)
	}
	l.resume()
	if v := l.judged(0); v.Valid != check.True || v.Live != 4 {
		t.Errorf("%+v", v)
	}
}

// A resume that fails leaves the kept network as it was.
func TestAFailedResumeChangesNothing(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	l.start(6, "--durable")
	l.arrives(1, "hello")
	l.must(0, nil, "stop-network", "--keep")
	before, err := os.ReadFile(l.stateFile())
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string) {
		t.Helper()
		after, err := os.ReadFile(l.stateFile())
		if err != nil || !bytes.Equal(before, after) {
			t.Fatalf("%s: the state is another: %v\n%s", what, err, after)
		}
		if len(l.processes()) > 0 {
			t.Fatalf("%s: something runs", what)
		}
	}
	stranger, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(l.base+3))
	if err != nil {
		t.Fatal(err)
	}
	r := l.must(6, []string{"is in use by", "nothing was started", "free it, and resume the network then"}, "start-network", "--resume")
	if strings.Contains(r.err, "--base-port") {
		t.Error(r)
	}
	stranger.Close()
	same("port in use")

	// One inbox is not what it should be: nobody comes back, and it is left as it is.
	inbox := filepath.Join(l.folder(), "data", "node-5.inbox")
	good, err := os.ReadFile(inbox)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte("XXXX"), good[4:]...)
	if err := os.WriteFile(inbox, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	l.must(1, []string{"node 5 did not start", "the inbox of node 5 cannot be restored", "not a journal", "if " + inbox + " cannot be mended, move it elsewhere", "its peers refill it"}, "start-network", "--resume")
	same("damaged inbox")
	if err := os.Chmod(inbox, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := l.must(1, []string{"unsafe permissions 0644"}, "start-network", "--resume"); strings.Contains(r.err, "not a journal") {
		t.Errorf("it tells of an earlier try: %v", r)
	}
	if err := os.Chmod(inbox, 0o600); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(inbox); !bytes.Equal(now, bad) {
		t.Error("the damaged inbox was changed")
	}
	if err := os.WriteFile(inbox, append(good, "a torn record"...), 0o600); err != nil {
		t.Fatal(err)
	}
	l.must(4, nil, "start-network", "--resume", "--timeout", "1ms")
	same("no time")

	l.resume()
	if got := l.bodies(5); len(got) != 1 {
		t.Error(got)
	}
	if log, _ := os.ReadFile(filepath.Join(l.folder(), "logs", "node-5.log")); !strings.Contains(string(log), `msg="inbox restored" node=5 messages=1 cut_bytes=13`) {
		t.Errorf("the log does not say what was cut: %s", log)
	}
}

// The controller is killed at random moments of a resume: the network is back, or can be brought back.
func TestControllerKilledDuringResume(t *testing.T) {
	l := keepLab(t)
	l.start(16, "--durable")
	l.arrives(1, "hello")
	l.must(0, nil, "stop-network", "--keep")
	began := time.Now()
	l.resume()
	calm := time.Since(began)
	l.must(0, nil, "stop-network", "--keep")
	for range 8 {
		_, done := l.begin("start-network", "--resume")
		controller := 0
		eventually(t, 5*time.Second, "there is a controller", func() bool {
			controller = l.controller()
			return controller != 0
		})
		<-time.After(rand.N(calm))
		kill(t, controller, syscall.SIGKILL)
		l.gone(2 * time.Second)
		<-done
	}
	l.resume()
	for _, id := range []gossip.NodeID{1, 9, 16} {
		if got := l.bodies(id); len(got) != 1 || got[0] != "hello" {
			t.Errorf("node %d: %q", id, got)
		}
	}
}

// Inboxes in memory are saved by nodes that can be asked, also by those that stand still; of the others it is
// said that they are lost.
func TestKeepingANetworkInMemory(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	v := l.start(6, "--repair", "none") // which would bring the messages back
	l.arrives(1, "hello")
	kill(t, v.Nodes[1].PID, syscall.SIGKILL)
	eventually(t, 2*time.Second, "node 2 is dead", func() bool { return l.node(2).State == netctl.Dead })
	pause(t, v.Nodes[2].PID)
	l.must(0, []string{"memory inbox was lost of node 2\n", "Its data is kept in"}, "stop-network", "--keep")
	l.resume()
	for id, want := range map[gossip.NodeID]int{1: 1, 2: 0, 3: 1, 4: 1, 6: 1} {
		if got := l.bodies(id); len(got) != want {
			t.Errorf("node %d: %q", id, got)
		}
	}

	// Killed, it comes back without what it had only in memory, and says so; or is cleared as ever.
	kill(t, l.view().Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.must(0, []string{"memory inbox was lost of nodes 1, 2, 3, 4, 5, 6: each comes back as it was when the network was last kept"}, "stop-network", "--keep")
	l.resume()
	kill(t, l.view().Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.resume("memory inbox was lost of every node")
	kill(t, l.view().Controller.PID, syscall.SIGKILL)
	l.gone(2 * time.Second)
	l.must(0, []string{"Its state was cleared"}, "stop-network")
	l.must(3, nil, "start-network", "--resume")
}

// When an inbox cannot be saved the network is not stopped; nor when nobody can be asked.
func TestWhatCannotBeKeptGoesOn(t *testing.T) {
	t.Parallel()
	l := keepLab(t)
	v := l.start(4)
	l.arrives(1, "hello")
	pause(t, v.Nodes[3].PID)
	beside := filepath.Join(l.folder(), "data", "node-2.inbox.new")
	if err := os.MkdirAll(filepath.Join(beside, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.must(1, []string{"node 2 could not save its inbox", "the network goes on", "without --keep"}, "stop-network", "--keep")
	if now := l.node(4).State; now != netctl.Paused {
		t.Errorf("node 4 stood still, and is %s now", now)
	}
	l.must(0, nil, "resume-node", "4")
	l.arrives(2, "it does")
	l.change("add-node")
	if err := os.RemoveAll(beside); err != nil {
		t.Fatal(err)
	}
	pause(t, v.Controller.PID)
	l.must(1, []string{"does not answer, so its nodes cannot be asked to save"}, "stop-network", "--keep")
	kill(t, v.Controller.PID, syscall.SIGCONT)
	l.must(0, nil, "stop-network", "--keep")
	l.resume()
	if got := l.bodies(3); len(got) != 2 {
		t.Error(got)
	}

	l.must(0, nil, "stop-network", "--discard")
	v = l.start(4, "--durable") // on disk already: nobody need be asked
	l.arrives(1, "hello")
	pause(t, v.Controller.PID)
	l.must(0, []string{"the controller was paused and was ended", "Its data is kept in"}, "stop-network", "--keep")
	l.resume()
	if got := l.bodies(3); len(got) != 1 {
		t.Error(got)
	}
}

// The disk fills up while a durable network runs: what it cannot keep it refuses, and says so; what it has
// accepted stays; with room again it goes on. All of it sees a small disk that nobody else sees.
func TestRow30DiskFullWhileRunning(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.base, l.size = freePorts(4), 4
	onSmallDisk(t, l, "size=3m")
	script := `
		mount -t tmpfs -o mode=700,size=3m tmpfs "$XDG_STATE_HOME" || exit 90
		"$G" start-network circular -n 3 --durable --base-port "$BASE" -q -o name >&2 || exit 91
		dd if=/dev/zero of="$XDG_STATE_HOME/ballast" bs=1k 2>/dev/null
		body=$(head -c 20000 /dev/zero | tr '\0' x)
		accepted=0
		while "$G" send-message 3 "$body" >/dev/null; do
			accepted=$((accepted+1))
			test $accepted -lt 100 || exit 92
		done
		"$G" send-message 3 "$body" -o json
		echo "exit $?"
		rm -f "$XDG_STATE_HOME/ballast"
		"$G" send-message 3 'room again' -q || exit 93
		"$G" stop-network --keep -q || exit 94
		"$G" start-network --resume -q -o name >&2 || exit 95
		echo "accepted $((accepted+1)) kept $("$G" get-messages 3 all -o json | grep -c '"id":')"
		"$G" stop-network --discard -q`
	l.use, l.wrap = "sh", []string{"unshare", "--mount", "--propagation", "private"}
	l.env = []string{"G=" + program(), "BASE=" + strconv.Itoa(l.base)}
	r := l.run("-c", script)
	l.use, l.wrap, l.env = program(), nil, nil
	if r.code != 0 {
		t.Fatal(r)
	}
	for _, text := range []string{"inbox of node 3 is full on disk; the message was not sent", `"disk_full"`, "exit 1\n"} {
		if !strings.Contains(r.out, text) {
			t.Errorf("want %q, have %v", text, r)
		}
	}
	counts := regexp.MustCompile(`accepted (\d+) kept (\d+)`).FindStringSubmatch(r.out)
	if counts == nil || counts[1] != counts[2] || counts[1] == "1" {
		t.Errorf("accepted and kept: %q in %v", counts, r)
	}
}
