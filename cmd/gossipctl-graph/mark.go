package main

import (
	"math"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// Sizes of a chart's ink, in units of a scene.
const (
	lineWidth  = 2.0
	dashLength = 6.0
	markRadius = 4.2 // of a disc; the other marks have about its area
	markRim    = 1.6
)

func colourOf(l chart.Look, alpha float64) ink {
	return ink{draw.Paint{Colour: draw.RGB(l.Colour), Alpha: alpha}}
}

// line is how the curve of a series is drawn.
func line(l chart.Look) vgdraw.LineStyle {
	s := vgdraw.LineStyle{Color: colourOf(l, 1), Width: lineWidth}
	if l.Dashed {
		s.Dashes = []vg.Length{dashLength, dashLength}
	}
	return s
}

// mark draws the mark of a series, with a rim of paper that parts it from what is under it.
func mark(c vg.Canvas, l chart.Look, at vg.Point) {
	shape := markShape(l.Mark, at)
	c.SetLineDash(nil, 0)
	c.SetColor(themed(draw.Paper))
	c.SetLineWidth(2 * markRim)
	c.Stroke(shape)
	c.Fill(shape)
	c.SetColor(colourOf(l, 1))
	if l.Mark < chart.Circle {
		c.Fill(shape)
		return
	}
	c.SetLineWidth(markRim)
	c.Stroke(shape)
}

func markShape(m chart.Mark, at vg.Point) vg.Path {
	const r = markRadius
	var p vg.Path
	switch m {
	case chart.Disc, chart.Circle:
		p.Move(vg.Point{X: at.X + r, Y: at.Y})
		p.Arc(at, r, 0, 2*math.Pi)
	case chart.Square, chart.OpenSquare:
		polygon(&p, at, 4, 1.22*r, math.Pi/4)
	case chart.Triangle, chart.OpenTriangle:
		polygon(&p, at, 3, 1.38*r, math.Pi/2)
	default:
		polygon(&p, at, 4, 1.36*r, 0)
	}
	p.Close()
	return p
}

// polygon draws a regular polygon of radius r, its first corner at an angle.
func polygon(p *vg.Path, at vg.Point, corners int, r vg.Length, first float64) {
	for i := range corners {
		q := unit(first + 2*math.Pi*float64(i)/float64(corners)).Scale(r).Add(at)
		if i == 0 {
			p.Move(q)
		} else {
			p.Line(q)
		}
	}
}
