// Package program is what the measuring programs have in common: how they end, and how they run gossipctl, which is
// as anybody would.
package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Exit statuses. A number is a measurement, never a failing one.
const (
	Measured    = 0
	Failed      = 1 // something could not be measured
	Misused     = 2
	Interrupted = 130
)

// Interruptible returns a context that ends when the user interrupts the program, and what gives the signals back.
func Interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// Run is a whole program: parse reads its flags, measure does the rest. It returns the exit status, and says on stderr
// what went wrong, after the name of the program.
func Run(ctx context.Context, name string, stderr io.Writer, parse func() error, measure func(context.Context) error) int {
	err := parse()
	if errors.Is(err, flag.ErrHelp) {
		return Measured
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return Misused
	}
	err = measure(ctx)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "%s: interrupted\n", name)
		return Interrupted
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return Failed
	}
	return Measured
}

// Gossipctl is a program to measure.
type Gossipctl struct {
	Path string
	Env  []string // nil: this process's own
	// LastWords is how long an interrupted command may take to clean up.
	LastWords time.Duration
}

// Ask runs a command that answers in JSON, and reads that into answer, unless it is nil. When ctx ends the command is
// interrupted. The error has what it said.
func (g Gossipctl) Ask(ctx context.Context, answer any, args ...string) error {
	c := exec.CommandContext(ctx, g.Path, args...)
	c.Env = g.Env
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	// A group of its own: Ctrl-C at the terminal is ours to pass on.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = g.LastWords
	if err := c.Run(); err != nil {
		return fmt.Errorf("gossipctl %s: %w: %.300s%.300s", args[0], err, out.Bytes(), errs.Bytes())
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return fmt.Errorf("gossipctl %s: its answer is not the JSON agreed on: %w", args[0], err)
	}
	return nil
}
