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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lastWords is how long an interrupted command may take to clean up.
const lastWords = 10 * time.Second

// session is a network of gossipctl, with a state folder of its own.
type session struct {
	program string
	home    string
	env     []string
	pids    map[int]int // of nodes
	killed  map[int]bool
}

// nodes is what is read of show-network.
type nodes struct {
	Nodes []struct {
		ID  int `json:"id"`
		PID int `json:"pid"`
	} `json:"nodes"`
}

// views is what is read of list-members --all.
type views struct {
	Nodes []struct {
		Node     int  `json:"node"`
		Answered bool `json:"answered"`
		Members  []struct {
			ID    int       `json:"id"`
			State string    `json:"state"`
			Since time.Time `json:"since"`
		} `json:"members"`
	} `json:"nodes"`
}

// startGossipctl starts the network. The command returns when everybody knows everybody.
func startGossipctl(ctx context.Context, o options) (network, error) {
	if _, err := exec.LookPath(o.gossipctl); err != nil {
		return nil, fmt.Errorf("there is no gossipctl at %s; build it with make build, or name another with --gossipctl", o.gossipctl)
	}
	program, err := filepath.Abs(o.gossipctl)
	if err != nil {
		return nil, err
	}
	s := &session{program: program, pids: make(map[int]int), killed: make(map[int]bool)}
	if s.home, err = os.MkdirTemp("", "memberlist-"); err != nil {
		return nil, err
	}
	for _, variable := range os.Environ() {
		// Settings of the user's must not change what is measured.
		if !strings.HasPrefix(variable, "GOSSIPCTL_") && !strings.HasPrefix(variable, "XDG_") {
			s.env = append(s.env, variable)
		}
	}
	s.env = append(s.env, "XDG_STATE_HOME="+s.home, "XDG_CONFIG_HOME="+s.home)
	var n nodes
	err = s.ask(ctx, nil, "start-network", "bootstrap", "-n", strconv.Itoa(o.nodes), "--membership", "swim",
		"--base-port", strconv.Itoa(o.basePort), "--timeout", o.timeout.String())
	if err == nil {
		err = s.ask(ctx, &n, "show-network")
	}
	for _, node := range n.Nodes {
		s.pids[node.ID] = node.PID
	}
	if err == nil && len(s.pids) != o.nodes {
		err = fmt.Errorf("the network has %d nodes, not %d", len(s.pids), o.nodes)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

func (s *session) name() string { return "gossipctl swim" }

func (s *session) kill(_ context.Context, victim int) (time.Time, error) {
	pid := s.pids[victim]
	if pid <= 0 {
		return time.Time{}, fmt.Errorf("node %d has no process", victim)
	}
	now := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return now, fmt.Errorf("kill node %d: %w", victim, err)
	}
	s.killed[victim] = true
	return now, nil
}

func (s *session) mourners(ctx context.Context, victim int) (map[int]time.Time, error) {
	var v views
	if err := s.ask(ctx, &v, "list-members", "--all"); err != nil {
		return nil, err
	}
	return mournersOf(v, victim, s.killed), nil
}

// mournersOf reads who says that a node is dead, and since when. Those that were killed say nothing any more.
func mournersOf(v views, victim int, killed map[int]bool) map[int]time.Time {
	when := make(map[int]time.Time)
	for _, node := range v.Nodes {
		if !node.Answered || killed[node.Node] {
			continue
		}
		for _, m := range node.Members {
			if m.ID == victim && m.State == "dead" {
				when[node.Node] = m.Since
			}
		}
	}
	return when
}

// stop stops the network, also when ctx is over.
func (s *session) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := s.ask(ctx, nil, "stop-network"); err != nil {
		return fmt.Errorf("the state is kept in %s: %w", s.home, err)
	}
	return os.RemoveAll(s.home)
}

// ask runs a command and reads the JSON it answers with into a value, unless that is nil.
func (s *session) ask(ctx context.Context, answer any, args ...string) error {
	c := exec.CommandContext(ctx, s.program, append(args, "-o", "json")...)
	c.Env = s.env
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.WaitDelay = lastWords
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("gossipctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("gossipctl %s answers something else than expected: %w", strings.Join(args, " "), err)
	}
	return nil
}
