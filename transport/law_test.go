package transport

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gossipctl/fault"
	"gossipctl/gossip"
)

// balanced checks the law of conservation on one link.
func balanced(t *testing.T, l LinkStats) {
	t.Helper()
	known := l.Passed + l.InFlight
	for _, n := range l.Dropped {
		known += n
	}
	if l.Sent+l.Repeated != known {
		t.Errorf("the counts do not add up: %+v", l)
	}
}

// atRest waits until nothing is in flight: the last write may be about to be counted.
func atRest(c Counting) {
	moves := func() bool { return slices.ContainsFunc(c.Links(), func(l LinkStats) bool { return l.InFlight > 0 }) }
	for end := time.Now().Add(20 * time.Second); moves() && time.Now().Before(end); {
		<-time.After(time.Millisecond)
	}
}

// pairs checks what the senders say was passed against what the receivers say they heard, for each pair of
// lives. It is about a moment at rest.
func pairs(nodes map[gossip.NodeID]Counting, run func(gossip.NodeID) uint32) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for id, n := range nodes {
		for _, l := range n.Links() {
			known := l.Passed + l.InFlight
			for _, times := range l.Dropped {
				known += times
			}
			if l.Sent+l.Repeated != known {
				bad("%d: the counts do not add up: %+v", id, l)
			}
			if l.InFlight > 0 {
				bad("%d: in flight: %+v", id, l)
			}
			peer := nodes[l.Peer]
			if peer == nil || l.PeerRun != run(l.Peer) {
				continue
			}
			var heard Heard
			for _, h := range peer.Heard() {
				if h.Peer == id && h.Run == run(id) {
					heard = h
				}
			}
			if l.Passed != heard.Received+heard.Corrupt {
				bad("%d passed %d to %d, which heard %+v; %+v", id, l.Passed, l.Peer, heard, l)
			}
		}
	}
	return wrong
}

// some draws rules of every sort.
func some(r *rand.Rand, nodes int) (rules []fault.Rule) {
	for i := range r.IntN(4) {
		rule := fault.Rule{Name: fmt.Sprint("f", i+1)}
		if r.IntN(2) == 0 {
			rule.Nodes = []gossip.NodeID{gossip.NodeID(1 + r.IntN(nodes))}
			rule.Direction = []fault.Direction{fault.Both, fault.In, fault.Out}[r.IntN(3)]
		}
		switch r.IntN(7) {
		case 0:
			rule.Loss = r.Float64()
		case 1:
			rule.Duplicate = r.Float64()
		case 2:
			rule.Corrupt = r.Float64()
		case 3:
			rule.Reorder = r.Float64()
		case 4:
			rule.Delay, rule.Jitter = fault.UniformLatency(0, 5*time.Millisecond), r.Float64()
		case 5:
			rule.Bandwidth = 10_000 + r.Int64N(1_000_000)
		case 6:
			rule = fault.Rule{Name: rule.Name, Cut: true, Groups: [][]gossip.NodeID{{1}}, OneWay: r.IntN(2) == 0}
		}
		if r.IntN(3) == 0 {
			rule.Until = time.Now().Add(time.Duration(r.Int64N(int64(20 * time.Millisecond))))
		}
		rules = append(rules, rule)
	}
	return rules
}

// Whatever happens to links and nodes, the accounts balance at any moment, and at rest both ends of each
// link say the same. In virtual time.
func TestLawOfConservationInMemory(t *testing.T) {
	const nodes, seeds = 4, 150
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			net := NewMem()
			wires := make(map[gossip.NodeID]*Faulty)
			end := make(map[gossip.NodeID]func())
			runs := make(map[gossip.NodeID]uint32)
			var group sync.WaitGroup
			born := func(id gossip.NodeID) {
				ctx, cancel := context.WithCancel(t.Context())
				wire := NewFaulty(net.Join(id), id, &fault.Plan{Seed: seed, Loss: 0.1 * float64(r.IntN(2))})
				wires[id], end[id] = wire, cancel
				runs[id]++
				group.Go(func() { wire.Serve(ctx, func([]gossip.Envelope) {}) })
			}
			for id := range gossip.NodeID(nodes) {
				born(id + 1)
			}
			for range 300 {
				id := gossip.NodeID(1 + r.IntN(nodes))
				switch n := r.IntN(100); {
				case n < 3:
					wires[id].SetRules(some(r, nodes))
				case n < 4:
					end[id]()
					if r.IntN(2) == 0 {
						synctest.Wait()
					}
					before := wires[id]
					born(id)
					synctest.Wait()
					for _, l := range before.Links() {
						balanced(t, l)
					}
				case n < 10:
					time.Sleep(time.Duration(r.Int64N(int64(3 * time.Millisecond))))
				default:
					wires[id].Send(gossip.NodeID(1+r.IntN(nodes+1)), message(id, 1, make([]byte, r.IntN(300))))
				}
				for _, l := range wires[id].Links() {
					balanced(t, l)
				}
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			all := make(map[gossip.NodeID]Counting)
			for id, w := range wires {
				all[id] = w
				balance(t, w.Stats())
			}
			for _, wrong := range pairs(all, func(id gossip.NodeID) uint32 { return runs[id] }) {
				t.Errorf("seed %d: %s", seed, wrong)
			}
			for _, cancel := range end {
				cancel()
			}
			group.Wait()
		})
	}
}

// cutter stands between the nodes and cuts connections, in the middle of whatever is written.
type cutter struct {
	listener net.Listener
	mu       sync.Mutex
	target   string // where the node listens now; empty: it is dead
	conns    map[net.Conn]bool
	group    sync.WaitGroup
}

func newCutter(t *testing.T) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, conns: make(map[net.Conn]bool)}
	c.group.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			to, err := net.Dial("tcp", c.target)
			if err != nil {
				from.Close()
				c.mu.Unlock()
				continue
			}
			c.conns[from], c.conns[to] = true, true
			c.mu.Unlock()
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				c.group.Go(func() {
					io.Copy(way[1], way[0])
					way[0].Close()
					way[1].Close()
					c.mu.Lock()
					delete(c.conns, way[0])
					c.mu.Unlock()
				})
			}
		}
	})
	return c
}

// cut ends all connections. Rude ones are reset, and lose what is under way.
func (c *cutter) cut(rude bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		if rude {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
}

func (c *cutter) close() {
	c.listener.Close()
	c.cut(true)
	c.group.Wait()
}

// socketNode is a node of the law over real sockets, with its present life.
type socketNode struct {
	id   gossip.NodeID
	run  uint32
	cut  *cutter
	wire *HTTP
	over *Faulty
	end  func()
	find func(gossip.NodeID) (addr string, known bool) // nil: only peers are reached

	mu   sync.Mutex
	came map[string]int // in this life, by sender, its life and number
}

func (n *socketNode) born(t *testing.T, plan *fault.Plan) {
	n.run++
	n.wire = NewHTTP(HTTPConfig{Self: n.id, Run: n.run, Reach: n.find, Idle: 3 * time.Millisecond})
	n.over = NewFaulty(n.wire, n.id, plan)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+LinkPath, n.wire)
	server := &http.Server{Handler: mux}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	came := make(map[string]int)
	n.mu.Lock()
	n.came = came
	n.mu.Unlock()
	group.Go(func() {
		n.over.Serve(ctx, func(batch []gossip.Envelope) {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, e := range batch {
				came[e.Packet.Messages[0].ID.String()]++
			}
		})
	})
	group.Go(func() { server.Serve(l) })
	<-n.wire.Ready()
	n.cut.mu.Lock()
	n.cut.target = l.Addr().String()
	n.cut.mu.Unlock()
	n.end = func() {
		server.Close()
		cancel()
		group.Wait()
	}
}

// The same over real sockets: connections are cut in the middle of a batch, nodes die and come back, and
// peers are taken away and added again. Nothing comes twice that was not made to.
func TestLawOfConservationOverSockets(t *testing.T) {
	for seed := range uint64(6) {
		for name, faults := range map[string]bool{"bare": false, "with faults": true} {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) { socketLaw(t, seed, faults, false) })
			t.Run(fmt.Sprint(name, ", links that pass ", seed), func(t *testing.T) { socketLaw(t, seed, faults, true) })
		}
	}
}

// Where links pass, nodes that are no peers are reached as well, by links that are closed when nothing has used
// them for 3 ms, and at the end there are no others.
func socketLaw(t *testing.T, seed uint64, faults, pass bool) {
	const count = 3
	r := rand.New(rand.NewPCG(seed, 2))
	nodes := make(map[gossip.NodeID]*socketNode)
	var peers []Peer
	for id := gossip.NodeID(1); id <= count; id++ {
		n := &socketNode{id: id, cut: newCutter(t)}
		defer n.cut.close()
		nodes[id] = n
		peers = append(peers, Peer{id, n.cut.listener.Addr().String()})
		if pass {
			n.find = func(id gossip.NodeID) (string, bool) {
				if id < 1 || id > count || id == n.id {
					return "", false
				}
				return nodes[id].cut.listener.Addr().String(), true
			}
		}
		n.born(t, nil)
		defer func() { n.end() }()
	}
	others := func(id, without gossip.NodeID) (list []Peer) {
		for _, p := range peers {
			if p.ID != id && p.ID != without {
				list = append(list, p)
			}
		}
		return list
	}
	for id, n := range nodes {
		n.wire.SetPeers(others(id, 0))
	}
	seq := 0
	for range 400 {
		n := nodes[gossip.NodeID(1+r.IntN(count))]
		switch roll := r.IntN(100); {
		case roll < 6:
			n.cut.cut(r.IntN(2) == 0)
		case roll < 7:
			n.end()
			n.born(t, nil)
			n.wire.SetPeers(others(n.id, 0))
		case roll < 11:
			n.wire.SetPeers(others(n.id, gossip.NodeID(1+r.IntN(count))))
		case roll < 15:
			n.wire.SetPeers(others(n.id, 0))
		case roll < 18 && faults:
			n.over.SetRules(some(r, count))
		case roll < 30:
			<-time.After(time.Duration(r.Int64N(int64(2 * time.Millisecond))))
		default:
			to := gossip.NodeID(1 + r.IntN(count))
			for range r.IntN(200) {
				seq++
				m := message(n.id, seq, make([]byte, r.IntN(3000)))
				m.Packet.Messages[0].ID.Run = n.run
				n.over.Send(to, m)
			}
		}
		for _, l := range n.over.Links() {
			balanced(t, l)
		}
	}
	all := make(map[gossip.NodeID]Counting)
	for id, n := range nodes {
		n.over.SetRules(nil)
		n.wire.SetPeers(others(id, 0))
		if pass {
			n.wire.SetPeers(nil)
		}
		all[id] = n.over
	}
	// Those who never send to a new life of a peer never learn of it.
	for deadline := time.Now().Add(20 * time.Second); ; {
		wrong := pairs(all, func(id gossip.NodeID) uint32 { return nodes[id].run })
		for id, n := range nodes {
			for _, l := range n.wire.Links() {
				if pass && l.Connected {
					wrong = append(wrong, fmt.Sprintf("%d: the link to %d is open", id, l.Peer))
				}
			}
		}
		if len(wrong) == 0 {
			break
		}
		if time.Now().After(deadline) {
			for _, w := range wrong {
				t.Error(w)
			}
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	if faults {
		return
	}
	for id, n := range nodes {
		n.mu.Lock()
		for name, times := range n.came {
			if times > 1 {
				t.Errorf("%s came %d times to %d", name, times, id)
			}
		}
		n.mu.Unlock()
	}
}
