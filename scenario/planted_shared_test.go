package scenario

import (
	"os"
	"slices"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/protocol"
)

// sharing is a network that finds itself, in which nodes set and delete values while packets are lost, the network
// falls in two for longer than it takes to be declared dead, one node comes back and another one does not.
const sharing = `name: sharing
network:
  nodes: 10
  discovery: bootstrap
  membership: swim
  membership_settings: {period: 300ms, timeout: 100ms, dead-call: 1s, sync: 5s}
workload: {messages: 5, every: 1s}
timeline:
  - {at: 2s, start_workload: random-values, every: 500ms, for: 30s}
  - {at: 2s, start_workload: counter, every: 100ms, for: 30s}
  - {at: 5s, loss: 20%, for: 30s}
  - {at: 8s, partition: 50% / 50%, for: 20s}
  - {at: 33s, kill: 3, for: 3s}
  - {at: 70s, kill: 4}
settle: 30s
assert:
  values: equal within 15s after heal
  members: agree
`

// Bugs of values and of membership, each with the guarantee that it breaks.
var sharedBugs = []struct {
	name   string
	breaks check.Guarantee
	around func(whole gossip.Protocol) gossip.Protocol
}{
	{"older versions are taken over newer ones", check.Values, func(whole gossip.Protocol) gossip.Protocol {
		return &stale{layer: layer{whole}, known: make(map[gossip.ID]gossip.Applied)}
	}},
	{"a lost update is lost for ever", check.Values, func(whole gossip.Protocol) gossip.Protocol { return &unreconciled{layer{whole}} }},
	{"what was deleted comes back", check.Values, func(whole gossip.Protocol) gossip.Protocol {
		return &necromancer{layer: layer{whole}, there: make(map[ownersKey]gossip.Applied)}
	}},
	{"the dead are never noticed", check.Membership, func(whole gossip.Protocol) gossip.Protocol {
		return &optimist{whole.(gossip.Membership), layer{whole}}
	}},
	{"nobody comes back after a heal", check.Membership, func(whole gossip.Protocol) gossip.Protocol {
		return &mourner{Membership: whole.(gossip.Membership), layer: layer{whole}, dead: make(map[gossip.NodeID]gossip.Member)}
	}},
}

// Each of them is found within some seeds, by the guarantee that it breaks and by no other; without them there is
// nothing to find. GOSSIPCTL_HIT_RATES looks at more seeds, and says of how many each bug shows.
func TestPlantedBugsOfWhatIsSharedAreFound(t *testing.T) {
	s := written(t, sharing)
	seeds, all := uint64(60), os.Getenv("GOSSIPCTL_HIT_RATES") != ""
	if all {
		seeds = 100
	}
	for seed := range seeds / 6 {
		if r := simulate(t, s, seed+1, Options{}); r.State() != Held {
			t.Errorf("clean, seed %d: %s %q", seed+1, r.Why(), r.Verdict.Unknown)
		}
	}
	for _, b := range sharedBugs {
		first, hits, what := uint64(0), 0, ""
		for seed := uint64(1); seed <= seeds && (all || first == 0); seed++ {
			r := simulateWith(t, &Simulated{plant: plant{protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
				return b.around(whole)
			}}}, s, seed, Options{})
			if r.Verdict.Valid != check.False {
				continue
			}
			hits++
			if first == 0 {
				first, what = seed, r.Verdict.Violations[0].What
			}
			if by := broken(&r.Verdict); !slices.Equal(by, []string{string(b.breaks)}) {
				t.Errorf("%s, seed %d: %q: %s", b.name, seed, by, r.Why())
			}
		}
		if first == 0 {
			t.Errorf("%s was not found within %d seeds", b.name, seeds)
		}
		t.Logf("%s: first by seed %d, in %d of %d: %s", b.name, first, hits, seeds, what)
	}
}

// layer lets a node find what stands below.
type layer struct{ whole gossip.Protocol }

func (l layer) Under() gossip.Protocol { return l.whole }
func (l layer) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	l.whole.Peers(now, peers, out)
}
func (l layer) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	l.whole.Publish(now, m, limit, out)
}
func (l layer) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	l.whole.Receive(now, from, p, out)
}
func (l layer) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) { l.whole.Wake(now, t, out) }

// stale takes whatever update comes, as if it were news.
type stale struct {
	layer
	known map[gossip.ID]gossip.Applied
}

func (s *stale) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	s.whole.Receive(now, from, p, out)
	news := len(out.Applied)
	for _, a := range out.Applied {
		if !a.Vanished {
			a.Value = slices.Clone(a.Value)
			s.known[a.ID] = a
		}
	}
	for _, m := range p.Messages {
		if a, was := s.known[m.ID]; was && !slices.ContainsFunc(out.Applied[:news], func(b gossip.Applied) bool { return b.ID == m.ID }) {
			out.Applied = append(out.Applied, a)
		}
	}
}

// unreconciled has only what the protocol brings.
type unreconciled struct{ layer }

func (u *unreconciled) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if p.Kind < gossip.KindValues || p.Kind >= gossip.KindMembership {
		u.whole.Receive(now, from, p, out)
	}
}

// ownersKey is a key of one owner's map.
type ownersKey struct {
	owner gossip.NodeID
	key   string
}

// necromancer forgets that a value is gone as soon as it hears of another one.
type necromancer struct {
	layer
	there map[ownersKey]gossip.Applied
	gone  []gossip.Applied
}

func (n *necromancer) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	n.whole.Receive(now, from, p, out)
	before := n.gone
	n.gone = nil
	for _, a := range out.Applied {
		at := ownersKey{a.ID.Origin, a.Key}
		if was, known := n.there[at]; known && a.Deleted && !a.Vanished {
			n.gone = append(n.gone, was)
		} else if !a.Deleted {
			a.Value = slices.Clone(a.Value)
			n.there[at] = a
		}
	}
	out.Applied = append(out.Applied, before...)
}

// optimist never believes that somebody is dead.
type optimist struct {
	gossip.Membership
	layer
}

func (o *optimist) Under() gossip.Protocol { return o.whole }
func (o *optimist) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	o.whole.Peers(now, peers, out)
	o.hide(out)
}
func (o *optimist) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	o.whole.Publish(now, m, limit, out)
	o.hide(out)
}
func (o *optimist) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	o.whole.Receive(now, from, p, out)
	o.hide(out)
}
func (o *optimist) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	o.whole.Wake(now, t, out)
	o.hide(out)
}

func (o *optimist) hide(out *gossip.Outbox) {
	out.Members = slices.DeleteFunc(out.Members, func(m gossip.Member) bool { return m.Standing == gossip.Dead })
}

func (o *optimist) Members() []gossip.Member {
	members := slices.Clone(o.Membership.Members())
	for i := range members {
		if members[i].Standing == gossip.Dead {
			members[i].Standing = gossip.Alive
		}
	}
	return members
}

// mourner takes nobody back who was dead once, unless it begins a new life.
type mourner struct {
	gossip.Membership
	layer
	dead map[gossip.NodeID]gossip.Member
}

func (m *mourner) Under() gossip.Protocol { return m.whole }
func (m *mourner) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	m.whole.Peers(now, peers, out)
	m.mourn(out)
}
func (m *mourner) Publish(now time.Time, msg gossip.Message, limit int, out *gossip.Outbox) {
	m.whole.Publish(now, msg, limit, out)
	m.mourn(out)
}
func (m *mourner) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	m.whole.Receive(now, from, p, out)
	m.mourn(out)
}
func (m *mourner) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	m.whole.Wake(now, t, out)
	m.mourn(out)
}

func (m *mourner) mourn(out *gossip.Outbox) {
	out.Members = slices.DeleteFunc(out.Members, func(now gossip.Member) bool {
		was, dead := m.dead[now.Node]
		if now.Standing == gossip.Dead {
			m.dead[now.Node] = now
		}
		return dead && was.Run == now.Run
	})
}

func (m *mourner) Members() []gossip.Member {
	members := slices.Clone(m.Membership.Members())
	for i := range members {
		if was, dead := m.dead[members[i].Node]; dead && was.Run == members[i].Run {
			members[i] = was
		}
	}
	return members
}
