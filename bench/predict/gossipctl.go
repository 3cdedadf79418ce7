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

// commandTimeout is what every command gets as --timeout. They take milliseconds; on a machine that is
// busy with other things, to start 64 processes may take seconds.
const commandTimeout = 60 * time.Second

// lastWords is how long an interrupted command may take to clean up; it is also how long its output may
// stay open after it has ended, which happens when a child of it kept the pipe.
const lastWords = 10 * time.Second

// gossipctl runs the commands of the executable under trial, in a state folder of our own.
type gossipctl struct {
	path string
	env  []string
	port int // where the next network is tried
	rest rest
}

// networkName is the network every command works on.
const networkName = "predict"

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
func newGossipctl(path, home string, port int, rest rest) (*gossipctl, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(path); err != nil {
		return nil, fmt.Errorf("there is no gossipctl at %s; build it with make, or name another with --gossipctl", path)
	}
	c := &gossipctl{path: path, port: port, rest: rest}
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

// ask runs a command and decodes its answer.
func (c *gossipctl) ask(ctx context.Context, answer any, args ...string) error {
	name := args[0]
	// Flags go right after the name: words such as a message may follow.
	flags := []string{"-o", "json"}
	if name != "simulate" {
		flags = append(flags, "--timeout", commandTimeout.String(), "--network", networkName)
	}
	cmd := exec.CommandContext(ctx, c.path, slices.Insert(slices.Clone(args), 1, flags...)...)
	cmd.Env = c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own: Ctrl-C at the terminal is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lastWords

	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("gossipctl %s: %w", name, context.Cause(ctx))
	case errors.As(err, &exit):
		return &exitError{name, exit.ExitCode(), complaint(stdout.Bytes(), stderr.Bytes())}
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("gossipctl %s: it ended, but a process it started keeps its output open: %w", name, err)
	case err != nil:
		return fmt.Errorf("gossipctl %s: %w", name, err)
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("gossipctl %s: its answer is not the JSON agreed on: %w", name, err)
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
