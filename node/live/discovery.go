package live

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// Peer is another node and where it listens: a literal loopback address with a port. Nothing is
// ever resolved. An ID of 0 says that the number is not known; the node asks at that address then.
type Peer = api.Peer

// Discovery supplies the peers of a node. It is the only thing a program must know to join nodes to
// a network, so it is small enough to write one's own: over a file, a registry, a list of flags.
type Discovery interface {
	// Watch hands found the whole list of peers: first of all, and whenever it may have changed,
	// until ctx ends. It may also return earlier. With nil, its last list stands for good. With an
	// error its last list stands for the time being: the error is logged and counted, and Watch is
	// called again, at first after a tenth of a second, then less and less often.
	//
	// Self is the node itself, with the address at which its peers reach it. A list may hold it: it
	// is left out. Of several entries with one ID the last counts, so a list that only grows will
	// do. Entries that can be nobody's peers are refused and counted; the rest of the list is good.
	//
	// Found keeps nothing of the list it is handed, and may be called by any goroutine. When it
	// returns, the node sends to all of them whose number is known. A list equal to the one before
	// does nothing, so a Discovery may just as well repeat itself.
	Watch(ctx context.Context, self Peer, found func([]Peer)) error
}

// Static returns a Discovery of peers that never change.
func Static(peers ...Peer) Discovery { return static(slices.Clone(peers)) }

type static []Peer

func (s static) Watch(_ context.Context, _ Peer, found func([]Peer)) error {
	found(s)
	return nil
}

// DiscoveryStats is how a node stands with its Discovery.
type DiscoveryStats struct {
	Lists    uint64 // handed over, ever
	Listed   int    // entries of the newest list, without the node itself and what a later entry replaced
	Unknown  int    // of them, those whose number is not known because nobody answers
	Refused  int    // of them, those that can be nobody's peers
	Failures uint64 // errors of Watch, ever
	Problem  string // the last error of Watch, or why the first entry that is no peer is none; empty when all is well
}

// Paces of a roster.
const (
	// A Discovery that fails is called again after rewatchMin, then less and less often: what it
	// needs is away for a moment, or for long.
	rewatchMin = 100 * time.Millisecond
	rewatchMax = 10 * time.Second
	// A peer whose number is not known is asked again after askMin, then less and less often.
	// Nodes that start together need the first; the last is the pace at which links are tried.
	askMin = 20 * time.Millisecond
	askMax = 2 * time.Second
	// askTime is how long one answer may take. It is that of a link's dial.
	askTime = 2 * time.Second
	// asking is how many are asked at once: some that are stopped hold up few others, and a long
	// list opens few connections.
	asking = 16
)

// roster turns the lists of a Discovery into peers of the node.
type roster struct {
	self  Peer
	max   int                                                                  // entries of one list
	apply func([]Peer)                                                         // tells the node
	ask   func(ctx context.Context, addr string) (id gossip.NodeID, err error) // who listens there
	// contacts returns whom the node at an address knows, itself first.
	contacts func(ctx context.Context, addr string) ([]Peer, error)
	log      *slog.Logger
	slots    chan struct{} // one for each that is asked at this moment

	mu      sync.Mutex
	ctx     context.Context // of run; nil before
	over    bool
	list    []Peer           // the newest, less what was refused
	seeks   map[string]*seek // of addresses in list that came without a number
	applied []Peer           // what the node was told last
	stats   DiscoveryStats   // but for Unknown
	refused string           // why the first entry of the list was
	failed  string           // why Watch did
	waiting sync.WaitGroup   // for the goroutines of seeks
}

// seek finds out who listens at an address.
type seek struct {
	id      gossip.NodeID // 0 = not known yet
	problem string
	cancel  context.CancelFunc
}

func newRoster(self Peer, most int, apply func([]Peer), ask func(context.Context, string) (gossip.NodeID, error), log *slog.Logger) *roster {
	return &roster{
		self: self, max: most, apply: apply, ask: ask, log: log,
		slots: make(chan struct{}, asking), seeks: make(map[string]*seek),
	}
}

// run watches a Discovery until ctx ends, and returns when everything it started has ended.
func (r *roster) run(ctx context.Context, d Discovery) {
	r.mu.Lock()
	r.ctx = ctx
	r.mu.Unlock()
	if i, is := d.(insider); is {
		d = i.enter(access{ask: r.inquire, contacts: r.consult})
	}
	for pause := rewatchMin; ; pause = min(2*pause, rewatchMax) {
		begun := time.Now()
		err := d.Watch(ctx, r.self, r.found)
		if err == nil || ctx.Err() != nil {
			break
		}
		r.mu.Lock()
		r.stats.Failures++
		r.failed = err.Error()
		r.mu.Unlock()
		if time.Since(begun) > rewatchMax {
			pause = rewatchMin // it has worked for a while
		}
		r.log.Warn("discovery failed", "error", err, "again in", pause)
		if !rest(ctx, pause) {
			break
		}
	}
	<-ctx.Done()
	r.mu.Lock()
	r.over = true // lists that come now are nobody's
	r.mu.Unlock()
	r.waiting.Wait()
}

// rest waits, and reports whether ctx has let it.
func rest(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// found takes in a list.
func (r *roster) found(peers []Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	list, refused, why := r.check(peers)
	r.list = list
	r.stats.Lists++
	r.stats.Listed, r.stats.Refused = len(list)+refused, refused
	r.failed = ""
	if r.refused != why && why != "" {
		r.log.Warn("peers refused", "entries", refused, "first", why)
	}
	r.refused = why

	nameless := make(map[string]bool)
	for _, p := range list {
		if p.ID != 0 {
			continue
		}
		nameless[p.Addr] = true
		if r.seeks[p.Addr] == nil {
			ctx, cancel := context.WithCancel(r.ctx)
			s := &seek{cancel: cancel}
			r.seeks[p.Addr] = s
			r.waiting.Go(func() { r.find(ctx, p.Addr, s) })
		}
	}
	for addr, s := range r.seeks {
		if !nameless[addr] {
			s.cancel()
			delete(r.seeks, addr)
		}
	}
	r.update()
}

// check returns what of a list can be peers, in its order, how many entries cannot, and why the
// first of these is none.
func (r *roster) check(peers []Peer) (list []Peer, refused int, why string) {
	// Entries about the same node: by number, or where that is missing by address.
	same := func(p Peer) Peer {
		if p.ID != 0 {
			p.Addr = ""
		}
		return p
	}
	last := make(map[Peer]int)
	for i, p := range peers {
		last[same(p)] = i
	}
	for i, p := range peers {
		if p.ID == r.self.ID || p.Addr == r.self.Addr || last[same(p)] != i {
			continue
		}
		err := checkPeer(r.self.ID, p)
		if err == nil && len(list) >= r.max {
			err = fmt.Errorf("the list is longer than %d peers", r.max)
		}
		if err == nil {
			list = append(list, p)
			continue
		}
		if refused++; refused == 1 {
			why = err.Error()
		}
	}
	return list, refused, why
}

// find asks at an address until somebody answers, then tells the node.
func (r *roster) find(ctx context.Context, addr string, s *seek) {
	defer s.cancel()
	for pause := askMin; ; pause = min(2*pause, askMax) {
		id, err := r.inquire(ctx, addr)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		if err == nil {
			s.id, s.problem = id, ""
			r.update()
			r.mu.Unlock()
			return
		}
		s.problem = err.Error()
		r.mu.Unlock()
		// Jitter, so that nodes that start together do not all ask at once again.
		if !rest(ctx, pause/2+rand.N(pause/2)) {
			return
		}
	}
}

// access is what a Discovery of this package may do as the node it works for.
type access struct {
	ask      func(ctx context.Context, addr string) (gossip.NodeID, error) // who listens there
	contacts func(ctx context.Context, addr string) ([]Peer, error)        // whom the node there knows, itself first
}

// insider is a Discovery that asks other nodes. Those that users write need not: they list addresses.
type insider interface {
	enter(access) Discovery
}

// inquire is answer, when it is somebody's turn to be asked.
func (r *roster) inquire(ctx context.Context, addr string) (gossip.NodeID, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return r.answer(ctx, addr)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// consult returns whom the node at an address knows, in its turn and its time.
func (r *roster) consult(ctx context.Context, addr string) ([]Peer, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return r.contacts(ctx, addr)
}

func (r *roster) answer(ctx context.Context, addr string) (gossip.NodeID, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	id, err := r.ask(ctx, addr)
	switch {
	case err != nil:
		return 0, err
	case id < 1:
		return 0, fmt.Errorf("at %s is no node", addr)
	case id == r.self.ID:
		return 0, fmt.Errorf("the node at %s has this one's number, %d", addr, id)
	}
	return id, nil
}

// update tells the node whom it can send to, if that has changed. It holds the lock meanwhile, so
// that changes reach the node in their order.
func (r *roster) update() {
	addr := make(map[gossip.NodeID]string)
	for _, p := range r.list {
		if p.ID == 0 {
			p.ID = r.seeks[p.Addr].id
		}
		if p.ID != 0 {
			addr[p.ID] = p.Addr // the last counts
		}
	}
	peers := make([]Peer, 0, len(addr))
	for id, a := range addr {
		peers = append(peers, Peer{ID: id, Addr: a})
	}
	slices.SortFunc(peers, func(a, b Peer) int { return int(a.ID) - int(b.ID) })
	if r.applied != nil && slices.Equal(peers, r.applied) {
		return
	}
	r.applied = peers
	r.apply(peers)
}

// snapshot returns how things stand.
func (r *roster) snapshot() DiscoveryStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	unanswered := ""
	for _, p := range r.list {
		if k := r.seeks[p.Addr]; p.ID == 0 && k.id == 0 {
			s.Unknown++
			unanswered = cmp.Or(unanswered, k.problem)
		}
	}
	s.Problem = cmp.Or(r.failed, r.refused, unanswered)
	return s
}
