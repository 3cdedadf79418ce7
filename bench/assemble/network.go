package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
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
func (o *options) once(ctx context.Context, stderr io.Writer, kind string, size int) (f figures, err error) {
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
		if stopErr := o.ask(end, stderr, nil, "stop-network"); err == nil {
			err = stopErr
		}
	}()
	var network started
	began := time.Now()
	if err := o.ask(ctx, stderr, &network, args...); err != nil {
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
		last, err := o.message(ctx, stderr, 1+(i*size/(o.messages+1)), size)
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
func (o *options) message(ctx context.Context, stderr io.Writer, from, size int) (ms float64, err error) {
	var sent struct{ ID string }
	if err := o.ask(ctx, stderr, &sent, "send-message", strconv.Itoa(from), "hello"); err != nil {
		return 0, err
	}
	if err := o.ask(ctx, stderr, nil, "wait-message", sent.ID); err != nil {
		return 0, err
	}
	var traced struct {
		Reached int
		Latency struct{ Last float64 } `json:"latency_ms"`
	}
	if err := o.ask(ctx, stderr, &traced, "trace-message", sent.ID); err != nil {
		return 0, err
	}
	if traced.Reached != size {
		return 0, fmt.Errorf("message %s has reached %d of %d nodes", sent.ID, traced.Reached, size)
	}
	return traced.Latency.Last, nil
}

// ask runs gossipctl and reads its answer into result, unless that is nil.
func (o *options) ask(ctx context.Context, stderr io.Writer, result any, args ...string) error {
	c := exec.CommandContext(ctx, o.gossipctl, append(args, "--network", name, "-o", "json", "-q")...)
	c.Stderr = stderr
	// A group of its own: Ctrl-C at the terminal is ours to pass on.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = lastWords
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("gossipctl %s: %w: %.300s", args[0], err, out)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(out, result); err != nil {
		return fmt.Errorf("reading what %s says: %w", args[0], err)
	}
	return nil
}
