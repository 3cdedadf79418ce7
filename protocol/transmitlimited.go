package protocol

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// transmitLimited is how hashicorp/memberlist, and with it Serf and Consul, spread what users
// broadcast: its TransmitLimitedQueue, and the gossip that empties it once an interval.
//
//   - Who learns a message puts it in its queue.
//   - Once an interval a node with something in its queue draws fanout peers and makes each a packet
//     of its own. In it goes what was transmitted the fewest times; of that, the largest that still
//     fits; of several such, the newest. A message larger than the budget goes alone, where memberlist
//     never sends it.
//   - One message in one packet is one transmission, received or not. After lambda × ⌈log10(n+1)⌉
//     transmissions, n nodes being thought in the network, a message leaves the queue for good.
//
// Nothing is acknowledged and nothing is repaired, and it costs exactly that limit for each node that
// hears of a message. memberlist knows all nodes of its network; on a graph where a node has few peers
// some of its transmissions go to the same ones, and on one where the limit is below the number of
// peers some of those hear nothing from it.
//
// Not here: what memberlist sends along with its probes, and queue entries that a newer one replaces.
type transmitLimited struct {
	*transmitConfig
	rng   *rand.Rand
	peers gossip.Peers
	clock clock
	known memory[gossip.Message]
	queue []queued // by order
	taken uint64   // number of the newest message that went into the queue
	// A message is not passed on in the instant in which it was learnt. Those learnt at the moment
	// fresh have higher numbers than settled.
	fresh   time.Time
	settled uint64
	waiting bool // for the next interval
}

// transmitConfig is the same at all nodes.
type transmitConfig struct {
	fanout, lambda, size, budget, remember int
}

// queued is a message that is still to be transmitted.
type queued struct {
	number      uint64 // in the memory: newer ones are higher
	bytes       int32  // in a packet
	transmitted int32
}

// order is in which order messages are considered for a packet.
func (q queued) order(other queued) int {
	return cmp.Or(cmp.Compare(q.transmitted, other.transmitted), cmp.Compare(other.bytes, q.bytes),
		cmp.Compare(other.number, q.number))
}

// messageOverhead is what a message takes in a packet besides its body: name, time, lengths, and a
// route of a few nodes.
const messageOverhead = 32

// transmitRound is the timer of the gossip.
const transmitRound gossip.Timer = 1

var transmitLimitedKind = Kind{
	Name:    "transmit-limited",
	Summary: "every interval, what was sent the fewest times goes to a few peers, until its limit",
	Follows: "hashicorp/memberlist, TransmitLimitedQueue and gossip",
	Settings: []Setting{
		intervalSetting,
		phaseSetting,
		whole("fanout", 3, 1, 64, "peers", "memberlist's GossipNodes on a LAN"),
		whole("lambda", 4, 1, 100, "transmissions", "memberlist's RetransmitMult; times the digits of the number of nodes"),
		whole("size", 0, 0, 1<<30, "nodes", "0 counts the node's own peers and itself: on a complete graph, where this protocol belongs, that is everybody"),
		whole("budget", 1400, 64, batchBytes, "bytes", "memberlist's packets fit the frames of any Ethernet; each body counts 32 bytes more for its name, time and route"),
		rememberSetting("about 130 bytes each, and the body"),
	},
	Make:  makeTransmitLimited,
	Until: Quiet,
}

func makeTransmitLimited(v Values) func(Environment) gossip.Protocol {
	c := &transmitConfig{fanout: v.Int("fanout"), lambda: v.Int("lambda"), size: v.Int("size"),
		budget: v.Int("budget"), remember: v.Int("remember")}
	return func(env Environment) gossip.Protocol {
		return &transmitLimited{transmitConfig: c, rng: env.Rand, clock: newClock(v, env.Rand)}
	}
}

func (t *transmitLimited) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	t.peers = peers
	t.setAlarm(now, out)
}

func (t *transmitLimited) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	t.learn(now, m, out)
	t.setAlarm(now, out)
}

func (t *transmitLimited) Receive(now time.Time, _ gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind != kindRelay || len(p.Messages) == 0 || len(p.IDs) > 0 {
		out.Refuse(gossip.Malformed)
		return
	}
	stale := 0
	for _, m := range p.Messages {
		switch {
		case t.known.find(m.ID) != nil:
		case t.known.forgot(m.ID):
			stale++
		default:
			t.learn(now, m, out)
		}
	}
	if stale == len(p.Messages) {
		out.Refuse(gossip.Stale)
	}
	t.setAlarm(now, out)
}

// learn takes in a message that is news here. Its place in the queue is found when the queue is used.
func (t *transmitLimited) learn(now time.Time, m gossip.Message, out *gossip.Outbox) {
	if !now.Equal(t.fresh) {
		t.fresh, t.settled = now, t.known.last()
	}
	*t.known.learn(m.ID, t.remember) = m
	out.Deliver(m)
}

// setAlarm has the node woken for the next interval if there is something to say and somebody to
// hear it: a network with nothing to say is silent.
func (t *transmitLimited) setAlarm(now time.Time, out *gossip.Outbox) {
	if !t.waiting && t.peers.Len() > 0 && (len(t.queue) > 0 || t.taken < t.known.last()) {
		t.waiting = true
		out.Alarm(t.clock.next(now), transmitRound)
	}
}

func (t *transmitLimited) Wake(now time.Time, timer gossip.Timer, out *gossip.Outbox) {
	if timer != transmitRound || !t.waiting {
		return
	}
	t.waiting = false
	t.enqueue(now)
	var room [8]gossip.NodeID
	for _, peer := range drawPartners(t.rng, t.peers, t.fanout, nil, room[:0]) {
		messages := t.fill(out)
		if len(messages) == 0 {
			break
		}
		out.Send(peer, gossip.Packet{Kind: kindRelay, Messages: messages})
	}
	t.setAlarm(now, out)
}

// enqueue gives the messages learnt since the last time their places in the queue, and takes out
// those that were forgotten meanwhile.
func (t *transmitLimited) enqueue(now time.Time) {
	last := t.known.last()
	if now.Equal(t.fresh) {
		last = t.settled
	}
	for number := max(t.taken+1, t.known.first()); number <= last; number++ {
		_, m := t.known.at(number)
		t.insert(queued{number: number, bytes: int32(len(m.Body) + messageOverhead)})
	}
	t.taken = max(t.taken, last)
	if first := t.known.first(); first > 1 {
		t.queue = slices.DeleteFunc(t.queue, func(q queued) bool { return q.number < first })
	}
}

func (t *transmitLimited) insert(q queued) {
	at, _ := slices.BinarySearchFunc(t.queue, q, queued.order)
	t.queue = slices.Insert(t.queue, at, q)
}

// fill takes the messages of one packet out of the queue, and puts them back where they come next
// unless that was the last time.
func (t *transmitLimited) fill(out *gossip.Outbox) []gossip.Message {
	if len(t.queue) == 0 {
		return nil
	}
	b := room(out, min(len(t.queue), 1+t.budget/messageOverhead))
	var few [8]queued
	again := few[:0]
	limit, free := t.limit(), max(t.budget, int(t.queue[0].bytes))
	for at := 0; at < len(t.queue) && free > 0; {
		q := t.queue[at]
		if int(q.bytes) > free {
			// On to the first of the same count that fits, or else to the next count.
			at, _ = slices.BinarySearchFunc(t.queue, queued{^uint64(0), int32(free), q.transmitted}, queued.order)
			continue
		}
		_, m := t.known.at(q.number)
		if !b.add(*m) {
			break
		}
		t.queue = slices.Delete(t.queue, at, at+1)
		free -= int(q.bytes)
		if q.transmitted++; int(q.transmitted) < limit {
			again = append(again, q)
		}
	}
	for _, q := range again {
		t.insert(q)
	}
	return b.messages
}

// limit is how often a message is transmitted: lambda × ⌈log10(n+1)⌉.
func (t *transmitLimited) limit() int {
	n := t.size
	if n == 0 {
		n = t.peers.Len() + 1
	}
	digits := 0
	for power := 1; power < n+1; power *= 10 {
		digits++
	}
	return t.lambda * digits
}
