package sim

import (
	"container/heap"
	"math/rand/v2"
	"testing"
)

// plainQueue is a queue nobody can get wrong.
type plainQueue []event

func (q plainQueue) Len() int { return len(q) }
func (q plainQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q plainQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *plainQueue) Push(e any)   { *q = append(*q, e.(event)) }
func (q *plainQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// delays are ways in which events follow each other.
var delays = []struct {
	name string
	draw func(*rand.Rand) int64
}{
	{"rounds", func(*rand.Rand) int64 { return 1e8 }},
	{"few instants", func(rng *rand.Rand) int64 { return rng.Int64N(3) * 1e6 }},
	{"at once", func(rng *rand.Rand) int64 { return rng.Int64N(2) }},
	{"uniform", func(rng *rand.Rand) int64 { return rng.Int64N(1e8) }},
	{"exponential", func(rng *rand.Rand) int64 { return int64(rng.ExpFloat64() * 1e7) }},
	{"short among long", func(rng *rand.Rand) int64 {
		if rng.IntN(10) == 0 {
			return rng.Int64N(1e12)
		}
		return rng.Int64N(1e3)
	}},
	{"any size", func(rng *rand.Rand) int64 { return rng.Int64N(int64(1) << rng.IntN(50)) }},
}

func TestQueueKeepsOrder(t *testing.T) {
	for _, d := range delays {
		t.Run(d.name, func(t *testing.T) {
			for seed := range uint64(30) {
				rng := rand.New(rand.NewPCG(seed, 1))
				var q queue
				var plain plainQueue
				now, data := int64(0), uint64(0)
				push := func() {
					data++
					e := event{at: now + d.draw(rng), data: data}
					q.push(e)
					e.seq = data
					heap.Push(&plain, e)
				}
				for range 1 + rng.IntN(3000) {
					push()
				}
				for steps := 0; plain.Len() > 0; steps++ {
					want := heap.Pop(&plain).(event)
					if at := q.peek(); at != want.at {
						t.Fatalf("seed %d, step %d: next is at %d, want %d", seed, steps, at, want.at)
					}
					if got := q.pop(); got.at != want.at || got.data != want.data {
						t.Fatalf("seed %d, step %d: got %d at %d, want %d at %d", seed, steps, got.data, got.at, want.data, want.at)
					}
					now = want.at
					for range rng.IntN(4) {
						if steps < 5000 {
							push()
						}
					}
					if q.len() != plain.Len() {
						t.Fatalf("seed %d: %d wait, want %d", seed, q.len(), plain.Len())
					}
				}
			}
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	for _, d := range delays {
		for _, waiting := range []int{1e3, 1e6} {
			b.Run(d.name+"/"+map[int]string{1e3: "1e3", 1e6: "1e6"}[waiting], func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				var q queue
				for range waiting {
					q.push(event{at: d.draw(rng)})
				}
				b.ReportAllocs()
				for b.Loop() {
					e := q.pop()
					e.at += d.draw(rng)
					q.push(e)
				}
			})
		}
	}
}
