package membership

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/sim"
)

// alone makes the machine of node 1, which nobody drives.
func alone(t testing.TB, kind Kind, set map[string]string) *core {
	t.Helper()
	v, err := kind.Values(set)
	if err != nil {
		t.Fatal(err)
	}
	return kind.Make(v)(new(silent), Environment{Self: 1, Run: 3, Rand: Generator(1, 1), Seed: 1}).(*core)
}

// sane complains when what a machine keeps does not fit together, or has outgrown its bounds.
func sane(t testing.TB, c *core, out *gossip.Outbox) {
	t.Helper()
	sum, here, dead, waits := c.me.sum(), 0, 0, 0
	for i, m := range c.all {
		sum += m.sum()
		if i > 0 && c.all[i-1].node >= m.node || m.node == c.me.node {
			t.Fatalf("node %d at place %d", m.node, i)
		}
		switch {
		case m.here():
			if here++; c.here[m.at] != m {
				t.Fatalf("%+v is not where it should be", m)
			}
		case m.standing == gossip.Dead:
			if dead++; c.dead[m.at] != m {
				t.Fatalf("%+v is not where it should be", m)
			}
		}
		if m.waits {
			waits++
		}
		if (m.suspicion != nil) != (m.standing == gossip.Suspect) || m.suspicion != nil && len(m.suspicion.accusers) > m.suspicion.need+1 {
			t.Fatalf("%+v with suspicion %+v", m.record, m.suspicion)
		}
	}
	if c.me.waits {
		waits++
	}
	if sum != c.sum || here != len(c.here) || dead != len(c.dead) || waits != len(c.queue.waiting) {
		t.Fatalf("%d members, %d here, %d dead, %d wait; kept are %d, %d, %d", len(c.all), here, dead, waits, len(c.here), len(c.dead), len(c.queue.waiting))
	}
	if len(c.all) > MaxMembers || len(c.exchanges) > exchangesMost || len(c.contacts) > MaxMembers {
		t.Fatalf("%d members, %d exchanges, %d contacts", len(c.all), len(c.exchanges), len(c.contacts))
	}
	if d := c.detector; d != nil && (len(d.relay) > relayMost || len(d.turns) > 2*MaxMembers || d.health < 0 || d.health > healthMost) {
		t.Fatalf("%d probes for others, %d turns, health %d", len(d.relay), len(d.turns), d.health)
	}
	if len(out.Sends) > MaxMembers/pageMembers+8 || len(out.Alarms) > 2*int(errands) {
		t.Fatalf("%d packets and %d alarms in one step", len(out.Sends), len(out.Alarms))
	}
	for _, send := range out.Sends {
		if _, err := gossip.AppendEnvelope(nil, &gossip.Envelope{From: 1, Packet: send.Packet}); err != nil || send.To < 2 {
			t.Fatalf("to %d: %+v: %v", send.To, send.Packet, err)
		}
	}
}

// FuzzReceive drives one machine with whatever comes: nothing panics, and nothing grows beyond its bounds.
func FuzzReceive(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 4))
	for range 48 {
		data := make([]byte, 1+rng.IntN(1500))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []Kind{acquaintKind, swimKind} {
			harass(t, alone(t, kind, map[string]string{"updates": "4"}), data)
		}
	})
}

// chooser makes choices out of bytes; when they are used up it always takes the first.
type chooser []byte

func (c *chooser) below(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

func choose[T any](c *chooser, from ...T) T { return from[c.below(len(from))] }

func harass(t *testing.T, core *core, data []byte) {
	c := chooser(data)
	now := sim.Begin
	var out gossip.Outbox
	var alarms []gossip.Alarm
	core.Peers(now, gossip.NewPeers([]gossip.NodeID{2, 3, 4}), &out)
	for len(c) > 0 {
		now = now.Add(time.Duration(c.below(64)) * choose(&c, time.Millisecond, 10*time.Millisecond, 100*time.Millisecond, time.Second))
		out.Reset()
		switch c.below(16) {
		case 0:
			core.Peers(now, gossip.Everyone(c.below(9), 1), &out)
		case 1:
			core.Wake(now, gossip.TimerMembership|gossip.Timer(c.below(12)), &out)
		case 2, 3, 4, 5:
			if len(alarms) > 0 {
				due := alarms[0]
				alarms = alarms[1:]
				if due.At.After(now) {
					now = due.At
				}
				core.Wake(now, due.Timer, &out)
			}
		case 6:
			if c.below(16) == 0 {
				core.Leave(now, &out)
			}
		default:
			from := gossip.NodeID(c.below(9))
			core.Receive(now, from, strange(&c, from), &out)
		}
		alarms = append(alarms, out.Alarms...)
		sane(t, core, &out)
	}
}

// strange makes a packet that is now and then an ordinary one.
func strange(c *chooser, from gossip.NodeID) gossip.Packet {
	p := gossip.Packet{
		Kind: kindNews + gossip.Kind(c.below(11)),
		Hops: choose(c, 1, 2, 3, 0, numbers, numbers+1, -1),
	}
	id := func() gossip.ID {
		return gossip.ID{Origin: gossip.NodeID(c.below(9)), Run: choose[uint32](c, 1, 2, 3, 4, 0, gossip.MaxRun, lastNumber, 1<<31),
			Seq: choose[uint32](c, 1, 2, 3, 4, 5, 6, 7, 8, 13, 0, maxIncarnation*4+1, maxIncarnation*4+4, lastNumber, math.MaxUint32)}
	}
	p.IDs = append(p.IDs, gossip.ID{Origin: from, Run: uint32(1 + c.below(4)), Seq: choose[uint32](c, 1, 1, 1, 5, 4, 2)})
	if p.Kind == kindAsk || p.Kind == kindPage {
		p.IDs = append(p.IDs, gossip.ID{Origin: from, Run: choose[uint32](c, 1, 1, 5, 0), Seq: choose[uint32](c, lastNumber, 4, 0)})
	}
	for range c.below(6) {
		p.IDs = append(p.IDs, id())
	}
	if c.below(30) == 0 {
		p.IDs = nil
	}
	return p
}

// What makes no sense is refused as a whole.
func TestMalformed(t *testing.T) {
	me, other := record{2, 1, 0, gossip.Alive}.id(), record{5, 1, 0, gossip.Alive}.id()
	suspect := record{5, 1, 0, gossip.Suspect}.id()
	all := gossip.ID{Origin: 2, Run: 1, Seq: lastNumber}
	many := []gossip.ID{me}
	for len(many) <= placesMost {
		many = append(many, other)
	}
	for what, p := range map[string]gossip.Packet{
		"nobody's":                        {Kind: kindNews},
		"another's":                       {Kind: kindNews, IDs: []gossip.ID{other}},
		"a dead one's":                    {Kind: kindNews, IDs: []gossip.ID{record{2, 1, 0, gossip.Dead}.id()}},
		"a suspicion nobody has":          {Kind: kindNews, IDs: []gossip.ID{me, suspect}},
		"a suspicion of nobody":           {Kind: kindNews, IDs: []gossip.ID{me, suspect, {}}},
		"of an unknown kind":              {Kind: kindsEnd, IDs: []gossip.ID{me}},
		"with a number too large":         {Kind: kindPing, Hops: numbers + 1, IDs: []gossip.ID{me}},
		"too long":                        {Kind: kindNews, IDs: many},
		"with a message":                  {Kind: kindNews, IDs: []gossip.ID{me}, Messages: make([]gossip.Message, 1)},
		"an ask for nothing":              {Kind: kindAsk, IDs: []gossip.ID{me}},
		"an ask without a sum":            {Kind: kindAsk, IDs: []gossip.ID{me, all}},
		"a page of an impossible stretch": {Kind: kindPage, IDs: []gossip.ID{me, {Origin: 2, Run: 9, Seq: 8}, other}},
		"a request to probe nobody":       {Kind: kindPingFor, Hops: 1, IDs: []gossip.ID{me, {}}},
		"an incarnation beyond all":       {Kind: kindNews, IDs: []gossip.ID{me, {Origin: 5, Run: 1, Seq: lastNumber}}},
	} {
		c := alone(t, swimKind, nil)
		var out gossip.Outbox
		c.Receive(sim.Begin, 2, p, &out)
		if out.Refused != gossip.Malformed || len(c.all) > 0 || len(out.Sends) > 0 {
			t.Errorf("a packet %s: %q, %d members, %d packets", what, out.Refused, len(c.all), len(out.Sends))
		}
	}
	c := alone(t, acquaintKind, nil)
	var out gossip.Outbox
	if c.Receive(sim.Begin, 2, gossip.Packet{Kind: kindPing, Hops: 1, IDs: []gossip.ID{me}}, &out); out.Refused != gossip.Malformed {
		t.Error("acquaint takes a ping")
	}
	out.Refused = ""
	if c.Receive(sim.Begin, 1, gossip.Packet{Kind: kindNews, IDs: []gossip.ID{record{1, 3, 0, gossip.Alive}.id()}}, &out); out.Refused != gossip.Malformed {
		t.Error("a packet from the node itself is taken")
	}
}

// Somebody invents members without end: the view stops growing, what does not fit is counted, and those that have
// gone make room first.
func TestMembersAreBounded(t *testing.T) {
	c := alone(t, swimKind, nil)
	var out gossip.Outbox
	c.Peers(sim.Begin, gossip.Peers{}, &out)
	invent := func(first, last int, s gossip.Standing) {
		for at := first; at <= last; at += pageMembers {
			ids := []gossip.ID{{Origin: 2, Run: 1, Seq: 1}}
			for k := at; k < min(at+pageMembers, last+1); k++ {
				ids = append(ids, record{gossip.NodeID(k), 1, 0, s}.id())
			}
			out.Reset()
			c.Receive(sim.Begin.Add(time.Duration(at)), 2, gossip.Packet{Kind: kindNews, IDs: ids}, &out)
			sane(t, c, &out)
			if full := len(c.all) == MaxMembers && len(c.dead) == 0; out.Refused != "" && !full || out.Refused != "" && out.Refused != Full {
				t.Errorf("at %d: refused as %q", at, out.Refused)
			}
		}
		if last > MaxMembers && out.Refused != Full {
			t.Errorf("what is beyond the bound is not refused: %q", out.Refused)
		}
	}
	invent(10, 2009, gossip.Dead)
	invent(3000, 14_999, gossip.Alive)
	if s := c.Stats(); s.Here != MaxMembers || s.Dead != 0 || s.Refused != 12_000+1-MaxMembers {
		t.Errorf("%+v", s)
	}
	now := sim.Begin.Add(time.Second)
	for range 20 { // what it has to tell about them it tells packet by packet
		now = now.Add(200 * time.Millisecond)
		out.Reset()
		c.Wake(now, gossip.TimerMembership|gossip.Timer(tellNews), &out)
		sane(t, c, &out)
	}
}

// What is said about the node itself it answers with a later incarnation, but not without end, and it cannot be
// talked into another life.
func TestDefence(t *testing.T) {
	c := alone(t, swimKind, nil)
	var out gossip.Outbox
	say := func(r record, more ...gossip.ID) int {
		out.Reset()
		c.Receive(sim.Begin, 2, gossip.Packet{Kind: kindNews, IDs: append([]gossip.ID{record{2, 1, 0, gossip.Alive}.id(), r.id()}, more...)}, &out)
		sane(t, c, &out)
		if out.Refused != "" {
			t.Errorf("%+v is refused: %s", r, out.Refused)
		}
		return len(out.Sends)
	}
	accuser := record{2, 1, 0, gossip.Alive}.id()
	if n := say(record{1, 3, 0, gossip.Suspect}, accuser); n != 1 || c.me.incarnation != 1 || c.detector.health != 1 {
		t.Errorf("%d packets, incarnation %d, health %d", n, c.me.incarnation, c.detector.health)
	}
	if got := out.Sends[0].Packet.IDs[0]; got != (record{1, 3, 1, gossip.Alive}).id() {
		t.Errorf("it answers %v", got)
	}
	if n := say(record{1, 3, 0, gossip.Dead}); n != 1 || c.me.incarnation != 1 {
		t.Errorf("to old news: %d packets, incarnation %d", n, c.me.incarnation)
	}
	if n := say(record{1, 2, 7, gossip.Dead}); n != 1 || c.me.incarnation != 1 {
		t.Errorf("to news of a former life: %d packets, incarnation %d", n, c.me.incarnation)
	}
	if n := say(record{1, 4, 0, gossip.Alive}); n != 0 || c.me.run != 3 {
		t.Errorf("to news of a later life: %d packets, life %d", n, c.me.run)
	}
	if n := say(record{1, 3, 1, gossip.Left}); n != 1 || c.me.incarnation != 2 {
		t.Errorf("told that it has left: %d packets, incarnation %d", n, c.me.incarnation)
	}
	if n := say(record{1, 3, 2, gossip.Alive}); n != 0 {
		t.Errorf("to what is true: %d packets", n)
	}
	say(record{1, 3, maxIncarnation, gossip.Dead})
	if c.me.incarnation > maxIncarnation {
		t.Errorf("incarnation %d", c.me.incarnation)
	}
}
