package draw

import (
	"math"
	"slices"
)

// fitted is a layout brought to the size it is drawn in: the box starts at 0, 0 and is w by h.
type fitted struct {
	at   []Point
	w, h float64
	r    float64 // radius of a node
}

// Sizes in pixels at scale 1.
const (
	radiusMost  = 20 // a number of three digits fits with air around it
	radiusLeast = 2
	gapMost     = 132 // two nodes of a small network are not further apart than this
	dotNodes    = 200 // up to here a picture is for reading, beyond it for looking at
)

// side is the longer side of the box for n nodes: 640, the width of half a slide, for 16, and
// growing much more slowly than the network so that 1,000 nodes still fit a screen.
func side(n int) float64 {
	return 640 * math.Pow(float64(max(n, 16))/16, 0.22)
}

// fit scales a layout to its box and settles how large a node can be. With spread, places that
// came out too close together are moved apart first; layouts with a closed form are not touched.
func fit(at []Point, spread bool) fitted {
	n := len(at)
	f := fitted{at: slices.Clone(at), r: radiusMost}
	if n == 0 {
		return f
	}
	for i, p := range f.at {
		f.at[i] = Point{sane(p.X), sane(p.Y)}
	}
	f.scaleTo(side(n))
	if spread {
		if f.h > 1.02*f.w { // screens and slides are wide
			for i, p := range f.at {
				f.at[i] = Point{p.Y, f.w - p.X}
			}
			f.w, f.h = f.h, f.w
		}
		area := max(f.w*f.h, side(n)*side(n)/4)
		f.r = min(radiusMost, 0.17*math.Sqrt(area/float64(n)))
		separate(f.at, 2.7*f.r)
		f.scaleTo(side(n))
	}
	between := gaps(f.at)
	gap := between[0]
	if n > dotNodes { // dots may touch where the layout folds; better than all being specks
		gap = between[n/5]
	}
	if gap > gapMost {
		f.scaleTo(max(f.w, f.h) * gapMost / gap)
		gap = gapMost
	}
	f.r = max(radiusLeast, min(f.r, 0.4*gap))
	return f
}

// sane replaces what no layout means, and what would overflow below.
func sane(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(-1e9, min(x, 1e9))
}

// scaleTo moves and scales the places so that the box's longer side is the given one.
func (f *fitted) scaleTo(side float64) {
	low, high := f.at[0], f.at[0]
	for _, p := range f.at {
		low = Point{min(low.X, p.X), min(low.Y, p.Y)}
		high = Point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	scale := 0.0
	if long := max(high.X-low.X, high.Y-low.Y); long > 0 {
		scale = side / long
	}
	for i, p := range f.at {
		f.at[i] = Point{(p.X - low.X) * scale, (p.Y - low.Y) * scale}
	}
	f.w, f.h = (high.X-low.X)*scale, (high.Y-low.Y)*scale
}

// separate pushes nodes that are closer than least apart, evenly and a little at a time, until
// none are or patience ends.
func separate(at []Point, least float64) {
	const patience = 200
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	for range patience {
		byX(order, at)
		moved := false
		for k, i := range order {
			for _, j := range order[k+1:] {
				dx, dy := at[j].X-at[i].X, at[j].Y-at[i].Y
				if dx >= least {
					break
				}
				d := math.Hypot(dx, dy)
				if d >= 0.999*least {
					continue
				}
				moved = true
				if d < 1e-6 { // in one place: any direction, but not the same for all
					sin, cos := math.Sincos(float64(i + j))
					dx, dy, d = cos, sin, 1
				}
				push := (least - min(d, least)) / 2 / d
				at[i] = Point{at[i].X - push*dx, at[i].Y - push*dy}
				at[j] = Point{at[j].X + push*dx, at[j].Y + push*dy}
			}
		}
		if !moved {
			return
		}
	}
}

// gaps returns every node's distance to the nearest other, ascending; gapMost when there is none.
func gaps(at []Point) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	byX(order, at)
	least := make([]float64, len(at))
	for i := range least {
		least[i] = math.Inf(1)
	}
	for k, i := range order {
		// The way to what comes after i, then to what came before: whatever is further to the side
		// than the best so far cannot be nearer.
		for _, j := range order[k+1:] {
			if at[j].X-at[i].X >= least[i] {
				break
			}
			least[i] = min(least[i], math.Hypot(at[j].X-at[i].X, at[j].Y-at[i].Y))
		}
		for back := k - 1; back >= 0; back-- {
			j := order[back]
			if at[i].X-at[j].X >= least[i] {
				break
			}
			least[i] = min(least[i], math.Hypot(at[j].X-at[i].X, at[j].Y-at[i].Y))
		}
	}
	if len(at) < 2 {
		return []float64{gapMost}
	}
	slices.Sort(least)
	return least
}

func byX(order []int, at []Point) {
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case at[i].X < at[j].X:
			return -1
		case at[i].X > at[j].X:
			return 1
		}
		return i - j
	})
}

// ways returns how each link goes, and makes the box wide enough for those that bulge out of it.
func (f *fitted) ways(pairs []pair) [][]Point {
	ways := make([][]Point, len(pairs))
	// Bending costs links × nodes, and clears nothing where every way is full or discs are dots.
	bends := len(pairs) <= 4*len(f.at) && len(f.at) <= bendNodes
	low, high := Point{}, Point{f.w, f.h}
	for i, l := range pairs {
		ways[i] = []Point{f.at[l.a], f.at[l.b]}
		if !bends {
			continue
		}
		ways[i] = f.bend(l.a, l.b)
		if w := ways[i]; len(w) == 4 {
			for _, t := range []float64{0.25, 0.5, 0.75} {
				q := cubic(w, t)
				low = Point{min(low.X, q.X), min(low.Y, q.Y)}
				high = Point{max(high.X, q.X), max(high.Y, q.Y)}
			}
		}
	}
	for i, q := range f.at {
		f.at[i] = Point{q.X - low.X, q.Y - low.Y}
	}
	for _, way := range ways {
		for i, q := range way {
			way[i] = Point{q.X - low.X, q.Y - low.Y}
		}
	}
	f.w, f.h = high.X-low.X, high.Y-low.Y
	return ways
}

// bendNodes is the size above which links are drawn straight.
const bendNodes = 400

func cubic(p []Point, t float64) Point {
	u := 1 - t
	a, b, c, d := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return Point{a*p[0].X + b*p[1].X + c*p[2].X + d*p[3].X, a*p[0].Y + b*p[1].Y + c*p[2].Y + d*p[3].Y}
}

// bend returns the way of the link from a to b round the nodes that lie on the straight line
// between them: two points when none do, else a cubic curve past all of them.
func (f fitted) bend(a, b int) []Point {
	from, to := f.at[a], f.at[b]
	dx, dy := to.X-from.X, to.Y-from.Y
	length := math.Hypot(dx, dy)
	if length < 3*f.r {
		return []Point{from, to}
	}
	nx, ny := -dy/length, dx/length
	clear := 1.5 * f.r
	// A cubic whose control points are both d off the line is 3t(1-t)d off it at t.
	var left, right float64 // the d that passes everything on that side
	for i, p := range f.at {
		px, py := p.X-from.X, p.Y-from.Y
		t := (px*dx + py*dy) / (length * length)
		off := px*nx + py*ny
		if i == a || i == b || t <= 0.02 || t >= 0.98 || math.Abs(off) > f.r+2 {
			continue
		}
		swing := 3 * t * (1 - t)
		left, right = min(left, (off-clear)/swing), max(right, (off+clear)/swing)
	}
	d := right
	switch {
	case right == 0:
		return []Point{from, to}
	case math.Abs(left+right) > 1:
		if -left < right {
			d = left
		}
	default: // both ways are as long: away from the middle of the drawing
		if nx*((from.X+to.X)/2-f.w/2)+ny*((from.Y+to.Y)/2-f.h/2) < -1e-6 {
			d = left
		}
	}
	d = max(-length/2, min(d, length/2))
	at := func(t float64) Point { return Point{from.X + t*dx + d*nx, from.Y + t*dy + d*ny} }
	return []Point{from, at(0.25), at(0.75), to}
}

func distance(p, q Point) float64 { return math.Hypot(p.X-q.X, p.Y-q.Y) }

// bow joins two places on rings round a middle by a curve that leaves and arrives along the radii.
func bow(middle, from, to Point) []Point {
	r1, r2 := distance(from, middle), distance(to, middle)
	if r1 < 1e-6 {
		return []Point{from, to}
	}
	half := (r1 + r2) / 2
	out, in := half/r1, half/r2
	return []Point{from,
		{middle.X + (from.X-middle.X)*out, middle.Y + (from.Y-middle.Y)*out},
		{middle.X + (to.X-middle.X)*in, middle.Y + (to.Y-middle.Y)*in}, to}
}
