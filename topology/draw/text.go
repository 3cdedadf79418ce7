package draw

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// TextNodes is up to how many nodes a terminal shows a drawing; more would stand on each other.
const TextNodes = 64

// Text writes the network for a terminal: a drawing as long as it is small enough to be one, then
// every node with its peers.
func (p Picture) Text(w io.Writer, s TextStyle) error {
	t := newTerminal(w, s)
	t.heading(p.Title, p.Subtitle)
	if len(p.Nodes) > 1 && len(p.Nodes) <= TextNodes {
		if c := p.canvas(s.width(), s.Colours); c != nil {
			t.print(style{}, "\n")
			c.print(t)
		}
	}
	t.print(style{}, "\n")
	t.adjacency(p)
	return t.w.Flush() // the first error of all writes
}

// row is one node's line of the list.
type row struct {
	node  Node
	peers []Node
	note  string
}

// adjacency lists the nodes by number, side by side where there is room.
func (t *terminal) adjacency(p Picture) {
	rows := make([]row, len(p.Nodes))
	wide, digits := 0, 1
	ghost := make(map[[2]int]bool)
	for _, l := range p.pairs() {
		ghost[[2]int{l.a, l.b}], ghost[[2]int{l.b, l.a}] = l.ghost, l.ghost
	}
	for i, peers := range p.neighbours() {
		r := row{node: p.Nodes[i], note: p.Nodes[i].note()}
		for _, j := range peers {
			if !ghost[[2]int{i, j}] {
				r.peers = append(r.peers, p.Nodes[j])
			}
		}
		slices.SortFunc(r.peers, func(a, b Node) int { return a.ID - b.ID })
		rows[i] = r
		digits = max(digits, len(strconv.Itoa(r.node.ID)))
	}
	slices.SortFunc(rows, func(a, b row) int { return a.node.ID - b.node.ID })
	for _, r := range rows {
		wide = max(wide, r.columns(digits))
	}
	const between = 3
	across := max(1, (t.style.width()+between)/(wide+between))
	down := (len(rows) + across - 1) / across
	for y := range down {
		for x := 0; x < across && x*down+y < len(rows); x++ {
			r := rows[x*down+y]
			t.row(r, digits)
			if next := (x+1)*down + y; x+1 < across && next < len(rows) {
				t.print(style{}, strings.Repeat(" ", wide+between-r.columns(digits)))
			}
		}
		t.print(style{}, "\n")
	}
}

// columns is how wide a row is when it is not broken.
func (r row) columns(digits int) int {
	n := 2 + digits + 3
	for _, peer := range r.peers {
		n += 1 + len(strconv.Itoa(peer.ID))
	}
	if r.note != "" {
		n += 2 + columns(r.note)
	}
	return n
}

func (t *terminal) row(r row, digits int) {
	own := style{fg: Colour(r.node.ID), colour: true}
	number := style{fg: own.fg, colour: true, bold: true}
	if s := r.node.State.orRunning(); s == Dead || s == Removed {
		own, number = style{faint: true}, style{faint: true}
	}
	t.print(own, r.node.State.bullet())
	t.print(number, fmt.Sprintf(" %*d", digits, r.node.ID))
	t.print(style{faint: true}, " ──")
	at, indent := 5+digits, 5+digits
	for _, peer := range r.peers {
		word := strconv.Itoa(peer.ID)
		if at+1+len(word) > t.style.width() {
			t.print(style{}, "\n"+strings.Repeat(" ", indent))
			at = indent
		}
		t.print(style{}, " ")
		look := style{fg: Colour(peer.ID), colour: true}
		if s := peer.State.orRunning(); s == Dead || s == Removed {
			look = style{faint: true}
		}
		t.print(look, word)
		at += 1 + len(word)
	}
	if r.note != "" {
		t.print(style{}, "  "+r.note)
	}
}

// note is what there is to say about a node besides its peers.
func (v Node) note() string {
	var notes []string
	if s := v.State.orRunning(); s != Running {
		notes = append(notes, string(s))
	}
	if v.Unread > 0 {
		notes = append(notes, fmt.Sprintf("%d unread", v.Unread))
	}
	return strings.Join(notes, ", ")
}

// Text writes the tree of first copies with the time after sending.
func (s Spread) Text(w io.Writer, ts TextStyle) error {
	t := newTerminal(w, ts)
	t.heading(s.Title, s.Subtitle)
	t.print(style{}, "\n")
	g := s.grow()
	type branch struct {
		at     int
		indent string // of its children
		before string // of itself
	}
	for stack := []branch{{}}; len(stack) > 0; {
		b := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		v := g.nodes[b.at]
		t.print(style{faint: true}, lastOf(b.before, ts.width()-20))
		t.print(style{fg: Colour(v.ID), colour: true}, "● ")
		t.print(style{fg: Colour(v.ID), colour: true, bold: true}, strconv.Itoa(v.ID))
		if b.at != 0 && g.timed {
			t.print(style{faint: true}, "  "+duration(v.AfterMS))
		}
		if g.lost[b.at] {
			t.print(style{}, fmt.Sprintf("  from %d", v.Parent))
		}
		t.print(style{}, "\n")
		children := g.children[b.at]
		for i := len(children) - 1; i >= 0; i-- {
			next := branch{children[i], b.indent + "│  ", b.indent + "├─ "}
			if i == len(children)-1 {
				next.indent, next.before = b.indent+"   ", b.indent+"└─ "
			}
			// A way of a thousand hops must not make lines, and this loop, a thousand times as wide.
			next.indent = lastOf(next.indent, 3*ts.width())
			stack = append(stack, next)
		}
	}
	if len(s.Missing) > 0 {
		t.print(style{bold: true}, fmt.Sprintf("\nnot reached: %d\n", len(s.Missing)))
		words := make([]string, len(s.Missing))
		for i, id := range s.Missing {
			words[i] = strconv.Itoa(id)
		}
		for _, line := range wrap(strings.Join(words, " "), ts.width()) {
			t.print(style{}, line+"\n")
		}
	}
	return t.w.Flush()
}

// lastOf is the end of s, of so many letters at most, with a mark where it was cut.
func lastOf(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return "…" + string(r[len(r)-most+1:])
	}
	return s
}
