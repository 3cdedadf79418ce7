package render

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gossipctl/chart"
)

// curves is a chart of two series with a name that XML has to be told about.
var curves = chart.Chart{Title: "Coverage", Subtitle: "1,000 nodes", Panels: []chart.Panel{
	{X: "round", Y: "nodes", Percent: true, Series: []chart.Series{
		{Name: "push", X: []float64{0, 1, 2}, Y: []float64{0, 0.5, 1}},
		{Name: "<push> & \"pull\"", X: []float64{0, 1, 2}, Y: []float64{0, 0.25, 1}},
	}},
	{X: "hops", Kind: chart.Histogram, Series: []chart.Series{{Name: "push", X: []float64{1, 2}, Y: []float64{7, 9}}}},
}}

func TestWriteChartInEveryFormat(t *testing.T) {
	r := built(t)
	for format, start := range map[string]string{
		"svg": "<svg ", "png": "\x89PNG\r\n", "json": `{"version":1,"kind":"chart",`, "csv": "panel,title,series,x,y,low,high\n",
	} {
		var b, again bytes.Buffer
		if err := r.WriteChart(t.Context(), &b, format, curves); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if b.Len() < 100 || !strings.HasPrefix(b.String(), start) {
			t.Errorf("%s starts with %.40q", format, b.String())
		}
		if err := r.WriteChart(t.Context(), &again, format, curves); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("%s: a second time it is different, %v", format, err)
		}
	}
	if got, want := strings.Join(ChartFormats(), " "), "svg png json csv"; got != want {
		t.Errorf("formats %s, tested %s", got, want)
	}
}

func TestChartAsSVGIsXML(t *testing.T) {
	var b bytes.Buffer
	if err := built(t).WriteChart(t.Context(), &b, "svg", curves); err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			words[string(text)] = true
		}
	}
	for _, want := range []string{"Coverage", "1,000 nodes", "push", `<push> & "pull"`, "100%", "hops"} {
		if !words[want] {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestChartFormat(t *testing.T) {
	for name, want := range map[string]string{"a.svg": "svg", "/b/c.PNG": "png", "d.json": "json", "e.tar.csv": "csv"} {
		if got, err := ChartFormat(name); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "svg", "a.", "a.dot", "a.gv", "a.txt", "a.pdf"} {
		_, err := ChartFormat(name)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "a chart ends in .svg, .png, .json, .csv") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWriteChartRefuses(t *testing.T) {
	r := fake(t, "exit 1")
	var b bytes.Buffer
	if err := r.WriteChart(t.Context(), &b, "dot", curves); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "svg, png, json, csv") {
		t.Errorf("dot: %v", err)
	}
	broken := chart.Chart{Panels: []chart.Panel{{Series: []chart.Series{{X: []float64{math.NaN()}, Y: []float64{1}}}}}}
	for _, format := range ChartFormats() {
		if err := r.WriteChart(t.Context(), &b, format, broken); err == nil || !strings.Contains(err.Error(), "NaN") {
			t.Errorf("%s of no numbers: %v", format, err)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes were written all the same", b.Len())
	}
}

func TestChartWithoutRenderer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for format, missing := range map[string]bool{"svg": true, "png": true, "json": false, "csv": false} {
		var b bytes.Buffer
		if err := (Renderer{}).WriteChart(t.Context(), &b, format, curves); errors.Is(err, ErrMissing) != missing || (b.Len() == 0) != missing {
			t.Errorf("%s: %d bytes, %v", format, b.Len(), err)
		}
	}
}

func TestChartFile(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "curves.png")
	if err := r.ChartFile(t.Context(), path, curves); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() < 1500 {
		t.Errorf("no picture: %v", err)
	}
	if err := r.ChartFile(t.Context(), filepath.Join(dir, "curves.dot"), curves); !errors.Is(err, ErrFormat) {
		t.Errorf("dot: %v", err)
	}
	// What fails leaves the old file.
	r = Renderer{Program: fake(t, "exec sleep 60").Program, Timeout: 200 * time.Millisecond}
	if err := r.ChartFile(t.Context(), path, curves); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a renderer that hangs: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 10_000 {
		t.Errorf("the old file: %v, %v", info, err)
	}
	only(t, dir, "curves.png")
}

func TestRendererOfChartsThatFails(t *testing.T) {
	var b bytes.Buffer
	err := fake(t, "echo gossipctl-graph: out of ink >&2; exit 1").WriteChart(t.Context(), &b, "svg", curves)
	if err == nil || !strings.Contains(err.Error(), "out of ink") || b.Len() != 0 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}
