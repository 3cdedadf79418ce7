package live

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
)

// Errors of [Node.Publish], which may be wrapped.
var (
	ErrClosed   = errors.New("the node is closed")
	ErrFull     = node.ErrFull     // only with Options.RefuseWhenFull
	ErrTooLarge = node.ErrTooLarge // more than gossip.MaxBody bytes
	ErrLimit    = node.ErrLimit    // relays below 0 or above gossip.MaxRelays
)

// Node is a node that runs in this program; [Start] makes one. Its methods may be called by several
// goroutines at once, and those that only ask still answer after it has ended.
type Node struct {
	self   Peer
	server *server
	feed   feed

	end  context.CancelFunc
	life context.Context // over when the node begins to end
	done chan struct{}   // closed when it has ended
	err  error           // why it ended by itself; set before done is closed

	gate   sync.RWMutex // held to publish
	closed bool         // whoever comes to the gate now is turned away
	conns  sync.WaitGroup
}

// Start starts a node. When it returns, the node listens, answers and looks for peers. It runs until
// ctx ends or [Node.Close] is called, whichever is first. The error tells everything that is wrong
// with the options at once; nothing is left behind then.
func Start(ctx context.Context, o Options) (*Node, error) {
	n, l, err := newNode(ctx, o)
	if err == nil && ctx.Err() != nil {
		l.Close()
		err = ctx.Err()
	}
	if err != nil {
		if o.Listener != nil {
			o.Listener.Close()
		}
		return nil, fmt.Errorf("starting node %d: %w", o.ID, err)
	}
	go n.run(l, o.Discovery)
	<-n.server.wire.Ready()
	return n, nil
}

// newNode builds a node and begins to listen; nothing runs yet.
func newNode(ctx context.Context, o Options) (*Node, net.Listener, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	run, ripe := o.Run, time.Time{}
	if run == 0 {
		var err error
		if run, ripe, err = clockRun(time.Now()); err != nil {
			return nil, nil, err
		}
	}
	control, peer, err := Tokens(o.Network, o.Secret)
	if err != nil {
		return nil, nil, err
	}
	if o.Make != nil {
		if o.Protocol, err = o.Make(run); err == nil && o.Protocol == nil {
			err = errors.New("no protocol was made by Make")
		}
		if err != nil {
			return nil, nil, err
		}
	}
	l, err := o.listen(ctx)
	if err != nil {
		return nil, nil, err
	}
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("node", o.ID)

	// The network's name is its identity here: no controller draws one that all nodes could know.
	cfg := Config{Network: o.Network, NetworkID: o.Network, ID: o.ID, Run: run, ControlToken: control, PeerToken: peer}
	n := &Node{
		self:   Peer{ID: o.ID, Addr: l.Addr().String()},
		server: assemble(cfg, o.node(run, log), l.Addr(), log),
		done:   make(chan struct{}),
	}
	n.feed.messages = make(chan gossip.Message)
	n.server.ripe, n.server.guest = ripe, true
	n.server.Agent.SetPeers(nil) // until its discovery knows better
	n.countConns()
	n.server.roster.max = cmp.Or(o.MaxPeers, MaxPeers)
	n.life, n.end = context.WithCancel(ctx)
	log.Info("started", "network", o.Network, "run", run, "address", n.self.Addr)
	return n, l, nil
}

// run runs everything the node consists of until it is told to end, and waits for it.
func (n *Node) run(l net.Listener, d Discovery) {
	defer close(n.done)
	serving, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		<-n.life.Done()
		// What was published before goes out while the server ends; nothing comes after it.
		n.gate.Lock()
		n.closed = true
		n.gate.Unlock()
		stop()
	})
	group.Go(func() { n.feed.run(n.life, n.server.Agent) })
	if d != nil {
		group.Go(func() { n.server.roster.run(n.life, d) })
	}
	n.err = n.server.serve(serving, l, func() error { return nil })
	n.end()
	group.Wait()
	n.conns.Wait()
	n.server.log.Info("ended", "error", n.err)
}

// countConns makes conns wait for every connection of the server that is no link; links are waited
// for by the transport. The first states come before Serve returns.
func (n *Node) countConns() {
	change := n.server.http.ConnState
	n.server.http.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			n.conns.Add(1)
		case http.StateHijacked, http.StateClosed:
			defer n.conns.Done()
		}
		change(c, state)
	}
}

// Close ends the node: it says goodbye to the others if it has a membership, publishes nothing more, passes on what its queues hold if that takes no
// longer than a quarter of a second, closes the channel of [Node.Messages], and frees its address.
// Close waits until all that is done and every goroutine has ended, or until ctx ends, whose error it
// returns then. A node that had ended by itself because of a failure says why. Close may be called
// again.
func (n *Node) Close(ctx context.Context) error {
	n.end()
	select {
	case <-n.done:
		return n.err
	default:
	}
	select {
	case <-n.done:
		return n.err
	case <-ctx.Done():
		return fmt.Errorf("closing node %d: %w", n.self.ID, ctx.Err())
	}
}

// ID is the node's number.
func (n *Node) ID() gossip.NodeID { return n.self.ID }

// Addr is where the node listens, host:port: for its peers, and for clients of its HTTP API.
func (n *Node) Addr() string { return n.self.Addr }

// Publish gives the network a message and returns its name. When it returns, the message is in the
// node's inbox, so it comes out of [Node.Messages] as well, and is queued for every peer the protocol
// wants to have it. Body is copied. Relays is the relay limit, for protocols that have one; 0 means
// the protocol's own.
//
// Publish waits while queues for peers that take anything are full; then ctx may end it, and nothing
// has happened. The other errors are [ErrClosed], [ErrFull], [ErrTooLarge] and [ErrLimit].
func (n *Node) Publish(ctx context.Context, body []byte, relays int) (gossip.ID, error) {
	room, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	err := n.server.Room(room)
	n.gate.RLock()
	defer n.gate.RUnlock()
	switch {
	case n.closed || n.life.Err() != nil:
		return gossip.ID{}, ErrClosed
	case err != nil:
		return gossip.ID{}, err
	}
	var m gossip.Message
	n.server.Step(func(now time.Time, within *node.Node) (fx node.Effects) {
		m, fx, err = within.Publish(now, bytes.Clone(body), relays)
		return fx
	})
	return m.ID, err
}

// Peers returns the node's peers, by number, and how the way to each of them stands.
func (n *Node) Peers() []api.Link {
	return n.server.Wires().Links
}

// Members returns the node's own view of everybody else in the network, by number, those that are dead or have left
// included; nobody if it has no membership.
func (n *Node) Members() []api.Member { return n.server.members() }

// WaitMembers waits until the node knows at least so many others that are alive. The error is ctx's, or [ErrClosed].
func (n *Node) WaitMembers(ctx context.Context, least int) error {
	look := time.NewTicker(memberLook)
	defer look.Stop()
	for {
		alive := 0
		for _, m := range n.Members() {
			if m.State == gossip.Alive.String() {
				alive++
			}
		}
		if alive >= least {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.life.Done():
			return ErrClosed
		}
	}
}

// memberLook is the pause between two looks at a view: nodes find each other in tenths of a second.
const memberLook = 10 * time.Millisecond

// WaitPeers waits until the node has at least so many peers. The error is ctx's, or [ErrClosed].
func (n *Node) WaitPeers(ctx context.Context, least int) error {
	for {
		n.server.tell.Lock()
		have, changed := n.server.have, n.server.told
		n.server.tell.Unlock()
		if have >= least {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.life.Done():
			return ErrClosed
		}
	}
}

// Stats is what a node has counted since it was started, and how it stands.
type Stats struct {
	Run           uint32         // the life the node is in; see Options
	node.Counters                // Dropped holds what wires and guards turned away, too
	Inbox         int            // messages in the inbox
	Pending       uint64         // messages that Messages has still to hand over
	Missed        uint64         // messages that had to leave the inbox before Messages could
	Discovery     DiscoveryStats // all zero without one
}

// Stats returns the node's counters.
func (n *Node) Stats() Stats {
	s := Stats{Run: n.server.cfg.Run}
	n.server.Step(func(_ time.Time, within *node.Node) node.Effects {
		s.Counters = within.Counters()
		s.Inbox, _, _ = within.Size()
		s.Pending, s.Missed = n.feed.stand(within)
		return node.Effects{}
	})
	for reason, times := range n.server.Wires().Dropped {
		s.Dropped[reason] += times
	}
	for code, times := range n.server.refused() {
		s.Dropped["refused_"+string(code)] += times
	}
	s.Discovery = n.server.roster.snapshot()
	return s
}

// once returns a transport for one request. It keeps no connection, so nothing has to end it.
func once() *http.Transport {
	t := api.NewTransport()
	t.DisableKeepAlives = true
	return t
}
