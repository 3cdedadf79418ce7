package protocol

import (
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
)

// gossipsub pushes messages through a mesh of a few peers each and tells others their names, as libp2p
// does (its specifications gossipsub v1.0, v1.1 and v1.2, and go-libp2p-pubsub where they leave
// something open). There is one topic, the network, and every node subscribes to it: so no node needs
// the fan-out by which others publish, and none leaves.
//
//   - A message that is news goes to all mesh peers but the one that brought it and its origin. From
//     1.1 on, the origin sends it to all its peers.
//   - Once a heartbeat, a node with fewer than d-low mesh peers says GRAFT to random others until there
//     are d, and one with more than d-high says PRUNE to random ones until there are d. From 1.1 on
//     the ends of a pruned link leave each other alone for prune-backoff, and a GRAFT that comes too
//     early, or to a node with d-high mesh peers, is answered with PRUNE.
//   - Once a heartbeat, the names of what came during mcache-gossip heartbeats go to d-lazy random
//     peers outside the mesh, from 1.1 on to gossip-factor of them if that is more: IHAVE. Who lacks
//     one asks for it, IWANT, and is sent it if it came during the last mcache-len heartbeats.
//   - In 1.2, who gets a large message tells its mesh peers at once that they need not send it:
//     IDONTWANT. That helps if it arrives while they hold the message, see the setting validate.
//
// A node joins the mesh at its first heartbeat, or with the first message if that comes before. Who is
// new in a mesh is told names too at the next heartbeat; libp2p leaves to others to tell it what was
// passed on before it came. Otherwise names go to peers outside the mesh only: where every peer is in
// it, on a network of few edges, nothing repairs what is lost. GRAFT and PRUNE are said once: where
// they are lost, the ends of a link think differently of it until one of them lacks peers.
//
// Not here are the scores that 1.1 gives to peers, with what hangs on them: opportunistic grafting and
// outbound quotas. Nor is peer exchange, because peers are given. What peers may ask for is bounded.
type gossipsub struct {
	*gossipsubRules
	rng    *rand.Rand
	clock  clock
	peers  gossip.Peers
	due    int64  // the next heartbeat, in Unix nanoseconds; 0: none was asked for yet
	beats  uint32 // heartbeats so far
	joined bool   // the mesh
	mates  []mate // sorted by number
	seen   memory[uint32]
	cache  []cachedMessage // oldest first; seen tells their numbers
	first  uint32          // number of the oldest in the cache
	extra  *gossipsubExtra // nil: nothing of it
}

// gossipsubRules are the same at all nodes.
type gossipsubRules struct {
	minor              int // of the version
	degree, low, high  int
	lazy               int
	factor             float64
	windows, announced int // heartbeats
	flood              bool
	validate           time.Duration
	large              int // bytes
	backoff            time.Duration
	followup           time.Duration
	names, unwanted    int // of one peer in a heartbeat
	packets, transmits int
	remember           int
}

// cachedMessage is a message that is sent to those who ask for it.
type cachedMessage struct {
	gossip.Message
	hops    int32  // edges it had travelled
	beat    uint32 // heartbeats there had been when it came
	waiting bool   // to be passed on
	served  []served
}

// The packets of gossipsub.
const (
	meshMessages  gossip.Kind = 1 + iota
	meshIHave                 // names of messages that can be asked for
	meshIWant                 // names of messages that are
	meshGraft                 // you are in my mesh; a message may come along
	meshPrune                 // you are not in my mesh
	meshIDontWant             // names of messages that need not be sent
)

// The timers of gossipsub.
const (
	meshHeartbeat gossip.Timer = 1 + iota
	meshPass
	meshAnswer
)

// Why packets are turned away, other than what other protocols say too.
const (
	meshStranger  gossip.Refusal = "stranger"   // only peers are answered
	meshTooMuch   gossip.Refusal = "too_much"   // the peer has said or asked so much that this is not heeded
	meshNotCached gossip.Refusal = "not_cached" // nothing it asks for is kept any more
)

var gossipsubKind = Kind{
	Name:    "gossipsub",
	Summary: "push through a mesh of a few peers each, and tell others the names once a second",
	Follows: "libp2p gossipsub v1.0, v1.1 and v1.2 without peer scores; go-libp2p-pubsub",
	Settings: []Setting{
		choice("version", "1.1", []string{"1.0", "1.1", "1.2"},
			"1.1 is the first one fit for open networks; 1.2 differs from it for large messages only"),
		whole("d", 6, 1, 1000, "peers", "v1.0: D, what the mesh is filled up or cut down to"),
		whole("d-low", 4, 0, 1000, "peers", "v1.0: D_low, below which peers are added (go-libp2p-pubsub: 5)"),
		whole("d-high", 12, 1, 1000, "peers", "v1.0: D_high, above which peers are removed"),
		whole("d-lazy", 6, 0, 1000, "peers", "v1.0: D_lazy, who are told names; the same as D unless one tunes it"),
		decimal("gossip-factor", 0.25, 0, 1, "of the peers outside the mesh",
			"v1.1: told in three heartbeats, each hears a name with probability 1 − (3/4)³ = 0.58"),
		duration("heartbeat", time.Second, time.Millisecond, time.Hour, "v1.0: heartbeat_interval"),
		phaseSetting,
		whole("mcache-len", 5, 1, 1000, "heartbeats", "v1.0: mcache_len, how long messages can be asked for"),
		whole("mcache-gossip", 3, 0, 1000, "heartbeats", "v1.0: mcache_gossip, how long their names are told; less than mcache-len leaves time to ask"),
		toggle("flood-publish", true, "v1.1: whoever speaks reaches all its peers, whatever its mesh is worth; 1.0 does not know it"),
		duration("validate", 0, 0, time.Minute,
			"messages are not examined here; time to do so before passing them on is what IDONTWANT makes use of"),
		whole("idontwant-threshold", 1024, 0, gossip.MaxBody, "bytes", "go-libp2p-pubsub: smaller messages cost less than saying IDONTWANT"),
		whole("max-idontwant", 10_000, 1, 65_535, "names", "go-libp2p-pubsub: 1,000 packets of 10 names from a peer in a heartbeat; more are not heeded"),
		duration("prune-backoff", time.Minute, time.Millisecond, time.Hour, "v1.1: PruneBackoff; 1.0 does not know it"),
		whole("max-ihave-length", gossip.MaxIDs, 1, gossip.MaxIDs, "names",
			"what a packet carries, go-libp2p-pubsub has 5,000: told to one peer, and from 1.1 on asked of one peer, in a heartbeat; also how many answers may wait to be sent"),
		whole("max-ihave-messages", 10, 1, 10_000, "packets", "go-libp2p-pubsub: IHAVE heeded from one peer in a heartbeat, from 1.1 on"),
		whole("gossip-retransmission", 3, 1, 10_000, "times", "go-libp2p-pubsub: one message to one peer that asks for it, from 1.1 on"),
		duration("iwant-followup", 0, 0, time.Hour,
			"how long what one peer was asked for is not asked of others: go-libp2p-pubsub asks all, and its IWantFollowupTime of 3s is for penalties; to wait saves one copy in 3,000, and at 30% loss leaves messages behind"),
		rememberSetting("v1.0's seen_ttl of two minutes keeps as many at a thousand a second; 16 bytes each, and 100 and the body while it is cached"),
	},
	Make:  makeGossipsub,
	Until: Quiet,
}

func makeGossipsub(v Values) func(Environment) gossip.Protocol {
	r := &gossipsubRules{
		minor: int(v.Choice("version")[2] - '0'), degree: v.Int("d"), low: v.Int("d-low"), high: v.Int("d-high"), lazy: v.Int("d-lazy"),
		factor: v.Float("gossip-factor"), windows: v.Int("mcache-len"), announced: v.Int("mcache-gossip"),
		validate: v.Duration("validate"), large: v.Int("idontwant-threshold"), backoff: v.Duration("prune-backoff"),
		followup: v.Duration("iwant-followup"), names: v.Int("max-ihave-length"), unwanted: v.Int("max-idontwant"),
		packets: v.Int("max-ihave-messages"), transmits: v.Int("gossip-retransmission"), remember: v.Int("remember"),
	}
	r.flood = r.minor >= 1 && v.Bool("flood-publish")
	heartbeat, random := v.Duration("heartbeat"), v.Choice("phase") == phaseRandom
	return func(env Environment) gossip.Protocol {
		g := &gossipsub{gossipsubRules: r, rng: env.Rand, clock: clock{interval: heartbeat}}
		if random {
			g.clock.phase = time.Duration(env.Rand.Int64N(int64(heartbeat)))
		}
		return g
	}
}

// Peers forgets what there was between this node and those who are gone: one that comes back begins anew.
func (g *gossipsub) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	g.peers = peers
	g.mates = slices.DeleteFunc(g.mates, func(m mate) bool { return !peers.Has(m.id) })
	if g.due == 0 {
		g.setHeartbeat(now, out)
	}
}

func (g *gossipsub) Publish(now time.Time, m gossip.Message, _ int, out *gossip.Outbox) {
	g.join(now)
	g.keep(m, 0)
	out.Deliver(m)
	if g.flood {
		g.floodPublish(m, out)
	} else {
		g.pass(m, 0, 1, out)
	}
	g.tellMates(out)
}

func (g *gossipsub) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	messages, names := len(p.Messages), len(p.IDs)
	travelled := p.Hops >= 1 && p.Hops <= gossip.MaxHops
	switch {
	case p.Kind == meshMessages && messages > 0 && names == 0 && travelled:
		g.hear(now, from, p.Messages, p.Hops, out)
	case p.Kind == meshGraft && names == 0 && (messages == 0 || travelled):
		if g.peers.Has(from) {
			g.heedGraft(now, from, out)
		} else if messages == 0 {
			out.Refuse(meshStranger)
		}
		g.hear(now, from, p.Messages, p.Hops, out)
	case messages > 0 || (p.Kind == meshPrune) == (names > 0):
		out.Refuse(gossip.Malformed)
	case !g.peers.Has(from):
		out.Refuse(meshStranger)
	case p.Kind == meshPrune:
		g.part(now, g.mate(from))
	case p.Kind == meshIHave:
		g.ask(now, from, p.IDs, out)
	case p.Kind == meshIWant:
		g.answer(now, from, p.IDs, out)
	case p.Kind == meshIDontWant && g.minor >= 2:
		g.heedUnwanted(from, p.IDs, out)
	default:
		out.Refuse(gossip.Malformed)
	}
}

func (g *gossipsub) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	switch t {
	case meshHeartbeat:
		g.beat(now, out)
	case meshPass:
		g.passWaiting(now, out)
	case meshAnswer:
		g.answerMore(now, out)
	}
}

// Infective reports whether it would pass on or announce some message. Those older than that can be
// asked for still, but nobody will.
func (g *gossipsub) Infective() bool {
	if x := g.extra; x != nil && (len(x.waiting) > 0 || len(x.answers) > 0) {
		return true
	}
	return len(g.cache) > 0 && g.age(&g.cache[len(g.cache)-1]) < g.announced
}

// age is how many heartbeats there were since a message came.
func (g *gossipsub) age(m *cachedMessage) int { return int(g.beats - m.beat) }

// find returns a message if it is in the cache.
func (g *gossipsub) find(id gossip.ID) *cachedMessage {
	if number := g.seen.find(id); number != nil && *number-g.first < uint32(len(g.cache)) {
		return &g.cache[*number-g.first]
	}
	return nil
}

// keep puts a message that is news into the cache.
func (g *gossipsub) keep(m gossip.Message, hops int) *cachedMessage {
	if len(g.cache) >= g.remember {
		g.uncache(1)
	}
	*g.seen.learn(m.ID, g.remember) = g.first + uint32(len(g.cache))
	g.cache = append(g.cache, cachedMessage{Message: m, hops: int32(hops), beat: g.beats})
	return &g.cache[len(g.cache)-1]
}

// uncache drops the oldest messages.
func (g *gossipsub) uncache(n int) {
	clear(g.cache[:n])
	g.cache = g.cache[n:]
	g.first += uint32(n)
	if len(g.cache) == 0 {
		g.cache = nil
	}
}

// hear takes in messages and passes on what is news, at once or when it was examined.
func (g *gossipsub) hear(now time.Time, from gossip.NodeID, messages []gossip.Message, hops int, out *gossip.Outbox) {
	stale := 0
	var unwanted []gossip.ID
	for _, m := range messages {
		switch {
		case g.seen.find(m.ID) != nil:
			continue
		case g.seen.forgot(m.ID):
			stale++
			continue
		}
		g.join(now)
		kept := g.keep(m, hops)
		out.Deliver(m)
		large := g.minor >= 2 && len(m.Body) >= g.large
		if !large && g.validate == 0 || !g.wait(now, m, from, hops, out) {
			g.pass(m, from, hops+1, out)
			continue
		}
		kept.waiting = true
		if large {
			if unwanted == nil {
				unwanted = out.IDs(len(messages))[:0]
			}
			unwanted = append(unwanted, m.ID)
		}
	}
	if stale > 0 && stale == len(messages) {
		out.Refuse(gossip.Stale)
	}
	if len(unwanted) > 0 {
		g.sayUnwanted(from, unwanted, out)
	}
	if g.extra == nil || len(g.extra.waiting) == 0 {
		g.tellMates(out)
	}
}

// wait lets a message wait until it is passed on, unless too many do.
func (g *gossipsub) wait(now time.Time, m gossip.Message, from gossip.NodeID, hops int, out *gossip.Outbox) bool {
	x := g.more()
	if len(x.waiting) >= g.remember {
		return false
	}
	due := now.Add(g.validate)
	if len(x.waiting) == 0 {
		out.Alarm(due, meshPass)
	}
	x.waiting = append(x.waiting, waitingMessage{m, from, hops, due.UnixNano()})
	return true
}

// passWaiting passes on what has waited long enough.
func (g *gossipsub) passWaiting(now time.Time, out *gossip.Outbox) {
	x := g.extra
	if x == nil || len(x.waiting) == 0 || x.waiting[0].due > now.UnixNano() {
		return
	}
	for len(x.waiting) > 0 && x.waiting[0].due <= now.UnixNano() {
		w := x.waiting[0]
		x.waiting[0] = waitingMessage{}
		x.waiting = x.waiting[1:]
		if kept := g.find(w.ID); kept != nil {
			kept.waiting = false
		}
		g.pass(w.Message, w.from, w.hops+1, out)
	}
	if len(x.waiting) > 0 {
		out.Alarm(time.Unix(0, x.waiting[0].due), meshPass)
	} else {
		x.waiting = nil
	}
	g.tellMates(out)
}

// pass sends a message to the mesh. Hops is how far it will have come.
func (g *gossipsub) pass(m gossip.Message, from gossip.NodeID, hops int, out *gossip.Outbox) {
	if hops > gossip.MaxHops {
		return // no packet says so much
	}
	var messages []gossip.Message
	for i := range g.mates {
		to := &g.mates[i]
		if !to.mesh || to.id == from || to.id == m.ID.Origin || g.isUnwanted(to.id, m.ID) {
			continue
		}
		if messages == nil {
			messages = out.One(m)
		}
		g.send(to, gossip.Packet{Kind: meshMessages, Messages: messages, Hops: hops}, out)
	}
}

// floodPublish sends a message of this node's to all peers.
func (g *gossipsub) floodPublish(m gossip.Message, out *gossip.Outbox) {
	messages := out.One(m)
	mates := g.mates
	for _, peer := range g.peers.All() {
		for len(mates) > 0 && mates[0].id < peer {
			mates = mates[1:]
		}
		p := gossip.Packet{Kind: meshMessages, Messages: messages, Hops: 1}
		if len(mates) > 0 && mates[0].id == peer {
			g.send(&mates[0], p, out)
		} else {
			out.Send(peer, p)
		}
	}
}

// send sends messages to a mate, and with them what it was not told yet.
func (g *gossipsub) send(to *mate, p gossip.Packet, out *gossip.Outbox) {
	if to.untold {
		p.Kind, to.untold = meshGraft, false
	}
	out.Send(to.id, p)
}
