package protocol

import (
	"math/rand/v2"
	"time"

	"gossipctl/gossip"
)

// antiEntropy is the simple epidemic of Demers et al. 1987, section 1.3: once an interval, and for ever,
// each node compares all it knows with what one random peer knows, and they make up the difference. News
// is not passed on when it comes. So it is slow, its questions never end, and it repairs everything in
// the end: losses, partitions, nodes that were down, newcomers. What two nodes exchange, and how they
// find out what that is, is the [reconciler]'s business.
//
//   - direction: with pull the caller takes what it lacks, with push it gives what the other one lacks,
//     with push-pull both. When few lack a message, push finds each of them with probability 1 − 1/e a
//     round, while pull squares the share of those who lack it.
//   - compare: full tells all names in every exchange; checksum compares one number, then the names of
//     recent messages, and all only if the numbers still differ; peelback goes back through the messages
//     in the order in which they came until the numbers agree.
//
// A node hands out the messages it remembers. Those it has forgotten it knows by name, takes no second
// time, and says so, so that nobody asks it for them. A newcomer gets what others still remember. As long
// as two nodes know different names for that reason, checksums differ and are of no use.
type antiEntropy struct {
	reconciler
	rng   *rand.Rand
	peers gossip.Peers
	beat
}

var antiEntropyKind = Kind{
	Name:    "anti-entropy",
	Summary: "compare everything with one random peer at a time, for ever, and make up the difference",
	Follows: "Demers et al. 1987 (PODC; Xerox CSL-89-1), sections 1.1 and 1.3",
	Settings: []Setting{
		choice("direction", directionPushPull, []string{directionPush, directionPull, directionPushPull},
			"finishes in the fewest rounds, and checksums can agree only if both sides learn"),
		choice("compare", compareChecksum, []string{compareFull, compareChecksum, comparePeelBack},
			"between equal nodes an exchange is one small packet, however much they know"),
		duration("recent", 10*time.Second, time.Millisecond, 24*time.Hour,
			"with compare=checksum, how far back names are told first: longer than news takes to reach a million nodes, 17 rounds of 200ms, so that all names are seldom told"),
		whole("page", 512, 1, 2000, "stretches of names",
			"most that is told of names in one packet, about 6 KB: complete for 500 origins, and a larger ledger has its turn page by page"),
		intervalSetting,
		phaseSetting,
		rememberSetting("about 100 bytes each, and the body"),
	},
	Make:   makeAntiEntropy,
	Rounds: true,
	Until:  Informed,
}

func makeAntiEntropy(v Values) func(Environment) gossip.Protocol {
	rules := &reconcileRules{
		kinds: 1,
		give:  v.Choice("direction") != directionPull, take: v.Choice("direction") != directionPush,
		compare: v.Choice("compare"), recent: v.Duration("recent"), page: v.Int("page"), remember: v.Int("remember"),
	}
	return func(env Environment) gossip.Protocol {
		return &antiEntropy{reconciler: reconciler{reconcileRules: rules}, rng: env.Rand, beat: beat{clock: newClock(v, env.Rand)}}
	}
}

func (a *antiEntropy) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	a.peers = peers
	if peers.Len() > 0 {
		a.arm(now, out)
	}
}

func (a *antiEntropy) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	if a.learn(now, m) {
		out.Deliver(m)
	}
}

func (a *antiEntropy) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	a.receive(now, from, a.peers.Has(from), p, out)
}

func (a *antiEntropy) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if is, _ := a.wake(t); !is || a.peers.Len() == 0 {
		return
	}
	a.call(now, a.peers.At(a.rng.IntN(a.peers.Len())), out)
	a.arm(now, out)
}

// Infective reports whether there is a message it would hand out to whoever lacks it: always, once it has
// one and a peer.
func (a *antiEntropy) Infective() bool { return a.held.len() > 0 && a.peers.Len() > 0 }
