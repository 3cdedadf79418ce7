package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gossipctl/bench/program"
)

// lastWords is how long an interrupted command may take to clean up.
const lastWords = 10 * time.Second

// session is one run of the program, with a state folder of its own.
type session struct {
	options
	env      []string
	progress io.Writer
}

// network is what is read of show-network.
type network struct {
	Nodes []struct {
		ID       int `json:"id"`
		PID      int `json:"pid"`
		Messages int `json:"messages"`
	} `json:"nodes"`
}

// inbox is what is read of get-messages.
type inbox struct {
	Messages []struct {
		Sent     time.Time `json:"sent"`
		Received time.Time `json:"received"`
	} `json:"messages"`
}

func measure(ctx context.Context, o options, progress io.Writer) (r *report, err error) {
	if _, err := exec.LookPath(o.gossipctl); err != nil {
		return nil, fmt.Errorf("there is no gossipctl at %s; build it with make, or name another with --gossipctl", o.gossipctl)
	}
	home, err := os.MkdirTemp("", "slowpeer-")
	if err != nil {
		return nil, err
	}
	s := &session{options: o, progress: progress}
	if s.gossipctl, err = filepath.Abs(o.gossipctl); err != nil {
		return nil, err
	}
	for _, variable := range os.Environ() {
		// Settings of the user's must not change what is measured.
		if !strings.HasPrefix(variable, "GOSSIPCTL_") && !strings.HasPrefix(variable, "XDG_") {
			s.env = append(s.env, variable)
		}
	}
	s.env = append(s.env, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
	defer func() {
		// Also when ctx is over: what was started is stopped.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if stopErr := s.ask(stop, nil, "stop-network"); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("the state is kept in %s: %w", home, stopErr))
			return
		}
		err = errors.Join(err, os.RemoveAll(home))
	}()
	var n network
	if err := s.ask(ctx, &n, "start-network", "star", "-n", strconv.Itoa(o.neighbours+1), "--base-port", strconv.Itoa(o.basePort)); err != nil {
		return nil, err
	}
	if err := s.round(ctx, new([]time.Duration), 50, 0); err != nil { // links are opened, memory is taken
		return nil, err
	}
	r = new(report)
	for k := range o.rounds {
		share := o.messages*(k+1)/o.rounds - o.messages*k/o.rounds
		fmt.Fprintf(progress, "slowpeer: turn %d of %d\n", k+1, o.rounds)
		if err := s.round(ctx, &r.calm, share, 0); err != nil {
			return nil, err
		}
		if err := s.round(ctx, &r.stopped, share, n.Nodes[o.neighbours].PID); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// round sends messages, with the last neighbour stopped if its process is named, and adds how long they took
// to the others. It returns when that one has caught up, too.
func (s *session) round(ctx context.Context, took *[]time.Duration, messages, stopped int) (err error) {
	if stopped > 0 {
		if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stopping a node: %w", err)
		}
		defer syscall.Kill(stopped, syscall.SIGCONT)
	}
	text := strings.Repeat("x", s.size)
	for range messages {
		if err := s.ask(ctx, nil, "send-message", "1", text); err != nil {
			return err
		}
	}
	for id := 2; id <= s.neighbours; id++ {
		var box inbox
		for len(box.Messages) < messages {
			var more inbox
			if err := s.ask(ctx, &more, "get-messages", strconv.Itoa(id), "unread"); err != nil {
				return err
			}
			box.Messages = append(box.Messages, more.Messages...)
		}
		for _, m := range box.Messages {
			*took = append(*took, m.Received.Sub(m.Sent))
		}
	}
	if stopped > 0 {
		syscall.Kill(stopped, syscall.SIGCONT)
	}
	// A message that overflowed the queue never comes by itself: what is still coming comes soon.
	for last, same := -1, 0; same < 3; {
		var n network
		if err := s.ask(ctx, &n, "show-network"); err != nil {
			return err
		}
		now := n.Nodes[len(n.Nodes)-1].Messages
		if same++; now != last {
			last, same = now, 0
		}
	}
	return s.ask(ctx, nil, "get-messages", strconv.Itoa(s.neighbours+1), "unread")
}

// ask runs a command and decodes its answer.
func (s *session) ask(ctx context.Context, answer any, args ...string) error {
	g := program.Gossipctl{Path: s.gossipctl, Env: s.env, LastWords: lastWords}
	return g.Ask(ctx, answer, slices.Insert(slices.Clone(args), 1, "--network", "slowpeer", "-o", "json")...)
}
