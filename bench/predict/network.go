package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// network is a running network of real processes.
type network struct {
	ctl   *gossipctl
	nodes int
}

// wish is what a network shall be.
type wish struct {
	topology []string
	nodes    int
	seed     uint64
	protocol string
	settings []string
	latency  string // of its links; empty: bare loopback
}

// portTries is how many blocks of ports are tried before giving up.
const portTries = 60

// start starts a network on the next free block of ports. When it fails, nothing is left running.
func (c *gossipctl) start(ctx context.Context, w wish) (*network, error) {
	args := append([]string{"start-network"}, w.topology...)
	args = append(args, "-n", strconv.Itoa(w.nodes), "--seed", strconv.FormatUint(w.seed, 10), "--protocol", w.protocol, "--repair", "none")
	for _, s := range w.settings {
		args = append(args, "--set", s)
	}
	if w.latency != "" {
		args = append(args, "--latency", w.latency)
	}
	var info struct{ Nodes []struct{ ID int } }
	var err error
	for range portTries {
		err = c.ask(ctx, &info, append(args, "--base-port", strconv.Itoa(c.port))...)
		var exit *exitError
		if !errors.As(err, &exit) || exit.status != conflict {
			break
		}
		c.port += w.nodes + 1
	}
	if err == nil && len(info.Nodes) != w.nodes {
		err = fmt.Errorf("start-network answered %d nodes for %d", len(info.Nodes), w.nodes)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop(ctx))
	}
	return &network{ctl: c, nodes: w.nodes}, nil
}

// stopTimeout bounds stopping a network, which is done even when we are out of time or interrupted. It is
// a guess, far above what a hundred nodes take.
const stopTimeout = 60 * time.Second

// stop stops the network, if there is one, also when ctx has ended.
func (c *gossipctl) stop(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var answer struct{}
	return c.ask(bounded, &answer, "stop-network")
}

// spread is what trace-message tells of a message.
type spread struct {
	Packets  float64 // copies of it that were sent; control packets do not count
	Coverage float64
	MeanHops float64                `json:"mean_hops"`
	MaxHops  float64                `json:"max_hops"`
	Latency  struct{ Last float64 } `json:"latency_ms"`
	Tree     []step                 // by arrival
}

// step is when a message first came to a node.
type step struct {
	AfterMS float64 `json:"after_ms"`
}

// publish gives nodes drawn by the seed one message after the other and returns their names. It asks for
// nothing while they spread: to answer takes the nodes time.
func (nw *network) publish(ctx context.Context, seed uint64, count int, every time.Duration) ([]string, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	tick := time.NewTicker(every)
	defer tick.Stop()
	var names []string
	for k := range count {
		var sent struct{ ID string }
		origin := 1 + rng.IntN(nw.nodes)
		if err := nw.ctl.ask(ctx, &sent, "send-message", strconv.Itoa(origin), "message "+strconv.Itoa(k+1)); err != nil {
			return nil, err
		}
		names = append(names, sent.ID)
		if err := next(ctx, tick); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// rest is how it is found out that a network has come to rest: the packets of its messages are counted until two
// counts are the same.
type rest struct {
	between  time.Duration // two counts; no protocol here is silent for so long and then sends a copy, unless one was lost
	patience time.Duration // until it is an error that they still differ
}

// spreads waits for the network to come to rest and returns what became of the messages.
func (nw *network) spreads(ctx context.Context, names []string, lossy bool) ([]spread, error) {
	if !lossy {
		for _, name := range names {
			var answer struct{}
			if err := nw.ctl.ask(ctx, &answer, "wait-message", name); err != nil {
				return nil, err
			}
		}
	}
	tick := time.NewTicker(nw.ctl.rest.between)
	defer tick.Stop()
	before := -1.0
	for deadline := time.Now().Add(nw.ctl.rest.patience); ; {
		list, total, err := nw.trace(ctx, names)
		if err != nil || total == before {
			return list, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the network has not come to rest within %v: %v packets and counting", nw.ctl.rest.patience, total)
		}
		before = total
		if err := next(ctx, tick); err != nil {
			return nil, err
		}
	}
}

// trace asks for all messages once, and adds up their packets.
func (nw *network) trace(ctx context.Context, names []string) (list []spread, total float64, err error) {
	for _, name := range names {
		var s spread
		if err := nw.ctl.ask(ctx, &s, "trace-message", name); err != nil {
			return nil, 0, err
		}
		list, total = append(list, s), total+s.Packets
	}
	return list, total, nil
}

// next waits for the clock.
func next(ctx context.Context, tick *time.Ticker) error {
	select {
	case <-tick.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
