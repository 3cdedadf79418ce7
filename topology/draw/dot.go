package draw

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// DOT writes the network in Graphviz's language, in the same colours, each state in a style of its own.
func (p Picture) DOT(w io.Writer) error {
	engine := p.Engine()
	if engine == "" {
		engine = map[string]string{"circle": "circo", "star": "twopi", "tree": "dot"}[p.Layout]
	}
	if engine == "" {
		engine = "neato"
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "graph {\n")
	heading(b, p.Title, p.Subtitle)
	fmt.Fprintf(b, "  layout=%s; overlap=false; splines=true; outputorder=edgesfirst\n", engine)
	fmt.Fprintf(b, "  node [shape=circle fixedsize=true width=0.45 fontname=\"sans-serif\" fontsize=13 penwidth=1.5]\n")
	fmt.Fprintf(b, "  edge [color=%q]\n", light[Edge].Hex())
	for _, v := range p.Nodes {
		fmt.Fprintf(b, "  %d [%s tooltip=%s]\n", v.ID, dotStyle(v.ID, v.State.orRunning()), quote(v.about()))
	}
	for _, l := range p.pairs() {
		ghost := ""
		if l.ghost {
			ghost = fmt.Sprintf(" [style=dashed color=%q]", light[Faint].Hex())
		}
		fmt.Fprintf(b, "  %d -- %d%s\n", p.Nodes[l.a].ID, p.Nodes[l.b].ID, ghost)
	}
	fmt.Fprintf(b, "}\n")
	return b.Flush() // the first error of all writes
}

// DOT writes the tree of first copies as a directed graph, hop by hop from left to right.
func (s Spread) DOT(w io.Writer) error {
	g := s.grow()
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "digraph {\n")
	heading(b, s.Title, s.Subtitle)
	fmt.Fprintf(b, "  layout=dot; rankdir=LR\n")
	fmt.Fprintf(b, "  node [shape=circle fixedsize=true width=0.45 fontname=\"sans-serif\" fontsize=13 penwidth=1.5]\n")
	fmt.Fprintf(b, "  edge [color=%q arrowsize=0.6 fontname=\"sans-serif\" fontsize=9]\n", light[Edge].Hex())
	for i, v := range g.nodes {
		root := ""
		if i == 0 {
			root = " peripheries=2"
		}
		fmt.Fprintf(b, "  %d [%s tooltip=%s%s]\n", v.ID, dotStyle(v.ID, Running), quote(g.about(i)), root)
	}
	for _, id := range s.Missing {
		fmt.Fprintf(b, "  %d [%s tooltip=\"node %d, not reached\"]\n", id, dotStyle(id, Removed), id)
	}
	for v, children := range g.children {
		for _, c := range children {
			label := ""
			if g.timed {
				label = " [label=" + quote(duration(g.nodes[c].AfterMS)) + "]"
			}
			fmt.Fprintf(b, "  %d -> %d%s\n", g.nodes[v].ID, g.nodes[c].ID, label)
		}
	}
	fmt.Fprintf(b, "}\n")
	return b.Flush()
}

func heading(w io.Writer, title, subtitle string) {
	words := clean(title)
	if subtitle != "" {
		words += "\n" + clean(subtitle)
	}
	fmt.Fprintf(w, "  label=%s; labelloc=t; fontname=\"sans-serif\"\n", quote(words))
}

// dotStyle tells the states apart by shape first: full, two rims, dotted, a crossed disc, dashed.
func dotStyle(id int, s State) string {
	own := Colour(id)
	switch s {
	case Paused:
		return fmt.Sprintf(`style=filled peripheries=2 color=%q fillcolor="%s38"`, own.Hex(), own.Hex())
	case Unreachable:
		return fmt.Sprintf(`style="filled,dotted" label="%d?" color=%q fillcolor="%s1f"`, id, own.Hex(), own.Hex())
	case Dead:
		return fmt.Sprintf(`shape=Mcircle color=%q fontcolor=%q`, light[Muted].Hex(), light[Muted].Hex())
	case Removed:
		return fmt.Sprintf(`style=dashed color=%q fontcolor=%q`, light[Edge].Hex(), light[Edge].Hex())
	default:
		return fmt.Sprintf(`style=filled color=%q fillcolor=%q fontcolor=%q`, own.shade(0.18).Hex(), own.Hex(), own.Ink().Hex())
	}
}

// quote writes a DOT string. A backslash starts an escape that only the reader knows the end of,
// so it is doubled; new lines are centred.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
