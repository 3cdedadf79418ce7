package draw

import (
	"strconv"
	"strings"
)

// Sizes of the page round a drawing, in pixels at scale 1.
const (
	margin       = 30
	titleSize    = 21
	subtitleSize = 13
	legendSize   = 12.5
	legendGlyph  = 8
	pageLeast    = 360 // a page for two nodes still has room for its subtitle
)

// page collects a scene: heading on top, body under it, legend at the foot.
type page struct {
	Scene
	at Point // where the next thing goes
}

// newPage starts a page whose body will be wide pixels wide.
func newPage(title, subtitle string, wide float64) *page {
	title, subtitle = clean(title), clean(subtitle)
	p := &page{Scene: Scene{Width: max(wide, pageLeast) + 2*margin, Title: title, About: subtitle}, at: Point{margin, margin}}
	if title != "" {
		p.at.Y += titleSize * 0.8
		room := int((p.Width - 2*margin) / widthOf("x", titleSize))
		p.add(Text{At: p.at, Words: shorten(title, room), Size: titleSize, Bold: true, Paint: themed(Ink)})
		p.at.Y += titleSize * 0.4
	}
	for _, line := range wrap(subtitle, int((p.Width-2*margin)/widthOf("x", subtitleSize))) {
		p.at.Y += subtitleSize * 1.25
		p.add(Text{At: p.at, Words: line, Size: subtitleSize, Paint: themed(Muted)})
	}
	if title+subtitle != "" {
		p.at.Y += margin * 0.6
	}
	return p
}

func (p *page) add(items ...Item) { p.Items = append(p.Items, items...) }

// entry is one sign of a legend and what it means.
type entry struct {
	glyph []Item // drawn round 0, 0
	words string
}

// legend writes the entries at the foot, in as many rows as they need.
func (p *page) legend(entries []entry) {
	if len(entries) == 0 {
		return
	}
	p.at = Point{margin, p.at.Y + margin*0.7}
	for _, e := range entries {
		wide := 2*legendGlyph + 8 + widthOf(e.words, legendSize)
		if p.at.X > margin && p.at.X+wide > p.Width-margin {
			p.at = Point{margin, p.at.Y + 2.6*legendGlyph}
		}
		for _, item := range e.glyph {
			p.add(shift(item, Point{p.at.X + legendGlyph, p.at.Y}))
		}
		p.add(Text{At: Point{p.at.X + 2*legendGlyph + 8, centred(p.at.Y, legendSize)}, Words: e.words, Size: legendSize, Paint: themed(Muted)})
		p.at.X += wide + 22
	}
	p.at.Y += legendGlyph
}

// scene ends the page.
func (p *page) scene() Scene {
	p.Height = p.at.Y + margin
	return p.Scene
}

// shift moves an item.
func shift(item Item, by Point) Item {
	move := func(p Point) Point { return plus(p, by) }
	switch t := item.(type) {
	case Disc:
		t.At = move(t.At)
		return t
	case Text:
		t.At = move(t.At)
		return t
	case Line:
		points := make([]Point, len(t.Points))
		for i, q := range t.Points {
			points[i] = move(q)
		}
		t.Points = points
		return t
	}
	return item
}

// clean makes text from outside fit to be shown: what cannot be printed, or would turn the text
// round, is shown escaped, and there is an end to it.
func clean(s string) string {
	const most = 300
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == ' ' || strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// shorten cuts s to a number of letters.
func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most && most > 1 {
		return string(r[:most-1]) + "…"
	}
	return s
}

// wrap breaks s at spaces into lines of at most so many letters.
func wrap(s string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		word = shorten(word, most)
		if line != "" && len([]rune(line))+1+len([]rune(word)) > most {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
