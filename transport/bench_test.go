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
