package term

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/chart"
)

var rewrite = flag.Bool("rewrite", false, "write into testdata what plots look like now; then look at them")

// infection is the curve of a message that spreads with some pace, round by round.
func infection(name string, pace float64, rounds int) chart.Series {
	s := chart.Series{Name: name}
	share := 0.001
	for round := range rounds + 1 {
		s.X, s.Y = append(s.X, float64(round)), append(s.Y, share)
		share = min(1, share+pace*share*(1-share))
	}
	return s
}

func coverage(all ...chart.Series) chart.Panel {
	return chart.Panel{Title: "Coverage", X: "round", Y: "nodes that have the message", Percent: true, YMin: new(0.0), YMax: new(1.0), Series: all}
}

func hopsOf(all ...chart.Series) chart.Panel {
	return chart.Panel{Title: "Hops", X: "hops from the origin", Y: "nodes", Kind: chart.Histogram, Series: all}
}

// counts is a series of bars at 0, 1, 2 and so on.
func counts(name string, y ...float64) chart.Series {
	s := chart.Series{Name: name, Y: y}
	for i := range y {
		s.X = append(s.X, float64(i))
	}
	return s
}

// plots are panels of every sort, and the sizes they are drawn in.
func plots() []struct {
	name       string
	panel      chart.Panel
	wide, high int
} {
	names := []string{"flood", "push", "pull", "push-pull", "median-counter", "plumtree", "hyparview", "lazy push"}
	var six, eight []chart.Series
	for i, name := range names {
		eight = append(eight, infection(name, 1.5-0.17*float64(i), 30))
		if i < 6 {
			six = append(six, infection(name, 1.5-0.22*float64(i), 30))
		}
	}
	short := infection("stops", 0.9, 9)
	binomial := []float64{15, 63, 132, 185, 194, 163, 114, 69, 36, 17, 7, 3, 1}
	latency := chart.Series{}
	for i := range 40 {
		latency.X = append(latency.X, 2.5+5*float64(i))
		latency.Y = append(latency.Y, math.Round(2000*math.Exp(-float64(i)/3)))
	}
	return []struct {
		name       string
		panel      chart.Panel
		wide, high int
	}{
		{"one curve", coverage(infection("", 0.9, 17)), 80, 10},
		{"two curves", coverage(infection("push", 1.3, 30), short), 80, 10},
		{"six curves", coverage(six...), 80, 15},
		{"eight curves are rows", coverage(eight...), 80, 15},
		{"narrow", coverage(infection("push", 1.3, 30), infection("pull", 0.7, 30)), 40, 6},
		{"logarithmic", chart.Panel{Title: "Residue", X: "time after sending (ms)", LogX: true, LogY: true, Percent: true,
			Series: []chart.Series{{X: []float64{1, 10, 100, 1000}, Y: []float64{1, 0.5, 0.001, 0}}}}, 60, 9},
		{"below 0 and cut off", chart.Panel{YMin: new(-1.0), YMax: new(2.0), Series: []chart.Series{{X: []float64{0, 10}, Y: []float64{-4, 8}}}}, 60, 9},
		{"one point", chart.Panel{Series: []chart.Series{{X: []float64{1}, Y: []float64{7}}}}, 50, 6},
		{"bars", hopsOf(counts("", binomial...)), 80, 15},
		{"bars of three", hopsOf(counts("flood", 50, 149, 224, 12345, 0), counts("push", 7, 34, 84, 140, 1), counts("pull", 9, 64, 223, 521, 912, 3)), 80, 15},
		{"bars of three, narrow", hopsOf(counts("flood", 50, 149), counts("push", 7, 34), counts("pull", 9, 64)), 40, 15},
		{"more bars than rows", hopsOf(counts("", binomial...)), 60, 5},
		{"intervals", chart.Panel{Title: "Latency", X: "time after sending (ms)", Y: "nodes", Kind: chart.Histogram, Series: []chart.Series{latency}}, 70, 14},
		{"bars of shares", chart.Panel{Kind: chart.Histogram, Percent: true, LogX: true, Series: []chart.Series{{Name: "push", X: []float64{1, 2, 4}, Y: []float64{0.1, 0.9997, 0}}}}, 60, 10},
		{"nothing", chart.Panel{Title: "Latency"}, 80, 10},
		{"words from outside", chart.Panel{Title: `C:\temp 網路`, X: `\x`, Y: strings.Repeat("long ", 30),
			Series: []chart.Series{{Name: strings.Repeat("網", 40), X: []float64{0, 1}, Y: []float64{0, 1}}, {Name: `a\b`, X: []float64{0, 1}, Y: []float64{1, 0}}}}, 50, 5},
	}
}

func plotted(t testing.TB, p chart.Panel, wide, high int, level Level) string {
	t.Helper()
	var b bytes.Buffer
	if err := Plot(&b, p, wide, high, level); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPlots(t *testing.T) {
	var all strings.Builder
	for _, p := range plots() {
		fmt.Fprintf(&all, "--- %s, %d × %d\n%s\n", p.name, p.wide, p.high, plotted(t, p.panel, p.wide, p.high, NoColor))
	}
	path := filepath.Join("testdata", "plots.txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(all.String(), "\n")); diff != "" {
		t.Errorf("%s (-the file +now)\n%s\nif it looks right: go test ./cmd/term -rewrite", path, diff)
	}
}

// A plot fits its width, in colour and without, and colours change nothing else.
func TestPlotsFit(t *testing.T) {
	for _, p := range plots() {
		plain := plotted(t, p.panel, p.wide, p.high, NoColor)
		for _, level := range []Level{NoColor, Color256, TrueColor} {
			text := plotted(t, p.panel, p.wide, p.high, level)
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if Width(Safe(line)) > p.wide {
					t.Errorf("%s: %d columns, %d were asked for: %s", p.name, Width(Safe(line)), p.wide, line)
				}
				checkHarmless(t, uncoloured(line))
			}
			if got := uncoloured(text); got != plain {
				t.Errorf("%s: in colour it is\n%s\nwithout\n%s", p.name, got, plain)
			}
			if coloured := text != plain; coloured != (level != NoColor) && p.panel.Title != "" {
				t.Errorf("%s: at level %d coloured is %t", p.name, level, coloured)
			}
		}
	}
}

// uncoloured takes the colours out.
func uncoloured(text string) string {
	for {
		at := strings.IndexByte(text, escByte)
		if at < 0 {
			return text
		}
		text = text[:at] + text[at+strings.IndexByte(text[at:], 'm')+1:]
	}
}

// A curve has the colour that its name has in the legend.
func TestPlotColoursAgree(t *testing.T) {
	p := coverage(infection("push", 1.3, 30), infection("pull", 0.7, 30))
	text := plotted(t, p, 80, 10, Color256)
	for i, s := range p.Series {
		c := chart.LookOf(i).Colour
		colour := fmt.Sprintf("\x1b[38;5;%dm", nearest256(c.R, c.G, c.B))
		mark := string(chart.LookOf(i).Mark.Rune())
		if !strings.Contains(text, colour+mark+" "+s.Name) || strings.Count(text, colour+mark) < 8 {
			t.Errorf("%s is not painted in its colour:\n%s", s.Name, text)
		}
	}
}

func TestPlotChecks(t *testing.T) {
	for name, p := range map[string]chart.Panel{
		"NaN":        {Series: []chart.Series{{X: []float64{1}, Y: []float64{math.NaN()}}}},
		"too large":  {Series: []chart.Series{{X: []float64{1}, Y: []float64{1e200}}}},
		"an escape":  {Series: []chart.Series{{Name: "\x1b[2J"}}},
		"overriding": {Title: "\u202e"},
	} {
		var b bytes.Buffer
		if err := Plot(&b, p, 80, 10, NoColor); err == nil || b.Len() > 0 || strings.ContainsAny(err.Error(), "\x1b\u202e") {
			t.Errorf("%s: %d bytes, %v", name, b.Len(), err)
		}
	}
	broken := errors.New("broken pipe")
	if err := Plot(brokenPipe{broken}, coverage(infection("", 1, 5)), 80, 10, NoColor); !errors.Is(err, broken) {
		t.Errorf("a pipe that is closed: %v", err)
	}
}

// Every size is kept within reason.
func TestPlotSizes(t *testing.T) {
	p := coverage(infection("", 1, 20))
	for _, size := range []int{math.MinInt, -1, 0, 1, 1000, math.MaxInt} {
		lines := strings.Split(plotted(t, p, size, size, NoColor), "\n")
		if n := len(lines); n < plotLow || n > plotHigh+8 {
			t.Errorf("asked for %d: %d lines", size, n)
		}
		for _, line := range lines {
			if wide := Width(Safe(line)); wide > plotWide {
				t.Errorf("asked for %d: %d columns", size, wide)
			}
		}
	}
}

// Whatever there is to plot, it fits.
func FuzzPlot(f *testing.F) {
	f.Add("push", 0.0, 1.0, 0.5, 1.0, 3, 80, 10, uint8(0))
	f.Add("", 1e100, -1e100, 1e-300, 0.0, 8, 40, 4, uint8(1))
	f.Add(`\`, 1e-99, 1e99, 0.0, 3.0, 2, 30, 20, uint8(6))
	f.Add("x", 1e17, 1e17+16, 0.0, 1e100, 1, 200, 60, uint8(12))
	f.Add("網", 3.0, 3.0, 0.0, 0.0, 5, 61, 7, uint8(31))
	f.Fuzz(func(t *testing.T, name string, x0, x1, y0, y1 float64, series, wide, high int, how uint8) {
		p := chart.Panel{Title: name, X: name, Y: name, LogX: how&1 > 0, LogY: how&2 > 0, Percent: how&8 > 0}
		if how&4 > 0 {
			p.Kind = chart.Histogram
		}
		if how&16 > 0 {
			p.YMin, p.YMax = &y1, new(y1+1)
		}
		for i := range min(max(series, 0), chart.MaxSeries) {
			s := chart.Series{Name: fmt.Sprint(name, i), X: []float64{x0, x1, x1 + 1}[:i%4*3/4], Y: []float64{y0, y1, y0 + 1}[:i%4*3/4]}
			p.Series = append(p.Series, s)
		}
		if p.Check() != nil {
			return
		}
		wide = min(max(wide, plotNarrow), plotWide)
		for line := range strings.Lines(plotted(t, p, wide, high, NoColor)) {
			line = strings.TrimSuffix(line, "\n")
			if Width(Safe(line)) > wide {
				t.Fatalf("%d columns of %d: %q", Width(Safe(line)), wide, line)
			}
			checkHarmless(t, line)
		}
	})
}
