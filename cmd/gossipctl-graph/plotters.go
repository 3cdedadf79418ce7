package main

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// grid draws a faint line across the panel at every label of Y.
type grid struct{ axis chart.Axis }

// Plot implements [plot.Plotter].
func (g grid) Plot(c vgdraw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, t := range g.axis.Ticks {
		if t.Label != "" {
			c.StrokeLine2(vgdraw.LineStyle{Color: themed(draw.Faint), Width: 1}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
}

// series is one series of a panel with its look.
type series struct {
	chart.Series
	look chart.Look
}

// points are the places of a series' values.
func points(c *vgdraw.Canvas, p *plot.Plot, xs, ys []float64) []vg.Point {
	x, y := p.Transforms(c)
	at := make([]vg.Point, len(xs))
	for i := range xs {
		at[i] = vg.Point{X: x(xs[i]), Y: y(ys[i])}
	}
	return thin(at)
}

// thin leaves out points that nobody would miss: of all those in one column of pixels, the first,
// the last, the highest and the lowest remain. Points go from left to right.
func thin(at []vg.Point) []vg.Point {
	const column = 1.0 / scale
	var kept []vg.Point
	for len(at) > 0 {
		n, low, high := 1, 0, 0
		for n < len(at) && at[n].X < at[0].X+column {
			if at[n].Y < at[low].Y {
				low = n
			}
			if at[n].Y > at[high].Y {
				high = n
			}
			n++
		}
		before := -1
		for _, i := range []int{0, min(low, high), max(low, high), n - 1} {
			if i > before {
				kept = append(kept, at[i])
				before = i
			}
		}
		at = at[n:]
	}
	return kept
}

// band fills the room between the lower and upper values of a series.
type band struct {
	series
	alpha float64
}

// Plot implements [plot.Plotter].
func (b band) Plot(c vgdraw.Canvas, p *plot.Plot) {
	if len(b.Low) == 0 {
		return
	}
	area := points(&c, p, b.X, b.High)
	low := points(&c, p, b.X, b.Low)
	for i := range low {
		area = append(area, low[len(low)-1-i])
	}
	c.FillPolygon(colourOf(b.look, b.alpha), c.ClipPolygonXY(area))
}

// curve draws a line through the points of a series.
type curve struct{ series }

// Plot implements [plot.Plotter].
func (s curve) Plot(c vgdraw.Canvas, p *plot.Plot) {
	c.StrokeLines(line(s.look), c.ClipLinesXY(points(&c, p, s.X, s.Y))...)
}

// marks puts the marks of a series on its curve, each at a point of it: on all of them when they
// are far apart, else here and there, at places that differ from series to series.
type marks struct {
	series
	nth, of int // of the series of the panel
}

// Distances in units of a scene.
const (
	markEvery = 90.0 // between two marks of a curve, as the crow flies
	markApart = 12.0 // of them along X, for curves that go to and fro
	markRoom  = 36.0 // along X, from where on all points get a mark
)

// Plot implements [plot.Plotter].
func (m marks) Plot(c vgdraw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	every, next := 0.0, 0.0
	if crowded(x, m.X) {
		every = markEvery
		next = every * (float64(m.nth) + 0.5) / float64(m.of)
	}
	var last vg.Point // the start, then the last mark
	for i := range m.X {
		at := vg.Point{X: x(m.X[i]), Y: y(m.Y[i])}
		if i == 0 {
			last = at
		}
		from := at.Sub(last)
		far := math.Hypot(float64(from.X), float64(from.Y)) >= next && (next == 0 || from.X >= markApart)
		if far && c.Contains(at) {
			mark(c, m.look, at)
			last, next = at, every
		}
	}
}

// crowded reports whether marks on all points would be too many.
func crowded(x func(float64) vg.Length, values []float64) bool {
	for i := 1; i < len(values); i++ {
		if x(values[i])-x(values[i-1]) < markRoom {
			return true
		}
	}
	return false
}

// bars draws a bar for every point of all series of a panel, those of one X side by side.
type bars struct {
	all    []series
	width  float64 // see chart.Panel.BarWidth
	log    bool    // whether X is
	signed bool    // put the mark of its series on every bar
}

const (
	barGap     = 0.16             // of the room for the bars of one X
	barGapMost = 10               // units of a scene
	barLeast   = 0.7              // units of a scene; a bar is never thinner
	barForMark = 2.4 * markRadius // what a bar needs to be wide for its mark
)

// Plot implements [plot.Plotter].
func (b bars) Plot(c vgdraw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	foot := max(y(0), c.Min.Y)
	for nth, s := range b.all {
		for i := range s.X {
			left, right := b.room(x, s.X[i])
			wide := max((right-left)/vg.Length(len(b.all)), barLeast)
			left += vg.Length(nth) * wide
			right = left + wide
			if len(b.all) > 1 && wide > 4 {
				right--
			}
			top := min(y(s.Y[i]), c.Max.Y)
			if s.Y[i] <= 0 || top <= foot {
				continue
			}
			bar(c, s.look, left, foot, right, top)
			sign := vg.Point{X: (left + right) / 2, Y: top}
			if len(s.Low) > 0 {
				whisker(c, sign.X, min(max(y(s.Low[i]), foot), c.Max.Y), min(max(y(s.High[i]), foot), c.Max.Y), wide)
				sign.Y = foot + barForMark
			}
			if b.signed && wide >= barForMark {
				mark(c, s.look, sign)
			}
		}
	}
}

// bar fills a rectangle. The paper under it keeps the grid from showing through.
func bar(c vg.Canvas, l chart.Look, x0, y0, x1, y1 vg.Length) {
	shape := vg.Rectangle{Min: vg.Point{X: x0, Y: y0}, Max: vg.Point{X: x1, Y: y1}}.Path()
	c.SetColor(themed(draw.Paper))
	c.Fill(shape)
	c.SetColor(colourOf(l, 0.85))
	c.Fill(shape)
}

// room is where the bars of one X are, between the gaps.
func (b bars) room(x func(float64) vg.Length, middle float64) (left, right vg.Length) {
	if b.log {
		half := math.Sqrt(b.width)
		left, right = x(middle/half), x(middle*half)
	} else {
		left, right = x(middle-b.width/2), x(middle+b.width/2)
	}
	gap := min(barGap*(right-left), barGapMost) / 2
	return left + gap, right - gap
}

// whisker shows the ends of a band on a bar.
func whisker(c vgdraw.Canvas, x, low, high, wide vg.Length) {
	style := vgdraw.LineStyle{Color: themed(draw.Ink), Width: 1.2}
	cap := min(wide/4, 4)
	c.StrokeLine2(style, x, low, x, high)
	c.StrokeLine2(style, x-cap, low, x+cap, low)
	c.StrokeLine2(style, x-cap, high, x+cap, high)
}
