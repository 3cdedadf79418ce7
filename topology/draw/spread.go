package draw

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// SpreadNode is a node that a message reached.
type SpreadNode struct {
	ID      int
	Parent  int     // who its first copy came from; 0 for the root
	Hop     int     // length of that copy's way
	AfterMS float64 // milliseconds from sending to the first copy
}

// Spread is how one message went through a network: the tree of the first copies.
type Spread struct {
	Title, Subtitle string
	Root            int // who sent it; may be left out of Nodes
	Nodes           []SpreadNode
	Missing         []int // nodes it did not reach
}

// Check reports everything that makes s no spread; see [Picture.Check].
func (s Spread) Check() error {
	if n := len(s.Nodes) + len(s.Missing); n > MaxNodes {
		return fmt.Errorf("%d nodes are too many to draw; the most are %d", n, MaxNodes)
	}
	var errs []error
	fail := func(format string, args ...any) {
		if len(errs) < 10 {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if s.Root < 1 {
		fail("root %d: nodes are numbered from 1", s.Root)
	}
	seen := make(map[int]bool, len(s.Nodes))
	note := func(id int) {
		if id < 1 {
			fail("node %d: nodes are numbered from 1", id)
		}
		if seen[id] {
			fail("node %d is listed twice", id)
		}
		seen[id] = true
	}
	for _, v := range s.Nodes {
		note(v.ID)
		if v.Parent < 0 || v.Hop < 0 {
			fail("node %d: a negative parent or hop", v.ID)
		}
		if math.IsNaN(v.AfterMS) || math.IsInf(v.AfterMS, 0) || v.AfterMS < 0 {
			fail("node %d: %v is no time after sending", v.ID, v.AfterMS)
		}
	}
	for _, id := range s.Missing {
		note(id)
	}
	return errors.Join(errs...)
}

// Engine implements [Drawing]: a spread knows its own places.
func (s Spread) Engine() string { return "" }

// grown is a spread as a tree: nodes[0] is the root, children come in the order they were reached.
type grown struct {
	forest
	nodes []SpreadNode
	timed bool   // some node says when it was reached
	lost  []bool // hangs from the root only because its true parent is not known
}

// grow builds the tree. Whatever the parents say, every node hangs from the root in the end: the
// ones whose parent is missing, and one of each circle, directly.
func (s Spread) grow() grown {
	g := grown{nodes: []SpreadNode{{ID: s.Root}}}
	for _, v := range s.Nodes {
		if v.ID != s.Root {
			g.nodes = append(g.nodes, v)
			g.timed = g.timed || v.AfterMS > 0
		}
	}
	slices.SortStableFunc(g.nodes[1:], func(a, b SpreadNode) int {
		switch {
		case a.AfterMS < b.AfterMS:
			return -1
		case a.AfterMS > b.AfterMS:
			return 1
		}
		return a.ID - b.ID
	})
	n := len(g.nodes)
	index := make(map[int]int, n)
	for i, v := range g.nodes {
		index[v.ID] = i
	}
	g.forest = forest{roots: []int{0}, children: make([][]int, n), depth: make([]int, n)}
	g.lost = make([]bool, n)
	waiting := make([][]int, n)
	for i := 1; i < n; i++ {
		parent, known := index[g.nodes[i].Parent]
		g.lost[i] = !known || parent == i
		if g.lost[i] {
			parent = 0
		}
		waiting[parent] = append(waiting[parent], i)
	}
	placed := make([]bool, n)
	hang := func(root, from int) {
		placed[root] = true
		if root != from {
			g.children[from] = append(g.children[from], root)
			g.depth[root] = g.depth[from] + 1
		}
		for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
			v := queue[0]
			for _, c := range waiting[v] {
				if !placed[c] {
					placed[c] = true
					g.depth[c] = g.depth[v] + 1
					g.children[v] = append(g.children[v], c)
					queue = append(queue, c)
				}
			}
		}
	}
	hang(0, 0)
	for i := range n {
		if !placed[i] { // in a circle, or behind one
			g.lost[i] = true
			hang(i, 0)
		}
	}
	return g
}

// hops summarises each depth: how many nodes, and when the last of them was reached.
func (g grown) hops() []hop {
	hops := make([]hop, g.deepest()+1)
	for i, v := range g.nodes {
		h := &hops[g.depth[i]]
		h.nodes++
		h.lastMS = max(h.lastMS, v.AfterMS)
	}
	return hops
}

type hop struct {
	nodes  int
	lastMS float64
}

// about is what a node says when it is pointed at.
func (g grown) about(i int) string {
	v := g.nodes[i]
	if i == 0 {
		return fmt.Sprintf("node %d sent it", v.ID)
	}
	s := fmt.Sprintf("node %d, hop %d, from node %d", v.ID, v.Hop, v.Parent)
	if g.timed {
		s += " after " + duration(v.AfterMS)
	}
	if g.lost[i] {
		s += " (whose own copy is not known)"
	}
	return s
}

// duration writes milliseconds with two or three digits that count.
func duration(ms float64) string {
	unit := " ms"
	if ms >= 1000 {
		ms, unit = ms/1000, " s"
	}
	digits := 0
	switch {
	case ms < 1:
		digits = 2
	case ms < 10:
		digits = 1
	}
	return strconv.FormatFloat(ms, 'f', digits, 64) + unit
}
