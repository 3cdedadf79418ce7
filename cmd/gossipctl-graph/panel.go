package main

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// panel makes a panel of the figure a plot of gonum, with the axes of package chart.
func (f *figure) panel(i int, l letters) *plot.Plot {
	panel, form := f.Panels[i], forms[f.columns]
	x, y := panel.XAxis(f.xLabels(panel)), panel.YAxis(int(form.yLabels))
	p := plot.New()
	p.BackgroundColor = nil
	dress(&p.X, x, l, vgdraw.LineStyle{Color: themed(draw.Edge), Width: 1.2}, text.XCenter, text.YTop)
	dress(&p.Y, y, l, vgdraw.LineStyle{}, text.XRight, text.YCenter)
	p.Y.Padding = 4 // for a mark on the first point
	p.X.Label.Text = fit(f.fonts.regular, panel.X, labelSize, form.wide*0.8)
	p.Add(grid{y})
	if panel.Bars() {
		p.Add(f.bars(panel))
	} else {
		f.curves(p, panel)
	}
	if panel.Empty() {
		p.Add(noData{l.style(panelSize, false, draw.Muted)})
	}
	return p
}

// xLabels is how many labels the X axis of a panel has room for; bars get one each where possible.
func (f *figure) xLabels(p chart.Panel) int {
	const room = 34 // for a label of a bar
	form := forms[f.columns]
	if all := p.Middles(); p.Bars() && !p.LogX && len(all) > 0 {
		if n := (all[len(all)-1]-all[0])/p.BarWidth() + 1; n*room <= form.wide {
			return int(n) + 1
		}
	}
	return int(form.xLabels)
}

// dress gives an axis of gonum the range, the marks and the look of ours.
func dress(a *plot.Axis, from chart.Axis, l letters, line vgdraw.LineStyle, x text.XAlignment, y text.YAlignment) {
	a.Min, a.Max = from.Min, from.Max
	a.Scale = scaleOf{from}
	a.LineStyle, a.Padding = line, 0
	a.Label.TextStyle = l.style(labelSize, false, draw.Muted)
	a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign = text.XCenter, text.YBottom
	a.Label.Padding = 5
	a.Tick.Label = l.style(tickSize, false, draw.Muted)
	a.Tick.Label.XAlign, a.Tick.Label.YAlign = x, y
	a.Tick.LineStyle, a.Tick.Length = line, 5
	ticks := make([]plot.Tick, len(from.Ticks))
	for i, t := range from.Ticks {
		ticks[i] = plot.Tick{Value: t.Value, Label: t.Label}
	}
	a.Tick.Marker = plot.ConstantTicks(ticks)
}

// scaleOf puts values where our axis has them.
type scaleOf struct{ axis chart.Axis }

// Normalize implements [plot.Normalizer]; the range is the axis' own. Where lines are cut off, gonum
// reckons with both ends, and loses the near one in rounding when the other is too far away.
func (s scaleOf) Normalize(_, _, v float64) float64 {
	return min(max(s.axis.Place(v), -farOut), farOut)
}

const farOut = 1000 // lengths of the axis; from there a line comes steeply, whatever its slope

func (f *figure) bars(panel chart.Panel) plot.Plotter {
	b := bars{width: panel.BarWidth(), log: panel.LogX, signed: f.marked()}
	for _, s := range panel.Series {
		b.all = append(b.all, series{s, f.look[s.Name]})
	}
	return b
}

// curves adds the series of a panel in layers, so that no band is over a curve and no curve over a mark.
func (f *figure) curves(p *plot.Plot, panel chart.Panel) {
	var layers [3][]plot.Plotter
	banded := 0
	for _, s := range panel.Series {
		if len(s.Low) > 0 {
			banded++
		}
	}
	for i, s := range panel.Series {
		one := series{s, f.look[s.Name]}
		layers[0] = append(layers[0], band{one, bandAlpha(banded)})
		layers[1] = append(layers[1], curve{one})
		if f.marked() || len(s.X) == 1 {
			layers[2] = append(layers[2], marks{one, i, len(panel.Series)})
		}
	}
	for _, layer := range layers {
		p.Add(layer...)
	}
}

// noData says so where a panel would be empty.
type noData struct{ style text.Style }

// Plot implements [plot.Plotter].
func (n noData) Plot(c vgdraw.Canvas, _ *plot.Plot) {
	n.style.XAlign = text.XCenter
	c.FillText(n.style, vg.Point{X: c.Center().X, Y: c.Center().Y}, "no data")
}
