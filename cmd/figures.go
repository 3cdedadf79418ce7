package cmd

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gossipctl/chart"
	"gossipctl/lab"
	"gossipctl/topology/render"

	"gossipctl/cmd/term"
)

// draw writes the figure to the file that was asked for, if one was.
func (o *experiment) draw(ctx context.Context, c chart.Chart) error {
	if o.plot == "" {
		return nil
	}
	path, err := filepath.Abs(o.plot)
	if err != nil {
		return err
	}
	if err := (render.Renderer{}).ChartFile(ctx, path, c); err != nil {
		return drawError(err)
	}
	o.note("Picture: %s", term.Escape(path))
	if !o.noOpen {
		o.openViewer(path)
	}
	return nil
}

// curve plots the first panel of a figure in the terminal.
func (o *experiment) curve(w io.Writer, c chart.Chart) {
	const rows = 10 // a result and its curve fit in a window of 24
	fmt.Fprintln(w)
	if err := term.Plot(w, c.Panels[0], min(max(o.Width, 60), 100), rows, o.OutColor); err != nil {
		o.note("%v", err)
	}
}

// figureOf is the picture of one experiment: how coverage grew, what was new when, and how far
// deliveries had come.
func figureOf(r *lab.Report) chart.Chart {
	return figure(strings.TrimSpace(fmt.Sprintf("%s · %s", r.Experiment.Protocol, scene(r))), r)
}

// scene is where an experiment was done, in few words.
func scene(r *lab.Report) string {
	x := r.Experiment
	overlay := x.Overlay
	if x.Overlay != lab.Complete && x.Degree > 0 {
		overlay = fmt.Sprintf("%s %d", overlay, x.Degree)
	}
	text := fmt.Sprintf("%s, %s", term.Plural(x.Nodes, "node"), overlay)
	if words := repairOf(x); words != "" {
		text += ", " + words
	}
	return text
}

// figure puts one or more experiments of the same kind into one picture.
func figure(title string, reps ...*lab.Report) chart.Chart {
	first := reps[0]
	c := chart.Chart{
		Title:    title,
		Subtitle: fmt.Sprintf("%s, seed %d", term.Plural(first.Runs, "run"), first.Experiment.Seed),
	}
	if first.Runs > 1 {
		c.Band = fmt.Sprintf("10th to 90th percentile of %d runs", first.Runs)
	}
	axis := "time after publishing (ms)"
	if first.Rounds {
		axis = "rounds after publishing"
	}
	zero, one := 0.0, 1.0
	coverage := chart.Panel{Title: "Coverage", X: axis, Y: "nodes that have the message", Percent: true, YMin: &zero, YMax: &one}
	latency := chart.Panel{Title: "Arrivals", X: axis, Y: "share of the deliveries", Percent: true, Kind: chart.Histogram}
	hops := chart.Panel{Title: "Hops", X: "edges travelled by the first copy", Y: "share of the deliveries", Percent: true, Kind: chart.Histogram}
	missing := chart.Panel{Title: "Still without it", X: axis, Y: "residue", LogY: true}
	for _, r := range reps {
		name := r.Experiment.Protocol
		cv := r.Curve
		line := chart.Series{Name: name, X: cv.At, Y: cv.Mean}
		if r.Runs > 1 {
			line.Low, line.High = cv.Low, cv.High
		}
		coverage.Series = append(coverage.Series, line)
		left := make([]float64, len(cv.Mean))
		for k, v := range cv.Mean {
			left[k] = max(1-v, 0)
		}
		latency.Series = append(latency.Series, arrivals(r))
		missing.Series = append(missing.Series, chart.Series{Name: name, X: cv.At, Y: left})
		far := chart.Series{Name: name}
		for k, share := range r.Hops {
			far.X, far.Y = append(far.X, float64(k)), append(far.Y, share)
		}
		hops.Series = append(hops.Series, far)
	}
	c.Panels = []chart.Panel{coverage, missing, latency, hops}
	if len(reps) > 1 {
		c.Panels = append([]chart.Panel{coverage, missing}, costs(reps)...)
	}
	return c
}

// bars is how many bars the histogram of arrivals has when time is not counted in rounds.
const bars = 40

// arrivals is the histogram of when deliveries came: one bar a round, or so many over the whole time.
func arrivals(r *lab.Report) chart.Series {
	s := chart.Series{Name: r.Experiment.Protocol}
	cv := r.Curve
	if len(cv.At) == 0 {
		return s
	}
	wide := 1
	if !r.Rounds {
		wide = max((len(cv.At)-1)/bars, 1)
	}
	total, before := cv.Mean[len(cv.Mean)-1], 0.0
	for k := 0; k < len(cv.At); k += wide {
		last := min(k+wide, len(cv.At)) - 1
		step := cv.At[min(1, len(cv.At)-1)] // the last bar may be of fewer points, but is as wide
		s.X = append(s.X, step*(float64(k)+float64(wide-1)/2))
		s.Y = append(s.Y, max(cv.Mean[last]-before, 0)/max(total, 1e-12))
		before = cv.Mean[last]
	}
	return s
}

// costs compares what protocols cost, a bar for each.
func costs(reps []*lab.Report) []chart.Panel {
	beside := func(title, y string, of func(*lab.Report) lab.Stat) chart.Panel {
		p := chart.Panel{Title: title, X: "protocol", Y: y, Kind: chart.Histogram}
		for _, r := range reps {
			s := of(r)
			p.Series = append(p.Series, chart.Series{Name: r.Experiment.Protocol, X: []float64{1}, Y: []float64{s.Mean},
				Low: []float64{s.P10}, High: []float64{s.P90}})
		}
		return p
	}
	return []chart.Panel{
		beside("Traffic", "copies of the message sent, a node", func(r *lab.Report) lab.Stat { return r.Traffic }),
		beside("Packets", "of any sort, a node", func(r *lab.Report) lab.Stat { return perNode(r.Packets, r.Experiment.Nodes) }),
		beside("Redundancy", "copies received per useful one, less one", func(r *lab.Report) lab.Stat { return r.Redundancy }),
		beside("Hops", "mean, of first copies", func(r *lab.Report) lab.Stat { return r.MeanHops }),
	}
}

func perNode(s lab.Stat, nodes int) lab.Stat {
	n := float64(max(nodes, 1))
	s.Mean, s.P10, s.P90 = s.Mean/n, s.P10/n, s.P90/n
	return s
}
