package transport

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"gossipctl/gossip"
)

// LinkStats is what became of the packets for one peer since the sender was born. At any moment
//
//	Sent + Repeated = Passed + InFlight + all Dropped together
type LinkStats struct {
	Peer      gossip.NodeID // 0: all packets for nodes that never were peers
	PeerRun   uint32        // the life of the peer that Passed is about; 0 when none was ever met
	Former    bool          // is no peer (any more)
	Connected bool
	Stalled   bool   // something waits, and the peer takes nothing
	Queued    int    // bytes waiting
	LastError string // of the last attempt to reach the peer; empty when it succeeded

	Sent     uint64            // packets handed to the link
	Repeated uint64            // second copies that a fault made
	Passed   uint64            // written to the present life of the peer
	InFlight uint64            // Waiting, and those written to a broken connection until the peer says whether it has them
	Waiting  uint64            // in a queue, or for their time
	Dropped  map[string]uint64 // by reason; never nil
}

// Heard is what came from one node.
type Heard struct {
	Peer     gossip.NodeID
	Run      uint32 // the sender's life that Received and Corrupt are about
	Received uint64 // good, and handed on
	Corrupt  uint64 // damaged on the way, noticed, and thrown away
	// What came from the sender's lives before that one, all together.
	EarlierReceived, EarlierCorrupt uint64
}

// Counting is a transport that keeps accounts: [HTTP], those of a [Mem], and [Faulty] round any.
type Counting interface {
	// Links returns an account for each node that is or was a peer, by number.
	Links() []LinkStats
	// Heard returns what came from each node that ever sent something, by number.
	Heard() []Heard
}

// maxAccounts bounds the nodes of which an account is kept: three times the largest network. Of those
// that were peers once the totals then go into the account of peer 0.
const maxAccounts = 16_384

// life tells the lives of one node apart. The number in it is drawn, because the run is only as good as
// whoever gives it.
type life struct {
	run    uint32
	number uint64
}

// account is the bookkeeping of the way to one peer. It outlives the peer's being a peer, so that the
// totals stay true when the peer comes back. Frames have numbers on it, from 0, in the order of their
// writing.
type account struct {
	peer gossip.NodeID

	mu       sync.Mutex // of the link's queue too
	sent     uint64
	repeated uint64
	held     uint64 // wait above the transport, in a Faulty
	queued   uint64 // wait in the transport, or are being written
	passed   uint64 // to the peer's present life, [first, wrote) among them
	dropped  map[string]uint64

	life   life
	first  uint64 // the first frame written to the connection there is or was last
	wrote  uint64 // the first that was not written in full
	broken bool   // nobody knows yet what the peer took of [first, wrote)
	gone   bool   // is no peer any more, or the transport has ended: it will not be known
	dead   bool   // nobody listens where the peer did, so the life it was in is over
}

// handed says how a packet comes to an account.
type handed struct {
	held  bool // it was counted as sent when it came to wait above
	spoil bool // a bit of it shall change on its way
}

// take begins with a packet. The lock is held.
func (a *account) take(how handed) {
	if how.held {
		a.held--
	} else {
		a.sent++
	}
}

// drop counts packets that are lost. The lock is held.
func (a *account) drop(reason string, n uint64) {
	if n == 0 {
		return
	}
	if a.dropped == nil {
		a.dropped = make(map[string]uint64)
	}
	a.dropped[reason] += n
}

// refuse counts a packet that cannot be taken in, and returns why.
func (a *account) refuse(how handed, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.take(how)
	a.drop(reasonOf(err), 1)
	return err
}

// reasonOf is the reason to count for an error of Send.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrNoPeer):
		return DropNoPeer
	case errors.Is(err, ErrQueueFull):
		return DropQueueFull
	case errors.Is(err, ErrClosed):
		return DropClosed
	}
	return DropTooLarge
}

// greet settles what a new connection shows: the peer is in a life, and has taken the frames before a
// number. Kept is the first frame that can be written again. It returns the first that is to be written
// now. The lock is held.
func (a *account) greet(is life, taken, kept uint64) (from uint64) {
	if is != a.life {
		// Whether that life had read it before it ended nobody can tell.
		a.drop(DropPeerEnded, a.passed)
		a.passed, a.life, from = 0, is, a.wrote
	} else {
		taken = min(max(taken, a.first), a.wrote) // a peer that says something else does not know
		from = min(max(taken, kept), a.wrote)
		a.passed -= a.wrote - taken
		a.drop(DropConnectionLost, from-taken)
		a.queued += a.wrote - from
	}
	a.first, a.wrote, a.broken, a.dead = from, from, false, false
	return from
}

// stats returns the account. The lock is held.
func (a *account) stats() LinkStats {
	s := LinkStats{
		Peer: a.peer, PeerRun: a.life.run,
		Sent: a.sent, Repeated: a.repeated, Passed: a.passed, Waiting: a.held + a.queued,
		Dropped: make(map[string]uint64, len(a.dropped)),
	}
	for reason, n := range a.dropped {
		s.Dropped[reason] = n
	}
	s.InFlight = s.Waiting
	if unknown := a.wrote - a.first; a.broken && unknown > 0 {
		s.Passed -= unknown
		if a.gone || a.dead {
			s.Dropped[DropPeerEnded] += unknown
		} else {
			s.InFlight += unknown
		}
	}
	return s
}

// add puts the totals of another account, which is given up, into this one.
func (a *account) add(other *account) {
	other.mu.Lock()
	s := other.stats()
	other.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent += s.Sent
	a.repeated += s.Repeated
	a.passed += s.Passed
	a.held += s.InFlight
	for reason, n := range s.Dropped {
		a.drop(reason, n)
	}
}

func sortLinks(links []LinkStats) []LinkStats {
	slices.SortFunc(links, func(a, b LinkStats) int { return cmp.Compare(a.Peer, b.Peer) })
	return links
}

func sortHeard(heard []Heard) []Heard {
	slices.SortFunc(heard, func(a, b Heard) int { return cmp.Compare(a.Peer, b.Peer) })
	return heard
}

// damage changes one bit of a frame that is ready to be sent, so that its checksum is wrong. Which bit is
// as good as random, and the same for the same frame. Its length stays whole, or else all that follows
// would be lost with it.
func damage(frame []byte) {
	h := uint64(14695981039346656037)
	for _, b := range frame[4:gossip.FrameHeader] {
		h = (h ^ uint64(b)) * 1099511628211
	}
	bit := 32 + h%(8*uint64(len(frame)-4))
	frame[bit/8] ^= 1 << (bit % 8)
}
