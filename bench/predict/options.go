package main

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// options is what the user asked for.
type options struct {
	gossipctl string
	basePort  int
	latency   string
	output    string
	update    string
	timeout   time.Duration
	plan      plan
}

// The lowest port where networks are started: below what Linux hands out to outgoing connections,
// above what most servers use.
const lowestPort = 20_000

// defaultLatency is far longer than a process waits for a core, so that the links decide who is first: a flood
// takes two cores 8 ms of work in all, and 110 ms on these links. Exponential, because then a long way of quick
// packets often beats a short one: were all packets as quick, first ways would just be the shortest.
const defaultLatency = "exponential:20ms"

// parseOptions reads the command line. Errors and help go to stderr in flag's own words, the error
// comes back as well.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("predict", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "./bin/gossipctl", "`path` of the gossipctl to try")
	f.IntVar(&o.basePort, "base-port", lowestPort, "lowest port to use; networks move up until they find free ones")
	f.StringVar(&o.latency, "latency", defaultLatency, "`time` a packet takes, in both worlds, as start-network and simulate read it")
	f.StringVar(&o.output, "o", "table", "output `format`: table, markdown or json")
	f.StringVar(&o.update, "update", "", "also write the tables into this `document`, such as docs/predicted.md")
	// A full run takes about nine minutes, most of it waiting.
	f.DurationVar(&o.timeout, "timeout", 30*time.Minute, "bounds the whole run")
	quick := f.Bool("quick", false, "fewer networks and messages: for a look while working, not for the document")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("there are no arguments, only flags; got %q", f.Args())
	}
	if o.output != "table" && o.output != "markdown" && o.output != "json" {
		return o, fmt.Errorf("-o is %q; it can be table, markdown or json", o.output)
	}
	if o.timeout <= 0 || o.basePort < 1 || o.basePort > 60_000 {
		return o, fmt.Errorf("--timeout has to be positive and --base-port from 1 to 60000")
	}
	if *quick && o.update != "" {
		return o, fmt.Errorf("--quick measures too little for the document: leave --update or --quick away")
	}
	o.plan = fullPlan()
	if *quick {
		o.plan = quickPlan()
	}
	return o, nil
}
