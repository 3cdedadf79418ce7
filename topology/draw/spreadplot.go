package draw

import (
	"fmt"
	"strconv"
)

// Sizes of a spread that goes from left to right, in pixels at scale 1.
const (
	hopMost     = 124  // from hop to hop: a disc, a time and a bend between them
	hopLeast    = 6    // from hop to hop on a way of a thousand hops, where nodes are dots
	hopsWide    = 1800 // how wide a tree may get before its hops shrink
	slotMost    = 50   // between two leaves of a small tree
	slotLeast   = 30   // between two leaves of a large one
	slotsTall   = 620  // how tall a tree may get before its slots shrink
	timeSize    = 10.5
	timeWide    = 46 // what a time needs beside its disc
	hopSize     = 12
	hopHeading  = 66 // what "by 12.3 ms" needs
	missingSize = 12.5
)

// Scene draws the tree: from left to right while it has few leaves, round its root when it has many.
func (s Spread) Scene() Scene {
	g := s.grow()
	if g.leaves() > leavesAcross {
		return s.round(g)
	}
	return s.across(g)
}

func (s Spread) across(g grown) Scene {
	across := g.tidy(func(int) float64 { return 1 })
	low, high := across[0], across[0]
	for _, x := range across {
		low, high = min(low, x), max(high, x)
	}
	hops := g.hops()
	slot := min(slotMost, max(slotLeast, slotsTall/(high-low+1)))
	wide := min(hopMost, max(hopLeast, hopsWide/float64(len(hops))))
	r := min(17, 0.4*slot, 0.4*wide)
	page := newPage(s.Title, s.Subtitle, float64(len(hops)-1)*wide+2.6*r)
	left := (page.Width - float64(len(hops)-1)*wide) / 2
	top := page.at.Y + 3.2*hopSize + r
	bottom := top + (high-low)*slot + r
	page.headings(g, hops, Point{left, page.at.Y}, wide, bottom)

	at := make([]Point, len(across))
	for i, x := range across {
		at[i] = Point{left + float64(g.depth[i])*wide, top + (x-low)*slot}
	}
	size := g.numberSize(r)
	for v, children := range g.children {
		for _, c := range children {
			half := (at[c].X - at[v].X) * 0.45
			page.add(g.link(v, c, r, []Point{at[v], {at[v].X + half, at[v].Y}, {at[c].X - 1.3*half, at[c].Y}, at[c]}))
		}
	}
	for v, children := range append([][]int{{0}}, g.children...) {
		for _, i := range children {
			node := g.glyph(i, at[i], r, size)
			if i > 0 && g.timed && wide >= 2*r+timeWide {
				beside := Point{at[i].X - r - 4, at[i].Y - 3.5}
				if parent := at[v-1]; parent.Y < at[i].Y-1 { // the link comes from above
					beside.Y = at[i].Y + 2.5 + 0.75*timeSize
				}
				node.Items = append(node.Items, Text{At: beside, Words: duration(g.nodes[i].AfterMS),
					Size: timeSize, Align: End, Paint: themed(Muted), Halo: 2})
			}
			page.add(node)
		}
	}
	page.at.Y = bottom
	page.missing(s.Missing, max(r, 9))
	return page.scene()
}

// headings names the hops over their columns, as many of them as there is room for.
func (p *page) headings(g grown, hops []hop, at Point, wide, bottom float64) {
	every := 1 + int(hopHeading/wide)
	for d := 1; d < len(hops); d++ {
		if (d-1)%every != 0 {
			continue
		}
		x := at.X + float64(d)*wide
		p.add(Line{Points: []Point{{x, at.Y + 2.4*hopSize}, {x, bottom}}, Stroke: Stroke{Paint: themed(Faint), Width: 1, Dash: 3}},
			Text{At: Point{x, at.Y + 0.6*hopSize}, Words: fmt.Sprintf("hop %d", d), Size: hopSize, Bold: true, Align: Middle, Paint: themed(Muted)})
		if g.timed {
			p.add(Text{At: Point{x, at.Y + 1.8*hopSize}, Words: "by " + duration(hops[d].lastMS), Size: timeSize, Align: Middle, Paint: themed(Muted)})
		}
	}
}

// round draws hops as rings.
func (s Spread) round(g grown) Scene {
	f := fit(g.radial(), false)
	hops := g.hops()
	radius := distance(f.at[g.children[0][0]], f.at[0]) // of the first ring, whose multiples the others are
	f.r = min(f.r, 0.3*radius)                          // rings stay apart even when leaves would allow more
	outer := float64(len(hops)-1)*radius + f.r
	page := newPage(s.Title, s.Subtitle, 2*outer)
	middle := Point{page.Width / 2, page.at.Y + timeSize + outer}
	origin := Point{middle.X - f.at[0].X, middle.Y - f.at[0].Y}
	for d := 1; d < len(hops); d++ {
		page.add(Disc{At: middle, R: float64(d) * radius, Stroke: Stroke{Paint: themed(Faint), Width: 0.8, Dash: 3}})
	}
	width := min(max(f.r/10, 0.5), 1.5)
	for v, children := range g.children {
		for _, c := range children {
			from, to := plus(f.at[v], origin), plus(f.at[c], origin)
			page.add(g.link(v, c, width*10, bow(middle, from, to)))
		}
	}
	size := g.numberSize(f.r)
	for i := range g.nodes {
		r := f.r
		if i == 0 {
			r = min(2*r, max(f.r, 10))
		}
		page.add(g.glyph(i, plus(f.at[i], origin), r, size))
	}
	every := 1 + int(1.6*timeSize/max(radius, 1))
	for d := 1; d < len(hops); d += every {
		words := fmt.Sprintf("hop %d", d)
		if g.timed {
			words += " · " + duration(hops[d].lastMS)
		}
		page.add(Text{At: Point{middle.X, centred(middle.Y-float64(d)*radius, timeSize)}, Words: words,
			Size: timeSize, Align: Middle, Paint: themed(Muted), Halo: 2.5})
	}
	page.at.Y = middle.Y + outer
	page.missing(s.Missing, max(f.r, 9))
	return page.scene()
}

// link joins a node to the one its first copy came from.
func (g grown) link(from, to int, r float64, way []Point) Item {
	a, b := g.nodes[from].ID, g.nodes[to].ID
	l := Line{Points: way, A: min(a, b), B: max(a, b), Stroke: Stroke{Paint: themed(Edge), Width: min(max(r/10, 0.5), 1.7)}}
	if g.lost[to] {
		l.Ghost, l.Stroke.Dash = true, 4
	}
	return l
}

// glyph draws one reached node; the sender has a second rim.
func (g grown) glyph(i int, at Point, r, size float64) Group {
	v := g.nodes[i]
	items := glyph(at, r, Node{ID: v.ID}, size)
	state := "reached"
	if i == 0 {
		state = "sender"
		items = append([]Item{Disc{At: at, R: 1.3 * r, Fill: themed(Paper), Stroke: Stroke{solid(Colour(v.ID)), max(0.12*r, 0.8), 0}}}, items...)
	}
	return Group{Node: v.ID, State: state, About: g.about(i), Items: items}
}

// numberSize is the size that suits all numbers of the tree; 0 when discs are too small for any.
func (g grown) numberSize(r float64) float64 {
	most := 1
	for _, v := range g.nodes {
		most = max(most, v.ID)
	}
	if size := numberSize(r, most); size >= numberLeast {
		return size
	}
	return 0
}

// missing sets the nodes that were not reached apart, hollow, at the foot.
func (p *page) missing(ids []int, r float64) {
	if len(ids) == 0 {
		return
	}
	p.at = Point{margin, p.at.Y + 2.6*missingSize}
	p.add(Text{At: p.at, Words: fmt.Sprintf("not reached: %d", len(ids)), Size: missingSize, Bold: true, Paint: themed(Ink)})
	p.at = Point{margin + r, p.at.Y + missingSize + r}
	most := 1
	for _, id := range ids {
		most = max(most, id)
	}
	size := max(numberSize(r, most), numberLeast)
	for i, id := range ids {
		if i > 0 {
			p.at.X += 2.6 * r
			if p.at.X+r > p.Width-margin {
				p.at = Point{margin + r, p.at.Y + 2.6*r}
			}
		}
		p.add(Group{Node: id, State: "missing", About: fmt.Sprintf("node %d, not reached", id), Items: []Item{
			Disc{At: p.at, R: r, Fill: themed(Paper), Stroke: Stroke{themed(Muted), 1.2, 0.22 * r}},
			Text{At: Point{p.at.X, centred(p.at.Y, size)}, Words: strconv.Itoa(id), Size: size, Bold: true, Align: Middle, Paint: themed(Muted)},
		}})
	}
	p.at.Y += r
}
