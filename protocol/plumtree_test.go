package protocol_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/protocol"
	"gossipctl/trace"

	"github.com/google/go-cmp/cmp"
)

// trees is a network of plumtrees, with what happened in it since the last broadcast began.
type trees struct {
	*world
	copies, names int
	grafts        int
	heard         map[gossip.NodeID]map[gossip.ID]bool // of which messages: copies, and announcements
	givenUp       map[gossip.NodeID]bool
	mostAlarms    int // of one node
}

// newTrees makes one on a graph. Every packet takes a millisecond unless there is other weather.
func newTrees(t *testing.T, g graph, set map[string]string) *trees {
	t.Helper()
	kind, err := protocol.Find("plumtree")
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(set)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trees{heard: make(map[gossip.NodeID]map[gossip.ID]bool), givenUp: make(map[gossip.NodeID]bool)}
	tr.world = newWorld(g, func(id gossip.NodeID) gossip.Protocol {
		tr.heard[id] = make(map[gossip.ID]bool)
		return kind.New(protocol.Environment{Self: id, Rand: protocol.Generator(1, id)}, values)
	}, func(st step) { tr.watch(st) })
	tr.weather = func() []time.Duration { return []time.Duration{time.Millisecond} }
	return tr
}

func (tr *trees) watch(st step) {
	for _, send := range st.Sends {
		tr.copies += len(send.Packet.Messages)
		switch send.Packet.Kind {
		case 2:
			tr.names += len(send.Packet.IDs)
		case 3:
			tr.grafts++
		}
	}
	for _, e := range st.Events {
		if e.Kind == trace.Drop && e.Reason == "given_up" {
			tr.givenUp[st.node] = true
		}
	}
	if len(st.Alarms) > 0 {
		set := 0
		for _, a := range tr.alarms {
			if a.node == st.node {
				set++
			}
		}
		tr.mostAlarms = max(tr.mostAlarms, set)
	}
}

// broadcast publishes a message, lets it come to rest, and returns its name and how many nodes have it.
func (tr *trees) broadcast(t *testing.T, origin gossip.NodeID) (id gossip.ID, reached int) {
	t.Helper()
	tr.copies, tr.names, tr.grafts = 0, 0, 0
	m, err := tr.publish(origin, "plum", 0)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if next := tr.nextFlight(); next >= 0 {
			tr.hear(t, tr.flights[next])
		}
		if more, err = tr.advance(tr.now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if tr.err != nil {
		t.Fatal(tr.err)
	}
	for _, id := range tr.ids {
		if _, has := tr.nodes[id].Message(m.ID); has {
			reached++
		}
	}
	return m.ID, reached
}

// hear notes what a flight that is about to arrive tells its node of.
func (tr *trees) hear(t *testing.T, f flight) {
	t.Helper()
	var batch gossip.Batch
	if err := batch.Decode(f.wire); err != nil {
		t.Fatal(err)
	}
	p := batch.Envelopes[0].Packet
	for _, m := range p.Messages {
		tr.heard[f.to][m.ID] = true
	}
	if p.Kind == 2 {
		for _, id := range p.IDs {
			tr.heard[f.to][id] = true
		}
	}
}

// TestPlumtreeCounts is Table 1 of the paper, and the identity behind it: the first message is flooded,
// and every later one takes n − 1 copies, and a name in each direction of every edge outside the tree.
// It must hold whoever sends, and however long packets take, as long as no timer has to help.
func TestPlumtreeCounts(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 20))
		n := 3 + rng.IntN(60)
		g := withoutLeaves(rng, n, rng.IntN(3*n))
		tr := newTrees(t, g, map[string]string{"timeout1": "1h"})
		if seed%2 == 1 { // packets overtake each other
			tr.weather = func() []time.Duration { return []time.Duration{time.Duration(rng.Int64N(int64(time.Second)))} }
		}
		edges := g.directed() / 2
		for round := range 6 {
			_, reached := tr.broadcast(t, gossip.NodeID(1+rng.IntN(n)))
			want := [4]int{n, n - 1, 2 * (edges - (n - 1)), 0}
			if round == 0 {
				want = [4]int{n, 2*edges - (n - 1), 0, 0}
			}
			if got := [4]int{reached, tr.copies, tr.names, tr.grafts}; got != want {
				t.Fatalf("seed %d, message %d, %d nodes, %d edges: nodes, copies, names and GRAFTs %v, want %v", seed, round+1, n, edges, got, want)
			}
		}
	}
}

// TestPlumtreeWhileTheOverlayGrows is Figure 2b of the paper. Its first broadcasts have fewer and fewer
// needless copies, 2 for each node, 0.9, and 0.05, because its overlay is not complete yet: each edge
// that is added is eager, and carries two copies too many, once.
func TestPlumtreeWhileTheOverlayGrows(t *testing.T) {
	const n = 400
	rng := rand.New(rand.NewPCG(1, 21))
	g := scattered(rng, n, 2*n-(n-1))
	tr := newTrees(t, g, nil)
	for _, c := range []struct {
		edges  int // after new ones were added
		copies int
	}{
		{2 * n, n - 1 + 2*(2*n-(n-1))}, // redundancy 2
		{2*n + 45*n/100, n - 1 + 2*45*n/100},
		{2*n + 475*n/1000, n - 1 + 2*25*n/1000},
		{2*n + 475*n/1000, n - 1},
	} {
		for g.directed()/2 < c.edges {
			g.widen(rng, 0)
		}
		for _, id := range tr.ids {
			if !slices.Equal(tr.peers[id], g[id]) {
				tr.setPeers(id, g[id])
			}
		}
		if _, reached := tr.broadcast(t, 1); reached != n || tr.copies != c.copies {
			t.Errorf("%d edges: %d copies for %d nodes, want %d", c.edges, tr.copies, reached, c.copies)
		}
	}
}

// TestPlumtreeMendsWhatIsLost loses packets. Who hears of a message, if only its name, must get it, or
// say that it gave it up. No node ever has more alarms set than two for its lines and one for names.
func TestPlumtreeMendsWhatIsLost(t *testing.T) {
	missed, mended := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 22))
		n := 3 + rng.IntN(40)
		set := map[string]string{"tries": "10"}
		if seed%4 == 0 {
			set["lazy-delay"] = "30ms"
		}
		tr := newTrees(t, withoutLeaves(rng, n, rng.IntN(2*n)), set)
		loss := 0.3 * rng.Float64()
		tr.weather = func() []time.Duration {
			if rng.Float64() < loss {
				return nil
			}
			return []time.Duration{time.Duration(rng.Int64N(int64(20 * time.Millisecond)))}
		}
		for range 5 {
			id, reached := tr.broadcast(t, gossip.NodeID(1+rng.IntN(n)))
			missed += n - reached
			mended += tr.grafts
			for _, node := range tr.ids {
				if _, has := tr.nodes[node].Message(id); !has && tr.heard[node][id] && !tr.givenUp[node] {
					t.Errorf("seed %d: node %d has heard of %v and neither got it nor gave it up", seed, node, id)
				}
			}
		}
		if tr.mostAlarms > 3 {
			t.Errorf("seed %d: a node had %d alarms set", seed, tr.mostAlarms)
		}
	}
	if mended == 0 {
		t.Error("nothing had to be mended: the test is too kind")
	}
	t.Logf("%d GRAFTs, %d messages missing", mended, missed)
}

// treeModel is what a plumtree owes about messages it lacks, written down plainly: a list of announcers
// and a timer for each.
type treeModel struct {
	peers   []gossip.NodeID
	lazy    map[gossip.NodeID]bool
	bringer map[gossip.ID]gossip.NodeID // of what has come
	missing []treeMissing               // as their timers were set
}

type treeMissing struct {
	id         gossip.ID
	announcers []gossip.NodeID
	asked      int // of the announcers, in this pass
	passes     int
	due        time.Time
	timer      gossip.Timer
}

// question is one GRAFT.
type question struct {
	To gossip.NodeID
	ID gossip.ID
}

func (m *treeModel) find(id gossip.ID) int {
	return slices.IndexFunc(m.missing, func(w treeMissing) bool { return w.id == id })
}

func (m *treeModel) setPeers(peers []gossip.NodeID) {
	m.peers = peers
	gone := func(id gossip.NodeID) bool { return !slices.Contains(peers, id) }
	for _, id := range []gossip.NodeID{2, 3, 4, 5, 6} {
		if gone(id) {
			delete(m.lazy, id)
		}
	}
	for i := range m.missing {
		w := &m.missing[i]
		before := slices.Clone(w.announcers[:w.asked])
		w.asked = len(slices.DeleteFunc(before, gone))
		w.announcers = slices.DeleteFunc(w.announcers, gone)
	}
	m.missing = slices.DeleteFunc(m.missing, func(w treeMissing) bool { return len(w.announcers) == 0 })
}

func (m *treeModel) take(from gossip.NodeID, id gossip.ID) {
	is := slices.Contains(m.peers, from)
	if first, has := m.bringer[id]; has {
		if is && first != from {
			m.lazy[from] = true
		}
		return
	}
	m.bringer[id] = from
	delete(m.lazy, from)
	if at := m.find(id); at >= 0 {
		m.missing = slices.Delete(m.missing, at, at+1)
	}
}

func (m *treeModel) announce(from gossip.NodeID, id gossip.ID, due time.Time) {
	if _, has := m.bringer[id]; has || !slices.Contains(m.peers, from) {
		return
	}
	at := m.find(id)
	if at < 0 {
		at = len(m.missing)
		m.missing = append(m.missing, treeMissing{id: id, due: due, timer: 1})
	}
	if w := &m.missing[at]; !slices.Contains(w.announcers, from) {
		w.announcers = append(w.announcers, from)
	}
}

// expire returns what must be asked for now because of one of the timers, and whether something is
// given up.
func (m *treeModel) expire(now time.Time, timer gossip.Timer, tries int, timeout2 time.Duration) (sent []question, gaveUp bool) {
	for _, w := range slices.Clone(m.missing) {
		if w.timer != timer || w.due.After(now) {
			continue
		}
		at := m.find(w.id)
		m.missing = slices.Delete(m.missing, at, at+1)
		if w.asked == len(w.announcers) {
			w.asked, w.passes = 0, w.passes+1
		}
		if w.passes == tries {
			gaveUp = true
			continue
		}
		left := w.announcers[w.asked:]
		if at := slices.IndexFunc(left, func(peer gossip.NodeID) bool { return !m.lazy[peer] }); at > 0 {
			left[0], left[at] = left[at], left[0]
		}
		delete(m.lazy, left[0])
		sent = append(sent, question{left[0], w.id})
		w.asked, w.due, w.timer = w.asked+1, now.Add(timeout2), 2
		m.missing = append(m.missing, w)
	}
	return sent, gaveUp
}

// TestPlumtreeAsksLikeTheModel compares one plumtree with the model, alarm by alarm, while messages are
// announced, come or do not come, and peers leave and return.
func TestPlumtreeAsksLikeTheModel(t *testing.T) {
	const tries, timeout1, timeout2 = 2, 100 * time.Millisecond, 30 * time.Millisecond
	asked, gaveUp, most := 0, 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 23))
		p, err := protocol.New("plumtree", protocol.Environment{Self: 1},
			map[string]string{"timeout1": timeout1.String(), "timeout2": timeout2.String(), "tries": "2"})
		if err != nil {
			t.Fatal(err)
		}
		all := []gossip.NodeID{2, 3, 4, 5, 6}
		m := &treeModel{lazy: make(map[gossip.NodeID]bool), bringer: make(map[gossip.ID]gossip.NodeID)}
		m.setPeers(all)
		var out gossip.Outbox
		var alarms []gossip.Alarm
		now := start
		p.Peers(now, gossip.NewPeers(all), &out)
		ring := func(a gossip.Alarm) {
			out.Reset()
			p.Wake(a.At, a.Timer, &out)
			alarms = append(alarms, out.Alarms...)
			var got []question
			for _, send := range out.Sends {
				got = append(got, question{send.To, send.Packet.IDs[0]})
			}
			want, gone := m.expire(a.At, a.Timer, tries, timeout2)
			if diff := cmp.Diff(want, got); diff != "" || (out.Refused != "") != gone {
				t.Fatalf("seed %d, %v: refused %q, %v (-want +got)\n%s", seed, a.At.Sub(start), out.Refused, gone, diff)
			}
			if asked += len(got); gone {
				gaveUp++
			}
		}
		for step := range 1500 {
			now = now.Add(time.Duration(rng.IntN(5)) * time.Millisecond)
			for {
				slices.SortStableFunc(alarms, func(a, b gossip.Alarm) int { return a.At.Compare(b.At) })
				if len(alarms) == 0 || alarms[0].At.After(now) {
					break
				}
				due := alarms[0]
				alarms = alarms[1:]
				ring(due)
			}
			for _, w := range m.missing {
				if !w.due.After(now) {
					t.Fatalf("seed %d: nobody woke for %v, due %v", seed, w.id, w.due.Sub(start))
				}
			}
			if most = max(most, len(m.missing)); len(alarms) > 2 {
				t.Fatalf("seed %d: %d alarms", seed, len(alarms))
			}
			out.Reset()
			from := all[rng.IntN(len(all))]
			id := func() gossip.ID { // newer ones as time passes
				return gossip.ID{Origin: 9, Run: 1, Seq: uint32(1 + step/4 + rng.IntN(60))}
			}
			switch rng.IntN(20) {
			case 0:
				peers := slices.DeleteFunc(slices.Clone(all), func(gossip.NodeID) bool { return rng.IntN(3) == 0 })
				p.Peers(now, gossip.NewPeers(peers), &out)
				m.setPeers(peers)
			case 1, 2, 3:
				took := gossip.Message{ID: id(), Sent: start}
				p.Receive(now, from, gossip.Packet{Kind: 1, Hops: 1, Messages: []gossip.Message{took}}, &out)
				m.take(from, took.ID)
			default:
				names := []gossip.ID{id(), id()}
				p.Receive(now, from, gossip.Packet{Kind: 2, Hops: 1, IDs: names}, &out)
				for _, name := range names {
					m.announce(from, name, now.Add(timeout1))
				}
			}
			alarms = append(alarms, out.Alarms...)
		}
	}
	if asked < 1000 || gaveUp < 100 || most < 30 {
		t.Errorf("%d GRAFTs, %d times given up, at most %d messages missing at once: too few for a test", asked, gaveUp, most)
	}
}

// TestPlumtreeThreshold hands a node a message over several edges that another peer had announced
// nearer, and looks whether the nearer one takes the place of the bringer.
func TestPlumtreeThreshold(t *testing.T) {
	for _, c := range []struct {
		name      string
		threshold string
		announced map[gossip.NodeID]int // rounds
		hops      int
		want      map[gossip.NodeID]gossip.Kind // besides what is pushed to 5
	}{
		{"off", "0", map[gossip.NodeID]int{3: 1}, 9, map[gossip.NodeID]gossip.Kind{3: 2, 4: 2}},
		{"not enough", "3", map[gossip.NodeID]int{3: 2}, 4, map[gossip.NodeID]gossip.Kind{3: 2, 4: 2}},
		{"just enough", "3", map[gossip.NodeID]int{3: 1}, 4, map[gossip.NodeID]gossip.Kind{3: 3, 4: 2, 2: 4}},
		{"the nearest of two", "3", map[gossip.NodeID]int{3: 5, 4: 2}, 9, map[gossip.NodeID]gossip.Kind{3: 2, 4: 3, 2: 4}},
		{"nobody", "1", nil, 9, map[gossip.NodeID]gossip.Kind{3: 2, 4: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := protocol.New("plumtree", protocol.Environment{Self: 1}, map[string]string{"threshold": c.threshold})
			if err != nil {
				t.Fatal(err)
			}
			var out gossip.Outbox
			p.Peers(start, gossip.NewPeers([]gossip.NodeID{2, 3, 4, 5}), &out)
			m := gossip.Message{ID: gossip.ID{Origin: 9, Run: 1, Seq: 1}, Sent: start}
			for _, lazy := range []gossip.NodeID{3, 4} {
				p.Receive(start, lazy, gossip.Packet{Kind: 4}, &out)
				if hops := c.announced[lazy]; hops > 0 {
					p.Receive(start, lazy, gossip.Packet{Kind: 2, Hops: hops, IDs: []gossip.ID{m.ID}}, &out)
				}
			}
			out.Reset()
			p.Receive(start, 2, gossip.Packet{Kind: 1, Hops: c.hops, Messages: []gossip.Message{m}}, &out)
			got := make(map[gossip.NodeID]gossip.Kind)
			for _, send := range out.Sends {
				if send.Packet.Kind == 3 && len(send.Packet.IDs) > 0 {
					t.Errorf("%d is asked for what has come", send.To)
				}
				got[send.To] = send.Packet.Kind
			}
			want := map[gossip.NodeID]gossip.Kind{5: 1}
			for id, kind := range c.want {
				want[id] = kind
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("packets by peer (-want +got)\n%s", diff)
			}
		})
	}
}
