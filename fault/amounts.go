package fault

import (
	"math"
	"strconv"
	"strings"
)

// ParseShare reads a share as people write it: 0.5 or 50%. It reports false for what is no number; whether
// the share is in bounds is for others to judge.
func ParseShare(text string) (float64, bool) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, ok := parseNumber(number)
	if percent {
		v /= 100
	}
	return v, ok
}

// byteUnits are the units of amounts of bytes. Those with an i are powers of 1024.
var byteUnits = []struct {
	name string
	size float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// ParseBytes reads an amount of bytes with its unit: 64B, 10KB, 1.5MiB.
func ParseBytes(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	for _, u := range byteUnits {
		if number, has := strings.CutSuffix(text, u.name); has {
			v, ok := parseNumber(strings.TrimSpace(number))
			return v * u.size, ok
		}
	}
	return 0, false
}

// parseNumber reads a number, but none with hexadecimal digits, which nobody means.
func parseNumber(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsNaN(v) && !strings.ContainsAny(text, "xX")
}
