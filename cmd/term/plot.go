package term

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"

	"gossipctl/chart"
)

// Bounds of a plot.
const (
	plotNarrow = 40 // columns; with less there is no room for labels and a curve
	plotWide   = 200
	plotLow    = 4 // rows
	plotHigh   = 60

	// plotCurves is up to how many curves share one pair of axes. More would cover each other, so
	// then each has a row of its own.
	plotCurves = 6
)

// Plot draws one panel of a chart with characters: curves between axes, or the bars of a histogram
// with their values, lying. Width is in columns, height in rows of the curves or of the bars; both
// are kept within reason. Series are told apart by their marks, those of the picture, and by their
// colours where there are colours. Bands and whiskers are left to the picture, and so is what
// happens between two columns.
//
// The panel is checked, see [chart.Panel.Check]. A plot is written in one piece or not at all.
func Plot(w io.Writer, p chart.Panel, width, height int, level Level) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("this cannot be plotted: %w", err)
	}
	plot := plotter{panel: p, wide: min(max(width, plotNarrow), plotWide), high: min(max(height, plotLow), plotHigh), level: level}
	plot.text(level.Strong, p.Title)
	switch {
	case p.Empty():
		plot.text(level.Faint, "no data")
	case p.Bars():
		plot.bars()
	case len(p.Series) > plotCurves:
		plot.rows()
	default:
		plot.curves()
	}
	if _, err := w.Write(plot.out.Bytes()); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

// plotter collects the lines of one plot.
type plotter struct {
	panel      chart.Panel
	wide, high int
	level      Level
	out        bytes.Buffer
}

func (p *plotter) line(parts ...Safe) {
	for _, part := range parts {
		p.out.WriteString(string(part))
	}
	p.out.WriteByte('\n')
}

// text writes a line of words from outside, or nothing where there are none.
func (p *plotter) text(paint func(Safe) Safe, words string) {
	if words != "" {
		p.line(paint(Truncate(Escape(words), p.wide)))
	}
}

// paint gives text the colour of the series with a number.
func (p *plotter) paint(i int, text Safe) Safe {
	c := chart.LookOf(i).Colour
	return p.level.RGB(c.R, c.G, c.B, text)
}

// mark is the sign of the series with a number; a series that is alone has none.
func (p *plotter) mark(i int) Safe {
	if len(p.panel.Series) == 1 {
		return ""
	}
	return Safe(chart.LookOf(i).Mark.Rune()) + " "
}

func spaces(n int) Safe { return Safe(strings.Repeat(" ", max(n, 0))) }

// curves draws all series between one pair of axes.
func (p *plotter) curves() {
	p.text(p.level.Faint, p.panel.Y)
	y := p.panel.YAxis(max(3, p.high/3+1))
	labels := rowLabels(y, p.high)
	gutter := 0
	for _, label := range labels {
		gutter = max(gutter, len(label))
	}
	wide := p.wide - gutter - 1 // a space stands before the label; the first column is the axis
	x := p.panel.XAxis(max(3, wide/12))
	for row := range strings.SplitSeq(p.graph(x, y, labels, gutter, wide), "\n") {
		if strings.TrimSpace(row[:gutter+1]) == "" { // a tick only where there is a label
			row = strings.Replace(row, "┤", "│", 1)
		}
		p.line(Safe(row))
	}
	p.foot(x, gutter+1, wide)
	p.legend()
}

// graph lets asciigraph draw the curves, which gets rows and columns instead of values: it knows no
// logarithms and no gaps between its rows.
func (p *plotter) graph(x, y chart.Axis, labels []string, gutter, wide int) string {
	rows := len(labels) - 1
	data := make([][]float64, len(p.panel.Series))
	chars := make([]asciigraph.CharSet, len(data))
	colours := make([]asciigraph.AnsiColor, len(data))
	for i, s := range p.panel.Series {
		data[i] = sampled(s, x, y, wide)
		for k := range data[i] {
			data[i][k] *= float64(rows)
		}
		if len(data) > 1 {
			chars[i] = asciigraph.CreateCharSet(string(chart.LookOf(i).Mark.Rune()))
		}
		if p.level != NoColor {
			c := chart.LookOf(i).Colour
			colours[i] = asciigraph.AnsiColor(nearest256(c.R, c.G, c.B))
		}
	}
	return asciigraph.PlotMany(data,
		asciigraph.Height(rows), asciigraph.LowerBound(0), asciigraph.UpperBound(float64(rows)),
		asciigraph.Offset(2), // the least that leaves room for the axis
		asciigraph.SeriesChars(chars...), asciigraph.SeriesColors(colours...),
		asciigraph.YAxisValueFormatter(func(row float64) string {
			return fmt.Sprintf("%*s", gutter, labels[int(math.Round(row))])
		}))
}

// rowLabels sets the labels of an axis at the rows, from below; there is one row for its foot, and
// about so many above. Labels at equal distances get equal numbers of rows between.
func rowLabels(y chart.Axis, high int) []string {
	rows := high
	if n := len(y.Ticks) - 1; !y.Log && n > 0 && n <= rows && y.Ticks[0].Value == y.Min {
		rows -= rows % n
	}
	labels := make([]string, rows+1)
	for _, t := range y.Ticks {
		if row := int(math.Round(y.Place(t.Value) * float64(rows))); row >= 0 && row <= rows && labels[row] == "" {
			labels[row] = t.Label
		}
	}
	return labels
}

// sampled is how high a curve is in each of some columns, from 0 to 1; NaN where it is not, or
// where it is cut off.
func sampled(s chart.Series, x, y chart.Axis, columns int) []float64 {
	const slack = 1e-9 // for the ends of a curve, which are the ends of its axis
	heights := make([]float64, columns)
	at := 0
	for k := range heights {
		heights[k] = math.NaN()
		place := float64(k) / float64(columns-1)
		for at+1 < len(s.X) && x.Place(s.X[at+1]) < place+slack {
			at++
		}
		if len(s.X) == 0 || place < x.Place(s.X[0])-slack || at+1 == len(s.X) && place > x.Place(s.X[at])+1/float64(columns) {
			continue
		}
		height := y.Place(s.Y[at])
		if at+1 < len(s.X) {
			from, to := x.Place(s.X[at]), x.Place(s.X[at+1])
			if share := (place - from) / (to - from); to > from && share > 0 {
				height += min(share, 1) * (y.Place(s.Y[at+1]) - height)
			}
		}
		if height >= -slack && height <= 1+slack {
			heights[k] = min(max(height, 0), 1)
		}
	}
	return heights
}

// foot draws the X axis below columns of which the first is at some distance from the left.
func (p *plotter) foot(x chart.Axis, left, wide int) {
	axis := []rune("└" + strings.Repeat("─", wide-1))
	labels := []rune(spaces(left + wide))
	free := 0 // where the next label may begin
	for _, t := range x.Ticks {
		column := int(math.Round(x.Place(t.Value) * float64(wide-1)))
		if t.Label == "" || column < 0 || column >= wide {
			continue
		}
		from := min(max(left+column-len(t.Label)/2, 0), left+wide-len(t.Label))
		if from < free {
			continue
		}
		if column > 0 {
			axis[column] = '┬'
		}
		copy(labels[from:], []rune(t.Label))
		free = from + len(t.Label) + 1
	}
	p.line(spaces(left) + Safe(string(axis)))
	p.line(Safe(strings.TrimRight(string(labels), " ")))
	if p.panel.X != "" {
		words := Truncate(Escape(p.panel.X), wide)
		p.line(spaces(left+(wide-Width(words))/2), p.level.Faint(words))
	}
}

// legend names the series, in as many lines as they need.
func (p *plotter) legend() {
	const between = 3
	used := 0 // columns of the line
	for i, s := range p.panel.Series {
		if s.Name == "" {
			continue
		}
		entry := Truncate(p.mark(i)+Escape(s.Name), p.wide)
		switch {
		case used > 0 && used+between+Width(entry) > p.wide:
			p.line()
			used = 0
		case used > 0:
			p.out.WriteString(strings.Repeat(" ", between))
			used += between
		}
		p.out.WriteString(string(p.paint(i, entry)))
		used += Width(entry)
	}
	if used > 0 {
		p.line()
	}
}

// steps are characters from low to high.
var steps = []rune("▁▂▃▄▅▆▇█")

// rows draws every series as a row of small bars with its name before and its last value after.
func (p *plotter) rows() {
	y := p.panel.YAxis(2)
	about := p.panel.Y
	if n := len(y.Ticks); n > 1 {
		about = strings.TrimPrefix(about+", from "+y.Ticks[0].Label+" to "+y.Ticks[n-1].Label, ", ")
	}
	p.text(p.level.Faint, about)
	names := make([]Safe, len(p.panel.Series))
	ends := make([]Safe, len(names))
	before, after := 0, 0
	for i, s := range p.panel.Series {
		names[i] = Truncate(Escape(s.Name), p.wide/4)
		if n := len(s.Y); n > 0 {
			ends[i] = Safe(chart.Number(s.Y[n-1], p.panel.Percent))
		}
		before, after = max(before, Width(names[i])), max(after, len(ends[i]))
	}
	wide := p.wide - before - after - 2
	x := p.panel.XAxis(max(3, wide/12))
	for i, s := range p.panel.Series {
		var row strings.Builder
		for _, height := range sampled(s, x, y, wide) {
			if math.IsNaN(height) {
				row.WriteByte(' ')
			} else {
				row.WriteRune(steps[int(math.Round(height*float64(len(steps)-1)))])
			}
		}
		p.line(names[i], spaces(before-Width(names[i])+1), p.paint(i, Safe(row.String())), spaces(1+after-len(ends[i])), ends[i])
	}
	p.foot(x, before+1, wide)
}
