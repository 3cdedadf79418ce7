package chart

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// labels are the labels of an axis, small marks left out.
func labels(a Axis) string {
	var words []string
	for _, t := range a.Ticks {
		if t.Label != "" {
			words = append(words, t.Label)
		}
	}
	return strings.Join(words, " ")
}

func lines(x, y []float64) Panel { return Panel{Series: []Series{{X: x, Y: y}}} }

func TestXAxis(t *testing.T) {
	bars := func(x ...float64) Panel {
		return Panel{Kind: Histogram, Series: []Series{{X: x, Y: make([]float64, len(x))}}}
	}
	log := func(p Panel) Panel { p.LogX = true; return p }
	for name, tc := range map[string]struct {
		p         Panel
		labels    int
		min, max  float64
		wantLabel string
	}{
		"rounds":         {lines([]float64{0, 17}, nil), 8, 0, 17, "0 5 10 15"},
		"few rounds":     {lines([]float64{0, 3}, nil), 9, 0, 3, "0 1 2 3"},
		"seconds":        {lines([]float64{0, 1.7}, nil), 5, 0, 1.7, "0 0.5 1.0 1.5"},
		"not from 0":     {lines([]float64{1998, 2011}, nil), 5, 1998, 2011, "2,000 2,005 2,010"},
		"microseconds":   {lines([]float64{0, 2.5e-6}, nil), 4, 0, 2.5e-6, "0 1e-6 2e-6"},
		"millions":       {lines([]float64{0, 3e6}, nil), 4, 0, 3e6, "0 1M 2M 3M"},
		"huge":           {lines([]float64{-1e100, 1e100}, nil), 3, -1e100, 1e100, "-1e100 0 1e100"},
		"one point":      {lines([]float64{3}, nil), 5, 2.5, 3.5, "3"},
		"one in between": {lines([]float64{0.5}, nil), 3, 0.25, 0.75, "0.4 0.6"},
		"next to 0":      {lines([]float64{0, 1e-200}, nil), 3, -0.5, 0.5, "-0.5 0 0.5"},
		"far apart":      {lines([]float64{1e17, 1e17 + 16}, nil), 3, 5e16, 1.5e17, "5e16 1e17 1.5e17"},
		"nothing":        {Panel{}, 5, 0, 1, "0 1"},
		"hops":           {bars(0, 1, 2, 3), 9, -0.5, 3.5, "0 1 2 3"},
		"wide bars":      {bars(5, 15, 25), 5, 0, 30, "0 10 20 30"},
		"one bar":        {bars(7), 5, 6.5, 7.5, "7"},
		"one wide bar":   {bars(2.5), 3, 1.25, 3.75, "2 3"},
		"nothing, bars":  {bars(), 5, 0, 1, "0 1"},
		"logarithmic":    {log(lines([]float64{1, 1000}, nil)), 5, 1, 1000, "1 10 100 1,000"},
		"octaves":        {log(lines([]float64{10, 90}, nil)), 4, 10, 90, "10 20 50"},
		"many decades":   {log(lines([]float64{1e-9, 1e9}, nil)), 4, 1e-9, 1e9, "1e-5 1 100,000"},
		"hardly one":     {log(lines([]float64{3.1, 3.9}, nil)), 3, 3.1, 3.9, "3.2 3.4 3.6 3.8"},
		"with 0":         {log(lines([]float64{0, 1, 100}, nil)), 5, 0.1, 100, "0 1 10 100"},
		"only 0":         {log(lines([]float64{0}, nil)), 3, 1, 10, "0 10"},
		"doubling":       {log(bars(1, 2, 4, 8)), 9, math.Sqrt(0.5), math.Sqrt(128), "1 2 5 10"},
	} {
		a := tc.p.XAxis(tc.labels)
		checkAxis(t, a)
		if math.Abs(a.Min-tc.min) > 1e-9*math.Abs(tc.min) || math.Abs(a.Max-tc.max) > 1e-9*math.Abs(tc.max) {
			t.Errorf("%s: from %v to %v, want %v to %v", name, a.Min, a.Max, tc.min, tc.max)
		}
		if got := labels(a); got != tc.wantLabel {
			t.Errorf("%s: %s, want %s", name, got, tc.wantLabel)
		}
	}
}

func TestYAxis(t *testing.T) {
	y := func(y ...float64) Panel { return lines(make([]float64, len(y)), y) }
	set := func(p Panel, change func(*Panel)) Panel { change(&p); return p }
	percent := func(p *Panel) { p.Percent = true }
	log := func(p *Panel) { p.LogY = true }
	for name, tc := range map[string]struct {
		p        Panel
		min, max float64
		want     string
	}{
		"counts":           {y(3, 17), 0, 20, "0 5 10 15 20"},
		"few counts":       {y(1, 2), 0, 2, "0 1 2"},
		"constant":         {y(7), 0, 8, "0 2 4 6 8"},
		"zero":             {y(0), 0, 1, "0 1"},
		"below 0":          {y(-3.5, 8), -5, 10, "-5 0 5 10"},
		"all below 0":      {y(-3.5, -3), -3.6, -3, "-3.6 -3.4 -3.2 -3.0"},
		"shares":           {set(y(0.01, 0.93), percent), 0, 1, "0% 50% 100%"},
		"small shares":     {set(y(0.01, 0.013), percent), 0, 0.015, "0.0% 0.5% 1.0% 1.5%"},
		"thousands":        {y(0, 340_000), 0, 400_000, "0 100k 200k 300k 400k"},
		"ends":             {set(y(3, 4), func(p *Panel) { p.YMin, p.YMax = new(2.5), new(3.7) }), 2.5, 3.7, "2.5 3.0 3.5"},
		"lower end":        {set(y(3, 4), func(p *Panel) { p.YMin = new(3.0) }), 3, 4, "3 4"},
		"end above all":    {set(y(3, 4), func(p *Panel) { p.YMin = new(10.0) }), 10, 11, "10 11"},
		"end below all":    {set(y(3, 4), func(p *Panel) { p.YMax = new(-10.0) }), -11, -10, "-11 -10"},
		"bands count":      {Panel{Series: []Series{{X: []float64{0}, Y: []float64{1}, Low: []float64{0}, High: []float64{9}}}}, 0, 10, "0 5 10"},
		"residue":          {set(y(1, 0.013, 0), func(p *Panel) { p.LogY, p.Percent = true, true }), 0.001, 1, "0 1% 10% 100%"},
		"log":              {set(y(3, 1700), log), 2, 2000, "10 100 1,000"},
		"log of one":       {set(y(30), log), 10, 100, "10 20 50 100"},
		"log of nothing":   {set(Panel{}, log), 1, 10, "1 2 5 10"},
		"log with an end":  {set(y(3, 0), func(p *Panel) { p.LogY, p.YMin = true, new(0.1) }), 0.1, 5, "0.1 0.2 0.5 1 2 5"},
		"log end above":    {set(y(3, 4), func(p *Panel) { p.LogY, p.YMin = true, new(100.0) }), 100, 1000, "100 200 500 1,000"},
		"log of the least": {set(y(5e-324, 1), log), 0.1, 1, "0 0.2 0.5 1"},
	} {
		a := tc.p.YAxis(5)
		checkAxis(t, a)
		if math.Abs(a.Min-tc.min) > 1e-9*math.Abs(tc.min) || math.Abs(a.Max-tc.max) > 1e-9*math.Abs(tc.max) {
			t.Errorf("%s: from %v to %v, want %v to %v", name, a.Min, a.Max, tc.min, tc.max)
		}
		if got := labels(a); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, a := range []Axis{{Min: -3, Max: 7}, {Min: 0.01, Max: 1000, Log: true}} {
		for _, place := range []float64{0, 0.3, 1, 1.5} {
			if got := a.Place(a.Value(place)); math.Abs(got-place) > 1e-12 {
				t.Errorf("%v: what is at %v is put at %v", a, place, got)
			}
		}
	}
	log := Axis{Min: 0.1, Max: 1000, Log: true}
	if got := log.Place(0); got != 0 {
		t.Errorf("0 is at %v of a logarithmic axis", got)
	}
	if got := log.Place(10); math.Abs(got-0.5) > 1e-12 {
		t.Errorf("10 is at %v from 0.1 to 1,000", got)
	}
}

func TestBarWidth(t *testing.T) {
	two := func(log bool, a, b []float64) Panel {
		return Panel{Kind: Histogram, LogX: log, Series: []Series{{Name: "a", X: a, Y: a}, {Name: "b", X: b, Y: b}}}
	}
	for name, tc := range map[string]struct {
		p    Panel
		want float64
	}{
		"whole":       {two(false, []float64{1, 2, 3}, []float64{2, 3, 4}), 1},
		"shifted":     {two(false, []float64{1, 2, 3}, []float64{1.5, 2.5}), 0.5},
		"gaps":        {two(false, []float64{10, 90}, []float64{40}), 30},
		"alone":       {two(false, []float64{3}, nil), 1},
		"nothing":     {Panel{}, 1},
		"logarithmic": {two(true, []float64{1, 2, 4}, []float64{2, 8}), 2},
		"log, alone":  {two(true, []float64{5}, nil), 10},
	} {
		if got := tc.p.BarWidth(); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		v       float64
		percent bool
		want    string
	}{
		{0, false, "0"}, {0, true, "0%"}, {1, false, "1"}, {-3, false, "-3"}, {12_345, false, "12,345"}, {0.5, false, "0.5"},
		{1.0 / 3, false, "0.333"}, {2.0 / 3, true, "66.7%"}, {0.5, true, "50%"}, {1, true, "100%"}, {1.5, true, "150%"},
		{0.9997, true, "99.97%"}, {0.9999999, true, "99.9999%"}, {0.00001, true, "0.001%"}, {1e-9, false, "1e-9"},
		{123_456, false, "123k"}, {1_234_567, false, "1.23M"}, {2.5e10, false, "25G"}, {-4.56e20, false, "-4.56e20"}, {1e-300, false, "0"},
	} {
		if got := Number(tc.v, tc.percent); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.v, got, tc.want)
		}
	}
}

// Values that are hard to show have axes like all others.
func TestAxesOfOddPanels(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	values := []float64{0, 5e-324, 1e-300, 2e-100, 1e-99, 1e-9, 0.1, 1, 1 + 1e-10, 1.5, 3, 1e9, 1e17, 1e17 + 16, 1e99, 1e100}
	value := func() float64 {
		v := values[chance.IntN(len(values))]
		if chance.IntN(4) == 0 {
			return -v
		}
		return v
	}
	checked := 0
	for range 20_000 {
		p := Panel{LogX: chance.IntN(3) == 0, LogY: chance.IntN(3) == 0, Percent: chance.IntN(3) == 0}
		if chance.IntN(2) == 0 {
			p.Kind = Histogram
		}
		if chance.IntN(3) == 0 {
			p.YMin = new(value())
		}
		if chance.IntN(3) == 0 {
			p.YMax = new(value())
		}
		var s Series
		for range chance.IntN(4) {
			s.X, s.Y = append(s.X, value()), append(s.Y, value())
		}
		slices.Sort(s.X)
		p.Series = []Series{s}
		if p.Check() != nil {
			continue
		}
		checked++
		x, y := p.XAxis(2+chance.IntN(9)), p.YAxis(2+chance.IntN(9))
		checkAxis(t, x)
		checkAxis(t, y)
		if width := p.BarWidth(); !(width > 0) || math.IsInf(width, 0) {
			t.Errorf("%+v has bars of a width of %v", p, width)
		}
		for i, v := range s.X {
			atX, atY := x.Place(v), y.Place(s.Y[i])
			if !(atX >= -1e-6 && atX <= 1+1e-6) || p.YMin == nil && p.YMax == nil && !(atY >= -1e-6 && atY <= 1+1e-6) {
				t.Errorf("point %d of %+v is at %v, %v", i, p, atX, atY)
			}
		}
		if len(x.Ticks) == 0 || t.Failed() {
			t.Fatalf("%+v: X %v, Y %v", p, x, y)
		}
	}
	if checked < 4000 {
		t.Errorf("only %d panels were valid", checked)
	}
}
