package chart

import "math"

// Bins sorts values into bars for a histogram: how many lie in each of at most so many intervals of
// one round width, from the least value to the greatest. x are the middles of the intervals; an
// interval holds its lower end and not its upper one. Whole numbers that are close enough get an
// interval each. Values that are not finite are left out.
func Bins(values []float64, most int) (x, y []float64) {
	e := newExtent(false)
	n := 0
	for _, v := range values {
		if math.Abs(v) <= MaxValue {
			e.take([]float64{v})
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	most = min(max(most, leastBins), MaxBars)
	least, greatest := e.least, e.most
	switch {
	case e.whole && greatest-least < float64(most) && max(greatest, -least) < 1/nearly:
		for i := range int(greatest-least) + 1 {
			x = append(x, least+float64(i))
		}
		return x, count(len(x), values, func(v float64) float64 { return v - least })
	case greatest-least <= nearly*max(math.Abs(least), math.Abs(greatest)):
		return []float64{least}, []float64{float64(n)}
	}
	// Both ends may lie within an interval, so there are two more than the width goes into the whole.
	width := stepOf(least, greatest, most-1, e.whole)
	first := math.Floor(least/width + nearly)
	for i := range int(math.Floor(greatest/width+nearly)-first) + 1 {
		x = append(x, min(max((first+float64(i)+0.5)*width, -MaxValue), MaxValue))
	}
	return x, count(len(x), values, func(v float64) float64 { return v/width - first + nearly })
}

// leastBins is the number of intervals below which two ends and a middle would not be seen.
const leastBins = 3

// count adds one to the bar that each value belongs to.
func count(n int, values []float64, at func(float64) float64) []float64 {
	bars := make([]float64, n)
	for _, v := range values {
		if math.Abs(v) <= MaxValue {
			bars[min(max(int(at(v)), 0), n-1)]++
		}
	}
	return bars
}
