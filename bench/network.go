package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"gossipctl/topology"
)

// Every network measured is random with so many peers a node, and drawn from this seed: what the
// targets are stated for, and any number.
const (
	degree = 3
	seed   = 1
)

// stopTimeout bounds stopping a network, which is done even when the benchmark itself is out of
// time or was interrupted. It is a guess, far above the goal for a thousand nodes.
const stopTimeout = 60 * time.Second

// network is a running gossipctl network.
type network struct {
	ctl     *gossipctl
	Started time.Duration // command entered to command returned
	graph   *topology.Graph
	members []process // nodes and controller
}

// networkInfo is what start-network and show-network answer.
type networkInfo struct {
	Controller struct{ PID int }
	Nodes      []struct {
		ID    int
		PID   int
		State string
		Peers []int
	}
}

// startNetwork starts n nodes on a free block of ports. When it fails nothing is left running, as
// far as stop-network can tell.
func (c *gossipctl) startNetwork(ctx context.Context, n int) (*network, error) {
	var info networkInfo
	var took time.Duration
	err := withFreePorts(n+1, func(base int) (err error) {
		took, err = c.ask(ctx, &info, "start-network", "random", strconv.Itoa(degree),
			"-n", strconv.Itoa(n), "--seed", strconv.Itoa(seed), "--base-port", strconv.Itoa(base),
			"--repair", "none") // the protocol is measured, and nothing beside it
		return err
	})
	if err != nil {
		_, _, stopErr := c.stopNetwork(ctx)
		return nil, errors.Join(err, stopErr)
	}
	nw := &network{ctl: c, Started: took}
	if err := nw.meet(info, n); err != nil {
		_, stopErr := nw.stop(ctx)
		return nil, errors.Join(err, stopErr)
	}
	return nw, nil
}

// meet notes the graph and the processes of a network that has just started.
func (nw *network) meet(info networkInfo, n int) error {
	if len(info.Nodes) != n {
		return fmt.Errorf("start-network answered %d nodes for %d", len(info.Nodes), n)
	}
	nw.graph = topology.New(n)
	pids := []int{info.Controller.PID}
	for _, node := range info.Nodes {
		if node.ID < 1 || node.ID > n {
			return fmt.Errorf("start-network named a node %d among %d", node.ID, n)
		}
		for _, p := range node.Peers {
			if p == node.ID || !nw.graph.HasNode(p) {
				return fmt.Errorf("start-network gave node %d the peer %d", node.ID, p)
			}
			nw.graph.AddEdge(node.ID, p)
		}
		pids = append(pids, node.PID)
	}
	var err error
	nw.members, err = identify(pids)
	return err
}

// pids are the process numbers of the nodes, asked anew; a node that does not run is an error.
func (nw *network) pids(ctx context.Context) ([]int, error) {
	var info networkInfo
	if _, err := nw.ctl.ask(ctx, &info, "show-network"); err != nil {
		return nil, err
	}
	var list []int
	for _, node := range info.Nodes {
		if node.State != "running" {
			return nil, fmt.Errorf("node %d is %s", node.ID, node.State)
		}
		list = append(list, node.PID)
	}
	return list, nil
}

// stopped tells how a network ended.
type stopped struct {
	took     time.Duration // command entered to command returned
	outlived int           // processes that still ran when the command had returned
}

// stop stops the network and makes sure that its processes are gone.
func (nw *network) stop(ctx context.Context) (stopped, error) {
	took, left, err := nw.ctl.stopNetwork(ctx, nw.members...)
	if err != nil {
		return stopped{}, err
	}
	return stopped{took, left}, nil
}

// stopNetwork runs stop-network and waits until the members have ended. It returns how many of
// them the command left behind for a moment; those that stay are an error. It goes on when ctx
// has ended.
func (c *gossipctl) stopNetwork(ctx context.Context, members ...process) (took time.Duration, left int, err error) {
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	_, took, err = c.run(bounded, "stop-network")
	left = len(stillRunning(members))
	if err != nil {
		// Once more: the first may have met a network that was still starting.
		if _, _, again := c.run(bounded, "stop-network"); again != nil {
			return took, left, errors.Join(err, again)
		}
	}
	patient, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if stayed := awaitEnd(patient, members); len(stayed) > 0 {
		return took, left, fmt.Errorf("stop-network left %d processes running, the first with pid %d", len(stayed), stayed[0].pid)
	}
	return took, left, err
}

// Blocks of ports are sought here: below what Linux hands out to outgoing connections, above what
// most servers use.
const (
	lowestPort  = 20_000
	highestPort = 32_000
	portTries   = 20
)

// withFreePorts calls use with the first of count consecutive loopback ports that are free, again
// with others when use finds that somebody else was faster.
func withFreePorts(count int, use func(base int) error) error {
	err := fmt.Errorf("no %d consecutive free ports found between %d and %d", count, lowestPort, highestPort)
	for range portTries {
		base := lowestPort + rand.IntN(highestPort-lowestPort-count)
		if !free(base, count) {
			continue
		}
		err = use(base)
		var exit *exitError
		if !errors.As(err, &exit) || exit.status != conflict {
			return err
		}
	}
	return err
}

// free reports whether all count ports from base on can be bound.
func free(base, count int) bool {
	for port := base; port < base+count; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
