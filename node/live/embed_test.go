package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/transport"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var fruitSecret = bytes.Repeat([]byte("fruit"), 7)

// options are those of a node that lacks nothing but peers. Its run is given: one from the clock
// makes the first message wait.
func options(t *testing.T, id gossip.NodeID) Options {
	t.Helper()
	flood, err := protocol.New("flood", protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Options{ID: id, Run: 1, Network: "fruit", Secret: fruitSecret, Protocol: flood}
}

// launch starts a node that ends with the test.
func launch(t *testing.T, o Options) *Node {
	t.Helper()
	n, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func closeNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("node %d: %v", n.ID(), err)
	}
}

// board is a Discovery that says what it is told.
type board struct {
	mu    sync.Mutex
	found func([]Peer)
	last  []Peer
}

func (b *board) Watch(ctx context.Context, _ Peer, found func([]Peer)) error {
	b.mu.Lock()
	b.found = found
	found(b.last)
	b.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (b *board) put(peers ...Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = peers
	if b.found != nil {
		b.found(peers)
	}
}

// mesh starts n nodes that all know each other.
func mesh(t *testing.T, n int, change func(*Options)) []*Node {
	t.Helper()
	nodes := make([]*Node, n)
	boards := make([]*board, n)
	for i := range nodes {
		boards[i] = new(board)
		o := options(t, gossip.NodeID(i+1))
		o.Discovery = boards[i]
		if change != nil {
			change(&o)
		}
		nodes[i] = launch(t, o)
	}
	for i, b := range boards {
		var peers []Peer
		for k, other := range nodes {
			if k != i {
				peers = append(peers, at(other))
			}
		}
		b.put(peers...)
	}
	for _, node := range nodes {
		if err := node.WaitPeers(deadline(t), n-1); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

func at(n *Node) Peer { return Peer{ID: n.ID(), Addr: n.Addr()} }

// next reads one message.
func next(t *testing.T, n *Node) gossip.Message {
	t.Helper()
	select {
	case m, ok := <-n.Messages():
		if !ok {
			t.Fatalf("node %d hands over nothing more", n.ID())
		}
		return m
	case <-deadline(t).Done():
		t.Fatalf("nothing comes out of node %d: %+v", n.ID(), n.Stats())
	}
	return gossip.Message{}
}

func publish(t *testing.T, n *Node, body string) gossip.ID {
	t.Helper()
	id, err := n.Publish(deadline(t), []byte(body), 0)
	if err != nil {
		t.Fatalf("node %d: %v", n.ID(), err)
	}
	return id
}

func TestThreeNodesInOneProgram(t *testing.T) {
	nodes := mesh(t, 3, nil)
	want := make(map[gossip.ID]string)
	for i, n := range nodes {
		for k := range 100 {
			body := fmt.Sprintf("%d from %d", k, i+1)
			want[publish(t, n, body)] = body
		}
	}
	if len(want) != 300 {
		t.Fatalf("300 messages have %d names", len(want))
	}
	for _, n := range nodes {
		got := make(map[gossip.ID]string)
		for range want {
			m := next(t, n)
			if _, again := got[m.ID]; again {
				t.Errorf("node %d: %v comes twice", n.ID(), m.ID)
			}
			got[m.ID] = string(m.Body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("node %d (-want +got):\n%s", n.ID(), diff)
		}
		// The last message is counted just after it was handed over, and one link of a triangle may
		// open later than the other two have carried everything.
		settles(t, func() string {
			if s := n.Stats(); s.Published != 100 || s.Delivered != 300 || s.Inbox != 300 || s.Pending != 0 || s.Missed != 0 {
				return fmt.Sprintf("node %d: %+v", n.ID(), s)
			}
			for _, p := range n.Peers() {
				if !p.Connected || p.Error != "" || p.Packets < 100 {
					return fmt.Sprintf("node %d: %+v", n.ID(), p)
				}
			}
			return ""
		})
	}
}

// settles waits until there is nothing wrong any more.
func settles(t *testing.T, wrong func() string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := deadline(t); ; {
		problem := wrong()
		if problem == "" {
			return
		}
		select {
		case <-tick.C:
		case <-end.Done():
			t.Fatal(problem)
		}
	}
}

// What is published as soon as Start has returned is queued like anything later.
func TestTheFirstMessageGoesOut(t *testing.T) {
	other := launch(t, options(t, 2))
	for range 50 {
		o := options(t, 1)
		o.Discovery = Static(at(other))
		n, err := Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.WaitPeers(deadline(t), 1); err != nil {
			t.Fatal(err)
		}
		publish(t, n, "first")
		if p := n.Peers()[0]; p.Packets != 1 {
			t.Errorf("%+v", p)
		}
		closeNode(t, n)
	}
}

// A reader may change what it is given, and a publisher what it has given.
func TestBodiesAreTheirOwners(t *testing.T) {
	nodes := mesh(t, 2, nil)
	body := []byte("banana")
	id, err := nodes[0].Publish(deadline(t), body, 0)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	for _, n := range nodes {
		m := next(t, n)
		if m.ID != id || string(m.Body) != "banana" {
			t.Errorf("node %d: %v %q", n.ID(), m.ID, m.Body)
		}
		clear(m.Body)
		n.server.Step(func(_ time.Time, within *node.Node) node.Effects {
			if e, found := within.Message(id); !found || string(e.Message.Body) != "banana" {
				t.Errorf("node %d holds %q", n.ID(), e.Message.Body)
			}
			return node.Effects{}
		})
	}
}

func TestASlowReaderOnlyLags(t *testing.T) {
	const many = 5000
	nodes := mesh(t, 2, nil)
	for i := range many {
		publish(t, nodes[0], fmt.Sprint(i))
	}
	// Node 2 takes everything in although nobody reads.
	slow := nodes[1]
	waitFor(t, func() bool { return slow.Stats().Pending == many }, "node 2 has not taken in %d messages", many)
	for i := range many {
		if m := next(t, slow); string(m.Body) != fmt.Sprint(i) {
			t.Fatalf("%q comes as number %d", m.Body, i)
		}
	}
	waitFor(t, func() bool { return slow.Stats().Pending == 0 }, "something is pending after all was read")
	if s := slow.Stats(); s.Missed != 0 || s.Inbox != many {
		t.Errorf("%+v", s)
	}
}

// When the inbox is full, what was not read makes room and is counted, and what is read still comes
// in order.
func TestAReaderFarBehindMissesAndIsTold(t *testing.T) {
	const many, room = 1000, 10
	nodes := mesh(t, 2, func(o *Options) {
		if o.ID == 2 {
			o.Capacity = room
		}
	})
	for i := range many {
		publish(t, nodes[0], fmt.Sprint(i))
	}
	slow := nodes[1]
	waitFor(t, func() bool { return slow.Stats().Delivered == many }, "node 2 has not taken in %d messages", many)
	s := slow.Stats()
	if s.Pending+s.Missed != many || s.Pending < room || s.Pending > room+feedMessages || s.Expired != many-room || s.Inbox != room {
		t.Fatalf("%+v", s)
	}
	var got []string
	for range s.Pending {
		got = append(got, string(next(t, slow).Body))
	}
	var last []string
	for i := many - room; i < many; i++ {
		last = append(last, fmt.Sprint(i))
	}
	if diff := cmp.Diff(last, got[len(got)-room:]); diff != "" {
		t.Errorf("the newest (-want +got):\n%s", diff)
	}
	waitFor(t, func() bool { return slow.Stats().Pending == 0 }, "something is pending after all was read")
	if now := slow.Stats(); now.Missed != s.Missed {
		t.Errorf("%d missed, then %d", s.Missed, now.Missed)
	}
}

func TestRefuseWhenFull(t *testing.T) {
	o := options(t, 1)
	o.Capacity, o.RefuseWhenFull = 2, true
	n := launch(t, o)
	publish(t, n, "a")
	publish(t, n, "b")
	if _, err := n.Publish(deadline(t), []byte("c"), 0); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	o = options(t, 2)
	o.CapacityBytes, o.RefuseWhenFull = 5, true
	n = launch(t, o)
	publish(t, n, "12345")
	if _, err := n.Publish(deadline(t), []byte("6"), 0); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if s := n.Stats(); s.Dropped["inbox_full"] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPublishRefuses(t *testing.T) {
	n := launch(t, options(t, 1))
	if _, err := n.Publish(deadline(t), make([]byte, gossip.MaxBody+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	for _, relays := range []int{-1, gossip.MaxRelays + 1} {
		if _, err := n.Publish(deadline(t), nil, relays); !errors.Is(err, ErrLimit) {
			t.Errorf("%v", err)
		}
	}
	interrupted, cancel := context.WithCancel(deadline(t))
	cancel()
	n.server.ripe = time.Now().Add(time.Hour) // makes it wait
	if _, err := n.Publish(interrupted, nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if s := n.Stats(); s.Published != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPeersComeAndGo(t *testing.T) {
	b := new(board)
	o := options(t, 1)
	o.Discovery = b
	one := launch(t, o)
	two, three := launch(t, options(t, 2)), launch(t, options(t, 3))
	peers := func() (ids []gossip.NodeID) {
		for _, p := range one.Peers() {
			ids = append(ids, p.ID)
		}
		return ids
	}

	b.put(at(two))
	if err := one.WaitPeers(deadline(t), 1); err != nil {
		t.Fatal(err)
	}
	publish(t, one, "to two")
	if m := next(t, two); string(m.Body) != "to two" {
		t.Errorf("%q", m.Body)
	}

	// One comes whose number has to be asked for, one that does not answer, itself, and nonsense.
	b.put(at(two), Peer{Addr: three.Addr()}, Peer{Addr: "127.0.0.1:1"}, at(one), Peer{ID: 9, Addr: "192.0.2.1:80"})
	if err := one.WaitPeers(deadline(t), 2); err != nil {
		t.Fatal(err)
	}
	publish(t, one, "to both")
	for _, n := range []*Node{two, three} {
		if m := next(t, n); string(m.Body) != "to both" {
			t.Errorf("%q", m.Body)
		}
	}
	if d := one.Stats().Discovery; d.Listed != 4 || d.Unknown != 1 || d.Refused != 1 || !strings.Contains(d.Problem, "192.0.2.1:80") {
		t.Errorf("%+v", d)
	}

	// One goes. What is published next reaches the other alone.
	b.put(Peer{Addr: three.Addr()})
	if got := peers(); !slices.Equal(got, []gossip.NodeID{3}) {
		t.Errorf("peers %v", got)
	}
	publish(t, one, "to three")
	if m := next(t, three); string(m.Body) != "to three" {
		t.Errorf("%q", m.Body)
	}
	b.put()
	if got := peers(); len(got) != 0 {
		t.Errorf("peers %v", got)
	}
	if s := two.Stats(); s.Received != 2 {
		t.Errorf("node 2 has received %d copies after it was taken off the list", s.Received)
	}
}

// Whoever has another secret, or is of another network, is refused by name and counted.
func TestStrangersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		says   string
		counts string
	}{
		"secret":  {func(o *Options) { o.Secret = bytes.Repeat([]byte("fluit"), 7) }, "401", "refused_unauthorized"},
		"network": {func(o *Options) { o.Network = "fruits" }, "403", "refused_wrong_network"},
	} {
		t.Run(name, func(t *testing.T) {
			home := launch(t, options(t, 1))
			o := options(t, 2)
			o.Discovery = Static(at(home))
			c.change(&o)
			stranger := launch(t, o)
			if err := stranger.WaitPeers(deadline(t), 1); err != nil {
				t.Fatal(err)
			}
			publish(t, stranger, "let me in")
			waitFor(t, func() bool { return strings.Contains(stranger.Peers()[0].Error, c.says) }, "the link is not refused with %s", c.says)
			if s := home.Stats(); s.Dropped[c.counts] == 0 || s.Received != 0 || s.Inbox != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
	// A node of another network does not even tell its number.
	home := launch(t, options(t, 1))
	o := options(t, 2)
	o.Network, o.Discovery = "fruits", Static(Peer{Addr: home.Addr()})
	stranger := launch(t, o)
	waitFor(t, func() bool { return strings.Contains(stranger.Stats().Discovery.Problem, "wrong network") }, "it is told")
	if peers := stranger.Peers(); len(peers) != 0 {
		t.Errorf("%+v", peers)
	}
}

// An embedded node has the same HTTP face as any other.
func TestTheHTTPFace(t *testing.T) {
	nodes := mesh(t, 2, nil)
	ctx := deadline(t)
	control, peer, err := Tokens("fruit", fruitSecret)
	if err != nil || control == peer {
		t.Fatal(control == peer, err)
	}
	shared := api.NewTransport()
	defer shared.CloseIdleConnections()
	client := func(n *Node, token string) *api.Client {
		return api.NewClient(shared, "http://"+n.Addr(), "fruit", token, "it")
	}
	body := "by hand"
	if _, err := client(nodes[0], control).Publish(ctx, api.PublishRequest{Body: &body}); err != nil {
		t.Fatal(err)
	}
	if m := next(t, nodes[1]); string(m.Body) != body {
		t.Errorf("%q", m.Body)
	}
	// Both readers have their own place in the inbox.
	unread, err := client(nodes[1], control).Read(ctx, api.ReadRequest{Status: "unread"})
	if err != nil || len(unread) != 1 || fmt.Sprint(unread[0].Arrivals[0].Path) != "[1 2]" {
		t.Errorf("%+v, %v", unread, err)
	}
	health, err := client(nodes[1], "").Health(ctx)
	if want := (api.Health{Service: "gossipctl", Network: "fruit", Node: 2}); err != nil || health != want {
		t.Errorf("%+v, %v", health, err)
	}
	for _, token := range []string{"", peer} {
		if _, err := client(nodes[0], token).Stats(ctx); api.CodeOf(err) != api.CodeUnauthorized {
			t.Errorf("with the token %q: %v", token, err)
		}
	}
	// Peers can be told over HTTP too; the Discovery speaks again when its list changes.
	if err := client(nodes[0], control).SetPeers(ctx, nil); err != nil || len(nodes[0].Peers()) != 0 {
		t.Errorf("%v, %v", nodes[0].Peers(), err)
	}
}

// A node that comes back to its port is found again, and its messages have new names.
func TestRestartOnTheSamePort(t *testing.T) {
	for name, runs := range map[string][2]uint32{"given": {7, 8}, "by the clock": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			other := launch(t, options(t, 2))
			o := options(t, 1)
			o.Run, o.Discovery = runs[0], Static(at(other))
			first, err := Start(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.WaitPeers(deadline(t), 1); err != nil {
				t.Fatal(err)
			}
			before := publish(t, first, "before")
			closeNode(t, first)

			again := options(t, 1)
			again.Run, again.Addr, again.Discovery = runs[1], first.Addr(), o.Discovery
			second := launch(t, again)
			if err := second.WaitPeers(deadline(t), 1); err != nil {
				t.Fatal(err)
			}
			if was, is := first.Stats().Run, second.Stats().Run; second.Addr() != first.Addr() || is <= was {
				t.Errorf("run %d at %s, then run %d at %s", was, first.Addr(), is, second.Addr())
			}
			after := publish(t, second, "after")
			for _, want := range []gossip.Message{{ID: before, Body: []byte("before")}, {ID: after, Body: []byte("after")}} {
				if m := next(t, other); m.ID != want.ID || !bytes.Equal(m.Body, want.Body) {
					t.Errorf("%v %q, want %v %q", m.ID, m.Body, want.ID, want.Body)
				}
			}
		})
	}
}

// Two lives never have the same run, because none publishes before the next start would get another.
func TestRunsByTheClock(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 1000 {
		start := now.Add(time.Duration(i) * 997 * time.Microsecond)
		run, over, err := clockRun(start)
		if err != nil {
			t.Fatal(err)
		}
		if wait := over.Sub(start); wait <= 0 || wait > runLength {
			t.Fatalf("a node started at %v publishes after %v", start, wait)
		}
		if next, _, _ := clockRun(over); next != run+1 {
			t.Fatalf("a node started at %v has run %d, one started after its first message %d", start, run, next)
		}
		if same, _, _ := clockRun(over.Add(-1)); same != run {
			t.Fatalf("a node started at %v waits too long", start)
		}
	}
	for _, year := range []int{1970, 2024, 2043} {
		if _, _, err := clockRun(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("a run from %d", year)
		}
	}
}

// Close ends everything at once: links in both directions, a reader that waits, requests that wait, a
// connection that says nothing, a discovery, and one who is asked and does not answer.
func TestCloseLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx := deadline(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	nodes := make([]*Node, 2)
	boards := []*board{new(board), new(board)}
	for i := range nodes {
		o := options(t, gossip.NodeID(i+1))
		o.Discovery = boards[i]
		if nodes[i], err = Start(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range boards {
		b.put(at(nodes[1-i]), Peer{Addr: silent.Addr().String()})
		if err := nodes[i].WaitPeers(ctx, 1); err != nil {
			t.Fatal(err)
		}
		publish(t, nodes[i], "hello")
	}
	one := nodes[0]
	next(t, one)
	next(t, one)

	var group sync.WaitGroup
	group.Go(func() {
		for m := range one.Messages() {
			t.Errorf("%q comes", m.Body)
		}
	})
	control, _, _ := Tokens("fruit", fruitSecret)
	shared := api.NewTransport()
	group.Go(func() {
		client := api.NewClient(shared, "http://"+one.Addr(), "fruit", control, "node 1")
		if _, err := client.Inbox(ctx, 3, time.Minute); err == nil {
			t.Error("a request for what never comes is answered")
		}
	})
	conn, err := net.Dial("tcp", one.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	waitFor(t, func() bool {
		one.server.mu.Lock()
		defer one.server.mu.Unlock()
		return one.server.waiters == 2 // the feed and the request
	}, "nobody waits")

	group.Go(func() { closeNode(t, one) })
	group.Go(func() { closeNode(t, one) })
	group.Wait()
	closeNode(t, nodes[1])
	shared.CloseIdleConnections()
	goleak.VerifyNone(t, before)

	if _, err := one.Publish(ctx, []byte("x"), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := one.WaitPeers(ctx, 5); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if s := one.Stats(); s.Published != 1 || s.Inbox != 2 {
		t.Errorf("%+v", s)
	}
	l, err := net.Listen("tcp", one.Addr())
	if err != nil {
		t.Errorf("the address is still taken: %v", err)
	} else {
		l.Close()
	}
}

// Whoever publishes while the node is closed is told that it has not, or what it published was
// queued for the peer.
func TestPublishingAcrossTheEnd(t *testing.T) {
	n := mesh(t, 2, nil)[0]
	var group sync.WaitGroup
	var mu sync.Mutex
	published := uint64(0)
	begun := make(chan struct{}, 8)
	for range cap(begun) {
		group.Go(func() {
			for i := 0; ; i++ {
				_, err := n.Publish(context.Background(), []byte("x"), 0)
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				published++
				mu.Unlock()
				if i == 0 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	closeNode(t, n)
	group.Wait()
	if s, queued := n.Stats(), n.Peers()[0].Packets; s.Published != published || queued != published {
		t.Errorf("publishers were told of %d messages, %d were published and %d queued", published, s.Published, queued)
	}
}

func TestItsContextEndsANode(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n, err := Start(ctx, options(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range n.Messages() {
	}
	closeNode(t, n)
	if _, err := Start(ctx, options(t, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("started after the end: %v", err)
	}
}

// A Discovery that does not end when it should is not waited for longer than the caller wants.
func TestCloseGivesUpInTime(t *testing.T) {
	stuck := stubborn{make(chan struct{}), make(chan struct{})}
	o := options(t, 1)
	o.Discovery = stuck
	n := launch(t, o)
	<-stuck.watching
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := n.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	close(stuck.release)
}

type stubborn struct{ watching, release chan struct{} }

func (s stubborn) Watch(context.Context, Peer, func([]Peer)) error {
	close(s.watching)
	<-s.release
	return nil
}

// A node whose listener fails ends, and says why.
func TestAFailureEndsTheNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, 1)
	o.Listener = l
	n, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for range n.Messages() {
	}
	if err := n.Close(deadline(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := Start(context.Background(), Options{Run: 1 << 31, Network: "Fruit", Secret: []byte("short"), Capacity: -1})
	for _, says := range []string{"ID must", "Run must", `Network "Fruit" must`, "secret has 5 bytes", "Protocol is missing", "not be negative"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is missing in: %v", says, err)
		}
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "localhost:0", "192.0.2.1:0", "127.0.0.2:0", "127.0.0.1", "banana"} {
		o := options(t, 1)
		o.Addr = addr
		if n, err := Start(context.Background(), o); err == nil {
			t.Errorf("%s is listened on", addr)
			closeNode(t, n)
		}
	}
	// A listener is closed even if the node is not started.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(context.Background(), Options{Listener: l}); err == nil {
		t.Error("a node of nothing but a listener")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
	// A port that is taken is said to be.
	n := launch(t, options(t, 1))
	o := options(t, 2)
	o.Addr = n.Addr()
	if _, err := Start(context.Background(), o); err == nil || !strings.Contains(err.Error(), n.Addr()) {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	seen := make(map[string]bool)
	for _, network := range []string{"fruit", "fruits"} {
		for _, secret := range []string{"0123456789abcdef", "0123456789abcdeF"} {
			control, peer, err := Tokens(network, []byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			seen[control], seen[peer] = true, true
		}
	}
	if len(seen) != 8 {
		t.Errorf("8 tokens are only %d", len(seen))
	}
	if _, _, err := Tokens("fruit", []byte("0123456789abcde")); err == nil {
		t.Error("a short secret is taken")
	}
}

// What a node logs tells no secret and no message.
func TestTheLogKeepsSecrets(t *testing.T) {
	var mu sync.Mutex
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	nodes := mesh(t, 2, func(o *Options) { o.Log = log })
	publish(t, nodes[0], "banana")
	next(t, nodes[1])
	control, peer, _ := Tokens("fruit", fruitSecret)
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(text.String(), "1.1.1") {
		t.Errorf("no event is logged:\n%s", &text)
	}
	for _, secret := range []string{control, peer, string(fruitSecret), "banana"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q is logged", secret)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A stranger who says that it is a node must not become a peer unless it says so plausibly.
func TestWhoIsNoNode(t *testing.T) {
	n := launch(t, options(t, 1))
	for name, c := range map[string]struct{ answer, says string }{
		"another service": {`{"service":"mail","network":"fruit","node":2}`, "no node of this network"},
		"another network": {`{"service":"gossipctl","network":"fruits","node":2}`, "no node of this network"},
		"another secret":  {`{"service":"gossipctl","network":"fruit","node":2}`, "of one of the same name"},
		"a controller":    {`{"service":"gossipctl","network":"fruit","node":0}`, "is no node"},
		"this number":     {`{"service":"gossipctl","network":"fruit","node":1}`, "has this one's number"},
		"nonsense":        {`banana`, "makes no sense"},
		"endless":         {strings.Repeat(" ", 1<<20), "makes no sense"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if token := r.Header.Get("Authorization"); token != "" {
				t.Errorf("%s: a stranger is shown %q", name, token)
			}
			var node gossip.NodeID
			if _, err := fmt.Sscanf(c.answer, `{"service":"gossipctl","network":"fruit","node":%d}`, &node); err == nil && name != "another secret" {
				w.Header().Set(transport.HeaderProof, transport.Prove(n.server.cfg.PeerToken, "fruit", node, l.Addr().String(), r.Header.Get(transport.HeaderChallenge)))
			}
			fmt.Fprint(w, c.answer)
		})}
		go server.Serve(l)
		if _, err := n.server.roster.answer(deadline(t), l.Addr().String()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}
