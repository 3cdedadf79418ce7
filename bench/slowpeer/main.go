// Slowpeer measures what one stopped neighbour costs the others. It starts a hub with neighbours, as real
// processes, sends messages through the hub while all run, and as many while one of them is stopped by
// SIGSTOP, in turns, and prints how long messages took to the others: the median, the 99th percentile, and
// the ratio of the two states. It measures from outside, by commands.
//
// Both states are measured in one run on one network, because a machine is never twice the same; a busy one
// makes percentiles waver all the same. A number is a measurement, never a failing exit status. Exit status:
// 0 measured, 1 something could not be measured, 2 misused, 130 interrupted. Whatever it started it stops
// again, in every case.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"gossipctl/bench/program"
)

// options is what the user asked for.
type options struct {
	gossipctl  string
	basePort   int
	neighbours int
	messages   int
	rounds     int
	size       int
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("slowpeer", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "./bin/gossipctl", "`path` of the gossipctl to try")
	f.IntVar(&o.basePort, "base-port", 20_000, "port of the controller; the nodes have those above")
	f.IntVar(&o.neighbours, "neighbours", 10, "neighbours of the hub, of which one is stopped")
	f.IntVar(&o.messages, "messages", 1000, "messages in each of the two states")
	f.IntVar(&o.rounds, "rounds", 4, "how often the states take turns")
	f.IntVar(&o.size, "size", 256, "bytes of a message")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.neighbours < 2 || o.rounds < 1 || o.messages < o.rounds || o.size < 0 {
		return o, errors.New("there are only flags: two neighbours or more, one round or more, and a message in each")
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
	return program.Run(ctx, "slowpeer", stderr, parse, func(ctx context.Context) error {
		r, err := measure(ctx, o, stderr)
		if err != nil {
			return err
		}
		return r.print(stdout, o)
	})
}

// report is how long messages took to the neighbours that ran, in both states.
type report struct {
	calm, stopped []time.Duration
}

// percentile is by the nearest-rank method: always a value that was measured.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

func (r *report) print(w io.Writer, o options) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d neighbours, %d messages of %d bytes in each state, in %d turns\n\n", o.neighbours, o.messages, o.size, o.rounds)
	fmt.Fprintf(t, "state\tdeliveries\tp50\tp99\n")
	for _, s := range []struct {
		name   string
		values []time.Duration
	}{{"all run", r.calm}, {"one is stopped", r.stopped}} {
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\n", s.name, len(s.values), percentile(s.values, 0.5).Round(time.Microsecond), percentile(s.values, 0.99).Round(time.Microsecond))
	}
	ratio := func(p float64) float64 {
		return float64(percentile(r.stopped, p)) / float64(max(percentile(r.calm, p), 1))
	}
	fmt.Fprintf(t, "ratio\t\t%.2f\t%.2f\n", ratio(0.5), ratio(0.99))
	return t.Flush()
}
