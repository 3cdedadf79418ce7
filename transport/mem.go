package transport

import (
	"context"
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
}

// NewMem returns a network without nodes.
func NewMem() *Mem { return &Mem{nodes: make(map[gossip.NodeID]*memNode)} }

// Join adds a node and returns its transport. Every node of a Mem can send to every other.
func (m *Mem) Join(id gossip.NodeID) Transport {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := &memNode{net: m, queue: make(chan []byte, memQueue), done: make(chan struct{})}
	m.nodes[id] = n
	return n
}

type memNode struct {
	net   *Mem
	queue chan []byte
	done  chan struct{}
}

func (n *memNode) Send(to gossip.NodeID, e *gossip.Envelope) error {
	n.net.mu.Lock()
	peer := n.net.nodes[to]
	n.net.mu.Unlock()
	if peer == nil {
		return ErrNoPeer
	}
	wire, err := gossip.AppendEnvelope(nil, e)
	if err != nil {
		return err
	}
	select {
	case <-n.done:
		return ErrClosed
	case peer.queue <- wire:
		return nil
	default:
		return ErrQueueFull
	}
}

func (n *memNode) Serve(ctx context.Context, recv func([]gossip.Envelope)) error {
	defer close(n.done)
	var batch gossip.Batch
	for {
		select {
		case <-ctx.Done():
			return nil
		case wire := <-n.queue:
			batch.Reset()
			if err := batch.Decode(wire); err != nil {
				return err // only what Send has encoded gets here
			}
			recv(batch.Envelopes)
		}
	}
}
