package render

import (
	"bytes"
	"context"
	"io"

	"gossipctl/chart"
)

// charts are the formats of [Renderer.WriteChart].
var charts = catalogue[chart.Chart]{"a chart", []format[chart.Chart]{
	{"svg", []string{".svg"}, drawnChart("svg")},
	{"png", []string{".png"}, drawnChart("png")},
	{"json", []string{".json"}, func(_ Renderer, _ context.Context, w io.Writer, c chart.Chart) (Result, error) {
		return Result{}, chart.Encode(w, c)
	}},
	{"csv", []string{".csv"}, func(_ Renderer, _ context.Context, w io.Writer, c chart.Chart) (Result, error) {
		return Result{}, c.CSV(w)
	}},
}}

// drawnChart writes a chart in a format that only the renderer can.
func drawnChart(to string) func(Renderer, context.Context, io.Writer, chart.Chart) (Result, error) {
	return func(r Renderer, ctx context.Context, w io.Writer, c chart.Chart) (Result, error) {
		var document bytes.Buffer
		if err := chart.Encode(&document, c); err != nil {
			return Result{}, err
		}
		drawn, err := r.run(ctx, to, document.Bytes())
		if err != nil {
			return Result{}, err
		}
		_, err = w.Write(drawn)
		return Result{}, err
	}
}

// ChartFormats lists the formats of charts, the usual one first.
func ChartFormats() []string { return charts.names() }

// ChartFormat is the format of a chart that a file name asks for by its extension.
func ChartFormat(filename string) (string, error) { return charts.of(filename) }

// WriteChart writes c in a format: svg, png, json (see [chart.Encode]) or csv (see
// [chart.Chart.CSV]). Nothing is written when it fails. SVG and PNG need the renderer, and its
// absence is [ErrMissing].
func (r Renderer) WriteChart(ctx context.Context, w io.Writer, format string, c chart.Chart) error {
	_, err := charts.to(ctx, r, w, format, c, c.Check())
	return err
}

// ChartFile writes c to a file in the format of its extension, all or nothing: when it fails, what
// was at path before is still there.
func (r Renderer) ChartFile(ctx context.Context, path string, c chart.Chart) error {
	format, err := ChartFormat(path)
	if err != nil {
		return err
	}
	_, err = replace(path, func(w io.Writer) (Result, error) { return Result{}, r.WriteChart(ctx, w, format, c) })
	return err
}
