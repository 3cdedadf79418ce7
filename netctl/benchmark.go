package netctl

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
	"gossipctl/topology"
	"gossipctl/trace"
)

// Defaults of a load, each with its reason.
const (
	// DefaultSingle is enough for a median that stays, and takes a fraction of a second.
	DefaultSingle = 50
	// DefaultBurst keeps a network busy long enough to measure, and is a tenth of an inbox.
	DefaultBurst = 10_000
	// DefaultSize is a line or two of text; measurements of other gossip libraries use it too.
	DefaultSize = 256
	// DefaultSenders share a burst, because one alone would be the bottleneck of a fast network.
	DefaultSenders = 4
)

const (
	// WarmUps is how many messages go ahead of a measurement and do not count. The first opens
	// the links, the next find the memory that idle nodes have given back to the system.
	WarmUps = 5
	// standstill is how long nothing may arrive anywhere before a message counts as lost. Links
	// to peers that were away are tried again every 2 s at the latest.
	standstill = 3 * time.Second
	// maxPause bounds how long a message is left alone before anybody is asked for it.
	maxPause = time.Second
)

// Load is what a benchmark puts on a network.
type Load struct {
	Single  int           // messages that are sent one at a time; 0 = none
	Burst   int           // messages that are sent as fast as the network takes them; 0 = none
	Size    int           // of every message in bytes
	Senders int           // nodes that share the burst; 0 = DefaultSenders, or all where there are fewer
	Relays  int           // relay limit of every message
	Timeout time.Duration // until one message, or the burst, is everywhere
}

func (l *Load) check() error {
	var err error
	switch {
	case l.Single < 0 || l.Burst < 0:
		err = errors.New("the number of messages cannot be below 0")
	case l.Single == 0 && l.Burst == 0:
		err = errors.New("there is nothing to measure without single messages and without a burst")
	case l.Size < 0 || l.Size > gossip.MaxBody:
		err = fmt.Errorf("a message of %d bytes is impossible: it must be from 0 to %d", l.Size, gossip.MaxBody)
	case l.Relays < 1 || l.Relays > gossip.MaxRelays:
		err = fmt.Errorf("a relay limit of %d is impossible: it must be from 1 to %d", l.Relays, gossip.MaxRelays)
	case l.Senders < 0:
		err = errors.New("the number of senders cannot be below 0")
	default:
		return nil
	}
	return usage(err, "")
}

// Benchmark is a measurement under way. The network must be left alone until it is over. All times
// are from the nodes' own records: they share one clock, that of the machine.
type Benchmark struct {
	View  View            // of the network before
	Nodes []gossip.NodeID // that run and take part, in ascending order
	Load  Load            // with the senders there really are

	net     *Network
	clients map[gossip.NodeID]*api.Client
	graph   *topology.Graph // of Nodes
	body    []byte
	gone    map[gossip.NodeID]error // nodes that stopped answering, and what they said last
	pause   time.Duration           // to leave a message alone before anybody is asked for it
}

// Benchmark checks that the network can take a load, and warms it up.
func (n *Network) Benchmark(ctx context.Context, load Load) (*Benchmark, error) {
	if err := load.check(); err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	view, err := n.Wiring(asking)
	if err != nil {
		return nil, err
	}
	b := &Benchmark{View: view, Load: load, net: n, clients: make(map[gossip.NodeID]*api.Client), gone: make(map[gossip.NodeID]error), graph: topology.New(0)}
	b.body = bytes.Repeat([]byte("gossip "), load.Size/len("gossip ")+1)[:load.Size]
	for _, node := range view.Nodes {
		if node.State == Running {
			b.Nodes = append(b.Nodes, node.ID)
			b.clients[node.ID] = n.client(node.ID)
			b.graph.AddNode(int(node.ID))
		}
	}
	slices.Sort(b.Nodes)
	live := view.Live()
	for _, id := range b.Nodes {
		for _, p := range live.Peers(int(id)) {
			if b.graph.HasNode(p) {
				b.graph.AddEdge(int(id), p)
			}
		}
	}
	if err := b.possible(asking); err != nil {
		return nil, n.Explain(err)
	}
	for i := range WarmUps {
		if _, err := b.spread(ctx, b.origin(i)); err != nil {
			return nil, n.Explain(err)
		}
	}
	return b, nil
}

// possible finds out what would make the benchmark fail in the middle, and who the senders are.
func (b *Benchmark) possible(ctx context.Context) error {
	if len(b.Nodes) == 0 {
		return api.NewError(api.CodeNotRunning, fmt.Sprintf("no node of network %q runs", b.net.Name()), "run gossipctl list-nodes")
	}
	if parts := topology.Components(b.graph); len(parts) > 1 {
		return usage(fmt.Errorf("the nodes that run fall apart into %d parts, so no message can reach all of them", len(parts)),
			"join them with gossipctl connect-nodes or gossipctl rewire-network")
	}
	if b.Load.Senders == 0 {
		b.Load.Senders = min(DefaultSenders, len(b.Nodes))
	}
	if b.Load.Senders > len(b.Nodes) {
		return usage(fmt.Errorf("%d nodes cannot send: only %s", b.Load.Senders, count(len(b.Nodes), "node")+" run"), "")
	}
	inboxes, errs := Each(b.Nodes, func(id gossip.NodeID) (api.Inbox, error) { return b.clients[id].Inbox(ctx, 0, 0) })
	if err := firstError(errs); err != nil {
		return err
	}
	need := WarmUps + b.Load.Single + b.Load.Burst
	for i, box := range inboxes {
		if box.Room < need || box.RoomBytes < need*b.Load.Size {
			return usage(fmt.Errorf("the benchmark needs room for %d messages of %d bytes in every inbox; node %d has room for %d and %d bytes",
				need, b.Load.Size, b.Nodes[i], box.Room, box.RoomBytes), "measure with fewer messages (--burst), or a new network with larger inboxes (start-network --inbox)")
		}
	}
	return nil
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// origin rotates through the nodes.
func (b *Benchmark) origin(i int) gossip.NodeID { return b.Nodes[i%len(b.Nodes)] }

// Latency sums up how long something took, many times.
type Latency struct{ P50, P99, Max time.Duration }

func newLatency(values []time.Duration) Latency {
	slices.Sort(values)
	return Latency{trace.Percentile(values, 0.5), trace.Percentile(values, 0.99), trace.Percentile(values, 1)}
}

// Single is what messages did that were sent one at a time.
type Single struct {
	Messages int
	Half     Latency // until half of the other nodes had the message
	Last     Latency // until all had it; of messages that did reach all
	Missing  int     // messages times nodes that they did not reach
	TimedOut bool    // something may still have been on its way
}

// Single sends messages one at a time, from every node in turn, each when the one before is
// everywhere or lost. Done is called after each.
func (b *Benchmark) Single(ctx context.Context, done func()) (Single, error) {
	s := Single{Messages: b.Load.Single}
	var half, last []time.Duration
	for i := range b.Load.Single {
		arrived, err := b.spread(ctx, b.origin(WarmUps+i))
		if err != nil {
			return s, b.net.Explain(err)
		}
		s.Missing += len(arrived.Missing)
		s.TimedOut = s.TimedOut || arrived.timedOut
		if len(arrived.Missing) == 0 {
			half, last = append(half, arrived.P50), append(last, arrived.Last)
		}
		done()
	}
	s.Half, s.Last = newLatency(half), newLatency(last)
	return s, nil
}

// arrived is where a message got, and when.
type arrived struct {
	trace.Spread
	timedOut bool
}

// spread sends one message and finds out from the nodes when it came to them. Asking takes time of
// the processors that the message needs, so it is left alone for twice as long as the slowest of late took.
func (b *Benchmark) spread(ctx context.Context, origin gossip.NodeID) (arrived, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Load.Timeout+askTimeout)
	defer cancel()
	begun := time.Now()
	sent, err := b.clients[origin].Publish(ctx, api.PublishRequest{BodyBase64: b.body, Relays: b.Load.Relays})
	if err != nil {
		return arrived{}, err
	}
	id, err := gossip.ParseID(sent.ID)
	if err != nil {
		return arrived{}, fmt.Errorf("node %d names its message strangely: %w", origin, err)
	}
	rest(ctx, b.pause)
	records, timedOut, err := b.follow(ctx, id, begun.Add(b.Load.Timeout))
	if err != nil {
		return arrived{}, err
	}
	a := arrived{trace.NewSpread(id, sent.Sent, b.Nodes, records), timedOut}
	if a.Last < 0 {
		return a, errors.New("the clock of the machine was set back during the measurement")
	}
	b.pause = min(max(b.pause*3/4, 2*a.Last), maxPause) // an outlier is forgotten again
	return a, nil
}

// follow asks the nodes for a message until all have it, or it got no further for a while. The node
// farthest away is asked first and alone: once it has the message, nearly all have.
func (b *Benchmark) follow(ctx context.Context, id gossip.ID, deadline time.Time) (records []trace.Record, timedOut bool, err error) {
	left := farthestFirst(b.graph, id.Origin)
	for asked := left[:1]; len(left) > 0; asked = left {
		wait := min(max(time.Until(deadline), 0), standstill)
		answers, errs := Each(asked, func(node gossip.NodeID) (api.Message, error) { return b.clients[node].Message(ctx, id, wait) })
		var without []gossip.NodeID
		for i, node := range asked {
			switch m := answers[i]; {
			case errs[i] == nil:
				records = append(records, trace.Record{Node: node, Received: m.Received, Route: m.Arrivals[0].Path, Copies: m.FromPeers, Sent: m.Packets})
			case api.CodeOf(errs[i]) == api.CodeNotFound:
				without = append(without, node)
			default:
				return nil, false, errs[i]
			}
		}
		all, news := len(asked) == len(left), len(without) < len(asked)
		left = append(without, left[len(asked):]...)
		if all && (!news || wait == 0) {
			return records, len(left) > 0 && wait < standstill, nil
		}
	}
	return records, false, nil
}

// farthestFirst lists all nodes of a connected graph, the most hops away from origin first.
func farthestFirst(g *topology.Graph, origin gossip.NodeID) []gossip.NodeID {
	hops := topology.Distances(g, int(origin))
	order := make([]gossip.NodeID, 0, len(hops))
	for _, id := range g.Nodes() {
		order = append(order, gossip.NodeID(id))
	}
	slices.SortStableFunc(order, func(a, b gossip.NodeID) int { return cmp.Compare(hops[int(b)], hops[int(a)]) })
	return order
}

// rest waits for a while, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}
