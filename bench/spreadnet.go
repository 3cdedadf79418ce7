package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// spreadFound is what was measured of gossipctl.
type spreadFound struct {
	single, packets, rate, missing, idle, peak, after float64

	singleNote string
}

// spreadNetwork measures gossipctl at one size.
func (s *session) spreadNetwork(ctx context.Context, n int) (spreadFound, error) {
	if s.ctl == nil {
		return spreadFound{}, errUnasked
	}
	s.say("messages, %d nodes: gossipctl", n)
	nw, err := s.ctl.startNetwork(ctx, n)
	if err != nil {
		return spreadFound{}, err
	}
	found, err := s.spreadOn(ctx, nw, n)
	if _, stopErr := nw.stop(ctx); err == nil {
		err = stopErr
	}
	return found, err
}

func (s *session) spreadOn(ctx context.Context, nw *network, n int) (found spreadFound, err error) {
	if slices.Contains(s.plan.bursts, n) {
		if found.idle, err = nw.memory(ctx, memoryPerProcess); err != nil {
			return found, err
		}
	}
	if slices.Contains(s.plan.singles, n) {
		single, err := nw.benchmark(ctx, s.plan.singleTimes, 0)
		if err != nil {
			return found, err
		}
		found.single = single.Single.LastMS.P50
		found.singleNote = "p99 " + number(single.Single.LastMS.P99, unitMS)
		if found.packets, err = nw.packetsOfOne(ctx); err != nil {
			return found, err
		}
	}
	if slices.Contains(s.plan.bursts, n) {
		err = s.burstsOn(ctx, nw, &found)
	}
	return found, err
}

// burstsOn runs the bursts and looks at the memory after the first: later ones only repeat the
// rate, and what nodes keep of them would blur the picture.
func (s *session) burstsOn(ctx context.Context, nw *network, found *spreadFound) error {
	var rates []float64
	for i := range s.plan.burstTimes {
		b, err := nw.benchmark(ctx, 0, s.plan.burstCount)
		if err != nil {
			return err
		}
		rates = append(rates, b.Burst.DeliveriesPerSecond)
		found.missing = max(found.missing, b.Burst.Missing)
		if i == 0 {
			if found.after, err = nw.settledMemory(ctx, found.idle+float64(s.plan.burstCount)*payload/1e6); err != nil {
				return err
			}
		}
	}
	found.rate = median(rates)
	var err error
	found.peak, err = nw.memory(ctx, peakPerProcess)
	return err
}

// benchmarked is what benchmark-network answers.
type benchmarked struct {
	Nodes  int
	Single struct {
		LastMS struct{ P50, P99 float64 } `json:"last_ms"`
	}
	Burst struct {
		DeliveriesPerSecond float64 `json:"deliveries_per_second"`
		Missing             float64
	}
}

// benchmark runs benchmark-network with so many single messages and so many in a burst; 0 leaves
// a part out. A failing exit status with a whole answer is gossipctl's verdict on the result,
// which is ours to judge.
func (nw *network) benchmark(ctx context.Context, single, burst int) (benchmarked, error) {
	var b benchmarked
	const command = "benchmark-network"
	stdout, _, err := nw.ctl.run(ctx, command, "--single", strconv.Itoa(single), "--burst", strconv.Itoa(burst),
		"--size", strconv.Itoa(payload), "--senders", strconv.Itoa(senders))
	if bad := decode(stdout, &b, command); err == nil {
		err = bad
	}
	whole := b.Nodes > 0 && (single == 0 || b.Single.LastMS.P50 > 0) && (burst == 0 || b.Burst.DeliveriesPerSecond > 0)
	switch {
	case whole && ctx.Err() == nil:
		return b, nil
	case err != nil:
		return b, err
	}
	return b, fmt.Errorf("gossipctl %s: numbers are missing from its answer", command)
}
