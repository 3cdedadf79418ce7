package protocol_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// mute is a network of repaired nodes whose own protocol spreads nothing, driven by hand: what a node
// sends is on the wire until it is handed over.
type mute struct {
	now    time.Time
	nodes  map[gossip.NodeID]gossip.Protocol
	wire   []gossip.Send
	from   []gossip.NodeID
	alarms map[gossip.NodeID][]gossip.Alarm
	got    map[gossip.NodeID][]gossip.ID
	down   map[gossip.NodeID]bool
	called map[[2]gossip.NodeID]int // packets by sender and receiver
	watch  func(out gossip.Outbox)  // told of each answer; may be nil
}

func newMute() *mute {
	return &mute{now: start, nodes: make(map[gossip.NodeID]gossip.Protocol), alarms: make(map[gossip.NodeID][]gossip.Alarm),
		got: make(map[gossip.NodeID][]gossip.ID), down: make(map[gossip.NodeID]bool), called: make(map[[2]gossip.NodeID]int)}
}

func (m *mute) add(id gossip.NodeID, rules protocol.RepairRules) gossip.Protocol {
	p := protocol.WithRepair(hand{}, protocol.Environment{Self: id, Rand: protocol.RepairGenerator(1, id)}, rules)
	m.nodes[id], m.alarms[id], m.got[id] = p, nil, nil
	return p
}

// step asks a node something and keeps what it says.
func (m *mute) step(id gossip.NodeID, ask func(p gossip.Protocol, out *gossip.Outbox)) gossip.Outbox {
	var out gossip.Outbox
	ask(m.nodes[id], &out)
	if m.watch != nil {
		m.watch(out)
	}
	for _, s := range out.Sends {
		m.wire, m.from = append(m.wire, s), append(m.from, id)
		m.called[[2]gossip.NodeID{id, s.To}]++
	}
	for _, d := range out.Delivered {
		m.got[id] = append(m.got[id], d.ID)
	}
	m.alarms[id] = append(m.alarms[id], out.Alarms...)
	return out
}

func (m *mute) peers(id gossip.NodeID, peers ...gossip.NodeID) {
	m.step(id, func(p gossip.Protocol, out *gossip.Outbox) { p.Peers(m.now, gossip.NewPeers(peers), out) })
}

func (m *mute) publish(id gossip.NodeID, run, seq uint32, body string) {
	m.step(id, func(p gossip.Protocol, out *gossip.Outbox) {
		p.Publish(m.now, said(id, run, seq, body), 0, out)
	})
}

func said(id gossip.NodeID, run, seq uint32, body string) gossip.Message {
	return gossip.Message{ID: gossip.ID{Origin: id, Run: run, Seq: seq}, Body: []byte(body), Sent: start}
}

// pass lets time pass; packets arrive at once, but for those that are lost.
func (m *mute) pass(d time.Duration) {
	for end := m.now.Add(d); ; {
		for len(m.wire) > 0 {
			s, from := m.wire[0], m.from[0]
			m.wire, m.from = m.wire[1:], m.from[1:]
			if m.nodes[s.To] != nil && !m.down[s.To] {
				m.step(s.To, func(p gossip.Protocol, out *gossip.Outbox) { p.Receive(m.now, from, s.Packet, out) })
			}
		}
		node, at := gossip.NodeID(0), end
		for _, id := range slices.Sorted(keys(m.alarms)) {
			for _, a := range m.alarms[id] {
				if !a.At.After(at) && (node == 0 || a.At.Before(at)) {
					node, at = id, a.At
				}
			}
		}
		if node == 0 {
			m.now = end
			return
		}
		i := slices.IndexFunc(m.alarms[node], func(a gossip.Alarm) bool { return a.At.Equal(at) })
		a := m.alarms[node][i]
		m.alarms[node] = slices.Delete(m.alarms[node], i, i+1)
		if at.After(m.now) {
			m.now = at
		}
		if !m.down[node] {
			m.step(node, func(p gossip.Protocol, out *gossip.Outbox) { p.Wake(m.now, a.Timer, out) })
		}
	}
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestRepairNeverStopsCalling has a node with nine peers of which none answers, for an hour: none is
// forgotten, none is called more often than once an interval or so, and once one is there it gets all.
func TestRepairNeverStopsCalling(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.peers(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	m.publish(1, 1, 1, "hello")
	m.pass(time.Hour)
	m.called = make(map[[2]gossip.NodeID]int)
	m.pass(time.Minute)
	all := 0
	for id := gossip.NodeID(2); id <= 10; id++ {
		n := m.called[[2]gossip.NodeID{1, id}]
		if all += n; n < 2 {
			t.Errorf("peer %d was called %d times in a minute", id, n)
		}
	}
	if all < 50 || all > 70 {
		t.Errorf("%d calls in a minute, one a second is due", all)
	}
	m.add(7, protocol.RepairRules{})
	m.peers(7, 1)
	m.pass(3 * time.Second)
	if len(m.got[7]) != 1 {
		t.Errorf("three seconds after it came, 7 has %v", m.got[7])
	}
}

// TestRepairOfRestarted starts a node anew, once with an inbox that lasted and once without.
func TestRepairOfRestarted(t *testing.T) {
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprint(durable), func(t *testing.T) {
			m := newMute()
			for id := gossip.NodeID(1); id <= 3; id++ {
				m.add(id, protocol.RepairRules{})
			}
			m.peers(1, 2, 3)
			m.peers(2, 1, 3)
			m.peers(3, 1, 2)
			for seq := range uint32(100) {
				m.publish(1, 1, seq+1, "hello")
			}
			m.pass(5 * time.Second)
			if len(m.got[2]) != 100 {
				t.Fatalf("2 has %d messages of 100", len(m.got[2]))
			}
			m.down[2] = true
			m.publish(3, 1, 1, "in the meantime")
			m.pass(5 * time.Second)
			m.down[2] = false
			p := m.add(2, protocol.RepairRules{})
			if durable {
				for seq := range uint32(100) {
					p.(gossip.Recaller).Recall(m.now, said(1, 1, seq+1, "hello"))
				}
				p.(gossip.Recaller).Recall(m.now, said(2, 1, 1, "nobody else has it"))
			}
			m.peers(2, 1, 3)
			m.pass(5 * time.Second)
			want := 101
			if durable {
				want = 1
				for _, id := range []gossip.NodeID{1, 3} {
					if !slices.Contains(m.got[id], gossip.ID{Origin: 2, Run: 1, Seq: 1}) {
						t.Errorf("%d was not given what 2 alone had kept", id)
					}
				}
			}
			if len(m.got[2]) != want {
				t.Errorf("2 was delivered %d messages, it lacked %d", len(m.got[2]), want)
			}
		})
	}
}

// TestRepairDoesNotResurrect has a node that keeps ten messages, beside one that keeps all.
func TestRepairDoesNotResurrect(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.add(2, protocol.RepairRules{Remember: 10})
	m.peers(1, 2)
	m.peers(2, 1)
	for seq := range uint32(100) {
		m.publish(1, 1, seq+1, "hello")
		m.pass(500 * time.Millisecond)
	}
	m.pass(time.Minute)
	slices.SortFunc(m.got[2], gossip.ID.Compare)
	if n := len(slices.Compact(slices.Clone(m.got[2]))); n != 100 || len(m.got[2]) != 100 {
		t.Errorf("2 was delivered %d messages of 100, %d of them different", len(m.got[2]), n)
	}
}

// TestRepairOfAFullInbox asks for nothing that would be refused, and is content.
func TestRepairOfAFullInbox(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.add(2, protocol.RepairRules{Remember: 10, Refuse: true})
	m.peers(1, 2)
	m.peers(2, 1)
	for seq := range uint32(10) {
		m.publish(2, 1, seq+1, "mine")
	}
	for seq := range uint32(10) {
		m.publish(1, 1, seq+1, "other")
	}
	m.pass(10 * time.Second)
	if len(m.got[1]) != 20 || len(m.got[2]) != 10 {
		t.Errorf("1 was delivered %d of 20, 2 %d of 10", len(m.got[1]), len(m.got[2]))
	}
	m.called = make(map[[2]gossip.NodeID]int)
	m.pass(time.Minute)
	if n := m.called[[2]gossip.NodeID{1, 2}] + m.called[[2]gossip.NodeID{2, 1}]; n > 60*2*4 {
		t.Errorf("%d packets in a minute between two that can do nothing for each other", n)
	}
}

// TestRepairBoundsItsBodies forgets before it keeps more bytes than it may.
func TestRepairBoundsItsBodies(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{RememberBytes: 1000})
	m.add(2, protocol.RepairRules{})
	m.peers(1, 3)
	for seq := range uint32(100) {
		m.publish(1, 1, seq+1, string(make([]byte, 100)))
		m.pass(time.Second)
	}
	m.peers(1, 2)
	m.peers(2, 1)
	m.pass(10 * time.Second)
	if len(m.got[2]) < 5 || len(m.got[2]) > 10 {
		t.Errorf("one that keeps 1000 bytes hands out %d messages of 100", len(m.got[2]))
	}
}

// TestRepairWhenAClockIsSetBack goes on all the same.
func TestRepairWhenAClockIsSetBack(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.add(2, protocol.RepairRules{})
	m.peers(1, 2)
	m.peers(2, 1)
	m.publish(1, 1, 1, "before")
	m.pass(10 * time.Millisecond)
	m.now = m.now.Add(-time.Hour)
	for id := range m.alarms { // timers are of a clock that nobody sets
		for i := range m.alarms[id] {
			m.alarms[id][i].At = m.alarms[id][i].At.Add(-time.Hour)
		}
	}
	m.publish(1, 1, 2, "after")
	m.pass(10 * time.Second)
	if len(m.got[2]) != 2 {
		t.Errorf("2 has %v", m.got[2])
	}
}

// TestRepairStaysOutOfTheWay checks that no protocol uses what is repair's.
func TestRepairStaysOutOfTheWay(t *testing.T) {
	for _, kind := range protocol.Table() {
		values, err := kind.Values(nil)
		if err != nil {
			t.Fatal(err)
		}
		m := newMute()
		for id := gossip.NodeID(1); id <= 3; id++ {
			m.nodes[id] = kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, values)
		}
		m.watch = func(out gossip.Outbox) {
			for _, s := range out.Sends {
				if protocol.IsRepair(s.Packet.Kind) {
					t.Errorf("%s sends packets of kind %d", kind.Name, s.Packet.Kind)
				}
			}
			for _, a := range out.Alarms {
				if a.Timer>>63 != 0 {
					t.Errorf("%s sets timer %x", kind.Name, a.Timer)
				}
			}
		}
		m.peers(1, 2, 3)
		m.peers(2, 1, 3)
		m.peers(3, 1, 2)
		for seq := range uint32(20) {
			m.publish(1, 1, seq+1, "hello")
			m.down[3] = seq%3 == 0
			m.pass(time.Duration(seq) * 20 * time.Millisecond)
		}
		m.pass(5 * time.Second)
	}
}

// TestRepairForgetsWhatItsNodeForgot tells a node of its earlier life: five messages that it has, of thirty
// that it had. The others are not asked for, and its peer knows as much in the end.
func TestRepairForgetsWhatItsNodeForgot(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.peers(1, 2)
	for seq := range uint32(40) {
		m.publish(1, 1, seq+1, "hello")
	}
	m.pass(5 * time.Second)
	p := m.add(2, protocol.RepairRules{})
	for seq := uint32(20); seq < 25; seq++ {
		p.(gossip.Recaller).Recall(m.now, said(1, 1, seq, "hello"))
	}
	p.(gossip.Forgetter).Forget(gossip.ID{Origin: 1, Run: 1, Seq: 1}, gossip.ID{Origin: 1, Run: 1, Seq: 30})
	m.peers(2, 1)
	m.pass(10 * time.Second)
	if len(m.got[2]) != 10 {
		t.Errorf("2 lacked ten messages and was delivered %v", m.got[2])
	}
	m.called = make(map[[2]gossip.NodeID]int)
	m.pass(time.Minute)
	if n := m.called[[2]gossip.NodeID{1, 2}] + m.called[[2]gossip.NodeID{2, 1}]; n > 140 {
		t.Errorf("%d packets in a minute between two that know the same", n)
	}
}

// TestRepairOfOneThatKeepsNothing has a peer that asks for everything and never has any of it: what it is
// sent stays within bounds.
func TestRepairOfOneThatKeepsNothing(t *testing.T) {
	m := newMute()
	m.add(1, protocol.RepairRules{})
	m.peers(1, 2)
	m.publish(1, 1, 1, "hello")
	m.pass(2 * time.Second)
	copies := 0
	m.watch = func(out gossip.Outbox) {
		for _, s := range out.Sends {
			copies += len(s.Packet.Messages)
		}
	}
	for range 300 { // born anew five times a second, for a minute
		m.add(2, protocol.RepairRules{Every: 400 * time.Millisecond})
		m.peers(2, 1)
		m.pass(200 * time.Millisecond)
	}
	if copies > 600 {
		t.Errorf("%d copies in a minute to one that keeps nothing", copies)
	}
}
