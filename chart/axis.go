package chart

import "math"

// Axis is where values go: from Min at one end to Max at the other.
type Axis struct {
	Min, Max float64 // Min < Max; of a logarithmic axis, both above 0
	Log      bool
	Ticks    []Tick // ascending
}

// Tick is a mark on an axis.
type Tick struct {
	Value float64 // from Min to Max, or 0 at the foot of a logarithmic axis
	Label string  // empty: a small mark, between those of a logarithmic axis
}

// Place is how far along the axis a value is: 0 at Min, 1 at Max, less or more outside. On a
// logarithmic axis 0, and what is as good as 0, is at the foot.
func (a Axis) Place(v float64) float64 {
	if !a.Log {
		return (v - a.Min) / (a.Max - a.Min)
	}
	if v <= 1/MaxValue {
		return 0
	}
	foot := math.Log(a.Min)
	return (math.Log(v) - foot) / (math.Log(a.Max) - foot)
}

// Value is what a place on the axis stands for, the inverse of Place.
func (a Axis) Value(place float64) float64 {
	if !a.Log {
		return a.Min + place*(a.Max-a.Min)
	}
	foot := math.Log(a.Min)
	return math.Exp(foot + place*(math.Log(a.Max)-foot))
}

// XAxis is the axis of the X values of p, with about so many labels, two where there can be. It is as long as
// the values need; of bars, it goes half a bar further on both sides.
func (p Panel) XAxis(labels int) Axis {
	r := newExtent(p.LogX)
	for _, s := range p.Series {
		r.take(s.X)
	}
	if p.Bars() {
		if width := p.BarWidth(); p.LogX {
			r.least, r.most = r.least/math.Sqrt(width), r.most*math.Sqrt(width)
		} else {
			r.least, r.most = r.least-width/2, r.most+width/2
		}
	}
	least, most := r.ends()
	if p.LogX {
		return logarithmic(least, most, labels, false).withZero(r.zero)
	}
	return linear(least, most, stepOf(least, most, labels, r.whole), r.whole, false)
}

// YAxis is the axis of the Y values of p, bands and whiskers included, with about so many labels,
// two where there can be. Unless YMin and YMax say otherwise, it ends at round numbers.
func (p Panel) YAxis(labels int) Axis {
	r := newExtent(p.LogY)
	for _, s := range p.Series {
		r.take(s.Y)
		r.take(s.Low)
		r.take(s.High)
	}
	least, most := r.ends()
	if p.LogY {
		least, most = roundLog(least, most)
		least, most = p.bounds(least, most)
		return logarithmic(least, most, labels, p.Percent).withZero(r.zero && p.YMin == nil)
	}
	for _, end := range []*float64{p.YMin, p.YMax} {
		r.whole = r.whole && (end == nil || *end == math.Trunc(*end))
	}
	if r.least >= 0 {
		least = 0 // what is never below 0 is measured from there
	}
	least, most = p.bounds(least, most)
	step := stepOf(least, most, labels, r.whole && !p.Percent)
	if p.YMin == nil {
		least = step * math.Floor(least/step+nearly)
	}
	if p.YMax == nil {
		most = step * math.Ceil(most/step-nearly)
	}
	return linear(least, most, step, r.whole && !p.Percent, p.Percent)
}

// bounds puts what p says in the place of the ends that were found. Where nothing is left between
// them, because all values are outside, the other end makes room.
func (p Panel) bounds(least, most float64) (float64, float64) {
	if p.YMin != nil {
		least = *p.YMin
	}
	if p.YMax != nil {
		most = *p.YMax
	}
	switch {
	case wideEnough(least, most):
		return least, most
	case p.YMin != nil && p.LogY:
		return least, 10 * least
	case p.LogY:
		return most / 10, most
	case p.YMin != nil:
		return least, least + max(math.Abs(least)/10, 1)
	}
	return most - max(math.Abs(most)/10, 1), most
}

// BarWidth is how wide the bars of p are, in units of X: as wide as the least distance of two of
// them lets them be. On a logarithmic axis it is a factor, the quotient of a bar's two ends.
func (p Panel) BarWidth() float64 {
	width, all := math.Inf(1), p.Middles()
	for i := 1; i < len(all); i++ {
		switch {
		case !p.LogX:
			width = min(width, all[i]-all[i-1])
		case all[i-1] > 0:
			width = min(width, all[i]/all[i-1])
		}
	}
	switch {
	case p.LogX:
		return min(max(width, 1+nearly), 10)
	case !math.IsInf(width, 1):
		return width
	case len(all) == 1 && all[0] != math.Trunc(all[0]):
		return math.Abs(all[0]) // the only one: any width will do
	}
	return 1
}

// Middles lists the X values of all series, each once, ascending: where the bars of p stand.
func (p Panel) Middles() []float64 {
	var all []float64
	for _, s := range p.Series {
		merged := make([]float64, 0, len(all)+len(s.X))
		for len(all) > 0 || len(s.X) > 0 {
			var next float64
			if len(s.X) == 0 || len(all) > 0 && all[0] <= s.X[0] {
				next, all = all[0], all[1:]
			} else {
				next, s.X = s.X[0], s.X[1:]
			}
			if n := len(merged); n == 0 || merged[n-1] < next {
				merged = append(merged, next)
			}
		}
		all = merged
	}
	return all
}

// extent is what values an axis has to show.
type extent struct {
	log         bool
	least, most float64 // of a logarithmic axis, of the values above 0
	zero        bool    // a logarithmic axis has values without a place of their own
	whole       bool    // all are whole numbers, so that nothing between them needs a label
}

func newExtent(log bool) extent {
	return extent{log: log, least: math.Inf(1), most: math.Inf(-1), whole: true}
}

func (e *extent) take(values []float64) {
	for _, v := range values {
		e.whole = e.whole && v == math.Trunc(v)
		if e.log && v <= 1/MaxValue {
			e.zero = true
			continue
		}
		e.least, e.most = min(e.least, v), max(e.most, v)
	}
}

// ends are two values with room between them, whatever was taken.
func (e extent) ends() (least, most float64) {
	switch least, most = e.least, e.most; {
	case least > most && e.log: // there was none
		return 1, 10
	case least > most:
		return 0, 1
	case e.log:
		if e.zero {
			least /= 10 // so that the foot is below the least of the others
		}
		if most/least < 1+nearly {
			least, most = least/2, most*2
		}
		return least, most
	}
	if wideEnough(least, most) {
		return least, most
	}
	size := max(math.Abs(least), math.Abs(most))
	room := size / 2
	if room < 1/MaxValue || e.whole && room < 0.1/nearly {
		room = 0.5
	}
	return least - room, most + room
}

// wideEnough reports whether there is room for an axis between two numbers: a difference that
// rounding has eaten, or next to nothing, has none.
func wideEnough(least, most float64) bool {
	return most-least > max(nearly*max(math.Abs(least), math.Abs(most)), 1/MaxValue)
}

// nearly is the share of a number that is put down to rounding.
const nearly = 1e-9

// linear is an axis from least to most with a label at every multiple of step, or of a lesser step
// where there would be less than two of them.
func linear(least, most, step float64, whole, percent bool) Axis {
	a := Axis{Min: least, Max: most}
	first := math.Ceil(least/step - nearly)
	label := labelling(step, max(math.Abs(least), math.Abs(most)), percent)
	for i := range maxTicks {
		v := (first + float64(i)) * step
		if v > most+nearly*step {
			break
		}
		a.Ticks = append(a.Ticks, Tick{v, label(v)})
	}
	if lesser := stepOf(0, 0.4*step, 2, whole); len(a.Ticks) < 2 && lesser < step {
		return linear(least, most, lesser, whole, percent)
	}
	return a
}

// maxTicks ends every row of ticks, whatever rounding does to their distance.
const maxTicks = 1000

// stepOf is the distance of about so many labels from least to most: 1, 2 or 5 with any number of
// zeros; whole keeps it from being less than 1.
func stepOf(least, most float64, labels int, whole bool) float64 {
	exact := (most - least) / float64(max(labels-1, 1))
	step := math.Pow(10, math.Floor(math.Log10(exact)))
	for _, f := range []float64{2, 2.5, 2} { // to 2, 5 and 10
		if step < exact*(1-nearly) {
			step *= f
		}
	}
	if whole {
		return max(step, 1)
	}
	return step
}

// roundLog moves two ends of a logarithmic axis outwards to 1, 2 or 5 with any number of zeros.
func roundLog(least, most float64) (float64, float64) {
	down, up := decade(least), decade(most)
	for _, f := range []float64{5, 2, 1} {
		if f*down <= least*(1+nearly) {
			down *= f
			break
		}
	}
	for _, f := range []float64{1, 2, 5, 10} {
		if f*up >= most*(1-nearly) {
			up *= f
			break
		}
	}
	return down, up
}

// decade is the greatest power of ten that is not above v.
func decade(v float64) float64 { return math.Pow(10, float64(exponentOf(v))) }

func exponentOf(v float64) int { return int(math.Floor(math.Log10(v) + nearly)) }

// logarithmic is an axis from least to most: with labels at powers of ten, as many as fit, and
// where there is room, at their double and fivefold as well.
func logarithmic(least, most float64, labels int, percent bool) Axis {
	a := Axis{Min: least, Max: most, Log: true}
	low, high := exponentOf(least), exponentOf(most)
	labels = max(labels, 2)
	every := (high-low)/labels + 1 // of the powers of ten
	labelled := 0
	for exponent := low; exponent <= high; exponent++ {
		for digit := 1; digit < 10; digit++ {
			v := float64(digit) * math.Pow(10, float64(exponent))
			if v < least*(1-nearly) || v > most*(1+nearly) || every > 1 && digit > 1 {
				continue
			}
			t := Tick{Value: v}
			between := 3*(high-low+1) <= labels+2 && (digit == 2 || digit == 5)
			if digit == 1 && exponent%every == 0 || between {
				t.Label = labelling(math.Pow(10, float64(exponent)), v, percent)(v)
				labelled++
			}
			a.Ticks = append(a.Ticks, t)
		}
	}
	if labelled < 2 { // the axis is so short that it hardly differs from a linear one
		a.Ticks = linear(least, most, stepOf(least, most, labels, false), false, percent).Ticks
	}
	return a
}

// withZero marks the foot of a logarithmic axis as the place of 0, if there is such a value.
func (a Axis) withZero(zero bool) Axis {
	if !zero {
		return a
	}
	ticks := []Tick{{0, "0"}}
	for _, t := range a.Ticks {
		if t.Value > a.Min*(1+nearly) {
			ticks = append(ticks, t)
		}
	}
	a.Ticks = ticks
	return a
}
