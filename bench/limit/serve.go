package limit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Servers are running copies of servelimit.
type Servers struct {
	Started time.Duration // from the first launch until all copies served
	urls    []string
	copies  []*exec.Cmd
	life    *os.File // the copies end when this closes
}

// StartServers starts n copies of the program one after another without waiting for each, and
// returns once all serve. Procs is their GOMAXPROCS; 0 leaves it to Go. Their listeners are bound before the clock starts: what is measured is
// processes, not ports.
func StartServers(ctx context.Context, program string, n, procs int) (*Servers, error) {
	listeners, urls, err := bind(n)
	if err != nil {
		return nil, err
	}
	defer closeAll(listeners)
	ready, said, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	lifeline, life, err := os.Pipe()
	if err != nil {
		said.Close()
		return nil, err
	}
	defer lifeline.Close()

	s := &Servers{urls: urls, life: life}
	began := time.Now()
	for _, listener := range listeners {
		c := exec.CommandContext(ctx, program)
		c.Stdin, c.Stderr, c.Env = lifeline, os.Stderr, environment(procs)
		c.ExtraFiles = []*os.File{listener, said}
		if err = c.Start(); err != nil {
			break
		}
		s.copies = append(s.copies, c)
	}
	said.Close() // so that the pipe ends early when a copy does
	if err == nil {
		_, err = io.ReadFull(ready, make([]byte, n))
	}
	s.Started = time.Since(began)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %d copies of servelimit: %w", n, err), context.Cause(ctx), s.Kill())
	}
	return s, nil
}

// URL is where copy k, counted from 1, answers.
func (s *Servers) URL(k int) string { return s.urls[k-1] }

// PIDs are the process numbers of the copies.
func (s *Servers) PIDs() []int { return pids(s.copies) }

// Stop terminates all copies and returns how long that took, all of them reaped.
func (s *Servers) Stop() (time.Duration, error) {
	began := time.Now()
	for _, c := range s.copies {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			return 0, errors.Join(fmt.Errorf("stop servelimit: %w", err), s.Kill())
		}
	}
	for _, c := range s.copies {
		c.Wait() // ends with the signal, which Wait calls an error
	}
	took := time.Since(began)
	s.copies = nil
	return took, s.life.Close()
}

// Kill ends the copies that are left without ceremony and reaps them.
func (s *Servers) Kill() error {
	kill(s.copies)
	s.copies = nil
	return s.life.Close()
}

// bind opens n listeners on free loopback ports, as files to hand to children.
func bind(n int) (listeners []*os.File, urls []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			closeAll(listeners)
			return nil, nil, fmt.Errorf("bind listener %d of %d: %w", len(listeners)+1, n, err)
		}
		file, err := l.(*net.TCPListener).File()
		l.Close()
		if err != nil {
			closeAll(listeners)
			return nil, nil, err
		}
		listeners = append(listeners, file)
		urls = append(urls, "http://"+l.Addr().String()+"/")
	}
	return listeners, urls, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func pids(commands []*exec.Cmd) []int {
	list := make([]int, len(commands))
	for i, c := range commands {
		list[i] = c.Process.Pid
	}
	return list
}

// kill ends our own unreaped children: their numbers cannot have passed to others.
func kill(commands []*exec.Cmd) {
	for _, c := range commands {
		c.Process.Kill()
	}
	for _, c := range commands {
		c.Wait()
	}
}
