package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// hostile is text that breaks whatever takes it as it is.
const hostile = "<script>alert(1)</script>&amp;\"'\\N \x1b[31mred\x07\x00 \u202egnp.exe \ufeff\xff]]> --> {} ; // #"

func svgOf(t *testing.T, s Scene) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.SVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// count parses an SVG and counts its elements by class and by name.
func count(t *testing.T, svg string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	d.Strict = true
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return counts
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		counts["<"+start.Name.Local+">"]++
		for _, a := range start.Attr {
			if a.Name.Local == "class" {
				for _, class := range strings.Fields(a.Value) {
					counts[class]++
				}
			}
			if strings.HasPrefix(a.Name.Local, "data-") {
				counts[a.Name.Local+"="+a.Value]++
			}
		}
	}
}

func TestSVGHasEveryNodeAndLink(t *testing.T) {
	for _, p := range append(gallery(16), gallery(64)...) {
		counts := count(t, svgOf(t, p.Scene()))
		if counts["node"] != len(p.Nodes) || counts["link"] != len(p.Links) || counts["<svg>"] != 1 {
			t.Errorf("%s: %d nodes and %d links drawn", name(p), counts["node"], counts["link"])
		}
		for _, v := range p.Nodes {
			if counts[fmt.Sprintf("data-node=%d", v.ID)] != 1 {
				t.Errorf("%s: node %d is not drawn once", name(p), v.ID)
			}
		}
		for _, l := range p.Links {
			if counts[fmt.Sprintf("data-link=%d-%d", min(l.A, l.B), max(l.A, l.B))] != 1 {
				t.Errorf("%s: link %v is not drawn once", name(p), l)
			}
		}
		if counts["<title>"] != 1+len(p.Nodes) {
			t.Errorf("%s: %d titles, want one for each node and one for all", name(p), counts["<title>"])
		}
	}
}

func TestSVGOfStates(t *testing.T) {
	p := allStates()
	text := svgOf(t, p.Scene())
	counts := count(t, text)
	for _, s := range states {
		if counts["data-state="+string(s)] == 0 {
			t.Errorf("no node is %s", s)
		}
		if !strings.Contains(text, fmt.Sprintf(">%s %d</text>", s, counts["data-state="+string(s)])) {
			t.Errorf("the legend does not count the nodes that are %s", s)
		}
	}
	if want := len(p.neighbours()[12]); counts["ghost"] != want {
		t.Errorf("%d ghost links, want %d", counts["ghost"], want)
	}
	for _, want := range []string{"<title>node 1, running, 3 messages, 2 unread</title>", "<title>node 7, dead</title>", ">2 unread messages</text>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if well := svgOf(t, pictureOf(ringGraph(5), "circle").Scene()); strings.Contains(well, ">running 5<") {
		t.Error("a legend explains that all is well")
	}
}

func TestSVGEscapesText(t *testing.T) {
	p := allStates()
	p.Title, p.Subtitle, p.Layout = hostile, strings.Repeat(hostile, 30), hostile
	s := flood(regular(16, 3), 1, 0)
	s.Title, s.Subtitle = hostile, hostile
	for _, d := range []Drawing{p, s} {
		text := svgOf(t, d.Scene())
		if counts := count(t, text); counts["<script>"] != 0 || counts["node"] != 16 {
			t.Errorf("%T: the text broke out: %v", d, counts)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == 0xfeff }); i >= 0 {
			t.Errorf("%T: raw text came through: %q", d, text[i:i+20])
		}
		if !strings.Contains(text, `\u202e`) {
			t.Errorf("%T: what was taken out is not shown", d)
		}
	}
}

func TestEqualDrawingsGiveEqualBytes(t *testing.T) {
	for _, make := range []func() Drawing{
		func() Drawing { return allStates() },
		func() Drawing { return pictureOf(hypercubeGraph(6), "hypercube") },
		func() Drawing { return flood(regular(200, 3), 8, 17) },
	} {
		first, second := make(), make()
		if svgOf(t, first.Scene()) != svgOf(t, second.Scene()) {
			t.Errorf("%T: two SVGs differ", first)
		}
		var a, b bytes.Buffer
		for _, pair := range []struct {
			d Drawing
			b *bytes.Buffer
		}{{first, &a}, {second, &b}} {
			if err := errors.Join(pair.d.DOT(pair.b), pair.d.Text(pair.b, TextStyle{Colours: Colours256}), Encode(pair.b, pair.d)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%T: two DOT, text or JSON documents differ", first)
		}
	}
}

// Without colour, two states must still not look alike, large or small.
func TestStatesDifferInShape(t *testing.T) {
	for _, r := range []float64{20, 12, 8, 4} {
		seen := map[string]State{}
		for _, s := range states {
			size := numberSize(r, 5)
			if size < numberLeast {
				size = 0
			}
			shape := ""
			rec := record(Scene{Items: glyph(Point{}, r, Node{ID: 5, State: s}, size)})
			for _, d := range rec.discs {
				shape += fmt.Sprintf("disc %.1f full %v rim %.1f dash %.1f dots %d; ", d.R, d.Fill.Alpha == 1 && d.Fill.Role == Fixed, d.Stroke.Width, d.Stroke.Dash, d.Dots())
			}
			for _, l := range rec.lines {
				shape += fmt.Sprintf("line %.1f; ", l.Points)
			}
			for _, text := range rec.texts {
				shape += text.Words + "; "
			}
			if other, taken := seen[shape]; taken {
				t.Errorf("radius %v: %s looks like %s: %s", r, s, other, shape)
			}
			seen[shape] = s
		}
	}
}

func TestNumbersStandOutFromTheirDiscs(t *testing.T) {
	for _, s := range []State{Running, Paused, Unreachable, Dead} {
		for id := 1; id <= 200; id++ {
			r := record(Scene{Items: glyph(Point{}, 15, Node{ID: id, State: s}, 12)})
			// What the number stands on: every fill, one over the other, over paper.
			under := light[Paper]
			for _, d := range r.discs {
				if d.R == 15 {
					under = over(d.Fill, under)
				}
			}
			if got := Contrast(r.texts[0].Paint.RGB(), under); got < 4.5 {
				t.Errorf("node %d, %s: contrast %.2f, want 4.5", id, s, got)
			}
		}
	}
	for _, theme := range [][roles]RGB{light, dark} {
		for _, role := range []Role{Ink, Muted} {
			if got := Contrast(theme[role], theme[Paper]); got < 4.5 {
				t.Errorf("role %d on paper: contrast %.2f, want 4.5", role, got)
			}
		}
	}
}

func over(p Paint, under RGB) RGB {
	mix := func(a, b uint8) uint8 { return uint8(p.Alpha*float64(a) + (1-p.Alpha)*float64(b)) }
	c := p.RGB()
	return RGB{mix(c.R, under.R), mix(c.G, under.G), mix(c.B, under.B)}
}

func TestWrapAndClean(t *testing.T) {
	if got, want := wrap("one two three", 7), []string{"one two", "three"}; !slices.Equal(got, want) {
		t.Errorf("wrap: %q, want %q", got, want)
	}
	if got, want := wrap("abcdefghij k", 5), []string{"abcd…", "k"}; !slices.Equal(got, want) {
		t.Errorf("wrap: %q, want %q", got, want)
	}
	if got, want := clean("a\x1b[0m\u202eb\n"), `a\x1b[0m\u202eb `; got != want {
		t.Errorf("clean: %q, want %q", got, want)
	}
	if got := clean(strings.Repeat("x", 10_000)); len(got) > 310 {
		t.Errorf("clean let %d letters through", len(got))
	}
}
