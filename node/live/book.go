package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"gossipctl/gossip"
	"gossipctl/node/api"
)

// maxPlaces bounds the nodes whose address is kept: twice the largest network.
const maxPlaces = 10_000

// Reasons for which a node learns nothing from what it is told of others, as they are counted.
const (
	contactRefused  = "contact_refused"  // no address where a node of this machine could listen, or this node's own
	contactDisputed = "contact_disputed" // an address other than that where the same life of the node was found
	contactFull     = "contact_full"     // one node more than are kept
)

// word is whose word an address rests on; a larger one counts more.
type word uint8

const (
	hearsay word = iota // of another node of the network
	given               // of whoever started this one, or of its discovery
	own                 // of the node that listens there
	met                 // nobody's: it was found there
)

// place is where a node listens.
type place struct {
	run   uint32 // which life of it; 0: not known
	addr  string
	word  word
	doubt bool   // it could not be found there, or is said to be dead
	named uint64 // the last list that it was put on
}

// book is where the nodes listen that a node has heard of. State machines know nodes by number only. Addresses are
// learned from whoever started the node, from its discovery, and from packets about membership on links, whose
// senders have shown the token. The newest life of a node counts; within a life, what the node says of itself counts
// more than what others say, and nothing moves a node away from where it was found.
type book struct {
	self Peer
	run  uint32

	mu      sync.Mutex
	places  map[gossip.NodeID]*place
	doubted int // places in doubt, or more
	lists   uint64
	refused map[string]uint64
}

func newBook(self Peer, run uint32) *book {
	return &book{self: self, run: run, places: make(map[gossip.NodeID]*place), refused: make(map[string]uint64)}
}

// learn takes in where a life of a node is said to listen, and reports whether that changed something.
func (b *book) learn(id gossip.NodeID, run uint32, addr string, by word) (changed bool) {
	if id == b.self.ID {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[id]
	if p != nil && p.addr == addr {
		if run > p.run {
			p.run, p.doubt = run, p.doubt && by == hearsay
			p.word = max(by, min(p.word, own)) // it was found there in another life
		}
		p.doubt = p.doubt && (by != own || run < p.run)
		p.word = max(p.word, by)
		return false
	}
	if addr == b.self.Addr || checkPeer(b.self.ID, Peer{ID: id, Addr: addr}) != nil {
		b.refused[contactRefused]++
		return false
	}
	switch {
	case p == nil:
		if len(b.places) >= maxPlaces && !b.forget() {
			b.refused[contactFull]++
			return false
		}
		b.places[id] = &place{run: run, addr: addr, word: by}
		return true
	case p.doubt && (run >= p.run || by >= given):
	case p.run > 0 && run > p.run:
	case p.word < met && run >= p.run && by == own && by > p.word:
	default:
		if run >= p.run && by != given { // a list that is behind the times is nothing strange
			b.refused[contactDisputed]++
		}
		return false
	}
	p.run, p.addr, p.word, p.doubt = run, addr, by, false
	return true
}

// forget makes room for another place, at the cost of one in doubt. The lock is held.
func (b *book) forget() bool {
	if b.doubted == 0 {
		return false
	}
	b.doubted = 0
	var least gossip.NodeID
	for id, p := range b.places {
		if p.doubt {
			b.doubted++
			if least == 0 || id < least {
				least = id
			}
		}
	}
	delete(b.places, least)
	return least != 0
}

// met is told how a call of a node went, see transport.HTTPConfig.
func (b *book) met(id gossip.NodeID, addr string, run uint32, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[id]
	switch {
	case p == nil || p.addr != addr:
	case err != nil:
		b.suspect(p)
	default:
		p.run, p.word, p.doubt = run, met, false
	}
}

// gone is told that a life of a node is over.
func (b *book) gone(id gossip.NodeID, run uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[id]; p != nil && run >= p.run {
		b.suspect(p)
	}
}

func (b *book) suspect(p *place) {
	if !p.doubt {
		p.doubt = true
		b.doubted++
	}
}

// find says where a node listens.
func (b *book) find(id gossip.NodeID) (addr string, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[id]; p != nil {
		return p.addr, true
	}
	return "", false
}

// name appends where the nodes listen that names are of, each once, and this node first; without the one that is
// told, who knows where it is itself. Those whose life is not known are left out.
func (b *book) name(list []gossip.Contact, names []gossip.ID, to gossip.NodeID) []gossip.Contact {
	list = append(list, gossip.Contact{Node: b.self.ID, Run: b.run, Addr: b.self.Addr})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lists++
	for _, id := range names {
		p := b.places[id.Origin]
		if p == nil || p.run == 0 || p.named == b.lists || id.Origin == to {
			continue
		}
		if p.named = b.lists; len(list) < gossip.MaxContacts {
			list = append(list, gossip.Contact{Node: id.Origin, Run: p.run, Addr: p.addr})
		}
	}
	return list
}

// sample draws at most so many nodes from the book that are not in doubt, each as likely as any other, by number.
func (b *book) sample(most int, without map[gossip.NodeID]bool) []Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Peer
	for id, p := range b.places {
		if !p.doubt && !without[id] {
			all = append(all, Peer{ID: id, Addr: p.addr})
		}
	}
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	all = all[:min(len(all), most)]
	slices.SortFunc(all, func(a, b Peer) int { return int(a.ID) - int(b.ID) })
	return all
}

// count adds what was refused.
func (b *book) count(dropped map[string]uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for reason, n := range b.refused {
		count(dropped, reason, n)
	}
}

// checkPeer makes sure that a peer can be dialled without harm.
func checkPeer(self gossip.NodeID, p Peer) error {
	if p.ID != 0 {
		return api.CheckPeers(self, []Peer{p})
	}
	if api.CheckPeers(0, []Peer{{ID: 1, Addr: p.Addr}}) != nil { // the rule for addresses is the same
		return fmt.Errorf("%.80q is not a literal address with a port on this machine", p.Addr)
	}
	return nil
}
