package draw

import "math"

// Point is a place in a drawing: x to the right, y down.
type Point struct{ X, Y float64 }

// Role is a part of the theme. SVG carries a light and a dark theme and the viewer chooses;
// everything else is drawn light.
type Role uint8

// The roles. Fixed is no role: the paint is the colour it says.
const (
	Fixed Role = iota
	Paper      // the background
	Ink        // titles, numbers on paper
	Muted      // subtitles, legends, what is dead
	Edge       // links
	Faint      // what is only hinted at: removed nodes, hop rings
	roles
)

var (
	light = [roles]RGB{Paper: {255, 255, 255}, Ink: {15, 23, 42}, Muted: {91, 105, 127}, Edge: {152, 166, 186}, Faint: {203, 213, 225}}
	dark  = [roles]RGB{Paper: {13, 17, 27}, Ink: {232, 237, 245}, Muted: {148, 163, 184}, Edge: {92, 107, 130}, Faint: {51, 65, 85}}
)

// Paint is what an outline or an area is painted with. The zero value paints nothing.
type Paint struct {
	Colour RGB     // when Role is Fixed
	Role   Role    // otherwise
	Alpha  float64 // 0 nothing … 1 opaque
}

// RGB is the paint's colour in the light theme, without its alpha.
func (p Paint) RGB() RGB {
	if p.Role == Fixed {
		return p.Colour
	}
	return light[p.Role]
}

func solid(c RGB) Paint               { return Paint{Colour: c, Alpha: 1} }
func tint(c RGB, alpha float64) Paint { return Paint{Colour: c, Alpha: alpha} }
func themed(r Role) Paint             { return Paint{Role: r, Alpha: 1} }

// Stroke is how a line or an outline is drawn. Dash 0 is a full line; otherwise ink and gap
// alternate, each Dash long; [Dotted] makes round dots, see [Disc.Dots].
type Stroke struct {
	Paint Paint
	Width float64
	Dash  float64
}

// Dotted is the Dash of dots round a disc.
const Dotted = -1

// Line joins two points, or is a cubic curve of four.
type Line struct {
	Points []Point
	Stroke Stroke
	A, B   int  // the nodes it joins; 0, 0 when it is only decoration
	Ghost  bool // joins a removed node
}

// Disc is a circle.
type Disc struct {
	At     Point
	R      float64
	Fill   Paint
	Stroke Stroke
}

// Dots is how many dots a dotted rim has: as many as leave a gap of about their own width, and
// the same gap everywhere.
func (d Disc) Dots() int {
	if d.Stroke.Dash != Dotted || d.Stroke.Width <= 0 {
		return 0
	}
	return max(3, int(math.Round(math.Pi*d.R/d.Stroke.Width)))
}

// Align says which part of a text is at its place.
type Align uint8

// The alignments.
const (
	Start Align = iota
	Middle
	End
)

// Text is one line of text; At is on its base line.
type Text struct {
	At    Point
	Words string
	Size  float64
	Bold  bool
	Align Align
	Paint Paint
	Halo  float64 // width of the rim of paper around the letters that keeps them off lines; 0 none
}

// Group is what belongs to one node. Viewers that can show About when it is pointed at.
type Group struct {
	Node  int
	State string
	About string
	Items []Item
}

// Scene is a finished drawing, in units that are pixels at scale 1. Items are painted in order.
type Scene struct {
	Width, Height float64
	Title, About  string // for those who cannot see it
	Items         []Item
}

// Item is one thing in a scene.
type Item interface{ Draw(Brush) }

// Brush paints scenes somewhere: as SVG, as pixels. A new kind of item is a method here, so that
// no brush can forget it.
type Brush interface {
	Line(Line)
	Disc(Disc)
	Text(Text)
	Group(Group) // paints the group's items too
}

// Draw implements [Item].
func (l Line) Draw(b Brush) { b.Line(l) }

// Draw implements [Item].
func (d Disc) Draw(b Brush) { b.Disc(d) }

// Draw implements [Item].
func (t Text) Draw(b Brush) { b.Text(t) }

// Draw implements [Item].
func (g Group) Draw(b Brush) { b.Group(g) }

// Draw paints everything with b; the background is b's own affair.
func (s Scene) Draw(b Brush) {
	for _, item := range s.Items {
		item.Draw(b)
	}
}
