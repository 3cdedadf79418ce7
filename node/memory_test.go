package node_test

import (
	"runtime"
	"testing"
	"time"

	"gossipctl/gossip"
	"gossipctl/node"
	"gossipctl/protocol"
)

// What a node keeps is bounded however many messages come, whether a full inbox lets go of its oldest entry or refuses: between the
// 50,000th message and the 350,000th it does not grow, so a million take no more. What is refused or let go of is counted. Repair
// remembers as many as the inbox holds. (Row 38.)
func TestRow38MemoryDoesNotGrow(t *testing.T) {
	const capacity, warm, messages, slope = 5_000, 50_000, 350_000, 256 << 10
	for _, dropOldest := range []bool{false, true} {
		kind, err := protocol.Find("flood")
		if err != nil {
			t.Fatal(err)
		}
		values, err := kind.Values(map[string]string{"remember": "5000"})
		if err != nil {
			t.Fatal(err)
		}
		p := kind.New(protocol.Environment{Self: 1, Rand: protocol.Generator(1, 1)}, values)
		p = kind.Repaired(p, values, 1, 1, protocol.RepairRules{Remember: capacity, Refuse: !dropOldest})
		n := node.New(node.Config{ID: 1, Run: 1, Protocol: p, Capacity: capacity, DropOldest: dropOldest})
		now := time.Unix(1_700_000_000, 0)
		n.SetPeers(now, gossip.NewPeers([]gossip.NodeID{2, 3, 4}))
		body, seq, before, refused := make([]byte, 64), [5]uint32{}, int64(0), uint64(0)
		for k := range messages {
			if k == warm {
				before = heap()
			}
			now = now.Add(50 * time.Microsecond)
			from := gossip.NodeID(1 + k%4)
			if from == 1 {
				if _, _, err := n.Publish(now, body, 0); err != nil {
					refused++
				}
				continue
			}
			seq[from]++
			n.Receive(now, &gossip.Envelope{From: from, Packet: gossip.Packet{Kind: 1, Limit: 1, Hops: 1,
				Messages: []gossip.Message{{ID: gossip.ID{Origin: from, Run: 1, Seq: seq[from]}, Body: body, Sent: now}}}, Routes: []gossip.Route{{from}}})
		}
		if grown := heap() - before; grown > slope {
			t.Errorf("drop oldest %v: %d bytes more after %d messages more", dropOldest, grown, messages-warm)
		}
		have, _, _ := n.Size()
		count := n.Counters()
		lost := count.Expired + count.Dropped["inbox_full"]
		if have != capacity || lost != messages-capacity || dropOldest != (refused == 0) || dropOldest != (count.Expired > 0) {
			t.Errorf("drop oldest %v: %d messages, %d refused, %+v", dropOldest, have, refused, count)
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
