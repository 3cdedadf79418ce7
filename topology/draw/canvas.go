package draw

import (
	"math"
	"math/bits"
)

// canvas is a drawing of Braille dots, two by four to a character, with words set over it.
type canvas struct {
	wide, high int     // in characters
	dots       []uint8 // the eight dots of each character
	dotLook    []style // of each character
	word       []rune  // 0 where there is none
	wordLook   []style
}

func newCanvas(wide, high int) *canvas {
	n := wide * high
	return &canvas{wide, high, make([]uint8, n), make([]style, n), make([]rune, n), make([]style, n)}
}

// dot sets one dot; dots outside are lost.
func (c *canvas) dot(x, y int, look style) {
	if x < 0 || y < 0 || x >= 2*c.wide || y >= 4*c.high {
		return
	}
	// Unicode numbers the dots down the left column, then down the right, the lowest two last.
	bit := [4][2]uint8{{0, 3}, {1, 4}, {2, 5}, {6, 7}}[y%4][x%2]
	at := y/4*c.wide + x/2
	c.dots[at] |= 1 << bit
	c.dotLook[at] = look
}

// line draws dots from p to q, half of them in each look; every gives a dashed line.
func (c *canvas) line(p, q Point, from, to style, every int) {
	n := int(math.Ceil(max(math.Abs(q.X-p.X), math.Abs(q.Y-p.Y), 1)))
	for i := 0; i <= n; i++ {
		f := float64(i) / float64(n)
		look := from
		if f > 0.5 {
			look = to
		}
		if i%every == 0 {
			c.dot(int(math.Round(p.X+f*(q.X-p.X))), int(math.Round(p.Y+f*(q.Y-p.Y))), look)
		}
	}
}

// label sets a word with its middle at a character, or beside it when another word is there, and
// reports whether it found room.
func (c *canvas) label(x, y int, word string, look style) bool {
	letters := []rune(word)
	x -= len(letters) / 2
	for _, off := range [][2]int{{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {2, 0}, {-2, 0}, {1, 1}, {-1, -1}, {1, -1}, {-1, 1}} {
		if c.free(x+off[0], y+off[1], len(letters)) {
			for i, r := range letters {
				at := (y+off[1])*c.wide + x + off[0] + i
				c.word[at], c.wordLook[at] = r, look
			}
			return true
		}
	}
	return false
}

func (c *canvas) free(x, y, n int) bool {
	if x < 0 || y < 0 || x+n > c.wide || y >= c.high {
		return false
	}
	for i := range n {
		if c.word[y*c.wide+x+i] != 0 {
			return false
		}
	}
	return true
}

// ink is the share of all dots that are set.
func (c *canvas) ink() float64 {
	n := 0
	for _, dots := range c.dots {
		n += bits.OnesCount8(dots)
	}
	return float64(n) / float64(8*len(c.dots))
}

// end is where the last thing in a row ends; 0 for an empty row.
func (c *canvas) end(y int) int {
	for x := c.wide; x > 0; x-- {
		if at := y*c.wide + x - 1; c.word[at] != 0 || c.dots[at] != 0 {
			return x
		}
	}
	return 0
}

func (c *canvas) print(t *terminal) {
	last := c.high
	for last > 0 && c.end(last-1) == 0 {
		last--
	}
	for y := range last {
		end := c.end(y)
		for x := 0; x < end; {
			at := y*c.wide + x
			run, look := string(c.letter(at)), c.look(at)
			for x++; x < end && c.look(at+1) == look; x++ {
				at++
				run += string(c.letter(at))
			}
			t.print(look, run)
		}
		t.print(style{}, "\n")
	}
}

func (c *canvas) letter(at int) rune {
	switch {
	case c.word[at] != 0:
		return c.word[at]
	case c.dots[at] != 0:
		return 0x2800 + rune(c.dots[at])
	}
	return ' '
}

func (c *canvas) look(at int) style {
	switch {
	case c.word[at] != 0:
		return c.wordLook[at]
	case c.dots[at] != 0:
		return c.dotLook[at]
	}
	return style{}
}

// inkMost is the share of ink above which links cannot be told apart.
const inkMost = 0.5

// canvas draws p in so many columns, or returns nil when the names would not fit or the links
// would be a blot.
func (p Picture) canvas(columns int, colours Colours) *canvas {
	f := p.fitted()
	pairs := p.pairs()
	ways := f.ways(pairs)
	const room = 3 // characters left and right for the names of the outermost
	// As high as a page of a terminal has rows, more for more nodes; then as wide as may be
	// without making a circle an egg.
	high := 18 + len(p.Nodes)/3
	columns = min(columns, 120)
	down := float64(4*high-4) / max(f.h, 1)
	across := float64(2*(columns-2*room)) / max(f.w, 1)
	across = min(across, 1.35*down)
	down = min(down, across)
	wide := int(math.Ceil(f.w*across/2)) + 2*room
	high = int(math.Ceil(f.h*down/4)) + 1
	c := newCanvas(min(wide, columns), high)
	place := func(q Point) Point { return Point{q.X*across + 2*room, q.Y*down + 2} }
	middle := func(q Point) Point { // of the character, so that level links look level
		q = place(q)
		return Point{2 * math.Floor(q.X/2), 4*math.Floor(q.Y/4) + 2}
	}
	for i, l := range pairs {
		from, to, every := style{fg: Colour(p.Nodes[l.a].ID), colour: true}, style{fg: Colour(p.Nodes[l.b].ID), colour: true}, 1
		if l.ghost {
			from, to, every = style{faint: true}, style{faint: true}, 3
		}
		way := ways[i]
		if len(way) == 2 {
			c.line(middle(way[0]), middle(way[1]), from, to, every)
			continue
		}
		const parts = 16
		for k := range parts {
			look := from
			if k >= parts/2 {
				look = to
			}
			c.line(place(cubic(way, float64(k)/parts)), place(cubic(way, float64(k+1)/parts)), look, look, every)
		}
	}
	if c.ink() > inkMost {
		return nil
	}
	for i, v := range p.Nodes {
		at := place(f.at[i])
		name, look := v.name(colours)
		if !c.label(int(at.X/2), int(at.Y/4), name, look) {
			return nil
		}
	}
	return c
}
