package sim

import "gossipctl/gossip"

// inFlight is a packet on its way, as long as it is at hand; see parcel.
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

	number      uint32 // its place among the payloads
	lone        bool   // it belongs to a message of the world, and to all packets with nothing else in them
	track       int    // the number of that message
	limit, edge int32  // limit and hops of a parcel
	run         uint16 // and run
}

// parcel is a packet on its way, as it is kept. Most packets of most rounds are empty calls or have the
// same message, and there may be ten million of them: what only some have is in their payload.
type parcel struct {
	from, to gossip.NodeID
	load     uint32 // number of the payload; 0: there is none
	hop      uint16
	kind     gossip.Kind
	damaged  bool
}

// pack puts a packet away.
func (ps *payloads) pack(f *inFlight, p *parcel) {
	p.from, p.to, p.load, p.hop, p.kind, p.damaged = f.from, f.to, 0, f.hop, f.kind, f.damaged
	if f.limit != 0 || f.hops != 0 || f.run != 0 {
		if f.load == nil {
			f.load = ps.take()
		}
		f.load.limit, f.load.edge, f.load.run = f.limit, f.hops, f.run
	}
	if f.load != nil {
		p.load = f.load.number
	}
}

// unpack takes it to hand again.
func (ps *payloads) unpack(p *parcel, f *inFlight) {
	f.from, f.to, f.limit, f.hops, f.hop, f.kind, f.damaged, f.run, f.load = p.from, p.to, 0, 0, p.hop, p.kind, p.damaged, 0, nil
	if p.load != 0 {
		f.load = &ps.pieces[p.load/payloadPiece][p.load%payloadPiece]
		f.limit, f.hops, f.run = f.load.limit, f.load.edge, f.load.run
	}
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
type payloads struct {
	pieces []*[payloadPiece]payload
	free   []*payload
}

// payloadPiece is how many are allocated at once.
const payloadPiece = 64

func (ps *payloads) take() *payload {
	if len(ps.free) == 0 {
		piece := new([payloadPiece]payload)
		for k := range piece {
			if piece[k].number = uint32(len(ps.pieces)*payloadPiece + k); piece[k].number > 0 {
				ps.free = append(ps.free, &piece[k])
			}
		}
		ps.pieces = append(ps.pieces, piece)
	}
	n := len(ps.free)
	l := ps.free[n-1]
	ps.free = ps.free[:n-1]
	return l
}

func (ps *payloads) back(l *payload) {
	if l != nil && !l.lone {
		*l = payload{number: l.number}
		ps.free = append(ps.free, l)
	}
}

// flights are packets that are under way for some time, each at a number that is used again afterwards.
type flights struct {
	slots []parcel
	free  []uint32
}

// add returns the number of an empty place.
func (fs *flights) add() uint32 {
	if n := len(fs.free); n > 0 {
		number := fs.free[n-1]
		fs.free = fs.free[:n-1]
		return number
	}
	fs.slots = append(fs.slots, parcel{})
	return uint32(len(fs.slots) - 1)
}

// instant holds the packets that arrive in the instant they are sent. They are handed out by
// destination, as far as there is no order among them otherwise: nodes that are neighbours in memory
// are visited one after the other, which at a million nodes is several times faster than to jump.
// A packet that answers another one comes in the next generation.
type instant struct {
	now, next [][]parcel // by destination
	n         int
	shift     uint
}

// visited is the logarithm of how many neighbouring nodes make one group: what they keep fits a cache.
const visited = 11

func newInstant(nodes int) instant {
	groups := nodes>>visited + 1
	return instant{now: make([][]parcel, groups), next: make([][]parcel, groups), shift: visited}
}

// add returns an empty place for a packet to a node.
func (in *instant) add(to gossip.NodeID) *parcel {
	group := &in.next[min(max(int(to), 0)>>in.shift, len(in.next)-1)]
	*group = append(*group, parcel{})
	in.n++
	return &(*group)[len(*group)-1]
}

// generation makes the packets that were pushed those that are handed out.
func (in *instant) generation() [][]parcel {
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

// ahead is for how many packets the nodes are looked at beforehand.
const ahead = 32

// warm looks at the nodes that packets are for, one right after the other, and makes nothing of it: none
// of them is in a cache, and a processor fetches many at a time when nothing depends on what it finds.
func (w *World) warm(packets []parcel) {
	for k := range packets {
		if i := int(packets[k].to) - 1; i >= 0 && i < len(w.protocols) {
			if p, is := w.protocols[i].(gossip.Restless); is {
				p.Infective()
			}
		}
	}
}
