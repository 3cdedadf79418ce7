package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gossipctl/node/api"
)

// maxBootstrap bounds the contacts of one node. One that answers is enough.
const maxBootstrap = 64

// Bootstrap returns a Discovery that asks nodes at known addresses whom they know: each of them for its number first,
// then, with the token of peers, for its contacts, of which it tells at most api.MaxTold, drawn by chance. Those that do
// not answer are asked again, at first after a tenth of a second, then less and less often, every 10 seconds in the
// end. It is done when all have answered, and begins anew after a time if every is not 0. More than one address makes
// a network from which no single node can be missing; the node's own among them is skipped.
func Bootstrap(every time.Duration, addrs ...string) Discovery {
	return &bootstrap{addrs: slices.Clone(addrs), every: every}
}

type bootstrap struct {
	addrs []string
	every time.Duration
	access

	mu    sync.Mutex
	known map[string][]Peer // whom each contact knows, once it has answered
}

func (b *bootstrap) enter(a access) Discovery {
	return &bootstrap{addrs: b.addrs, every: b.every, access: a, known: make(map[string][]Peer)}
}

// Watch implements [Discovery]. It remembers from call to call who has answered.
func (b *bootstrap) Watch(ctx context.Context, self Peer, found func([]Peer)) error {
	if b.contacts == nil {
		return errors.New("only a node can bootstrap")
	}
	if len(b.addrs) > maxBootstrap {
		return fmt.Errorf("%d contacts are too many, at most %d are asked", len(b.addrs), maxBootstrap)
	}
	for {
		err := b.round(ctx, self, found)
		if err != nil || b.every <= 0 || !rest(ctx, b.every) {
			return err
		}
		b.mu.Lock()
		clear(b.known)
		b.mu.Unlock()
	}
}

// round asks all who have not answered yet.
func (b *bootstrap) round(ctx context.Context, self Peer, found func([]Peer)) error {
	failed := make([]error, len(b.addrs))
	var group sync.WaitGroup
	for i, addr := range b.addrs {
		b.mu.Lock()
		asked := b.known[addr] != nil
		b.mu.Unlock()
		if asked || addr == self.Addr {
			continue
		}
		if err := checkPeer(self.ID, Peer{Addr: addr}); err != nil {
			return fmt.Errorf("the contact %w", err)
		}
		group.Go(func() {
			list, err := b.contacts(ctx, addr)
			if err != nil {
				failed[i] = fmt.Errorf("contact %s: %w", addr, err)
				return
			}
			good := []Peer{}
			for _, p := range list[:min(len(list), api.MaxTold+1)] {
				if checkPeer(self.ID, p) == nil && p.ID != 0 {
					good = append(good, p)
				}
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.known[addr] = good
			found(b.all())
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// all is everybody whom contacts have named. Their own word comes last, so that it counts. The lock is held.
func (b *bootstrap) all() (list []Peer) {
	for _, addr := range b.addrs {
		if known := b.known[addr]; len(known) > 0 {
			list = append(list, known[1:]...)
		}
	}
	for _, addr := range b.addrs {
		if known := b.known[addr]; len(known) > 0 {
			list = append(list, known[0])
		}
	}
	return list
}
