package protocol

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// rumorMongering is the complex epidemics of Demers et al. 1987, section 1.4. Of each message a node is
// susceptible (never heard of it), infective (it is hot: passed on once a cycle), or removed (known,
// and of no interest any more). It stops by itself, and with some probability too early: the share of
// nodes that never hear a message, the residue, is the price of each variant, and does not depend on
// how many nodes there are.
//
//   - direction: with push, each infective node calls a partner; with pull, every node asks one, knowing
//     or not; with push-pull, one call does both. Partners are drawn from all peers.
//   - feedback: interest fades only by contacts whose recipient had no need of the message. Otherwise
//     it is blind, and fades whether or not there was need.
//   - stop: with counter, interest is gone after k such contacts in a row, because one that was needed
//     sets the counter back; with coin, each ends it with probability 1/k.
//   - minimise: when a call finds both infective, only the one with the smaller counter counts it, both
//     if they are equal, and the message crosses once instead of twice.
//   - connections: a node takes so many calls a cycle and turns away the others. Being turned away is no
//     contact: nothing was sent, nothing is counted. With hunt, the caller tries so many others.
//
// What the paper leaves open is settled such that its tables come out (see rumor_test.go):
//
//   - All contacts of a cycle happen at once. What was learnt in this instant is not passed on in it. To
//     the counter, a contact whose recipient learnt the message in the same instant was needed; to the
//     coin it was not, as the paper's formula for it takes contacts one after the other.
//   - A node settles its account at the end of its cycle, however many contacts that brought (footnote
//     to Table 3): if one of them was needed, the counter is set back; if there were some and none was,
//     they count as one.
//   - A blind node counts the cycles in which it pushed. Where there is pull, it counts every cycle that
//     began with the message hot, asked or not. So blind with a counter is infective for k cycles.
//   - Feedback is a packet of names. Neither it nor questions and calls count as traffic.
//
// Where packets get lost, a contact without feedback does not count, so a message is passed on until
// feedback comes: for ever, by a node all of whose peers are dead. Blind variants always come to rest.
//
// All hot messages share one call, as far as one packet holds them; those left out go first the next
// time, and have not had a contact. When a node has more to remember than it may, it forgets the
// oldest, and passes it on no longer even if it was hot.
type rumorMongering struct {
	*rumorRules
	rng   *rand.Rand
	peers gossip.Peers
	known memory[hearsay]
	hot   []uint64 // numbers of what it is infective with; whose turn is next stands first
	beat
	line *line // nil without a connection limit
}

// rumorRules are the same at all nodes.
type rumorRules struct {
	push, pull, feedback, coin, minimise bool
	k, connections, hunt, remember       int
}

// hearsay is what is known of a message.
type hearsay struct {
	body    []byte
	sent    time.Time
	learnt  int64 // when it came, in Unix nanoseconds
	counter uint16
	hot     bool
	tally   tallies
}

// tallies are what the cycle at hand has brought for one message.
type tallies uint8

const (
	tallyNeeded   tallies = 1 << iota // a recipient had need of it
	tallyUnneeded                     // a recipient knew it already
	tallySent                         // it was in a packet
	tallyLeft                         // a packet had no room for it
	tallyWhole                        // it was hot when the cycle began
	tallyMutual                       // it came in the exchange at hand: no use in sending it back
)

// Packets of rumor mongering. A feedback names messages of a packet: first, as many as the limit says,
// those that were not needed, then those that were. An update that answers an exchange may bring
// feedback along. With minimise an exchange has a counter for each message: a name whose Seq is one more.
const (
	rumorUpdate   gossip.Kind = 1 + iota // messages, pushed or asked for
	rumorAsk                             // asks for what is hot
	rumorExchange                        // both: messages, if there are any, and the question
	rumorFeedback
	rumorCall // may I? Asked before a push where connections are limited
	rumorAccept
	rumorReject
)

// Values of the settings direction and stop.
const (
	directionPush     = "push"
	directionPull     = "pull"
	directionPushPull = "push-pull"
	stopCounter       = "counter"
	stopCoin          = "coin"
)

var rumorKind = Kind{
	Name:    "rumor",
	Summary: "pass news on once a round until it proves to be old: every variant of the paper",
	Follows: "Demers et al. 1987 (PODC; Xerox CSL-89-1), section 1.4",
	Settings: []Setting{
		choice("direction", directionPush, []string{directionPush, directionPull, directionPushPull},
			"the paper's starting point, and silent when there is no news; pull and push-pull leave out fewer nodes but call for ever"),
		toggle("feedback", true, "blind variants need a larger k for the same residue"),
		choice("stop", stopCounter, []string{stopCounter, stopCoin}, "the coin leaves out more nodes and takes longer (Tables 1 and 2)"),
		whole("k", 5, 1, 1000, "contacts", "leaves out one node in 800 for 6.7 copies a node (Table 1); one more costs about one copy more"),
		toggle("minimise", false, "is for push-pull with counters, which have to travel for it"),
		whole("connections", 0, 0, 1000, "calls taken per round, 0 for any number", "the variant that the tables are for; 1 is the paper's other extreme"),
		whole("hunt", 0, 0, 1000, "further partners tried when turned away", "as in the tables; makes a difference only where connections are limited"),
		intervalSetting,
		phaseSetting,
		rememberSetting("about 100 bytes each, and the body while it is hot"),
	},
	Check:  checkRumor,
	Make:   makeRumor,
	Rounds: true,
	Until:  Quiet,
}

func checkRumor(v Values) error {
	if v.Bool("minimise") && (v.Choice("direction") != directionPushPull || !v.Bool("feedback") || v.Choice("stop") != stopCounter) {
		return errors.New("minimise=true compares the counters of both ends of an exchange, so it needs direction=push-pull, feedback=true and stop=counter")
	}
	return nil
}

func makeRumor(v Values) func(Environment) gossip.Protocol {
	rules := &rumorRules{
		push: v.Choice("direction") != directionPull, pull: v.Choice("direction") != directionPush,
		feedback: v.Bool("feedback"), coin: v.Choice("stop") == stopCoin, minimise: v.Bool("minimise"),
		k: v.Int("k"), connections: v.Int("connections"), hunt: v.Int("hunt"), remember: v.Int("remember"),
	}
	return func(env Environment) gossip.Protocol {
		r := &rumorMongering{rumorRules: rules, rng: env.Rand, beat: beat{clock: newClock(v, env.Rand)}}
		if rules.connections > 0 {
			r.line = new(line)
		}
		return r
	}
}

func (r *rumorMongering) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	r.attend(now)
	r.peers = peers
	if r.line != nil {
		r.line.partner = 0 // hunting ends for this cycle: it goes by the places of peers
	}
	r.arm(now, out)
}

func (r *rumorMongering) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	r.attend(now)
	r.learn(now, m, out)
	r.arm(now, out)
}

func (r *rumorMongering) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	r.attend(now)
	if !r.sensible(p) {
		out.Refuse(gossip.Malformed)
		return
	}
	peer := r.peers.Has(from) // nobody else is answered, but all are listened to
	switch p.Kind {
	case rumorUpdate:
		r.credit(p)
		if names, unneeded := r.hear(now, peer, p, out); len(names) > 0 {
			out.Send(from, gossip.Packet{Kind: rumorFeedback, IDs: names, Limit: unneeded})
		}
	case rumorExchange:
		names, unneeded := r.hear(now, peer, p, out)
		var messages []gossip.Message
		if peer {
			messages = r.news(now, out)
		}
		r.endExchange(p)
		switch {
		case len(messages) > 0:
			out.Send(from, gossip.Packet{Kind: rumorUpdate, Messages: messages, IDs: names, Limit: unneeded})
		case len(names) > 0:
			out.Send(from, gossip.Packet{Kind: rumorFeedback, IDs: names, Limit: unneeded})
		}
	case rumorFeedback:
		r.credit(p)
	case rumorAsk, rumorCall:
		switch {
		case !peer:
		case r.line != nil:
			r.called(now, from, out)
		default:
			r.answer(now, from, out)
		}
	case rumorAccept:
		if peer && from == r.line.partner {
			r.line.partner = 0
			r.meet(now, from, out)
		}
	case rumorReject:
		if peer && from == r.line.partner {
			r.line.partner = 0
			r.callAnother(out)
		}
	}
	r.arm(now, out)
}

func (r *rumorMongering) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if t == drawLots && r.line != nil {
		r.attend(now)
		r.takeCalls(now, out)
		return
	}
	is, begins := r.beat.wake(t)
	if !is {
		return
	}
	if begins {
		r.settle()
	}
	r.contact(now, out)
	r.arm(now, out)
}

// Infective reports whether something is hot and there is somebody to pass it on to.
func (r *rumorMongering) Infective() bool { return len(r.hot) > 0 && r.peers.Len() > 0 }

// attend ends the cycle before, if the next one begins now.
func (r *rumorMongering) attend(now time.Time) {
	if r.beat.attend(now) {
		r.settle()
	}
}

// arm sees to it that the node is woken for its next cycle, if it will have to call somebody.
func (r *rumorMongering) arm(now time.Time, out *gossip.Outbox) {
	if r.peers.Len() > 0 && (r.pull || len(r.hot) > 0) {
		r.beat.arm(now, out)
	}
}

// settle judges what the cycle that is over has brought, and removes what is of no interest any more.
func (r *rumorMongering) settle() {
	kept := r.hot[:0]
	for _, number := range r.hot {
		if _, h := r.known.at(number); r.stays(h) {
			kept = append(kept, number)
		} else {
			*h = hearsay{learnt: h.learnt}
		}
	}
	r.hot = kept
	if r.line != nil {
		r.line.partner = 0
	}
}

// stays reports whether a message is still of interest after a cycle, and begins the next one.
func (r *rumorMongering) stays(h *hearsay) bool {
	was := h.tally
	h.tally = tallyWhole
	counts := false
	switch {
	case r.feedback && was&tallyNeeded != 0:
		h.counter = 0
	case r.feedback:
		counts = was&tallyUnneeded != 0
	case r.pull:
		counts = was&tallyWhole != 0 && was&(tallySent|tallyLeft) != tallyLeft
	default:
		counts = was&tallySent != 0
	}
	switch {
	case !counts:
		return true
	case r.coin:
		return r.rng.IntN(r.k) > 0
	}
	h.counter++
	return int(h.counter) < r.k
}

// learn makes the node infective with a message.
func (r *rumorMongering) learn(now time.Time, m gossip.Message, out *gossip.Outbox) {
	out.Deliver(m)
	if r.known.len() >= r.remember {
		if _, oldest := r.known.at(r.known.first()); oldest.hot {
			at := slices.Index(r.hot, r.known.first())
			r.hot = slices.Delete(r.hot, at, at+1)
		}
	}
	*r.known.learn(m.ID, r.remember) = hearsay{body: m.Body, sent: m.Sent, learnt: now.UnixNano(), hot: true}
	r.hot = append(r.hot, r.known.last())
}
