package transport

import (
	"sync"

	"gossipctl/gossip"
)

// foreign keeps accounts for a transport that keeps none itself. What that takes in counts as passed.
type foreign struct {
	Transport

	mu       sync.Mutex
	accounts map[gossip.NodeID]*account
	others   account // of nodes beyond maxAccounts
}

func (t *foreign) Send(to gossip.NodeID, e *gossip.Envelope) error {
	return t.forward(to, e, handed{})
}

func (t *foreign) room(to gossip.NodeID) (*account, int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.accounts[to]
	switch {
	case a != nil:
	case len(t.accounts) >= maxAccounts:
		a = &t.others
	default:
		a = &account{peer: to}
		t.accounts[to] = a
	}
	return a, QueueBytes, nil
}

// forward cannot spoil what it does not write: a packet that would be damaged and thrown away at the
// other end is lost here.
func (t *foreign) forward(to gossip.NodeID, e *gossip.Envelope, how handed) error {
	a, _, _ := t.room(to)
	var err error
	if !how.spoil {
		if err = t.Transport.Send(to, e); err != nil {
			return a.refuse(how, err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.take(how)
	if how.spoil {
		a.drop(DropCorrupt, 1)
	} else {
		a.passed++
	}
	return nil
}

// Links implements [Counting].
func (t *foreign) Links() []LinkStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	links := make([]LinkStats, 0, len(t.accounts))
	for _, a := range t.accounts {
		a.mu.Lock()
		links = append(links, a.stats())
		a.mu.Unlock()
	}
	return sortLinks(links)
}

// Heard implements [Counting]: nobody knows.
func (t *foreign) Heard() []Heard { return []Heard{} }
