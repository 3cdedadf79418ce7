package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// commandTimeout is what every command gets as --timeout: enough for a burst over 64 nodes at the
// pace of the slowest library measured (10,000 × 64 deliveries at 6,600/s).
const commandTimeout = 100 * time.Second

// lastWords is how long an interrupted command may take to clean up; it is also how long its
// output may stay open after it has ended, which happens when a child of it kept the pipe.
const lastWords = 10 * time.Second

// gossipctl runs the commands of the executable under measurement, on a network and in a state
// folder of our own.
type gossipctl struct {
	path     string
	env      []string
	patience time.Duration // how long processes may outlive stop-network before that is an error
}

// endPatience is there for the kernel, which may take its time to free big processes, and not for
// stop-network, which promises to return when all have ended.
const endPatience = 5 * time.Second

// networkName is the network every command works on.
const networkName = "bench"

// exitError is a command that ended with a status other than 0.
type exitError struct {
	command string
	status  int
	message string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("gossipctl %s: exit status %d: %s", e.command, e.status, e.message)
}

// conflict is the exit status for a port in use.
const conflict = 6

// newGossipctl checks the executable and gives it the folder home for its state and configuration.
func newGossipctl(path, home string) (*gossipctl, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(path); err != nil {
		return nil, fmt.Errorf("there is no gossipctl to measure at %s; build it, name another with --gossipctl, or measure the limits alone with --limits", path)
	}
	c := &gossipctl{path: path, patience: endPatience}
	for _, variable := range os.Environ() {
		// Settings of the user's must not change what is measured.
		if !strings.HasPrefix(variable, "GOSSIPCTL_") && !strings.HasPrefix(variable, "XDG_") {
			c.env = append(c.env, variable)
		}
	}
	for _, kind := range []string{"STATE", "CONFIG", "CACHE", "DATA"} {
		c.env = append(c.env, "XDG_"+kind+"_HOME="+filepath.Join(home, strings.ToLower(kind)))
	}
	return c, nil
}

// run executes one command and returns its stdout, and the time from entering it to its end.
func (c *gossipctl) run(ctx context.Context, args ...string) ([]byte, time.Duration, error) {
	name := args[0]
	// Flags go right after the name: words such as a message may follow.
	args = slices.Insert(slices.Clone(args), 1, "--network", networkName, "--timeout", commandTimeout.String(), "-o", "json")
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env = c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own: Ctrl-C at the terminal is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lastWords

	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, took, fmt.Errorf("gossipctl %s: %w", name, context.Cause(ctx))
	case errors.As(err, &exit):
		return stdout.Bytes(), took, &exitError{name, exit.ExitCode(), complaint(stdout.Bytes(), stderr.Bytes())}
	case errors.Is(err, exec.ErrWaitDelay):
		return nil, took, fmt.Errorf("gossipctl %s: it ended, but a process it started keeps its output open: %w", name, err)
	case err != nil:
		return nil, took, fmt.Errorf("gossipctl %s: %w", name, err)
	}
	return stdout.Bytes(), took, nil
}

// ask runs a command and decodes its answer.
func (c *gossipctl) ask(ctx context.Context, answer any, args ...string) (time.Duration, error) {
	stdout, took, err := c.run(ctx, args...)
	if err != nil {
		return took, err
	}
	return took, decode(stdout, answer, args[0])
}

func decode(stdout []byte, answer any, command string) error {
	if err := json.Unmarshal(stdout, answer); err != nil {
		return fmt.Errorf("gossipctl %s: its answer is not the JSON agreed on: %w", command, err)
	}
	return nil
}

// complaint finds the sentence in what a failed command wrote.
func complaint(stdout, stderr []byte) string {
	var told struct {
		Error struct{ Message, Hint string }
	}
	if json.Unmarshal(stdout, &told) == nil && told.Error.Message != "" {
		return strings.TrimSpace(told.Error.Message + " " + told.Error.Hint)
	}
	return strings.TrimSpace(string(stderr))
}
