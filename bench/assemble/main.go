// Assemble measures how long real nodes take to find each other from one contact: 16, 64 and 256 processes, until
// every node knows every other (with hyparview: until all have neighbours and hang together), and then how long a
// message takes to the last of them. Beside each stands a static network of the same size from the same run, whose
// nodes are told their peers, and the ratio to it. It starts gossipctl as anybody would.
//
//	go run ./bench/assemble --gossipctl bin/gossipctl
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
	"strings"
	"time"

	"gossipctl/bench/program"
)

// static is the kind of network whose nodes are told their peers.
const static = "static"

// kinds are what can be measured: static, or a network that assembles itself, by its membership.
var kinds = []string{static, "none", "swim", "hyparview"}

// options is what the user asked for.
type options struct {
	gossipctl string
	basePort  int
	sizes     []int
	kinds     []string // without static
	runs      int
	messages  int
	timeout   time.Duration
	json      bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("assemble", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "./bin/gossipctl", "`path` of the gossipctl to try")
	f.IntVar(&o.basePort, "base-port", 26_000, "port of the controller; the nodes have those above")
	sizes := f.String("sizes", "16,64,256", "numbers of nodes")
	memberships := f.String("memberships", "none,swim,hyparview", "of the networks that assemble themselves")
	f.IntVar(&o.runs, "runs", 3, "networks of each kind and size; of their figures the median is told")
	f.IntVar(&o.messages, "messages", 5, "messages through each; the first one besides opens the links")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "longest time a network may take to start")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 5 {
			return o, fmt.Errorf("--sizes %q: each must be a whole number from 5", *sizes)
		}
		o.sizes = append(o.sizes, n)
	}
	for name := range strings.SplitSeq(*memberships, ",") {
		if name == static || !slices.Contains(kinds, name) {
			return o, fmt.Errorf("--memberships %q: each must be one of %s", *memberships, strings.Join(kinds[1:], ", "))
		}
		o.kinds = append(o.kinds, name)
	}
	if f.NArg() > 0 || o.runs < 1 || o.messages < 1 || o.timeout <= 0 {
		return o, errors.New("there are only flags: a run or more, a message or more, and a timeout above 0")
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
	return program.Run(ctx, "assemble", stderr, parse, func(ctx context.Context) error {
		rows, err := o.measure(ctx)
		if err != nil {
			return err
		}
		return report(stdout, rows, o.json)
	})
}

// measure measures every kind of every size, in turn: the machine may grow slower meanwhile.
func (o *options) measure(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, size := range o.sizes {
		results := make(map[string][]figures)
		for range o.runs {
			for _, kind := range slices.Concat([]string{static}, o.kinds) {
				f, err := o.once(ctx, kind, size)
				if err != nil {
					return nil, fmt.Errorf("%s, %d nodes: %w", kind, size, err)
				}
				results[kind] = append(results[kind], f)
			}
		}
		base := middle(results[static])
		for _, kind := range slices.Concat([]string{static}, o.kinds) {
			rows = append(rows, newRow(kind, size, middle(results[kind]), base))
		}
	}
	return rows, nil
}
