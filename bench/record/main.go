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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"gossipctl/bench/program"
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
	ctx, stop := program.Interruptible()
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; ctx ends when the user interrupts it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	parse := func() (err error) {
		o, err = parseOptions(args, stderr)
		return err
	}
	return program.Run(ctx, "record", stderr, parse, func(ctx context.Context) error {
		return o.measure(ctx, stdout)
	})
}

func (o options) measure(ctx context.Context, stdout io.Writer) error {
	rates := map[bool][]float64{}
	for range o.runs {
		for _, record := range []bool{false, true} { // in turn: the machine may grow slower meanwhile
			rate, err := o.once(ctx, record)
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
func (o options) once(ctx context.Context, record bool) (rate float64, err error) {
	const name = "bench-record"
	start := []string{"start-network", "-n", strconv.Itoa(o.nodes), "--seed", "1", "--base-port", strconv.Itoa(o.basePort), "-o", "name"}
	if record {
		start = append(start, "--record")
	}
	g := program.Gossipctl{Path: o.gossipctl, LastWords: lastWords}
	run := func(ctx context.Context, answer any, args ...string) error {
		return g.Ask(ctx, answer, append(args, "--network", name, "-q")...)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		if stopErr := run(end, nil, "stop-network", "-o", "name"); err == nil {
			err = stopErr
		}
	}()
	if err := run(ctx, nil, start...); err != nil {
		return 0, err
	}
	var doc struct {
		Burst struct {
			Rate float64 `json:"deliveries_per_second"`
		} `json:"burst"`
	}
	if err := run(ctx, &doc, "benchmark-network", "--single", "0", "--burst", strconv.Itoa(o.messages), "-o", "json"); err != nil {
		return 0, err
	}
	return doc.Burst.Rate, nil
}

// median of values, of which there is one at least.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
