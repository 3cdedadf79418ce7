package draw

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"gossipctl/topology"
)

// pictureOf draws a graph, every node running.
func pictureOf(g *topology.Graph, layout string) Picture {
	p := Picture{Title: "default", Layout: layout,
		Subtitle: fmt.Sprintf("%s · %d nodes · %d edges", layout, g.Len(), g.NumEdges())}
	for _, v := range g.Nodes() {
		p.Nodes = append(p.Nodes, Node{ID: v, State: Running})
	}
	for _, e := range g.Edges() {
		p.Links = append(p.Links, Link{A: e.A, B: e.B})
	}
	return p
}

// regular is a ring with chords to random other nodes: connected, with about degree peers a node.
func regular(n, degree int) *topology.Graph {
	g := ringGraph(n)
	rng := rand.New(rand.NewPCG(42, uint64(n)))
	for g.NumEdges() < n*degree/2 {
		if a, b := 1+rng.IntN(n), 1+rng.IntN(n); a != b && g.Degree(a) < degree && g.Degree(b) <= degree {
			g.AddEdge(a, b)
		}
	}
	return g
}

func ringGraph(n int) *topology.Graph {
	g := topology.New(n)
	for v := 1; v <= n && n > 1; v++ {
		if next := v%n + 1; next != v {
			g.AddEdge(v, next)
		}
	}
	return g
}

func gridGraph(columns, rows int, wrap bool) *topology.Graph {
	g := topology.New(columns * rows)
	for y := range rows {
		for x := range columns {
			v := y*columns + x + 1
			if x+1 < columns {
				g.AddEdge(v, v+1)
			} else if wrap {
				g.AddEdge(v, v-x)
			}
			if y+1 < rows {
				g.AddEdge(v, v+columns)
			} else if wrap {
				g.AddEdge(v, x+1)
			}
		}
	}
	return g
}

func starGraph(n, hub int) *topology.Graph {
	g := topology.New(n)
	for v := 1; v <= n; v++ {
		if v != hub {
			g.AddEdge(hub, v)
		}
	}
	return g
}

func treeGraph(n, arity int) *topology.Graph {
	g := topology.New(n)
	for v := 2; v <= n; v++ {
		g.AddEdge((v-2)/arity+1, v)
	}
	return g
}

func completeGraph(n int) *topology.Graph {
	g := topology.New(n)
	for a := 1; a <= n; a++ {
		for b := a + 1; b <= n; b++ {
			g.AddEdge(a, b)
		}
	}
	return g
}

func hypercubeGraph(dimensions int) *topology.Graph {
	g := topology.New(1 << dimensions)
	for a := range 1 << dimensions {
		for d := range dimensions {
			g.AddEdge(a+1, a^1<<d+1)
		}
	}
	return g
}

// gallery has every layout, and the one that needs the renderer as it is without, at about n nodes.
func gallery(n int) []Picture {
	side, dimensions := 4, 4
	if n >= 64 {
		side, dimensions = 8, 6
	}
	gridded := func(p Picture) Picture { p.Columns = side; return p }
	return []Picture{
		pictureOf(regular(n, 3), "random"),
		pictureOf(ringGraph(n), "circle"),
		pictureOf(completeGraph(n), "circle"),
		gridded(pictureOf(gridGraph(side, side, false), "grid")),
		gridded(pictureOf(gridGraph(side, side, true), "torus")),
		pictureOf(starGraph(n, 1), "star"),
		pictureOf(treeGraph(n, 2), "tree"),
		pictureOf(ringGraph(n), "line"), // with a link back over all the others
		pictureOf(hypercubeGraph(dimensions), "hypercube"),
	}
}

// allStates is sixteen nodes of which four are not well.
func allStates() Picture {
	p := pictureOf(regular(16, 3), "random")
	p.Nodes[2].State, p.Nodes[6].State, p.Nodes[8].State, p.Nodes[12].State = Paused, Dead, Unreachable, Removed
	p.Nodes[0].Messages, p.Nodes[0].Unread = 3, 2
	for i, l := range p.Links {
		p.Links[i].Ghost = l.A == 13 || l.B == 13
	}
	return p
}

// flood is the spread of a message through g that reaches everything but the multiples of skip.
func flood(g *topology.Graph, root, skip int) Spread {
	s := Spread{Title: "1.1.1", Subtitle: "flood", Root: root, Nodes: []SpreadNode{{ID: root}}}
	hop := map[int]int{root: 0}
	for head := 0; head < len(s.Nodes); head++ {
		from := s.Nodes[head]
		for _, v := range g.Peers(from.ID) {
			if _, seen := hop[v]; seen || skip > 0 && v%skip == 0 {
				continue
			}
			hop[v] = from.Hop + 1
			s.Nodes = append(s.Nodes, SpreadNode{ID: v, Parent: from.ID, Hop: from.Hop + 1,
				AfterMS: from.AfterMS + 0.4 + float64(v%7)/10})
		}
	}
	for _, v := range g.Nodes() {
		if _, seen := hop[v]; !seen {
			s.Missing = append(s.Missing, v)
		}
	}
	return s
}

// recorder is a brush that remembers what was drawn.
type recorder struct {
	lines  []Line
	discs  []Disc
	texts  []Text
	groups []Group
}

func record(s Scene) *recorder {
	r := &recorder{}
	s.Draw(r)
	return r
}

func (r *recorder) Line(l Line) { r.lines = append(r.lines, l) }
func (r *recorder) Disc(d Disc) { r.discs = append(r.discs, d) }
func (r *recorder) Text(t Text) { r.texts = append(r.texts, t) }
func (r *recorder) Group(g Group) {
	r.groups = append(r.groups, g)
	for _, item := range g.Items {
		item.Draw(r)
	}
}

// links are the lines that stand for links.
func (r *recorder) links() []Line {
	var links []Line
	for _, l := range r.lines {
		if l.A != 0 {
			links = append(links, l)
		}
	}
	return links
}

// body is the largest disc of a node's group.
func body(t *testing.T, g Group) Disc {
	t.Helper()
	r := record(Scene{Items: g.Items})
	if len(r.discs) == 0 {
		t.Fatalf("node %d has no disc", g.Node)
	}
	best := r.discs[0]
	for _, d := range r.discs {
		if d.R > best.R {
			best = d
		}
	}
	return best
}

// number is the text in a node's group that is its number.
func number(g Group) (Text, bool) {
	for _, text := range record(Scene{Items: g.Items}).texts {
		if text.Words == strconv.Itoa(g.Node) {
			return text, true
		}
	}
	return Text{}, false
}

// name is what a subtest about p is called.
func name(p Picture) string { return fmt.Sprintf("%s-%d-%d", p.Layout, len(p.Nodes), len(p.Links)) }
