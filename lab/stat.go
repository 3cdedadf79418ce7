package lab

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Stat sums up one quantity over the runs of an experiment.
type Stat struct {
	Runs int // that had a value: a time nobody reached is none; with 0 the rest means nothing
	Mean float64
	SD   float64 // of one run; 0 with a single one
	// Low and High are the 95 % confidence interval of the mean, by Student's t. They are the mean
	// itself with a single run, of which nothing can be said.
	Low, High float64
	Min, Max  float64
	// Percentiles are always a value that came up: the smallest that so many do not exceed.
	P10, P50, P90, P99 float64
}

// newStat sums up values, which it sorts. What is no number is left out.
func newStat(values []float64) Stat {
	values = slices.DeleteFunc(values, math.IsNaN)
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return Stat{}
	}
	s := Stat{Runs: n, Mean: stat.Mean(values, nil), Min: values[0], Max: values[n-1]}
	s.Mean = min(max(s.Mean, s.Min), s.Max) // sums of equal values are not always equal to them
	s.Low, s.High = s.Mean, s.Mean
	if n > 1 {
		s.SD = stat.StdDev(values, nil)
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile(0.975)
		s.Low, s.High = s.Mean-t*s.SD/math.Sqrt(float64(n)), s.Mean+t*s.SD/math.Sqrt(float64(n))
	}
	s.P10, s.P50, s.P90, s.P99 = rank(values, 0.1), rank(values, 0.5), rank(values, 0.9), rank(values, 0.99)
	return s
}

// rank is a percentile by the nearest-rank method.
func rank(sorted []float64, p float64) float64 {
	return sorted[min(max(int(math.Ceil(p*float64(len(sorted))))-1, 0), len(sorted)-1)]
}
