package membership_test

import (
	"slices"
	"testing"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
	"gossipctl/layers"
	"gossipctl/membership"
	"gossipctl/protocol"
	"gossipctl/sim"
	"gossipctl/topology"
	"gossipctl/trace"
)

// overlay is a network of bare nodes in the simulator, with hyparview around their protocol.
type overlay struct {
	*sim.World
	t     testing.TB
	n     int
	nodes []gossip.Membership // by number; nobody is 0
}

// makeHyparview returns what makes the machines of a network.
func makeHyparview(t testing.TB, set map[string]string) func(gossip.Protocol, membership.Environment) gossip.Membership {
	kind, err := membership.Find("hyparview")
	if err != nil {
		t.Fatal(err)
	}
	values, err := kind.Values(set)
	if err != nil {
		t.Fatal(err)
	}
	return kind.Make(values)
}

// near is a link of a LAN that is not very good.
var near = fault.Latency{Kind: fault.Constant, Base: 5 * time.Millisecond}

// newOverlay makes a network of nodes that know nobody yet.
func newOverlay(t testing.TB, n int, seed uint64, set map[string]string, plan fault.Plan) *overlay {
	around := makeHyparview(t, set)
	o := &overlay{t: t, n: n, nodes: make([]gossip.Membership, n+1)}
	plan.Latency = near
	o.World = sim.New(sim.Config{
		Nodes: n, Plan: &plan, Peers: func(gossip.NodeID) gossip.Peers { return gossip.Peers{} },
		Born: func(id gossip.NodeID, run uint32) gossip.Protocol {
			life := protocol.LifeSeed(seed, run)
			p, err := protocol.New("plumtree", protocol.Environment{Self: id, Rand: protocol.Generator(life, id)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			o.nodes[id] = around(p, membership.Environment{Self: id, Run: run, Rand: membership.Generator(life, id), Seed: seed})
			return o.nodes[id]
		},
	})
	return o
}

// assemble has the nodes join through node 1, each a while after the one before.
func (o *overlay) assemble(each time.Duration) {
	for id := 2; id <= o.n; id++ {
		o.At(o.Now()+time.Duration(id-2)*each, func() { o.SetPeers(gossip.NodeID(id), gossip.NewPeers([]gossip.NodeID{1})) })
	}
}

// until lets time pass.
func (o *overlay) until(at time.Duration) {
	for o.Next() <= at && o.Step() {
	}
	if o.Err() != nil {
		o.t.Fatal(o.Err())
	}
	o.RunUntil(at)
}

func (o *overlay) pass(while time.Duration) { o.until(o.Now() + while) }

// eachMember calls do with everything that live nodes think of others.
func (o *overlay) eachMember(do func(id gossip.NodeID, m gossip.Member)) {
	for id := gossip.NodeID(1); int(id) <= o.n; id++ {
		if o.Alive(id) {
			for _, m := range o.nodes[id].Members() {
				do(id, m)
			}
		}
	}
}

// graph is made of the active views of live nodes; oneWay are those in them that do not have the node in theirs.
func (o *overlay) graph() (g *topology.Graph, oneWay int) {
	g = topology.New(o.n)
	for id := 1; id <= o.n; id++ {
		if !o.Alive(gossip.NodeID(id)) {
			g.RemoveNode(id)
		}
	}
	for _, id := range g.Nodes() {
		for _, p := range o.nodes[id].Neighbours().All() {
			if g.HasNode(int(p)) {
				g.AddEdge(id, int(p))
				if !o.nodes[p].Neighbours().Has(gossip.NodeID(id)) {
					oneWay++
				}
			}
		}
	}
	return g, oneWay
}

// whole fails unless all live nodes are connected, and have been so since a moment before the deadline.
func (o *overlay) whole(what string) {
	o.t.Helper()
	if g, _ := o.graph(); !topology.Connected(g) {
		o.t.Errorf("%s: of %d nodes %d are connected; degrees %v", what, g.Len(), topology.LargestPart(g), topology.Degrees(g))
	}
}

// TestHyparviewAssembles lets networks of many sizes assemble, all nodes at once and one after the other.
func TestHyparviewAssembles(t *testing.T) {
	sizes := []int{1, 2, 3, 6, 7, 16, 64, 256, 1000}
	if raced || testing.Short() {
		sizes = sizes[:8]
	}
	for _, n := range sizes {
		for _, each := range []time.Duration{0, 3 * time.Millisecond} {
			o := newOverlay(t, n, uint64(n), nil, fault.Plan{})
			o.assemble(each)
			o.until(time.Minute)
			o.whole("after a minute")
			g, oneWay := o.graph()
			if oneWay > n/50 { // a shuffle of views, which is under way for 10 ms, is seen now and then
				t.Errorf("%d nodes, one each %v: %d neighbours from one end only", n, each, oneWay)
			}
			full := topology.Degrees(g)
			if n > 5 && (len(full) != 6 || full[5] < n*8/10) {
				t.Errorf("%d nodes, one each %v: degrees %v", n, each, full)
			} else if n <= 5 && g.NumEdges() != n*(n-1)/2 {
				t.Errorf("%d nodes, one each %v: not everybody knows everybody: %v", n, each, g.Edges())
			}
		}
	}
}

// TestHyparviewLoses loses every fourth packet all along. Nobody may be alone for long, and when the losses end nobody
// may stay dead.
func TestHyparviewLoses(t *testing.T) {
	const n = 300
	o := newOverlay(t, n, 5, nil, fault.Plan{Seed: 5, Loss: 0.25})
	o.assemble(0)
	o.until(30 * time.Second)
	alone := make(map[gossip.NodeID]int)
	longest, dead := 0, 0
	for range 270 {
		o.pass(time.Second)
		for id := gossip.NodeID(1); id <= n; id++ {
			if alone[id]++; o.nodes[id].Neighbours().Len() > 0 {
				alone[id] = 0
			}
			longest = max(longest, alone[id])
		}
	}
	o.eachMember(func(_ gossip.NodeID, m gossip.Member) {
		if m.Standing == gossip.Dead {
			dead++
		}
	})
	o.whole("while a quarter is lost")
	t.Logf("longest alone: %d s; taken for dead at the end, though alive: %.2f per node", longest, float64(dead)/n)
	// Whoever is alone asks somebody every half a second, and is answered in 56 of 100: in 5 s all but one time in 3,000.
	if longest > 5 {
		t.Errorf("somebody was alone for %d s", longest)
	}
	o.SetPlan(&fault.Plan{Latency: near})
	o.pass(time.Minute) // twice the time to ask the dead again
	o.whole("after the losses")
	_, oneWay := o.graph()
	if oneWay > n/50 {
		t.Errorf("%d neighbours from one end only, a minute after the losses", oneWay)
	}
	o.eachMember(func(id gossip.NodeID, m gossip.Member) {
		if m.Standing != gossip.Alive {
			t.Errorf("node %d still thinks that node %d is %v", id, m.Node, m.Standing)
		}
	})
}

// TestHyparviewPartition cuts a network in two for so long that no half knows a living node of the other.
func TestHyparviewPartition(t *testing.T) {
	const n = 200
	o := newOverlay(t, n, 3, nil, fault.Plan{Seed: 3})
	o.assemble(time.Millisecond)
	o.until(30 * time.Second)
	var one, other []gossip.NodeID
	for id := gossip.NodeID(1); id <= n; id++ {
		if id%2 == 0 {
			one = append(one, id)
		} else {
			other = append(other, id)
		}
	}
	o.SetPlan(&fault.Plan{Latency: near, Rules: []fault.Rule{{Name: "f1", Groups: [][]gossip.NodeID{one, other}, Cut: true}}})
	o.pass(30 * time.Minute)
	g, _ := o.graph()
	if got := topology.LargestPart(g); got != n/2 {
		t.Fatalf("the largest part has %d nodes, and half of the network %d", got, n/2)
	}
	alive, dead := 0, 0
	o.eachMember(func(id gossip.NodeID, m gossip.Member) {
		switch {
		case id%2 == m.Node%2:
		case m.Standing == gossip.Alive:
			alive++
		default:
			dead++
		}
	})
	t.Logf("of the other half a node takes %.1f for alive and %.1f for dead", float64(alive)/n, float64(dead)/n)
	if alive > n/4 {
		t.Errorf("%d nodes of the other half count as alive", alive)
	}
	o.SetPlan(&fault.Plan{Latency: near})
	for waited := time.Duration(0); ; waited += time.Second {
		if g, _ := o.graph(); topology.Connected(g) {
			t.Logf("connected after %v", waited)
			break
		}
		if waited > 37*time.Second { // by when all the dead were asked again
			t.Fatalf("not connected %v after the heal", waited)
		}
		o.pass(time.Second)
	}
	o.pass(40 * time.Second)
	o.whole("after the heal")
	o.eachMember(func(id gossip.NodeID, m gossip.Member) {
		if m.Standing != gossip.Alive {
			t.Errorf("node %d still thinks that node %d is %v", id, m.Node, m.Standing)
		}
	})
}

// TestHyparviewStrangers tells a network of a contact in another one: they never knew each other.
func TestHyparviewStrangers(t *testing.T) {
	const n = 200
	o := newOverlay(t, n, 8, map[string]string{"rejoin": "2m"}, fault.Plan{})
	for id := gossip.NodeID(3); id <= n; id++ {
		o.SetPeers(id, gossip.NewPeers([]gossip.NodeID{2 - id%2}))
	}
	o.until(10 * time.Minute)
	g, _ := o.graph()
	if got := topology.LargestPart(g); got != n/2 {
		t.Fatalf("the largest part has %d nodes, and each network %d", got, n/2)
	}
	for id := gossip.NodeID(4); id <= n; id += 2 {
		o.SetPeers(id, gossip.NewPeers([]gossip.NodeID{1, 2}))
	}
	o.pass(150 * time.Second) // everybody's next walk, from one contact or the other
	o.whole("after walks from a contact")
}

// TestHyparviewContactComesLast starts the only contact after the others have waited for it for ten minutes.
func TestHyparviewContactComesLast(t *testing.T) {
	o := newOverlay(t, 20, 2, nil, fault.Plan{})
	o.Crash(1)
	o.assemble(0)
	o.until(10 * time.Minute)
	if g, _ := o.graph(); g.NumEdges() > 0 {
		t.Fatalf("nodes that know nobody have found %v", g.Edges())
	}
	before := o.Count.Packets
	o.pass(5 * time.Minute)
	if asked := float64(o.Count.Packets-before) / 19 / 5; asked > 3 { // one JOIN in 30 s, a quarter more or less
		t.Errorf("everybody has asked %.1f times a minute", asked)
	}
	o.Start(1)
	o.pass(time.Minute)
	o.whole("a minute after the contact has come")
}

// TestHyparviewLives restarts a node, and has another one leave.
func TestHyparviewLives(t *testing.T) {
	const n, restarted, leaver = 40, 7, 9
	o := newOverlay(t, n, 4, nil, fault.Plan{})
	o.assemble(time.Millisecond)
	o.until(30 * time.Second)
	o.Crash(restarted)
	o.pass(10 * time.Second)
	dead := 0
	o.eachMember(func(_ gossip.NodeID, m gossip.Member) {
		if m.Node == restarted && m.Standing == gossip.Dead {
			dead++
		}
	})
	if dead < 3 {
		t.Errorf("%d nodes know that node %d is dead, and 5 or nearly so were its neighbours", dead, restarted)
	}
	o.Start(restarted)
	o.SetPeers(restarted, gossip.NewPeers([]gossip.NodeID{1}))
	o.pass(time.Minute)
	o.whole("after a restart")
	if got := o.nodes[restarted].Neighbours().Len(); got < 3 {
		t.Errorf("the new life has %d neighbours", got)
	}
	second := 0
	o.eachMember(func(id gossip.NodeID, m gossip.Member) {
		if m.Node == restarted && m.Run == 2 && m.Standing == gossip.Alive {
			second++
		}
		if m.Node == restarted && o.nodes[id].Neighbours().Has(restarted) && m.Run != 2 {
			t.Errorf("node %d has the old life of node %d for a neighbour", id, restarted)
		}
		if m.Node == restarted && m.Standing == gossip.Dead {
			t.Errorf("node %d still thinks that node %d is dead", id, restarted)
		}
	})
	if second < 5 {
		t.Errorf("%d nodes know the second life", second)
	}

	were := o.nodes[leaver].Neighbours()
	var out gossip.Outbox
	o.nodes[leaver].Leave(sim.Begin.Add(o.Now()), &out)
	if len(out.Sends) != were.Len() {
		t.Errorf("goodbye to %d of %d neighbours", len(out.Sends), were.Len())
	}
	for _, s := range out.Sends {
		var answer gossip.Outbox
		o.nodes[s.To].Receive(sim.Begin.Add(o.Now()), leaver, s.Packet, &answer)
		at := slices.IndexFunc(answer.Members, func(m gossip.Member) bool { return m.Node == leaver })
		if at < 0 || answer.Members[at].Standing != gossip.Left {
			t.Errorf("node %d says of who has said goodbye: %v", s.To, answer.Members)
		}
	}
	o.pass(10 * time.Second) // it takes part in nothing, though the simulator does not know that it has gone
	o.eachMember(func(id gossip.NodeID, m gossip.Member) {
		if m.Node == leaver && were.Has(id) && m.Standing != gossip.Left {
			t.Errorf("node %d thinks that node %d is %v", id, leaver, m.Standing)
		}
	})
	if got := o.nodes[leaver].Neighbours().Len(); got > 0 {
		t.Errorf("who has left has %d neighbours", got)
	}
}

// TestHyparviewWhole has whole nodes with all layers assemble, and spread a message.
func TestHyparviewWhole(t *testing.T) {
	const n = 64
	maker, err := layers.New(layers.Spec{Protocol: "plumtree", Membership: "hyparview", Assembles: true})
	if err != nil {
		t.Fatal(err)
	}
	alive := make(map[string]int) // by standing, what nodes were told of others
	w := sim.New(sim.Config{
		Nodes: n, Whole: true, Plan: &fault.Plan{Latency: near},
		Peers: func(id gossip.NodeID) gossip.Peers { return gossip.NewPeers([]gossip.NodeID{1}) },
		Born:  func(id gossip.NodeID, run uint32) gossip.Protocol { return maker.Make(7, id, run) },
		Observe: func(e trace.Event) {
			if e.Kind == trace.Member {
				alive[e.Reason]++
			}
		},
	})
	o := &overlay{World: w, t: t, n: n}
	o.until(30 * time.Second)
	for id := gossip.NodeID(1); id <= n; id++ {
		if peers, is := w.Node(id).Neighbours(); !is || peers.Len() < 3 {
			t.Errorf("node %d has %d neighbours", id, peers.Len())
		}
	}
	if _, err := w.Publish(9, []byte("news"), 0); err != nil {
		t.Fatal(err)
	}
	o.pass(5 * time.Second)
	if got := w.Tracks()[0].Delivered; got != n-1 {
		t.Errorf("%d of %d others have the message", got, n-1)
	}
	if len(alive) != 1 || alive["alive"] < 4*n {
		t.Errorf("what nodes were told of others: %v", alive)
	}
	w.Crash(20)
	o.pass(10 * time.Second)
	if alive["dead"] < 3 || alive["dead"] > 2*5 {
		t.Errorf("a node with 5 neighbours was killed, and what nodes were told of others is %v", alive)
	}
}

// TestHyparviewSame runs a network twice.
func TestHyparviewSame(t *testing.T) {
	run := func() (all []gossip.Member) {
		o := newOverlay(t, 100, 9, nil, fault.Plan{Seed: 9, Loss: 0.1})
		o.assemble(time.Millisecond)
		o.until(40 * time.Second)
		o.eachMember(func(_ gossip.NodeID, m gossip.Member) { all = append(all, m) })
		return all
	}
	if one, again := run(), run(); !slices.Equal(one, again) {
		t.Error("two runs of one seed end with different views")
	}
}

// TestHyparviewStandsStill has a node wake up late: what it did not hear meanwhile is no reason to take anybody for dead.
func TestHyparviewStandsStill(t *testing.T) {
	const n = 50
	o := newOverlay(t, n, 6, map[string]string{"missed": "30"}, fault.Plan{}) // the others wait for it
	o.assemble(time.Millisecond)
	o.until(30 * time.Second)
	o.Pause(10)
	o.pass(20 * time.Second)
	o.Resume(10)
	o.pass(3 * time.Second)
	if were := o.nodes[10].Neighbours().Len(); were < 4 {
		t.Errorf("%d neighbours are left", were)
	}
	for _, m := range o.nodes[10].Members() {
		if m.Standing != gossip.Alive {
			t.Errorf("node %d is %v", m.Node, m.Standing)
		}
	}
}
