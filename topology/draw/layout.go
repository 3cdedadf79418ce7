package draw

import (
	"math"
	"math/bits"
)

// layouts are the ones with a closed form. Each returns places in a unit of its own in which
// neighbours are about 1 apart.
var layouts = []struct {
	name  string
	place func(Picture) []Point
}{
	{"circle", circle},
	{"grid", grid},
	{"torus", torus},
	{"star", star},
	{"tree", tree},
	{"line", line},
	{"hypercube", hypercube},
}

// Layouts lists the layouts that are worked out here, without the renderer.
func Layouts() []string {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		names[i] = l.name
	}
	return names
}

func (p Picture) layout() func(Picture) []Point {
	if len(p.Nodes) < 3 {
		return line
	}
	for _, l := range layouts {
		if l.name == p.Layout {
			return l.place
		}
	}
	return nil
}

// circle starts at twelve o'clock and goes round clockwise.
func circle(p Picture) []Point { return ring(len(p.Nodes)) }

func ring(n int) []Point {
	at := make([]Point, n)
	if n == 1 {
		return at
	}
	radius := 0.5 / math.Sin(math.Pi/float64(n)) // neighbours are 1 apart
	for i := range at {
		at[i] = polar(radius, 2*math.Pi*float64(i)/float64(n))
	}
	return at
}

// polar counts angles clockwise from twelve o'clock.
func polar(radius, angle float64) Point {
	sin, cos := math.Sincos(angle)
	return Point{radius * sin, -radius * cos}
}

// cells is the number of columns and each node's cell. Nodes keep the cell of their number, so
// that one that is gone leaves a hole; only when the holes would be most of it do they close up.
func cells(p Picture) (columns int, cell []int) {
	most := 0
	cell = make([]int, len(p.Nodes))
	for i, v := range p.Nodes {
		cell[i] = v.ID - 1
		most = max(most, v.ID)
	}
	if most > 2*len(p.Nodes) {
		for i := range cell {
			cell[i] = i
		}
		most = len(cell)
	}
	columns = p.Columns
	if columns < 1 {
		columns = int(math.Ceil(math.Sqrt(float64(most))))
	}
	return max(1, min(columns, most)), cell
}

func grid(p Picture) []Point {
	columns, cell := cells(p)
	at := make([]Point, len(cell))
	for i, c := range cell {
		at[i] = Point{float64(c % columns), float64(c / columns)}
	}
	return at
}

// torus is a grid whose long links are bent round it while one can still follow them with a
// finger, and the ring of rings that it is, seen from above and in front, when not.
func torus(p Picture) []Point {
	columns, cell := cells(p)
	if len(cell) <= 144 {
		return grid(p)
	}
	rows := 1
	for _, c := range cell {
		rows = max(rows, c/columns+1)
	}
	at := make([]Point, len(cell))
	for i, c := range cell {
		// Less than half a step of turn keeps nodes of the near side off those of the far side.
		u := 2 * math.Pi * (float64(c%columns) + 0.5) / float64(columns)
		v := 2 * math.Pi * (float64(c/columns) + 0.25) / float64(rows)
		const big, small, tilt = 1.0, 0.46, 0.62 // radii, and the height of the eye: 0 level, 1 straight down
		out := big + small*math.Cos(v)
		at[i] = Point{out * math.Cos(u), out*math.Sin(u)*tilt - small*math.Sin(v)*math.Sqrt(1-tilt*tilt)}
	}
	return at
}

// star puts the node with the most links in the middle.
func star(p Picture) []Point {
	hub, most := 0, 0
	for i, peers := range p.neighbours() {
		if len(peers) > most {
			hub, most = i, len(peers)
		}
	}
	rim := ring(len(p.Nodes) - 1)
	at := append([]Point(nil), rim[:hub]...)
	at = append(at, Point{})
	return append(at, rim[hub:]...)
}

// line turns back at the end of a row when it would be too long for a page.
func line(p Picture) []Point {
	const rowful = 16
	n := len(p.Nodes)
	columns := n
	if n > rowful {
		columns = max(rowful, int(math.Ceil(math.Sqrt(float64(2*n)))))
	}
	at := make([]Point, n)
	for i := range at {
		x, y := i%columns, i/columns
		if y%2 == 1 {
			x = columns - 1 - x
		}
		at[i] = Point{float64(x), float64(y)}
	}
	return at
}

// hypercube gives every bit of a node's number a direction of its own. Up to three it is the
// drawing of a cube; from four on the directions are a fan, which is the projection with the most
// symmetry (along a Petrie polygon). Nodes that fall together there are moved apart by fit.
func hypercube(p Picture) []Point {
	_, cell := cells(p)
	most := 1
	for _, c := range cell {
		most = max(most, c)
	}
	dimensions := bits.Len(uint(most))
	way := []Point{{1, 0}, {0, 1}, {0.46, -0.36}}
	if dimensions > len(way) {
		way = nil
		for d := range dimensions {
			sin, cos := math.Sincos(math.Pi * (float64(d) + 0.5) / float64(dimensions))
			way = append(way, Point{cos, sin})
		}
	}
	at := make([]Point, len(cell))
	for i, c := range cell {
		for d := range dimensions {
			if c>>d&1 == 1 {
				at[i].X += way[d].X
				at[i].Y += way[d].Y
			}
		}
	}
	return at
}
