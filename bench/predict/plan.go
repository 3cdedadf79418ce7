package main

import (
	"fmt"
	"strings"
	"time"
)

// plan says what is compared, and how much of it.
type plan struct {
	comparisons []comparison
	budget      budget
	rest        rest
}

// comparison is a protocol on random graphs, to be run as processes and in the simulator.
type comparison struct {
	name     string
	protocol string
	settings []string // other than the defaults, in both
	nodes    int
	degree   int
	networks int // each with a graph of its own
	warm     int // first messages, which are not compared: they open the links, and grow the tree of plumtree
	messages int // that are
	every    time.Duration
	lossy    bool // does not reach everybody, by its own rules
	bare     bool // on bare loopback, without latency: what comes out is only stated
}

// The graphs that are compared, unless a comparison says otherwise: two cores carry so many processes easily.
const (
	nodes  = 64
	degree = 3
)

// How many networks and messages: the hops of a message vary by a tenth, so that the mean of eighty is
// within 2 %, where the bound is 10. The tree of plumtree is one draw for a whole network, and its paths
// vary by a twentieth from draw to draw: ten networks bring their mean within 2 %. How many an infection reaches
// varies by a sixth: it takes four hundred for 1 %.
//
// Messages are so far apart that one is over before the next comes, but in push: its messages meet in the same
// packets, in both worlds. Its rounds are shorter than by default only to save time.
func fullPlan() plan {
	return plan{
		comparisons: []comparison{
			{name: "flood", protocol: "flood", networks: 4, warm: 4, messages: 20, every: 300 * time.Millisecond},
			{name: "push", protocol: "push", settings: []string{"interval=100ms"}, networks: 4, warm: 2, messages: 20, every: 500 * time.Millisecond},
			// Who is reached, and with it the number of packets, is up to chance here: the others cost what a law says.
			{name: "push, infect and die", protocol: "push", settings: []string{"interval=100ms", "stop=die", "fanout=2"},
				networks: 4, warm: 2, messages: 100, every: 200 * time.Millisecond, lossy: true},
			{name: "push-ack", protocol: "push-ack", networks: 4, warm: 4, messages: 20, every: 500 * time.Millisecond},
			// With more peers than it pushes to, chance decides whom its names have to reach.
			{name: "push-ack, 8 peers", protocol: "push-ack", degree: 8, networks: 4, warm: 4, messages: 20, every: 500 * time.Millisecond},
			{name: "plumtree", protocol: "plumtree", networks: 10, warm: 6, messages: 16, every: 500 * time.Millisecond},
			{name: "flood, bare loopback", protocol: "flood", networks: 4, warm: 4, messages: 20, every: 200 * time.Millisecond, bare: true},
		},
		budget: budget{broadcasts: 20, every: 2 * time.Second, simulations: 100},
		rest:   rest{between: 1500 * time.Millisecond, patience: time.Minute},
	}.filled()
}

// quickPlan is a look at the same, with means that waver.
func quickPlan() plan {
	p := fullPlan()
	for i := range p.comparisons {
		c := &p.comparisons[i]
		c.networks = (c.networks + 2) / 3
		c.messages /= 2
	}
	p.budget.broadcasts, p.budget.simulations = 5, 20
	return p
}

func (p plan) filled() plan {
	for i := range p.comparisons {
		c := &p.comparisons[i]
		c.nodes = nodes
		if c.degree == 0 {
			c.degree = degree
		}
	}
	return p
}

// command is what the comparison runs, for a person to run it too.
func (c *comparison) command() string {
	words := []string{c.protocol}
	for _, s := range c.settings {
		words = append(words, "--set", s)
	}
	return strings.Join(words, " ")
}

func (c *comparison) graph() string { return fmt.Sprintf("random %d", c.degree) }
