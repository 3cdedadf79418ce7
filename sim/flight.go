package sim

import "gossipctl/gossip"

// inFlight is a packet on its way. Most packets of most rounds are empty calls, and there may be ten
// million of them: what only some have is kept apart.
type inFlight struct {
	from, to    gossip.NodeID
	limit, hops int32
	hop         uint16 // edges that a lone message will have travelled on arrival
	kind        gossip.Kind
	damaged     bool     // arrives so that it cannot be read
	run         uint16   // which life of its sender, when Whole
	load        *payload // nil: neither messages nor names
}

// payload is what a packet carries.
type payload struct {
	messages []gossip.Message
	ids      []gossip.ID
	hops     []uint16       // of each of several messages, edges travelled on arrival
	routes   []gossip.Route // of each message, between whole nodes
}

// messages are what the packet has, if any.
func (f *inFlight) messages() []gossip.Message {
	if f.load == nil {
		return nil
	}
	return f.load.messages
}

// packet puts the packet together again.
func (f *inFlight) packet() gossip.Packet {
	p := gossip.Packet{Kind: f.kind, Limit: int(f.limit), Hops: int(f.hops)}
	if f.load != nil {
		p.Messages, p.IDs = f.load.messages, f.load.ids
	}
	return p
}

// payloads gives out payloads and takes them back, so that packets leave nothing behind to collect.
type payloads struct{ free []*payload }

// payloadPiece is how many are allocated at once.
const payloadPiece = 64

func (ps *payloads) take() *payload {
	if len(ps.free) == 0 {
		piece := make([]payload, payloadPiece)
		for k := range piece {
			ps.free = append(ps.free, &piece[k])
		}
	}
	n := len(ps.free)
	l := ps.free[n-1]
	ps.free = ps.free[:n-1]
	return l
}

func (ps *payloads) back(l *payload) {
	if l != nil {
		*l = payload{}
		ps.free = append(ps.free, l)
	}
}

// flights are packets that are under way for some time, each at a number that is used again afterwards.
type flights struct {
	slots []inFlight
	free  []uint32
}

func (fs *flights) add(f inFlight) uint32 {
	if n := len(fs.free); n > 0 {
		number := fs.free[n-1]
		fs.free, fs.slots[number] = fs.free[:n-1], f
		return number
	}
	fs.slots = append(fs.slots, f)
	return uint32(len(fs.slots) - 1)
}

func (fs *flights) take(number uint32) inFlight {
	f := fs.slots[number]
	fs.slots[number] = inFlight{}
	fs.free = append(fs.free, number)
	return f
}

// instant holds the packets that arrive in the instant they are sent. They are handed out by
// destination, as far as there is no order among them otherwise: nodes that are neighbours in memory
// are visited one after the other, which at a million nodes is several times faster than to jump.
// A packet that answers another one comes in the next generation.
type instant struct {
	now, next [][]inFlight // by destination
	n         int
	shift     uint
}

// visited is the logarithm of how many neighbouring nodes make one group: what they keep fits a cache.
const visited = 11

func newInstant(nodes int) instant {
	groups := nodes>>visited + 1
	return instant{now: make([][]inFlight, groups), next: make([][]inFlight, groups), shift: visited}
}

func (in *instant) push(f inFlight) {
	group := min(max(int(f.to), 0)>>in.shift, len(in.next)-1)
	in.next[group] = append(in.next[group], f)
	in.n++
}

// generation makes the packets that were pushed those that are handed out.
func (in *instant) generation() [][]inFlight {
	in.now, in.next = in.next, in.now
	in.n = 0
	return in.now
}

// plans are things to do, each at a number that is used again afterwards.
type plans struct {
	slots []func()
	free  []uint64
}

func (ps *plans) add(do func()) uint64 {
	if n := len(ps.free); n > 0 {
		number := ps.free[n-1]
		ps.free, ps.slots[number] = ps.free[:n-1], do
		return number
	}
	ps.slots = append(ps.slots, do)
	return uint64(len(ps.slots) - 1)
}

func (ps *plans) take(number uint64) func() {
	do := ps.slots[number]
	ps.slots[number] = nil
	ps.free = append(ps.free, number)
	return do
}
