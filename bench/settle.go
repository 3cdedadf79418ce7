package main

import (
	"context"
	"time"
)

// Waiting for things to settle: how often to look, and for how long at most.
const (
	lookEvery = 200 * time.Millisecond
	// Copies on the last edges arrive within milliseconds of the last delivery.
	traceTime = 5 * time.Second
)

// memory returns what look finds for the nodes.
func (nw *network) memory(ctx context.Context, look func([]int) (float64, error)) (float64, error) {
	pids, err := nw.pids(ctx)
	if err != nil {
		return 0, err
	}
	return look(pids)
}

// settledMemory returns the memory per node in MB once it is down to enough, or where it stands
// when patience ends.
func (nw *network) settledMemory(ctx context.Context, enough float64, patience time.Duration) (mb float64, err error) {
	err = lookUntil(ctx, patience, func() (bool, error) {
		mb, err = nw.memory(ctx, memoryPerProcess)
		return mb <= enough, err
	})
	return mb, err
}

// packetsOfOne sends one message and returns how many packets it took by gossipctl's own count,
// once every node has it and the count stands still.
func (nw *network) packetsOfOne(ctx context.Context) (float64, error) {
	var sent struct{ ID string }
	if _, err := nw.ctl.ask(ctx, &sent, "send-message", "1", "benchmark"); err != nil {
		return 0, err
	}
	var traced struct{ Packets, Coverage float64 }
	err := lookUntil(ctx, traceTime, func() (bool, error) {
		before := traced.Packets
		_, err := nw.ctl.ask(ctx, &traced, "trace-message", sent.ID)
		return traced.Coverage == 1 && traced.Packets == before, err
	})
	return traced.Packets, err
}

// lookUntil calls look every now and then until it is content, it fails, or patience runs out,
// which is no error.
func lookUntil(ctx context.Context, patience time.Duration, look func() (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		content, err := look()
		if content || err != nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
