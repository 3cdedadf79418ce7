package draw

import (
	"fmt"
	"math"
	"strconv"
)

// A node is told by its shape, and only then by its colour:
//
//	running      a full disc
//	paused       a pale disc with a strong rim and two bars
//	unreachable  a pale disc with a dotted rim and a question mark
//	dead         a hollow grey disc, crossed out
//	removed      a faint dashed outline
//
// Discs with a number carry their sign on a badge, so that the number stays readable; others are the sign.
const (
	badgeRadius  = 7   // from here on a numbered node has room for one
	numberLeast  = 5.5 // no number is printed smaller than this
	badgePerDisc = 0.46
)

// numberSize is the size of a number inside a disc of radius r: as large as its digits allow.
func numberSize(r float64, id int) float64 {
	return r * min(1.02, 2.36/float64(len(strconv.Itoa(id))))
}

// centred is the base line that puts digits of a size in the middle of y.
func centred(y, size float64) float64 { return y + 0.355*size }

// glyph draws a node of radius r at a place, with its number in a size; 0 leaves it out.
func glyph(at Point, r float64, v Node, size float64) []Item {
	own := Colour(v.ID)
	paper := themed(Paper)
	rim := func(p Paint, width, dash float64) Stroke { return Stroke{p, max(width*r/radiusMost, 0.6), dash} }
	disc := func(fill Paint, s Stroke) Item { return Disc{At: at, R: r, Fill: fill, Stroke: s} }
	var items []Item
	number := themed(Ink)
	switch v.State.orRunning() {
	case Paused:
		items = append(items, disc(paper, Stroke{}), disc(tint(own, 0.22), rim(solid(own), 4, 0)))
	case Unreachable:
		items = append(items, disc(paper, Stroke{}), disc(tint(own, 0.12), rim(solid(own), 3, Dotted)))
	case Dead:
		number = themed(Muted)
		items = append(items, disc(paper, rim(themed(Muted), 2, 0)))
	case Removed:
		number = themed(Edge)
		items = append(items, disc(paper, rim(themed(Edge), 1.4, r/3.2)))
	default:
		number = solid(own.Ink())
		items = append(items, disc(solid(own), rim(solid(own.shade(0.18)), 1.4, 0)))
	}
	if size > 0 {
		items = append(items, Text{At: Point{at.X, centred(at.Y, size)}, Words: strconv.Itoa(v.ID),
			Size: size, Bold: true, Align: Middle, Paint: number})
	}
	switch {
	case size == 0:
		items = append(items, sign(at, 0.62*r, v.State, themed(Ink))...)
	case r >= badgeRadius:
		at, r = Point{at.X + 0.74*r, at.Y - 0.74*r}, badgePerDisc*r
		items = append(items, badge(at, r, v.State, own)...)
	}
	return items
}

// badge is a small disc with the sign of a state.
func badge(at Point, r float64, s State, own RGB) []Item {
	var fill RGB
	switch s {
	case Paused, Unreachable:
		fill = own.shade(0.12)
	case Dead:
		fill = light[Muted]
	default:
		return nil
	}
	items := []Item{Disc{At: at, R: r, Fill: solid(fill), Stroke: Stroke{Paint: themed(Paper), Width: 0.2 * r}}}
	return append(items, sign(at, 0.5*r, s, solid(fill.Ink()))...)
}

// sign draws the mark of a state in a box of half-width r.
func sign(at Point, r float64, s State, paint Paint) []Item {
	bar := func(x1, y1, x2, y2 float64) Item {
		return Line{Points: []Point{{at.X + x1*r, at.Y + y1*r}, {at.X + x2*r, at.Y + y2*r}},
			Stroke: Stroke{Paint: paint, Width: 0.5 * r}}
	}
	switch s {
	case Paused:
		return []Item{bar(-0.5, -0.9, -0.5, 0.9), bar(0.5, -0.9, 0.5, 0.9)}
	case Dead:
		return []Item{bar(-0.8, -0.8, 0.8, 0.8), bar(-0.8, 0.8, 0.8, -0.8)}
	case Unreachable:
		size := 2.6 * r
		return []Item{Text{At: Point{at.X, centred(at.Y, size)}, Words: "?", Size: size, Bold: true, Align: Middle, Paint: paint}}
	}
	return nil
}

// about is what a node says when it is pointed at.
func (v Node) about() string {
	s := fmt.Sprintf("node %d, %s", v.ID, v.State.orRunning())
	if v.Messages > 0 {
		s += fmt.Sprintf(", %s, %d unread", plural(v.Messages, "message"), v.Unread)
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// widthOf is about how wide words of a size are; the real width depends on the viewer's fonts.
func widthOf(words string, size float64) float64 {
	return 0.56 * size * float64(len([]rune(words)))
}

// round keeps coordinates short and equal on every machine.
func round(x float64) float64 { return math.Round(x*100) / 100 }
