package protocol_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// lockstep is a complete network in synchronous cycles, as papers count them: all alarms of a cycle and
// all packets they cause belong to one instant. It has no wires and no codec, so that a thousand nodes
// are cheap. The order within an instant is nobody's business: it can be the order of sending, or any.
type lockstep struct {
	nodes   []gossip.Protocol // of node i+1
	now     time.Time
	rng     *rand.Rand
	anyhow  bool // packets and alarms of one instant come in any order
	out     gossip.Outbox
	alarms  []alarm
	due     []happening // in this instant
	text    []byte      // what messages say
	lose    float64     // share of packets that are lost
	refused int

	cycle  int      // cycles so far
	cargo  int      // copies of messages sent: traffic, as papers count it
	others int      // packets without any
	names  int      // names in all packets
	kinds  [256]int // packets by kind
	heard  [][]int  // by message, the cycles in which its deliveries happened
	ids    map[gossip.ID]int
}

// happening is an alarm that rings in the instant at hand, or a packet that arrives.
type happening struct {
	to     gossip.NodeID
	wakes  bool
	timer  gossip.Timer
	from   gossip.NodeID
	packet gossip.Packet
}

// lockstepped makes the nodes 1 to n, all of which know each other.
func lockstepped(t testing.TB, name string, n int, seed uint64, anyhow bool, settings map[string]string) *lockstep {
	t.Helper()
	kind, err := protocol.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"phase": "aligned"}
	for name, value := range settings {
		set[name] = value
	}
	values, err := kind.Values(set)
	if err != nil {
		t.Fatal(err)
	}
	l := &lockstep{now: start, rng: rand.New(rand.NewPCG(seed, 77)), anyhow: anyhow, ids: make(map[gossip.ID]int)}
	born := kind.Make(values)
	for id := gossip.NodeID(1); int(id) <= n; id++ {
		l.nodes = append(l.nodes, born(protocol.Environment{Self: id, Rand: protocol.Generator(seed, id)}))
		l.nodes[id-1].Peers(l.now, gossip.Everyone(n, id), &l.out)
		l.collect(id)
	}
	return l
}

// publish gives a node a message.
func (l *lockstep) publish(at gossip.NodeID) gossip.ID {
	id := gossip.ID{Origin: at, Run: 1, Seq: 1}
	for _, taken := l.ids[id]; taken; _, taken = l.ids[id] {
		id.Seq++
	}
	l.ids[id] = len(l.heard)
	l.heard = append(l.heard, nil)
	l.nodes[at-1].Publish(l.now, gossip.Message{ID: id, Body: l.text, Sent: l.now}, 0, &l.out)
	l.collect(at)
	return id
}

// collect does what a node wants done, and notes what it delivers.
func (l *lockstep) collect(id gossip.NodeID) {
	for _, send := range l.out.Sends {
		if l.cargo += len(send.Packet.Messages); len(send.Packet.Messages) == 0 {
			l.others++
		}
		l.names += len(send.Packet.IDs)
		l.kinds[send.Packet.Kind]++
		if l.lose == 0 || l.rng.Float64() >= l.lose {
			l.due = append(l.due, happening{to: send.To, from: id, packet: send.Packet})
		}
	}
	for _, a := range l.out.Alarms {
		l.set(alarm{node: id, due: a.At, timer: a.Timer})
	}
	for _, m := range l.out.Delivered {
		number := l.ids[m.ID]
		l.heard[number] = append(l.heard[number], l.cycle)
	}
	if l.out.Refused != "" {
		l.refused++
	}
	l.out.Detach()
}

// pass lets one cycle happen, and reports whether there was one to happen.
func (l *lockstep) pass() bool {
	if len(l.alarms) == 0 {
		return false
	}
	next := l.alarms[0].due
	for _, a := range l.alarms {
		if a.due.Before(next) {
			next = a.due
		}
	}
	if next.After(l.now) {
		l.now = next
	}
	l.cycle++
	alarms := l.alarms
	l.alarms = nil
	for _, a := range alarms {
		l.set(a)
	}
	for next := 0; next < len(l.due); next++ {
		if l.anyhow {
			other := next + l.rng.IntN(len(l.due)-next)
			l.due[next], l.due[other] = l.due[other], l.due[next]
		}
		e := l.due[next]
		if e.wakes {
			l.nodes[e.to-1].Wake(l.now, e.timer, &l.out)
		} else {
			l.nodes[e.to-1].Receive(l.now, e.from, e.packet, &l.out)
		}
		l.collect(e.to)
	}
	l.due = l.due[:0]
	return true
}

// set takes an alarm; if it is for this instant, behind all else that is to happen in it.
func (l *lockstep) set(a alarm) {
	if a.due.After(l.now) {
		l.alarms = append(l.alarms, a)
	} else {
		l.due = append(l.due, happening{to: a.node, wakes: true, timer: a.timer})
	}
}

// quiet lets cycles happen until nobody is infective, and reports whether it came to that in time.
func (l *lockstep) quiet(cycles int) bool {
	for range cycles {
		infective := false
		for _, p := range l.nodes {
			if r, is := p.(gossip.Restless); is && r.Infective() {
				infective = true
				break
			}
		}
		if !infective || !l.pass() {
			return true
		}
	}
	return false
}

// informed lets cycles happen until a message is everywhere, and reports whether it came to that.
func (l *lockstep) informed(id gossip.ID, cycles int) bool {
	for range cycles {
		if len(l.heard[l.ids[id]]) == len(l.nodes) {
			return true
		}
		l.pass()
	}
	return len(l.heard[l.ids[id]]) == len(l.nodes)
}

// outcome is what a paper's table says of a run.
type outcome struct{ residue, traffic, average, last float64 }

// outcome tells how one message spread.
func (l *lockstep) outcome(id gossip.ID) outcome {
	heard, n := l.heard[l.ids[id]], float64(len(l.nodes))
	o := outcome{residue: 1 - float64(len(heard))/n, traffic: float64(l.cargo) / n}
	for _, cycle := range heard[1:] {
		o.average += float64(cycle) / float64(len(heard)-1)
		o.last = max(o.last, float64(cycle))
	}
	return o
}

// runs are the outcomes of many runs.
type runs []outcome

// many makes runs with different seeds.
func many(n int, run func(seed uint64) outcome) runs {
	all := make(runs, n)
	for seed := range all {
		all[seed] = run(uint64(seed))
	}
	return all
}

// mean returns the mean of a figure over all runs, and its standard error.
func (all runs) mean(figure func(outcome) float64) (mean, se float64) {
	n := float64(len(all))
	for _, o := range all {
		mean += figure(o) / n
	}
	for _, o := range all {
		se += (figure(o) - mean) * (figure(o) - mean) / (n - 1)
	}
	return mean, math.Sqrt(se / n)
}

func residue(o outcome) float64 { return o.residue }
func traffic(o outcome) float64 { return o.traffic }
func last(o outcome) float64    { return o.last }
func average(o outcome) float64 { return o.average }

// expect compares the mean of a figure with what it should be. Off is the share it may be off by, for
// what papers round; chance is allowed for as well, that of seeing nothing of what is rare included.
func (all runs) expect(t *testing.T, what string, figure func(outcome) float64, want, off float64) {
	t.Helper()
	got, se := all.mean(figure)
	rare := want / 1000 / float64(len(all)) // with a thousand nodes
	if math.Abs(got-want) > 4*math.Sqrt(se*se+rare)+off*want {
		t.Errorf("%s is %.5f ± %.5f, should be %.5f", what, got, se, want)
	}
}
