package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/netctl"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// client asks a node of the network itself.
func (b *box) client(id gossip.NodeID) *api.Client {
	b.t.Helper()
	n, err := netctl.Open(b.root(), b.name)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := n.Node(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// stats are the counters of every node.
func (b *box) stats(ctx context.Context, nodes int) map[gossip.NodeID]api.Stats {
	all := make(map[gossip.NodeID]api.Stats)
	for id := gossip.NodeID(1); id <= gossip.NodeID(nodes); id++ {
		s, err := b.client(id).Stats(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		all[id] = s
	}
	return all
}

// unbalanced says what does not add up in what nodes count at rest: on one link, or between its two ends.
func unbalanced(all map[gossip.NodeID]api.Stats) (wrong []string) {
	for id, s := range all {
		for _, l := range append(s.Links, s.FormerLinks...) {
			if l.Sent+l.Repeated != l.Passed+l.InFlight+l.Dropped || l.InFlight > 0 {
				wrong = append(wrong, fmt.Sprintf("link %d to %d: %+v", id, l.ID, l))
			}
			var heard api.Heard
			for _, h := range all[l.ID].Heard {
				if h.Peer == id && h.Run == s.Run {
					heard = h
				}
			}
			if l.PeerRun == all[l.ID].Run && l.Passed != heard.Received+heard.Corrupt {
				wrong = append(wrong, fmt.Sprintf("%d passed %d to %d, which heard %+v", id, l.Passed, l.ID, heard))
			}
		}
	}
	return wrong
}

// At rest after a burst over links that lose, repeat, damage and delay, the accounts of all links of a
// network of real processes balance, and show-network and /metrics tell them.
func TestConservationOverAllLinks(t *testing.T) {
	const nodes = 10
	b := newBox(t)
	b.must(0, "", "start-network", "random", "4", "-n", fmt.Sprint(nodes), "--seed", "1", "--repair", "none")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rules := []fault.Rule{
		{Name: "f1", Loss: 0.3}, {Name: "f2", Duplicate: 0.2}, {Name: "f3", Corrupt: 0.1},
		{Name: "f4", Delay: fault.UniformLatency(0, 20*time.Millisecond), Nodes: []gossip.NodeID{1, 2, 3}},
		{Name: "f5", Cut: true, Nodes: []gossip.NodeID{10}, Direction: fault.In, Until: time.Now().Add(time.Second)},
	}
	for id := gossip.NodeID(1); id <= nodes; id++ {
		if err := b.client(id).SetFaults(ctx, rules); err != nil {
			t.Fatal(err)
		}
	}
	for id := gossip.NodeID(1); id <= nodes; id++ {
		batch := make([][]byte, 50)
		for i := range batch {
			batch[i] = bytes.Repeat([]byte("x"), 10*i)
		}
		if _, err := b.client(id).Publish(ctx, api.PublishRequest{Batch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	if told, err := b.client(3).Faults(ctx); err != nil || len(told.Rules) < 4 || told.Node != 3 {
		t.Errorf("%+v, %v", told, err)
	}
	var wrong []string
	var all map[gossip.NodeID]api.Stats
	if !holds(30*time.Second, func() bool {
		all = b.stats(ctx, nodes)
		wrong = unbalanced(all)
		return len(wrong) == 0
	}) {
		t.Fatal(strings.Join(wrong, "\n"))
	}
	var sum api.Traffic
	drops := make(map[string]uint64)
	for _, s := range all {
		sum.Sent, sum.Repeated, sum.Passed = sum.Sent+s.Traffic.Sent, sum.Repeated+s.Traffic.Repeated, sum.Passed+s.Traffic.Passed
		sum.Received, sum.Corrupt = sum.Received+s.Traffic.Received, sum.Corrupt+s.Traffic.Corrupt
		for reason, n := range s.Traffic.Dropped {
			drops[reason] += n
		}
	}
	if sum.Sent < 5000 || sum.Repeated == 0 || sum.Corrupt == 0 || drops[fault.ReasonLoss] == 0 || drops[fault.ReasonPartition] == 0 || sum.Passed != sum.Received+sum.Corrupt {
		t.Errorf("%+v, dropped %v", sum, drops)
	}
	b.tells(all)
}

// uneven says between which two ends what show-network --links tells does not add up at rest.
func uneven(view netctl.View) (wrong []string) {
	type end struct{ from, to gossip.NodeID }
	passed := make(map[end]uint64)
	for _, n := range view.Nodes {
		if n.Traffic == nil {
			return []string{fmt.Sprintf("node %d says nothing", n.ID)}
		}
		for _, l := range n.Traffic.Links {
			passed[end{n.ID, l.ID}] = l.Passed
		}
	}
	for _, n := range view.Nodes {
		for _, l := range n.Traffic.Links {
			if sent := passed[end{l.ID, n.ID}]; sent != l.Received+l.Corrupt {
				wrong = append(wrong, fmt.Sprintf("%d passed %d to %d: %+v", l.ID, sent, n.ID, l))
			}
		}
	}
	return wrong
}

// What came from a life of the peer that is over is told apart: the peer does not count it as passed.
func TestLinksBalanceAfterARestart(t *testing.T) {
	b := newBox(t)
	b.must(0, "", "start-network", "circular", "-n", "2")
	for range 5 {
		b.must(0, "", "send-message", "1", "x")
	}
	b.must(0, "", "kill-node", "1")
	b.must(0, "", "restart-node", "1")
	var wrong []string
	var view netctl.View
	if !holds(20*time.Second, func() bool {
		view = parse[netctl.View](t, b.must(0, "", "show-network", "--links", "-o", "json").out)
		wrong = uneven(view)
		return len(wrong) == 0 && view.Nodes[1].Traffic.Links[0].Received > 0
	}) {
		t.Fatal(strings.Join(wrong, "\n"))
	}
	at2 := view.Nodes[1].Traffic
	if l := at2.Links[0]; l.HeardRun != 2 || l.EarlierReceived < 5 || at2.Received != l.Received+l.EarlierReceived {
		t.Errorf("%+v of %+v", l, at2)
	}
	b.must(0, "EARLIER", "show-network", "--links")
	b.must(0, "from,to,link,sent,", "show-network", "--links", "-o", "csv")
	if out := b.must(0, "", "show-network", "--links", "-o", "name").out; out != "1-2\n2-1\n" {
		t.Errorf("%q", out)
	}
}

// tells checks that what nodes count is what show-network and the two pages of metrics say.
func (b *box) tells(all map[gossip.NodeID]api.Stats) {
	t := b.t
	var doc netctl.View
	if err := json.Unmarshal([]byte(b.must(0, "", "show-network", "--links", "-o", "json").out), &doc); err != nil {
		t.Fatal(err)
	}
	for _, n := range doc.Nodes {
		if n.Traffic == nil || n.Traffic.Sent != all[n.ID].Traffic.Sent || len(n.Traffic.Links) != 4 {
			t.Errorf("node %d: %+v", n.ID, n.Traffic)
		}
	}
	b.must(0, " loss", "show-network", "-o", "wide")
	b.must(0, "CORRUPT", "show-network", "--links")
	_, control, _ := b.tokens()
	for node := range 2 { // the controller has number 0
		if status, _, _ := ask(t, b.addr(node), "GET", "/metrics", "", nil); status != 401 {
			t.Errorf("without a token: %d", status)
		}
		status, page, header := ask(t, b.addr(node), "GET", "/metrics", "", bearer(control))
		want := fmt.Sprintf("gossip_packets_corrupt_total{node=\"1\",peer=\"%d\"} %d\n", all[1].Heard[0].Peer, all[1].Heard[0].Corrupt+all[1].Heard[0].EarlierCorrupt)
		if status != 200 || !strings.Contains(page, want) || header.Get("Content-Type") != api.MetricsType {
			t.Errorf("%d of %d: no %s in %.500s", status, node, want, page)
		}
		if others := strings.Contains(page, `gossip_run{node="10"} 1`); others != (node == 0) {
			t.Errorf("others on the page of %d: %v", node, others)
		}
	}
}

// One stopped neighbour of ten: what waits for it is bounded, the rest is counted as dropped, the others
// get everything. When it goes on it gets what it lacks by repair, and the accounts balance.
func TestAStoppedNeighbourHoldsNobodyUp(t *testing.T) {
	const others, messages, size = 10, 1000, 24 << 10
	b := newBox(t)
	view := parse[netctl.View](t, b.must(0, "", "start-network", "star", "-n", fmt.Sprint(others+1), "-o", "json").out)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hub, stopped := b.client(1), view.Nodes[others]
	p, err := os.FindProcess(stopped.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer p.Signal(syscall.SIGCONT)
	for range messages / 20 {
		batch := make([][]byte, 20)
		for i := range batch {
			batch[i] = make([]byte, size)
		}
		if _, err := hub.Publish(ctx, api.PublishRequest{Batch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	for id := gossip.NodeID(2); id <= others; id++ {
		if !holds(20*time.Second, func() bool {
			box, err := b.client(id).Inbox(ctx, 0, 0)
			return err == nil && box.Messages == messages
		}) {
			t.Errorf("node %d lacks some", id)
		}
	}
	s, err := hub.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Links {
		switch slow := l.ID == stopped.ID; {
		case slow && (!l.Stalled || l.Queued > transport.QueueBytes+size+100 || l.Queued < transport.QueueBytes/2 || l.Drops[transport.DropQueueFull] == 0 || l.Sent < messages):
			t.Errorf("to the stopped one: %+v", l)
		case !slow && (l.Passed < messages || l.Dropped > 0):
			t.Errorf("to another: %+v", l)
		case l.Sent+l.Repeated != l.Passed+l.InFlight+l.Dropped:
			t.Errorf("%+v", l)
		}
	}
	b.must(0, "queue_full", "show-network", "-o", "wide")
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var late api.Stats
	if !holds(30*time.Second, func() bool {
		late, err = b.client(stopped.ID).Stats(ctx)
		return err == nil && late.Inbox.Messages == messages
	}) || late.Repaired == 0 {
		t.Errorf("%d came, %d repaired, %v", late.Inbox.Messages, late.Repaired, err)
	}
	var wrong []string
	if !holds(20*time.Second, func() bool {
		wrong = unbalanced(b.stats(ctx, others+1))
		return len(wrong) == 0
	}) {
		t.Error(strings.Join(wrong, "\n"))
	}
}
