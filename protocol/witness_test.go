package protocol_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"

	"github.com/google/go-cmp/cmp"
)

// witness stands in a protocol's place and watches that it keeps the laws which can be seen at one
// node. It asks two machines of one kind the same questions. The second one's answers, and all that
// it was lent, are scribbled over before the next question: if they then answer differently, or an
// answer of the first one changes after it was given, something is shared that must not be.
type witness struct {
	one, two  gossip.Protocol
	self      gossip.NodeID
	peers     gossip.Peers
	delivered map[gossip.ID]int
	published map[gossip.ID][]byte // by anybody in the world; nil where hostile packets make messages up
	broken    func(complaint string)

	given []gossip.Send // the first one's last answer, its slices still its own
	asIs  []gossip.Send // the same, copied when it was given
}

// newWitness watches two machines of one kind.
func newWitness(kind protocol.Kind, values protocol.Values, seed uint64, self gossip.NodeID,
	published map[gossip.ID][]byte, broken func(string)) *witness {
	born := func() gossip.Protocol {
		return kind.New(protocol.Environment{Self: self, Rand: protocol.Generator(seed, self)}, values)
	}
	return &witness{one: born(), two: born(), self: self, delivered: make(map[gossip.ID]int),
		published: published, broken: broken}
}

func (w *witness) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	w.peers = peers
	w.ask(gossip.Packet{}, out, func(p gossip.Protocol, _ gossip.Packet, out *gossip.Outbox) {
		p.Peers(now, peers, out)
	})
}

func (w *witness) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	if w.published != nil {
		w.published[m.ID] = bytes.Clone(m.Body)
	}
	w.ask(gossip.Packet{}, out, func(p gossip.Protocol, _ gossip.Packet, out *gossip.Outbox) {
		p.Publish(now, m, limit, out)
	})
}

func (w *witness) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	w.ask(p, out, func(to gossip.Protocol, p gossip.Packet, out *gossip.Outbox) {
		to.Receive(now, from, p, out)
	})
}

func (w *witness) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	w.ask(gossip.Packet{}, out, func(p gossip.Protocol, _ gossip.Packet, out *gossip.Outbox) {
		p.Wake(now, t, out)
	})
}

func (w *witness) ask(p gossip.Packet, out *gossip.Outbox, question func(gossip.Protocol, gossip.Packet, *gossip.Outbox)) {
	var first, second gossip.Outbox
	question(w.one, lend(p), &first)
	if !reflect.DeepEqual(w.given, w.asIs) {
		w.complain(7, "changed an answer after it was given:\n%s", cmp.Diff(w.asIs, w.given))
	}
	lent := lend(p)
	question(w.two, lent, &second)
	if a, b := answerOf(first), answerOf(second); !reflect.DeepEqual(a, b) {
		w.complain(7, "shares memory with whoever drives it (-as it should answer +when that is written over):\n%s", cmp.Diff(a, b))
	}
	w.judge(first)
	w.given, w.asIs = slices.Clone(first.Sends), nil
	for _, send := range first.Sends {
		w.asIs = append(w.asIs, gossip.Send{To: send.To, Packet: lend(send.Packet)})
	}
	scribble(lent)
	for i, send := range second.Sends {
		scribble(send.Packet)
		second.Sends[i] = gossip.Send{To: 99}
	}
	for i := range second.Delivered {
		second.Delivered[i] = gossip.Message{ID: nonsense}
	}
	for i := range second.Alarms {
		second.Alarms[i] = gossip.Alarm{Timer: 1 << 63}
	}
	*out = first
}

// restless is a witness of a protocol that wakes for ever. Both its machines must say the same.
type restless struct{ *witness }

func (w restless) Infective() bool {
	one, two := w.one.(gossip.Restless).Infective(), w.two.(gossip.Restless).Infective()
	if one != two {
		w.complain(7, "is infective or not depending on memory it was lent")
	}
	return one
}

// answer is what an outbox says, without the memory it says it in.
type answer struct {
	Sends     []gossip.Send
	Delivered []gossip.Message
	Alarms    []gossip.Alarm
	Refused   gossip.Refusal
	Repaired  bool
}

func answerOf(out gossip.Outbox) answer {
	return answer{out.Sends, out.Delivered, out.Alarms, out.Refused, out.Repaired}
}

// judge puts laws 1, 2 and 3 to one answer.
func (w *witness) judge(out gossip.Outbox) {
	for _, send := range out.Sends {
		if !w.peers.Has(send.To) {
			w.complain(2, "sends to %d, which is no peer", send.To)
		}
	}
	for _, m := range out.Delivered {
		if w.delivered[m.ID]++; w.delivered[m.ID] > 1 {
			w.complain(1, "delivers %v for the %d. time", m.ID, w.delivered[m.ID])
		}
		if body, is := w.published[m.ID]; w.published != nil && (!is || !bytes.Equal(body, m.Body)) {
			w.complain(3, "delivers %v %q, which nobody published", m.ID, m.Body)
		}
	}
}

func (w *witness) complain(law int, format string, args ...any) {
	w.broken(fmt.Sprintf("law %d: node %d %s", law, w.self, fmt.Sprintf(format, args...)))
}

var nonsense = gossip.ID{Origin: 99, Run: 99, Seq: 99}

// lend returns a copy of p that shares nothing with it.
func lend(p gossip.Packet) gossip.Packet {
	p.Messages, p.IDs = slices.Clone(p.Messages), slices.Clone(p.IDs)
	for i := range p.Messages {
		p.Messages[i].Body = bytes.Clone(p.Messages[i].Body)
	}
	return p
}

// scribble writes over what p's slices hold. Bodies are spared: everybody may keep those, and nobody
// may change one.
func scribble(p gossip.Packet) {
	for i := range p.Messages {
		p.Messages[i] = gossip.Message{ID: nonsense, Body: []byte("scribble")}
	}
	for i := range p.IDs {
		p.IDs[i] = nonsense
	}
}
