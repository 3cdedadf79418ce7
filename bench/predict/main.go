// Predict shows that what the simulator predicts is what real processes do. It runs the same messages
// through real networks, one process a node, and through `gossipctl simulate`, on the same graphs and
// with the same settings, and compares the packets and the hops of a message; then it looks whether
// transmit-limited keeps the budget of hashicorp/memberlist. It measures from outside, by commands.
//
// The links of the real networks are given a latency, by start-network, and the same one is simulated. On
// bare loopback a packet takes no time, and by which way a message comes first is decided by which process
// the kernel lets run: docs/predicted.md says more.
//
// A number that is out of its bounds is a verdict, never a failing exit status. Exit status: 0 measured,
// 1 something could not be measured, 2 misused, 4 out of time, 130 interrupted. Whatever it started it
// stops again, in every case.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

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
		fmt.Fprintln(stderr, "predict:", err)
		return 2
	}
	bounded, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	report, err := measure(bounded, o, stderr)
	if report != nil {
		err = errors.Join(err, report.print(stdout, o.output))
	}
	if err == nil && o.update != "" {
		err = report.update(o.update)
	}
	if err != nil {
		fmt.Fprintln(stderr, "predict:", err)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "predict: interrupted")
		return 130
	case bounded.Err() != nil:
		fmt.Fprintf(stderr, "predict: out of time after %v; allow more with --timeout, or use --quick\n", o.timeout)
		return 4
	case err != nil:
		return 1
	}
	return 0
}
