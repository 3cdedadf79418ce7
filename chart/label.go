package chart

import (
	"math"
	"strconv"
	"strings"
)

// Labels are short: at most about six letters. What would be longer is told in thousands (k),
// millions (M) or thousand millions (G), and beyond in powers of ten.
const (
	shortest = 1e-4 // below, a power of ten is shorter
	plain    = 1e5  // up to here all digits are shown
	longest  = 1e13
)

var units = []struct {
	size float64
	name string
}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}

// labelling returns how the values of one axis are written: all alike, with as many digits as their
// step needs; most is the greatest of them, whatever its sign.
func labelling(step, most float64, percent bool) func(float64) string {
	unit, size := "", 1.0
	if percent {
		step, most, unit, size = 100*step, 100*most, "%", 0.01
	}
	if most >= longest || most < shortest || step < shortest*(1-nearly) {
		return func(v float64) string { return power(clear(v/size, step), step) + unit }
	}
	for _, u := range units {
		if most > plain && most >= u.size {
			step, unit, size = step/u.size, u.name+unit, size*u.size
			break
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+nearly)))
	return func(v float64) string {
		if v = clear(v/size, step); v == 0 && !percent {
			return "0"
		}
		return commas(strconv.FormatFloat(v, 'f', digits, 64)) + unit
	}
}

// clear turns what is 0 but for rounding, or is -0, into 0.
func clear(v, step float64) float64 {
	if math.Abs(v) < 1e-6*step {
		return 0
	}
	return v
}

// power writes a value as 2.5e-7, with the digits that its step needs.
func power(v, step float64) string {
	if v == 0 {
		return "0"
	}
	exponent := math.Floor(math.Log10(math.Abs(v)) + 1e-9)
	digits := min(max(0, int(exponent-math.Floor(math.Log10(step)+nearly))), 9)
	text := strconv.FormatFloat(v, 'e', digits, 64)
	mantissa, tail, _ := strings.Cut(text, "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	tail = strings.TrimPrefix(tail, "+")
	sign := ""
	if strings.HasPrefix(tail, "-") {
		sign, tail = "-", tail[1:]
	}
	if tail = strings.TrimLeft(tail, "0"); tail == "" {
		return mantissa
	}
	return mantissa + "e" + sign + tail
}

// commas puts a comma between thousands.
func commas(number string) string {
	whole, rest, point := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + rest
	}
	return sign + whole
}

// leastRest is the least that is told to be missing from all: one of a million nodes.
const leastRest = 1e-6

// Number writes one value by itself, with about three digits that count. A share that is not quite
// all never becomes 100%.
func Number(v float64, percent bool) string {
	size := math.Abs(v)
	if size < 1/MaxValue {
		return labelling(1, 1, percent)(0)
	}
	step := decade(size)
	for range 2 {
		if math.Abs(v-step*math.Round(v/step)) > nearly*size {
			step /= 10
		}
	}
	if rest := 1 - v; percent && rest > nearly {
		v, step = min(v, 1-leastRest), min(step, decade(max(rest, leastRest)))
	}
	return labelling(step, size, percent)(v)
}
