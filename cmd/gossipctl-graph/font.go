package main

import (
	"fmt"

	"github.com/fogleman/gg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// fonts are the Go fonts, which are part of the program: a machine without fonts draws the same.
type fonts struct {
	regular, bold typeface
	err           error // the first thing that went wrong, if any
}

func newFonts() *fonts {
	f := &fonts{}
	f.regular, f.bold = f.load(goregular.TTF), f.load(gobold.TTF)
	return f
}

func (f *fonts) load(ttf []byte) typeface {
	face, err := sfnt.Parse(ttf)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("loading the built-in font: %w", err)
	}
	return typeface{face, &sfnt.Buffer{}}
}

func (f *fonts) of(bold bool) typeface {
	if bold {
		return f.bold
	}
	return f.regular
}

// typeface gives the letters of one font as outlines.
type typeface struct {
	font   *sfnt.Font
	buffer *sfnt.Buffer
}

// width is the width of words in pixels at a size in pixels.
func (f typeface) width(words string, size float64) float64 {
	return f.each(words, size, func(sfnt.GlyphIndex, float64) {})
}

// outline adds the letters of words to dc's path, starting at x on the base line y.
func (f typeface) outline(dc *gg.Context, words string, size, x, y float64) {
	f.each(words, size, func(glyph sfnt.GlyphIndex, at float64) {
		segments, err := f.font.LoadGlyph(f.buffer, glyph, ppem(size), nil)
		if err != nil {
			return // a letter the font has no outline for, such as a space
		}
		to := func(p fixed.Point26_6) (float64, float64) { return x + at + pixel(p.X), y + pixel(p.Y) }
		for _, s := range segments {
			x0, y0 := to(s.Args[0])
			x1, y1 := to(s.Args[1])
			x2, y2 := to(s.Args[2])
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				dc.ClosePath()
				dc.MoveTo(x0, y0)
			case sfnt.SegmentOpLineTo:
				dc.LineTo(x0, y0)
			case sfnt.SegmentOpQuadTo:
				dc.QuadraticTo(x0, y0, x1, y1)
			case sfnt.SegmentOpCubeTo:
				dc.CubicTo(x0, y0, x1, y1, x2, y2)
			}
		}
	})
	dc.ClosePath()
}

// each calls f with every letter and its distance from the start, and returns the whole width.
func (f typeface) each(words string, size float64, do func(sfnt.GlyphIndex, float64)) float64 {
	at := 0.0
	var before sfnt.GlyphIndex
	for i, r := range words {
		glyph, err := f.font.GlyphIndex(f.buffer, r)
		if err != nil {
			continue
		}
		if i > 0 {
			if kern, err := f.font.Kern(f.buffer, before, glyph, ppem(size), font.HintingNone); err == nil {
				at += pixel(kern)
			}
		}
		do(glyph, at)
		if advance, err := f.font.GlyphAdvance(f.buffer, glyph, ppem(size), font.HintingNone); err == nil {
			at += pixel(advance)
		}
		before = glyph
	}
	return at
}

func ppem(size float64) fixed.Int26_6 { return fixed.Int26_6(size*64 + 0.5) }

func pixel(v fixed.Int26_6) float64 { return float64(v) / 64 }
