package transport

import (
	"context"
	"errors"
	"sync"

	"gossipctl/gossip"
)

// memQueue is how many envelopes wait for one node of a Mem before more are dropped: enough for a
// burst in a test, and a bound all the same.
const memQueue = 4096

// Mem connects nodes of one process. Every envelope is encoded and decoded on its way, so that a
// test over Mem exercises what a wire would.
type Mem struct {
	mu    sync.Mutex
	nodes map[gossip.NodeID]*memNode
	all   []*memNode // every life of every node
}

// NewMem returns a network without nodes.
func NewMem() *Mem { return &Mem{nodes: make(map[gossip.NodeID]*memNode)} }

// Join adds a node and returns its transport. Every node of a Mem can send to every other. A node that
// joins again begins its next life, and what waited for the one before is lost.
func (m *Mem) Join(id gossip.NodeID) Transport {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := &memNode{
		net: m, self: id, life: life{run: 1},
		queue: make(chan memFrame, memQueue), done: make(chan struct{}),
		accounts: make(map[gossip.NodeID]*account), heard: make(map[gossip.NodeID]*Heard),
	}
	if before := m.nodes[id]; before != nil {
		n.life.run = before.life.run + 1
		m.bury(before)
	}
	m.nodes[id] = n
	m.all = append(m.all, n)
	return n
}

// bury counts what was for a life that has ended.
func (m *Mem) bury(n *memNode) {
	for len(n.queue) > 0 {
		f := <-n.queue
		f.account.mu.Lock()
		f.account.queued--
		f.account.drop(DropPeerEnded, 1)
		f.account.mu.Unlock()
	}
	for _, other := range m.all {
		if a := other.accounts[n.self]; a != nil {
			a.mu.Lock()
			a.greet(life{run: n.life.run + 1}, 0, 0)
			a.mu.Unlock()
		}
	}
}

// memNode is one life of a node. Its net's lock guards its maps.
type memNode struct {
	net      *Mem
	self     gossip.NodeID
	life     life
	queue    chan memFrame
	done     chan struct{}
	accounts map[gossip.NodeID]*account
	others   account // of nodes that there are not
	heard    map[gossip.NodeID]*Heard
}

type memFrame struct {
	from    *memNode
	account *account // that counts it as queued
	frame   []byte
}

// room tells where packets for a node are counted, and how many more bytes may wait for it.
func (n *memNode) room(to gossip.NodeID) (*account, int, error) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	peer, a := n.net.nodes[to], n.account(to)
	if peer == nil {
		return a, 0, ErrNoPeer
	}
	select {
	case <-n.done:
		return a, 0, ErrClosed
	default:
	}
	// Its queue counts envelopes, of all senders together: room for the largest is room for any.
	return a, min(QueueBytes, (memQueue-len(peer.queue))*gossip.MaxEnvelope), nil
}

// account is where packets for a node are counted. The net's lock is held.
func (n *memNode) account(to gossip.NodeID) *account {
	peer, a := n.net.nodes[to], n.accounts[to]
	if a == nil && peer != nil {
		a = &account{peer: to, life: peer.life}
		n.accounts[to] = a
	}
	if a == nil {
		return &n.others
	}
	return a
}

func (n *memNode) Send(to gossip.NodeID, e *gossip.Envelope) error {
	return n.forward(to, e, handed{})
}

func (n *memNode) forward(to gossip.NodeID, e *gossip.Envelope, how handed) error {
	frame, err := gossip.AppendFrame(nil, e)
	if how.spoil && err == nil {
		damage(frame)
	}
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	peer, a := n.net.nodes[to], n.account(to)
	select {
	case <-n.done:
		err = ErrClosed
	default:
	}
	switch {
	case err != nil:
	case peer == nil:
		err = ErrNoPeer
	case len(peer.queue) == memQueue:
		err = ErrQueueFull
	}
	if err != nil {
		return a.refuse(how, err)
	}
	a.mu.Lock()
	a.take(how)
	a.queued++
	a.mu.Unlock()
	peer.queue <- memFrame{n, a, frame} // nobody else fills it while the lock is held
	return nil
}

func (n *memNode) Serve(ctx context.Context, recv func([]gossip.Envelope)) error {
	defer close(n.done)
	var batch gossip.Batch
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-n.queue:
			batch.Reset()
			err := batch.DecodeFrame(f.frame)
			if err != nil && !errors.Is(err, gossip.ErrCorrupt) {
				return err // only what Send has encoded gets here
			}
			n.count(f, err == nil)
			if err == nil {
				recv(batch.Envelopes)
			}
		}
	}
}

// count counts a frame at both ends.
func (n *memNode) count(f memFrame, good bool) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	h := n.heard[f.from.self]
	if h == nil {
		h = &Heard{Peer: f.from.self, Run: f.from.life.run}
		n.heard[f.from.self] = h
	}
	if f.from.life.run > h.Run {
		h.EarlierReceived += h.Received
		h.EarlierCorrupt += h.Corrupt
		h.Run, h.Received, h.Corrupt = f.from.life.run, 0, 0
	}
	received, corrupt := &h.Received, &h.Corrupt
	if f.from.life.run < h.Run {
		received, corrupt = &h.EarlierReceived, &h.EarlierCorrupt
	}
	if good {
		*received++
	} else {
		*corrupt++
	}
	a := f.account
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queued--
	if n.net.nodes[n.self] == n {
		a.passed++
	} else {
		a.drop(DropPeerEnded, 1)
	}
}

// Links implements [Counting].
func (n *memNode) Links() []LinkStats {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	links := make([]LinkStats, 0, len(n.accounts))
	for _, a := range n.accounts {
		a.mu.Lock()
		s := a.stats()
		a.mu.Unlock()
		s.Connected = true
		links = append(links, s)
	}
	n.others.mu.Lock()
	defer n.others.mu.Unlock()
	if s := n.others.stats(); s.Sent > 0 {
		links = append(links, s)
	}
	return sortLinks(links)
}

// Heard implements [Counting].
func (n *memNode) Heard() []Heard {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	heard := make([]Heard, 0, len(n.heard))
	for _, h := range n.heard {
		heard = append(heard, *h)
	}
	return sortHeard(heard)
}
