package scenario

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"gossipctl/check"
	"gossipctl/gossip"
	"gossipctl/trace"
)

// Engine is a network that a plan is carried out on. Its calls come one after the other: Start, then Wait
// and Do in turns, Finish, and in any case Close.
type Engine interface {
	// Name is simulated or live.
	Name() string
	// Start makes the network of a plan. Every event of the run goes to tell, until Finish has returned,
	// in the order of each node, and is only lent.
	Start(ctx context.Context, p *Plan, tell func(*trace.Event)) error
	// Wait lets time pass until a moment since the start; one that has passed is no error.
	Wait(ctx context.Context, until time.Duration) error
	// Do carries out one action. [ErrRefused] says that a node did not take a message, which is part of
	// the game.
	Do(ctx context.Context, a *Action) error
	// Finish reads the network for the last time.
	Finish(ctx context.Context) (Ending, error)
	// Close ends everything, also in the middle.
	Close() error
}

// Ending is what an engine knows when a run is over.
type Ending struct {
	Began      time.Time                // moment 0 of the plan
	Memory     int64                    // most bytes that any node takes; 0: not measured
	Runs       map[gossip.NodeID]uint32 // the newest life of each node
	Work       float64                  // packets with a message for each life of a node; 0 = check.DefaultWork
	Parts      [][]gossip.NodeID        // the live nodes, when they have fallen apart by deaths and pauses
	Incomplete string                   // why the events are not all there are; empty: they are
	Overwork   string                   // the run was stopped because it did more than it may; empty: it was not
	Broken     string                   // what the simulator saw a protocol do that none may do
	// Conditions are what the run is judged by, where the engine knows better than the plan. May be nil.
	Conditions *check.Conditions
	// Logs is the run as it was written down, readable until Close. Nil: it was told and not written.
	Logs fs.FS
}

// ErrRefused says that a node did not take a message.
var ErrRefused = errors.New("refused")

// carryOut takes a plan through an engine, up to the last read.
func carryOut(ctx context.Context, e Engine, p *Plan, tell func(*trace.Event), progress func(Action)) (refused int, end Ending, err error) {
	if err := e.Start(ctx, p, tell); err != nil {
		return 0, end, err
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		if ctx.Err() != nil {
			return refused, end, context.Cause(ctx)
		}
		if err := e.Wait(ctx, a.At); err != nil {
			return refused, end, err
		}
		if progress != nil {
			progress(*a)
		}
		switch err := e.Do(ctx, a); {
		case errors.Is(err, ErrRefused):
			refused++
		case err != nil:
			return refused, end, err
		}
	}
	if err := e.Wait(ctx, p.End); err != nil {
		return refused, end, err
	}
	end, err = e.Finish(ctx)
	return refused, end, err
}
