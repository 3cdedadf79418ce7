package chart

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckAcceptsWhatCanBeShown(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	for i, p := range good().Panels {
		if err := p.Check(); err != nil {
			t.Errorf("panel %d: %v", i+1, err)
		}
	}
	most := Chart{Title: strings.Repeat("ü", MaxText)}
	for range MaxPanels {
		most.Panels = append(most.Panels, Panel{})
	}
	for i := range MaxSeries {
		most.Panels[0].Series = append(most.Panels[0].Series, Series{Name: fmt.Sprint(i)})
	}
	for i := range MaxAll / MaxPoints {
		s := &most.Panels[0].Series[i]
		s.X, s.Y = make([]float64, MaxPoints), make([]float64, MaxPoints)
	}
	if err := most.Check(); err != nil {
		t.Errorf("the largest chart: %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	one := func(s Series) func(*Chart) {
		return func(c *Chart) { c.Panels[0].Series = []Series{s} }
	}
	xy := func(x, y []float64) func(*Chart) { return one(Series{X: x, Y: y}) }
	in := func(panel int, change func(*Panel)) func(*Chart) {
		return func(c *Chart) { change(&c.Panels[panel]) }
	}
	bars := func(x, y []float64) func(*Chart) {
		return in(2, func(p *Panel) { p.Series = []Series{{X: x, Y: y}} })
	}
	ends := func(from, to float64) func(*Chart) {
		return in(0, func(p *Panel) { p.YMin, p.YMax = &from, &to })
	}
	for name, tc := range map[string]struct {
		change func(*Chart)
		want   string // in the error
	}{
		"no panel":        {func(c *Chart) { c.Panels = nil }, "one panel"},
		"panels":          {func(c *Chart) { c.Panels = make([]Panel, MaxPanels+1) }, "13 panels"},
		"long title":      {func(c *Chart) { c.Title = strings.Repeat("x", MaxText+1) }, "201 letters"},
		"escape":          {func(c *Chart) { c.Subtitle = "\x1b[31m" }, "subtitle"},
		"newline":         {func(c *Chart) { c.Band = "a\nb" }, "bands"},
		"overrides":       {in(1, func(p *Panel) { p.X = "\u202egnp" }), "panel 2: the label of X"},
		"no UTF-8":        {in(1, func(p *Panel) { p.Title = "\xff" }), "UTF-8"},
		"kind":            {in(0, func(p *Panel) { p.Kind = "pie" }), `"pie"`},
		"long kind":       {in(0, func(p *Panel) { p.Kind = Kind(strings.Repeat("x", 1000)) }), "xxx…"},
		"series":          {in(0, func(p *Panel) { p.Series = make([]Series, MaxSeries+1) }), "17 series"},
		"names":           {in(3, func(p *Panel) { p.Series = names(MaxSeries - 2) }), "17 different"},
		"nameless":        {in(0, func(p *Panel) { p.Series[1].Name = "" }), "no name"},
		"same name":       {in(0, func(p *Panel) { p.Series[1].Name = "flood" }), `"flood"`},
		"long name":       {one(Series{Name: strings.Repeat("x", MaxName+1)}), "61 letters"},
		"bell in a name":  {one(Series{Name: "\a"}), "panel 1, series 1: the name"},
		"fewer Y":         {xy([]float64{1, 2}, []float64{1}), "2 values of X and 1 of Y"},
		"NaN":             {xy([]float64{1, 2}, []float64{1, math.NaN()}), "point 2: Y is NaN"},
		"Inf":             {xy([]float64{math.Inf(-1), 2}, []float64{1, 1}), "point 1: X is -Inf"},
		"too large":       {xy([]float64{1, 2}, []float64{1, 2 * MaxValue}), "point 2: Y is 2e+100"},
		"backwards":       {xy([]float64{2, 1}, []float64{1, 1}), "X goes from 2 to 1"},
		"points":          {xy(make([]float64, MaxPoints+1), make([]float64, MaxPoints+1)), "100001 points"},
		"all points":      {func(c *Chart) { c.Panels[0].Series = crowd() }, "200007 points"},
		"half a band":     {one(Series{X: []float64{1}, Y: []float64{1}, Low: []float64{1}}), "band"},
		"short band":      {one(Series{X: []float64{1, 2}, Y: []float64{1, 2}, Low: []float64{1}, High: []float64{1}}), "band"},
		"band inside out": {one(Series{X: []float64{1}, Y: []float64{1}, Low: []float64{2}, High: []float64{1}}), "from 2 to 1"},
		"NaN in a band":   {one(Series{X: []float64{1}, Y: []float64{1}, Low: []float64{math.NaN()}, High: []float64{1}}), "Low is NaN"},
		"log of Y":        {in(1, func(p *Panel) { p.Series[0].Y[1] = -1 }), "Y is -1"},
		"log of X":        {in(1, func(p *Panel) { p.Series[0].X[0] = -1 }), "X is -1"},
		"negative bar":    {bars([]float64{1}, []float64{-1}), "Y is -1"},
		"bar twice":       {bars([]float64{1, 1}, []float64{1, 1}), "X goes from 1 to 1"},
		"bars":            {bars(make([]float64, MaxBars+1), make([]float64, MaxBars+1)), "1001 bars"},
		"log bar":         {in(2, func(p *Panel) { p.LogX = true }), "a bar at 0"},
		"ends":            {ends(1, 1), "from 1 to 1"},
		"near ends":       {ends(1, 1+1e-12), "from 1 to 1"},
		"small ends":      {ends(0, 1e-300), "from 0 to 1e-300"},
		"turned ends":     {ends(1, 0), "from 1 to 0"},
		"NaN ends":        {ends(0, math.NaN()), "end at NaN"},
		"huge ends":       {ends(0, math.Inf(1)), "end at +Inf"},
		"log ends":        {in(1, func(p *Panel) { p.YMin = new(0.0) }), "logarithmic axis cannot end at 0"},
	} {
		c := good()
		tc.change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		} else if len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\x1b\a\u202e") || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: an error that is not fit to be shown: %q", name, err)
		}
	}
}

// names are some series without points.
func names(n int) []Series {
	all := make([]Series, n)
	for i := range all {
		all[i].Name = fmt.Sprintf("series %d", i)
	}
	return all
}

// crowd is more than all the points a chart may have, in series that may have theirs.
func crowd() []Series {
	all := names(3)
	for i, n := range []int{MaxPoints, MaxPoints, 1} {
		all[i].X, all[i].Y = make([]float64, n), make([]float64, n)
	}
	return all
}

func TestCheckStopsSomewhere(t *testing.T) {
	c := good()
	for i := range c.Panels {
		c.Panels[i] = Panel{Series: make([]Series, MaxSeries)}
	}
	if err := c.Check(); err == nil || strings.Count(err.Error(), "\n") > 10 {
		t.Errorf("64 mistakes are reported as %v", err)
	}
}

func TestNames(t *testing.T) {
	if got, want := fmt.Sprint(good().Names()), "[flood push pull]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !good().Banded() || (Chart{Panels: good().Panels[1:]}).Banded() {
		t.Error("the first panel has a band, the others have none")
	}
	if good().Panels[0].Empty() || !good().Panels[3].Empty() {
		t.Error("the last panel is empty, the first is not")
	}
}
