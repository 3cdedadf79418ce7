package draw

import (
	"errors"
	"fmt"
)

// State is what has become of a node. The zero value means Running.
type State string

// The states of a node, as the command line names them.
const (
	Running     State = "running"
	Paused      State = "paused"
	Dead        State = "dead"
	Removed     State = "removed"
	Unreachable State = "unreachable"
)

// states is the order of legends.
var states = []State{Running, Paused, Unreachable, Dead, Removed}

// Bounds of what is drawn. Beyond them a picture shows nothing that a table would not show better.
const (
	MaxNodes = 5000
	MaxLinks = 100_000
)

// Node is a node of a picture.
type Node struct {
	ID       int // 1…
	State    State
	Messages int // in its inbox
	Unread   int // of those
}

// Link is an undirected link; Ghost when it led to a node that was removed.
type Link struct {
	A, B  int
	Ghost bool
}

// Picture is a network to be drawn.
type Picture struct {
	Title, Subtitle string

	// Layout is one of [Layouts], which are worked out here, or any other name (of the
	// topology, say): then [Picture.Engine] tells which engine of the renderer finds the places.
	Layout  string
	Columns int // of a grid or torus; 0 makes it as square as it can be

	Nodes []Node // in the order they are laid out
	Links []Link

	// At says where the nodes are, in the order of Nodes and in any unit. When it is empty,
	// Layout decides; without the renderer the answer is [Picture.Stress].
	At []Point
}

// Check reports everything that makes p no picture of a network. What draws pictures leaves out
// what it cannot draw, so that Check is for the door and not for every room.
func (p Picture) Check() error {
	var errs []error
	fail := func(format string, args ...any) {
		if len(errs) < 10 { // a document that is wrong everywhere is not worth a longer answer
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if len(p.Nodes) > MaxNodes || len(p.Links) > MaxLinks {
		return fmt.Errorf("%d nodes and %d links are too many to draw; the most are %d and %d",
			len(p.Nodes), len(p.Links), MaxNodes, MaxLinks)
	}
	if len(p.At) != 0 && len(p.At) != len(p.Nodes) {
		fail("%d places for %d nodes", len(p.At), len(p.Nodes))
	}
	if p.Columns < 0 {
		fail("%d columns", p.Columns)
	}
	index := p.index()
	if len(index) != len(p.Nodes) {
		fail("a node is listed twice")
	}
	for _, v := range p.Nodes {
		if v.ID < 1 {
			fail("node %d: nodes are numbered from 1", v.ID)
		}
		if !v.State.known() {
			fail("node %d: unknown state %q", v.ID, string(v.State))
		}
		if v.Messages < 0 || v.Unread < 0 {
			fail("node %d: a negative number of messages", v.ID)
		}
	}
	for _, l := range p.Links {
		_, a := index[l.A]
		_, b := index[l.B]
		if !a || !b || l.A == l.B {
			fail("no link can join %d and %d", l.A, l.B)
		}
	}
	return errors.Join(errs...)
}

// Engine names the layout engine of the renderer that should find the places of p's nodes, or is
// empty when p knows them itself.
func (p Picture) Engine() string {
	switch {
	case p.placed() || p.layout() != nil || len(p.Nodes) < 3:
		return ""
	case len(p.Nodes) <= stressNodes:
		return "neato" // the best spread; its work grows with n², a second at 400 nodes
	default:
		return "sfdp" // the same idea, coarse to fine; 0.3 s at 1,000 nodes
	}
}

// stressNodes is the size up to which every pair of nodes takes part in the layout.
const stressNodes = 200

// Placed returns p with the places of its nodes filled in.
func (p Picture) Placed() Picture {
	if p.placed() {
		return p
	}
	if place := p.layout(); place != nil {
		p.At = place(p)
	} else {
		p.At = p.Stress()
	}
	return p
}

func (p Picture) placed() bool { return len(p.At) == len(p.Nodes) && len(p.At) > 0 }

// index maps a node's number to its place in Nodes.
func (p Picture) index() map[int]int {
	index := make(map[int]int, len(p.Nodes))
	for i, v := range p.Nodes {
		index[v.ID] = i
	}
	return index
}

// pair is a link by the places of its ends in Nodes.
type pair struct {
	a, b  int
	ghost bool
}

// pairs returns the links that can be drawn, each once.
func (p Picture) pairs() []pair {
	index := p.index()
	seen := make(map[[2]int]bool, len(p.Links))
	pairs := make([]pair, 0, len(p.Links))
	for _, l := range p.Links {
		a, okA := index[l.A]
		b, okB := index[l.B]
		key := [2]int{min(a, b), max(a, b)}
		if !okA || !okB || a == b || seen[key] {
			continue
		}
		seen[key] = true
		pairs = append(pairs, pair{a, b, l.Ghost})
	}
	return pairs
}

// neighbours lists, for every place in Nodes, the places it is linked to, in the order of Links.
func (p Picture) neighbours() [][]int {
	peers := make([][]int, len(p.Nodes))
	for _, l := range p.pairs() {
		peers[l.a] = append(peers[l.a], l.b)
		peers[l.b] = append(peers[l.b], l.a)
	}
	return peers
}

func (s State) known() bool {
	for _, known := range states {
		if s == known || s == "" {
			return true
		}
	}
	return false
}

// orRunning replaces what is no state, the empty one above all, by Running.
func (s State) orRunning() State {
	if s == "" || !s.known() {
		return Running
	}
	return s
}
