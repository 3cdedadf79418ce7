package chart

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestBins(t *testing.T) {
	for name, tc := range map[string]struct {
		values []float64
		most   int
		x, y   []float64
	}{
		"nothing":       {nil, 10, nil, nil},
		"nonsense":      {[]float64{math.NaN(), math.Inf(1)}, 10, nil, nil},
		"hops":          {[]float64{3, 1, 1, 5}, 10, []float64{1, 2, 3, 4, 5}, []float64{2, 0, 1, 0, 1}},
		"many hops":     {[]float64{0, 1, 2, 3, 100}, 12, []float64{5, 15, 25, 35, 45, 55, 65, 75, 85, 95, 105}, []float64{4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		"times":         {[]float64{0.1, 0.4, 0.7, 1.2}, 5, []float64{0.25, 0.75, 1.25}, []float64{2, 1, 1}},
		"all the same":  {[]float64{0.3, 0.3}, 10, []float64{0.3}, []float64{2}},
		"below 0":       {[]float64{-1.5, 1.5, math.NaN()}, 5, []float64{-1.5, -0.5, 0.5, 1.5}, []float64{1, 0, 0, 1}},
		"too few bins":  {[]float64{0.5, 9.5}, 1, []float64{5}, []float64{2}},
		"edges go up":   {[]float64{0, 0.5, 1, 1.5}, 5, []float64{0.25, 0.75, 1.25, 1.75}, []float64{1, 1, 1, 1}},
		"one and other": {[]float64{7}, 10, []float64{7}, []float64{1}},
	} {
		x, y := Bins(tc.values, tc.most)
		if diff := cmp.Diff(tc.x, x, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("%s: X (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(tc.y, y); diff != "" {
			t.Errorf("%s: Y (-want +got)\n%s", name, diff)
		}
	}
}

// Whatever the values, a histogram of them can be shown, has no more bars than asked for and loses nothing.
func FuzzBins(f *testing.F) {
	f.Add(1.5, 2.5, -7.0, 10)
	f.Add(1e100, -1e100, 1e-300, 3)
	f.Add(0.1, 0.2, 0.3, 1000)
	f.Add(1e17, 1e17+16, 1e17+32, 40)
	f.Fuzz(func(t *testing.T, a, b, c float64, most int) {
		values := []float64{a, b, c, (a + b) / 2, a}
		kept := 0.0
		for _, v := range values {
			if math.Abs(v) <= MaxValue {
				kept++
			}
		}
		x, y := Bins(values, most)
		if len(x) > max(most, leastBins) {
			t.Errorf("%d bars, at most %d were asked for", len(x), most)
		}
		for _, n := range y {
			kept -= n
		}
		if kept != 0 {
			t.Errorf("%v values are lost", kept)
		}
		if err := (Panel{Kind: Histogram, Series: []Series{{X: x, Y: y}}}).Check(); err != nil {
			t.Error(err)
		}
	})
}
