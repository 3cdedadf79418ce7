package protocol_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// TestRoundsUntilAllKnow compares means with those that are known of the complete graph: rounds until
// the last node knows, and how often the message was sent by then, for each node.
func TestRoundsUntilAllKnow(t *testing.T) {
	const n, runs = 1000, 40
	for _, c := range []struct {
		name           string
		rounds, within float64 // within three standard deviations of the mean of so many runs
		sent, about    float64
	}{
		{"push", 18.06, 0.62, 7.99, 0.6}, // log2 n + ln n + 1.2
		{"pull", 13.82, 0.66, 0.999, 1e-9},
		{"push-pull", 9.15, 0.24, 5.5, 0.34},
		{"quasirandom", 17.60, 0.62, 7.55, 0.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rounds, sent := 0.0, 0.0
			for seed := range uint64(runs) {
				l := lockstepped(t, c.name, n, seed, false, nil)
				id := l.publish(gossip.NodeID(1 + seed))
				if !l.informed(id, 100) {
					t.Fatalf("seed %d: not all know after 100 rounds", seed)
				}
				rounds += l.outcome(id).last / runs
				sent += l.outcome(id).traffic / runs
			}
			if math.Abs(rounds-c.rounds) > c.within || math.Abs(sent-c.sent) > c.about {
				t.Errorf("%.2f rounds, sent %.3f n times; want %.2f ± %.2f and %.3f ± %.3f", rounds, sent, c.rounds, c.within, c.sent, c.about)
			}
		})
	}
}

// TestInfectAndDie compares infect-and-die with its theory: one copy to each of f peers for each node that
// is reached; a share 1 − s is, with s = e^(−f(1−s)); and all are, with probability exp(−n e^−f).
func TestInfectAndDie(t *testing.T) {
	for _, relay := range []string{"false", "true"} {
		for _, c := range []struct{ fanout, n, runs int }{{2, 2000, 12}, {3, 2000, 12}, {6, 400, 150}} {
			all, reached, share := 0, 0, 0.0
			for seed := range uint64(c.runs) {
				set := map[string]string{"stop": "die", "fanout": fmt.Sprint(c.fanout), "relay": relay}
				l := lockstepped(t, "push", c.n, seed, false, set)
				id := l.publish(1)
				for range 60 {
					l.set(alarm{node: 1, due: l.now.Add(time.Second)}) // what is relayed needs no alarms, but time passes
					l.pass()
				}
				got := len(l.heard[0])
				if l.cargo != c.fanout*got {
					t.Fatalf("fanout %d: %d copies for %d nodes", c.fanout, l.cargo, got)
				}
				if got == c.n {
					all++
				}
				if l.outcome(id).residue < 0.9 { // it may come to nothing in the first rounds
					reached++
					share += l.outcome(id).residue
				}
			}
			s := 0.5
			for range 200 {
				s = math.Exp(-float64(c.fanout) * (1 - s))
			}
			if reached == 0 {
				t.Fatalf("relay %s, fanout %d: no run reached anybody", relay, c.fanout)
			}
			if got := share / float64(reached); math.Abs(got-s) > 0.12*s+0.0005 {
				t.Errorf("relay %s, fanout %d: residue %.4f, want %.4f", relay, c.fanout, got, s)
			}
			p := math.Exp(-float64(c.n) * math.Exp(-float64(c.fanout)))
			if got, sd := float64(all)/float64(c.runs), math.Sqrt(p*(1-p)/float64(c.runs)); math.Abs(got-p) > 3*sd+0.03 {
				t.Errorf("relay %s, fanout %d: all of %d nodes in %.3f of the runs, want %.3f", relay, c.fanout, c.n, got, p)
			}
		}
	}
}

// TestOrderOfAnInstantDoesNotMatter lets everything in an instant come in the order of sending, and in any
// order: the same nodes must hear of the same messages in the same rounds, at the same cost.
func TestOrderOfAnInstantDoesNotMatter(t *testing.T) {
	for _, name := range []string{"push", "pull", "push-pull", "quasirandom", "median-counter"} {
		for seed := range uint64(40) {
			n := 2 + int(seed)
			var heard [2][][]int
			var cost [2][2]int
			for i, anyhow := range []bool{false, true} {
				set := map[string]string{"rounds": fmt.Sprint(1 + seed%7)}
				l := lockstepped(t, name, n, seed, anyhow, set)
				for k := range 6 {
					l.publish(gossip.NodeID(1 + (int(seed)+k)%n))
					if k%2 == 1 {
						l.pass()
					}
				}
				for range 60 {
					l.pass()
				}
				for _, cycles := range l.heard {
					slices.Sort(cycles)
				}
				heard[i], cost[i] = l.heard, [2]int{l.cargo, l.others}
			}
			if !reflect.DeepEqual(heard[0], heard[1]) || cost[0] != cost[1] {
				t.Errorf("%s, seed %d: in another order\n%v at %v instead of\n%v at %v", name, seed, heard[1], cost[1], heard[0], cost[0])
			}
		}
	}
}

// machine is one protocol, with what it did last.
type machine struct {
	gossip.Protocol
	now    time.Time
	out    gossip.Outbox
	alarms []gossip.Alarm
	seq    uint32
}

func newMachine(t testing.TB, name string, peers int, settings map[string]string) *machine {
	t.Helper()
	set := map[string]string{"phase": "aligned", "interval": "1s"}
	for name, value := range settings {
		set[name] = value
	}
	p, err := protocol.New(name, protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, set)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{Protocol: p, now: start}
	m.know(peers)
	return m
}

// know tells it that its peers are the nodes from 2 on.
func (m *machine) know(peers int) {
	m.out.Detach()
	m.Peers(m.now, gossip.Everyone(peers+1, 1), &m.out)
	m.alarms = append(m.alarms, m.out.Alarms...)
}

func (m *machine) publish(messages, bytes int) {
	for range messages {
		m.seq++
		m.out.Detach()
		m.Publish(m.now, gossip.Message{ID: gossip.ID{Origin: 1, Run: 1, Seq: m.seq}, Body: make([]byte, bytes), Sent: m.now}, 0, &m.out)
		m.alarms = append(m.alarms, m.out.Alarms...)
	}
}

// receive hands it a packet from a peer and returns what it sends.
func (m *machine) receive(from gossip.NodeID, p gossip.Packet) []gossip.Send {
	m.out.Detach()
	m.Receive(m.now, from, p, &m.out)
	m.alarms = append(m.alarms, m.out.Alarms...)
	return m.out.Sends
}

// round lets its next alarm ring and returns what it sends; is tells whether there was an alarm.
func (m *machine) round() (sends []gossip.Send, is bool) {
	if len(m.alarms) == 0 {
		return nil, false
	}
	a := m.alarms[0]
	m.alarms = m.alarms[1:]
	m.now = a.At
	m.out.Detach()
	m.Wake(m.now, a.Timer, &m.out)
	m.alarms = append(m.alarms, m.out.Alarms...)
	return m.out.Sends, true
}

// messagesOf makes n messages of another node, numbered from a sequence number on.
func messagesOf(origin gossip.NodeID, first uint32, n int) []gossip.Message {
	messages := make([]gossip.Message, n)
	for i := range messages {
		messages[i] = gossip.Message{ID: gossip.ID{Origin: origin, Run: 1, Seq: first + uint32(i)}, Body: []byte("plum"), Sent: start}
	}
	return messages
}

// TestPushCountsRoundsInABurst gives a node more messages than a round takes. Each of them must be
// passed on as often as the rules say, and no packet be larger than packets may be.
func TestPushCountsRoundsInABurst(t *testing.T) {
	for _, c := range []struct{ messages, bytes, rounds, fanout int }{
		{1, 10, 3, 1}, {256, 10, 3, 1}, {257, 10, 1, 1}, {1024, 10, 2, 1}, {1025, 10, 4, 1}, {10_000, 10, 2, 1}, {10_000, 10, 3, 3},
		{40, gossip.MaxBody, 2, 1}, {3, gossip.MaxBody, 2, 2},
	} {
		m := newMachine(t, "push", 5, map[string]string{"rounds": fmt.Sprint(c.rounds), "fanout": fmt.Sprint(c.fanout)})
		m.publish(c.messages, c.bytes)
		sent := make(map[gossip.ID]int)
		rounds, most := 0, 0
		for ; rounds < 1000; rounds++ {
			sends, is := m.round()
			if !is {
				break
			}
			to := make(map[gossip.NodeID]int)
			for _, s := range sends {
				to[s.To]++
				size := 0
				for _, message := range s.Packet.Messages {
					sent[message.ID]++
					size += len(message.Body)
				}
				if len(s.Packet.Messages) > 256 || size > gossip.MaxEnvelope/2 {
					t.Fatalf("%+v: a packet with %d messages, %d bytes", c, len(s.Packet.Messages), size)
				}
			}
			if len(to) != c.fanout {
				t.Fatalf("%+v: %d partners", c, len(to))
			}
			for _, packets := range to {
				most = max(most, packets)
			}
		}
		if most > 4 {
			t.Errorf("%+v: %d packets to one partner in one round", c, most)
		}
		if len(sent) != c.messages {
			t.Errorf("%+v: %d messages were passed on", c, len(sent))
		}
		for id, times := range sent {
			if times != c.rounds*c.fanout {
				t.Fatalf("%+v: %v was sent %d times, not %d × %d", c, id, times, c.rounds, c.fanout)
			}
		}
		if needed := c.rounds * ((c.messages + 1023) / 1024); c.bytes < 100 && rounds != needed {
			t.Errorf("%+v: %d rounds, %d would do", c, rounds, needed)
		}
	}
}

// TestBurstsComeThrough publishes more at once than packets take, by number or by size, and again while that
// spreads: all nodes get all of it, and it comes to an end.
func TestBurstsComeThrough(t *testing.T) {
	for _, name := range []string{"push", "pull", "push-pull", "quasirandom", "median-counter"} {
		for _, c := range []struct{ each, bytes int }{{700, 4}, {30, 40_000}} {
			t.Run(fmt.Sprintf("%s/%d", name, c.each), func(t *testing.T) {
				t.Parallel()
				const n = 4
				l := lockstepped(t, name, n, 1, false, nil)
				l.text = make([]byte, c.bytes)
				for origin := range gossip.NodeID(2) {
					for range c.each {
						l.publish(1 + origin)
					}
					l.pass()
				}
				for range 400 {
					l.pass()
				}
				for k, cycles := range l.heard {
					if len(cycles) != n {
						t.Fatalf("message %d reached %d of %d nodes", k+1, len(cycles), n)
					}
				}
				cargo := l.cargo
				for range 50 {
					l.pass()
				}
				if l.cargo != cargo {
					t.Errorf("messages are still sent after 400 rounds")
				}
				if want := 2 * c.each * (n - 1); name == "pull" && cargo != want {
					t.Errorf("%d copies, %d would do", cargo, want)
				}
			})
		}
	}
}

// TestOverloadedPushPullIsFair makes two nodes exchange so many messages that each call and answer takes a part of
// them: every message must get its rounds, however calls and answers take turns.
func TestOverloadedPushPullIsFair(t *testing.T) {
	for _, messages := range []int{200, 300, 500, 600, 800, 1100, 3000} {
		for _, calls := range []int{0, 1, 2, 5} {
			const rounds = 5
			m := newMachine(t, "push-pull", 1, map[string]string{"rounds": fmt.Sprint(rounds)})
			m.publish(messages, 10)
			sent := make(map[gossip.ID]int)
			note := func(sends []gossip.Send) {
				for _, s := range sends {
					for _, message := range s.Packet.Messages {
						sent[message.ID]++
					}
				}
			}
			passed := 0
			for ; m.Protocol.(gossip.Restless).Infective(); passed++ {
				if passed > 1000 {
					t.Fatalf("%d messages, %d calls a round: no end", messages, calls)
				}
				sends, _ := m.round()
				note(sends)
				for range calls {
					note(m.receive(2, gossip.Packet{Kind: 2}))
				}
			}
			for seq := uint32(1); seq <= uint32(messages); seq++ {
				if times := sent[gossip.ID{Origin: 1, Run: 1, Seq: seq}]; times < rounds {
					t.Fatalf("%d messages, %d calls a round: message %d was passed on %d times", messages, calls, seq, times)
				}
			}
		}
	}
}

// TestEachPeerInItsTurn walks round the peers of a quasirandom node: all are called before one is called
// again, and over many nodes the walks begin anywhere.
func TestEachPeerInItsTurn(t *testing.T) {
	const peers = 7
	begins := make(map[gossip.NodeID]int)
	for self := range uint64(700) {
		set := map[string]string{"phase": "aligned", "stop": "never"}
		p, err := protocol.New("quasirandom", protocol.Environment{Self: 1, Rand: protocol.Generator(3, gossip.NodeID(self))}, set)
		if err != nil {
			t.Fatal(err)
		}
		m := &machine{Protocol: p, now: start}
		m.know(peers)
		m.publish(1, 1)
		var called []gossip.NodeID
		for range 3 * peers {
			sends, _ := m.round()
			called = append(called, sends[0].To)
		}
		begins[called[0]]++
		for i := range called[1:] {
			if next := called[i]%(peers+1) + 1; called[i+1] != max(next, 2) {
				t.Fatalf("walked %v", called)
			}
		}
	}
	for id := gossip.NodeID(2); id <= peers+1; id++ {
		if begins[id] < 65 || begins[id] > 140 { // 100 ± 4 standard deviations
			t.Errorf("%d of 700 walks begin at %d", begins[id], id)
		}
	}
}

// TestLateAlarms hands back alarms late, twice, and when nobody asked for them: they begin no rounds.
func TestLateAlarms(t *testing.T) {
	for _, name := range []string{"push", "pull", "push-pull", "quasirandom", "median-counter"} {
		m := newMachine(t, name, 3, map[string]string{"rounds": "3"})
		m.publish(1, 1)
		first := m.alarms[0]
		if _, is := m.round(); !is {
			t.Fatalf("%s: has no alarm", name)
		}
		for _, timer := range []gossip.Timer{first.Timer, 0, 1, math.MaxUint64} {
			m.out.Detach()
			m.Wake(m.now, timer, &m.out)
			if len(m.out.Sends)+len(m.out.Alarms) > 0 {
				t.Errorf("%s: a timer that is over, or never was, makes it act: %+v", name, m.out)
			}
		}
		// One that comes much later still begins a round, and counts once: three rounds in all.
		m.alarms[0].At = m.alarms[0].At.Add(10 * time.Second)
		passed := 1
		for ; passed < 20; passed++ {
			sends, is := m.round()
			if !is || len(sends[0].Packet.Messages) == 0 {
				break
			}
		}
		if name != "pull" && passed != 3 {
			t.Errorf("%s: the message was passed on in %d rounds", name, passed)
		}
	}
}

// TestIdleStepsAllocateNothing is for simulations of millions of nodes that mostly have nothing to say.
func TestIdleStepsAllocateNothing(t *testing.T) {
	for _, name := range []string{"pull", "push-pull", "median-counter"} {
		m := newMachine(t, name, 1000, nil)
		timer := m.alarms[0].Timer
		if allocations := testing.AllocsPerRun(100, func() {
			m.now = m.now.Add(time.Second)
			m.out.Reset()
			m.Wake(m.now, timer, &m.out)
			timer = m.out.Alarms[0].Timer
			m.Receive(m.now, 2, gossip.Packet{Kind: 2}, &m.out)
		}); allocations > 0 {
			t.Errorf("%s: %v allocations in a round with nothing to say", name, allocations)
		}
	}
}

// TestNodesAreSmall bounds what a node takes, with room for its first message where it has that: two hundred and fifty
// bytes are two hundred and fifty megabytes for a million.
func TestNodesAreSmall(t *testing.T) {
	for _, name := range []string{"push", "pull", "push-pull", "quasirandom", "median-counter"} {
		if size := reflect.TypeOf(newMachine(t, name, 1, nil).Protocol).Elem().Size(); size > 264 {
			t.Errorf("%s: a node takes %d bytes", name, size)
		}
	}
}
