package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gossipctl/bench/limit"
)

// Bounds of --sizes: a 3-regular graph needs an even number of nodes, 4 or more, and nobody has
// measured a machine's limit beyond a thousand processes.
const (
	minNodes = 4
	maxNodes = 1000
)

// options is what the user asked for.
type options struct {
	gossipctl  string
	limitsOnly bool
	limitProcs int
	output     string
	timeout    time.Duration
	plan       plan
	programs   limit.Programs // zero: built for this run
}

// plan says what is measured at which sizes, and how often. Each number printed is the median.
type plan struct {
	starts, singles, bursts []int // numbers of nodes

	startTimes  int // starts and stops at each size
	singleTimes int // messages one by one
	burstTimes  int // bursts
	burstCount  int // messages in a burst
	askTimes    int // commands

	settle time.Duration // how long memory may take to come back after a burst
}

// settleTime is for Go's way of giving memory back: in the background, after a collection, over
// some seconds. What a node holds for longer it has not given back, as far as a user can tell.
const settleTime = 15 * time.Second

// The sizes are those the targets are stated for (targets.go); 500 stands for 1,000, which takes
// a minute more and tells the same. 50 single messages put the median within a few per cent, 30
// commands likewise. A burst is thousands of messages already; 3, because the first is slower by
// half, on both sides, while buffers grow.
func fullPlan() plan {
	return plan{
		starts: []int{16, 100, 500}, singles: []int{16, 64, 256}, bursts: []int{16, 64},
		startTimes: 5, singleTimes: 50, burstTimes: 3, burstCount: 10_000, askTimes: 30, settle: settleTime,
	}
}

// quickPlan is for a look while working: a few seconds, and medians that waver.
func quickPlan() plan {
	return plan{
		starts: []int{16, 100}, singles: []int{16, 64}, bursts: []int{16},
		startTimes: 3, singleTimes: 20, burstTimes: 3, burstCount: 10_000, askTimes: 10, settle: settleTime,
	}
}

// parseOptions reads the command line. Errors and help go to stderr in flag's own words, the
// error comes back as well.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "./bin/gossipctl", "`path` of the gossipctl to measure")
	f.BoolVar(&o.limitsOnly, "limits", false, "measure the machine's limits only, no gossipctl")
	// 1, because a node process runs better so when there are more nodes than cores: the
	// stricter limit.
	f.IntVar(&o.limitProcs, "limit-procs", 1, "GOMAXPROCS of the limit programs; 0 leaves it to Go")
	f.StringVar(&o.output, "o", "table", "output `format`: table or json")
	// A full run takes about two minutes on two quiet cores.
	f.DurationVar(&o.timeout, "timeout", 15*time.Minute, "bounds the whole run")
	sizes := f.String("sizes", "", "numbers of nodes for every measurement, such as `16,64`, instead of each one's own")
	quick := f.Bool("quick", false, "fewer sizes and repetitions")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("there are no arguments, only flags; got %q", f.Args())
	}
	if o.output != "table" && o.output != "json" {
		return o, fmt.Errorf("-o is %q; it can be table or json", o.output)
	}
	if o.timeout <= 0 || o.limitProcs < 0 {
		return o, fmt.Errorf("--timeout has to be positive and --limit-procs 0 or more")
	}
	o.plan = fullPlan()
	if *quick {
		o.plan = quickPlan()
	}
	if *sizes != "" {
		list, err := parseSizes(*sizes)
		if err != nil {
			return o, err
		}
		o.plan.starts, o.plan.singles, o.plan.bursts = list, list, list
	}
	return o, nil
}

// parseSizes reads a list such as "16,64".
func parseSizes(text string) ([]int, error) {
	var sizes []int
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < minNodes || n > maxNodes || n%2 != 0 {
			return nil, fmt.Errorf("--sizes holds %q; a size is an even number from %d to %d", word, minNodes, maxNodes)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
