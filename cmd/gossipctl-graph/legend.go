package main

import (
	"slices"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// Sizes of a legend, in units of a scene.
const (
	swatchWide = 30.0
	swatchGap  = 8.0
	legendLine = 23.0
	legendGap  = 22.0
)

// entry is one thing a legend explains, and what its swatch shows of it.
type entry struct {
	words string
	look  chart.Look

	line, bar, band, whisker bool

	at draw.Point // where the swatch begins, in its middle
}

// explain sets the legend below the panels, and returns where it ends.
func (f *figure) explain(y float64) float64 {
	f.legend = f.entries()
	if len(f.legend) == 0 {
		return y
	}
	face, room := f.fonts.regular, f.page.Width-2*margin
	at := draw.Point{X: margin, Y: y + 0.9*margin}
	for i := range f.legend {
		e := &f.legend[i]
		e.words = fit(face, e.words, labelSize, room-swatchWide-swatchGap)
		wide := swatchWide + swatchGap + face.width(e.words, labelSize)
		if at.X > margin && at.X+wide > margin+room {
			at = draw.Point{X: margin, Y: at.Y + legendLine}
		}
		e.at = at
		at.X += wide + legendGap
	}
	return at.Y + labelSize/2
}

// entries are the series that have a name, and what the bands are.
func (f *figure) entries() []entry {
	var all []entry
	for _, name := range f.Names() {
		all = append(all, entry{words: name, look: f.look[name]})
	}
	bands := entry{words: f.Band}
	var banded []string
	for _, p := range f.Panels {
		for _, s := range p.Series {
			if i := slices.IndexFunc(all, func(e entry) bool { return e.words == s.Name }); i >= 0 {
				all[i].line = all[i].line || !p.Bars()
				all[i].bar = !all[i].line
			}
			switch {
			case len(s.Low) == 0:
			case p.Bars():
				bands.whisker = true
			default:
				bands.band, bands.look = true, f.look[s.Name]
				banded = append(banded, s.Name)
			}
		}
	}
	if f.Band == "" || !f.Banded() {
		return all
	}
	if slices.ContainsFunc(banded, func(name string) bool { return name != banded[0] }) {
		bands.look.Colour = chart.RGB(draw.Paint{Role: draw.Muted}.RGB()) // no colour of one stands for all
	}
	return append(all, bands)
}

// explained draws one entry of the legend.
func (f *figure) explained(e entry, l letters) {
	c := vgdraw.Canvas{Canvas: l.sheet}
	x, y := vg.Length(e.at.X), vg.Length(f.page.Height-e.at.Y)
	middle := vg.Point{X: x + swatchWide/2, Y: y}
	if e.band {
		c.FillPolygon(colourOf(e.look, 0.25), []vg.Point{{X: x, Y: y - 6}, {X: x, Y: y + 6}, {X: x + swatchWide, Y: y + 6}, {X: x + swatchWide, Y: y - 6}})
	}
	if e.line {
		c.StrokeLine2(line(e.look), x, y, x+swatchWide, y)
	}
	if e.bar {
		bar(c, e.look, middle.X-8, y-6, middle.X+8, y+6)
	}
	if e.whisker {
		whisker(c, middle.X, y-7, y+7, 16)
	}
	if f.marked() && (e.line || e.bar) {
		mark(c, e.look, middle)
	}
	l.write(e.words, l.style(labelSize, false, draw.Ink), vg.Point{X: x + swatchWide + swatchGap, Y: y - 0.355*labelSize})
}

// marked reports whether there are series to be told apart, by marks among other things.
func (f *figure) marked() bool { return len(f.Names()) > 1 }
