// Bench measures gossipctl against the limits of the machine it runs on, in one run: for each
// number first the limit, by minimal programs without any features (bench/limit), then gossipctl,
// by its commands. What it prints are ratios, because absolute numbers move from machine to
// machine. Missing a target is a verdict, never a failing exit status.
//
// Exit status: 0 measured, 1 something failed and could not be measured, 2 misused, 4 out of
// time, 130 interrupted. Whatever it started it stops again, in every case.
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
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	bounded, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	report, err := measure(bounded, o, stderr)
	if err == nil || len(report.Rows) > 0 {
		err = errors.Join(err, report.print(stdout, o.output))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted")
		return 130
	case bounded.Err() != nil:
		fmt.Fprintf(stderr, "bench: out of time after %v; allow more with --timeout, or use --quick\n", o.timeout)
		return 4
	case err != nil || report.failed():
		return 1
	}
	return 0
}
