package live

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/transport"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asNode) != "" {
		os.Exit(beNode())
	}
	goleak.VerifyTestMain(m)
}

const (
	control = "control-token"
	peer    = "peer-token"
)

// running is a node with its whole HTTP face, in this process.
type running struct {
	*server
	addr   string
	client *api.Client
}

// start runs nodes 1…n of one network, wired by edges; everything ends with the test.
func start(t *testing.T, n int, edges ...[2]int) []*running {
	t.Helper()
	nodes := make([]*running, n)
	listeners := make([]net.Listener, n)
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = l
	}
	for i := range nodes {
		var peers []api.Peer
		for _, e := range edges {
			for _, ends := range [][2]int{e, {e[1], e[0]}} {
				if ends[0] == i+1 {
					peers = append(peers, api.Peer{ID: gossip.NodeID(ends[1]), Addr: listeners[ends[1]-1].Addr().String()})
				}
			}
		}
		nodes[i] = serveNode(t, Config{ID: gossip.NodeID(i + 1), Peers: peers}, listeners[i])
	}
	return nodes
}

func serveNode(t *testing.T, cfg Config, l net.Listener) *running {
	t.Helper()
	cfg.Network, cfg.NetworkID, cfg.Run, cfg.ControlToken, cfg.PeerToken = "test", "0123", 1, control, peer
	p, err := protocol.New("flood", protocol.Environment{Self: cfg.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(cfg, p, l.Addr(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l, func() error { return nil }) }()
	shared := api.NewTransport()
	t.Cleanup(func() {
		shared.CloseIdleConnections()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("node %d: %v", cfg.ID, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("node %d does not end", cfg.ID)
		}
	})
	addr := l.Addr().String()
	return &running{s, addr, api.NewClient(shared, "http://"+addr, "0123", control, fmt.Sprintf("node %d", cfg.ID))}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAMessageReachesEveryNode(t *testing.T) {
	nodes := start(t, 4, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 1})
	ctx := deadline(t)
	body := []byte("ban\x00\xffana\n")
	answer, err := nodes[0].client.Publish(ctx, api.PublishRequest{BodyBase64: body, Relays: 2})
	if err != nil {
		t.Fatal(err)
	}
	id, err := gossip.ParseID(answer.ID)
	if err != nil || id.Origin != 1 || answer.Accepted != 1 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for i, n := range nodes {
		m, err := n.client.Message(ctx, id, 10*time.Second)
		if err != nil || string(m.Body) != string(body) || !m.Sent.Equal(answer.Sent) {
			t.Errorf("node %d: %q sent %v, %v", i+1, m.Body, m.Sent, err)
		}
	}
	// Every directed edge carries exactly the limit, and each copy is noted with its way and time.
	for i, n := range nodes {
		if err := n.Wait(ctx, func(*node.Node) bool { return true }); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool {
			m, err := n.client.Message(ctx, id, 0)
			return err == nil && m.FromPeers == 4 && m.Packets == 4
		}, "node %d has not got and sent 4 copies", i+1)
	}
}

func waitFor(t *testing.T, ok func() bool, format string, args ...any) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf(format, args...)
		}
	}
}

func TestReadingMarksAndWaits(t *testing.T) {
	nodes := start(t, 2, [2]int{1, 2})
	ctx := deadline(t)
	const many = 2500 // more than two pages
	batch := make([][]byte, many)
	for i := range batch {
		batch[i] = fmt.Append(nil, i)
	}
	if answer, err := nodes[0].client.Publish(ctx, api.PublishRequest{Batch: batch}); err != nil || answer.Accepted != many || answer.ID != "1.1.1" {
		t.Fatalf("%+v, %v", answer, err)
	}
	if box, err := nodes[1].client.Inbox(ctx, many, 10*time.Second); err != nil || box.Messages != many || box.Unread != many {
		t.Fatalf("%+v, %v", box, err)
	}
	peeked, err := nodes[1].client.Read(ctx, api.ReadRequest{Status: "unread", Peek: true})
	if err != nil || len(peeked) != many {
		t.Fatalf("%d messages, %v", len(peeked), err)
	}
	unread, err := nodes[1].client.Read(ctx, api.ReadRequest{Status: "unread"})
	if err != nil || len(unread) != many || !unread[0].Read {
		t.Fatalf("%d messages, %v", len(unread), err)
	}
	for i, m := range unread {
		if m.Number != uint64(i+1) {
			t.Fatalf("message %d has number %d", i, m.Number)
		}
	}
	if again, err := nodes[1].client.Read(ctx, api.ReadRequest{Status: "unread"}); err != nil || len(again) != 0 {
		t.Errorf("%d unread again, %v", len(again), err)
	}
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := nodes[1].client.Message(short, gossip.ID{Origin: 9, Run: 1, Seq: 1}, 20*time.Millisecond); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("a message nobody sent: %v", err)
	}
}

func TestPeersChangeWhileRunning(t *testing.T) {
	nodes := start(t, 3, [2]int{1, 2})
	ctx := deadline(t)
	for i, peers := range [][]int{{2, 3}, {1}, {1}} {
		var list []api.Peer
		for _, p := range peers {
			list = append(list, api.Peer{ID: gossip.NodeID(p), Addr: nodes[p-1].addr})
		}
		if err := nodes[i].client.SetPeers(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nodes[1].client.Publish(ctx, api.PublishRequest{BodyBase64: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[2].client.Message(ctx, gossip.ID{Origin: 2, Run: 1, Seq: 1}, 10*time.Second); err != nil {
		t.Error(err)
	}
	for name, peers := range map[string][]api.Peer{
		"itself":     {{ID: 1, Addr: nodes[1].addr}},
		"twice":      {{ID: 2, Addr: nodes[1].addr}, {ID: 2, Addr: nodes[1].addr}},
		"elsewhere":  {{ID: 2, Addr: "192.0.2.1:80"}},
		"a name":     {{ID: 2, Addr: "localhost:80"}},
		"metadata":   {{ID: 2, Addr: "169.254.169.254:80"}},
		"unspecific": {{ID: 2, Addr: "0.0.0.0:80"}},
		"no port":    {{ID: 2, Addr: "127.0.0.1"}},
		"port 0":     {{ID: 2, Addr: "127.0.0.1:0"}},
		"nobody":     {{ID: 0, Addr: nodes[1].addr}},
	} {
		if err := nodes[0].client.SetPeers(ctx, peers); api.CodeOf(err) != api.CodeUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if answer, err := nodes[0].client.Peers(ctx); err != nil || len(answer.Peers) != 2 {
		t.Errorf("refused lists have changed something: %+v, %v", answer, err)
	}
}

func TestAHandWrittenPeer(t *testing.T) {
	nodes := start(t, 2, [2]int{1, 2})
	ctx := deadline(t)
	sent := time.Unix(1700000000, 5).UTC()
	packet := api.PacketRequest{From: 99, Kind: 1, Limit: 1, Hops: 1,
		Messages: []api.PacketMessage{{ID: "99.1.1", Body: []byte("by hand"), Sent: sent, Route: gossip.Route{99}}}}
	if err := nodes[0].client.Do(ctx, http.MethodPost, "/v1/packets", packet, nil); err != nil {
		t.Fatal(err)
	}
	m, err := nodes[1].client.Message(ctx, gossip.ID{Origin: 99, Run: 1, Seq: 1}, 10*time.Second)
	if err != nil || string(m.Body) != "by hand" || !m.Sent.Equal(sent) || fmt.Sprint(m.Arrivals[0].Path) != "[99 1 2]" {
		t.Errorf("%+v, %v", m, err)
	}
	for name, change := range map[string]func(*api.PacketRequest){
		"from the node itself": func(p *api.PacketRequest) { p.From = 1 },
		"from nobody":          func(p *api.PacketRequest) { p.From = 0 },
		"name":                 func(p *api.PacketRequest) { p.Messages[0].ID = "banana" },
		"limit":                func(p *api.PacketRequest) { p.Limit = gossip.MaxRelays + 1 },
		"body":                 func(p *api.PacketRequest) { p.Messages[0].Body = make([]byte, gossip.MaxBody+1) },
	} {
		bad := packet
		bad.Messages = []api.PacketMessage{packet.Messages[0]}
		change(&bad)
		if err := nodes[0].client.Do(ctx, http.MethodPost, "/v1/packets", bad, nil); api.CodeOf(err) != api.CodeUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A peer of a network that had the same port before must not get in.
func TestALinkOfAnotherNetworkIsRefused(t *testing.T) {
	node := start(t, 1)[0]
	stranger := transport.NewHTTP(transport.HTTPConfig{Self: 7, Network: "ffff", Token: peer})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { stranger.Serve(ctx, func([]gossip.Envelope) {}); close(done) }()
	defer func() { cancel(); <-done }()
	stranger.SetPeers([]transport.Peer{{ID: 1, Addr: node.addr}})
	e := &gossip.Envelope{From: 7, Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1,
		Messages: []gossip.Message{{ID: gossip.ID{Origin: 7, Run: 1, Seq: 1}, Body: []byte("from before"), Sent: time.Now()}}}, Routes: []gossip.Route{{7}}}
	waitFor(t, func() bool { return stranger.Send(1, e) == nil }, "cannot send")
	waitFor(t, func() bool {
		return strings.Contains(stranger.Links()[0].LastError, "403")
	}, "the link is not refused")
	stats, err := node.client.Stats(deadline(t))
	if err != nil || stats.Dropped["refused_wrong_network"] == 0 || stats.Inbox.Messages != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestAlarmsAreAHeap(t *testing.T) {
	var h alarms
	base := time.Unix(0, 0)
	for i := range 1000 {
		h.push(gossip.Alarm{At: base.Add(time.Duration(i * 7919 % 1000)), Timer: gossip.Timer(i)})
	}
	last := base
	for range 1000 {
		a := h.pop()
		if a.At.Before(last) {
			t.Fatal("out of order")
		}
		last = a.At
	}
}

// clockwork sets an alarm for each message and delivers it when woken.
type clockwork struct {
	due   []gossip.Message
	began time.Time // of the first
}

func (*clockwork) Peers(time.Time, gossip.Peers, *gossip.Outbox) {}
func (c *clockwork) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	if c.due = append(c.due, m); len(c.due) == 1 {
		c.began = now
	}
	out.Alarm(c.began.Add(time.Duration(100-len(c.due))*time.Millisecond), gossip.Timer(len(c.due)-1))
}
func (*clockwork) Receive(time.Time, gossip.NodeID, gossip.Packet, *gossip.Outbox) {}
func (c *clockwork) Wake(_ time.Time, t gossip.Timer, out *gossip.Outbox)          { out.Deliver(c.due[t]) }

func TestAgentWakesInTime(t *testing.T) {
	wire := transport.NewMem().Join(1)
	n := node.New(node.Config{ID: 1, Run: 1, Protocol: &clockwork{}})
	a := NewAgent(n, wire, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(deadline(t))
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for i := range 5 {
		a.Step(func(now time.Time, n *node.Node) node.Effects {
			_, fx, err := n.Publish(now, fmt.Append(nil, i), 0)
			if err != nil {
				t.Error(err)
			}
			return fx
		})
	}
	if err := a.Wait(ctx, func(n *node.Node) bool { size, _, _ := n.Size(); return size == 5 }); err != nil {
		t.Fatal(err)
	}
	a.Step(func(_ time.Time, n *node.Node) node.Effects {
		page, _ := n.Messages(node.Query{Status: node.All})
		if string(page[0].Message.Body) != "4" || string(page[4].Message.Body) != "0" {
			t.Errorf("woken in the order %s … %s", page[0].Message.Body, page[4].Message.Body)
		}
		return node.Effects{}
	})
}
