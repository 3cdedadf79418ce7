package scenario

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gossipctl/gossip"
)

// Size of a plot, in pixels of the report.
const (
	plotWidth  = 860
	plotHeight = 220
	plotLeft   = 70
	plotRight  = 20
	plotTop    = 14
	plotBottom = 30
)

// picture is an SVG that is being drawn: all text goes through text.
type picture struct {
	out           strings.Builder
	width, height float64
}

func newPicture(width, height float64, title string) *picture {
	p := &picture{width: width, height: height}
	fmt.Fprintf(&p.out, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, html.EscapeString(title))
	return p
}

func (p *picture) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(&p.out, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`, x, y, class, anchor, html.EscapeString(text))
}

func (p *picture) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&p.out, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`, x1, y1, x2, y2, class)
}

func (p *picture) bar(x, y, width, height float64, class, title string) {
	fmt.Fprintf(&p.out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s"><title>%s</title></rect>`, x, y, max(width, 0.5), height, class, html.EscapeString(title))
}

// done is the picture as part of a page. Everything in it was escaped.
func (p *picture) done() string { return p.out.String() + "</svg>" }

// timeAxis draws moments of a run along the bottom and returns where each lies.
func (p *picture) timeAxis(length time.Duration) func(time.Duration) float64 {
	x := func(d time.Duration) float64 {
		return plotLeft + (p.width-plotLeft-plotRight)*float64(min(max(d, 0), length))/float64(max(length, 1))
	}
	step := niceStep(length)
	for d := time.Duration(0); d <= length; d += step {
		p.line(x(d), plotTop, x(d), p.height-plotBottom, "grid")
		p.text(x(d), p.height-plotBottom+18, "tick", "middle", brief(d))
	}
	return x
}

// niceStep divides a time into at most ten parts that people count in.
func niceStep(length time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		for _, k := range []time.Duration{1, 2, 5} {
			if unit*k*10 >= length {
				return unit * k
			}
		}
	}
	return max(length/10, 1)
}

// coveragePlot shows what share of what was published live nodes had, over time, above the faults.
func coveragePlot(r *Result) string {
	p := newPicture(plotWidth, plotHeight, "coverage over time")
	x := p.timeAxis(r.Plan.End)
	y := func(v float64) float64 { return plotTop + (plotHeight-plotTop-plotBottom)*(1-v) }
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		p.line(plotLeft, y(v), plotWidth-plotRight, y(v), "grid")
		p.text(plotLeft-8, y(v)+4, "tick", "end", fmt.Sprintf("%.0f %%", 100*v))
	}
	for _, s := range spans(r.Plan) {
		p.bar(x(s.from), plotTop, x(s.to)-x(s.from), plotHeight-plotTop-plotBottom, "shade", s.what)
	}
	var points strings.Builder
	for _, pt := range r.Measures.Curve {
		fmt.Fprintf(&points, "%.1f,%.1f ", x(pt.At), y(pt.Value))
	}
	fmt.Fprintf(&p.out, `<polyline points="%s" class="curve"/>`, strings.TrimSpace(points.String()))
	return p.done()
}

// latencyPlot is a histogram of the times from publishing to arrival, on a logarithmic axis.
func latencyPlot(r *Result) string {
	list := r.Measures.Latencies
	if len(list) == 0 {
		return "<p>Nothing arrived anywhere.</p>"
	}
	const bins = 40
	low := math.Log10(math.Max(float64(list[0]), 1e3))
	high := math.Max(math.Log10(math.Max(float64(list[len(list)-1]), 1e3)), low+0.5)
	var counts [bins]int
	most := 1
	for _, d := range list {
		k := int(bins * (math.Log10(math.Max(float64(d), 1e3)) - low) / (high - low))
		k = min(max(k, 0), bins-1)
		counts[k]++
		most = max(most, counts[k])
	}
	p := newPicture(plotWidth, plotHeight, "latency")
	wide := float64(plotWidth-plotLeft-plotRight) / bins
	for k, n := range counts {
		tall := float64(plotHeight-plotTop-plotBottom) * float64(n) / float64(most)
		from, to := edge(low, high, k, bins), edge(low, high, k+1, bins)
		if n > 0 {
			p.bar(plotLeft+wide*float64(k), plotHeight-plotBottom-tall, wide-1, tall, "bar", fmt.Sprintf("%s to %s: %d", timeText(from), timeText(to), n))
		}
		if k%8 == 0 {
			p.text(plotLeft+wide*float64(k), plotHeight-plotBottom+18, "tick", "middle", timeText(from))
		}
	}
	p.line(plotLeft, plotHeight-plotBottom, plotWidth-plotRight, plotHeight-plotBottom, "axis")
	p.text(plotLeft-8, plotTop+8, "tick", "end", fmt.Sprint(most))
	return p.done()
}

func edge(low, high float64, k, bins int) time.Duration {
	return time.Duration(math.Pow(10, low+(high-low)*float64(k)/float64(bins)))
}

// dropPlot is how many packets were dropped, by reason.
func dropPlot(r *Result) string {
	reasons := slices.Sorted(maps.Keys(r.Measures.Dropped))
	reasons = slices.DeleteFunc(reasons, func(reason string) bool { return r.Measures.Dropped[reason] == 0 })
	if len(reasons) == 0 {
		return "<p>None.</p>"
	}
	most := uint64(1)
	for _, n := range r.Measures.Dropped {
		most = max(most, n)
	}
	p := newPicture(plotWidth, float64(24*len(reasons)+8), "packets dropped, by reason")
	for k, reason := range reasons {
		n, y := r.Measures.Dropped[reason], float64(24*k+4)
		p.text(150, y+15, "label", "end", reason)
		wide := 560 * float64(n) / float64(most)
		p.bar(160, y+2, wide, 16, "bar", fmt.Sprintf("%s: %d", reason, n))
		p.text(168+wide, y+15, "tick", "start", fmt.Sprint(n))
	}
	return p.done()
}

// span is a time in which something was wrong.
type span struct {
	from, to time.Duration
	what     string
	class    string
}

// spans are the faults of a plan with their times.
func spans(p *Plan) (list []span) {
	open := make(map[string]int) // by fault, or by what happens to a node, the place in list plus one
	begin := func(key string, a *Action, class string) {
		list = append(list, span{a.At, p.End, strings.TrimPrefix(a.String(), "fault "), class})
		open[key] = len(list)
	}
	finish := func(key string, at time.Duration) {
		if i := open[key]; i > 0 {
			list[i-1].to = at
			delete(open, key)
		}
	}
	each := func(a *Action, do func(key string)) {
		for _, id := range a.Nodes {
			do(fmt.Sprintf("%d", id))
		}
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		switch a.Do {
		case DoSet:
			begin("fault "+a.Rule.Name, a, "link")
		case DoClear:
			finish("fault "+a.Rule.Name, a.At)
		case DoKill, DoPause:
			class := map[Do]string{DoKill: "dead", DoPause: "still"}[a.Do]
			for _, id := range a.Nodes {
				one := *a
				one.Nodes = []gossip.NodeID{id}
				finish(fmt.Sprint(id), a.At)
				begin(fmt.Sprint(id), &one, class)
			}
		case DoStart, DoResume:
			each(a, func(key string) { finish(key, a.At) })
		}
	}
	return list
}

// timelinePlot shows the faults one below the other.
func timelinePlot(r *Result) string {
	list := spans(r.Plan)
	if len(list) == 0 {
		return "<p>None.</p>"
	}
	const most, tall = 60, 20
	shown := list[:min(len(list), most)]
	p := newPicture(plotWidth, float64(plotTop+tall*len(shown)+plotBottom), "timeline of faults")
	x := p.timeAxis(r.Plan.End)
	for k, s := range shown {
		y := float64(plotTop + tall*k)
		p.bar(x(s.from), y+3, x(s.to)-x(s.from), tall-6, s.class, fmt.Sprintf("%s, %s to %s", s.what, brief(s.from), brief(s.to)))
		anchor, at := "start", x(s.from)+4
		if x(s.from) > plotWidth/2 {
			anchor, at = "end", x(s.from)-4
		}
		p.text(at, y+14, "label", anchor, shorten(s.what))
	}
	if n := len(list) - len(shown); n > 0 {
		return p.done() + fmt.Sprintf("<p>And %d more.</p>", n)
	}
	return p.done()
}

func shorten(text string) string {
	if r := []rune(text); len(r) > 70 {
		return string(r[:69]) + "…"
	}
	return text
}
