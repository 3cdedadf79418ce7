package chart

import (
	"errors"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is shown. A chart is made from results of any size, so its maker sums up first.
const (
	MaxPanels = 12      // four rows of three, the most a page holds at a size that can be read
	MaxSeries = 16      // different names in a chart: as many as there are looks, see [LookOf]
	MaxPoints = 100_000 // of a series: a hundred for every dot across the widest panel
	MaxAll    = 200_000 // points of a chart: two of the longest curves; MaxDocument holds them all
	MaxBars   = 1000    // of a series: more are thinner than a dot of the widest panel

	MaxText = 200 // letters of a title, a subtitle or a label: two lines of a page
	MaxName = 60  // letters of a series' name: a legend with all 16 still fits under the panels

	// MaxValue bounds all numbers: sums and products of a few of them still are numbers. What is
	// nearer to 0 than its inverse counts as 0 where the difference would matter.
	MaxValue = 1e100
)

// Check reports everything that makes c no chart that can be shown. What shows charts relies on it.
func (c Chart) Check() error {
	var b blame
	switch n := len(c.Panels); {
	case n == 0:
		return errors.New("a chart has one panel at least")
	case n > MaxPanels:
		return fmt.Errorf("%d panels are too many for one chart; the most are %d", n, MaxPanels)
	}
	b.text("the title", c.Title, MaxText)
	b.text("the subtitle", c.Subtitle, MaxText)
	b.text("what the bands are", c.Band, MaxText)
	points := 0
	for _, p := range c.Panels {
		for _, s := range p.Series {
			points += len(s.X)
		}
	}
	if points > MaxAll {
		b.say("%d points are too many for one chart; the most are %d", points, MaxAll)
	}
	if n := len(c.Names()); n > MaxSeries {
		b.say("%d different series cannot be told apart; the most are %d", n, MaxSeries)
	}
	for i, p := range c.Panels {
		b.where = fmt.Sprintf("panel %d", i+1)
		b.panel(p)
	}
	return errors.Join(b.errs...)
}

// Check reports everything that makes p no panel that can be shown.
func (p Panel) Check() error {
	var b blame
	b.panel(p)
	return errors.Join(b.errs...)
}

// blame collects what is wrong, up to ten times: a chart that is wrong everywhere is not worth a
// longer answer.
type blame struct {
	where string // what stands before the next complaints
	errs  []error
}

func (b *blame) say(format string, args ...any) {
	if len(b.errs) == 10 {
		return
	}
	err := fmt.Errorf(format, args...)
	if b.where != "" {
		err = fmt.Errorf("%s: %w", b.where, err)
	}
	b.errs = append(b.errs, err)
}

// text checks that words can be shown in one line. They are not repaired: the maker of a chart
// knows what an escape of it should look like.
func (b *blame) text(what, words string, most int) {
	switch n := utf8.RuneCountInString(words); {
	case n > most:
		b.say("%s has %d letters; the most are %d", what, n, most)
		return
	case !utf8.ValidString(words):
		b.say("%s is no UTF-8: %q", what, words)
		return
	}
	for _, r := range words {
		if !unicode.IsPrint(r) {
			b.say("%s has a character that cannot be shown: %q", what, words)
			return
		}
	}
}

func (b *blame) panel(p Panel) {
	if k := p.kind(); k != Lines && k != Histogram {
		b.say("a panel is of kind %q or %q, not %q", Lines, Histogram, shorten(string(k)))
	}
	b.text("the title", p.Title, MaxText)
	b.text("the label of X", p.X, MaxText)
	b.text("the label of Y", p.Y, MaxText)
	b.ends(p)
	if n := len(p.Series); n > MaxSeries {
		b.say("%d series are too many for one panel; the most are %d", n, MaxSeries)
		return
	}
	named := map[string]bool{}
	where := b.where
	for i, s := range p.Series {
		b.where = fmt.Sprintf("series %d", i+1)
		if where != "" {
			b.where = where + ", " + b.where
		}
		b.text("the name", s.Name, MaxName)
		switch {
		case s.Name == "" && len(p.Series) > 1:
			b.say("it has no name among others")
		case named[s.Name]:
			b.say("there is another one named %q", shorten(s.Name))
		}
		named[s.Name] = true
		b.series(p, s)
	}
	b.where = where
}

// ends checks where the Y axis is to end.
func (b *blame) ends(p Panel) {
	for _, end := range []*float64{p.YMin, p.YMax} {
		switch {
		case end == nil:
		case !(math.Abs(*end) <= MaxValue):
			b.say("the Y axis cannot end at %v", *end)
			return
		case p.LogY && *end < 1/MaxValue:
			b.say("a logarithmic axis cannot end at %v", *end)
			return
		}
	}
	if p.YMin != nil && p.YMax != nil && !wideEnough(*p.YMin, *p.YMax) {
		b.say("the Y axis cannot go from %v to %v", *p.YMin, *p.YMax)
	}
}

func (b *blame) series(p Panel, s Series) {
	n := len(s.X)
	switch {
	case n > MaxPoints:
		b.say("%d points are too many; the most are %d", n, MaxPoints)
		return
	case p.Bars() && n > MaxBars:
		b.say("%d bars are too many; the most are %d", n, MaxBars)
		return
	case len(s.Y) != n:
		b.say("%d values of X and %d of Y", n, len(s.Y))
		return
	case len(s.Low) != len(s.High) || len(s.Low) != 0 && len(s.Low) != n:
		b.say("a band of %d lower and %d upper values round %d points", len(s.Low), len(s.High), n)
		return
	}
	ok := b.values("X", s.X, p.LogX)
	ok = b.values("Y", s.Y, p.LogY || p.Bars()) && ok
	ok = b.values("Low", s.Low, p.LogY) && ok
	ok = b.values("High", s.High, p.LogY) && ok
	if !ok {
		return
	}
	for i := range s.X {
		switch {
		case i > 0 && s.X[i] < s.X[i-1], i > 0 && p.Bars() && s.X[i] == s.X[i-1]:
			b.say("point %d: X goes from %v to %v", i+1, s.X[i-1], s.X[i])
			return
		case p.Bars() && p.LogX && s.X[i] <= 1/MaxValue:
			b.say("point %d: a bar at %v has no place on a logarithmic axis", i+1, s.X[i])
			return
		case len(s.Low) > 0 && s.Low[i] > s.High[i]:
			b.say("point %d: the band goes from %v to %v", i+1, s.Low[i], s.High[i])
			return
		}
	}
}

// values reports the first value that has no place on its axis, and whether there is none.
func (b *blame) values(what string, values []float64, positive bool) bool {
	for i, v := range values {
		switch {
		case !(math.Abs(v) <= MaxValue): // NaN too
			b.say("point %d: %s is %v", i+1, what, v)
			return false
		case positive && v < 0:
			b.say("point %d: %s is %v, where nothing below 0 can be shown", i+1, what, v)
			return false
		}
	}
	return true
}

// shorten cuts words that stand in a complaint.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
