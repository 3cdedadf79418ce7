package fault

import "math"

// stream is the chance of one link: a SplitMix64 generator (Steele, Lea, Flood 2014) of its own, of
// which any output can be had without those before it.
type stream uint64

// purpose tells apart what is drawn for one packet. Numbers are never given to something else: that
// would change what plans do that somebody has written down.
type purpose uint64

const (
	forLoss purpose = iota
	forDuplicate
	forLatency
	forJitter
	forLatency2 // of the second copy
	forJitter2
	forLink
	forPair
	forCorrupt
	forCorrupt2
	forReorder
	forReorder2
	purposes = 16 // room for more
)

// noPacket stands for the number of a packet where something is drawn once for all of a link.
const noPacket = 1<<60 - 1

func newStream(seed uint64, l Link) stream {
	return stream(scatter(seed ^ scatter(uint64(uint32(l.From))<<32|uint64(uint32(l.To)))))
}

// draw returns 64 random bits.
func (s stream) draw(n uint64, p purpose) uint64 {
	return scatter(uint64(s) + (n*purposes+uint64(p))*golden)
}

// golden is 2^64 divided by the golden ratio: its multiples are spread evenly.
const golden = 0x9e3779b97f4a7c15

// scatter maps neighbours far apart.
func scatter(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// share turns random bits into a number from 0 to below 1.
func share(word uint64) float64 { return float64(word>>11) / (1 << 53) }

// inside turns random bits into a number between 0 and 1, neither of them.
func inside(word uint64) float64 { return (float64(word>>12) + 0.5) / (1 << 52) }

// The functions below take the place of those in package math, which do not give the same last digit
// on every processor: some have instructions for them, and some multiply and add in one rounding. A
// plan shall repeat exactly everywhere, so here every product is rounded by itself: that is what the
// conversions are for that look needless.

// ln is the natural logarithm of a number above 0, after FreeBSD's e_log.c as in package math.
func ln(x float64) float64 {
	bits := math.Float64bits(x)
	k := int(bits>>52) - 1022
	f := math.Float64frombits(bits&(1<<52-1) | 1022<<52) // x is f·2^k, with f from 1/2 to below 1
	if f < math.Sqrt2/2 {
		f *= 2
		k--
	}
	f--
	s := f / (2 + f)
	s2 := float64(s * s)
	r := float64(s2 * cubic(s2, 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
		cubic(s2, 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01)))
	half := float64(float64(0.5*f) * f)
	return float64(float64(k)*ln2High) - ((half - (float64(s*(half+r)) + float64(float64(k)*ln2Low))) - f)
}

// The two halves of ln 2: multiples of the first are exact.
const (
	ln2High = 6.93147180369123816490e-01
	ln2Low  = 1.90821492927058770002e-10
)

// exp is e to the x for x from −700 to 700, after FreeBSD's e_exp.c as in package math.
func exp(x float64) float64 {
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	high, low := x-float64(k*ln2High), float64(k*ln2Low)
	r := high - low
	t := float64(r * r)
	c := r - float64(t*cubic(t, 1.66666666666666657415e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		cubic(t, -1.65339022054652515390e-06, 4.13813679705723846039e-08, 0, 0)))
	y := 1 - ((low - float64(r*c)/(2-c)) - high)
	return float64(y * math.Float64frombits(uint64(int64(k)+1023)<<52)) // y·2^k
}

// normal is the inverse of the normal distribution's cumulative function, for numbers between 0 and 1:
// Wichura's algorithm AS 241 in its shorter form (Applied Statistics 37, 1988), right to seven digits.
func normal(u float64) float64 {
	q := u - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return float64(q*cubic(r, 3.3871327179e0, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1)) /
			cubic(r, 1, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1)
	}
	r := math.Sqrt(-ln(min(u, 1-u)))
	var z float64
	if r <= 5 {
		r -= 1.6
		z = cubic(r, 1.4234372777e0, 2.7568153900e0, 1.3067284816e0, 1.7023821103e-1) /
			cubic(r, 1, 7.3700164250e-1, 1.2021132975e-1, 0)
	} else {
		r -= 5
		z = cubic(r, 6.6579051150e0, 3.0812263860e0, 4.2868294337e-1, 1.7337203997e-2) /
			cubic(r, 1, 2.4197894225e-1, 1.2258202635e-2, 0)
	}
	return math.Copysign(z, q)
}

// cubic is a + b·x + c·x² + d·x³. Where d is a polynomial itself, so is the whole.
func cubic(x, a, b, c, d float64) float64 {
	d = float64(d*x) + c
	d = float64(d*x) + b
	return float64(d*x) + a
}
