package protocol

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// epidemic is what push, pull, push-pull and quasirandom have in common: rounds, the messages a node
// remembers, and which of them it would still pass on, the hot ones. Messages turn cold in the order
// in which they came, so the hot ones are all those from some number on, and a round costs nothing for
// the others.
//
// Of a million nodes, none is in a cache when a packet comes. So all of it, with the first message, is in
// 256 bytes, and to ask whether it is infective looks into each 64 of them: a simulator that asks many
// beforehand has them all fetched at once.
type epidemic struct {
	known  memory[rumor]
	one    [1]item[rumor] // where known begins
	oldest uint64         // number of the oldest hot message, unless that is forgotten

	beat
	peers gossip.Peers
	turn  uint64 // of the message to pass on next; 0: begin with the oldest
	*epidemicRules
	rng    *rand.Rand
	walked gossip.NodeID // whom a walk over the peers reached; 0: it has not begun
}

// epidemicRules are the same at all nodes.
type epidemicRules struct {
	fanout   int
	rounds   uint32 // in which a message is passed on after it came
	remember int
	relay    bool
	walk     bool // over the sorted peers, instead of drawing partners
}

// rumor is what is known of a message.
type rumor struct {
	gossip.Message
	round uint32 // in which it came
	named uint32 // the request that named it last
}

// Values of the setting stop.
const (
	stopRounds = "rounds"
	stopNever  = "never"
	stopDie    = "die"
)

// endless is more rounds than a clock tells apart.
const endless = math.MaxUint32

// packetsToOne bounds what one round hands to one partner: four full packets are what one could hold
// by the wire's own bound, and at most the 1 MiB above which links hold back whoever sends.
const packetsToOne = gossip.MaxMessages / batchMessages

// epidemicSettings are the settings of push, pull, push-pull and quasirandom. Rounds differ.
func epidemicSettings(rounds int, why string) []Setting {
	return []Setting{
		whole("fanout", 1, 1, 256, "peers", "one call a round is what the literature counts; lant has 3"),
		intervalSetting,
		phaseSetting,
		choice("stop", stopRounds, []string{stopRounds, stopNever, stopDie},
			"never would call for ever; die, which is infect-and-die, passes a message on in one round only and needs a fan-out of ln n to reach n nodes"),
		whole("rounds", rounds, 1, 1<<20, "rounds", why),
		toggle("relay", false,
			"the literature waits for the round; true sends news on at once as well, as lant does, and with stop=die that is the only time"),
		rememberSetting("about 130 bytes each, and the body"),
	}
}

func newEpidemicRules(v Values) *epidemicRules {
	r := &epidemicRules{fanout: v.Int("fanout"), rounds: uint32(v.Int("rounds")), remember: v.Int("remember"), relay: v.Bool("relay")}
	switch {
	case v.Choice("stop") == stopNever:
		r.rounds = endless
	case v.Choice("stop") == stopDie && r.relay:
		r.rounds = 0
	case v.Choice("stop") == stopDie:
		r.rounds = 1
	}
	return r
}

func (r *epidemicRules) born(v Values, env Environment) epidemic {
	return epidemic{epidemicRules: r, rng: env.Rand, beat: beat{clock: newClock(v, env.Rand)}}
}

// meet takes in who the peers are.
func (e *epidemic) meet(peers gossip.Peers) { e.peers, e.alone = peers, peers.Len() == 0 }

// attend begins the round that is due, if one is. Whatever comes to a node begins with it.
func (e *epidemic) attend(now time.Time) {
	if e.beat.attend(now) {
		e.oldest = e.skip(e.oldest, e.rounds)
	}
}

// wake reports whether a timer is the one that was asked for. The round has begun then.
func (e *epidemic) wake(t gossip.Timer) bool {
	is, counts := e.beat.wake(t)
	if counts {
		e.oldest = e.skip(e.oldest, e.rounds)
	}
	return is
}

// skip returns the number of the first message from the given one on that did not come more than so
// many rounds ago.
func (e *epidemic) skip(number uint64, rounds uint32) uint64 {
	number = max(number, e.known.first())
	for number <= e.known.last() {
		if _, r := e.known.at(number); e.round-r.round <= rounds {
			break
		}
		number++
	}
	return number
}

// infective reports whether some message is hot.
func (e *epidemic) infective() bool { return max(e.oldest, e.known.first()) <= e.known.last() }

// hot returns the numbers of the messages that are passed on now: from one, and below another.
func (e *epidemic) hot(now time.Time) (from, end uint64) {
	return max(e.oldest, e.known.first()), e.settled(now, e.known.last()+1)
}

// batch returns the hot messages whose turn it is, and whether there are more than one packet takes.
func (e *epidemic) batch(now time.Time, out *gossip.Outbox) (messages []gossip.Message, more bool) {
	from, end := e.hot(now)
	if from >= end {
		return nil, false
	}
	if e.turn > from && e.turn < end {
		from = e.turn
	}
	b := room(out, int(end-from))
	for ; from < end; from++ {
		if _, r := e.known.at(from); !b.add(r.Message) {
			e.turn, e.cut = from, true
			return b.messages, true
		}
	}
	e.turn, e.turned = 0, true
	return b.messages, false
}

// partners appends fanout peers to a list, or all if there are fewer, but none of those in except.
func (e *epidemic) partners(except, list []gossip.NodeID) []gossip.NodeID {
	if !e.walk {
		return drawPartners(e.rng, e.peers, e.fanout, except, list)
	}
	n := e.peers.Len()
	place, is := e.peers.Index(e.walked)
	switch {
	case n == 0:
		return list
	case e.walked == 0:
		place = e.rng.IntN(n)
	case is:
		place++
	}
	for steps := 0; steps < n && len(list) < e.fanout; steps++ {
		e.walked = e.peers.At((place + steps) % n)
		if !slices.Contains(except, e.walked) {
			list = append(list, e.walked)
		}
	}
	return list
}

// publish takes in a message of the node's own.
func (e *epidemic) publish(now time.Time, m gossip.Message, out *gossip.Outbox) {
	e.attend(now)
	e.learn(now, m, out)
	e.relayNews(e.known.last(), 0, out)
}

// hear takes in the messages of a packet, and reports whether any was news.
func (e *epidemic) hear(now time.Time, from gossip.NodeID, messages []gossip.Message, out *gossip.Outbox) bool {
	news, stale := e.known.last()+1, 0
	for i := range messages {
		switch m := &messages[i]; {
		case e.known.find(m.ID) != nil:
		case e.known.forgot(m.ID):
			stale++
		default:
			e.learn(now, *m, out)
		}
	}
	if stale > 0 && stale == len(messages) {
		out.Refuse(gossip.Stale)
	}
	e.relayNews(news, from, out)
	return news <= e.known.last()
}

func (e *epidemic) learn(now time.Time, m gossip.Message, out *gossip.Outbox) {
	out.Deliver(m)
	if e.known.items == nil {
		e.known.items = e.one[:0]
	}
	*e.known.learn(m.ID, e.remember) = rumor{Message: m, round: e.round}
	if len(e.known.items) == 2 {
		e.one = [1]item[rumor]{} // both have moved
	}
	e.note(now, e.known.last())
	if e.rounds == 0 {
		e.oldest = e.known.last() + 1
	}
}

// relayNews sends the messages from a number on at once, if that is what the settings want, but not to
// the one they came from.
func (e *epidemic) relayNews(number uint64, from gossip.NodeID, out *gossip.Outbox) {
	number = max(number, e.known.first())
	if !e.relay || number > e.known.last() {
		return
	}
	var few [8]gossip.NodeID
	partners := e.partners([]gossip.NodeID{from}, few[:0])
	for number <= e.known.last() {
		b := room(out, int(e.known.last()+1-number))
		for ; number <= e.known.last(); number++ {
			if _, r := e.known.at(number); !b.add(r.Message) {
				break
			}
		}
		for _, to := range partners {
			out.Send(to, gossip.Packet{Kind: kindRelay, Messages: b.messages})
		}
	}
}
