//go:build linux

package netctl_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/topology"
)

// lives runs a command about the processes of nodes, and returns what it says it has done.
func (l *lab) lives(args ...string) netctl.Lives {
	l.t.Helper()
	return parse[netctl.Lives](l.t, l.must(0, nil, append(args, "-o", "json")...))
}

// texts are the messages in the inbox of a node, sorted.
func (l *lab) texts(id gossip.NodeID) []string {
	l.t.Helper()
	messages, err := l.client(id).Read(l.t.Context(), api.ReadRequest{Status: "all", Peek: true})
	if err != nil {
		l.t.Fatal(err)
	}
	texts := []string{}
	for _, m := range messages {
		texts = append(texts, string(m.Body))
	}
	slices.Sort(texts)
	return texts
}

// hold waits until the inboxes of nodes hold these texts and no others, each once.
func (l *lab) hold(within time.Duration, texts []string, ids ...gossip.NodeID) {
	l.t.Helper()
	texts = slices.Sorted(slices.Values(texts))
	for _, id := range ids {
		if !holds(within, func() bool { return slices.Equal(l.texts(id), texts) }) {
			l.t.Fatalf("node %d does not hold %q within %v, but %q", id, texts, within, l.texts(id))
		}
	}
}

func numbers(first, last int) (ids []gossip.NodeID) {
	for id := first; id <= last; id++ {
		ids = append(ids, gossip.NodeID(id))
	}
	return ids
}

// descriptors is how many files a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestRow01KillNode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(10)
	began := time.Now()
	out := l.lives("kill-node", "7")
	if len(out.Nodes) != 1 || out.Nodes[0].ID != 7 || out.Nodes[0].Was != netctl.Running || out.Nodes[0].State != netctl.Dead || out.Alive != 9 || out.Of != 10 {
		t.Errorf("%+v", out)
	}
	if z := zombies(v.Controller.PID); len(z) > 0 {
		t.Errorf("not reaped: %+v", z)
	}
	if syscall.Kill(v.Nodes[6].PID, 0) == nil {
		t.Error("its process is still there")
	}
	// At once: the command returns when everybody can know.
	l.must(3, []string{"node 7 is dead (killed, signal 9) since "}, "send-message", "7", "hello")
	n := l.node(7)
	if n.State != netctl.Dead || n.Exit != "killed, signal 9" || n.Ended == nil || n.Ended.Before(began) {
		t.Errorf("%+v", n)
	}
	l.must(0, []string{"dead (killed, signal 9) "}, "list-nodes")
	l.must(3, []string{"node 7 is dead"}, "kill-node", "7")
	l.must(3, []string{"node 7 is dead"}, "pause-node", "7")
	l.must(3, []string{"no such node: 11"}, "kill-node", "3,11")
	if n := l.node(3); n.State != netctl.Running {
		t.Errorf("a command that failed has done something: %+v", n)
	}
	l.must(0, []string{"Node 8 killed; 8 of 10 nodes alive", "Node 7 was dead already"}, "kill-node", "7-8")
	l.must(0, []string{"; 0 of 10 nodes alive"}, "kill-node", "all")
	l.must(0, []string{"No node is alive"}, "kill-node", "all")
	l.must(0, []string{"10 of 10 nodes alive"}, "restart-node", "all")
	l.arrives(7, "back again")
}

func TestRow02PauseNode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8)
	out := l.lives("pause-node", "2-3")
	if out.Nodes[0].State != netctl.Paused || out.Nodes[1].State != netctl.Paused || out.Alive != 8 {
		t.Errorf("%+v", out)
	}
	if n := l.node(3); n.State != netctl.Paused {
		t.Errorf("%+v", n)
	}
	l.must(4, []string{"node 3 did not answer in time: it is paused"}, "send-message", "3", "hello", "--timeout", "300ms")
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.must(0, nil, "send-message", "1", all[i])
	}
	l.must(0, []string{"Nodes 2-3 were paused already"}, "pause-node", "2,3")
	l.must(0, nil, "kill-node", "8")
	l.must(0, []string{"Node 7 paused", "Nodes 2-3 were paused already", "Node 8 is dead"}, "pause-node", "2,3,7,8")
	l.must(0, nil, "restart-node", "8")
	l.must(0, []string{"running again"}, "resume-node", "all")
	l.must(0, []string{"No node is paused"}, "resume-node", "all")
	l.must(0, []string{"Node 5 was running already"}, "resume-node", "5")
	if n := l.node(2); n.State != netctl.Running || n.PID != v.Nodes[1].PID {
		t.Errorf("%+v", n)
	}
	// What was asked of it while it stood still may have been accepted: "hello" may be there or not.
	for _, id := range []gossip.NodeID{2, 3} {
		eventually(t, 5*time.Second, "its inbox is complete", func() bool {
			texts := l.texts(id)
			return !slices.ContainsFunc(all, func(m string) bool { return !slices.Contains(texts, m) })
		})
	}
}

func TestRow03RestartNode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(8, "--repair", "none")
	l.arrives(3, "before")
	peers := l.peers(3)
	l.must(0, nil, "kill-node", "3")
	l.must(0, []string{"Node 3 restarted; 8 of 8 nodes alive.", "memory inbox was lost"}, "restart-node", "3")
	n := l.node(3)
	if n.State != netctl.Running || n.Run != 2 || n.URL != v.Nodes[2].URL || n.PID == v.Nodes[2].PID || n.Exit != "" || n.Ended != nil {
		t.Errorf("%+v", n)
	}
	if now := l.peers(3); !slices.Equal(now, peers) {
		t.Errorf("its peers are %v, and were %v", now, peers)
	}
	// Its messages have other names than those of its first life.
	if r := l.must(0, nil, "send-message", "3", "after", "-o", "json"); !strings.Contains(r.out, `"3.2.1"`) {
		t.Error(r)
	}
	for _, other := range v.Nodes {
		eventually(t, 3*time.Second, "node "+strconv.Itoa(int(other.ID))+" has it", func() bool { return slices.Contains(l.texts(other.ID), "after") })
	}
	// One that runs is asked to end, and one that stands still is restarted as well.
	l.must(0, nil, "pause-node", "5")
	l.must(0, []string{"Nodes 4-5 restarted"}, "restart-node", "4,5")
	l.arrives(5, "everybody")
}

func TestRow03RestartRefillsTheInbox(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8, "--repair", "anti-entropy")
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.must(0, nil, "send-message", strconv.Itoa(1+i%8), all[i])
	}
	l.hold(5*time.Second, all, numbers(1, 8)...)
	l.must(0, nil, "kill-node", "3")
	all = append(all, "while it was dead")
	l.must(0, nil, "send-message", "1", "while it was dead")
	l.must(0, []string{"memory inbox was lost; it is refilled from its peers"}, "restart-node", "3")
	l.hold(15*time.Second, all, numbers(1, 8)...)
}

// A durable node has its inbox back by itself: nobody repairs it here.
func TestRow03DurableNodesKeepTheirInbox(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6, "--durable", "--repair", "none")
	var all []string
	for i := range 12 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.must(0, nil, "send-message", strconv.Itoa(1+i%6), all[i])
	}
	l.hold(5*time.Second, all, numbers(1, 6)...)
	l.must(0, nil, "kill-node", "3-5")
	if r := l.must(0, []string{"Nodes 2-5 restarted"}, "restart-node", "2-5"); strings.Contains(r.err, "lost") {
		t.Error(r)
	}
	l.hold(2*time.Second, all, numbers(1, 6)...)
	l.must(0, nil, "send-message", "4", "one more")
	l.hold(5*time.Second, append(all, "one more"), numbers(1, 6)...)
}

// Nodes that live and die for ever leave nothing behind in the controller.
func TestRestartsLeakNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(6)
	l.must(0, nil, "restart-node", "all") // whatever is kept for good is there now
	before := descriptors(t, v.Controller.PID)
	for i := range 20 {
		if i%2 == 0 {
			l.must(0, nil, "kill-node", "2-4")
		}
		if out := l.lives("restart-node", "2-4"); out.Alive != 6 || out.Nodes[0].Run != uint32(i+3) {
			t.Fatalf("%+v", out)
		}
	}
	// Calls to the nodes stay open for a moment after they were answered.
	eventually(t, 12*time.Second, "the controller has as many files open as before", func() bool { return descriptors(t, v.Controller.PID) <= before })
	if z := zombies(v.Controller.PID); len(z) > 0 {
		t.Errorf("not reaped: %+v", z)
	}
	l.arrives(3, "the twenty-second life")
}

func TestRestartOfMany(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(40)
	out := l.lives("kill-node", "50%", "--seed", "5")
	if out.Seed != 5 || len(out.Nodes) != 20 || out.Alive != 20 {
		t.Errorf("%+v", out)
	}
	if again := l.lives("kill-node", "50%", "--seed", "5"); len(again.Nodes) != 10 {
		t.Errorf("a share is of those that live: %+v", again)
	}
	if out := l.lives("restart-node", "all"); out.Alive != 40 || len(out.Nodes) != 40 || !out.Topology.Connected {
		t.Errorf("%+v", out)
	}
	l.agree()
	l.arrives(40, "all of them")
}

// A share of the nodes is killed at once; those that live are joined and get every message.
func TestRow20ReconnectAfterMassFailure(t *testing.T) {
	t.Parallel()
	const nodes = 64
	for _, percent := range []int{10, 30, 50, 80, 95} {
		t.Run(fmt.Sprintf("%d%%", percent), func(t *testing.T) {
			l := newLab(t)
			l.start(nodes, "circular")
			out := l.lives("kill-node", fmt.Sprintf("%d%%", percent), "--seed", "3", "--reconnect")
			if want := nodes - (nodes*percent+50)/100; out.Alive != want || out.Of != nodes || out.Topology.Nodes != want {
				t.Fatalf("%d of %d are alive, want %d", out.Alive, out.Of, want)
			}
			if !out.Topology.Connected || len(out.Parts) != 0 {
				t.Errorf("%+v", out.Change)
			}
			v := l.agree()
			first := gossip.NodeID(0)
			for _, n := range v.Nodes {
				if n.State == netctl.Running && first == 0 {
					first = n.ID
				}
			}
			l.arrives(first, "we go on")
		})
	}
}

// With start-network --reconnect this happens by itself, whoever kills them, and one after the other.
func TestRow20ReconnectByItself(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v := l.start(20, "circular", "--reconnect")
	for _, doomed := range [][]gossip.NodeID{{3, 7, 8, 15}, {2, 9, 10, 11}, {1, 20, 18, 16, 5, 6}} {
		for _, id := range doomed {
			kill(t, v.Nodes[id-1].PID, syscall.SIGKILL)
		}
		eventually(t, 5*time.Second, "the rest is connected", func() bool {
			live := l.view()
			dead := 0
			for _, id := range doomed {
				if n, _ := live.Node(id); n.State == netctl.Dead {
					dead++
				}
			}
			return dead == len(doomed) && live.Topology.Connected
		})
	}
	l.agree()
	l.arrives(4, "six are left")
	if out := l.lives("restart-node", "all"); out.Alive != 20 || !out.Topology.Connected {
		t.Errorf("%+v", out)
	}
}

// 95 % of 20 are killed at once: the one that is left still takes messages and says that they are its own.
func TestRow20OneNodeIsLeft(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(20)
	out := l.lives("kill-node", "2-20")
	if out.Alive != 1 || out.Of != 20 {
		t.Errorf("%+v", out)
	}
	l.must(0, []string{"1 of 20 nodes run."}, "show-network")
	l.must(0, []string{"Message 1.1.1 is at node 1", "1 live node: not replicated"}, "send-message", "1", "is anybody there?")
	l.hold(time.Second, []string{"is anybody there?"}, 1)
}

// Without --reconnect the network falls apart, and that is said.
func TestKillThatDivides(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8, "circular")
	r := l.must(0, []string{"the network is in 2 parts now: 2-4 and 6-8"}, "kill-node", "1,5")
	if strings.Contains(r.out, "parts") {
		t.Errorf("a warning on stdout: %v", r)
	}
	v := l.view()
	if parts := topology.Components(v.Live()); len(parts) != 2 {
		t.Error(parts)
	}
}
