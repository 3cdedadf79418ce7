package limit

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"gossipctl/topology"
)

// Flood is a running network of floodlimit processes.
type Flood struct {
	graph     *topology.Graph
	nodes     []*floodNode
	published int      // by all nodes together, since they started
	last      []report // of every node, when the flood last settled
}

// stallTime is how long a node may go without a new copy before a flood counts as broken: some
// process died. A flood that works has no gaps beyond what the scheduler makes of a busy machine.
const stallTime = 10 * time.Second

// Result is what one measured flood did.
type Result struct {
	Elapsed    time.Duration // from the first publication to the last node's last reception
	Deliveries int           // messages times nodes, the publishers' own included
	Packets    int           // copies received by all nodes together
}

// PerSecond is the rate of deliveries.
func (r Result) PerSecond() float64 { return float64(r.Deliveries) / r.Elapsed.Seconds() }

// StartFlood starts one process for each node of the graph, which has to be connected and its
// nodes 1…n, and joins them by streams. Procs is their GOMAXPROCS; 0 leaves it to Go.
func StartFlood(ctx context.Context, program string, g *topology.Graph, procs int) (*Flood, error) {
	n := g.Len()
	if nodes := g.Nodes(); n == 0 || nodes[n-1] != n || !topology.Connected(g) {
		return nil, fmt.Errorf("cannot flood the nodes %v: they are not 1 to %d, or not connected", nodes, n)
	}
	f := &Flood{graph: g, last: make([]report, n)}
	if err := f.start(ctx, program, procs); err != nil {
		return nil, errors.Join(err, context.Cause(ctx), f.Stop())
	}
	return f, nil
}

func (f *Flood) start(ctx context.Context, program string, procs int) error {
	for _, id := range f.graph.Nodes() {
		n, err := startFloodNode(ctx, program, id, procs)
		if err != nil {
			return err
		}
		f.nodes = append(f.nodes, n)
	}
	for _, n := range f.nodes {
		if _, err := fmt.Sscanf(n.answer(), "listening %s", &n.addr); err != nil {
			return n.failed(err)
		}
	}
	for _, n := range f.nodes {
		line := []string{"peers"}
		for _, p := range f.graph.Peers(n.id) {
			line = append(line, fmt.Sprintf("%d=%s", p, f.nodes[p-1].addr))
		}
		n.say(strings.Join(line, " "))
	}
	for _, n := range f.nodes {
		if got := n.answer(); got != "ready" {
			return n.failed(fmt.Errorf("said %q, not ready", got))
		}
	}
	return nil
}

// Publish floods count messages of size bytes, spread evenly over the senders (node numbers,
// each at most once), and waits until every copy of them has arrived. It fails when one does not
// before ctx ends.
func (f *Flood) Publish(ctx context.Context, senders []int, count, size int) (Result, error) {
	for i, s := range senders {
		share := (count + i) / len(senders) // sums up to count
		if share > 0 {
			f.nodes[s-1].say(fmt.Sprintf("publish %d %d", share, size))
		}
	}
	f.published += count
	if err := f.settle(ctx, count); err != nil {
		return Result{}, err
	}
	before := f.last
	var err error
	if f.last, err = f.reports(); err != nil {
		return Result{}, err
	}
	return compare(before, f.last)
}

// compare tells what happened between two reports of all nodes.
func compare(before, after []report) (Result, error) {
	var r Result
	var first, last int64
	for i, a := range after {
		b := before[i]
		r.Deliveries += a.delivered - b.delivered
		r.Packets += a.copies - b.copies
		last = max(last, a.last)
		if a.published > b.published && (first == 0 || a.started < first) {
			first = a.started
		}
	}
	r.Elapsed = time.Duration(last - first)
	if r.Elapsed <= 0 {
		return r, errors.New("the wall clock was set back during a measurement")
	}
	return r, nil
}

// settle waits until every node has all copies it is due: one message from each of its peers. It
// asks one node at a time and rarely, because asking costs the time that is being measured.
func (f *Flood) settle(ctx context.Context, count int) error {
	pause := quiet(len(f.nodes), count)
	again := max(pause/8, 2*time.Millisecond) // an eighth: late by little, asked of one node only
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for _, n := range f.nodes {
		due := f.graph.Degree(n.id) * f.published
		had, since := -1, time.Now()
		for {
			select {
			case <-ctx.Done():
				return fmt.Errorf("flood of %d messages over %d nodes: %w", count, len(f.nodes), context.Cause(ctx))
			case <-timer.C:
			}
			r, err := n.report()
			if err != nil {
				return err
			}
			if r.copies > due {
				return fmt.Errorf("node %d received %d copies; the packet rule allows %d", n.id, r.copies, due)
			}
			if r.copies == due {
				timer.Reset(0)
				break
			}
			if r.copies != had {
				had, since = r.copies, time.Now()
			} else if time.Since(since) > stallTime {
				return fmt.Errorf("the flood stands still: node %d has %d copies of %d", n.id, r.copies, due)
			}
			timer.Reset(again)
		}
	}
	return nil
}

// quiet is how long to leave a flood alone before asking: about as long as it should take.
// Guesses, only there to keep the asking out of the measurement: 0.1 ms a node for one message
// (measured 0.06 to 0.09), 1 µs a delivery in a burst (0.6 to 1), and 2 ms to begin.
func quiet(nodes, count int) time.Duration {
	return 2*time.Millisecond + time.Duration(nodes)*(100+time.Duration(count))*time.Microsecond
}

// reports asks every node.
func (f *Flood) reports() ([]report, error) {
	all := make([]report, len(f.nodes))
	for i, n := range f.nodes {
		r, err := n.report()
		if err != nil {
			return nil, err
		}
		all[i] = r
	}
	return all, nil
}

// PIDs are the process numbers of the nodes.
func (f *Flood) PIDs() []int { return pids(f.commands()) }

// Stop ends all nodes and reaps them.
func (f *Flood) Stop() error {
	var failures []error
	for _, n := range f.nodes {
		n.commands.Close()
	}
	for _, n := range f.nodes {
		if err := n.end(); err != nil {
			failures = append(failures, fmt.Errorf("floodlimit node %d: %w", n.id, err))
		}
	}
	f.nodes = nil
	return errors.Join(failures...)
}

func (f *Flood) commands() []*exec.Cmd {
	list := make([]*exec.Cmd, len(f.nodes))
	for i, n := range f.nodes {
		list[i] = n.process
	}
	return list
}
