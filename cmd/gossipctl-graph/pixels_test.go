package main

import (
	"context"
	"image"
	"image/png"
	"math"
	"strings"
	"testing"

	"gossipctl/topology/draw"
)

// painted is the scene in pixels.
func painted(t *testing.T, s draw.Scene) image.Image {
	t.Helper()
	img, err := paint(s)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// pixelAt is the colour at a place of the scene.
func pixelAt(img image.Image, p draw.Point) draw.RGB {
	r, g, b, _ := img.At(int(scale*p.X), int(scale*p.Y)).RGBA()
	return draw.RGB{R: uint8(r >> 8), G: uint8(g >> 8), B: uint8(b >> 8)}
}

// near allows for the mixing of edges.
func near(a, b draw.RGB) bool {
	d := func(x, y uint8) float64 { return math.Abs(float64(x) - float64(y)) }
	return d(a.R, b.R)+d(a.G, b.G)+d(a.B, b.B) < 60
}

// probe is a brush that looks instead: at what ought to be where the scene says.
type probe struct {
	t     *testing.T
	img   image.Image
	discs []draw.Disc
	lines []draw.Line
	node  int
	seen  map[string]int
}

func (p *probe) Line(l draw.Line) { p.lines = append(p.lines, l) }
func (p *probe) Disc(d draw.Disc) {
	p.discs = append(p.discs, d)
	if p.node == 0 || d.R < 8 || d.Fill.Alpha < 1 || d.Fill.Role != draw.Fixed {
		return
	}
	p.seen["disc"]++
	// Low on the left, where neither the number nor a badge is.
	at := draw.Point{X: d.At.X - 0.6*d.R, Y: d.At.Y + 0.5*d.R}
	if got := pixelAt(p.img, at); !near(got, d.Fill.Colour) {
		p.t.Errorf("the disc of node %d is %s, want %s", p.node, got.Hex(), d.Fill.Colour.Hex())
	}
	rim := draw.Point{X: d.At.X, Y: d.At.Y + d.R}
	if got := pixelAt(p.img, rim); !near(got, d.Stroke.Paint.RGB()) {
		p.t.Errorf("the rim of node %d is %s, want %s", p.node, got.Hex(), d.Stroke.Paint.RGB().Hex())
	}
}

func (p *probe) Text(text draw.Text) {
	// A box of letters holds both ink and what is under it.
	ink, other := 0, 0
	half := 0.3 * text.Size
	for y := text.At.Y - 0.7*text.Size; y < text.At.Y; y += 0.5 {
		for x := text.At.X - half; x < text.At.X+half; x += 0.5 {
			at := draw.Point{X: x, Y: y}
			if text.Align == draw.Start {
				at.X += half
			}
			if near(pixelAt(p.img, at), text.Paint.RGB()) {
				ink++
			} else {
				other++
			}
		}
	}
	p.seen["text"]++
	if ink < 5 || other < 5 {
		p.t.Errorf("where %q should be, %d dots are ink and %d are not", text.Words, ink, other)
	}
}

func (p *probe) Group(g draw.Group) {
	p.node = g.Node
	for _, item := range g.Items {
		item.Draw(p)
	}
	p.node = 0
}

// checkLines looks at the middle of every link that nothing lies on.
func (p *probe) checkLines() {
	for _, l := range p.lines {
		if l.A == 0 || l.Stroke.Dash != 0 || len(l.Points) != 2 {
			continue
		}
		from, to := l.Points[0], l.Points[1]
		for _, f := range []float64{0.35, 0.5, 0.65} {
			at := draw.Point{X: from.X + f*(to.X-from.X), Y: from.Y + f*(to.Y-from.Y)}
			covered := false
			for _, d := range p.discs {
				covered = covered || math.Hypot(d.At.X-at.X, d.At.Y-at.Y) < d.R+2
			}
			if covered {
				continue
			}
			p.seen["line"]++
			if got := pixelAt(p.img, at); !near(got, l.Stroke.Paint.RGB()) {
				p.t.Errorf("link %d-%d is %s, want %s", l.A, l.B, got.Hex(), l.Stroke.Paint.RGB().Hex())
			}
			// Stroked, not filled: paper on both sides.
			length := math.Hypot(to.X-from.X, to.Y-from.Y)
			nx, ny := -(to.Y-from.Y)/length, (to.X-from.X)/length
			left, right := draw.Point{X: at.X + 4*nx, Y: at.Y + 4*ny}, draw.Point{X: at.X - 4*nx, Y: at.Y - 4*ny}
			if paper := (draw.RGB{R: 255, G: 255, B: 255}); pixelAt(p.img, left) == paper || pixelAt(p.img, right) == paper {
				p.seen["edge"]++
			}
		}
	}
	if p.seen["edge"] < p.seen["line"]*9/10 { // a few have another link on either side
		p.t.Errorf("of %d links, %d have an edge", p.seen["line"], p.seen["edge"])
	}
}

func TestPNGShowsTheScene(t *testing.T) {
	p, err := place(context.Background(), chords(16, "random"), "")
	if err != nil {
		t.Fatal(err)
	}
	p.Nodes[5].State = draw.Paused
	p.Nodes[6].Unread = 3
	for _, tc := range []struct {
		d     draw.Drawing
		least map[string]int
	}{
		{p, map[string]int{"disc": 15, "text": 20, "line": 30}},
		{chords(16, "circle"), map[string]int{"disc": 16, "text": 18, "line": 30}},
		{chain(16), map[string]int{"disc": 16, "text": 30}},
	} {
		scene := tc.d.Scene()
		img := painted(t, scene)
		if got, want := img.Bounds().Size(), image.Pt(int(math.Ceil(scale*scene.Width)), int(math.Ceil(scale*scene.Height))); got != want {
			t.Errorf("%v pixels, want %v", got, want)
		}
		if got := pixelAt(img, draw.Point{X: 1, Y: 1}); got != (draw.RGB{R: 255, G: 255, B: 255}) {
			t.Errorf("paper is %s", got.Hex())
		}
		eye := &probe{t: t, img: img, seen: map[string]int{}}
		scene.Draw(eye)
		eye.checkLines()
		for what, least := range tc.least {
			if eye.seen[what] < least {
				t.Errorf("%T: looked at %d of kind %s, want %d at least", tc.d, eye.seen[what], what, least)
			}
		}
	}
}

// A dotted rim has ink and gaps in turn, a dashed one too.
func TestPNGBreaksRims(t *testing.T) {
	p := draw.Picture{Layout: "line", Nodes: []draw.Node{{ID: 1, State: draw.Unreachable}, {ID: 2, State: draw.Removed}, {ID: 3}}}
	scene := p.Scene()
	img := painted(t, scene)
	changes := map[int]int{}
	for _, item := range scene.Items {
		g, ok := item.(draw.Group)
		if !ok {
			continue
		}
		rim := g.Items[len(g.Items)-1]
		for _, item := range g.Items {
			if d, ok := item.(draw.Disc); ok && d.Stroke.Width > 0 && d.R > 10 {
				rim = d
			}
		}
		d := rim.(draw.Disc)
		before := false
		for i := range 2000 {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / 2000)
			dark := near(pixelAt(img, draw.Point{X: d.At.X + d.R*cos, Y: d.At.Y + d.R*sin}), d.Stroke.Paint.RGB())
			if i > 0 && dark != before {
				changes[g.Node]++
			}
			before = dark
		}
	}
	if changes[1] < 20 || changes[2] < 8 || changes[3] > 8 {
		t.Errorf("along the rims, ink and gap change %v times", changes)
	}
}

func TestPNGIsDeterministicAndBounded(t *testing.T) {
	p := chords(20, "circle")
	_, first, _ := call(document(t, p), "--to", "png")
	_, second, _ := call(document(t, p), "--to", "png")
	if first != second {
		t.Error("two PNGs of one drawing differ")
	}
	decoded, err := png.Decode(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	want := painted(t, p.Scene())
	for y := range want.Bounds().Dy() {
		for x := 0; x < want.Bounds().Dx(); x += 7 {
			r, g, b, _ := decoded.At(x, y).RGBA()
			if wr, wg, wb, _ := want.At(x, y).RGBA(); r != wr || g != wg || b != wb {
				t.Fatalf("the PNG differs from what was painted at %d, %d", x, y)
			}
		}
	}
	long := draw.Scene{Width: 40_000, Height: 100}
	if size := painted(t, long).Bounds().Size(); size.X > sideMost || size.Y < 1 {
		t.Errorf("a page of 40,000 became %v pixels", size)
	}
}

func TestPNGTakesAnyText(t *testing.T) {
	p := chords(4, "circle")
	p.Title = strings.Repeat("漢字 \u202e <b> \x1b[31m é ж ✓ ", 20)
	painted(t, p.Scene())
}
