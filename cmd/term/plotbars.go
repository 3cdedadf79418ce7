package term

import (
	"math"
	"strings"

	"gossipctl/chart"
)

// barRoom is the columns a bar with its value gets at least: enough to tell a tenth from a twentieth.
const barRoom = 22

// bars draws a histogram lying: a row for every bar, a column for every series. Where there are more
// bars than rows, neighbours are put together.
func (p *plotter) bars() {
	about := p.panel.Y
	if p.panel.X != "" {
		about = strings.TrimPrefix(about+" by "+p.panel.X, " by ")
	}
	p.text(p.level.Faint, about)
	sums := p.summed()
	before := 0
	for _, label := range sums.labels {
		before = max(before, len([]rune(label)))
	}
	y := sums.panel(p.panel).YAxis(2)
	across := max(1, (p.wide-before-1)/barRoom)
	for first := 0; first < len(sums.values); first += across {
		n := min(across, len(sums.values)-first)
		p.barRows(sums, y, first, n, before)
	}
}

// barRows draws the rows of n series, beginning with one.
func (p *plotter) barRows(sums sums, y chart.Axis, first, n, before int) {
	room := (p.wide-before-1)/n - 1 // of a column
	longest := 0                    // of the values
	for _, values := range sums.values[first : first+n] {
		for _, value := range values {
			longest = max(longest, len(chart.Number(value, p.panel.Percent)))
		}
	}
	if len(sums.values) > 1 || p.panel.Series[0].Name != "" {
		heads := spaces(before)
		for i := first; i < first+n; i++ {
			head := Truncate(p.mark(i)+Escape(p.panel.Series[i].Name), room)
			heads += " " + p.paint(i, head)
			if i < first+n-1 {
				heads += spaces(room - Width(head))
			}
		}
		p.line(heads)
	}
	for row, label := range sums.labels {
		line := spaces(before-len([]rune(label))) + Safe(label)
		for i := first; i < first+n; i++ {
			value := sums.values[i][row]
			cell := block(min(max(y.Place(value), 0), 1)*float64(room-longest-1), value > 0)
			if cell != "" {
				cell = p.paint(i, cell) + " "
			}
			cell += Safe(chart.Number(value, p.panel.Percent))
			line += " " + cell
			if i < first+n-1 {
				line += spaces(room - Width(cell))
			}
		}
		p.line(line)
	}
}

// block is a bar of a length in columns, to an eighth of one; something can always be seen.
func block(long float64, something bool) Safe {
	eighths := int(math.Round(8 * long))
	if something {
		eighths = max(eighths, 1)
	}
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return Safe(bar)
}

// sums are the rows of a lying histogram.
type sums struct {
	labels []string    // of the rows
	values [][]float64 // of every series, as many as there are rows
}

// panel is a panel whose Y axis suits the sums.
func (s sums) panel(like chart.Panel) chart.Panel {
	var series []chart.Series
	for _, values := range s.values {
		series = append(series, chart.Series{Y: values})
	}
	like.Series = series
	return like
}

// summed puts the bars of the panel together until they fit the height.
func (p *plotter) summed() sums {
	middles := p.panel.Middles()
	every := (len(middles) + p.high - 1) / p.high
	var s sums
	for first := 0; first < len(middles); first += every {
		s.labels = append(s.labels, p.binLabel(middles[first], middles[min(first+every, len(middles))-1]))
	}
	for _, series := range p.panel.Series {
		values := make([]float64, len(s.labels))
		at := 0
		for i, middle := range middles {
			if at < len(series.X) && series.X[at] == middle {
				values[i/every] += series.Y[at]
				at++
			}
		}
		s.values = append(s.values, values)
	}
	return s
}

// binLabel names a row that goes from one middle to another: whole numbers by themselves, intervals
// by their ends.
func (p *plotter) binLabel(first, last float64) string {
	width := p.panel.BarWidth()
	switch {
	case p.panel.LogX:
		first, last = first/math.Sqrt(width), last*math.Sqrt(width)
	case width != 1 || first != math.Trunc(first):
		first, last = first-width/2, last+width/2
	case first == last:
		return chart.Number(first, false)
	}
	return chart.Number(first, false) + "–" + chart.Number(last, false)
}
