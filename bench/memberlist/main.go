// Memberlist compares how fast real nodes come to know that one of them is dead: those of gossipctl with the membership
// swim, and those of hashicorp/memberlist, whose LAN defaults swim has. It starts a network of each, as many processes,
// on loopback, kills one node with SIGKILL, in one network and in the other by turns, and prints after how long the
// first of the others took it for dead, and after how long all did.
//
//	make build && go -C bench/memberlist run . --gossipctl ../../bin/gossipctl
//
// It is a module of its own, so that gossipctl depends on nothing of memberlist's. Who is dead stays dead: each kill
// finds one node less. Only what nodes think is told, not what they suspect.
//
// A number is a measurement, never a failing exit status. Exit status: 0 measured, 1 something could not be
// measured, 2 misused, 130 interrupted. Whatever it started it stops again, in every case.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// asNode is the first argument of a process that is a node of memberlist.
const asNode = "node"

// options is what the user asked for.
type options struct {
	gossipctl string
	alone     bool // measure memberlist only
	basePort  int
	nodes     int
	kills     int
	seed      uint64
	timeout   time.Duration
	json      bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("memberlist", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.gossipctl, "gossipctl", "../../bin/gossipctl", "`path` of the gossipctl to try")
	f.BoolVar(&o.alone, "alone", false, "measure memberlist only")
	f.IntVar(&o.basePort, "base-port", 23_000, "port of the controller; the nodes have those above, memberlist's those above them")
	f.IntVar(&o.nodes, "nodes", 30, "processes in each network")
	f.IntVar(&o.kills, "kills", 5, "nodes that are killed in each, one after the other")
	f.Uint64Var(&o.seed, "seed", 1, "draws who is killed")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "longest time until all know of one")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.kills < 1 || o.nodes < o.kills+2 || o.timeout <= 0 || o.basePort < 1 || o.basePort+2*o.nodes > 65535 {
		return o, errors.New("there are only flags: a kill or more, two nodes more than kills, ports up to 65535, and a timeout above 0")
	}
	return o, nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == asNode {
		os.Exit(runNode(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
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
		fmt.Fprintln(stderr, "memberlist:", err)
		return 2
	}
	results, err := measure(ctx, o, stderr)
	if err == nil {
		err = report(stdout, newReport(o.nodes, results), o.json)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "memberlist: interrupted")
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "memberlist:", err)
		return 1
	}
	return 0
}

// network is one of those that are compared.
type network interface {
	name() string
	// kill ends a node as SIGKILL does, and returns when.
	kill(ctx context.Context, victim int) (time.Time, error)
	// mourners returns, by node, when those that live took a node for dead, as far as they do.
	mourners(ctx context.Context, victim int) (map[int]time.Time, error)
	// stop ends all nodes, also when ctx is over.
	stop(ctx context.Context) error
}

// result is what was measured of one network.
type result struct {
	network string
	kills   []kill
}

// kill is after how long one node was known to be dead.
type kill struct {
	first, all time.Duration
}

// measure starts the networks and kills by turns in each, so that both find the machine as it is.
func measure(ctx context.Context, o options, progress io.Writer) (results []result, err error) {
	var networks []network
	defer func() {
		for _, n := range networks {
			err = errors.Join(err, n.stop(ctx))
		}
	}()
	begin := []func(context.Context, options) (network, error){startMembers}
	if !o.alone {
		begin = append(begin, startGossipctl)
	}
	for _, start := range begin {
		n, err := start(ctx, o)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
		results = append(results, result{network: n.name()})
	}
	rng := rand.New(rand.NewPCG(o.seed, 1))
	victims := rng.Perm(o.nodes - 1)[:o.kills] // not node 1, by which the others have joined
	for _, v := range victims {
		for i, n := range networks {
			if err := pause(ctx, 2*time.Second+time.Duration(rng.Int64N(int64(time.Second)))); err != nil { // at no moment that periods have in common
				return nil, err
			}
			k, err := o.killOne(ctx, n, v+2, o.nodes-len(results[i].kills)-1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.name(), err)
			}
			results[i].kills = append(results[i].kills, k)
			fmt.Fprintf(progress, "%s: node %d: first after %.2f s, all after %.2f s\n", n.name(), v+2, k.first.Seconds(), k.all.Seconds())
		}
	}
	return results, nil
}

// killOne kills a node and waits until all that live know it.
func (o *options) killOne(ctx context.Context, n network, victim, live int) (kill, error) {
	killed, err := n.kill(ctx, victim)
	if err != nil {
		return kill{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	for {
		when, err := n.mourners(ctx, victim)
		if err != nil {
			return kill{}, err
		}
		if len(when) >= live {
			return newKill(killed, when)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return kill{}, fmt.Errorf("of %d nodes %d know within %v that node %d is dead: %w", live, len(when), o.timeout, victim, err)
		}
	}
}

// newKill reckons how long it took. Nobody can know before it happened.
func newKill(killed time.Time, when map[int]time.Time) (kill, error) {
	var k kill
	for node, at := range when {
		after := at.Sub(killed)
		if after < 0 {
			return k, fmt.Errorf("node %d took the node for dead %v before it was killed", node, -after)
		}
		if k.first == 0 || after < k.first {
			k.first = after
		}
		k.all = max(k.all, after)
	}
	return k, nil
}

// pause waits, or returns why not.
func pause(ctx context.Context, while time.Duration) error {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
