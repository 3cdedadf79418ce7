package netctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"gossipctl/gossip"
	"gossipctl/membership"
	"gossipctl/node/api"
	"gossipctl/protocol"
	"gossipctl/topology"
	"gossipctl/trace"
)

const (
	// assemblePoll is the pause between two looks at a node that does not know everybody yet: hundreds of
	// milliseconds are what it takes. In large networks, where an answer is long, it is half a millisecond a node;
	// when a node has got to know the last one it says itself.
	assemblePoll = 20 * time.Millisecond
	// assembleAtOnce bounds how many nodes are watched at the same time: the processors have better to do.
	assembleAtOnce = 4
	// DefaultRound is what is called a round where no setting says how often nodes gossip: the gossip interval of
	// memberlist on a LAN.
	DefaultRound = 200 * time.Millisecond
	// toldShort is of how many nodes it is told that they do not know everybody in time.
	toldShort = 3
	// hyparview is the membership whose nodes know only some of the others.
	hyparview = "hyparview"
)

// Assembled is how long the nodes of a network took to find each other: until everybody knew everybody or, by
// HyParView, until all had neighbours and hung together.
type Assembled struct {
	Ready  float64 `json:"ready_ms"` // from the start of the first process until all were ready
	Ms     float64 `json:"ms"`       // from there until they had found each other; 0 if they had by then
	Rounds float64 `json:"rounds"`   // the same in rounds of
	Round  float64 `json:"round_ms"`
}

// partial reports whether nodes know only some of the others.
func (s *Spec) partial() bool { return s.Membership == hyparview }

// round is how often nodes gossip about who is there.
func (s *Spec) round() time.Duration {
	if values, err := s.membershipValues(); err == nil && values.Has("gossip") {
		return values.Duration("gossip")
	}
	return DefaultRound
}

// membershipValues are the settings of the membership in force.
func (s *Spec) membershipValues() (protocol.Values, error) {
	kind := membership.Acquainted()
	if s.Membership != "" && s.Membership != membership.None {
		var err error
		if kind, err = membership.Find(s.Membership); err != nil {
			return protocol.Values{}, err
		}
	}
	return kind.Values(s.MembershipSettings)
}

// chosenDegree is about how many peers nodes choose.
func (s *Spec) chosenDegree() int {
	values, err := s.membershipValues()
	if err == nil {
		for _, name := range []string{"peers", "active"} {
			if values.Has(name) && values.Int(name) > 0 {
				return values.Int(name)
			}
		}
	}
	return max(s.Nodes-1, 1)
}

// awaitAssembly waits until nodes that have just been started have found each other.
func (c *controller) awaitAssembly(ctx context.Context, ids []gossip.NodeID, began time.Time) error {
	ready := time.Now()
	var at time.Time
	var err error
	if c.state.Spec.partial() {
		at, err = c.awaitOverlay(ctx, ids)
	} else {
		at, err = c.awaitAcquaintance(ctx, ids, began)
	}
	if dead := c.ended(ids); len(dead) > 0 && !errors.Is(err, errCancelled) {
		return c.notReady(dead, nil)
	}
	if err != nil {
		return err
	}
	a := &Assembled{Ready: milliseconds(ready.Sub(began)), Ms: milliseconds(max(at.Sub(ready), 0)), Round: milliseconds(c.state.Spec.round())}
	a.Rounds = a.Ms / a.Round
	c.mu.Lock()
	c.state.Assembled = a
	c.mu.Unlock()
	c.log.Info("nodes have found each other", "ready_ms", a.Ready, "ms", a.Ms)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// awaitAcquaintance waits until every node knows that every other one is alive, and returns when that was, as the
// nodes themselves have noted it.
func (c *controller) awaitAcquaintance(ctx context.Context, ids []gossip.NodeID, began time.Time) (time.Time, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var mu sync.Mutex
	var last time.Time
	wait := max(assemblePoll, time.Duration(len(ids))*time.Millisecond/2)
	next := make(chan int, len(ids))
	for i := range ids {
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	for range assembleAtOnce {
		group.Go(func() {
			for i := range next {
				for knows := len(ids) == 1; ctx.Err() == nil && !knows; {
					known, since, err := c.acquainted(ctx, ids[i], ids)
					if knows = err == nil && known == len(ids)-1; !knows {
						if len(c.ended(ids[i:i+1])) > 0 {
							giveUp(fmt.Errorf("node %d has ended", ids[i]))
						}
						pause(ctx, wait)
						continue
					}
					if now := time.Now(); since.Before(began) || since.After(now) { // its clock is not to be relied on
						since = now
					}
					mu.Lock()
					if since.After(last) {
						last = since
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		all := ids
		return last, c.notAssembled(err, func() string {
			ids := ids[max(0, len(ids)-toldShort):] // those that began last
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
			defer cancel()
			counts, errs := Each(ids, func(id gossip.NodeID) (int, error) {
				known, _, err := c.acquainted(ctx, id, all)
				return known, err
			})
			var short []string
			for i, id := range ids {
				switch {
				case errs[i] != nil:
					short = append(short, fmt.Sprintf("node %d does not answer", id))
				case counts[i] < len(all)-1:
					short = append(short, fmt.Sprintf("node %d knows %d of %d others", id, counts[i], len(all)-1))
				}
			}
			return strings.Join(short, ", ")
		})
	}
	return last, nil
}

// acquainted asks a node how many of ids it knows to be alive, and since when it has known the last of them.
func (c *controller) acquainted(ctx context.Context, id gossip.NodeID, ids []gossip.NodeID) (known int, since time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	view, err := c.client(id).Members(ctx)
	if err != nil {
		return 0, since, err
	}
	for _, m := range view.Members {
		if _, asked := slices.BinarySearch(ids, m.ID); asked && m.ID != id && m.State == gossip.Alive.String() {
			known++
			if m.Since.After(since) {
				since = m.Since
			}
		}
	}
	return known, since, nil
}

// awaitOverlay waits until all nodes have neighbours and hang together, and returns when that was seen.
func (c *controller) awaitOverlay(ctx context.Context, ids []gossip.NodeID) (time.Time, error) {
	for {
		c.overlay.forget()
		g := c.liveGraph()
		alone := slices.DeleteFunc(g.Nodes(), func(v int) bool { return g.Degree(v) > 0 })
		parts := topology.Components(g)
		switch {
		case len(parts) <= 1 && (len(alone) == 0 || len(ids) == 1):
			return time.Now(), nil
		case len(c.ended(ids)) > 0:
			return time.Time{}, errors.New("a node has ended")
		case ctx.Err() != nil:
			return time.Time{}, c.notAssembled(context.Cause(ctx), func() string {
				if len(alone) > 0 {
					return fmt.Sprintf("%s of %d have no neighbours", count(len(alone), "node"), len(ids))
				}
				return fmt.Sprintf("they are in %d parts", len(parts))
			})
		}
		pause(ctx, assemblePoll)
	}
}

// pause waits a moment, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// notAssembled says how far nodes have come that did not find each other in time.
func (c *controller) notAssembled(cause error, how func() string) error {
	if api.CodeOf(cause) != api.CodeTimeout {
		return cause
	}
	text := "nodes have not found each other in time"
	if far := how(); far != "" {
		text += ": " + far
	}
	hint := "give them longer with --timeout, or start them with --no-wait and look with gossipctl list-members --all"
	if places := c.state.Spec.Places; len(places) > 0 {
		hint = "look whether " + strings.Join(places, ", ") + " says where nodes are; or " + hint
	}
	return api.NewError(api.CodeTimeout, text+"; nothing was started", hint)
}

// rejoinTime is how long those who were started, or left behind, may take to have peers again before it is told that
// the network is in parts. It takes some rounds; where a fault keeps them apart it is no use waiting for longer.
const rejoinTime = 2 * time.Second

// awaitPeers waits a moment for nodes that choose their peers themselves to hang together.
func (c *controller) awaitPeers(ctx context.Context) {
	if !c.state.Spec.Assembles() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rejoinTime)
	defer cancel()
	for ctx.Err() == nil {
		c.overlay.forget()
		if len(topology.Components(c.liveGraph())) <= 1 {
			return
		}
		pause(ctx, assemblePoll)
	}
}

// mustWire says why a network whose nodes choose their peers cannot be wired from outside.
func (c *controller) mustWire(what string) error {
	if !c.state.Spec.Assembles() {
		return nil
	}
	return WiresItself(c.state.Spec.Network, what)
}

// WiresItself is the error about wiring a network that wires itself.
func WiresItself(network, what string) error {
	return api.NewError(api.CodeUsage, fmt.Sprintf("the nodes of network %q choose their peers themselves: %s is not possible", network, what), "")
}

// addContacts starts a new node in a network whose nodes find each other, with contacts that live.
func (c *controller) addContacts(ctx context.Context, id gossip.NodeID, l *net.TCPListener, req AddRequest) (Change, error) {
	for _, p := range req.Peers {
		if err := c.mustLive(p); err != nil {
			return Change{}, err
		}
	}
	s := &c.state.Spec
	names := s.Discovery == "" || s.Discovery == api.DiscoverStatic || s.Discovery == api.DiscoverBootstrap
	if !names && (len(req.Peers) > 0 || req.Degree > 0) {
		return Change{}, api.NewError(api.CodeUsage, fmt.Sprintf("nodes of network %q are given no contacts: they look for each other by %s", s.Network, s.Discovery), "")
	}
	c.mu.Lock()
	living := c.alive(nil)
	if names && req.Degree > len(living) {
		c.mu.Unlock()
		return Change{}, api.NewError(api.CodeUsage, fmt.Sprintf("a new node cannot have %d contacts: %s can be asked", req.Degree, count(len(living), "node")), "")
	}
	switch {
	case len(req.Peers) > 0:
		c.contacts[id] = req.Peers
	case names:
		want := req.Degree
		if want == 0 {
			want = max(s.Contacts, laterContacts)
		}
		c.chance(1).Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
		c.contacts[id] = living[:min(want, len(living))]
	}
	next := c.graph.Clone()
	next.AddNode(int(id))
	c.mu.Unlock()
	c.record(trace.Event{Kind: trace.Heal, Name: "wiring", Reason: "1 node more"}) // messages may come by ways that there were none
	return c.addWired(ctx, id, l, next)
}

// farewell has a node say goodbye before it is ended, where nodes find each other, so that all know that it has
// left and did not die. It returns the peers it had, nil where others choose them, and whether it said nothing.
func (c *controller) farewell(ctx context.Context, id gossip.NodeID) (last []gossip.NodeID, silent bool) {
	if !c.state.Spec.Assembles() {
		return nil, false
	}
	view := c.view()
	n, ok := view.Node(id)
	if !ok || n.State == Removed {
		return nil, false
	}
	if n.State != Running {
		return n.Peers, n.State != Dead
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := c.client(id).Leave(ctx); err != nil {
		c.log.Warn("node did not say goodbye", "node", id, "error", err)
		return n.Peers, true
	}
	return n.Peers, false
}
