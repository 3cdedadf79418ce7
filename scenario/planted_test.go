package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"
)

// A bug is a mistake that protocols and nodes have been known to make, planted into the simulated network.
// Those of a protocol are wrapped round it; those of a node's own memory and disk need the build tag planted
// and stand in planted_node_test.go.
type bug struct {
	name  string
	plant func() plant // anew for every run
}

func bugs() []bug {
	always := func(p plant) func() plant { return func() plant { return p } }
	return []bug{
		{"no dedup", always(plant{protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
			return &parrot{Protocol: whole}
		}})},
		{"no anti-entropy", always(plant{protocol: func(_ protocol.Environment, _ uint32, inner, _ gossip.Protocol) gossip.Protocol { return inner }})},
		{"max-seq digest skips gaps", always(plant{protocol: func(env protocol.Environment, _ uint32, inner, _ gossip.Protocol) gossip.Protocol {
			return &newest{Protocol: inner, rng: env.Rand, have: make(map[gossip.ID]gossip.Message), most: make(map[gossip.ID]uint32)}
		}})},
		{"full queue drops newest, uncounted", newLeak},
		{"payload changed on forward", always(plant{protocol: func(env protocol.Environment, run uint32, _, whole gossip.Protocol) gossip.Protocol {
			return &mangler{whole, rand.New(rand.NewPCG(uint64(env.Self), uint64(run)))}
		}})},
		{"durable inbox not reloaded", always(plant{amnesia: true})},
		{"sequence restarts at 0", always(plant{
			protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
				return &amnesiac{whole}
			},
			observe: func(_ *Plan, tell func(*trace.Event)) func(*trace.Event) {
				return func(e *trace.Event) {
					if e.Kind == trace.Publish || e.Kind == trace.Accept {
						e.Message.Run = 1
					}
					tell(e)
				}
			},
		})},
		{"dead peers never retried", always(plant{protocol: func(_ protocol.Environment, _ uint32, _, whole gossip.Protocol) gossip.Protocol {
			return &grudge{Protocol: whole, heard: make(map[gossip.NodeID]time.Time)}
		}})},
	}
}

// Every planted bug is found by the checker within 500 seeds of chaos.
func TestPlantedBugsAreFound(t *testing.T) { find(t, bugs()) }

func find(t *testing.T, bugs []bug) {
	s := open(t, "chaos", Override{})
	most, all := uint64(500), os.Getenv("GOSSIPCTL_HIT_RATES") != ""
	var table strings.Builder
	for _, b := range bugs {
		first, hits, what := uint64(0), 0, ""
		by := make(map[string]int)
		ctx, cancel := context.WithCancel(context.Background())
		err := many(ctx, []*Scenario{s}, Range{1, most}, 0, func() *Simulated { return &Simulated{plant: b.plant()} }, Options{}, func(o Outcome) {
			if o.Err != nil {
				t.Errorf("%s, seed %d: %v", b.name, o.Seed, o.Err)
				return
			}
			if o.Result.Verdict.Valid != check.False {
				return
			}
			if hits++; first == 0 {
				first, what = o.Seed, o.Result.Verdict.Violations[0].What
			}
			for _, g := range broken(&o.Result.Verdict) {
				by[g]++
			}
			if !all {
				cancel()
			}
		})
		cancel()
		if err != nil && first == 0 {
			t.Errorf("%s: %v", b.name, err)
		}
		if first == 0 {
			t.Errorf("%s was not found within %d seeds", b.name, most)
		}
		rate := ""
		if all {
			rate = fmt.Sprintf("%.2f", float64(hits)/float64(most))
		}
		fmt.Fprintf(&table, "%-36s %5d %6s  %v %s\n", b.name, first, rate, by, what)
	}
	t.Logf("planted bug, first seed, hit rate, violated in how many seeds\n%s", table.String())
}

// parrot sends on whatever comes, every time.
type parrot struct {
	gossip.Protocol
	peers gossip.Peers
}

func (p *parrot) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	p.peers = peers
	p.Protocol.Peers(now, peers, out)
}

func (p *parrot) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	p.Protocol.Receive(now, from, packet, out)
	if protocol.IsRepair(packet.Kind) {
		return
	}
	for _, m := range packet.Messages {
		for _, id := range p.peers.All() {
			out.Send(id, gossip.Packet{Kind: packet.Kind, Messages: []gossip.Message{m}, Limit: packet.Limit})
		}
	}
}

// echoing delivers whatever comes, every time, and leaves it to the node to know what it has.
type echoing struct{ gossip.Protocol }

func (p *echoing) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	p.Protocol.Receive(now, from, packet, out)
	for _, m := range packet.Messages {
		out.Deliver(m)
	}
}

func (p *echoing) Recall(now time.Time, m gossip.Message) {
	if r, is := p.Protocol.(gossip.Recaller); is {
		r.Recall(now, m)
	}
}

// mangler changes one body in fifty of those it sends.
type mangler struct {
	gossip.Protocol
	rng *rand.Rand
}

func (m *mangler) Receive(now time.Time, from gossip.NodeID, packet gossip.Packet, out *gossip.Outbox) {
	m.Protocol.Receive(now, from, packet, out)
	for i := range out.Sends {
		for k := range out.Sends[i].Packet.Messages {
			if one := &out.Sends[i].Packet.Messages[k]; m.rng.IntN(50) == 0 && len(one.Body) > 0 {
				one.Body = slices.Clone(one.Body)
				one.Body[0] ^= 0x20
			}
		}
	}
}

// amnesiac names what it publishes as if every life of the node were the first.
type amnesiac struct{ gossip.Protocol }

func (a *amnesiac) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	m.ID.Run = 1
	a.Protocol.Publish(now, m, limit, out)
}

// grudge never speaks again to a peer that was silent for too long.
type grudge struct {
	gossip.Protocol
	peers gossip.Peers
	heard map[gossip.NodeID]time.Time
}

// grudgeAfter is twenty times the interval of the repair, in which every peer is called several times.
const grudgeAfter = 20 * time.Second

func (g *grudge) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	g.peers = peers
	for _, id := range peers.All() {
		g.heard[id] = now
	}
	g.Protocol.Peers(now, peers, out)
	g.shun(now, out)
}

func (g *grudge) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	g.Protocol.Publish(now, m, limit, out)
	g.shun(now, out)
}

func (g *grudge) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	if now.Sub(g.heard[from]) > grudgeAfter {
		return
	}
	g.heard[from] = now
	g.Protocol.Receive(now, from, p, out)
	g.shun(now, out)
}

func (g *grudge) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	g.Protocol.Wake(now, t, out)
	g.shun(now, out)
}

func (g *grudge) shun(now time.Time, out *gossip.Outbox) {
	out.Sends = slices.DeleteFunc(out.Sends, func(s gossip.Send) bool { return now.Sub(g.heard[s.To]) > grudgeAfter })
}

// newest repairs by telling of each life of an origin the highest number it has: what is missing below is
// never asked for.
type newest struct {
	gossip.Protocol
	peers gossip.Peers
	rng   *rand.Rand
	have  map[gossip.ID]gossip.Message
	most  map[gossip.ID]uint32 // by life
	set   bool
}

const (
	newestTimer gossip.Timer = 1<<63 | 7
	newestTell  gossip.Kind  = 250
	newestGive  gossip.Kind  = 251
)

func (n *newest) Peers(now time.Time, peers gossip.Peers, out *gossip.Outbox) {
	n.peers = peers
	n.Protocol.Peers(now, peers, out)
	if !n.set {
		n.set = true
		out.Alarm(now.Add(time.Duration(n.rng.Int64N(int64(time.Second)))), newestTimer)
	}
}

func (n *newest) learn(out *gossip.Outbox) {
	out.Delivered = slices.DeleteFunc(out.Delivered, func(m gossip.Message) bool {
		if _, known := n.have[m.ID]; known {
			return true
		}
		n.note(m)
		return false
	})
}

func (n *newest) note(m gossip.Message) {
	n.have[m.ID] = m
	life := gossip.ID{Origin: m.ID.Origin, Run: m.ID.Run}
	n.most[life] = max(n.most[life], m.ID.Seq)
}

func (n *newest) Recall(_ time.Time, m gossip.Message) { n.note(m) }

func (n *newest) Publish(now time.Time, m gossip.Message, limit int, out *gossip.Outbox) {
	n.Protocol.Publish(now, m, limit, out)
	n.learn(out)
}

func (n *newest) Wake(now time.Time, t gossip.Timer, out *gossip.Outbox) {
	if t != newestTimer {
		n.Protocol.Wake(now, t, out)
		n.learn(out)
		return
	}
	out.Alarm(now.Add(time.Second), newestTimer)
	var ids []gossip.ID
	for life, most := range n.most {
		ids = append(ids, gossip.ID{Origin: life.Origin, Run: life.Run, Seq: most})
	}
	slices.SortFunc(ids, compareIDs)
	if n.peers.Len() > 0 {
		out.Send(n.peers.At(n.rng.IntN(n.peers.Len())), gossip.Packet{Kind: newestTell, IDs: ids})
	}
}

func (n *newest) Receive(now time.Time, from gossip.NodeID, p gossip.Packet, out *gossip.Outbox) {
	switch p.Kind {
	case newestTell:
		theirs := make(map[gossip.ID]uint32)
		for _, id := range p.IDs {
			theirs[gossip.ID{Origin: id.Origin, Run: id.Run}] = id.Seq
		}
		var give []gossip.Message
		for id, m := range n.have {
			if id.Seq > theirs[gossip.ID{Origin: id.Origin, Run: id.Run}] {
				give = append(give, m)
			}
		}
		slices.SortFunc(give, func(a, b gossip.Message) int { return compareIDs(a.ID, b.ID) })
		if len(give) > 0 {
			out.Send(from, gossip.Packet{Kind: newestGive, Messages: give})
		}
	case newestGive:
		for _, m := range p.Messages {
			if _, known := n.have[m.ID]; !known {
				n.note(m)
				out.Deliver(m)
			}
		}
	default:
		n.Protocol.Receive(now, from, p, out)
		n.learn(out)
	}
}
