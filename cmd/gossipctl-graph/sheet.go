package main

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/fogleman/gg"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	stdfont "golang.org/x/image/font"

	"gossipctl/topology/draw"
)

// pen puts the parts of a chart on paper: as SVG, as pixels. Charts are drawn in the colours and
// letters of all other pictures, which the canvases of gonum do not know.
type pen interface {
	Fill(outline, draw.Paint)
	Stroke(outline, draw.Stroke)
	Text(draw.Text)
}

// outline is a path of steps, in the units of a [draw.Scene].
type outline []stroke

// stroke is one step of a path: M moves, L draws a line, C a cubic curve, Z closes the path.
type stroke struct {
	op byte
	to [3]draw.Point // as many as op takes, from the first
}

// points is how many points a step has.
func (s stroke) points() int { return map[byte]int{'M': 1, 'L': 1, 'C': 3}[s.op] }

// ink makes a paint of ours a colour to gonum, which hands it on to the sheet unchanged.
type ink struct{ draw.Paint }

// RGBA implements [color.Color].
func (i ink) RGBA() (r, g, b, a uint32) {
	c := i.RGB()
	return color.NRGBA{R: c.R, G: c.G, B: c.B, A: uint8(math.Round(255 * i.Alpha))}.RGBA()
}

func themed(r draw.Role) ink { return ink{draw.Paint{Role: r, Alpha: 1}} }

// sheet is the paper that gonum draws on; its unit is that of a [draw.Scene].
type sheet struct {
	pen
	now  settings
	kept []settings
}

type settings struct {
	paint  draw.Paint
	width  vg.Length
	dash   vg.Length
	matrix gg.Matrix
}

// newSheet is a sheet of a height, since the origin of gonum is at the bottom.
func newSheet(p pen, high float64) *sheet {
	s := &sheet{pen: p, now: settings{matrix: gg.Matrix{XX: 1, YY: -1, Y0: high}}}
	vg.Initialize(s)
	return s
}

// SetLineWidth implements [vg.Canvas].
func (s *sheet) SetLineWidth(w vg.Length) { s.now.width = w }

// SetLineDash implements [vg.Canvas], for dashes as long as their gaps.
func (s *sheet) SetLineDash(pattern []vg.Length, _ vg.Length) {
	s.now.dash = 0
	if len(pattern) > 0 {
		s.now.dash = pattern[0]
	}
}

// SetColor implements [vg.Canvas].
func (s *sheet) SetColor(c color.Color) {
	switch c := c.(type) {
	case nil:
		s.now.paint = draw.Paint{Role: draw.Ink, Alpha: 1}
	case ink:
		s.now.paint = c.Paint
	default:
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		s.now.paint = draw.Paint{Colour: draw.RGB{R: n.R, G: n.G, B: n.B}, Alpha: float64(n.A) / 255}
	}
}

// Rotate implements [vg.Canvas].
func (s *sheet) Rotate(angle float64) { s.now.matrix = s.now.matrix.Rotate(angle) }

// Translate implements [vg.Canvas].
func (s *sheet) Translate(p vg.Point) {
	s.now.matrix = s.now.matrix.Translate(float64(p.X), float64(p.Y))
}

// Scale implements [vg.Canvas].
func (s *sheet) Scale(x, y float64) { s.now.matrix = s.now.matrix.Scale(x, y) }

// Push implements [vg.Canvas].
func (s *sheet) Push() { s.kept = append(s.kept, s.now) }

// Pop implements [vg.Canvas].
func (s *sheet) Pop() {
	last := len(s.kept) - 1
	s.now, s.kept = s.kept[last], s.kept[:last]
}

// Stroke implements [vg.Canvas].
func (s *sheet) Stroke(p vg.Path) {
	if s.now.width > 0 {
		s.pen.Stroke(s.outline(p), draw.Stroke{Paint: s.now.paint, Width: float64(s.now.width), Dash: float64(s.now.dash)})
	}
}

// Fill implements [vg.Canvas].
func (s *sheet) Fill(p vg.Path) { s.pen.Fill(s.outline(p), s.now.paint) }

// FillString implements [vg.Canvas]. Words stay level, whatever has been turned.
func (s *sheet) FillString(f font.Face, at vg.Point, words string) {
	s.words(words, f.Font, at, draw.Start)
}

// DrawImage implements [vg.Canvas]; charts have no images.
func (s *sheet) DrawImage(vg.Rectangle, image.Image) {}

func (s *sheet) words(words string, f font.Font, at vg.Point, align draw.Align) {
	if words == "" {
		return
	}
	s.pen.Text(draw.Text{At: s.point(at), Words: words, Size: float64(f.Size),
		Bold: f.Weight == stdfont.WeightBold, Align: align, Paint: s.now.paint})
}

func (s *sheet) point(p vg.Point) draw.Point {
	x, y := s.now.matrix.TransformPoint(float64(p.X), float64(p.Y))
	return draw.Point{X: x, Y: y}
}

// outline is a path of gonum in our terms.
func (s *sheet) outline(p vg.Path) outline {
	out := make(outline, 0, len(p))
	var at vg.Point
	add := func(op byte, points ...vg.Point) {
		step := stroke{op: op}
		for i, q := range points {
			step.to[i] = s.point(q)
			at = q
		}
		out = append(out, step)
	}
	for _, c := range p {
		switch c.Type {
		case vg.MoveComp:
			add('M', c.Pos)
		case vg.LineComp:
			add('L', c.Pos)
		case vg.CurveComp:
			if len(c.Control) == 1 { // a quadratic curve, raised
				q := c.Control[0].Scale(2)
				add('C', at.Add(q).Scale(1./3), c.Pos.Add(q).Scale(1./3), c.Pos)
			} else {
				add('C', c.Control[0], c.Control[1], c.Pos)
			}
		case vg.ArcComp:
			for _, q := range quarters(c) {
				add('C', q[0], q[1], q[2])
			}
		case vg.CloseComp:
			add('Z')
		}
	}
	return out
}

// quarters splits an arc into cubic curves of a quarter turn at most.
func quarters(c vg.PathComp) [][3]vg.Point {
	n := max(1, int(math.Ceil(math.Abs(c.Angle)/(math.Pi/2)-1e-9)))
	part := c.Angle / float64(n)
	reach := vg.Length(4. / 3 * math.Tan(part/4))
	curves := make([][3]vg.Point, n)
	for i := range curves {
		from, to := unit(c.Start+float64(i)*part), unit(c.Start+float64(i+1)*part)
		for k, p := range []vg.Point{
			{X: from.X - reach*from.Y, Y: from.Y + reach*from.X},
			{X: to.X + reach*to.Y, Y: to.Y - reach*to.X},
			to,
		} {
			curves[i][k] = p.Scale(c.Radius).Add(c.Pos)
		}
	}
	return curves
}

func unit(angle float64) vg.Point {
	sin, cos := math.Sincos(angle)
	return vg.Point{X: vg.Length(cos), Y: vg.Length(sin)}
}

// letters is gonum's handler of plain text, except that it tells its sheet how words are aligned: a
// viewer of an SVG may have other letters than those they were measured with.
type letters struct {
	text.Plain
	sheet *sheet
}

// newLetters has the fonts of all pictures.
func newLetters(s *sheet) (letters, error) {
	var all font.Collection
	for _, f := range []struct {
		ttf    []byte
		weight stdfont.Weight
	}{{goregular.TTF, stdfont.WeightNormal}, {gobold.TTF, stdfont.WeightBold}} {
		face, err := opentype.Parse(f.ttf)
		if err != nil {
			return letters{}, fmt.Errorf("loading the built-in font: %w", err)
		}
		all = append(all, font.Face{Font: font.Font{Typeface: typefaceName, Weight: f.weight}, Face: face})
	}
	return letters{text.Plain{Fonts: font.NewCache(all)}, s}, nil
}

const typefaceName = "Go"

// style is the look of words.
func (l letters) style(size float64, bold bool, role draw.Role) text.Style {
	weight := stdfont.WeightNormal
	if bold {
		weight = stdfont.WeightBold
	}
	return text.Style{Color: themed(role), Handler: l, Font: font.Font{Typeface: typefaceName, Weight: weight, Size: vg.Length(size)}}
}

// write writes words from a point of their base line on.
func (l letters) write(words string, style text.Style, at vg.Point) {
	l.sheet.SetColor(style.Color)
	l.sheet.words(words, style.Font, at, draw.Start)
}

// Draw implements [text.Handler].
func (l letters) Draw(_ vg.Canvas, words string, style text.Style, at vg.Point) {
	align := draw.Start
	switch style.XAlign {
	case text.XCenter:
		align = draw.Middle
	case text.XRight:
		align = draw.End
	}
	at.Y += style.Height(words)*vg.Length(style.YAlign) - l.Extents(style.Font).Ascent + style.Font.Size
	l.sheet.SetColor(style.Color)
	l.sheet.words(words, style.Font, at, align)
}
