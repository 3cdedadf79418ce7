package main

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"strconv"

	"gossipctl/topology/draw"
)

// svgPen writes SVG. Colours are attributes, and classes name their roles, which the style sheet of
// the page changes for viewers that prefer dark.
type svgPen struct{ w *bufio.Writer }

// writeSVG writes a page of its own size as SVG, with what paint puts on it.
func writeSVG(w io.Writer, page draw.Scene, paint func(pen) error) error {
	const end = "</svg>\n"
	var empty bytes.Buffer
	if err := page.SVG(&empty); err != nil {
		return err
	}
	head, whole := bytes.CutSuffix(empty.Bytes(), []byte(end))
	if !whole {
		return fmt.Errorf("the page does not end in %q", end)
	}
	p := svgPen{bufio.NewWriter(w)}
	p.w.Write(head)
	if err := paint(p); err != nil {
		return err
	}
	p.w.WriteString(end)
	return p.w.Flush() // bufio keeps the first error of every write before
}

// Fill implements [pen].
func (p svgPen) Fill(o outline, c draw.Paint) {
	if c.Alpha > 0 {
		p.path(o, paintAttrs("fill", "f", c))
	}
}

// Stroke implements [pen].
func (p svgPen) Stroke(o outline, s draw.Stroke) {
	if s.Paint.Alpha <= 0 {
		return
	}
	attrs := ` fill="none"` + paintAttrs("stroke", "s", s.Paint) + ` stroke-width="` + num(s.Width) + `" stroke-linejoin="round"`
	if s.Dash > 0 {
		attrs += ` stroke-dasharray="` + num(s.Dash) + `"`
	}
	p.path(o, attrs)
}

func (p svgPen) path(o outline, attrs string) {
	p.w.WriteString(`<path d="`)
	for _, step := range o {
		p.w.WriteByte(step.op)
		for i, at := range step.to[:step.points()] {
			if i > 0 {
				p.w.WriteByte(' ')
			}
			p.w.WriteString(num(at.X) + " " + num(at.Y))
		}
	}
	p.w.WriteString(`"` + attrs + "/>\n")
}

// Text implements [pen].
func (p svgPen) Text(t draw.Text) {
	attrs := paintAttrs("fill", "f", t.Paint)
	if t.Bold {
		attrs += ` font-weight="700"`
	}
	attrs += [...]string{draw.Start: "", draw.Middle: ` text-anchor="middle"`, draw.End: ` text-anchor="end"`}[t.Align]
	fmt.Fprintf(p.w, `<text x="%s" y="%s" font-size="%s"%s>%s</text>`+"\n", num(t.At.X), num(t.At.Y), num(t.Size), attrs, html.EscapeString(t.Words))
}

func paintAttrs(attr, class string, c draw.Paint) string {
	attrs := fmt.Sprintf(` %s="%s"`, attr, c.RGB().Hex())
	if c.Alpha < 1 {
		attrs += fmt.Sprintf(` %s-opacity="%s"`, attr, num(c.Alpha))
	}
	if c.Role != draw.Fixed {
		attrs += fmt.Sprintf(` class="%s%d"`, class, c.Role)
	}
	return attrs
}

// num writes a coordinate with two decimals at most.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// pixelPen paints on an image.
type pixelPen struct{ *pixels }

// Fill implements [pen].
func (p pixelPen) Fill(o outline, c draw.Paint) {
	p.trace(o)
	p.paint(c)
	p.Context.Fill()
}

// Stroke implements [pen].
func (p pixelPen) Stroke(o outline, s draw.Stroke) {
	p.trace(o)
	p.SetLineJoinRound()
	p.stroke(s)
}

// trace makes o the path.
func (p pixelPen) trace(o outline) {
	for _, step := range o {
		at := step.to
		for i := range at {
			at[i].X, at[i].Y = p.k*at[i].X, p.k*at[i].Y
		}
		switch step.op {
		case 'M':
			p.MoveTo(at[0].X, at[0].Y)
		case 'L':
			p.LineTo(at[0].X, at[0].Y)
		case 'C':
			p.CubicTo(at[0].X, at[0].Y, at[1].X, at[1].Y, at[2].X, at[2].Y)
		case 'Z':
			p.ClosePath()
		}
	}
}
