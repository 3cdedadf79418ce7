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
	"sync/atomic"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/node/api"
	"gossipctl/node/face"
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
	face   *face.Face // nil: there are no guests
	log    *slog.Logger

	refused  func() map[api.Code]uint64 // requests, by the guards
	ripe     time.Time                  // no message is published before; zero where the run is told
	restored uint64                     // number of the last entry that an earlier life had
	guest    bool                       // in a program of somebody else's, whose memory it leaves alone

	peer sync.Mutex    // held while peers change, so that changes do not cross
	tell sync.Mutex    // held for moments, also while the agent's lock is
	told chan struct{} // closed and replaced when the peers have changed
	have int           // how many the node knows

	addr   string
	bye    sync.Once
	left   chan struct{} // closed when the node has said goodbye
	silent atomic.Bool   // it says none
	gone   func()        // called when it has; nil: somebody else ends it
	finder Discovery     // of a process; nil: none
	roster *roster

	changed chan struct{} // a token when the faults have

	work *workloads // what the node does by itself
}

// newServer builds the node of a process, with the inbox of its last life if that was kept; nothing runs
// yet.
func newServer(cfg Config, p gossip.Protocol, addr net.Addr, log *slog.Logger) (*server, error) {
	within := node.Config{
		ID: cfg.ID, Run: cfg.Run, Protocol: p, Capacity: cfg.Capacity, DropOldest: cfg.DropOldest,
		Events: cfg.LogLevel <= slog.LevelDebug || cfg.EventFile != "",
	}
	finder, err := newDiscovery(&cfg)
	if err != nil {
		return nil, err
	}
	if cfg.DataFile == "" {
		if cfg.Durable {
			return nil, errors.New("a durable node needs a file for its inbox")
		}
		s := assemble(cfg, within, addr, log)
		s.finder = finder
		return s, nil
	}
	k := newKeeper(&cfg, log)
	within.Marks = true
	if cfg.Durable {
		within.Keep = k.claim
	}
	s := assemble(cfg, within, addr, log)
	s.keeper, s.finder = k, finder
	s.restored, err = k.restore(s.node, cfg.Run)
	return s, err
}

// assemble puts a node, its wire and its HTTP face together.
func assemble(cfg Config, within node.Config, addr net.Addr, log *slog.Logger) *server {
	links := transport.HTTPConfig{Self: cfg.ID, Run: cfg.Run, Network: cfg.NetworkID, Token: cfg.PeerToken}
	var places *book
	if _, finds := gossip.Find[gossip.Membership](within.Protocol); finds {
		places = newBook(Peer{ID: cfg.ID, Addr: addr.String()}, cfg.Run)
		links.Reach, links.Vet = places.find, true
		links.Met = func(to transport.Peer, run uint32, err error) { places.met(to.ID, to.Addr, run, err) }
	}
	wire := transport.NewHTTP(links)
	faulty := transport.NewFaulty(wire, cfg.ID, planOf(cfg))
	s := &server{
		Agent: NewAgent(node.New(within), faulty, log), cfg: cfg, wire: wire, faulty: faulty, log: log,
		told: make(chan struct{}), changed: make(chan struct{}, 1), addr: addr.String(), left: make(chan struct{}),
	}
	s.silent.Store(cfg.Silent)
	s.book, s.Agent.rewired = places, s.rewired
	s.roster = newRoster(Peer{ID: cfg.ID, Addr: s.addr}, MaxPeers, s.found, s.askNumber, log)
	s.roster.contacts = s.askContacts
	s.work = newWorkloads(s)
	s.work.set(cfg.Workloads)
	if len(cfg.Rules) > 0 {
		s.setClock()
	}

	control := &api.Guard{Network: cfg.NetworkID, Tokens: [][]byte{[]byte(cfg.ControlToken)}, Open: map[string]bool{"/v1/health": true}}
	peers := &api.Guard{Network: cfg.NetworkID, Tokens: [][]byte{[]byte(cfg.PeerToken), []byte(cfg.ControlToken)}}
	visitors := &api.Guard{Network: cfg.NetworkID, Tokens: [][]byte{[]byte(cfg.GuestToken), []byte(cfg.ControlToken)}}
	s.refused = func() map[api.Code]uint64 {
		sum := control.Refused()
		for _, guard := range []*api.Guard{peers, visitors} {
			for code, n := range guard.Refused() {
				sum[code] += n
			}
		}
		return sum
	}
	handler := api.Handler{Network: cfg.Network, Node: cfg.ID, Run: cfg.Run, Started: time.Now(), Backend: s, Refused: s.refused, Assembly: s, Prove: s.prove}
	if cfg.EventFile != "" {
		handler.Record = s
	}
	routes := handler.Routes()
	own, link, packets := control.Protect(addr, routes), peers.Protect(addr, wire), peers.Protect(addr, routes)
	guests := own
	if cfg.GuestToken != "" {
		if side, err := face.New(face.Config{
			Network: cfg.NetworkID, Self: cfg.ID, Addr: addr.String(), Backend: s, Changed: s.News,
		}); err != nil {
			log.Warn("there will be no guests", "error", err)
		} else {
			s.face = side
			guests = visitors.Protect(addr, side)
		}
	}
	// No ServeMux may stand before the guards: it answers some requests, with redirects, itself.
	s.http = api.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST " + transport.LinkPath:
			link.ServeHTTP(w, r)
		case "POST /v1/packets", "GET /v1/contacts":
			packets.ServeHTTP(w, r)
		case "GET " + face.PeersPath, "POST " + face.GossipPath:
			guests.ServeHTTP(w, r)
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
	seeking, found := context.WithCancel(wireCtx)
	defer found()
	if s.finder != nil {
		group.Go(func() { s.roster.run(seeking, s.finder) })
	}
	group.Go(func() { s.keepClock(wireCtx) })
	working, still := context.WithCancel(ctx)
	defer still()
	group.Go(func() { s.work.run(working) })
	if s.face != nil {
		group.Go(func() { s.face.Run(wireCtx) })
	}
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
	found()
	if err == nil && !s.silent.Load() && !errors.Is(context.Cause(ctx), errAbandoned) {
		s.goodbye()
	}
	still() // nothing new while the queues empty
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
// those that go after it, so that the node never sends to a peer the transport does not know. To a node that
// chooses its peers itself, they are contacts.
func (s *server) SetPeers(peers []api.Peer) {
	s.peer.Lock()
	defer s.peer.Unlock()
	ids := make([]gossip.NodeID, len(peers))
	routes := make([]transport.Peer, len(peers))
	for i, p := range peers {
		ids[i], routes[i] = p.ID, transport.Peer{ID: p.ID, Addr: p.Addr}
	}
	slices.Sort(ids)
	if s.book != nil {
		s.meet(peers, ids)
		return
	}
	known := s.wire.Peers()
	s.wire.SetPeers(union(routes, known))
	s.Agent.SetPeers(ids)
	s.wire.SetPeers(routes)
	s.tellPeers(len(routes))
	s.log.Info("peers", "are", fmt.Sprint(ids))
}

// tellPeers tells those who wait that the peers are others now, so many, and that the node knows them.
func (s *server) tellPeers(have int) {
	s.tell.Lock()
	defer s.tell.Unlock()
	s.have = have
	close(s.told)
	s.told = make(chan struct{})
}

// found is told the list of a discovery. What a process was told at its birth stands as well.
func (s *server) found(list []Peer) {
	all := slices.Clone(list)
	for _, p := range s.cfg.Peers {
		if !slices.ContainsFunc(list, func(f Peer) bool { return f.ID == p.ID }) {
			all = append(all, p)
		}
	}
	s.SetPeers(all)
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
