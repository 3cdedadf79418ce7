package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gossipctl/node"
)

// BenchmarkPublish is what a durable inbox costs whoever publishes, and how much of that senders share:
// one node, messages of 256 bytes, without HTTP. Its folder should be on a disk: TMPDIR says where.
func BenchmarkPublish(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, senders := range []int{1, 64} {
			b.Run(fmt.Sprintf("durable=%v/senders=%d", durable, senders), func(b *testing.B) {
				cfg := Config{DataFile: filepath.Join(b.TempDir(), "node-3.inbox"), Durable: durable, Capacity: 1000, DropOldest: true}
				s := life(b, cfg)
				s.Agent.SetPeers(nil)
				ctx, cancel := context.WithCancel(context.Background())
				var group sync.WaitGroup
				group.Go(func() { s.compacting(ctx) })
				body := make([]byte, 256)
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var work sync.WaitGroup
				for range senders {
					work.Go(func() {
						for left.Add(-1) >= 0 {
							var err error
							s.Step(func(now time.Time, n *node.Node) (fx node.Effects) {
								_, fx, err = n.Publish(now, body, 1)
								return fx
							})
							if err == nil {
								err = s.Sync(ctx)
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				work.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
				if durable {
					b.ReportMetric(float64(s.keeper.journal.Syncs())/b.Elapsed().Seconds(), "syncs/s")
				}
				cancel()
				group.Wait()
				if err := s.letGo(); err != nil {
					b.Error(err)
				}
			})
		}
	}
}

// BenchmarkDisk is what the disk can do: one write of as many bytes as a message takes, and one sync,
// over and over, in a file of which the space is taken.
func BenchmarkDisk(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const size = 1 << 20
	if _, err := f.Write(make([]byte, size)); err != nil {
		b.Fatal(err)
	}
	record := make([]byte, entrySize(256, 1))
	at := int64(0)
	for b.Loop() {
		if at += int64(len(record)); at+int64(len(record)) > size {
			at = 0
		}
		if _, err := f.WriteAt(record, at); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}
