package live

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"gossipctl/gossip"
)

// ClockRun returns the run of a node that starts now and that nobody counts the lives of, and the moment after which
// no other start gets the same.
func ClockRun(now time.Time) (run uint32, over time.Time, err error) { return clockRun(now) }

// Hand is how a node is run that a person has started.
type Hand struct {
	Ripe    time.Time    // no message is published before; see [ClockRun]
	Alone   bool         // nobody ends the node whom it has told goodbye over HTTP: it ends itself then
	Serving func() error // called once the node answers calls; an error ends it
	Leave   func()       // called when the node has said goodbye to its peers, before it ends
	Log     *slog.Logger // of what happens
}

// errTold ends a node that was told to leave.
var errTold = errors.New("told to leave")

// ByHand runs a node in this process, as [Child] does, for a person: on a listener that it takes over, until ctx ends
// or somebody tells the node to leave. Then it says goodbye, passes on what its queues hold, and returns.
func ByHand(ctx context.Context, cfg Config, l net.Listener, protocol func(Config) (gossip.Protocol, error), h Hand) error {
	defer l.Close()
	p, err := protocol(cfg)
	if err != nil {
		return err
	}
	log := h.Log.With("node", cfg.ID)
	s, err := newServer(cfg, p, l.Addr(), log)
	if err != nil {
		return err
	}
	s.ripe = h.Ripe
	life, told := context.WithCancelCause(ctx)
	defer told(nil)
	if h.Alone {
		s.gone = func() { told(errTold) }
	}
	serving, end := context.WithCancelCause(context.Background())
	defer end(nil)
	left := make(chan struct{})
	go func() { // ends with the node, which is waited for below
		defer close(left)
		select {
		case <-life.Done():
		case <-serving.Done():
			return // it could not serve
		}
		if !s.silent.Load() {
			s.Leave(context.Background()) // while others still listen to it
		}
		h.Leave()
		end(context.Cause(life))
	}()
	err = s.serve(serving, l, func() error {
		log.Info("started", "network", cfg.Network, "protocol", cfg.Protocol, "run", cfg.Run, "address", l.Addr().String(), "pid", os.Getpid())
		return h.Serving()
	})
	end(err)
	<-left
	log.Info("ended", "because", context.Cause(serving))
	return err
}
