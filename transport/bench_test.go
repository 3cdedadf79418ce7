package transport

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"gossipctl/gossip"
)

// BenchmarkLink sends 256 bytes from node to node over a real socket: what one packet costs at both ends
// together, bare, and with a Faulty round it that has nothing to do.
func BenchmarkLink(b *testing.B) {
	for name, wrap := range map[string]func(Transport) Transport{
		"bare": func(t Transport) Transport { return t },
		"calm": func(t Transport) Transport { return NewFaulty(t, 1, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			w := newHTTPWorld().(*httpWorld)
			from, to := w.join(b, 1).(*HTTP), w.join(b, 2)
			w.connected(nil)
			wire := wrap(from)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 2)
			var came atomic.Int64
			go func() { ended <- to.Serve(ctx, func(batch []gossip.Envelope) { came.Add(int64(len(batch))) }) }()
			go func() { ended <- wire.Serve(ctx, func([]gossip.Envelope) {}) }()
			<-from.Ready()
			e := message(1, 1, make([]byte, 256))
			sent := int64(0)
			for b.Loop() {
				for errors.Is(wire.Send(2, e), ErrQueueFull) {
					<-time.After(time.Millisecond)
				}
				sent++
			}
			for came.Load() < sent {
				<-time.After(100 * time.Microsecond)
			}
			cancel()
			<-ended
			<-ended
		})
	}
}

// BenchmarkCalm is what a Faulty that has nothing to do adds to a packet, all else taken away.
func BenchmarkCalm(b *testing.B) {
	var sink Transport = &swallow{}
	e := message(1, 1, nil)
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			sink.Send(2, e)
		}
	})
	b.Run("calm", func(b *testing.B) {
		var wire Transport = NewFaulty(sink, 1, nil)
		for b.Loop() {
			wire.Send(2, e)
		}
	})
}

// swallow is a transport with accounts that does nothing.
type swallow struct {
	*HTTP
	got int
}

func (s *swallow) Send(gossip.NodeID, *gossip.Envelope) error { s.got++; return nil }
