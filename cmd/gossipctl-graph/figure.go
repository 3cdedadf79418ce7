package main

import (
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

// Sizes of a page, in units of a scene; those that [draw] uses too are the same there.
const (
	margin       = 30.0
	titleSize    = 21.0
	subtitleSize = 13.0
	panelSize    = 14.5 // of a panel's title
	labelSize    = 12.5 // of an axis' label, and of legends
	tickSize     = 12.0
	between      = 34.0 // panels
)

// forms are how panels are set, by the number of columns: fewer are larger.
var forms = []struct{ wide, high, xLabels, yLabels float64 }{
	1: {720, 380, 9, 6},
	2: {480, 270, 7, 6},
	3: {400, 230, 6, 5},
}

// columns is how many panels stand side by side.
func columns(panels int) int {
	switch {
	case panels == 1:
		return 1
	case panels <= 4:
		return 2
	}
	return 3
}

// figure is a chart on its way to paper.
type figure struct {
	chart.Chart
	look    map[string]chart.Look // by the name of a series
	page    draw.Scene            // its size and what is said about it
	fonts   *fonts                // to measure words with
	columns int
	heading []draw.Text
	top     float64 // where the panels begin
	legend  []entry
}

// writeChart writes a chart as SVG or PNG.
func writeChart(w io.Writer, c chart.Chart, format string) error {
	f := newFigure(c)
	if format == "svg" {
		return writeSVG(w, f.page, f.draw)
	}
	p := newPixels(f.page.Width, f.page.Height)
	if err := f.draw(pixelPen{p}); err != nil {
		return err
	}
	if p.fonts.err != nil {
		return p.fonts.err
	}
	return encodePNG(w, p.Image())
}

// newFigure finds the place of everything on the page.
func newFigure(c chart.Chart) *figure {
	f := &figure{Chart: c, look: map[string]chart.Look{"": chart.LookOf(0)}, columns: columns(len(c.Panels)), fonts: newFonts()}
	for i, name := range c.Names() {
		f.look[name] = chart.LookOf(i)
	}
	form := forms[f.columns]
	f.page = draw.Scene{Title: c.Title, About: c.Subtitle, Width: 2*margin + float64(f.columns)*(form.wide+between) - between}
	at := draw.Point{X: margin, Y: margin}
	room := f.page.Width - 2*margin
	if c.Title != "" {
		at.Y += 0.8 * titleSize
		f.heading = append(f.heading, draw.Text{At: at, Words: fit(f.fonts.bold, c.Title, titleSize, room), Size: titleSize, Bold: true, Paint: themed(draw.Ink).Paint})
		at.Y += 0.4 * titleSize
	}
	for _, words := range wrapped(f.fonts.regular, c.Subtitle, subtitleSize, room) {
		at.Y += 1.25 * subtitleSize
		f.heading = append(f.heading, draw.Text{At: at, Words: words, Size: subtitleSize, Paint: themed(draw.Muted).Paint})
	}
	if len(f.heading) > 0 {
		at.Y += 0.7 * margin
	}
	f.top = at.Y
	at.Y += float64(f.rows())*(form.high+between) - between
	f.page.Height = math.Ceil(f.explain(at.Y) + margin) // a fraction of a pixel would stay without paper
	return f
}

func (f *figure) rows() int { return (len(f.Panels) + f.columns - 1) / f.columns }

// draw puts the whole page on paper.
func (f *figure) draw(p pen) error {
	s := newSheet(p, f.page.Height)
	l, err := newLetters(s)
	if err != nil {
		return err
	}
	for _, t := range f.heading {
		p.Text(t)
	}
	form := forms[f.columns]
	rows := f.rows()
	plots := make([][]*plot.Plot, rows)
	for i := range f.Panels {
		plots[i/f.columns] = append(plots[i/f.columns], f.panel(i, l))
	}
	for len(plots[rows-1]) < f.columns {
		plots[rows-1] = append(plots[rows-1], nil)
	}
	high := f.page.Height - f.top
	page := vgdraw.Canvas{Canvas: s, Rectangle: vg.Rectangle{
		Min: vg.Point{X: margin, Y: vg.Length(high - float64(rows)*(form.high+between) + between)},
		Max: vg.Point{X: vg.Length(f.page.Width - margin), Y: vg.Length(high)},
	}}
	// What stands over the axes is not gonum's, so its tiles begin below that.
	over := vg.Length(f.over())
	tiles := vgdraw.Tiles{Rows: rows, Cols: f.columns, PadX: between, PadY: between + over, PadTop: over}
	canvases := plot.Align(plots, tiles, page)
	corners := f.corners(canvases)
	for i, panel := range f.Panels {
		plots[i/f.columns][i%f.columns].Draw(canvases[i/f.columns][i%f.columns])
		at := corners[i].Add(vg.Point{Y: over})
		if f.titles() {
			at.Y -= titleHigh
			f.write(panel.Title, l, panelSize, true, at)
		}
		at.Y -= labelHigh
		f.write(panel.Y, l, labelSize, false, at)
	}
	for _, e := range f.legend {
		f.explained(e, l)
	}
	return nil
}

// over is the height of what stands over all panels: their titles, if there are any, and the labels
// of the Y axes, which stand level over the axes rather than upright beside them, where they can be read.
func (f *figure) over() float64 {
	high := labelHigh + 0.85*labelSize
	if f.titles() {
		high += titleHigh
	}
	return high
}

// corners are the upper left corners of the panels' tiles, which gonum moves so that axes line up:
// those below each other start at one line, and so do those side by side.
func (f *figure) corners(canvases [][]vgdraw.Canvas) []vg.Point {
	corners := make([]vg.Point, len(f.Panels))
	for i := range corners {
		own := canvases[i/f.columns][i%f.columns]
		at := vg.Point{X: own.Min.X, Y: own.Max.Y}
		for k := range f.Panels {
			other := canvases[k/f.columns][k%f.columns]
			if k%f.columns == i%f.columns {
				at.X = min(at.X, other.Min.X)
			}
			if k/f.columns == i/f.columns {
				at.Y = max(at.Y, other.Max.Y)
			}
		}
		corners[i] = at
	}
	return corners
}

// write writes what stands over a panel, as much of it as there is room for.
func (f *figure) write(words string, l letters, size float64, bold bool, at vg.Point) {
	role := draw.Muted
	if bold {
		role = draw.Ink
	}
	l.write(fit(f.fonts.of(bold), words, size, forms[f.columns].wide), l.style(size, bold, role), at)
}

const (
	titleHigh = 1.25 * panelSize
	labelHigh = 1.3 * labelSize
)

func (f *figure) titles() bool {
	return slices.ContainsFunc(f.Panels, func(p chart.Panel) bool { return p.Title != "" })
}

// fit cuts words to what fits into so much room.
func fit(face typeface, words string, size, room float64) string {
	if face.width(words, size) <= room {
		return words
	}
	letters := []rune(words)
	for len(letters) > 0 && face.width(string(letters)+"…", size) > room {
		letters = letters[:len(letters)-1]
	}
	return strings.TrimSpace(string(letters)) + "…"
}

// wrapped breaks words into lines that fit.
func wrapped(face typeface, words string, size, room float64) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(words) {
		if longer := strings.TrimSpace(line + " " + word); line == "" || face.width(longer, size) <= room {
			line = longer
			continue
		}
		lines = append(lines, fit(face, line, size, room))
		line = word
	}
	if line != "" {
		lines = append(lines, fit(face, line, size, room))
	}
	return lines
}

// bandAlpha keeps bands that lie on each other from hiding what is under them.
func bandAlpha(bands int) float64 { return math.Max(0.22/math.Sqrt(float64(max(bands, 1))), 0.07) }
