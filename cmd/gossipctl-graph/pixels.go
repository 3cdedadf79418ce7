package main

import (
	"fmt"
	"image"
	"image/png"
	"io"
	"math"

	"github.com/fogleman/gg"

	"gossipctl/topology/draw"
)

// Pixels of a picture.
const (
	scale    = 2    // sharp on a screen of twice the usual density, and on a slide
	sideMost = 3000 // pixels; larger pictures are scaled less, so that none takes more than a second and 40 MB
)

// writePNG writes the scene as a PNG.
func writePNG(w io.Writer, s draw.Scene) error {
	img, err := paint(s)
	if err != nil {
		return err
	}
	return encodePNG(w, img)
}

func encodePNG(w io.Writer, img image.Image) error {
	// An eighth of the whole time at 1,000 nodes, for a file a twentieth larger.
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img); err != nil {
		return fmt.Errorf("writing the PNG: %w", err)
	}
	return nil
}

// paint paints the scene on paper.
func paint(s draw.Scene) (image.Image, error) {
	p := newPixels(s.Width, s.Height)
	s.Draw(p)
	return p.Image(), p.fonts.err
}

// newPixels is empty paper of a size in units of a scene.
func newPixels(width, height float64) *pixels {
	k := math.Min(scale, sideMost/math.Max(math.Max(width, height), 1))
	wide, high := int(math.Ceil(width*k)), int(math.Ceil(height*k))
	p := &pixels{gg.NewContext(max(wide, 1), max(high, 1)), k, newFonts()}
	p.paint(draw.Paint{Role: draw.Paper, Alpha: 1})
	p.Clear()
	return p
}

// pixels is the brush that paints on an image; k is pixels per unit of the scene.
type pixels struct {
	*gg.Context
	k     float64
	fonts *fonts
}

// Line implements [draw.Brush].
func (p *pixels) Line(l draw.Line) {
	at := l.Points
	switch len(at) {
	case 2:
		p.MoveTo(p.k*at[0].X, p.k*at[0].Y)
		p.LineTo(p.k*at[1].X, p.k*at[1].Y)
	case 4:
		p.MoveTo(p.k*at[0].X, p.k*at[0].Y)
		p.CubicTo(p.k*at[1].X, p.k*at[1].Y, p.k*at[2].X, p.k*at[2].Y, p.k*at[3].X, p.k*at[3].Y)
	}
	p.stroke(l.Stroke)
}

// Disc implements [draw.Brush].
func (p *pixels) Disc(d draw.Disc) {
	p.DrawCircle(p.k*d.At.X, p.k*d.At.Y, p.k*d.R)
	if d.Fill.Alpha > 0 {
		p.paint(d.Fill)
		p.FillPreserve()
	}
	dots := d.Dots()
	if dots == 0 {
		p.stroke(d.Stroke)
		return
	}
	p.ClearPath()
	p.paint(d.Stroke.Paint)
	for i := range dots { // gg leaves out dashes without length
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(dots))
		p.DrawCircle(p.k*(d.At.X+d.R*cos), p.k*(d.At.Y+d.R*sin), p.k*d.Stroke.Width/2)
		p.Fill()
	}
}

// Group implements [draw.Brush].
func (p *pixels) Group(g draw.Group) {
	for _, item := range g.Items {
		item.Draw(p)
	}
}

// Text implements [draw.Brush]. Letters are filled outlines rather than gg's own, which are
// smeared between pixels.
func (p *pixels) Text(t draw.Text) {
	f := p.fonts.of(t.Bold)
	x := p.k * t.At.X
	switch wide := f.width(t.Words, p.k*t.Size); t.Align {
	case draw.Middle:
		x -= wide / 2
	case draw.End:
		x -= wide
	}
	f.outline(p.Context, t.Words, p.k*t.Size, x, p.k*t.At.Y)
	if t.Halo > 0 {
		p.paint(draw.Paint{Role: draw.Paper, Alpha: 1})
		p.SetLineWidth(2 * p.k * t.Halo)
		p.SetDash()
		p.SetLineJoinRound()
		p.StrokePreserve()
	}
	p.paint(t.Paint)
	p.Fill()
}

func (p *pixels) paint(c draw.Paint) {
	rgb := c.RGB()
	p.SetRGBA255(int(rgb.R), int(rgb.G), int(rgb.B), int(math.Round(255*c.Alpha)))
}

// stroke draws the path's outline and forgets the path.
func (p *pixels) stroke(s draw.Stroke) {
	defer p.ClearPath()
	if s.Paint.Alpha <= 0 || s.Width <= 0 {
		return
	}
	p.paint(s.Paint)
	p.SetLineWidth(p.k * s.Width)
	p.SetLineCapButt()
	p.SetDash()
	if s.Dash > 0 {
		p.SetDash(p.k * s.Dash)
	}
	p.Stroke()
}
