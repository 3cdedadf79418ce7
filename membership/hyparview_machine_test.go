package membership_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/membership"
)

// The kinds of hyparview's packets, as they are on wires.
const (
	kindJoin gossip.Kind = 240 + iota
	kindForwardJoin
	kindNeighbor
	kindAccept
	kindReject
	kindDisconnect
	kindShuffle
	kindShuffleReply
	kindKeepAlive
	kindCheck
	kindLive
)

var begin = time.Unix(1_600_000_000, 0)

// spy is a protocol that notes what it is told.
type spy struct {
	t     testing.TB
	peers []gossip.NodeID
	told  int
	kinds []gossip.Kind
	woken []gossip.Timer
}

func (s *spy) Peers(_ time.Time, peers gossip.Peers, _ *gossip.Outbox) {
	var ids []gossip.NodeID
	for _, id := range peers.All() {
		ids = append(ids, id)
	}
	if s.told > 0 && slices.Equal(ids, s.peers) {
		s.t.Errorf("the protocol is told again that its peers are %v", ids)
	}
	s.told++
	s.peers = ids
}
func (s *spy) Publish(time.Time, gossip.Message, int, *gossip.Outbox) {}
func (s *spy) Receive(_ time.Time, _ gossip.NodeID, p gossip.Packet, _ *gossip.Outbox) {
	s.kinds = append(s.kinds, p.Kind)
}
func (s *spy) Wake(_ time.Time, t gossip.Timer, _ *gossip.Outbox) { s.woken = append(s.woken, t) }

// machine is one node by itself.
type machine struct {
	gossip.Membership
	t      testing.TB
	inner  *spy
	now    time.Time
	out    gossip.Outbox
	alarms []gossip.Alarm
}

func newMachine(t testing.TB, set map[string]string, contacts ...gossip.NodeID) *machine {
	m := &machine{t: t, inner: &spy{t: t}, now: begin}
	m.Membership = makeHyparview(t, set)(m.inner, membership.Environment{Self: 1, Run: 1, Rand: membership.Generator(1, 1)})
	m.Peers(m.now, gossip.NewPeers(contacts), &m.out)
	m.alarms = append(m.alarms, m.out.Alarms...)
	return m
}

// hear hands the machine a packet that begins with the sender's first life, and returns what it answers.
func (m *machine) hear(from gossip.NodeID, kind gossip.Kind, limit int, more ...gossip.ID) []gossip.Send {
	return m.hearLife(gossip.ID{Origin: from, Run: 1, Seq: 1}, kind, limit, more...)
}

func (m *machine) hearLife(id gossip.ID, kind gossip.Kind, limit int, more ...gossip.ID) []gossip.Send {
	m.out.Detach()
	m.Receive(m.now, id.Origin, gossip.Packet{Kind: kind, Limit: limit, IDs: append([]gossip.ID{id}, more...)}, &m.out)
	m.alarms = append(m.alarms, m.out.Alarms...)
	return slices.Clone(m.out.Sends)
}

// pass lets time pass, and returns all that was sent.
func (m *machine) pass(while time.Duration) (sends []gossip.Send) {
	for end := m.now.Add(while); ; {
		next := -1
		for i, a := range m.alarms {
			if !a.At.After(end) && (next < 0 || a.At.Before(m.alarms[next].At)) {
				next = i
			}
		}
		if next < 0 {
			m.now = end
			return sends
		}
		a := m.alarms[next]
		m.alarms = slices.Delete(m.alarms, next, next+1)
		m.now = a.At
		m.out.Detach()
		m.Wake(m.now, a.Timer, &m.out)
		m.alarms = append(m.alarms, m.out.Alarms...)
		sends = append(sends, m.out.Sends...)
	}
}

func (m *machine) standing(id gossip.NodeID) string {
	for _, member := range m.Members() {
		if member.Node == id {
			return member.Standing.String()
		}
	}
	return "unknown"
}

// count returns how many packets of a kind there are.
func count(sends []gossip.Send, kind gossip.Kind) (n int) {
	for _, s := range sends {
		if s.Packet.Kind == kind {
			n++
		}
	}
	return n
}

// TestHyparviewOneEnd has two nodes see their neighbourhood differently, both ways.
func TestHyparviewOneEnd(t *testing.T) {
	m := newMachine(t, nil)
	if answer := m.hear(2, kindKeepAlive, 0); len(answer) > 0 || !m.Neighbours().Has(2) {
		t.Errorf("who takes a node with room for a neighbour is none of its, and hears %v", answer)
	}
	for id := gossip.NodeID(3); id <= 6; id++ {
		m.hear(id, kindNeighbor, 0)
	}
	if answer := m.hear(7, kindKeepAlive, 0); count(answer, kindDisconnect) != 1 || answer[0].To != 7 || m.Neighbours().Has(7) {
		t.Errorf("who takes a full node for a neighbour hears %v", answer)
	}
	if answer := m.hear(7, kindNeighbor, 0); count(answer, kindReject) != 1 {
		t.Errorf("low priority at a full node: %v", answer)
	}
	answer := m.hear(7, kindNeighbor, 1)
	if count(answer, kindAccept) != 1 || count(answer, kindDisconnect) != 1 || !m.Neighbours().Has(7) || m.Neighbours().Len() != 5 {
		t.Errorf("high priority at a full node: %v", answer)
	}
	m.hear(7, kindDisconnect, 0)
	if m.Neighbours().Has(7) || m.standing(7) != "alive" {
		t.Errorf("who says that it is no neighbour stays one, or is %s", m.standing(7))
	}
}

// TestHyparviewNotices follows a neighbour that falls silent, and its replacement.
func TestHyparviewNotices(t *testing.T) {
	m := newMachine(t, nil)
	m.hear(2, kindNeighbor, 0)
	m.out.Detach()
	m.Receive(m.now, 9, gossip.Packet{Kind: kindForwardJoin, Hops: 3, IDs: []gossip.ID{{Origin: 3, Run: 1, Seq: 1}}}, &m.out)
	if !m.Neighbours().Has(3) {
		t.Fatal("a walk that can go no further does not end")
	}
	for range 30 { // a word of the protocol within is a sign of life too
		m.pass(500 * time.Millisecond)
		m.Receive(m.now, 2, gossip.Packet{Kind: 1}, &m.out)
	}
	if got := m.standing(2); got != "alive" {
		t.Errorf("who sends packets of the protocol within is %s", got)
	}
	if got := m.standing(3); got != "dead" || m.Neighbours().Has(3) {
		t.Errorf("who says nothing for 15 s is %s", got)
	}
	asked := m.pass(2600 * time.Millisecond) // more than 1.5 intervals, and at most a tick later
	if got := m.standing(2); got != "suspect" {
		t.Errorf("after a keep-alive was missed the neighbour is %s", got)
	}
	if !slices.ContainsFunc(asked, func(s gossip.Send) bool { return s.To == 2 && s.Packet.Kind == kindKeepAlive && s.Packet.Limit == 1 }) {
		t.Errorf("a suspect is not asked: %v", asked)
	}
	m.hear(2, kindKeepAlive, 0)
	if at := slices.IndexFunc(m.out.Members, func(x gossip.Member) bool { return x.Node == 2 }); at < 0 || m.out.Members[at].Standing != gossip.Alive {
		t.Errorf("a suspect answers, and what is told is %v", m.out.Members)
	}
	m.pass(10 * time.Second)
	if got := m.standing(2); got != "dead" {
		t.Errorf("after 10 s of silence the neighbour is %s", got)
	}
	if len(m.inner.peers) > 0 {
		t.Errorf("the protocol within has %v for peers", m.inner.peers)
	}
	if again := m.pass(40 * time.Second); count(again, kindNeighbor) < 2 {
		t.Errorf("two dead were asked again %d times in 40 s", count(again, kindNeighbor))
	}
}

// TestHyparviewFills has a node ask its passive view, one at a time, until it has neighbours enough.
func TestHyparviewFills(t *testing.T) {
	m := newMachine(t, nil)
	m.hear(2, kindNeighbor, 0)
	m.pass(10 * time.Millisecond)
	sample := []gossip.ID{}
	for id := gossip.NodeID(10); id < 20; id++ {
		sample = append(sample, gossip.ID{Origin: id, Run: 1, Seq: 1})
	}
	m.hear(2, kindKeepAlive, 0)
	m.out.Detach()
	m.Receive(m.now, 2, gossip.Packet{Kind: kindShuffle, Hops: 1, IDs: sample}, &m.out)
	if count(m.out.Sends, kindShuffleReply) != 1 || m.out.Sends[0].To != 10 {
		t.Fatalf("the end of a shuffle is not told to who began it: %v", m.out.Sends)
	}
	var asked []gossip.Send
	for len(asked) == 0 {
		m.hear(2, kindKeepAlive, 0)
		asked = m.pass(100 * time.Millisecond)
		asked = slices.DeleteFunc(asked, func(s gossip.Send) bool { return s.Packet.Kind != kindNeighbor })
	}
	if len(asked) != 1 || asked[0].Packet.Limit != 0 {
		t.Fatalf("asks %v at once, though it has a neighbour", asked)
	}
	next := m.hear(asked[0].To, kindReject, 0)
	if count(next, kindNeighbor) != 1 || next[0].To == asked[0].To {
		t.Fatalf("after a refusal: %v", next)
	}
	third := m.hear(next[0].To, kindAccept, 0)
	if count(third, kindNeighbor) != 1 || !m.Neighbours().Has(next[0].To) {
		t.Fatalf("after a consent: %v", third)
	}
	m.hear(2, kindKeepAlive, 0)
	if fourth := m.pass(510 * time.Millisecond); count(fourth, kindNeighbor) != 1 {
		t.Fatalf("after no answer: %v", fourth)
	}
}

// TestHyparviewLife has old and new lives of a node speak.
func TestHyparviewLife(t *testing.T) {
	m := newMachine(t, nil)
	m.hear(2, kindNeighbor, 0)
	told := m.inner.told
	m.hearLife(gossip.ID{Origin: 2, Run: 2, Seq: 1}, kindJoin, 0)
	if !m.Neighbours().Has(2) || m.inner.told != told+2 {
		t.Errorf("a new life was told to the protocol within in %d steps, not as one that goes and one that comes", m.inner.told-told)
	}
	m.hear(2, kindDisconnect, 0)
	if m.out.Refused != gossip.Stale || !m.Neighbours().Has(2) {
		t.Errorf("the old life is still heard: refused %q", m.out.Refused)
	}
	m.hearLife(gossip.ID{Origin: 2, Run: 2, Seq: 4}, kindDisconnect, 0)
	if got := m.standing(2); got != "left" {
		t.Fatalf("who has said goodbye is %s", got)
	}
	m.hearLife(gossip.ID{Origin: 2, Run: 2, Seq: 1}, kindKeepAlive, 0)
	if got := m.standing(2); got != "left" || m.out.Refused != gossip.Stale {
		t.Errorf("who has said goodbye speaks again and is %s", got)
	}
	m.hearLife(gossip.ID{Origin: 2, Run: 3, Seq: 1}, kindNeighbor, 0)
	if got := m.standing(2); got != "alive" || !m.Neighbours().Has(2) {
		t.Errorf("the third life is %s", got)
	}
}

// TestHyparviewAround sees that timers and packets of the protocol within, and of what stands around it, go there.
func TestHyparviewAround(t *testing.T) {
	m := newMachine(t, nil)
	for _, timer := range []gossip.Timer{1, gossip.Timer(begin.UnixNano()), gossip.TimerRepair | 1, gossip.TimerValues | 1} {
		m.Wake(m.now, timer, &m.out)
	}
	if len(m.inner.woken) != 4 {
		t.Errorf("timers that reach the protocol within: %v", m.inner.woken)
	}
	for _, kind := range []gossip.Kind{1, gossip.KindRepair, gossip.KindValues, 220, 239} {
		m.Receive(m.now, 5, gossip.Packet{Kind: kind}, &m.out)
	}
	if !slices.Equal(m.inner.kinds, []gossip.Kind{1, gossip.KindRepair, gossip.KindValues}) {
		t.Errorf("packets that reach the protocol within: %v", m.inner.kinds)
	}
	var out gossip.Outbox
	m.Leave(m.now, &out)
	m.Receive(m.now, 5, gossip.Packet{Kind: 1}, &out)
	m.Wake(m.now, 1, &out)
	if len(m.inner.woken) != 4 || len(m.inner.kinds) != 3 {
		t.Error("who has left still takes part")
	}
}

// FuzzHyparviewReceive does to a node whatever the bytes say. Nothing may panic; what one packet causes, and what is
// kept, is bounded; what the node sends, itself would take; and what it tells of others is what it thinks of them.
func FuzzHyparviewReceive(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 5))
	for range 64 {
		data := make([]byte, 1+rng.IntN(3000))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		below := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return int(b) % n
		}
		pick := func(from ...int) int { return from[below(len(from))] }
		passive := pick(1, 4, 30)
		m := newMachine(t, map[string]string{"active": fmt.Sprint(pick(5, 2, 3)), "passive": fmt.Sprint(passive)}, 1, 2, 3)
		active := 5
		told := make(map[gossip.NodeID]gossip.Member)
		for len(data) > 0 {
			m.now = m.now.Add(time.Duration(pick(0, 1, 10, 200, 1000)) * time.Millisecond)
			m.out.Reset()
			switch below(8) {
			case 0:
				if len(m.alarms) > 0 {
					due := m.alarms[0]
					m.alarms = m.alarms[1:]
					if due.At.After(m.now) {
						m.now = due.At
					}
					m.Wake(m.now, due.Timer, &m.out)
				}
			case 1:
				m.Wake(m.now, gossip.TimerMembership|gossip.Timer(below(256)), &m.out)
			case 2:
				m.Peers(m.now, gossip.NewPeers([]gossip.NodeID{1, gossip.NodeID(2 + below(8))}), &m.out)
			default:
				from := gossip.NodeID(pick(2, 3, 4, 5, 6, 7, 8, 9, 1, 0))
				p := gossip.Packet{Kind: gossip.Kind(240 + below(12)), Limit: pick(0, 1, 0, 1, 2, -1), Hops: pick(0, 0, 0, 1, 3, 6, 64, 65, math.MaxInt32, math.MinInt32)}
				for i := range pick(1, 1, 1, 2, 8, 0, 200) {
					id := gossip.ID{Origin: from, Run: uint32(pick(1, 1, 1, 2, gossip.MaxRun, 0, gossip.MaxRun+1)), Seq: uint32(pick(1, 1, 1, 1, 4, 0, 2, math.MaxInt32))}
					if i > 0 || below(4) == 0 {
						id.Origin = gossip.NodeID(pick(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, -1, math.MaxInt32))
					}
					p.IDs = append(p.IDs, id)
				}
				before := slices.Clone(p.IDs)
				m.Receive(m.now, from, p, &m.out)
				if !slices.Equal(before, p.IDs) {
					t.Fatal("the packet was changed, which is only lent")
				}
			}
			if len(m.out.Sends) > 2*active+2*passive+3 || len(m.out.Alarms) > 4 {
				t.Fatalf("%d packets and %d alarms in one step", len(m.out.Sends), len(m.out.Alarms))
			}
			m.alarms = append(m.alarms, m.out.Alarms...)
			if len(m.alarms) > 1000 {
				m.alarms = m.alarms[len(m.alarms)-1000:]
			}
			for _, s := range m.out.Sends {
				id := s.Packet.IDs[0]
				if s.To == 1 || s.To == 0 || s.Packet.Kind < kindJoin || s.Packet.Kind > kindLive || len(s.Packet.IDs) > 128 ||
					s.Packet.Hops < 0 || s.Packet.Hops > 64 || s.Packet.Limit < 0 || s.Packet.Limit > 1 || id.Run < 1 {
					t.Fatalf("sends %+v", s)
				}
			}
			for _, member := range m.out.Members {
				told[member.Node] = member
			}
			members := m.Members()
			if len(members) > active+2*passive || len(m.inner.peers) > active {
				t.Fatalf("keeps %d members and %d neighbours", len(members), len(m.inner.peers))
			}
			for i, member := range members {
				last, known := told[member.Node]
				if i > 0 && members[i-1].Node >= member.Node || member.Node == 1 {
					t.Fatalf("members are not sorted, once each, and others: %v", members)
				}
				if member.Standing != gossip.Alive && (!known || last.Standing != member.Standing || last.Run != member.Run) ||
					member.Standing == gossip.Alive && known && last.Standing != gossip.Alive && last.Run >= member.Run && slices.Contains(m.inner.peers, member.Node) {
					t.Fatalf("thinks %+v, and has told %+v (%v)", member, last, known)
				}
			}
		}
	})
}

// TestHyparviewSettings reads each default back.
func TestHyparviewSettings(t *testing.T) {
	kind, err := membership.Find("hyparview")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range kind.Settings {
		if s.Why == "" || s.Unit == "" {
			t.Errorf("%s has no reason or no unit", s.Name)
		}
		if v, err := s.Parse(s.Text(s.Default)); err != nil || v != s.Default {
			t.Errorf("%s: the default %v reads as %v, %v", s.Name, s.Default, v, err)
		}
	}
	if _, err := kind.Values(map[string]string{"active": "1"}); err == nil {
		t.Error("an active view of one is taken")
	}
}
