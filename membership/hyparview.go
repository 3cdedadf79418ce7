package membership

import (
	"math/rand/v2"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
)

// hyparview keeps partial views (Leitão, Pereira, Rodrigues: HyParView, DSN 2007). Its words: the active view is the
// few neighbours that messages go to, the same from both ends; the passive view is a larger sample of the network,
// from which the active view is refilled; a walk is a packet that is passed on from neighbour to neighbour.
//
//   - Who joins says JOIN to a contact. That one takes it as a neighbour, and starts a FORWARDJOIN from each of its
//     other neighbours; where such a walk ends it finds the newcomer another neighbour, and half way a place in a
//     passive view.
//   - Who lacks neighbours asks those of its passive view, one after the other, with NEIGHBOR: with high priority
//     when it has none at all, which cannot be refused, and else with low.
//   - Who must make room drops a neighbour at random, and tells it with DISCONNECT; each puts the other into its
//     passive view.
//   - Now and then a SHUFFLE walks from everybody, with a sample of what it knows; where it ends it is answered with
//     another sample. So passive views stay random, and lose those that are gone.
//
// The paper's neighbours notice each other's death by TCP. A state machine has none, so it tells its neighbours once an
// interval that it lives; whatever else comes from a neighbour says so too. After the first such word that is missed
// the neighbour is suspected and asked to answer at once, and after some more it is dead. Who hears from somebody that
// takes it for a neighbour, and is none, becomes one if it has room, and else says DISCONNECT: that mends views that a
// lost packet has left different at their two ends.
//
// Four rules go beyond the paper, for networks that lose packets and fall in two. One lost packet does not take anybody
// out of a passive view: it needs four questions without an answer. Those who are longest in a passive view are asked
// now and then whether they live. The dead are remembered for a while, and asked again now and then; the first that
// answers becomes a neighbour whether there is room or not, so that the halves of a network that was cut find each
// other. And now and then everybody starts a walk of its own from a contact, which finds it a new neighbour wherever
// that ends: that joins even halves that have forgotten each other. Who is alone tries its passive view, and then its
// contacts, more and more rarely, but for ever.
type hyparview struct {
	*hpvConfig
	inner gossip.Protocol
	self  gossip.NodeID
	run   uint32
	rng   *rand.Rand

	contacts   gossip.Peers
	active     []hpvPeer
	passive    []hpvEntry
	gone       []hpvGone // dead or left, the longest known first
	neighbours gossip.Peers

	changed bool // the active view is no longer what the protocol within was told
	met     bool // it was told its contacts before
	left    bool // said goodbye

	asked   hpvQuestion
	pass    uint32 // who of the passive view was asked in this pass is not asked again
	due     int64  // when the next tick is
	alone   int64  // since when there is no neighbour, as ticks have seen it; 0: there are some
	knock   hpvPause
	knocked gossip.NodeID // the contact that was told JOIN last
	walk    hpvPause      // of walks from a contact
	seek    hpvPause      // of shuffles because there is nobody left to ask
	check   int64         // when somebody of the passive view is asked next whether it lives

	sample   []gossip.NodeID // what the last shuffle has told
	shuffled bool            // and it was not answered yet
	spare    []gossip.NodeID // what this node has told to the shuffle at hand
}

// hpvConfig is the same at all nodes.
type hpvConfig struct {
	activeSize, passiveSize      int
	arwl, prwl, shuffleWalk      int
	sampleActive, samplePassive  int
	shuffleEvery, beatEvery      time.Duration
	missed                       int
	timeout, probe, rejoin, keep time.Duration
}

// hpvPeer is one of the active view.
type hpvPeer struct {
	node    gossip.NodeID
	run     uint32
	suspect bool
	revived bool  // was taken for dead before
	since   int64 // of its standing; moments are Unix nanoseconds
	heard   int64
}

// hpvEntry is one of the passive view.
type hpvEntry struct {
	node   gossip.NodeID
	run    uint32
	pass   uint32 // the last in which it was asked
	misses uint8  // questions without an answer since it was heard of
	told   bool   // that this life of it is alive, by its own word
	since  int64
	sure   int64 // when it was heard of, or last heard itself
}

// hpvGone is one that is dead or has left.
type hpvGone struct {
	node  gossip.NodeID
	run   uint32
	heard bool // it told its run itself
	left  bool
	high  bool  // it was asked with high priority
	since int64 // of its standing
	probe int64 // when it is asked again
}

// hpvQuestion is what waits for an answer: a NEIGHBOR.
type hpvQuestion struct {
	node   gossip.NodeID // 0: none
	high   bool
	check  bool   // it is no NEIGHBOR, but only whether that node lives
	number uint64 // of its alarm
}

// hpvPause is the time until something is tried again, which grows each time.
type hpvPause struct {
	at    int64
	pause time.Duration
}

// The timers of hyparview: the lowest bits of a timer of membership.
const (
	hpvTick gossip.Timer = 1 + iota
	hpvShuffleTime
	hpvTimeout // with the number of the question above hpvTimerBits
)

const (
	hpvTimerBits = 4
	hpvTimerMask = gossip.TimerMembership | gossip.TimerRepair | gossip.TimerValues // of which membership's have one
)

const (
	// hpvMisses is how many questions nobody answered before a node of the passive view is dead: at 25 % loss a
	// question with its answer fails in 44 of 100, four in 4.
	hpvMisses = 4
	// hpvChecks is how many of the passive view are asked whether they live while each of the dead is asked once.
	// Shuffles alone never get rid of the last of those that are gone: who knows most of a network that lives takes
	// nothing in of a sample but them.
	hpvChecks = 6
	// hpvKnockFirst and hpvKnockMost are the first and the longest pause between two attempts to join: seven fit into
	// half a minute, of which one at 25 % loss surely comes through, and a contact that 10,000 nodes have lost hears from
	// 333 a second.
	hpvKnockFirst = time.Second
	hpvKnockMost  = 30 * time.Second
	// hpvAloneFor is how long who has lost everybody tries the passive view alone: ten of it do not answer in that time.
	hpvAloneFor = 5 * time.Second
	// hpvWalkFirst is the first pause before a walk from a contact: when many join at once they may end up in several
	// parts.
	hpvWalkFirst = 5 * time.Second
	// hpvSampleMost is the largest sample of a packet, and hpvWalkMost the longest walk.
	hpvSampleMost = 128
	hpvWalkMost   = 64
)

var hyparviewKind = Kind{
	Name:    "hyparview",
	Summary: "a few neighbours, the same from both ends, and a larger random sample to replace them from",
	Follows: "Leitão, Pereira, Rodrigues: HyParView (DSN 2007)",
	Settings: []protocol.Setting{
		hpvWhole("active", 5, 2, 64, "nodes",
			"the paper's, for 10,000 nodes: log10(n) + 1; it stays connected when 9 of 10 fail, because it is refilled"),
		hpvWhole("passive", 30, 1, 1024, "nodes",
			"the paper's: 6 times the active view, so that some of it live when most nodes have failed"),
		hpvWhole("arwl", 6, 0, hpvWalkMost, "steps",
			"the paper's active random walk length: how far from the contact a newcomer finds its other neighbours"),
		hpvWhole("prwl", 3, 0, hpvWalkMost, "steps",
			"the paper's passive random walk length: with so many steps to go the newcomer is put into a passive view"),
		hpvWhole("shuffle-walk", 6, 1, hpvWalkMost, "steps",
			"as long as the walk of a newcomer: after six steps among five neighbours each it may be at any of 4,000 nodes"),
		hpvWhole("shuffle-active", 3, 0, 32, "nodes", "the paper's: neighbours in a shuffle, which are surely alive"),
		hpvWhole("shuffle-passive", 4, 0, 32, "nodes", "the paper's: others in a shuffle, which mixes what is known"),
		hpvTime("shuffle-interval", 10*time.Second,
			"the paper leaves it open; everybody begins one and ends another in that time, and 8 entries from each renew a view of 30 twice a minute, for less than one packet a second"),
		hpvTime("keep-alive", time.Second,
			"the paper trusts TCP to notice death; 5 packets of about 10 bytes a second are next to nothing"),
		hpvWhole("missed", 4, 1, 100, "keep-alives",
			"dead 3.5 to 5.5 intervals after it died; at 25 % loss, as a suspect is asked besides, a living neighbour is taken for dead once in 50 minutes"),
		hpvTime("timeout", 500*time.Millisecond,
			"for an answer to NEIGHBOR: there and back at 100ms with room to spare, and all 30 of a passive view take 15 s"),
		hpvTime("probe", 30*time.Second,
			"the dead are asked again about so often, and six of the passive view whether they live: nobody stays dead for a minute after a heal, and 30 dead cost one packet a second"),
		hpvTime("rejoin", 10*time.Minute,
			"a walk from a contact at the latest so often: a contact of 10,000 nodes has 17 of them a second"),
		hpvTime("keep-dead", time.Hour,
			"longer than most partitions and restarts last; contacts that are dead are asked for ever"),
	},
	Make: makeHyparview,
}

func hpvWhole(name string, value, least, most int, unit, why string) protocol.Setting {
	return protocol.Setting{Name: name, Type: protocol.Whole, Default: value, Min: least, Max: most, Unit: unit, Why: why}
}

func hpvTime(name string, value time.Duration, why string) protocol.Setting {
	return protocol.Setting{
		Name: name, Type: protocol.Duration, Default: value, Min: 10 * time.Millisecond, Max: 24 * time.Hour, Unit: "time", Why: why,
	}
}

func makeHyparview(v protocol.Values) func(gossip.Protocol, Environment) gossip.Membership {
	c := &hpvConfig{
		activeSize: v.Int("active"), passiveSize: v.Int("passive"),
		arwl: v.Int("arwl"), prwl: v.Int("prwl"), shuffleWalk: v.Int("shuffle-walk"),
		sampleActive: v.Int("shuffle-active"), samplePassive: v.Int("shuffle-passive"),
		shuffleEvery: v.Duration("shuffle-interval"), beatEvery: v.Duration("keep-alive"), missed: v.Int("missed"),
		timeout: v.Duration("timeout"), probe: v.Duration("probe"), rejoin: v.Duration("rejoin"), keep: v.Duration("keep-dead"),
	}
	return func(inner gossip.Protocol, env Environment) gossip.Membership {
		return &hyparview{hpvConfig: c, inner: inner, self: env.Self, run: env.Run, rng: env.Rand, pass: 1}
	}
}

func (h *hyparview) Under() gossip.Protocol { return h.inner }

// Peers takes in contacts. With the first ones the node begins to join.
func (h *hyparview) Peers(now time.Time, contacts gossip.Peers, out *gossip.Outbox) {
	if h.left {
		return
	}
	h.contacts = contacts
	if !h.met {
		h.met = true
		h.inner.Peers(now, gossip.Peers{}, out)
		first := now.Add(h.draw(h.beatEvery))
		h.due = first.UnixNano()
		out.Alarm(first, gossip.TimerMembership|hpvTick)
		out.Alarm(now.Add(h.draw(h.shuffleEvery)), gossip.TimerMembership|hpvShuffleTime)
		h.hurry(now)
	}
	if len(h.active) == 0 {
		h.knock = hpvPause{}
		h.fill(now, out)
	}
	h.settle(now, out)
}

func (h *hyparview) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	if !h.left {
		h.inner.Publish(now, m, limit, out)
	}
}

func (h *hyparview) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	switch {
	case h.left:
	case p.Kind >= gossip.KindMembership:
		h.receive(now, from, p, out)
		h.settle(now, out)
	default:
		if at := h.inActive(from); at >= 0 {
			h.alive(now, at, out)
		}
		h.inner.Receive(now, from, p, out)
	}
}

func (h *hyparview) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	switch {
	case h.left:
		return
	case t&hpvTimerMask != gossip.TimerMembership:
		h.inner.Wake(now, t, out)
		return
	}
	t &^= gossip.TimerMembership
	switch t & (1<<hpvTimerBits - 1) {
	case hpvTick:
		h.tick(now, out)
		h.due = now.Add(h.beatEvery).UnixNano()
		out.Alarm(now.Add(h.beatEvery), gossip.TimerMembership|hpvTick)
	case hpvShuffleTime:
		h.pass++ // those that refused are asked again
		h.shuffle(out)
		h.fill(now, out)
		out.Alarm(now.Add(h.shuffleEvery), gossip.TimerMembership|hpvShuffleTime)
	case hpvTimeout:
		h.unanswered(now, uint64(t>>hpvTimerBits), out)
	}
	h.settle(now, out)
}

// Members is the partial view of one node, and never the whole of a large network. Those of the active view are alive
// or suspect by what they themselves said; those of the passive view count as alive because somebody said so not long
// ago, and a dead one stays there until it is asked in vain or makes room; the dead and those that left are the last
// few that this node has noticed itself. Who is in none of them may be anything.
func (h *hyparview) Members() []gossip.Member {
	all := make([]gossip.Member, 0, len(h.active)+len(h.passive)+len(h.gone))
	for i := range h.active {
		all = append(all, h.active[i].member())
	}
	for i := range h.passive {
		e := &h.passive[i]
		all = append(all, gossip.Member{Node: e.node, Run: e.run, Since: time.Unix(0, e.since)})
	}
	for i := range h.gone {
		all = append(all, h.gone[i].member())
	}
	slices.SortFunc(all, func(a, b gossip.Member) int { return int(a.Node) - int(b.Node) })
	return all
}

// Neighbours are the active view.
func (h *hyparview) Neighbours() gossip.Peers { return h.neighbours }

// Leave says goodbye to all neighbours. Who has the node in a passive view only finds out when it asks.
func (h *hyparview) Leave(now time.Time, out *gossip.Outbox) {
	if h.left {
		return
	}
	for i := range h.active {
		me := h.me(out)
		me[0].Seq += uint32(gossip.Left)
		out.Send(h.active[i].node, gossip.Packet{Kind: hpvDisconnect, IDs: me})
	}
	h.active, h.changed = nil, true
	h.settle(now, out)
	h.left = true
}

// settle tells the protocol within its peers if they are others than before.
func (h *hyparview) settle(now time.Time, out *gossip.Outbox) {
	if !h.changed {
		return
	}
	h.changed = false
	ids := make([]gossip.NodeID, len(h.active))
	for i := range h.active {
		ids[i] = h.active[i].node
	}
	slices.Sort(ids)
	same := len(ids) == h.neighbours.Len()
	for i := 0; same && i < len(ids); i++ {
		same = ids[i] == h.neighbours.At(i)
	}
	if !same {
		h.neighbours = gossip.NewPeers(ids)
		h.inner.Peers(now, h.neighbours, out)
	}
}

// draw returns a moment within a while.
func (h *hyparview) draw(within time.Duration) time.Duration {
	return time.Duration(h.rng.Int64N(int64(within)))
}

// tried sets when something is tried again: after a pause, a quarter more or less, that grows by half each time.
func (h *hyparview) tried(p *hpvPause, now time.Time, first, most time.Duration) {
	p.pause = min(max(p.pause*3/2, first), most)
	p.at = now.Add(p.pause*3/4 + h.draw(p.pause/2+1)).UnixNano()
}

func (p *hpvPeer) member() gossip.Member {
	m := gossip.Member{Node: p.node, Run: p.run, Since: time.Unix(0, p.since)}
	if p.suspect {
		m.Standing = gossip.Suspect
	}
	return m
}

func (g *hpvGone) member() gossip.Member {
	m := gossip.Member{Node: g.node, Run: g.run, Standing: gossip.Dead, Since: time.Unix(0, g.since)}
	if g.left {
		m.Standing = gossip.Left
	}
	return m
}
