package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// members is a network of memberlist: processes of this program.
type members struct {
	nodes []*member // node 1 first

	mu   sync.Mutex
	news chan struct{}             // closed, and replaced, with every word
	dead map[int]map[int]time.Time // by node that is dead: when others have taken it for it
	know map[int]map[int]bool      // by node: whom it knows
	rest sync.WaitGroup            // of readers
	told map[int]bool              // who is up
}

// member is one process.
type member struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
}

// startMembers starts the network and waits until everybody knows everybody.
func startMembers(ctx context.Context, o options) (network, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ms := &members{news: make(chan struct{}), dead: make(map[int]map[int]time.Time), know: make(map[int]map[int]bool), told: make(map[int]bool)}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	first := o.basePort + o.nodes + 1
	for i := range o.nodes {
		err := ms.startOne(program, i+1, first+i, first)
		if err == nil && i == 0 {
			err = ms.await(ctx, "node 1 is up", func() bool { return ms.told[1] })
		}
		if err != nil {
			return nil, errors.Join(err, ms.stop(ctx))
		}
	}
	err = ms.await(ctx, "everybody knows everybody", func() bool {
		for id := 1; id <= o.nodes; id++ {
			if !ms.told[id] || len(ms.know[id]) < o.nodes { // memberlist tells a node of itself too
				return false
			}
		}
		return true
	})
	if err != nil {
		return nil, errors.Join(err, ms.stop(ctx))
	}
	return ms, nil
}

func (ms *members) name() string { return "memberlist" }

func (ms *members) startOne(program string, id, port, first int) error {
	m := &member{cmd: exec.Command(program, asNode, strconv.Itoa(id), strconv.Itoa(port), strconv.Itoa(first))}
	m.cmd.Stderr = &m.stderr
	stdin, err := m.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return fmt.Errorf("start node %d of memberlist: %w", id, err)
	}
	m.stdin = stdin
	ms.nodes = append(ms.nodes, m)
	ms.rest.Go(func() { ms.read(id, stdout) })
	return nil
}

// read takes in what a node tells.
func (ms *members) read(id int, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var w word
		if json.Unmarshal(lines.Bytes(), &w) != nil {
			continue // the last line of a node that was killed
		}
		ms.take(id, w)
	}
}

// take notes what a node tells.
func (ms *members) take(id int, w word) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	switch w.Event {
	case "up":
		ms.told[id] = true
	case "join":
		if ms.know[id] == nil {
			ms.know[id] = make(map[int]bool)
		}
		ms.know[id][w.Node] = true
		delete(ms.dead[w.Node], id)
	case "leave":
		if ms.dead[w.Node] == nil {
			ms.dead[w.Node] = make(map[int]time.Time)
		}
		ms.dead[w.Node][id] = w.At
	}
	close(ms.news)
	ms.news = make(chan struct{})
}

// await waits until something holds.
func (ms *members) await(ctx context.Context, what string, holds func() bool) error {
	for {
		ms.mu.Lock()
		done, news := holds(), ms.news
		ms.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("memberlist: waiting until %s: %w", what, ctx.Err())
		case <-news:
		}
	}
}

func (ms *members) kill(_ context.Context, victim int) (time.Time, error) {
	now := time.Now()
	if err := ms.nodes[victim-1].cmd.Process.Kill(); err != nil {
		return now, fmt.Errorf("kill node %d: %w", victim, err)
	}
	return now, nil
}

func (ms *members) mourners(_ context.Context, victim int) (map[int]time.Time, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	when := make(map[int]time.Time)
	for id, at := range ms.dead[victim] {
		when[id] = at
	}
	return when, nil
}

// stop ends all nodes. They are not asked to leave: nobody is left to hear of it.
func (ms *members) stop(context.Context) error {
	var problems []error
	for _, m := range ms.nodes {
		m.stdin.Close()
		m.cmd.Process.Kill() // it may have ended by itself
	}
	ms.rest.Wait()
	for i, m := range ms.nodes {
		m.cmd.Wait() // killed, which is no news
		if m.stderr.Len() > 0 {
			problems = append(problems, fmt.Errorf("node %d of memberlist said: %s", i+1, bytes.TrimSpace(m.stderr.Bytes())))
		}
	}
	ms.nodes = nil
	return errors.Join(problems...)
}
