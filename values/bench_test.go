package values_test

import (
	"fmt"
	"runtime"
	"testing"

	"gossipctl/gossip"
	"gossipctl/values"
)

// BenchmarkApply is what an update costs that the protocol has brought, of an owner with one key and of one with many.
func BenchmarkApply(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			owner, other := newOne(b, 1, 1), newOne(b, 2, 1)
			b.ReportAllocs()
			k := 0
			for b.Loop() {
				b.StopTimer()
				m := owner.set(values.Change{Key: fmt.Sprint(k % keys), Value: []byte("a favourite film")})
				k++
				b.StartTimer()
				other.deliver(m)
			}
		})
	}
}

// BenchmarkPass is what values add to a packet of the protocol within that is none of their business.
func BenchmarkPass(b *testing.B) {
	o := newOne(b, 1, 1)
	m := gossip.Message{ID: gossip.ID{Origin: 2, Run: 1, Seq: 1}}
	b.ReportAllocs()
	for b.Loop() {
		o.deliver(m)
	}
}

// BenchmarkDigest is what a node does with the digest of another that knows the same 1,000 owners but one.
func BenchmarkDigest(b *testing.B) {
	mine, theirs := newOne(b, 1, 1), newOne(b, 2, 1)
	for id := gossip.NodeID(10); id < 1010; id++ {
		mine.hear(2, told(b, id, 1))
		theirs.hear(1, told(b, id, 1))
	}
	mine.set(values.Change{Key: "k", Value: []byte("v")})
	digest := theirs.hear(1, gossip.Packet{Kind: gossip.KindValues, IDs: []gossip.ID{{Origin: 77, Run: 1, Seq: 1}}}).Sends[0].Packet
	b.ReportAllocs()
	for b.Loop() {
		if out := mine.hear(2, digest); len(out.Sends) != 1 {
			b.Fatal(len(out.Sends))
		}
	}
}

// TestMemory measures what an entry of another node takes.
func TestMemory(t *testing.T) {
	const owners, keys = 200, 50
	var all []gossip.Packet
	for id := range gossip.NodeID(owners) {
		o := newOne(t, id+10, 1)
		for k := range keys {
			o.set(values.Change{Key: fmt.Sprintf("key-%03d", k), Value: []byte("sixteen bytes, ok")})
		}
		out := o.hear(2, gossip.Packet{Kind: gossip.KindValues + 1})
		p := gossip.Packet{Kind: out.Sends[0].Packet.Kind, Messages: append([]gossip.Message(nil), out.Sends[0].Packet.Messages...), IDs: append([]gossip.ID(nil), out.Sends[0].Packet.IDs...)}
		all = append(all, p)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	o := newOne(t, 1, 1)
	for _, p := range all {
		o.hear(2, p)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / (owners * keys)
	t.Logf("%.0f bytes an entry with a key of 7 and a value of 17 bytes", per)
	if s := o.Stats(); s.Keys != owners*keys || per > 500 {
		t.Errorf("%.0f bytes an entry; %+v", per, s)
	}
	runtime.KeepAlive(all)
}
