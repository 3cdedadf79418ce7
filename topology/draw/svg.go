package draw

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// fonts start with the one the pixels are drawn with; then what is likely to be there.
const fonts = `Go, "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif`

// SVG writes the scene as a document that needs nothing else. Colours are attributes in the light
// theme; a style sheet changes them for viewers that prefer dark.
func (s Scene) SVG(w io.Writer) error {
	b := &svg{w: bufio.NewWriter(w)}
	b.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" font-family="%s">`+"\n",
		num(s.Width), num(s.Height), num(s.Width), num(s.Height), escape(fonts))
	b.put("<title>%s</title>\n<desc>%s</desc>\n", escape(s.Title), escape(s.About))
	b.put("<style>@media (prefers-color-scheme: dark) {")
	for role := Paper; role < roles; role++ {
		b.put(" .f%d{fill:%s} .s%d{stroke:%s}", role, dark[role].Hex(), role, dark[role].Hex())
	}
	b.put(" }</style>\n")
	b.put(`<rect width="100%%" height="100%%" fill="%s" class="f%d"/>`+"\n", light[Paper].Hex(), Paper)
	s.Draw(b)
	b.put("</svg>\n")
	return b.w.Flush() // bufio keeps the first error of every write before
}

// svg is the brush that writes SVG.
type svg struct{ w *bufio.Writer }

func (b *svg) put(format string, args ...any) { fmt.Fprintf(b.w, format, args...) }

func (b *svg) Line(l Line) {
	attrs, class := stroke(l.Stroke)
	if l.A != 0 {
		class = append(class, "link")
		attrs += fmt.Sprintf(` data-link="%d-%d"`, l.A, l.B)
	}
	if l.Ghost {
		class = append(class, "ghost")
	}
	p := l.Points
	switch len(p) {
	case 2:
		b.put(`<line x1="%s" y1="%s" x2="%s" y2="%s"%s%s/>`+"\n", num(p[0].X), num(p[0].Y), num(p[1].X), num(p[1].Y), attrs, classes(class))
	case 4:
		b.put(`<path d="M%s %sC%s %s %s %s %s %s" fill="none"%s%s/>`+"\n", num(p[0].X), num(p[0].Y), num(p[1].X), num(p[1].Y),
			num(p[2].X), num(p[2].Y), num(p[3].X), num(p[3].Y), attrs, classes(class))
	}
}

func (b *svg) Disc(d Disc) {
	fillAttrs, fillClass := fill(d.Fill)
	strokeAttrs, strokeClass := stroke(d.Stroke)
	if dots := d.Dots(); dots > 0 {
		strokeAttrs += fmt.Sprintf(` stroke-linecap="round" stroke-dasharray="0 %s"`, num(2*math.Pi*d.R/float64(dots)))
	}
	b.put(`<circle cx="%s" cy="%s" r="%s"%s%s%s/>`+"\n", num(d.At.X), num(d.At.Y), num(d.R),
		fillAttrs, strokeAttrs, classes(append(fillClass, strokeClass...)))
}

func (b *svg) Text(t Text) {
	attrs, class := fill(t.Paint)
	if t.Bold {
		attrs += ` font-weight="700"`
	}
	attrs += [...]string{Start: "", Middle: ` text-anchor="middle"`, End: ` text-anchor="end"`}[t.Align]
	if t.Halo > 0 {
		halo, haloClass := stroke(Stroke{Paint: themed(Paper), Width: 2 * t.Halo})
		attrs += halo + ` paint-order="stroke" stroke-linejoin="round"`
		class = append(class, haloClass...)
	}
	b.put(`<text x="%s" y="%s" font-size="%s"%s%s>%s</text>`+"\n", num(t.At.X), num(t.At.Y), num(t.Size), attrs, classes(class), escape(t.Words))
}

func (b *svg) Group(g Group) {
	b.put(`<g class="node" data-node="%d" data-state="%s"><title>%s</title>`+"\n", g.Node, escape(g.State), escape(g.About))
	for _, item := range g.Items {
		item.Draw(b)
	}
	b.put("</g>\n")
}

func fill(p Paint) (attrs string, class []string) {
	if p.Alpha <= 0 {
		return ` fill="none"`, nil
	}
	return paint("fill", "f", p)
}

func stroke(s Stroke) (attrs string, class []string) {
	if s.Paint.Alpha <= 0 || s.Width <= 0 {
		return "", nil
	}
	attrs, class = paint("stroke", "s", s.Paint)
	attrs += ` stroke-width="` + num(s.Width) + `"`
	if s.Dash > 0 {
		attrs += fmt.Sprintf(` stroke-dasharray="%s"`, num(s.Dash))
	}
	return attrs, class
}

func paint(attr, prefix string, p Paint) (attrs string, class []string) {
	attrs = fmt.Sprintf(` %s="%s"`, attr, p.RGB().Hex())
	if p.Alpha < 1 {
		attrs += fmt.Sprintf(` %s-opacity="%s"`, attr, num(p.Alpha))
	}
	if p.Role != Fixed {
		class = []string{prefix + strconv.Itoa(int(p.Role))}
	}
	return attrs, class
}

func classes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ` class="` + strings.Join(names, " ") + `"`
}

// num writes a coordinate with two decimals at most.
func num(x float64) string { return strconv.FormatFloat(round(x), 'f', -1, 64) }

// escape makes text safe between tags and in quotes. It is cleaned first, because XML has no way
// at all to say most control characters.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(clean(s))
}
