//go:build linux

package netctl_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
)

// fault sets one and returns its name.
func (l *lab) fault(args ...string) string {
	l.t.Helper()
	return strings.TrimSpace(l.must(0, nil, append(args, "-o", "name")...).out)
}

// never makes sure that nodes do not get a text, for as long as a healthy network takes many times over.
func (l *lab) never(text string, ids ...gossip.NodeID) {
	l.t.Helper()
	if holds(300*time.Millisecond, func() bool {
		return slices.ContainsFunc(ids, func(id gossip.NodeID) bool { return slices.Contains(l.texts(id), text) })
	}) {
		l.t.Errorf("%q has passed to one of %v", text, ids)
	}
}

func (l *lab) send(from gossip.NodeID, text string) {
	l.t.Helper()
	l.must(0, nil, "send-message", strconv.Itoa(int(from)), text)
}

func TestRow21Partition(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8, "complete", "--repair", "anti-entropy")
	l.send(1, "before")
	l.hold(3*time.Second, []string{"before"}, numbers(1, 8)...)
	l.must(0, []string{"partition 1-4 / 5-8"}, "partition-network", "1-4", "/", "5-8")
	l.send(1, "left")
	l.send(8, "right")
	l.hold(3*time.Second, []string{"before", "left"}, numbers(1, 4)...)
	l.hold(3*time.Second, []string{"before", "right"}, numbers(5, 8)...)
	l.never("left", numbers(5, 8)...)
	l.never("right", numbers(1, 4)...)
	// One that is born within it is in it; its inbox is filled from its side.
	l.must(0, nil, "restart-node", "2,7")
	l.hold(15*time.Second, []string{"before", "left"}, 2)
	l.hold(15*time.Second, []string{"before", "right"}, 7)
	for _, n := range l.view().Nodes {
		if n.State != netctl.Running {
			t.Errorf("%+v", n)
		}
	}
	l.must(0, []string{"f1 has ended"}, "heal-network")
	l.must(0, []string{"is not partitioned"}, "heal-network")
	l.hold(15*time.Second, []string{"before", "left", "right"}, numbers(1, 8)...)
}

func TestRow22OneWayPartition(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8, "complete", "--repair", "anti-entropy")
	l.fault("partition-network", "1-4", "--one-way")
	l.send(1, "against it")
	l.send(8, "along")
	l.hold(10*time.Second, []string{"against it", "along"}, numbers(1, 4)...)
	l.hold(3*time.Second, []string{"along"}, numbers(5, 8)...)
	l.never("against it", numbers(5, 8)...)
	l.must(0, nil, "heal-network")
	l.hold(15*time.Second, []string{"against it", "along"}, numbers(1, 8)...)
}

func TestRow23HalfOfAllIsLost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(10, "--repair", "anti-entropy")
	l.fault("set-fault", "--loss", "50%")
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.send(gossip.NodeID(1+i%10), all[i])
	}
	l.hold(30*time.Second, all, numbers(1, 10)...)
	for _, id := range numbers(1, 10) {
		s, err := l.client(id).Stats(t.Context())
		if share := float64(s.Traffic.Dropped[fault.ReasonLoss]) / float64(s.Traffic.Sent); err != nil || share < 0.2 || share > 0.8 {
			t.Errorf("node %d counts %v lost of %d packets, %v", id, s.Traffic.Dropped, s.Traffic.Sent, err)
		}
	}
	l.must(0, []string{" loss"}, "show-network", "-o", "wide")
}

func TestRow24OneSecondOfLatency(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6, "complete")
	l.fault("set-fault", "--delay", "1s")
	l.send(1, "slowly")
	l.hold(5*time.Second, []string{"slowly"}, numbers(1, 6)...)
	messages, err := l.client(4).Message(t.Context(), gossip.ID{Origin: 1, Run: 1, Seq: 1}, 0)
	if took := messages.Received.Sub(messages.Sent); err != nil || took < time.Second || took > 4*time.Second {
		t.Errorf("it took %v, %v", took, err)
	}
	if v := l.view(); v.Count(netctl.Running) != 6 || len(v.Faults) != 1 {
		t.Errorf("%+v", v)
	}
}

// What comes twice, late, in another order or damaged is once and whole in every inbox.
func TestRow26RepetitionsReorderingDamage(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(8, "--repair", "anti-entropy")
	l.fault("set-fault", "--duplicate", "40%", "--reorder", "20%", "--corrupt", "20%", "--delay", "uniform:1ms,20ms", "--bandwidth", "256KiB")
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.send(gossip.NodeID(1+i%8), all[i])
	}
	l.hold(20*time.Second, all, numbers(1, 8)...)
	corrupt := uint64(0)
	for _, id := range numbers(1, 8) {
		stats, err := l.client(id).Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		corrupt += stats.Traffic.Corrupt
	}
	if corrupt == 0 {
		t.Error("nobody has noticed a damaged packet")
	}
}

func TestRow27WrongClocks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(6, "complete")
	l.send(1, "before")
	l.fault("set-fault", "2", "--clock-offset", "+1h")
	l.fault("set-fault", "3,4", "--clock-offset", "-1h")
	all := []string{"before"}
	for i := range 12 {
		all = append(all, fmt.Sprintf("message %d", i))
		l.send(gossip.NodeID(1+i%6), all[i+1])
	}
	l.hold(5*time.Second, all, numbers(1, 6)...)
	now := time.Now()
	for _, of := range []struct {
		from  gossip.NodeID
		wrong time.Duration
	}{{1, 0}, {2, time.Hour}, {3, -time.Hour}} {
		seq := uint32(1)
		if of.from == 1 {
			seq = 2
		}
		m, err := l.client(5).Message(t.Context(), gossip.ID{Origin: of.from, Run: 1, Seq: seq}, 0)
		if off := m.Sent.Sub(now) - of.wrong; err != nil || off.Abs() > time.Minute {
			t.Errorf("node %d says that it sent its message at %v, %v", of.from, m.Sent, err)
		}
		own, err := l.client(of.from).Message(t.Context(), gossip.ID{Origin: 6, Run: 1, Seq: 1}, 0)
		if off := own.Received.Sub(now) - of.wrong; err != nil || off.Abs() > time.Minute {
			t.Errorf("node %d says that it received a message at %v, %v", of.from, own.Received, err)
		}
	}
	l.must(0, nil, "clear-faults")
	l.send(2, "the clock is right again")
	l.hold(5*time.Second, append(all, "the clock is right again"), numbers(1, 6)...)
}

// Nodes are told of faults when they go on, when they are born, and when they are added.
func TestFaultsReachEverybody(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "complete", "--repair", "none")
	l.must(0, nil, "pause-node", "2")
	l.must(0, nil, "kill-node", "3")
	l.must(0, []string{"node 2 did not answer and will be told later"}, "set-fault", "2,3", "--cut", "--direction", "out")
	l.must(0, nil, "resume-node", "2")
	l.must(0, nil, "restart-node", "3")
	for _, id := range []gossip.NodeID{2, 3} {
		text := fmt.Sprintf("from %d", id)
		l.send(id, text)
		l.never(text, 1, 4)
	}
	l.must(0, nil, "set-fault", "--cut", "--name", "everybody")
	l.must(0, []string{"Node 5 added"}, "add-node", "--peers", "1,4")
	l.send(5, "from 5")
	l.never("from 5", 1, 4)
	l.must(0, []string{"f1 and everybody have ended; 0 faults left"}, "clear-faults")
	for _, id := range []gossip.NodeID{2, 3, 5} {
		text := fmt.Sprintf("later from %d", id)
		l.send(id, text)
		eventually(t, 5*time.Second, text, func() bool { return slices.Contains(l.texts(1), text) })
	}
}

func TestAFaultEndsByItself(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "complete", "--repair", "none")
	l.fault("set-fault", "--cut", "--for", "700ms")
	l.fault("set-fault", "--loss", "0.1%", "--for", "1h")
	l.send(1, "too early")
	v := l.view()
	if len(v.Faults) != 2 || !v.Faults[0].Cut || v.Faults[0].Until.Sub(v.Faults[0].Since) != 700*time.Millisecond {
		t.Fatalf("%+v", v.Faults)
	}
	eventually(t, 5*time.Second, "it has ended", func() bool { return len(l.view().Faults) == 1 })
	l.send(1, "in time")
	eventually(t, 5*time.Second, "messages pass", func() bool { return slices.Contains(l.texts(3), "in time") })
	if slices.Contains(l.texts(3), "too early") {
		t.Error("it was not in force")
	}
	l.must(3, []string{`there is no fault "f1"`, "in force: f2"}, "clear-faults", "f1")
}

// A network that was stopped and kept comes back as broken as it was.
func TestFaultsComeBackWithTheNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.start(4, "complete", "--repair", "none")
	l.fault("partition-network", "1,2")
	l.fault("set-fault", "--cut", "--for", "1s")
	l.must(0, nil, "stop-network", "--keep")
	l.must(0, nil, "start-network", "--resume")
	eventually(t, 5*time.Second, "the one that was to end has ended", func() bool {
		faults := l.view().Faults
		return len(faults) == 1 && faults[0].Name == "f1"
	})
	l.send(1, "left")
	eventually(t, 5*time.Second, "it passes within the group", func() bool { return slices.Contains(l.texts(2), "left") })
	l.never("left", 3, 4)
	if name := l.fault("set-fault", "--loss", "1%"); name != "f3" {
		t.Errorf("the third fault is called %s", name)
	}
}
