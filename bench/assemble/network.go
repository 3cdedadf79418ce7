package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gossipctl/bench/program"
)

const (
	// lastWords is how long an interrupted command may take to clean up, and a network to stop.
	lastWords = 20 * time.Second
	// name is that of every network here.
	name = "bench-assemble"
	// staticDegree is about how many peers nodes of a network choose that assembles itself.
	staticDegree = "4"
)

// figures are what one network has come to.
type figures struct {
	start  float64 // ms until start-network has returned
	found  float64 // ms from when all nodes were ready until they had found each other
	rounds float64 // the same in rounds
	last   float64 // ms until the last node had a message: the median of several
}

// started is what is read of the JSON of start-network.
type started struct {
	Nodes     []struct{ ID int }
	Assembled *struct {
		MS     float64
		Rounds float64
	}
}

// once measures one network.
func (o *options) once(ctx context.Context, kind string, size int) (f figures, err error) {
	args := []string{"start-network"}
	if kind == static {
		args = append(args, "random", staticDegree)
	} else {
		args = append(args, "bootstrap", "--membership", kind)
	}
	args = append(args, "-n", strconv.Itoa(size), "--seed", "1", "--base-port", strconv.Itoa(o.basePort), "--timeout", o.timeout.String())
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		if stopErr := o.ask(end, nil, "stop-network"); err == nil {
			err = stopErr
		}
	}()
	var network started
	began := time.Now()
	if err := o.ask(ctx, &network, args...); err != nil {
		return f, err
	}
	f.start = float64(time.Since(began).Microseconds()) / 1000
	switch a := network.Assembled; {
	case len(network.Nodes) != size:
		return f, fmt.Errorf("start-network tells of %d nodes", len(network.Nodes))
	case a != nil:
		f.found, f.rounds = a.MS, a.Rounds
	case kind != static:
		return f, errors.New("start-network does not tell how long the nodes took to find each other")
	}
	var times []float64
	for i := range o.messages + 1 {
		last, err := o.message(ctx, 1+(i*size/(o.messages+1)), size)
		if err != nil {
			return f, err
		}
		if i > 0 { // the first one has opened the links
			times = append(times, last)
		}
	}
	f.last = median(times)
	return f, nil
}

// message sends one and returns how long it took to the last node.
func (o *options) message(ctx context.Context, from, size int) (ms float64, err error) {
	var sent struct{ ID string }
	if err := o.ask(ctx, &sent, "send-message", strconv.Itoa(from), "hello"); err != nil {
		return 0, err
	}
	if err := o.ask(ctx, nil, "wait-message", sent.ID); err != nil {
		return 0, err
	}
	var traced struct {
		Reached int
		Latency struct{ Last float64 } `json:"latency_ms"`
	}
	if err := o.ask(ctx, &traced, "trace-message", sent.ID); err != nil {
		return 0, err
	}
	if traced.Reached != size {
		return 0, fmt.Errorf("message %s has reached %d of %d nodes", sent.ID, traced.Reached, size)
	}
	return traced.Latency.Last, nil
}

// ask runs gossipctl and reads its answer into result, unless that is nil.
func (o *options) ask(ctx context.Context, result any, args ...string) error {
	g := program.Gossipctl{Path: o.gossipctl, LastWords: lastWords}
	return g.Ask(ctx, result, append(args, "--network", name, "-o", "json", "-q")...)
}
