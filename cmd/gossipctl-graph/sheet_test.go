package main

import (
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/plot/vg"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// strokes remembers the outlines it was asked to stroke, and the paint.
type strokes struct {
	outlines []outline
	last     draw.Stroke
	texts    []draw.Text
}

func (s *strokes) Fill(outline, draw.Paint) {}
func (s *strokes) Stroke(o outline, how draw.Stroke) {
	s.outlines, s.last = append(s.outlines, o), how
}
func (s *strokes) Text(t draw.Text) { s.texts = append(s.texts, t) }

func segment(x0, y0, x1, y1 vg.Length) vg.Path {
	var p vg.Path
	p.Move(vg.Point{X: x0, Y: y0})
	p.Line(vg.Point{X: x1, Y: y1})
	return p
}

func TestSheetStandsOnItsHead(t *testing.T) {
	pen := &strokes{}
	s := newSheet(pen, 100)
	s.Stroke(segment(10, 20, 30, 40))
	s.Push()
	s.Translate(vg.Point{X: 10, Y: 20})
	s.Rotate(math.Pi / 2) // to the left
	s.Scale(2, 2)
	s.SetLineWidth(3)
	s.Stroke(segment(0, 0, 5, 0))
	s.Pop()
	s.Stroke(segment(0, 0, 5, 0))
	for i, want := range [][2]draw.Point{{{X: 10, Y: 80}, {X: 30, Y: 60}}, {{X: 10, Y: 80}, {X: 10, Y: 70}}, {{X: 0, Y: 100}, {X: 5, Y: 100}}} {
		for k := range want {
			if got := pen.outlines[i][k].to[0]; math.Hypot(got.X-want[k].X, got.Y-want[k].Y) > 1e-9 {
				t.Errorf("line %d goes through %v, want %v", i, got, want[k])
			}
		}
	}
	if pen.last.Width != 1 {
		t.Errorf("after Pop lines are %v wide", pen.last.Width)
	}
	s.SetLineWidth(0)
	s.Stroke(segment(0, 0, 1, 1))
	if len(pen.outlines) != 3 {
		t.Error("a line without width was drawn")
	}
}

func TestSheetColours(t *testing.T) {
	pen := &strokes{}
	s := newSheet(pen, 10)
	for name, tc := range map[string]struct {
		colour color.Color
		want   draw.Paint
	}{
		"a role":  {themed(draw.Muted), draw.Paint{Role: draw.Muted, Alpha: 1}},
		"nothing": {nil, draw.Paint{Role: draw.Ink, Alpha: 1}},
		"another": {color.RGBA{R: 255, A: 255}, draw.Paint{Colour: draw.RGB{R: 255}, Alpha: 1}},
	} {
		s.SetColor(tc.colour)
		s.SetLineDash([]vg.Length{6, 6}, 0)
		s.Stroke(segment(0, 0, 1, 1))
		if pen.last.Paint != tc.want || pen.last.Dash != 6 {
			t.Errorf("%s: %+v", name, pen.last)
		}
	}
	if r, g, b, a := (ink{draw.Paint{Colour: draw.RGB{R: 200}, Alpha: 0.5}}).RGBA(); a>>8 != 128 || r>>8 != 100 || g != 0 || b != 0 {
		t.Errorf("half of red is %d %d %d %d", r>>8, g>>8, b>>8, a>>8)
	}
}

// Curves are as round as they should be.
func TestSheetCurves(t *testing.T) {
	pen := &strokes{}
	s := newSheet(pen, 0)
	var circle, quad vg.Path
	circle.Move(vg.Point{X: 10})
	circle.Arc(vg.Point{}, 10, 0, 2*math.Pi)
	circle.Close()
	quad.Move(vg.Point{})
	quad.QuadTo(vg.Point{X: 1, Y: 2}, vg.Point{X: 2})
	s.Stroke(circle)
	s.Stroke(quad)
	if n := len(pen.outlines[0]); n != 6 { // a start, four quarters, an end
		t.Fatalf("a circle of %d steps", n)
	}
	bezier := func(from draw.Point, to [3]draw.Point, f float64) draw.Point {
		g := 1 - f
		a, b, c, d := g*g*g, 3*g*g*f, 3*g*f*f, f*f*f
		return draw.Point{X: a*from.X + b*to[0].X + c*to[1].X + d*to[2].X, Y: a*from.Y + b*to[0].Y + c*to[1].Y + d*to[2].Y}
	}
	at := pen.outlines[0][0].to[0]
	for _, step := range pen.outlines[0][1:5] {
		if p := bezier(at, step.to, 0.5); math.Abs(math.Hypot(p.X, p.Y)-10) > 0.01 {
			t.Errorf("the circle goes through %v", p)
		}
		at = step.to[2]
	}
	if p := bezier(draw.Point{}, pen.outlines[1][1].to, 0.5); math.Hypot(p.X-1, p.Y+1) > 1e-9 {
		t.Errorf("the middle of the curve is %v", p)
	}
}

func TestLettersAreAligned(t *testing.T) {
	pen := &strokes{}
	s := newSheet(pen, 100)
	l, err := newLetters(s)
	if err != nil {
		t.Fatal(err)
	}
	style := l.style(12, true, draw.Ink)
	for want, x := range map[draw.Align]float64{draw.Start: 0, draw.Middle: -0.5, draw.End: -1} {
		pen.texts = nil
		style.XAlign = -0
		switch x {
		case -0.5:
			style.XAlign = -0.5
		case -1:
			style.XAlign = -1
		}
		l.Draw(s, "round", style, vg.Point{X: 50, Y: 50})
		l.Draw(s, "", style, vg.Point{X: 50, Y: 50})
		if len(pen.texts) != 1 || pen.texts[0].Align != want || pen.texts[0].At.X != 50 || !pen.texts[0].Bold || pen.texts[0].Size != 12 {
			t.Errorf("%+v, want one text aligned as %d", pen.texts, want)
		}
	}
	face := newFonts().of(true)
	if got, want := float64(style.Width("round trip 100%")), face.width("round trip 100%", 12); math.Abs(got-want) > 0.3 {
		t.Errorf("gonum measures %.2f, pixels are %.2f", got, want)
	}
}

func TestThin(t *testing.T) {
	var many []vg.Point
	for i := range 10_000 {
		many = append(many, vg.Point{X: vg.Length(i) / 1000, Y: vg.Length(math.Sin(float64(i)))})
	}
	many[5000].Y, many[7001].Y = 50, -50
	kept := thin(many)
	if len(kept) > 4*(10*scale+1) || len(kept) < 40 {
		t.Errorf("%d points are left", len(kept))
	}
	high, low, before := vg.Length(0), vg.Length(0), many[0]
	for _, p := range kept {
		if p.X < before.X {
			t.Fatalf("%v follows %v", p, before)
		}
		high, low, before = max(high, p.Y), min(low, p.Y), p
	}
	if high != 50 || low != -50 || kept[0] != many[0] || before != many[len(many)-1] {
		t.Errorf("from %v to %v, between %v and %v", kept[0], before, low, high)
	}
	few := []vg.Point{{X: 1, Y: 1}, {X: 2, Y: 5}, {X: 3, Y: 2}}
	if got := thin(few); len(got) != 3 || got[1] != few[1] {
		t.Errorf("of three points %v are left", got)
	}
	if got := thin(nil); len(got) != 0 {
		t.Errorf("of no points %v are left", got)
	}
}

// Marks are on points of their curve, on all of them when there are few.
func TestMarksAreOnPoints(t *testing.T) {
	for name, tc := range map[string]struct{ points, least, most int }{"few": {12, 12, 12}, "many": {500, 4, 60}} {
		var s chart.Series
		for i := range tc.points {
			s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%7))
		}
		s.Name = "a"
		other := chart.Series{Name: "b", X: []float64{0}, Y: []float64{0}}
		with := record(t, chart.Chart{Panels: []chart.Panel{{Series: []chart.Series{s, other}}}})
		s.X, s.Y = s.X[:1], s.Y[:1]
		without := record(t, chart.Chart{Panels: []chart.Panel{{Series: []chart.Series{s, other}}}})
		// A full mark is one fill of paper and one of colour.
		if n := (with.fills-without.fills)/2 + 1; n < tc.least || n > tc.most {
			t.Errorf("%s: %d marks for %d points", name, n, tc.points)
		}
	}
}
