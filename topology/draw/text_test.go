package draw

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func textOf(t *testing.T, d Drawing, s TextStyle) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Text(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextOfASmallNetwork(t *testing.T) {
	p := pictureOf(gridGraph(3, 2, false), "grid")
	p.Columns = 3
	p.Nodes[1].State, p.Nodes[3].State, p.Nodes[5].Unread = Paused, Dead, 4
	want := `
default
grid · 6 nodes · 7 edges

  (1)⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤|2|⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤(3)
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
   ⡇                ⡇                ⡇
  ×4×⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤(5)⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤(6)

● 1 ── 2 4
◐ 2 ── 1 3 5  paused
● 3 ── 2 6
× 4 ── 1 5  dead
● 5 ── 2 4 6
● 6 ── 3 5  4 unread
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), textOf(t, p, TextStyle{Width: 40})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextOfASpread(t *testing.T) {
	s := flood(treeGraph(7, 2), 1, 6)
	want := `
1.1.1
flood

● 1
├─ ● 2  0.60 ms
│  ├─ ● 4  1.4 ms
│  └─ ● 5  1.5 ms
└─ ● 3  0.70 ms
   └─ ● 7  1.1 ms

not reached: 1
6
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), textOf(t, s, TextStyle{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func TestTextKeepsToItsWidth(t *testing.T) {
	drawings := []Drawing{allStates(), pictureOf(regular(200, 3), "random"), pictureOf(starGraph(300, 1), "star"),
		pictureOf(completeGraph(64), "circle"), flood(regular(64, 3), 8, 3), flood(ringGraph(500), 1, 0)}
	for _, p := range append(gallery(16), gallery(64)...) {
		drawings = append(drawings, p)
	}
	for _, width := range []int{30, 80, 200} {
		for _, d := range drawings {
			text := textOf(t, d, TextStyle{Width: width, Colours: TrueColours})
			for line := range strings.Lines(escapes.ReplaceAllString(text, "")) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
					t.Errorf("%T: %d columns in %d: %q", d, n, width, line)
				}
			}
		}
	}
}

func TestTextNamesEveryNode(t *testing.T) {
	for _, p := range append(gallery(16), gallery(64)...) {
		drawing, list, _ := strings.Cut(textOf(t, p, TextStyle{Width: 100}), "\n\n●")
		blot := len(p.Links) > 10*len(p.Nodes)
		for _, v := range p.Nodes {
			if !blot && !strings.Contains(drawing, fmt.Sprintf("(%d)", v.ID)) {
				t.Errorf("%s: node %d is not in the drawing", name(p), v.ID)
			}
			if !regexp.MustCompile(fmt.Sprintf(`(^|●) *%d ──`, v.ID)).MatchString(list) {
				t.Errorf("%s: node %d is not in the list", name(p), v.ID)
			}
		}
		if blot && strings.Contains(drawing, "⣿") {
			t.Errorf("%s: 2,016 links are drawn in a terminal", name(p))
		}
	}
	big := textOf(t, pictureOf(regular(200, 3), "random"), TextStyle{})
	if strings.ContainsFunc(big, func(r rune) bool { return r >= 0x2800 && r <= 0x28ff }) {
		t.Error("200 nodes are drawn in a terminal")
	}
}

func TestTextHasTheColoursOfThePicture(t *testing.T) {
	p := pictureOf(ringGraph(5), "circle")
	for _, d := range []Drawing{p, flood(ringGraph(5), 1, 0)} {
		plain := textOf(t, d, TextStyle{})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%T: escape sequences without colour", d)
		}
		deep, few := textOf(t, d, TextStyle{Colours: TrueColours}), textOf(t, d, TextStyle{Colours: Colours256})
		for id := 1; id <= 5; id++ {
			c := Colour(id)
			if want := fmt.Sprintf("38;2;%d;%d;%dm", c.R, c.G, c.B); !strings.Contains(deep, want) {
				t.Errorf("%T: node %d is not painted with %q", d, id, want)
			}
			if want := fmt.Sprintf("38;5;%dm", c.ANSI256()); !strings.Contains(few, want) {
				t.Errorf("%T: node %d is not painted with %q", d, id, want)
			}
		}
	}
}

func TestTextShowsNothingRaw(t *testing.T) {
	p, s := allStates(), flood(regular(16, 3), 1, 0)
	p.Title, p.Subtitle = hostile, strings.Repeat(hostile, 9)
	s.Title, s.Subtitle = hostile, hostile
	for _, d := range []Drawing{p, s} {
		text := textOf(t, d, TextStyle{})
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%T: %q came through", d, text[i:i+8])
		}
	}
}

func TestTextOfStatesNeedsNoColour(t *testing.T) {
	text := textOf(t, allStates(), TextStyle{Width: 90})
	for _, want := range []string{"|3|", "×7×", "?9?", "·13·", "(1)", "paused", "dead", "unreachable", "removed", "2 unread"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}
	}
	if strings.Contains(text, "13 ── 1") {
		t.Error("a removed node has peers")
	}
}

func TestDOT(t *testing.T) {
	p, s := allStates(), flood(regular(16, 3), 1, 5)
	p.Title, s.Title = hostile, hostile
	var b bytes.Buffer
	if err := p.DOT(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"graph {\n", `  1 [style=filled color="#1d5ba3" fillcolor="#236fc7" fontcolor="#ffffff"`, "  3 [style=filled peripheries=2 ",
		"  7 [shape=Mcircle ", `  9 [style="filled,dotted" label="9?" `, "  13 [style=dashed ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}
	}
	if got := strings.Count(text, " -- "); got != len(p.Links) {
		t.Errorf("%d links, want %d", got, len(p.Links))
	}
	b.Reset()
	if err := s.DOT(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(b.String(), " -> "), len(s.Nodes)-1; got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
	if got, want := quote("a\\N\"\n"), `"a\\N\"\n"`; got != want {
		t.Errorf("quote: %s, want %s", got, want)
	}
}
