package sim

import (
	"math/bits"

	"gossipctl/gossip"
)

// size is how many bytes the packet's frame takes on a wire, as gossip.AppendFrame writes it. Between
// bare protocols, which know no routes, a message's has as many nodes of two bytes as it has hops.
func (f *inFlight) size() int {
	size := gossip.FrameHeader + varint(uint64(f.from)) + 1 + varint(uint64(f.limit)) + varint(uint64(f.hops))
	messages := f.messages()
	size += varint(uint64(len(messages)))
	for k := range messages {
		m := &messages[k]
		size += idSize(m.ID) + 8 + varint(uint64(len(m.Body))) + len(m.Body)
		if f.load.routes == nil {
			size += 1 + 2*int(f.hopAt(k))
			continue
		}
		size += varint(uint64(len(f.load.routes[k])))
		for _, id := range f.load.routes[k] {
			size += varint(uint64(id))
		}
	}
	if f.load == nil {
		return size + 1
	}
	size += varint(uint64(len(f.load.ids)))
	for _, id := range f.load.ids {
		size += idSize(id)
	}
	return size
}

func idSize(id gossip.ID) int {
	return varint(uint64(id.Origin)) + varint(uint64(id.Run)) + varint(uint64(id.Seq))
}

// varint is how many bytes a number takes.
func varint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
