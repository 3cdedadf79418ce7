package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gossipctl/chart"
	"gossipctl/topology/draw"
)

var rewrite = flag.Bool("rewrite", false, "write into testdata what is drawn now; then look at it")

// recorded is a pen that remembers, and complains about what is not on the page.
type recorded struct {
	t       testing.TB
	page    draw.Scene
	fills   int
	strokes int
	texts   []draw.Text
}

func (r *recorded) Fill(o outline, _ draw.Paint)    { r.fills++; r.check(o) }
func (r *recorded) Stroke(o outline, _ draw.Stroke) { r.strokes++; r.check(o) }
func (r *recorded) Text(t draw.Text)                { r.texts = append(r.texts, t) }

func (r *recorded) check(o outline) {
	r.t.Helper()
	for _, step := range o {
		for _, at := range step.to[:step.points()] {
			if !(at.X >= 0 && at.X <= r.page.Width && at.Y >= 0 && at.Y <= r.page.Height) {
				r.t.Fatalf("a line goes through %v, the page is %v × %v", at, r.page.Width, r.page.Height)
			}
		}
	}
}

// record draws a chart with a pen that remembers.
func record(t testing.TB, c chart.Chart) *recorded {
	t.Helper()
	f := newFigure(c)
	r := &recorded{t: t, page: f.page}
	if err := f.draw(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// written is a chart in a format.
func written(t testing.TB, c chart.Chart, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeChart(&b, c, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// encodedChart is the document of a chart.
func encodedChart(t testing.TB, c chart.Chart) string {
	t.Helper()
	var b bytes.Buffer
	if err := chart.Encode(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryFigureIsXML(t *testing.T) {
	for name, c := range figures() {
		doc := encodedChart(t, c)
		status, out, complaint := call(doc, "--to", "svg")
		if status != done || complaint != "" || len(out) > 200_000 {
			t.Fatalf("%s: status %d, %d bytes: %s", name, status, len(out), complaint)
		}
		if _, again, _ := call(doc, "--to", "svg"); again != out {
			t.Errorf("%s: a second time it is different", name)
		}
		for d := xml.NewDecoder(strings.NewReader(out)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestPNGOfFigures(t *testing.T) {
	for name, times := range map[string]int{"one": 2, "empty": 1, "extreme": 1} { // pixels take time
		c := figures()[name]
		out := written(t, c, "png")
		if times > 1 && !bytes.Equal(out, written(t, c, "png")) {
			t.Errorf("%s: a second time it is different", name)
		}
		page := newFigure(c).page
		img, err := png.DecodeConfig(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		k := math.Min(scale, sideMost/math.Max(page.Width, page.Height))
		if wide, high := int(math.Ceil(k*page.Width)), int(math.Ceil(k*page.Height)); img.Width != wide || img.Height != high || wide < 1500 {
			t.Errorf("%s: %d × %d pixels, want %d × %d", name, img.Width, img.Height, wide, high)
		}
	}
}

// All words are on the page, and none is on another.
func TestWordsHaveRoom(t *testing.T) {
	faces := newFonts()
	for name, c := range figures() {
		r := record(t, c)
		type box struct {
			draw.Text
			x0, x1 float64
		}
		var boxes []box
		for _, words := range r.texts {
			b := box{words, words.At.X, words.At.X + faces.of(words.Bold).width(words.Words, words.Size)}
			switch half := (b.x1 - b.x0) / 2; words.Align {
			case draw.Middle:
				b.x0, b.x1 = b.x0-half, b.x1-half
			case draw.End:
				b.x0, b.x1 = b.x0-2*half, b.x1-2*half
			}
			if b.x0 < 0 || b.x1 > r.page.Width || b.At.Y < b.Size || b.At.Y > r.page.Height-b.Size/2 {
				t.Errorf("%s: %q from %.0f to %.0f on line %.0f leaves the page of %v × %v",
					name, b.Words, b.x0, b.x1, b.At.Y, r.page.Width, r.page.Height)
			}
			for _, other := range boxes {
				if b.x0 < other.x1 && other.x0 < b.x1 && b.At.Y-0.75*b.Size < other.At.Y && other.At.Y-0.75*other.Size < b.At.Y {
					t.Errorf("%s: %q at %v is on %q at %v", name, b.Words, b.At, other.Words, other.At)
				}
			}
			boxes = append(boxes, b)
		}
		if len(boxes) < 5 {
			t.Errorf("%s: only %d texts", name, len(boxes))
		}
	}
}

// What is said must be found: titles, labels, names, and what the bands are, each once for the chart.
func TestFigureSaysEverything(t *testing.T) {
	c := figures()["compared"]
	said := map[string]int{}
	for _, words := range record(t, c).texts {
		said[words.Words]++
	}
	for words, times := range map[string]int{
		c.Title: 1, c.Subtitle: 1, c.Band: 1, "flood": 1, "push": 1, "pull": 1, "Coverage": 1, "Residue": 1, "Packets": 1,
		"nodes that have the message": 1, "fan-out": 1, "round": 2, "hops from the origin": 1, "100%": 2, "0.1%": 1, "2,500": 1,
	} {
		if said[words] != times {
			t.Errorf("%q is said %d times, want %d", words, said[words], times)
		}
	}
	for _, words := range record(t, figures()["four"]).texts {
		if words.Words == "" {
			t.Error("a legend names a series without a name")
		}
	}
}

func TestLongWordsAreCut(t *testing.T) {
	c := figures()["four"]
	long := strings.Repeat("WWWW ", chart.MaxText/5)
	c.Title, c.Subtitle, c.Band = long, long, long
	for i := range c.Panels {
		c.Panels[i].Title, c.Panels[i].X, c.Panels[i].Y = long, long, long
		for k := range c.Panels[i].Series {
			c.Panels[i].Series[k].Name = strings.Repeat("W", chart.MaxName)
		}
	}
	r := record(t, c)
	cut, faces := 0, newFonts()
	for _, words := range r.texts {
		if strings.HasSuffix(words.Words, "…") {
			cut++
		}
		if wide := faces.of(words.Bold).width(words.Words, words.Size); wide > r.page.Width-2*margin {
			t.Errorf("%.20q is %.0f wide", words.Words, wide)
		}
	}
	if cut < 13 { // the title, and three of each panel
		t.Errorf("%d texts were cut", cut)
	}
}

func TestChartExitStatus(t *testing.T) {
	good := encodedChart(t, figures()["one"])
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("nothing holds %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, tc := range map[string]struct {
		stdin string
		to    string
		want  int
		says  string
	}{
		"svg":             {good, "svg", done, ""},
		"png":             {good, "png", done, ""},
		"with a layout":   {good, "svg", done, ""},
		"positions":       {good, "positions", failed, "no nodes"},
		"NaN":             {swap(`0.001`, `NaN`), "svg", failed, "JSON"},
		"infinite":        {swap(`0.001`, `1e999`), "svg", failed, "1e999"},
		"huge":            {swap(`0.001`, `1e101`), "png", failed, "1e+101"},
		"control":         {swap(`"name":""`, `"name":"\u001b[2J"`), "svg", failed, "cannot be shown"},
		"turned round":    {swap(`"How far`, `"\u202eHow far`), "svg", failed, "cannot be shown"},
		"fewer":           {swap(`[0,1,`, `[0,`), "svg", failed, "values of X"},
		"unknown field":   {swap(`"panels"`, `"scale":2,"panels"`), "svg", failed, "scale"},
		"another version": {swap(`"version":1`, `"version":9`), "svg", failed, "version 9"},
		"too long":        {good + strings.Repeat(" ", chart.MaxDocument), "svg", failed, "MiB"},
	} {
		args := []string{"--to", tc.to}
		if name == "with a layout" {
			args = append(args, "--layout", "neato")
		}
		status, out, complaint := call(tc.stdin, args...)
		if status != tc.want || !strings.Contains(complaint, tc.says) || strings.ContainsAny(complaint, "\x1b\u202e") {
			t.Errorf("%s: status %d, %q", name, status, complaint)
		}
		if (status == done) != (out != "") || (status == done) != (complaint == "") || len(complaint) > 1000 {
			t.Errorf("%s: status %d with %d bytes on stdout and %q on stderr", name, status, len(out), complaint)
		}
	}
}

// Every series is on the picture in its colour, with its mark in the legend.
func TestPNGShowsEverySeries(t *testing.T) {
	c := figures()["six"]
	f := newFigure(c)
	p := newPixels(f.page.Width, f.page.Height)
	if err := f.draw(pixelPen{p}); err != nil {
		t.Fatal(err)
	}
	img := p.Image().(*image.RGBA)
	found := map[draw.RGB]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		found[draw.RGB{R: img.Pix[i], G: img.Pix[i+1], B: img.Pix[i+2]}]++
	}
	for i, name := range c.Names() {
		if n := found[draw.RGB(chart.LookOf(i).Colour)]; n < 1500 {
			t.Errorf("%s: %d pixels are of its colour", name, n)
		}
	}
	if got := pixelAt(img, draw.Point{X: 1, Y: 1}); got != (draw.RGB{R: 255, G: 255, B: 255}) {
		t.Errorf("paper is %s", got.Hex())
	}
}

// Without colours, marks and dashes alone tell sixteen series apart.
func TestSixteenWithoutColour(t *testing.T) {
	seen := map[string]string{}
	for i := range chart.MaxSeries {
		look := chart.LookOf(i)
		look.Colour = chart.RGB{}
		r := &drawnShapes{}
		mark(newSheet(r, 100), look, unit(0).Scale(20))
		shape := fmt.Sprint(r.shapes, line(look).Dashes)
		if other, twice := seen[shape]; twice {
			t.Errorf("series %d looks like %s", i, other)
		}
		seen[shape] = fmt.Sprintf("series %d", i)
	}
}

// drawnShapes remembers what was drawn, and how.
type drawnShapes struct{ shapes []string }

func (d *drawnShapes) Fill(o outline, p draw.Paint) {
	d.shapes = append(d.shapes, fmt.Sprint("fill", o, p))
}
func (d *drawnShapes) Stroke(o outline, s draw.Stroke) {
	d.shapes = append(d.shapes, fmt.Sprint("stroke", o, s))
}
func (d *drawnShapes) Text(draw.Text) {}

// A picture that is known to look well; see it before believing a new one.
func TestGoldenChart(t *testing.T) {
	got := written(t, figures()["small"], "svg")
	path := filepath.Join("testdata", "small.svg")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-the file +now)\n%s\nif it looks right: go test ./cmd/gossipctl-graph -rewrite", path, diff)
	}
}

func TestOddCharts(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	drawn := 0
	for range 5000 {
		c := odd(chance)
		if c.Check() != nil {
			continue
		}
		drawn++
		if r := record(t, c); len(r.texts) < 2 {
			t.Errorf("only %d texts in %s", len(r.texts), encodedChart(t, c))
		}
		if t.Failed() {
			t.Fatal(encodedChart(t, c))
		}
	}
	if drawn < 300 {
		t.Errorf("only %d charts were valid", drawn)
	}
}

// Whatever chart there is, it can be drawn, and its ink stays on the page.
func FuzzChart(f *testing.F) {
	for _, name := range []string{"small", "empty"} { // the others are long, and say little more
		f.Add([]byte(encodedChart(f, figures()[name])))
	}
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"log_y":true,"y_max":1e-99,"series":[{"x":[-1e100,1e100],"y":[5e-324,1e100],"low":[0,0],"high":[1e99,1]}]}]}`))
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"kind":"histogram","y_min":3,"y_max":4,"series":[{"x":[1e17,1.00000001e17],"y":[0,1e100],"low":[-1e100,3],"high":[1e100,9]}]}]}`))
	f.Add([]byte(`{"version":1,"kind":"chart","panels":[{"y_min":-1e100,"y_max":-1e99,"series":[{"x":[1,2],"y":[-5e99,1e100]}]},{"kind":"histogram","log_x":true,"log_y":true,"series":[{"x":[1e-99,1e99],"y":[0,1]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := chart.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		record(t, c)
		if out := written(t, c, "svg"); bytes.Contains(out, []byte("NaN")) && !bytes.Contains(data, []byte("NaN")) {
			t.Error("there is no number somewhere")
		}
	})
}
