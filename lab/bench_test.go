package lab

import (
	"strconv"
	"testing"
)

// BenchmarkSpread is one message through the complete graph until everybody has it.
func BenchmarkSpread(b *testing.B) {
	for _, protocol := range []string{"push-pull", "push", "pull", "rumor"} {
		for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
			b.Run(protocol+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				events := uint64(0)
				for b.Loop() {
					rep, err := Run(b.Context(), Experiment{Protocol: protocol, Nodes: n, Runs: 1, Seed: 1}, nil)
					if err != nil {
						b.Fatal(err)
					}
					events += rep.Events
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			})
		}
	}
}
