package draw

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// Drawing is what can be drawn: a [Picture] or a [Spread].
type Drawing interface {
	Check() error   // everything that is wrong with it
	Engine() string // the renderer's engine that should find its places; "" when it knows them
	Scene() Scene
	DOT(w io.Writer) error
	Text(w io.Writer, style TextStyle) error
}

// Scene draws the network.
func (p Picture) Scene() Scene {
	f := p.fitted()
	pairs := p.pairs()
	ways := f.ways(pairs)
	labels := rimLabels(p, f)
	body := f.r + labels.room()
	page := newPage(p.Title, p.Subtitle, f.w+2*body)
	origin := Point{(page.Width - f.w) / 2, page.at.Y + body}
	page.links(p, pairs, ways, f.r, origin)
	for i, v := range p.Nodes {
		at := plus(f.at[i], origin)
		page.add(Group{Node: v.ID, State: string(v.State.orRunning()), About: v.about(),
			Items: append(glyph(at, f.r, v, labels.size), unread(at, f.r, v)...)})
	}
	page.add(labels.items(p, f, origin)...)
	page.at.Y = origin.Y + f.h + body
	if len(p.Nodes) == 0 {
		page.at.Y += 2 * titleSize
		page.add(Text{At: page.at, Words: "no nodes", Size: titleSize, Paint: themed(Muted)})
		page.at.Y += titleSize
	}
	page.legend(p.legend())
	return page.scene()
}

// fitted lays p out at the size it is drawn in. Only layouts that were found by trial, and the one
// that folds, need their nodes moved apart.
func (p Picture) fitted() fitted {
	return fit(p.Placed().At, p.layout() == nil || p.Layout == "hypercube")
}

// links draws every link once, those of removed nodes under the others.
func (p *page) links(pic Picture, pairs []pair, ways [][]Point, r float64, origin Point) {
	s := Stroke{Paint: themed(Edge), Width: min(max(r/10, 0.5), 1.8)}
	if len(pairs) > 6*len(pic.Nodes) { // thinner, so that a dense network does not turn into a blot
		s = Stroke{Paint: Paint{Role: Edge, Alpha: 0.75}, Width: max(0.4, 0.6*s.Width)}
	}
	ghost := Stroke{Paint: themed(Faint), Width: s.Width, Dash: max(3*s.Width, 2)}
	for _, ghosts := range []bool{true, false} {
		for i, l := range pairs {
			if l.ghost != ghosts {
				continue
			}
			a, b := pic.Nodes[l.a].ID, pic.Nodes[l.b].ID
			line := Line{A: min(a, b), B: max(a, b), Ghost: l.ghost, Stroke: s}
			if l.ghost {
				line.Stroke = ghost
			}
			for _, q := range ways[i] {
				line.Points = append(line.Points, plus(q, origin))
			}
			p.add(line)
		}
	}
}

func plus(p, q Point) Point { return Point{p.X + q.X, p.Y + q.Y} }

// unread is a bubble with the number of messages nobody has read yet.
func unread(at Point, r float64, v Node) []Item {
	if v.Unread < 1 || r < badgeRadius {
		return nil
	}
	words := strconv.Itoa(v.Unread)
	if v.Unread > 99 {
		words = "99+"
	}
	size := 0.56 * r
	at = Point{at.X - 0.78*r, at.Y - 0.74*r}
	radius := badgePerDisc * r
	if len(words) > 1 {
		size *= 1.5 / float64(len(words))
	}
	return []Item{
		Disc{At: at, R: radius, Fill: themed(Ink), Stroke: Stroke{Paint: themed(Paper), Width: 0.09 * r}},
		Text{At: Point{at.X, centred(at.Y, size)}, Words: words, Size: size, Bold: true, Align: Middle, Paint: themed(Paper)},
	}
}

// legend explains the states that occur, unless all is well.
func (p Picture) legend() []entry {
	var entries []entry
	waiting := 0
	for _, s := range states {
		count, sample := 0, 0
		for _, v := range p.Nodes {
			if v.State.orRunning() != s {
				continue
			}
			if count == 0 {
				sample = v.ID
			}
			count++
			waiting += max(0, v.Unread)
		}
		if count > 0 && (s != Running || count < len(p.Nodes)) {
			entries = append(entries, entry{glyphSmall(sample, s), fmt.Sprintf("%s %d", s, count)})
		}
	}
	if waiting > 0 {
		bubble := unread(Point{0.78 * badgeSample, 0.74 * badgeSample}, badgeSample, Node{Unread: 1})
		entries = append(entries, entry{bubble, plural(waiting, "unread message")})
	}
	return entries
}

// badgeSample is the radius of the disc whose badge is as large as a legend's sign.
const badgeSample = legendGlyph / badgePerDisc

// glyphSmall is a node's sign for the legend, round 0, 0 and without its number.
func glyphSmall(id int, s State) []Item {
	return glyph(Point{}, legendGlyph, Node{ID: id, State: s}, 0)
}

// numbering says where a picture's numbers are and how large; all have one size.
type numbering struct {
	size  float64 // inside the discs; 0 when they are too small
	every int     // outside a circle of such discs, for every so many; 0 none
}

// Numbers outside a circle.
const rimSize, rimLine = 10, 13

func rimLabels(p Picture, f fitted) numbering {
	most := 1
	for _, v := range p.Nodes {
		most = max(most, v.ID)
	}
	size := numberSize(f.r, most)
	if size >= rimSize*0.7 || size >= numberLeast && p.Layout != "circle" {
		return numbering{size: size}
	}
	if p.Layout == "circle" { // there is room outside, for numbers of a better size
		for _, every := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500} {
			if gaps(f.at)[0]*float64(every) >= rimLine {
				return numbering{every: every}
			}
		}
	}
	return numbering{}
}

func (l numbering) room() float64 {
	if l.every == 0 {
		return 0
	}
	return 3 * rimSize
}

func (l numbering) items(p Picture, f fitted, origin Point) []Item {
	var items []Item
	middle := Point{origin.X + f.w/2, origin.Y + f.h/2}
	for i, v := range p.Nodes {
		if l.every == 0 || v.ID%l.every != 0 && i != 0 {
			continue
		}
		at := plus(f.at[i], origin)
		dx, dy := at.X-middle.X, at.Y-middle.Y
		away := 1 + (f.r+1.3*rimSize)/max(math.Hypot(dx, dy), 1)
		items = append(items, Text{At: Point{middle.X + away*dx, centred(middle.Y+away*dy, rimSize)},
			Words: strconv.Itoa(v.ID), Size: rimSize, Align: Middle, Paint: themed(Muted)})
	}
	return items
}
