package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/transport"
)

// drainTime is how long a node that is told to end may take to pass on what its queues hold. On an
// idle network it takes nothing; longer than a quarter of a second would be felt at stop-network.
const drainTime = 250 * time.Millisecond

// Config is what a node process is told at its birth.
type Config = api.NodeConfig

// server is a node with its HTTP face on one listener.
type server struct {
	*Agent
	cfg    Config
	wire   *transport.HTTP
	faulty *transport.Faulty // round wire; without faults it costs nothing
	http   *http.Server
	log    *slog.Logger

	refused  func() map[api.Code]uint64 // requests, by the guards
	ripe     time.Time                  // no message is published before; zero where the run is told
	restored uint64                     // number of the last entry that an earlier life had
	guest    bool                       // in a program of somebody else's, whose memory it leaves alone

	peer sync.Mutex    // held while peers change, so that changes do not cross
	told chan struct{} // closed and replaced when they have changed

	changed chan struct{} // a token when the faults have
}

// newServer builds the node of a process, with the inbox of its last life if that was kept; nothing runs
// yet.
func newServer(cfg Config, p gossip.Protocol, addr net.Addr, log *slog.Logger) (*server, error) {
	within := node.Config{
		ID: cfg.ID, Run: cfg.Run, Protocol: p, Capacity: cfg.Capacity, DropOldest: cfg.DropOldest,
		Events: cfg.LogLevel <= slog.LevelDebug || cfg.EventFile != "",
	}
	if cfg.DataFile == "" {
		if cfg.Durable {
			return nil, errors.New("a durable node needs a file for its inbox")
		}
		return assemble(cfg, within, addr, log), nil
	}
	k := newKeeper(&cfg, log)
	within.Marks = true
	if cfg.Durable {
		within.Keep = k.claim
	}
	s := assemble(cfg, within, addr, log)
	s.keeper = k
	var err error
	s.restored, err = k.restore(s.node, cfg.Run)
	return s, err
}

// assemble puts a node, its wire and its HTTP face together.
func assemble(cfg Config, within node.Config, addr net.Addr, log *slog.Logger) *server {
	wire := transport.NewHTTP(transport.HTTPConfig{Self: cfg.ID, Run: cfg.Run, Network: cfg.NetworkID, Token: cfg.PeerToken})
	faulty := transport.NewFaulty(wire, cfg.ID, planOf(cfg))
	s := &server{
		Agent: NewAgent(node.New(within), faulty, log), cfg: cfg, wire: wire, faulty: faulty, log: log,
		told: make(chan struct{}), changed: make(chan struct{}, 1),
	}
	if len(cfg.Rules) > 0 {
		s.setClock()
	}

	control := &api.Guard{Network: cfg.NetworkID, Tokens: [][]byte{[]byte(cfg.ControlToken)}, Open: map[string]bool{"/v1/health": true}}
	peers := &api.Guard{Network: cfg.NetworkID, Tokens: [][]byte{[]byte(cfg.PeerToken), []byte(cfg.ControlToken)}}
	s.refused = func() map[api.Code]uint64 {
		sum := control.Refused()
		for code, n := range peers.Refused() {
			sum[code] += n
		}
		return sum
	}
	handler := api.Handler{Network: cfg.Network, Node: cfg.ID, Run: cfg.Run, Started: time.Now(), Backend: s, Refused: s.refused}
	if cfg.EventFile != "" {
		handler.Record = s
	}
	routes := handler.Routes()
	own, link, packets := control.Protect(addr, routes), peers.Protect(addr, wire), peers.Protect(addr, routes)
	// No ServeMux may stand before the guards: it answers some requests, with redirects, itself.
	s.http = api.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST " + transport.LinkPath:
			link.ServeHTTP(w, r)
		case "POST /v1/packets":
			packets.ServeHTTP(w, r)
		default:
			own.ServeHTTP(w, r)
		}
	}))
	return s
}

// serve runs until ctx ends, then passes on what still waits, and returns when all has ended. Up is
// called once the node knows its peers and calls at its listener are about to be answered.
func (s *server) serve(ctx context.Context, l net.Listener, up func() error) error {
	if err := s.beginRecord(); err != nil {
		return err
	}
	wireCtx, cut := context.WithCancel(context.Background())
	defer cut()
	var group sync.WaitGroup
	group.Go(func() { s.Run(wireCtx) })
	<-s.wire.Ready() // what a protocol sends before would be lost
	if !s.guest {
		s.SetPeers(s.cfg.Peers) // a protocol may send as soon as it knows its peers
	}
	if !s.guest {
		group.Go(func() { s.relax(wireCtx) })
	}
	group.Go(func() { s.keepClock(wireCtx) })
	var broken chan error
	if s.keeper != nil {
		broken = s.keeper.failed
		group.Go(func() { s.compacting(wireCtx) })
	}
	failed := make(chan error, 1)
	group.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serving %s: %w", l.Addr(), err)
		}
	})
	err := up()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		case err = <-broken:
		}
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	s.wire.Drained(drain)
	cancel()
	s.http.Close()
	cut()
	group.Wait()
	if s.keeper != nil {
		err = errors.Join(err, s.letGo())
	}
	s.record.close(err == nil)
	return err
}

// Room implements api.Backend.
func (s *server) Room(ctx context.Context) error {
	if early := time.Until(s.ripe); early > 0 && !rest(ctx, early) {
		return ctx.Err()
	}
	return s.wire.Room(ctx)
}

// SetPeers implements api.Backend: the transport learns of new peers before the node does, and of
// those that go after it, so that the node never sends to a peer the transport does not know.
func (s *server) SetPeers(peers []api.Peer) {
	s.peer.Lock()
	defer s.peer.Unlock()
	ids := make([]gossip.NodeID, len(peers))
	routes := make([]transport.Peer, len(peers))
	for i, p := range peers {
		ids[i], routes[i] = p.ID, transport.Peer{ID: p.ID, Addr: p.Addr}
	}
	slices.Sort(ids)
	known := s.wire.Peers()
	s.wire.SetPeers(union(routes, known))
	s.Agent.SetPeers(ids)
	s.wire.SetPeers(routes)
	close(s.told)
	s.told = make(chan struct{})
	s.log.Info("peers", "are", fmt.Sprint(ids))
}

// union returns want and those of known that it does not name.
func union(want, known []transport.Peer) []transport.Peer {
	all := slices.Clone(want)
	for _, p := range known {
		if !slices.ContainsFunc(want, func(w transport.Peer) bool { return w.ID == p.ID }) {
			all = append(all, p)
		}
	}
	return all
}
