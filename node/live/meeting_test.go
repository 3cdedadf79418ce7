package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/protocol"
)

// meeting is the simplest membership there can be: everybody says whom it knows whenever that has changed, and asks
// its contacts until they have answered. It is quick and has no mercy with the wire, as a test wants it.
type meeting struct {
	inner    gossip.Protocol
	self     gossip.NodeID
	run      uint32
	contacts gossip.Peers
	known    map[gossip.NodeID]gossip.Member
	peers    gossip.Peers
	waiting  bool
	over     bool
}

const (
	kindView = gossip.KindMembership + iota
	kindHello
)

const meetAgain = 20 * time.Millisecond

func newMeeting(inner gossip.Protocol, self gossip.NodeID, run uint32) *meeting {
	return &meeting{inner: inner, self: self, run: run, known: make(map[gossip.NodeID]gossip.Member)}
}

func (m *meeting) Under() gossip.Protocol { return m.inner }

func (m *meeting) Peers(now time.Time, contacts gossip.Peers, out *gossip.Outbox) {
	m.contacts = contacts
	m.inner.Peers(now, m.peers, out)
	m.greet(now, out)
}

func (m *meeting) name(of gossip.Member) gossip.ID {
	return gossip.ID{Origin: of.Node, Run: of.Run, Seq: of.Incarnation*4 + uint32(of.Standing) + 1}
}

func (m *meeting) view(kind gossip.Kind, out *gossip.Outbox) gossip.Packet {
	me := gossip.Member{Node: m.self, Run: m.run}
	if m.over {
		me.Standing = gossip.Left
	}
	ids := []gossip.ID{m.name(me)}
	for _, other := range m.Members() {
		ids = append(ids, m.name(other))
	}
	return gossip.Packet{Kind: kind, IDs: ids}
}

// greet asks those contacts that have not answered, and goes on.
func (m *meeting) greet(now time.Time, out *gossip.Outbox) {
	strange := false
	for _, id := range m.contacts.All() {
		if k, known := m.known[id]; (!known || k.Standing != gossip.Alive) && !m.over {
			out.Send(id, m.view(kindHello, out))
			strange = true
		}
	}
	if strange && !m.waiting {
		m.waiting = true
		out.Alarm(now.Add(meetAgain), gossip.TimerMembership)
	}
}

func (m *meeting) Publish(now time.Time, msg gossip.Message, limit int, out *gossip.Outbox) {
	m.inner.Publish(now, msg, limit, out)
}

func (m *meeting) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind < gossip.KindMembership {
		m.inner.Receive(now, from, p, out)
		return
	}
	if m.over {
		return
	}
	news := false
	for _, id := range p.IDs {
		is := gossip.Member{Node: id.Origin, Run: id.Run, Incarnation: (id.Seq - 1) / 4, Standing: gossip.Standing((id.Seq - 1) % 4), Since: now}
		was, known := m.known[is.Node]
		if is.Node == m.self || known && cmp.Or(cmp.Compare(is.Run, was.Run), cmp.Compare(is.Standing, was.Standing)) <= 0 {
			continue
		}
		m.known[is.Node], news = is, true
		out.Members = append(out.Members, is)
	}
	if news {
		var alive []gossip.NodeID
		for _, k := range m.Members() {
			if k.Standing == gossip.Alive {
				alive = append(alive, k.Node)
			}
		}
		m.peers = gossip.NewPeers(alive)
		m.inner.Peers(now, m.peers, out)
		for _, id := range alive {
			out.Send(id, m.view(kindView, out))
		}
	} else if p.Kind == kindHello {
		out.Send(from, m.view(kindView, out))
	}
}

func (m *meeting) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if t&gossip.TimerMembership == 0 {
		m.inner.Wake(now, t, out)
		return
	}
	m.waiting = false
	m.greet(now, out)
}

func (m *meeting) Members() (all []gossip.Member) {
	for _, id := range slices.Sorted(maps.Keys(m.known)) {
		all = append(all, m.known[id])
	}
	return all
}

func (m *meeting) Neighbours() gossip.Peers { return m.peers }

func (m *meeting) Leave(now time.Time, out *gossip.Outbox) {
	m.over = true
	for _, id := range m.peers.All() {
		out.Send(id, m.view(kindView, out))
	}
}

// meets are options of a node that finds the others.
func meets(t testing.TB, id gossip.NodeID, discovery Discovery) Options {
	return Options{
		ID: id, Run: 1, Network: "fruit", Secret: fruitSecret, Discovery: discovery,
		Make: func(run uint32) (gossip.Protocol, error) {
			flood, err := protocol.New("flood", protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, nil)
			return newMeeting(flood, id, run), err
		},
	}
}

// crash ends a node without a word, as near as it gets within a program.
func crash(t *testing.T, n *Node) {
	n.server.silent.Store(true)
	closeNode(t, n)
}

// view is a node's view in short.
func view(n *Node) string {
	text := ""
	for _, m := range n.Members() {
		text += fmt.Sprintf("%d.%d %s ", m.ID, m.Run, m.State)
	}
	return text
}

// acquainted waits until all know all as alive.
func acquainted(t *testing.T, nodes ...*Node) {
	t.Helper()
	settles(t, func() string {
		for _, n := range nodes {
			alive := 0
			for _, m := range n.Members() {
				if m.State == "alive" {
					alive++
				}
			}
			if alive != len(nodes)-1 || len(n.Peers()) != len(nodes)-1 {
				return fmt.Sprintf("node %d sees %s, and has %d peers; %+v", n.ID(), view(n), len(n.Peers()), n.Stats().Discovery)
			}
		}
		return ""
	})
}

// A Discovery that somebody has written himself is enough to become a member: it names one node, and membership does
// the rest.
func TestADiscoveryOfOnesOwnFindsMembers(t *testing.T) {
	b := new(board)
	var nodes []*Node
	for id := gossip.NodeID(1); id <= 3; id++ {
		nodes = append(nodes, launch(t, Options{
			ID: id, Run: 1, Network: "fruit", Secret: fruitSecret, Discovery: b,
			Make: func(run uint32) (gossip.Protocol, error) { return stack("swim", hasty, id, run) },
		}))
		b.put(at(nodes[0]))
	}
	for _, n := range nodes {
		if err := n.WaitMembers(deadline(t), len(nodes)-1); err != nil {
			t.Fatalf("node %d sees %s: %v", n.ID(), view(n), err)
		}
	}
	publish(t, nodes[2], "news")
	if m := next(t, nodes[1]); string(m.Body) != "news" {
		t.Errorf("%q", m.Body)
	}
}

// From one contact all find each other, and what one publishes reaches all. Who leaves is known to have left; who
// comes again, at another address, is found there.
func TestNodesFindEachOther(t *testing.T) {
	first := launch(t, meets(t, 1, nil))
	nodes := []*Node{first}
	for id := gossip.NodeID(2); id <= 12; id++ {
		nodes = append(nodes, launch(t, meets(t, id, Bootstrap(0, first.Addr()))))
	}
	acquainted(t, nodes...)
	for _, n := range nodes {
		if err := n.WaitPeers(deadline(t), len(nodes)-1); err != nil {
			t.Fatal(err)
		}
		if err := n.WaitMembers(deadline(t), len(nodes)-1); err != nil {
			t.Fatal(err)
		}
		for _, m := range n.Members() {
			if want := nodes[m.ID-1].Addr(); m.Addr != want {
				t.Errorf("node %d is at %s, and node %d says at %s", m.ID, want, n.ID(), m.Addr)
			}
		}
	}
	id := publish(t, nodes[5], "banana")
	for _, n := range nodes {
		if m := next(t, n); m.ID != id {
			t.Errorf("%v", m.ID)
		}
	}

	leaver := nodes[3]
	closeNode(t, leaver)
	rest := slices.Concat(nodes[:3], nodes[4:])
	settles(t, func() string {
		for _, n := range rest {
			at := slices.IndexFunc(n.Members(), func(m api.Member) bool { return m.ID == leaver.ID() })
			if n.Members()[at].State != "left" || len(n.Peers()) != len(rest)-1 {
				return fmt.Sprintf("node %d sees %s", n.ID(), view(n))
			}
		}
		return ""
	})
	o := meets(t, leaver.ID(), Bootstrap(0, first.Addr()))
	o.Run = 2
	again := launch(t, o)
	if again.Addr() == leaver.Addr() {
		t.Log("the same port again")
	}
	acquainted(t, slices.Concat(rest, []*Node{again})...)
	id = publish(t, again, "pear")
	for _, n := range rest {
		if m := next(t, n); m.ID != id {
			t.Errorf("%v", m.ID)
		}
	}
	for _, n := range append(rest, again) {
		for reason, times := range n.Stats().Dropped {
			if reason != "unreachable" && reason != "peer_ended" && reason != "peer_removed" && reason != "no_peer" {
				t.Errorf("node %d: %d %s", n.ID(), times, reason)
			}
		}
	}
}

// The HTTP face tells members, contacts, and whether the peers' token is enough.
func TestMembersOverHTTP(t *testing.T) {
	first := launch(t, meets(t, 1, nil))
	second := launch(t, meets(t, 2, Bootstrap(0, first.Addr())))
	acquainted(t, first, second)
	cfg := first.server.cfg
	client := clientOf(t, first, cfg.ControlToken)
	members, err := client.Members(deadline(t))
	if err != nil || members.Node != 1 || members.Run != 1 || members.Membership != "none" || len(members.Members) != 1 || !slices.Equal(members.Neighbours, []gossip.NodeID{2}) {
		t.Errorf("%+v, %v", members, err)
	}
	if m := members.Members[0]; m.ID != 2 || m.Run != 1 || m.State != "alive" || m.Addr != second.Addr() {
		t.Errorf("%+v", m)
	}
	if peers, err := client.Peers(deadline(t)); err != nil || len(peers.Peers) != 1 || peers.Peers[0].Peer != at(second) {
		t.Errorf("%+v, %v", peers, err)
	}
	for name, token := range map[string]string{"control": cfg.ControlToken, "peer": cfg.PeerToken} {
		answer, err := clientOf(t, first, token).Contacts(deadline(t))
		if err != nil || !slices.Equal(answer.Contacts, []Peer{at(first), at(second)}) {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
	if _, err := clientOf(t, first, "x").Contacts(deadline(t)); err == nil {
		t.Error("a stranger is told contacts")
	}
	if _, err := clientOf(t, first, cfg.PeerToken).Members(deadline(t)); err == nil {
		t.Error("the peers' token tells members")
	}
	if err := clientOf(t, first, cfg.PeerToken).Leave(deadline(t)); err == nil {
		t.Error("the peers' token has a node leave")
	}
	if err := clientOf(t, second, cfg.ControlToken).Leave(deadline(t)); err != nil {
		t.Error(err)
	}
	settles(t, func() string {
		if view(first) != "2.1 left " || len(first.Peers()) != 0 {
			return view(first)
		}
		return ""
	})
	if err := clientOf(t, launch(t, options(t, 9)), cfg.ControlToken).Leave(deadline(t)); err == nil {
		t.Error("a node that was told its peers leaves")
	}
}

// Nothing that comes from elsewhere than a link teaches where anybody is, and nothing moves a node that was found.
func TestNobodyIsLedAstray(t *testing.T) {
	a := launch(t, meets(t, 1, nil))
	b := launch(t, meets(t, 2, Bootstrap(0, a.Addr())))
	acquainted(t, a, b)
	trap := launch(t, options(t, 66))
	// A third node of the network tells lies.
	liar := launch(t, meets(t, 3, Bootstrap(0, a.Addr())))
	acquainted(t, a, b, liar)
	lie := func(contacts ...gossip.Contact) {
		e := &gossip.Envelope{From: 3, Packet: gossip.Packet{Kind: kindView, IDs: []gossip.ID{{Origin: 3, Run: 1, Seq: 1}}}, Contacts: contacts}
		before := received(a, 3)
		if err := liar.server.wire.Send(1, e); err != nil {
			t.Fatal(err)
		}
		settles(t, func() string {
			if received(a, 3) == before {
				return "the lie does not arrive"
			}
			return ""
		})
	}
	lie(gossip.Contact{Node: 2, Run: 1, Addr: trap.Addr()}, gossip.Contact{Node: 1, Run: 9, Addr: trap.Addr()},
		gossip.Contact{Node: 4, Run: 1, Addr: "192.0.2.1:80"}, gossip.Contact{Node: 5, Run: 1, Addr: a.Addr()},
		gossip.Contact{Node: 6, Run: 1, Addr: "localhost:80"})
	s := a.Stats()
	if s.Dropped[contactDisputed] != 1 || s.Dropped[contactRefused] != 3 {
		t.Errorf("%v", s.Dropped)
	}
	if where := a.server.Where(2); where != b.Addr() {
		t.Errorf("node 2 is at %s, not at %s", b.Addr(), where)
	}
	// A life to come is believed, until it is tried; then whoever is there has its word.
	lie(gossip.Contact{Node: 2, Run: gossip.MaxRun, Addr: trap.Addr()})
	publish(t, a, "to the trap")
	// Node 2 goes on saying where it is, and is heard.
	settles(t, func() string {
		b.server.wire.Send(1, &gossip.Envelope{From: 2, Packet: gossip.Packet{Kind: kindView, IDs: []gossip.ID{{Origin: 2, Run: 1, Seq: 1}}}, Contacts: []gossip.Contact{{Node: 2, Run: 1, Addr: b.Addr()}}})
		if where := a.server.Where(2); where != b.Addr() {
			return "node 2 is lost: " + where
		}
		return ""
	})
	publish(t, a, "to node 2")
	settles(t, func() string {
		if l := a.Peers()[0]; b.Stats().Inbox != 2 || l.Peer != at(b) || !l.Connected || received(b, 1) == 0 {
			return fmt.Sprintf("%+v", l)
		}
		return ""
	})
	if s := trap.Stats(); s.Inbox != 0 || s.Received != 0 {
		t.Errorf("%+v", s)
	}
}

func clientOf(t *testing.T, n *Node, token string) *api.Client {
	shared := api.NewTransport()
	t.Cleanup(shared.CloseIdleConnections)
	return api.NewClient(shared, "http://"+n.Addr(), "fruit", token, fmt.Sprintf("node %d", n.ID()))
}

func received(n *Node, from gossip.NodeID) uint64 {
	for _, h := range n.server.wire.Heard() {
		if h.Peer == from {
			return h.Received
		}
	}
	return 0
}

// Packets by hand say nothing of where anybody listens.
func TestPacketsByHandTeachNoAddress(t *testing.T) {
	a := launch(t, meets(t, 1, nil))
	body := `{"from":7,"kind":220,"limit":0,"hops":0,"messages":[],"ids":["7.1.1"],"contacts":[{"node":7,"run":1,"addr":"127.0.0.1:1"}]}`
	resp, answer := do(t, a.Addr(), "POST", "/v1/packets", body, bearer(a.server.cfg.PeerToken))
	if resp.StatusCode != 400 {
		t.Errorf("%d: %s", resp.StatusCode, answer)
	}
	resp, answer = do(t, a.Addr(), "POST", "/v1/packets", `{"from":7,"kind":220,"limit":0,"hops":0,"messages":[],"ids":["7.1.1"]}`, bearer(a.server.cfg.PeerToken))
	if resp.StatusCode != 200 || view(a) != "7.1 alive " || a.server.Where(7) != "" {
		t.Errorf("%d: %s; %s at %q", resp.StatusCode, answer, view(a), a.server.Where(7))
	}
}

// A list that a discovery corrects is followed: its contacts are more and fewer, and nobody is forgotten.
func TestContactsComeAndGo(t *testing.T) {
	b := new(board)
	a := launch(t, meets(t, 1, b))
	second, third := launch(t, meets(t, 2, nil)), launch(t, meets(t, 3, nil))
	b.put(at(second))
	acquainted(t, a, second)
	b.put(at(third))
	acquainted(t, a, second, third)
	b.put()
	acquainted(t, a, second, third)
	if s := a.Stats().Discovery; s.Problem != "" || s.Listed != 0 {
		t.Errorf("%+v", s)
	}
}

// A node whose context ends says goodbye as well; one that is cut off does not.
func TestWhoSaysGoodbye(t *testing.T) {
	first := launch(t, meets(t, 1, nil))
	ctx, cancel := context.WithCancel(context.Background())
	second, err := Start(ctx, meets(t, 2, Bootstrap(0, first.Addr())))
	if err != nil {
		t.Fatal(err)
	}
	third := launch(t, meets(t, 3, Bootstrap(0, first.Addr())))
	acquainted(t, first, second, third)
	cancel()
	closeNode(t, second)
	crash(t, third)
	settles(t, func() string {
		if view(first) != "2.1 left 3.1 alive " {
			return view(first)
		}
		return ""
	})
}
