// Record measures what recording costs: the deliveries a second of the same network with start-network
// --record and without, in turn. It starts gossipctl as anybody would.
//
//	go run ./bench/record --gossipctl bin/gossipctl
//
// A number is a measurement, never a failing exit status. Exit status: 0 measured, 1 something could not be
// measured, 2 misused, 130 interrupted. Whatever it started it stops again, in every case.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// lastWords is how long an interrupted command may take to clean up, and a network to stop.
const lastWords = 10 * time.Second

// options is what the user asked for.
type options struct {
	gossipctl string
	basePort  int
	nodes     int
	messages  int
	runs      int
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("record", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "./bin/gossipctl", "`path` of the gossipctl to try")
	f.IntVar(&o.basePort, "base-port", 26_000, "port of the controller; the nodes have those above")
	f.IntVar(&o.nodes, "nodes", 16, "nodes of the network")
	f.IntVar(&o.messages, "messages", 5000, "messages of a burst")
	f.IntVar(&o.runs, "runs", 5, "bursts of each kind")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.nodes < 2 || o.messages < 1 || o.runs < 1 {
		return o, errors.New("there are only flags: two nodes or more, and a message and a run or more")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; ctx ends when the user interrupts it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "record:", err)
		return 2
	}
	err = o.measure(ctx, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "record: interrupted")
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "record:", err)
		return 1
	}
	return 0
}

func (o options) measure(ctx context.Context, stdout, stderr io.Writer) error {
	rates := map[bool][]float64{}
	for range o.runs {
		for _, record := range []bool{false, true} { // in turn: the machine may grow slower meanwhile
			rate, err := o.once(ctx, stderr, record)
			if err != nil {
				return err
			}
			rates[record] = append(rates[record], rate)
		}
	}
	off, on := median(rates[false]), median(rates[true])
	_, err := fmt.Fprintf(stdout, "deliveries a second, median of %d bursts of %d messages at %d nodes\nnot recorded  %.0f\nrecorded      %.0f\nratio         %.2f\n",
		o.runs, o.messages, o.nodes, off, on, on/off)
	return err
}

// once measures one network in a burst.
func (o options) once(ctx context.Context, stderr io.Writer, record bool) (rate float64, err error) {
	const name = "bench-record"
	start := []string{"start-network", "-n", strconv.Itoa(o.nodes), "--seed", "1", "--base-port", strconv.Itoa(o.basePort), "-q", "-o", "name"}
	if record {
		start = append(start, "--record")
	}
	run := func(ctx context.Context, args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, o.gossipctl, append(args, "--network", name)...)
		c.Stderr = stderr
		// A group of its own: Ctrl-C at the terminal is ours to pass on.
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.WaitDelay = lastWords
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("gossipctl %s: %w", args[0], err)
		}
		return out, nil
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		if _, stopErr := run(end, "stop-network", "-q", "-o", "name"); err == nil {
			err = stopErr
		}
	}()
	if _, err := run(ctx, start...); err != nil {
		return 0, err
	}
	out, err := run(ctx, "benchmark-network", "--single", "0", "--burst", strconv.Itoa(o.messages), "-o", "json", "-q")
	if err != nil {
		return 0, err
	}
	var doc struct {
		Burst struct {
			Rate float64 `json:"deliveries_per_second"`
		} `json:"burst"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return 0, fmt.Errorf("reading what benchmark-network says: %w", err)
	}
	return doc.Burst.Rate, nil
}

// median of values, of which there is one at least.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
